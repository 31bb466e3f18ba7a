"""Calibration of a made-up cohort, counted as the stage counts, for tests of the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from genopheno import fields
from genopheno.association.calibration.tally import Tally, judge
from genopheno.files import write_json


def make_calibration(folder: Path, traits: tuple[str, ...]) -> None:
    """One null per trait; the second one's p-values are too small, and it has no intercept."""
    rng = np.random.default_rng(3)
    rows, told = [], []
    for i, trait in enumerate(traits):
        binary = i % 2 == 1
        made = Tally()
        for _ in range(10):
            p = rng.random(2000) ** (1.5 if i == 1 else 1)
            made.add(-np.log10(p), rng.integers(1, 5, 2000))
        said = {
            "null": "permuted",
            "model": "regression",
            "test": "firth" if binary else "linear",
            "trait": trait,
            "type": "binary" if binary else "quantitative",
            "case_fraction": 0.25 if binary else None,
            "n": 95,
        }
        rows += [said | row for row in made.rows()]
        told.append(said | {"replicates": 10, "quantiles": made.quantiles()})
    judge(rows)
    table = pd.DataFrame(rows, columns=fields.names("calibration"))
    fields.write(folder / "calibration.parquet", table, "calibration")
    fits = [{"trait": t, "reason": "too few variants"} for t in traits]
    fits[0] = {"trait": traits[0], "reason": None, "intercept": 1.023, "standard_error": 0.011}
    skipped = [{"what": "simulated:regression:t2d:0.01", "reason": "too few cases or controls"}]
    write_json(folder / "calibration.json", {"nulls": told, "skipped": skipped, "ld_score": fits})
