"""A cohort with variants of an autosome, X with its PAR, Y and the mitochondrion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from genopheno.association import build
from genopheno.chromosomes import SexChromosomes
from genopheno.genotypes import write_bed
from tests.filesets import variants_at

N = 240
GRCH38 = SexChromosomes(
    "X", "Y", "MT", (("X", 10_000, 2_781_479), ("X", 155_701_382, 156_030_895)), "GRCh38"
)
PLACES = {
    "1": np.arange(24) * 1000 + 5000,
    "X": np.r_[
        np.arange(8) * 1000 + 2_773_479,  # the last is the last base of PAR 1
        np.arange(24) * 10_000 + 2_781_480,  # the first is the first base after it
        np.arange(8) * 1000 + 155_701_383,
    ],
    "Y": np.arange(12) * 1000 + 5_000_000,
    "MT": np.arange(12) * 100 + 500,
}
HAPLOID_X = slice(8, 32)  # of the variants of X


@dataclass
class Cohort:
    """Genotypes with every region; `dosages` (variants, people) int8, -1 missing."""

    prefix: Path
    variants: pd.DataFrame
    dosages: np.ndarray
    sex: np.ndarray
    people: pd.DataFrame

    def rows(self, contig: str) -> np.ndarray:
        return np.flatnonzero(self.variants.contig == contig)

    def written(self, prefix: Path, dosages: np.ndarray) -> Path:
        write_bed(prefix, dosages, self.variants, list(self.people.participant), self.sex)
        return prefix


def make_cohort(folder: Path) -> Cohort:
    rng = np.random.default_rng(5)
    contig = np.concatenate([[name] * len(at) for name, at in PLACES.items()])
    position = np.concatenate(list(PLACES.values()))
    sex = rng.permutation(np.repeat([1, 2, 0], [110, 120, 10]))
    m = len(contig)
    share = rng.uniform(0.15, 0.5, (m, 1))
    dosages = rng.binomial(2, share, (m, N)).astype(np.int8)
    single = (2 * rng.binomial(1, share, (m, N))).astype(np.int8)
    on_x = np.flatnonzero(contig == "X")[HAPLOID_X]
    dosages[np.ix_(on_x, sex == 1)] = single[np.ix_(on_x, sex == 1)]
    dosages[contig != "1"] = np.where(np.isin(contig, ("Y", "MT"))[:, None], single, dosages)[
        contig != "1"
    ]
    dosages[1::2][rng.random(dosages[1::2].shape) < 0.02] = -1
    variants = variants_at(contig, position)
    names = [f"s{i}" for i in range(N)]
    people = pd.DataFrame({"participant": names, "age": rng.normal(50, 9, N)})
    people["sex"] = np.array(["unknown", "male", "female"])[sex]
    people["height"] = people.age * 0.1 + 0.4 * dosages[on_x[3]] + rng.normal(size=N)
    people["case"] = (rng.random(N) < 0.4) * 1.0
    people["womens"] = np.where(sex == 1, 0.0, people.case)
    made = Cohort(folder / "g", variants, dosages, sex, people)
    made.written(made.prefix, dosages)
    return made


TRAITS = [
    {"name": "height", "type": "quantitative", "covariates": ["age"]},
    {"name": "case", "type": "binary", "covariates": ["age"]},
]


def designed(cohort: Cohort, traits=TRAITS, model=None, **more):
    samples = cohort.people[["participant"]].assign(sample=cohort.people.participant)
    return build.design(
        samples,
        cohort.people,
        {"traits": traits},
        None,
        n_components=0,
        relatives="keep",
        choose=model and (lambda trait: (model, "")),
        **more,
    )
