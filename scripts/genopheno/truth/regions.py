"""Confident regions: the places where a truth set says that everything is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genopheno import bed
from genopheno.problems import Problem


@dataclass(frozen=True)
class Regions:
    """Merged, sorted intervals by contig: starts and ends, 0-based and half-open."""

    intervals: dict[str, tuple[np.ndarray, np.ndarray]]

    @property
    def bases(self) -> int:
        return sum(int((ends - starts).sum()) for starts, ends in self.intervals.values())

    def hold(self, contig: str, positions: np.ndarray) -> np.ndarray:
        """(n,) whether each 0-based position lies inside."""
        starts, ends = self.intervals.get(contig, (np.empty(0, int), np.empty(0, int)))
        place = np.searchsorted(starts, positions, side="right") - 1
        inside = np.zeros(len(positions), dtype=bool)
        known = place >= 0
        inside[known] = np.asarray(positions)[known] < ends[place[known]]
        return inside

    def padded(self, by: int) -> Iterator[tuple[str, int, int]]:
        """Intervals widened by `by` bp on both sides; they may overlap."""
        for contig, (starts, ends) in self.intervals.items():
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
                yield contig, max(0, start - by), end + by


def read_regions(path: Path, lengths: Mapping[str, int]) -> tuple[Regions, list[Problem]]:
    """Read a BED file (plain or gzip).

    Parameters
    ----------
    lengths : length (bp) by contig of the reference. Regions on other contigs are left out,
        as those of a benchmark of the whole genome are where the reference is a part of it.

    Returns
    -------
    regions, and what is wrong: rows that are no interval, an interval beyond the end of its
        contig, no interval on any contig of the reference, no interval at all.
    """
    inside, elsewhere, found = bed.read(
        path, lengths, mend_empty="Give the confident regions as BED"
    )
    if elsewhere and not (inside or found):
        theirs = list(dict.fromkeys(contig for _, contig in elsewhere))
        found.add(
            "contig-names",
            path,
            f"its contigs ({', '.join(theirs[:5])}) are none of the reference's "
            f"({', '.join(list(lengths)[:5])})",
            "Give regions with the contig names of the reference (with or without 'chr')",
        )
    merged: dict[str, list[tuple[int, int]]] = {}
    for contig, start, end in bed.merge(inside):
        merged.setdefault(contig, []).append((start, end))
    tables = {contig: np.array(pairs, dtype=np.int64) for contig, pairs in merged.items()}
    return Regions({c: (t[:, 0], t[:, 1]) for c, t in tables.items()}), bed.shortened(found)
