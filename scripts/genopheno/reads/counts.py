"""What fastp counted, summed over the units of a sample, and what an alignment file holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genopheno.files import read_json
from genopheno.problems import fail
from genopheno.tools import run


@dataclass(frozen=True)
class FastpCounts:
    """Counts of one or several fastp reports; a pair counts as two reads.

    Attributes
    ----------
    reads, bases, q30_bases : handed in (reads, bp, bp).
    reads_after : left by trimming.
    """

    reads: int
    bases: int
    q30_bases: int
    reads_after: int


def fastp_counts(reports: Sequence[Path]) -> FastpCounts:
    """Sum fastp JSON reports.

    Raises
    ------
    StageError : a report lacks the counts.
    """
    sums = [0, 0, 0, 0]
    for report in reports:
        try:
            summary = read_json(report)["summary"]
            before, after = summary["before_filtering"], summary["after_filtering"]
            counts = (
                before["total_reads"],
                before["total_bases"],
                before["q30_bases"],
                after["total_reads"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise fail(
                "fastp-report-unreadable",
                report,
                f"it does not hold the counts of fastp ({error!r})",
                "Delete it and run again: its unit is aligned anew",
            ) from None
        sums = [total + count for total, count in zip(sums, counts, strict=True)]
    return FastpCounts(*sums)


def primary_reads(alignments: Path, *, threads: int) -> int:
    """Primary records (neither secondary nor supplementary) of a BAM file."""
    said = json.loads(run(["samtools", "flagstat", "-@", threads - 1, "-O", "json", alignments]))
    return sum(said[part]["primary"] for part in ("QC-passed reads", "QC-failed reads"))
