"""Which variants tell about ancestry and kinship, and how many of them say something new."""

from __future__ import annotations

import numpy as np

from genopheno.chromosomes import autosomal
from genopheno.genotypes import Genotypes

APART = 50_000  # bp; linkage disequilibrium is mostly gone

LOW = np.uint64(0x5555555555555555)  # the lower bit of each of the 32 genotypes of a word
DOSAGE = (2, np.nan, 1, 0)  # of the codes 00, 01, 10, 11


def block_size(n_samples: int) -> int:
    """Variants per block: about 16 million genotypes, so that memory is bounded."""
    return int(np.clip(2**24 // max(n_samples, 1), 256, 16384))


def counts(
    genotypes: Genotypes, rows: np.ndarray | None = None, people: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Called genotypes and copies of the effect allele per variant: (variants,) int64 each.

    Parameters
    ----------
    rows : indices of variants; None: all.
    people : indices of the samples to count; None: all.
    """
    wanted = np.zeros(genotypes.n_samples, dtype=bool)
    wanted[slice(None) if people is None else people] = True
    size, width = block_size(genotypes.n_samples), -(-genotypes.n_samples // 32)
    among = np.packbits(np.repeat(wanted, 2) & (np.arange(2 * len(wanted)) % 2 == 0),
                        bitorder="little")  # fmt: skip
    among = np.pad(among, (0, 8 * width - len(among))).view("<u8")
    total = genotypes.n_variants if rows is None else len(rows)
    packed = genotypes.packed(0, genotypes.n_variants)
    called, copies = np.empty(total, np.int64), np.empty(total, np.int64)
    for start in range(0, total, size):
        part = slice(start, min(start + size, total))
        words = np.zeros((part.stop - start, 8 * width), np.uint8)
        words[:, : packed.shape[1]] = packed[part if rows is None else rows[part]]
        words = words.view("<u8")
        low, high = words & among, (words >> np.uint64(1)) & among
        none, low, high = (
            np.bitwise_count(bits).sum(axis=1, dtype=np.int64) for bits in (low & high, low, high)
        )
        # Low alone is missing, high alone one copy, both none.
        called[part] = int(wanted.sum()) - (low - none)
        copies[part] = 2 * (called[part] - none) - (high - none)
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
    runs = genotypes.contigs()
    contigs = np.repeat(
        np.array([name for name, _, _ in runs], dtype=object), [b - a for _, a, b in runs]
    )
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
