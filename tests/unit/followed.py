"""A cohort with follow-up: delayed entry, ties, censoring, genotypes with gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from genopheno.genotypes import write_bed

N, M = 400, 40


def write_genotypes(prefix: Path, dosages: np.ndarray) -> None:
    """A fileset of dosages (variants, people), -1 missing; people are s0, s1, …"""
    variants = pd.DataFrame(
        {
            "variant_id": [f"1:{i}:G:A" for i in range(len(dosages))],
            "contig": "1",
            "position": np.arange(len(dosages)) + 1,
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    write_bed(prefix, dosages, variants, [f"s{i}" for i in range(dosages.shape[1])])


def write_cohort(folder: Path) -> tuple[Path, pd.DataFrame, np.ndarray]:
    """Genotypes (every other variant with gaps), covariates, follow-up in whole months.

    Prefix of the fileset, the phenotype table, and dosages (variants, people) with NaN.
    """
    rng = np.random.default_rng(4)
    dosages = rng.binomial(2, rng.uniform(0.02, 0.5, (M, 1)), (M, N)).astype(np.int8)
    dosages[1::2][rng.random((M // 2, N)) < 0.06] = -1
    people = pd.DataFrame({"participant": [f"s{i}" for i in range(N)]})
    people["age"] = rng.normal(50, 9, N)
    people["male"] = (rng.random(N) < 0.5) * 1.0
    hazard = np.exp(0.05 * (people.age - 50) + 0.4 * people.male + 0.6 * (dosages[6] > 0))
    start = np.floor(rng.uniform(0, 24, N)) + 0.5  # statsmodels counts who enters at an event
    fate = np.ceil(start + rng.exponential(60 / hazard))
    end = np.ceil(start + rng.uniform(1, 60, N))
    people["ill"] = (fate <= end) * 1.0
    people["time:ill"] = np.minimum(fate, end)
    people["entry:ill"] = start
    write_genotypes(folder / "g", dosages)
    return folder / "g", people, np.where(dosages < 0, np.nan, dosages)
