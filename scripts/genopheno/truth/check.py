"""Truth sets checked before anything runs: files, contigs, regions, and who names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from genopheno.problems import Problem, Problems, StageError
from genopheno.truth.read import read_header, sample_of
from genopheno.truth.regions import read_regions


def check_truth_sets(
    sets: Mapping[str, tuple[Path, Path]],
    lengths: Mapping[str, int],
    *,
    samples: Iterable[tuple[int, str, str]],
    sheet: Path,
) -> list[Problem]:
    """Find what would stop the comparison of controls.

    Parameters
    ----------
    sets : (calls, regions) by name of the truth set.
    lengths : length (bp) by contig of the reference; empty: not known, nothing is compared
        with it.
    samples : line of the sample sheet, sample, and what its column `control` says.
    """
    found = Problems()
    first: dict[str, tuple[int, str]] = {}
    for row, sample, name in samples:
        line, other = first.setdefault(sample, (row, name))
        if other != name:
            found.add(
                "sample-with-two-truths",
                sheet,
                f"sample {sample} has the truth set {name!r} here and {other!r} on line {line}",
                "Give all rows of a sample the same truth set, or none",
                row=row,
                column="control",
            )
        if name and name not in sets:
            found.add(
                "unknown-truth-set",
                sheet,
                f"there is no truth set {name!r}; known are: {', '.join(sets) or 'none'}",
                "Name one of truth_sets in the configuration, or add it there",
                row=row,
                column="control",
            )
    for name, (calls, regions) in sets.items():
        absent = [path for path in (calls, regions) if not path.is_file()]
        for path in absent:
            found.add(
                "missing-file",
                path,
                f"there is no such file (truth set {name})",
                "Correct the path; it is relative to the project folder",
            )
        if not absent:
            found.extend(_check_set(calls, regions, lengths))
    return list(found)


def _check_set(calls: Path, regions: Path, lengths: Mapping[str, int]) -> list[Problem]:
    try:
        sample_of(calls, None)
    except StageError as error:
        return error.problems
    found = Problems()
    theirs = read_header(calls).contigs
    shared = theirs.keys() & lengths.keys()
    if lengths and theirs and not shared:
        found.add(
            "contig-names",
            calls,
            f"its contigs ({', '.join(list(theirs)[:5])}) are none of the reference's "
            f"({', '.join(list(lengths)[:5])})",
            "Give a truth set with the contig names of the reference (with or without 'chr')",
        )
    for contig in sorted(shared):
        if theirs[contig] and theirs[contig] != lengths[contig]:
            found.add(
                "contig-lengths",
                calls,
                f"contig {contig} has {theirs[contig]} bp here and {lengths[contig]} bp in the "
                "reference: another genome build",
                "Use the truth set of the same build",
            )
            break
    found.extend(read_regions(regions, lengths)[1] if lengths else [])
    return list(found)
