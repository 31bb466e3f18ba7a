"""Which variants tell about ancestry and kinship, and how many of them say something new."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from genopheno.chromosomes import autosomal
from genopheno.genotypes import Genotypes

APART = 50_000  # bp; linkage disequilibrium is mostly gone

# Values of the codes 00, 01, 10, 11 (two copies, missing, one copy, none).
DOSAGE = (2, np.nan, 1, 0)
HET = (0, 0, 1, 0)
HOM = (1, 0, 0, -1)
MISSING = (0, 1, 0, 0)


def block_size(n_samples: int) -> int:
    """Variants per block: about 16 million genotypes, so that memory is bounded."""
    return int(np.clip(2**24 // max(n_samples, 1), 256, 16384))


def counts(genotypes: Genotypes) -> tuple[np.ndarray, np.ndarray]:
    """Per variant: called genotypes and copies of the effect allele, (n_variants,) int64 each."""
    called = np.empty(genotypes.n_variants, dtype=np.int64)
    copies = np.empty(genotypes.n_variants, dtype=np.int64)
    for start, stop in genotypes.blocks(block_size(genotypes.n_samples)):
        dosages = genotypes.dosages(start, stop, dtype=np.int8)
        seen = dosages >= 0
        called[start:stop] = seen.sum(axis=1)
        copies[start:stop] = np.where(seen, dosages, 0).sum(axis=1, dtype=np.int64)
    return called, copies


def choose(
    genotypes: Genotypes, min_allele_frequency: float
) -> tuple[np.ndarray, dict[str, int], np.ndarray]:
    """Choose the variants for kinship and components.

    Returns
    -------
    keep : (n_variants,) bool.
    left_out : how many are left out, by reason; each variant is counted under its first.
    frequency : (n_variants,) float64 of the effect allele; NaN where nothing is called.
    """
    called, copies = counts(genotypes)
    with np.errstate(invalid="ignore"):
        frequency = copies / (2 * called)
    minor = np.minimum(frequency, 1 - frequency)
    contigs = genotypes.variants["contig"].to_numpy()
    keep = np.ones(genotypes.n_variants, dtype=bool)
    left_out = {}
    for reason, wrong in (
        ("not on an autosome", ~autosomal(contigs)),
        ("no genotype is called", called == 0),
        ("does not vary", minor == 0),
        ("minor allele frequency is too low", minor < min_allele_frequency),
    ):
        left_out[reason] = int((keep & wrong).sum())
        keep &= ~wrong
    return keep, left_out, frequency


def independent(genotypes: Genotypes, keep: np.ndarray, apart: int = APART) -> int:
    """How many chosen variants remain if neighbours must be at least `apart` base pairs apart."""
    table = genotypes.variants[keep]
    total = 0
    for _, positions in table.groupby("contig", sort=False)["position"]:
        last = -apart
        for position in np.unique(positions.to_numpy(np.int64) // 1000) * 1000:
            if position - last >= apart:
                total, last = total + 1, position
    return total


def chosen_blocks(genotypes: Genotypes, keep: np.ndarray) -> Iterator[np.ndarray]:
    """Indices of the chosen variants, a block at a time."""
    rows, size = np.flatnonzero(keep), block_size(genotypes.n_samples)
    for first in range(0, len(rows), size):
        yield rows[first : first + size]
