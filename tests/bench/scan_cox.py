"""The scan of a time-to-event trait against one lifelines fit per variant, in the same run.

    python tests/bench/scan_cox.py [--people 2000] [--variants 100000] [--threads 2]

Goal: per variant at least 200 times faster than ``CoxPHFitter``, with half of the people and with
2 % of them having the event. Ours is the whole process: start of Python, design, scan with Firth
below p 0.05, files. lifelines fits 30 of the variants, its start and the reading not counted.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import lifelines
import numpy as np
import pandas as pd
from scan_linear import COVARIATES, arguments, ours, phenotypes, simulate, timed

from genopheno import fields
from genopheno.files import write_json
from genopheno.genotypes import Genotypes

GOAL, FITS = 200, 30


def follow(folder: Path, share: float, seed: int = 3) -> None:
    """Times in whole days, of which a share end with the event, and the trait's declaration."""
    rng = np.random.default_rng(seed)
    table = pd.read_parquet(folder / "phenotypes.parquet")
    fate = rng.exponential(np.exp(-0.3 * table.x0)) * 10_000
    end = np.quantile(fate, share) * rng.uniform(0.5, 1.5, len(table))
    table["ill"] = (fate <= end) * 1.0
    table["time:ill"] = np.ceil(np.minimum(fate, end))
    table.to_parquet(folder / "phenotypes.parquet")
    covariates = [f"x{i}" for i in range(COVARIATES)]
    trait = {"name": "ill", "type": "time-to-event", "time": "t", "covariates": covariates}
    write_json(folder / "cox.json", {"traits": [trait]})


def peer(folder: Path) -> float:
    """Seconds of a fit."""
    table = pd.read_parquet(folder / "phenotypes.parquet")
    table = table[["time:ill", "ill", *(f"x{i}" for i in range(COVARIATES))]]
    genotypes = Genotypes.open(folder / "g").decode(0, FITS, (2, np.nan, 1, 0), np.float64)
    spent = 0.0
    for g in genotypes:
        part = table.assign(g=g).dropna()
        start = time.perf_counter()
        lifelines.CoxPHFitter().fit(part, "time:ill", "ill")
        spent += time.perf_counter() - start
    return spent / FITS


def main() -> None:
    args = arguments()
    missed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder, args.people, args.variants)
        phenotypes(folder, args.people)
        for share in (0.5, 0.02):
            follow(folder, share)
            runs = [timed(ours(folder, "cox", args.threads)) for _ in range(args.rounds)]
            seconds, memory = min(run[0] for run in runs), max(run[1] for run in runs)
            tests = fields.read(folder / "out_cox" / "ill.parquet").test.value_counts().to_dict()
            theirs = peer(folder) * args.variants
            missed |= theirs / seconds < GOAL
            print(
                f"{share:.0%} events: genopheno {seconds:.2f} s, lifelines {theirs:.0f} s, "
                f"{theirs / seconds:.0f} times (goal {GOAL}); peak {memory:.0f} MiB; {tests}",
                flush=True,
            )
    sys.exit(missed)


if __name__ == "__main__":
    main()
