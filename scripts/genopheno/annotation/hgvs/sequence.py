"""Bases of a FASTA by place, read in blocks, the last few of which are kept."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pysam

BLOCK = 1 << 16  # bases
KEPT = 64  # blocks: 4 MiB


class Sequence:
    """Upper-case bases of a FASTA (plain with .fai, or bgzip with .gzi as well)."""

    def __init__(self, fasta: str | Path):
        self._file = pysam.FastaFile(str(fasta))
        self.lengths = dict(zip(self._file.references, self._file.lengths, strict=True))
        self._block = lru_cache(KEPT)(self._read)

    def _read(self, contig: str, number: int) -> str:
        begin = number * BLOCK
        return self._file.fetch(contig, begin, begin + BLOCK).upper()

    def fetch(self, contig: str, start: int, end: int) -> str:
        """Bases `start` to `end`, 1-based and inclusive; those beyond the contig are left out."""
        begin, end = max(0, start - 1), min(end, self.lengths[contig])
        if begin >= end:
            return ""
        first, last = begin // BLOCK, (end - 1) // BLOCK
        if first == last:
            return self._block(contig, first)[begin - first * BLOCK : end - first * BLOCK]
        if last - first > 2:  # long: read once, rather than turn out the whole cache
            return self._file.fetch(contig, begin, end).upper()
        blocks = "".join(self._block(contig, number) for number in range(first, last + 1))
        return blocks[begin - first * BLOCK : end - first * BLOCK]

    def shift(self, contig: str, unit: str, start: int, end: int, step: int) -> int:
        """How many bases an insertion or deletion of `unit` can move along the contig.

        Parameters
        ----------
        unit : the inserted or deleted bases, in the order of moving.
        start : first base that is passed. end : last that may be. Both 1-based.
        step : +1 towards larger positions, -1 towards smaller ones.
        """
        moved, n, width = 0, len(unit), 32
        limit = (end - start) * step + 1
        while moved < limit:
            width = min(width * 2, limit - moved, BLOCK)
            here = start + step * moved
            if step > 0:
                bases = self.fetch(contig, here, here + width - 1)
            else:
                bases = self.fetch(contig, here - width + 1, here)[::-1]
            for base in bases:
                if base != unit[moved % n]:
                    return moved
                moved += 1
            if len(bases) < width:
                return moved
        return moved
