"""The demo's databases that are no VCF: a table of scores by allele, and regions with scores."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genopheno.demo.cohort import Cohort
from genopheno.files import writing

if TYPE_CHECKING:
    import pandas as pd

DAMAGE, CONSERVED = "damage.tsv.gz", "conserved.bed.gz"
# Bounds of the scores: what breaks a protein has high ones.
SCORES = {"synonymous": (0.0, 0.2), "missense": (0.1, 0.9), "inframe": (0.2, 0.8)}
BREAKING = (0.8, 1.0)


def write_scores(folder: Path, cohort: Cohort, rng: np.random.Generator) -> None:
    """Write a score for every coding allele, and one for every exon (BED: 0 to 1000)."""
    alleles = [("#chrom", "pos", "ref", "alt", "score")]
    for site in cohort.sites:
        if site.consequence:
            score = rng.uniform(*SCORES.get(site.consequence, BREAKING))
            alleles.append((site.contig, site.position, site.ref, site.alt, f"{score:.3f}"))
    exons = [
        (gene.contig, start, end, f"{gene.symbol}_{number}", int(rng.integers(1, 1001)))
        for gene in cohort.genes
        for number, (start, end) in enumerate(gene.exons, start=1)
    ]
    order = {name: place for place, name in enumerate(cohort.sequences)}
    _write(folder / DAMAGE, alleles)
    _write(folder / CONSERVED, sorted(exons, key=lambda e: (order[e[0]], e[1], e[2])))


def _write(path: Path, rows: Iterable[tuple]) -> None:
    import pysam

    text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
    with writing(path) as beside, pysam.BGZFile(str(beside), "wb") as out:
        out.write(text.encode())


def expected(folder: Path, alleles: pd.DataFrame) -> dict[str, np.ndarray]:
    """Scores that alleles must have, by column of the table of sites; NaN: none.

    An allele has the score of the same allele, and the highest of the exons that its reference
    bases overlap. Both are looked up here in plain files and loops, since the workflow is held
    against it.

    Parameters
    ----------
    alleles : columns variant_id, contig, position, reference.
    """
    by_allele = {
        ":".join(row[:4]): float(row[4]) for row in _rows(folder / DAMAGE) if row[0][0] != "#"
    }
    exons: dict[str, list[tuple[int, int, float]]] = {}
    for contig, start, end, _, score in _rows(folder / CONSERVED):
        exons.setdefault(contig, []).append((int(start), int(end), float(score)))

    def highest(contig: str, position: int, reference: str) -> float:
        first, last = position - 1, position - 1 + len(reference)
        return max(
            (score for start, end, score in exons.get(contig, []) if start < last and first < end),
            default=np.nan,
        )

    places = zip(alleles["contig"], alleles["position"], alleles["reference"], strict=True)
    return {
        "damage_score": np.array([by_allele.get(v, np.nan) for v in alleles["variant_id"]]),
        "conserved_score": np.array([highest(*place) for place in places]),
    }


def agreement(folder: Path, sites: pd.DataFrame) -> dict[str, Any]:
    """Hold the table of sites against the files.

    Returns
    -------
    n : scores that are expected. found : those that are there, to seven digits. invented :
    scores where there must be none.
    """
    n = found = invented = 0
    for column, values in expected(folder, sites).items():
        absent = column not in sites
        there = np.nan * values if absent else sites[column].to_numpy(float, na_value=np.nan)
        due = np.isfinite(values)
        n += int(due.sum())
        found += int(np.isclose(there[due], values[due], rtol=1e-6, atol=0).sum())
        invented += int(np.isfinite(there[~due]).sum())
    return {"n": n, "found": found, "invented": invented}


def _rows(path: Path) -> Iterable[list[str]]:
    import gzip

    with gzip.open(path, "rt", encoding="utf-8", newline="") as handle:
        yield from csv.reader(handle, delimiter="\t")
