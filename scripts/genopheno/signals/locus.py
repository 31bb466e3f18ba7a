"""Loci: clumps whose reaches overlap, and all variants between their ends."""

from __future__ import annotations

import numpy as np

from genopheno.signals.clump import Clump
from genopheno.signals.select import Locus
from genopheno.signals.tested import Tested


def loci(clumps: list[Clump], tested: Tested, *, kb: float) -> list[Locus]:
    """Put clumps together.

    Parameters
    ----------
    kb : how far a locus goes beyond its outermost index variants, in 1,000 bp.

    Returns
    -------
    Loci in the order of the genome.
    """
    reach = int(kb * 1000)
    merged: list[list[int]] = []
    for row in sorted(clump.index for clump in clumps):
        contig, position = int(tested.contig[row]), int(tested.position[row])
        start, stop = max(1, position - reach), position + reach
        if merged and merged[-1][0] == contig and start <= merged[-1][2]:
            merged[-1][2] = stop
        else:
            merged.append([contig, start, stop])
    out = []
    for contig, start, stop in merged:
        here = (tested.contig == contig) & (tested.position >= start) & (tested.position <= stop)
        rows = np.flatnonzero(here)
        p = np.nan_to_num(tested.neg_log10_p[rows], nan=-1.0)
        out.append(Locus(tested.contigs[contig], start, stop, rows, int(p.argmax())))
    return out
