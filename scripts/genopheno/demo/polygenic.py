"""The demo's polygenic score: a scoring file as the PGS Catalog has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genopheno.demo.cohort import Cohort
from genopheno.demo.traits import Cause
from genopheno.files import write_text

FILE = "ldl_score.txt"
SIZE = 60  # variants
COMMON = 0.05  # least alternate allele frequency
HEADER = """\
###PGS CATALOG SCORING FILE - simulated, not of the catalog
#format_version=2.0
#pgs_name=simulated_ldl
#trait_reported=LDL cholesterol (simulated)
#weight_type=beta
#genome_build=NR
"""
COLUMNS = ("rsID", "chr_name", "chr_position", "effect_allele", "other_allele", "effect_weight")


def write_score(
    folder: Path, cohort: Cohort, causes: Sequence[Cause], rng: np.random.Generator
) -> None:
    """Write a score of common variants: the planted cause of `ldl`, and others that mean little.

    Every fourth row counts the reference allele, and two rows are of variants that nobody has,
    as it happens with published scores.
    """
    cause = next(cause for cause in causes if cause.trait == "ldl")
    frequency = cohort.dosages.mean(axis=1) / 2
    common = np.flatnonzero((frequency > COMMON) & (frequency < 1 - COMMON))
    chosen = set(rng.choice(common, min(SIZE, len(common)), replace=False).tolist())
    rows = []
    for place, site in enumerate(cohort.sites):
        causal = site.variant_id == cause.site.variant_id
        if place not in chosen and not causal:
            continue
        weight = cause.effect if causal else rng.normal(0, 0.05)
        alleles = (site.alt, site.ref)
        if len(rows) % 4 == 3:
            alleles, weight = alleles[::-1], -weight
        rows.append(("", site.contig, site.position, *alleles, f"{weight:.4f}"))
    absent = [(*row[:2], row[2] + 1, "G", "C", row[5]) for row in rows[:2]]
    text = "".join("\t".join(map(str, row)) + "\n" for row in [COLUMNS, *rows, *absent])
    write_text(folder / FILE, HEADER + text)
