"""The binary scan against plink2 --glm firth, both as whole processes, in the same run.

    python tests/bench/scan_binary.py [--people 2000] [--variants 100000] [--threads 2]

Goals: at least 10 times faster; exact effects within 1e-3 of plink2's at 20 minor alleles or more.
Ours tests every variant by score, refines p < 0.05 by approximate Firth and p < 1e-4 by exact
Firth. Also printed: the same with the saddlepoint in place of Firth, both for cases of 1 in 100,
and how far the approximate effects are from the exact ones.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scan_linear import arguments, compare, ours, phenotypes, plink2, simulate, timed

from genopheno import fields

GOAL, NEAR, COMMON = 1 / 10, 1e-3, 20


def main() -> int:
    args = arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder, args.people, args.variants)
        phenotypes(folder, args.people)
        firth = ["--glm", "firth", "hide-covar", "--covar", folder / "covariates.txt", "--pheno"]
        met = True
        for label, traits, pheno, goal in (
            ("a quarter cases", "binary", "case", GOAL),
            ("1 % cases", "uneven", "few", None),
        ):
            theirs = plink2(folder, args.threads, *firth, folder / f"{pheno}.txt")
            for correction in ("spa", "firth"):
                met &= compare(
                    f"binary, {label}, 4 covariates, {correction}",
                    ours(folder, traits, args.threads, correction=correction),
                    theirs,
                    goal if correction == "firth" else None,
                    min(args.rounds, 2),
                )
        table = fields.read(folder / "out_binary" / "case.parquet").set_index("variant_id")
        print("tests:", table.test.value_counts().to_dict())

        # Exact where approximate was enough: once more, with the second threshold at the first.
        timed(ours(folder, "binary", args.threads, 0.05))
        exact = fields.read(folder / "out_binary" / "case.parquet").set_index("variant_id")
        exact = exact[exact.test == "firth"]
        near = table.loc[exact.index]
        near = near[near.test == "firth-approximate"]
        same = exact.loc[near.index]
        beta = (near.beta - same.beta).abs()
        p = (near.neg_log10_p_value - same.neg_log10_p_value).abs()
        print(
            f"approximate against exact Firth, {len(near)} variants: effect differs by "
            f"{beta.median():.1e} (median), {beta.max():.1e} (largest), standard error by "
            f"{(near.standard_error - same.standard_error).abs().max():.1e}, "
            f"-log10 p by {p.max():.1e}"
        )
        peer = pd.read_csv(folder / "p.case.glm.firth", sep="\t", index_col="ID")
        peer = peer.loc[exact.index]
        # plink2 gives the effect of the rarer allele.
        sign = np.where(exact.effect_allele == peer.A1, 1, -1)
        away = (np.log(peer.OR) * sign - exact.beta).abs()
        rarer = np.minimum(exact.effect_allele_frequency, 1 - exact.effect_allele_frequency)
        away = away[2 * exact.n * rarer >= COMMON]
        print(
            f"exact Firth against plink2, {len(away)} variants: effect differs by {away.max():.1e}"
        )
        met &= away.max() <= NEAR
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
