"""Two planted causes on real haplotypes, again and again: are they found, and in the sets?

    python tests/bench/credible_sets.py DATA/kgp_chr7_eas [--rounds 100]

In each round two variants with a frequency of 5 % or more, 20 to 500 kb from each other and with
r² below 0.1, each explain --share of the variance of a quantitative trait (504 people, a
covariate). Goals: in at least 90 of 100 rounds both causes are in the 95 % credible sets, and in
at least 90 there are two signals. plink2 reads the VCF.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from genopheno.genotypes import Genotypes
from genopheno.signals import finemap
from genopheno.signals.select import Locus, Region
from genopheno.signals.trait import Trait
from genopheno.tools import run

P_VALUE, COVERAGE = 5e-8, 0.95


def common_variants(vcf: Path, folder: Path) -> Genotypes:
    """Variants of the VCF with a frequency of 1 % or more."""
    run(["plink2", "--threads", 1, "--silent", "--vcf", vcf, "--maf", 0.01, "--set-all-var-ids",
         "@:#:$r:$a", "--new-id-max-allele-len", 99, "missing", "--rm-dup", "exclude-all",
         "--make-bed", "--out", folder / "g"])  # fmt: skip
    return Genotypes.open(folder / "g")


def one(genotypes: Genotypes, dosage: np.ndarray, seed: int, share: float) -> tuple[int, int]:
    """Signals found, and causes that are in a credible set."""
    rng = np.random.default_rng(seed)
    position = genotypes.variants["position"].to_numpy()
    frequency = dosage.mean(1) / 2
    common = np.flatnonzero((frequency > 0.05) & (frequency < 0.95))
    while True:
        a, b = sorted(rng.choice(common, 2, replace=False))
        near = 20_000 < position[b] - position[a] < 500_000
        if near and np.corrcoef(dosage[a], dosage[b])[0, 1] ** 2 < 0.1:
            break
    scaled = [(dosage[i] - dosage[i].mean()) / dosage[i].std() for i in (a, b)]
    n = genotypes.n_samples
    x = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = np.sqrt(share) * (rng.choice([-1, 1], 2) @ scaled) + 0.3 * x[:, 1]
    y += rng.normal(scale=np.sqrt(1 - 2 * share), size=n)
    trait = Trait("y", "quantitative", "regression", y, x, None, {})
    locus = Locus("7", 1, int(position[-1]), np.arange(len(dosage)), 0)
    p = Region(genotypes, locus, trait).test([]).neg_log10_p
    locus = Locus("7", 1, int(position[-1]), locus.rows, int(np.nanargmax(p)))
    found = finemap.conditional(
        Region(genotypes, locus, trait), locus, trait, above=-np.log10(P_VALUE), coverage=COVERAGE
    )
    held = {int(i) for signal in found.signals for i in signal.members}
    return len(found.signals), len(held & {int(a), int(b)})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--share", type=float, default=0.2)
    args = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        genotypes = common_variants(args.data / "kgp_chr7_eas.vcf.gz", Path(name))
        dosage = genotypes.dosages(0, genotypes.n_variants, dtype=np.float64)
        told = np.array([one(genotypes, dosage, seed, args.share) for seed in range(args.rounds)])
    two, both = int((told[:, 0] == 2).sum()), int((told[:, 1] == 2).sum())
    good = min(two, both) >= 0.9 * args.rounds
    print(
        f"{args.rounds} rounds, {genotypes.n_variants} variants: two signals in {two}, both causes "
        f"in the sets in {both} (goals {0.9 * args.rounds:.0f}, {'met' if good else 'NOT met'}), "
        f"{told[:, 1].sum()} of {2 * args.rounds} causes; {time.perf_counter() - start:.0f} s"
    )
    sys.exit(not good)


if __name__ == "__main__":
    main()
