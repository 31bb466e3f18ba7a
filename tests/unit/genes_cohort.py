"""A small cohort with rare variants in genes, as the gene tests read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from genopheno.association.design import Design, TraitDesign
from genopheno.association.genes import sets
from genopheno.genotypes import Genotypes, write_bed

MASKS = ["lof", "both"]


@dataclass
class Cohort:
    """Where the files are, and what is in them; `dosages` are (variants, people), -1 missing."""

    folder: Path
    dosages: np.ndarray
    design: Design
    gene_of: list[str]
    lof: np.ndarray

    @property
    def prefix(self) -> Path:
        return self.folder / "g"

    @property
    def sets(self) -> Path:
        return self.folder / "sets.parquet"

    def rows(self, gene: str, mask: str) -> np.ndarray:
        here = np.array([g == gene for g in self.gene_of])
        return np.flatnonzero(here & (self.lof if mask == "lof" else True))

    def genotype(self, rows: np.ndarray, used: np.ndarray) -> np.ndarray:
        """(people used, variants) with means in the gaps, made the plain way."""
        g = self.dosages[rows][:, used].T.astype(float)
        g[g < 0] = np.nan
        return np.where(np.isnan(g), np.nanmean(g, 0), g)


def make(folder: Path, seed: int = 0, people: int = 400, genes: int = 4, each: int = 12) -> Cohort:
    """Traits q (with an effect of gene G0's lof variants), b (binary), r (q of some people)."""
    random = np.random.default_rng(seed)
    n = genes * each
    frequency = random.uniform(0.002, 0.03, n)
    dosages = random.binomial(2, frequency[:, None], (n, people)).astype(np.int8)
    dosages[random.random(dosages.shape) < 0.01] = -1
    lof = random.random(n) < 0.5
    lof[::each] = lof[1::each] = True
    gene_of = [f"G{i // each}" for i in range(n)]
    variants = pd.DataFrame(
        {
            "variant_id": [f"{1 + i // (2 * each)}:{100 + i}:G:A" for i in range(n)],
            "contig": [str(1 + i // (2 * each)) for i in range(n)],
            "position": [100 + i for i in range(n)],
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    samples = [f"s{i}" for i in range(people)]
    write_bed(folder / "g", dosages, variants, samples)
    x = np.column_stack([random.normal(size=people), random.random(people) < 0.5]).astype(float)
    load = np.where(dosages[:each][lof[:each]] > 0, 1, 0).max(0)
    q = x @ [0.5, 0.3] + 1.2 * load + random.normal(size=people)
    risk = 1 / (1 + np.exp(1.2 - 0.6 * x[:, 0] - 1.5 * load))
    b = (random.random(people) < risk).astype(float)
    q[random.random(people) < 0.05] = np.nan
    r = np.where(random.random(people) < 0.6, q, np.nan)

    def trait(name: str, kind: str, y: np.ndarray) -> TraitDesign:
        return TraitDesign(name, kind, y, np.where(np.isnan(y)[:, None], np.nan, x), ["age", "sex"])

    design = Design(
        samples,
        [trait("q", "quantitative", q), trait("b", "binary", b), trait("r", "quantitative", r)],
    )
    entries = pa.table(
        {
            "gene_id": gene_of,
            "gene_symbol": pa.array([g.lower() for g in gene_of]),
            "row": pa.array(range(n), pa.int32()),
            "masks": [MASKS if here else ["both"] for here in lof],
        }
    )
    sets.write(folder / "sets.parquet", Genotypes.open(folder / "g"), entries, MASKS, {})
    return Cohort(folder, dosages, design, gene_of, lof)
