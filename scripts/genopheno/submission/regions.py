"""The BED of targets of an exome or panel: checked against the reference, padded, merged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from genopheno import bed
from genopheno.bed import Region
from genopheno.contig_names import other_spelling
from genopheno.files import write_json, write_text
from genopheno.problems import Problem, Problems
from genopheno.submission.names import file_fault


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
    regions, elsewhere, problems = bed.read(
        path,
        lengths,
        mend_empty="Give the targets of the kit, or leave reference.targets out to call everywhere",
    )
    problems.extend(_strange(path, row, contig, lengths) for row, contig in elsewhere)
    problems.items.sort(key=lambda problem: problem.row or 0)
    merged = bed.merge(regions)
    notes = []
    if len(merged) < len(regions):
        notes.append(
            f"{path}: {len(regions)} targets overlap or touch and are taken as {len(merged)}"
        )
    return merged, bed.shortened(problems), notes


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


def write_targets(
    targets: Path, lengths: Mapping[str, int], out_bed: Path, report: Path, *, padding: int = 0
) -> dict[str, int]:
    """Write the targets as calling takes them: checked, padded within their contigs, merged.

    Returns
    -------
    Counts: regions and bases before and after.

    Raises
    ------
    StageError : every problem of the BED.
    """
    regions, problems, _ = check_targets(targets, lengths)
    Problems(problems).raise_if_any()
    padded = bed.merge(
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
