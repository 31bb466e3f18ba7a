"""A small cohort and 50 traits that differ in type, model, gaps, covariates; some are faulty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from genopheno.association import build, design
from genopheno.association.wgr import fit
from genopheno.genotypes import Genotypes, write_bed

N, CONTIGS, PER_CONTIG = 150, 6, 30
M = CONTIGS * PER_CONTIG
COVARIATES = (["age"], [], ["age", "sex"], ["sex", "site"], ["age", "site"])
TRANSFORMS = ("none", "log", "inverse-normal")
# In place of what the pattern would give; 'separated' is fitted all the same, by Firth.
FAULTY = {
    "q03": "it is constant among the people with all covariates",
    "q07": "nobody has a value of it and all of its covariates",
    "q11": "its covariates explain it wholly",
    "b03": "too few people: 1 cases and 149 controls",
    "b07": "too few people: 150 cases and 0 controls",
    "b11": "it has values other than 0 and 1",
}
SEPARATED = "b15"
NAMES = [f"{kind}{i:02}" for i in range(25) for kind in "qb"]


def model_of(name: str) -> str:
    """Regression, whole-genome regression and the mixed model take turns."""
    return design.REGRESSION if name == SEPARATED else design.MODELS[int(name[1:]) % 3]


def trait(name: str) -> dict:
    i = int(name[1:])
    kind = "binary" if name[0] == "b" else "quantitative"
    told = {"name": name, "type": kind, "covariates": COVARIATES[i % len(COVARIATES)]}
    if name in ("q07", "q11"):
        told["covariates"] = ["age"]
    if name in ("b03", "b07"):
        told["covariates"] = []
    if name == SEPARATED:
        told["covariates"] = ["age", "marker"]
    if kind == "quantitative" and name not in FAULTY:
        told["transform"] = TRANSFORMS[i % 4 % 3]
    return told


def make(folder: Path) -> tuple[Path, pd.DataFrame]:
    """PLINK fileset and the table of people; on every contig awkward variants."""
    rng = np.random.default_rng(50)
    dosages = rng.binomial(2, rng.uniform(0.05, 0.5, (M, 1)), (M, N)).astype(np.int8)
    dosages[::2][rng.random((M // 2, N)) < 0.04] = -1
    for first in range(0, M, PER_CONTIG):
        dosages[first + 1] = -1
        dosages[first + 3] = 0
        dosages[first + 5] = 0
        dosages[first + 5, :2] = 1
        dosages[first + 7] = 1
    contig = np.repeat([str(c + 1) for c in range(CONTIGS)], PER_CONTIG)
    position = np.tile(np.arange(1, PER_CONTIG + 1) * 10, CONTIGS)
    variants = pd.DataFrame(
        {
            "variant_id": [f"{c}:{p}:G:A" for c, p in zip(contig, position, strict=True)],
            "contig": contig,
            "position": position,
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    names = [f"s{i}" for i in range(N)]
    write_bed(folder / "g", dosages, variants, names)
    people = pd.DataFrame(
        {
            "participant": names,
            "age": rng.normal(50, 9, N),
            "sex": np.where(rng.random(N) < 0.5, "female", "male"),
            "site": rng.choice(["seoul", "oslo", "lima"], N),
        }
    )
    value = np.clip(dosages[60:90], 0, 2).sum(0) * 0.2
    for name in NAMES:
        i = int(name[1:])
        liability = value + rng.normal(size=N) * 2 + people.age * 0.02 * (i % 3)
        if name[0] == "q":
            y = np.exp(liability / 8)
        else:
            y = (liability > np.quantile(liability, 0.5 + 0.02 * i)) * 1.0
        y[rng.random(N) < 0.01 * (i % 12)] = np.nan
        people[name] = y
    people["q03"] = np.where(people["q03"].isna(), np.nan, 4.0)
    people["q07"] = np.nan
    people["q11"] = 3 * people.age + 1
    people["b03"] = (np.arange(N) == 9) * 1.0
    people["b07"] = 1.0
    people["b11"] = np.arange(N) % 3.0
    people["marker"] = people[SEPARATED].fillna(0) + rng.random(N) / 2
    return folder / "g", people


def designed(prefix: Path, people: pd.DataFrame, names: list[str]) -> design.Design:
    samples = Genotypes.open(prefix).samples
    return build.design(
        pd.DataFrame({"sample": samples, "participant": samples}),
        people,
        {"traits": [trait(name) for name in names]},
        None,
        n_components=0,
        relatives="keep",
        choose=lambda made: (model_of(made.name), "test"),
    )


def predict(prefix: Path, made: design.Design, out: Path, threads: int) -> Path | None:
    """Step 1 of the traits that ask for it; None where none does."""
    names = [t.name for t in made.fitted if t.model == design.WGR]
    if not names:
        return None
    found = fit.run(
        prefix,
        made,
        names,
        block_size=25,
        min_allele_frequency=0.01,
        threads=threads,
        scratch=out.parent,
    )
    found.write(out)
    return out
