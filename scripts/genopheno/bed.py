"""Regions of a genome as BED files name them: read with every fault told, sorted, merged."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from genopheno.problems import Problem, Problems

Region = tuple[str, int, int]  # contig, start, end: 0-based and half-open
HEADS = ("#", "track", "browser")  # lines of a BED that are no regions
SHOWN = 20  # problems of one kind that are listed


def rows(path: str | Path) -> Iterator[tuple[int, str, Region | None]]:
    """Lines that should be regions: line number from 1, text, region; None: it is none."""
    packed = Path(path).read_bytes()
    text = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    for row, line in enumerate(text.decode("utf-8-sig", "replace").splitlines(), start=1):
        if not line.strip() or line.startswith(HEADS):
            continue
        cells = line.split("\t") if "\t" in line else line.split()
        try:
            region = cells[0], int(cells[1]), int(cells[2])
        except (IndexError, ValueError):
            region = None
        yield row, line, region if region and 0 <= region[1] < region[2] else None


def read(
    path: str | Path, lengths: Mapping[str, int], *, mend_empty: str
) -> tuple[list[Region], list[tuple[int, str]], Problems]:
    """Read a BED file, plain or gzip, of three columns or more.

    Parameters
    ----------
    lengths : contig → bp of the reference.
    mend_empty : what to do where the file holds no region.

    Returns
    -------
    regions : those on contigs of the reference, in its order, sorted; they may overlap.
    elsewhere : (line, contig) of those on other contigs; the caller says what that means.
    problems : ``bed-empty``; by line ``bed-record`` (no three columns, or no start below its
        end) and ``bed-outside`` (beyond the end of its contig).
    """
    problems = Problems()
    regions: list[Region] = []
    elsewhere: list[tuple[int, str]] = []
    for row, line, region in rows(path):
        if region is None:
            problems.add(
                "bed-record",
                path,
                f"{line[:60]!r} is not contig, start and end with 0 <= start < end",
                "Give BED: columns between tabs, the start counted from 0",
                row=row,
            )
        elif region[0] not in lengths:
            elsewhere.append((row, region[0]))
        elif region[2] > lengths[region[0]]:
            contig, start, end = region
            problems.add(
                "bed-outside",
                path,
                f"{contig}:{start}-{end} ends beyond the contig, which has {lengths[contig]} bp "
                "in the reference",
                "Use regions of the same genome build as the reference",
                row=row,
            )
        else:
            regions.append(region)
    if not (regions or elsewhere or problems):
        problems.add("bed-empty", path, "it holds no region", mend_empty)
    order = {contig: i for i, contig in enumerate(lengths)}
    regions.sort(key=lambda region: (order[region[0]], region[1:]))
    return regions, elsewhere, problems


def merge(regions: Iterable[Region]) -> list[Region]:
    """Make regions (sorted within their contigs) that overlap or touch one."""
    merged: list[Region] = []
    for contig, start, end in regions:
        if merged and merged[-1][0] == contig and start <= merged[-1][2]:
            merged[-1] = (contig, merged[-1][1], max(end, merged[-1][2]))
        else:
            merged.append((contig, start, end))
    return merged


def shortened(problems: Iterable[Problem]) -> list[Problem]:
    """The first problems of each kind: a BED of another build is wrong in every line."""
    shown: dict[str, int] = {}
    kept = []
    for problem in problems:
        shown[problem.code] = shown.get(problem.code, 0) + 1
        if shown[problem.code] <= SHOWN:
            kept.append(problem)
    for code, number in shown.items():
        if number > SHOWN:
            more = f"{number - SHOWN} more lines are wrong in the same way"
            kept.append(Problem(code, kept[0].file, None, None, more, "See the first of them"))
    return kept
