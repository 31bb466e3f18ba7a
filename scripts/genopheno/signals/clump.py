"""LD clumping: the strongest variant of a neighbourhood stands for those correlated with it.

The variant with the smallest p-value (the first of equal ones) is an index; variants within
reach with a squared correlation of at least `r2` that belong to no earlier index are its clump;
then comes the next.
Answers are those of plink 1.9 ``--clump`` (Purcell 2007; Chang 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Clump:
    """An index variant and the variants that it stands for.

    Attributes
    ----------
    index : row of the index variant.
    members : (n,) rows of the others, by position.
    r2 : (n,) squared correlation of each with the index.
    """

    index: int
    members: np.ndarray
    r2: np.ndarray


def clump(
    contig: np.ndarray,
    position: np.ndarray,
    neg_log10_p: np.ndarray,
    correlate: Callable[[int, np.ndarray], np.ndarray],
    *,
    index_below: float,
    r2: float,
    kb: float,
) -> list[Clump]:
    """Clump variants.

    Parameters
    ----------
    contig, position : (variants,) where they are; variants of a contig are neighbours, by
        position (bp).
    neg_log10_p : (variants,) −log10 p; NaN: not tested, in no clump.
    correlate : r² of one variant with others, by rows; see `ld.squared_correlation`.
    index_below : p-value up to which a variant may be an index.
    r2 : least squared correlation of a member with its index.
    kb : reach on either side of the index, in 1,000 bp.

    Returns
    -------
    Clumps, the strongest first.
    """
    free = np.isfinite(neg_log10_p)
    candidates = np.flatnonzero(free & (neg_log10_p >= -np.log10(index_below)))
    candidates = candidates[np.argsort(-neg_log10_p[candidates], kind="stable")]
    first_of, last_of = _runs(contig)
    reach = kb * 1000
    clumps = []
    for row in candidates:
        if not free[row]:
            continue
        free[row] = False
        start, stop = first_of[row], last_of[row]
        start, stop = start + np.searchsorted(
            position[start:stop], [position[row] - reach, position[row] + reach + 0.5]
        )
        near = start + np.flatnonzero(free[start:stop])
        found = correlate(int(row), near) if near.size else np.empty(0)
        with np.errstate(invalid="ignore"):
            member = found >= r2
        free[near[member]] = False
        clumps.append(Clump(int(row), near[member], found[member]))
    return clumps


def _runs(contig: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First row of each row's contig, and the one past its last."""
    edge = np.flatnonzero(contig[1:] != contig[:-1]) + 1
    starts = np.concatenate([[0], edge])
    stops = np.append(edge, len(contig))
    sizes = stops - starts
    return np.repeat(starts, sizes), np.repeat(stops, sizes)
