"""Are two samples one person? Counts for all pairs, likelihoods for those worth a look.

All pairs are compared by matrix products of sure genotypes: sites, concordance, opposite
homozygotes, and KING-robust kinship (Manichaikul et al. 2010, Bioinformatics 26:2867, the
between-family estimator over the sites both have, as plink2 ``--make-king-table``). At low
depth few genotypes are sure and heterozygotes are missed, so whether two samples are the same
person is judged by the likelihood of their reads, with the genotypes summed out (the model of
ngsRelate: Korneliussen and Moltke 2015, Bioinformatics 31:4009): the same person everywhere,
against the best of many ways to share less.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from genopheno.samples.likelihood import STRAY, hardy_weinberg

# Shares of the genome at which 0, 1 and 2 alleles are identical by descent: of one person, and
# of all that two people may have. In a short stretch two unrelated people may carry the same
# two haplotypes over much of it.
SAME = (0.0, 0.0, 1.0)
OTHERS = np.array(
    [
        ((1 - two) * (1 - one), (1 - two) * one, two)
        for two in (0.0, 0.25, 0.5, 0.75, 0.9)
        for one in (0.0, 0.5, 1.0)
    ]
)
TILE = 2048  # samples on a side of the matrices held at a time
NEAREST = 3  # most alike samples of each sample that are looked at more closely
CLOSE = 0.177  # kinship of first degree (KING)


@dataclass(frozen=True)
class Counts:
    """Of each pair (a, b): sites where both are sure, with equal genotypes, with opposite
    homozygotes (all int32), and kinship (float64; NaN where one is never heterozygous)."""

    both: np.ndarray
    equal: np.ndarray
    ibs0: np.ndarray
    kinship: np.ndarray


def count(first: np.ndarray, second: np.ndarray) -> Counts:
    """Compare samples of two matrices of sure genotypes, (m, a) and (m, b) int8, -1 unsure."""
    a = [(first == g).astype(np.float32) for g in (0, 1, 2)]
    b = [(second == g).astype(np.float32) for g in (0, 1, 2)]
    known_a, known_b = sum(a), sum(b)
    # Counts below 2**24 are exact in float32.
    both = (known_a.T @ known_b).astype(np.int32)
    equal = sum((x.T @ y).astype(np.int32) for x, y in zip(a, b, strict=True))
    ibs0 = (a[0].T @ b[2]).astype(np.int32) + (a[2].T @ b[0]).astype(np.int32)
    het_het = (a[1].T @ b[1]).astype(np.int32)
    het_1, het_2 = ((a[1].T @ known_b).astype(np.int32), (known_a.T @ b[1]).astype(np.int32))
    differ = 4.0 * ibs0 + (het_1 - het_het) + (het_2 - het_het)
    fewer = np.minimum(het_1, het_2)
    with np.errstate(divide="ignore", invalid="ignore"):
        kinship = np.where(fewer > 0, 0.5 - differ / (4.0 * fewer), np.nan)
    return Counts(both, equal, ibs0, kinship)


def candidates(sure: np.ndarray, other: np.ndarray | None = None) -> set[tuple[int, int]]:
    """Pairs to look at more closely: close kin, and the `NEAREST` most alike of each sample.

    Parameters
    ----------
    sure : (m, n) sure genotypes.
    other : (m, k) those of another batch at the same sites; None: pairs within the first.

    Returns
    -------
    Pairs of columns, of `sure` and of `other` (or i < j within `sure`).
    """
    found: set[tuple[int, int]] = set()
    within = other is None
    second = sure if within else other
    for start in range(0, sure.shape[1], TILE):
        best = _Best(min(TILE, sure.shape[1] - start))
        for at in range(0, second.shape[1], TILE):
            counts = count(sure[:, start : start + TILE], second[:, at : at + TILE])
            # Concordance, shrunk to one half where few sites are sure.
            alike = (counts.equal + 5.0) / (counts.both + 10.0)
            close = counts.kinship > CLOSE
            if within:
                own = np.arange(at, at + alike.shape[1])[None, :] == (
                    start + np.arange(alike.shape[0])[:, None]
                )
                alike[own], close[own] = -1, False
            found |= {(start + i, at + j) for i, j in np.argwhere(close).tolist()}
            best.see(alike, at)
        found |= {(start + i, j) for i, j in best.pairs()}
    if within:
        found = {(min(i, j), max(i, j)) for i, j in found if i != j}
    return found


class _Best:
    """The `NEAREST` columns of highest value for each row, over tiles of columns."""

    def __init__(self, rows: int):
        self.value, self.column = np.full((rows, 0), -1.0), np.zeros((rows, 0), int)

    def see(self, values: np.ndarray, offset: int) -> None:
        column = np.broadcast_to(np.arange(values.shape[1]) + offset, values.shape)
        value, column = np.hstack([self.value, values]), np.hstack([self.column, column])
        top = np.argsort(-value, axis=1, kind="stable")[:, :NEAREST]
        self.value = np.take_along_axis(value, top, axis=1)
        self.column = np.take_along_axis(column, top, axis=1)

    def pairs(self) -> Iterable[tuple[int, int]]:
        rows = np.broadcast_to(np.arange(len(self.column))[:, None], self.column.shape)
        seen = self.value >= 0
        return zip(rows[seen].tolist(), self.column[seen].tolist(), strict=True)


def joint_probabilities(frequency: np.ndarray) -> np.ndarray:
    """(3, m, 3, 3) probability of two genotypes with 0, 1 and 2 alleles shared by descent."""
    q, p = 1 - frequency, frequency
    alone = hardy_weinberg(frequency)
    none = alone[:, :, None] * alone[:, None, :]
    one, two = np.zeros_like(none), np.zeros_like(none)
    one[:, 0, 0], one[:, 2, 2] = q**3, p**3
    one[:, 0, 1] = one[:, 1, 0] = q**2 * p
    one[:, 1, 2] = one[:, 2, 1] = q * p**2
    one[:, 1, 1] = q * p
    for genotype in range(3):
        two[:, genotype, genotype] = alone[:, genotype]
    return np.stack([none, one, two])


def same_odds(first: np.ndarray, second: np.ndarray, joint: np.ndarray) -> tuple[float, int]:
    """Log10 odds that two samples are one person against the best of `OTHERS`, and the sites.

    Parameters
    ----------
    first, second : (m, 3) genotype likelihoods; flat where a sample has no reads.
    joint : from `joint_probabilities`, at the same sites.
    """
    used = informative(first) & informative(second)
    a, b = first[used].astype(float), second[used].astype(float)
    by_shared = np.einsum("ma,mb,kmab->mk", a, b, joint[:, used])
    by_shared /= by_shared[:, :1]

    def log10(shares: np.ndarray) -> np.ndarray:
        return np.log10((1 - STRAY) * (by_shared @ shares.T) + STRAY).sum(axis=0)

    odds = log10(np.array([SAME]))[0] - log10(OTHERS).max()
    return float(odds), int(used.sum())


def informative(likelihood: np.ndarray) -> np.ndarray:
    """(m,) bool: the reads of the sample (m, 3) say something about its genotype."""
    return ~np.isclose(likelihood.min(axis=-1), likelihood.max(axis=-1))
