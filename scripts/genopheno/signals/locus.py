"""Loci: clumps whose reaches overlap, and all variants between their ends."""

from __future__ import annotations

import numpy as np

from genopheno.signals.clump import Clump
from genopheno.signals.select import Locus


def loci(
    clumps: list[Clump],
    contig: np.ndarray,
    position: np.ndarray,
    neg_log10_p: np.ndarray,
    *,
    kb: float,
) -> list[Locus]:
    """Put clumps together.

    Parameters
    ----------
    contig, position, neg_log10_p : (variants,) as for `clump.clump`.
    kb : how far a locus goes beyond its outermost index variants, in 1,000 bp.

    Returns
    -------
    Loci in the order of the genome.
    """
    reach = int(kb * 1000)
    merged: list[list] = []
    for row in sorted(clump.index for clump in clumps):
        start, stop = max(1, int(position[row]) - reach), int(position[row]) + reach
        if merged and merged[-1][0] == contig[row] and start <= merged[-1][2]:
            merged[-1][2] = stop
        else:
            merged.append([contig[row], start, stop])
    out = []
    for name, start, stop in merged:
        rows = np.flatnonzero((contig == name) & (position >= start) & (position <= stop))
        p = np.nan_to_num(neg_log10_p[rows], nan=-1.0)
        out.append(Locus(str(name), start, stop, rows, int(p.argmax())))
    return out
