"""Confident regions: the places where a truth set says that everything is known."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genopheno.problems import Problem, Problems


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
    found = Problems()
    rows: dict[str, list[tuple[int, int]]] = {}
    number = 0
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as handle:
        for number, line in enumerate(handle, 1):
            if not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            cells = line.split()
            if len(cells) < 3 or not (cells[1].isdecimal() and cells[2].isdecimal()):
                what, mend = f"{line.strip()[:60]!r} is no interval", "contig, start and end"
                found.add("bed-row", path, what, f"Give {mend} between tabs", row=number)
                break
            contig, start, end = cells[0], int(cells[1]), int(cells[2])
            if start >= end or end > lengths.get(contig, end):
                found.add(
                    "bed-outside" if start < end else "bed-row",
                    path,
                    f"{contig}:{start}-{end} ends beyond the contig, which has "
                    f"{lengths[contig]} bp in the reference"
                    if start < end
                    else f"{contig}:{start}-{end} has no bases",
                    "Give regions of the same genome build, 0-based, start before end",
                    row=number,
                )
                break
            rows.setdefault(contig, []).append((start, end))
    if not rows and not found:
        found.add("bed-empty", path, "it has no interval", "Give the confident regions as BED")
    known = {contig: merge(rows[contig]) for contig in lengths if contig in rows}
    if rows and not known and not found:
        found.add(
            "contig-names",
            path,
            f"its contigs ({', '.join(list(rows)[:5])}) are none of the reference's "
            f"({', '.join(list(lengths)[:5])})",
            "Give regions with the contig names of the reference (with or without 'chr')",
        )
    return Regions(known), list(found)


def merge(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Sort intervals and join those that overlap or meet."""
    joined: list[list[int]] = []
    for start, end in sorted(rows):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    table = np.array(joined, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
