"""The BED of targets of an exome or panel: checked against the reference, padded, merged."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

from genopheno.files import write_json, write_text
from genopheno.problems import Problem, Problems
from genopheno.submission.names import file_fault
from genopheno.submission.reference import other_spelling

Region = tuple[str, int, int]  # contig, start, end: 0-based and half-open
HEADS = ("#", "track", "browser")  # lines of a BED that are no regions
SHOWN = 20  # problems of one kind that are listed


def check_targets(
    path: str | Path, lengths: Mapping[str, int]
) -> tuple[list[Region], list[Problem], list[str]]:
    """Read a BED file and compare it with the contigs of the reference.

    Parameters
    ----------
    path : BED, plain or gzip, of three columns or more.
    lengths : contig → bp of the reference.

    Returns
    -------
    regions : sorted in the order of the reference, those that overlap or touch made one.
    problems : ``bed-empty``; by line ``bed-record`` (no three columns, or no start below its
        end), ``contig-names`` (named otherwise than in the reference), ``bed-outside``
        (a contig that the reference lacks, or beyond the end of one).
    notes : regions that were merged.
    """
    fault = file_fault(path)
    if fault and fault[0] != "empty-file":
        return [], [Problem(fault[0], str(path), None, "reference.targets", *fault[1:])], []
    problems = Problems()
    regions = []
    for row, line in enumerate(_lines(Path(path)), start=1):
        if not line.strip() or line.startswith(HEADS):
            continue
        cells = line.split("\t") if "\t" in line else line.split()
        try:
            contig, start, end = cells[0], int(cells[1]), int(cells[2])
        except (IndexError, ValueError):
            start, end, contig = 0, 0, ""
        if not 0 <= start < end:
            problems.add(
                "bed-record",
                path,
                f"{line[:60]!r} is not contig, start and end with 0 <= start < end",
                "Give BED: columns between tabs, the start counted from 0",
                row=row,
            )
        elif contig not in lengths:
            problems.items.append(_strange(path, row, contig, lengths))
        elif end > lengths[contig]:
            problems.add(
                "bed-outside",
                path,
                f"{contig}:{start}-{end} ends beyond the contig, which has {lengths[contig]} bp "
                "in the reference",
                "Use targets of the same genome build as the reference",
                row=row,
            )
        else:
            regions.append((contig, start, end))
    if not regions and not problems:
        problems.add(
            "bed-empty",
            path,
            "it holds no region",
            "Give the targets of the kit, or leave reference.targets out to call everywhere",
        )
    order = {contig: i for i, contig in enumerate(lengths)}
    regions.sort(key=lambda region: (order[region[0]], region[1:]))
    merged = merge(regions)
    notes = []
    if len(merged) < len(regions):
        notes.append(
            f"{path}: {len(regions)} targets overlap or touch and are taken as {len(merged)}"
        )
    return merged, _shortened(problems.items), notes


def _lines(path: Path) -> list[str]:
    packed = path.read_bytes()
    text = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    return text.decode("utf-8-sig", "replace").splitlines()


def _strange(path: str | Path, row: int, contig: str, lengths: Mapping[str, int]) -> Problem:
    other = sorted(other_spelling(contig) & lengths.keys())
    if other:
        return Problem(
            "contig-names",
            str(path),
            row,
            None,
            f"contig {contig!r} is called {other[0]!r} in the reference",
            "Rename the contigs of the BED (with or without 'chr', as the reference has them)",
        )
    return Problem(
        "bed-outside",
        str(path),
        row,
        None,
        f"the reference has no contig {contig!r}",
        "Use targets of the same genome build as the reference, or take the line out",
    )


def _shortened(problems: list[Problem]) -> list[Problem]:
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


def merge(regions: list[Region]) -> list[Region]:
    """Make regions (sorted) that overlap or touch one."""
    merged: list[Region] = []
    for contig, start, end in regions:
        if merged and merged[-1][0] == contig and start <= merged[-1][2]:
            merged[-1] = (contig, merged[-1][1], max(end, merged[-1][2]))
        else:
            merged.append((contig, start, end))
    return merged


def write_targets(
    bed: Path, lengths: Mapping[str, int], out_bed: Path, report: Path, *, padding: int = 0
) -> dict[str, int]:
    """Write the targets as calling takes them: checked, padded within their contigs, merged.

    Returns
    -------
    Counts: regions and bases before and after.

    Raises
    ------
    StageError : every problem of the BED.
    """
    regions, problems, _ = check_targets(bed, lengths)
    Problems(problems).raise_if_any()
    padded = merge(
        [(c, max(0, start - padding), min(lengths[c], end + padding)) for c, start, end in regions]
    )
    counts = {
        "regions": len(regions),
        "bases": sum(end - start for _, start, end in regions),
        "padding": padding,
        "regions_padded": len(padded),
        "bases_padded": sum(end - start for _, start, end in padded),
    }
    write_text(out_bed, "".join(f"{c}\t{start}\t{end}\n" for c, start, end in padded))
    write_json(report, counts)
    return counts
