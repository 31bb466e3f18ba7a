"""What fastp counted, summed over the units of a sample, and what an alignment file holds."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genopheno.files import read_json
from genopheno.problems import StageError, fail
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


@dataclass(frozen=True)
class Contents:
    """What ``samtools flagstat`` counts in a BAM or CRAM.

    Attributes
    ----------
    records, primary : all records; those neither secondary nor supplementary.
    paired, read1, read2 : primary records of pairs, first and second mates.
    mapped, duplicates : records with a position; flagged as duplicates.
    """

    records: int
    primary: int
    paired: int
    read1: int
    read2: int
    mapped: int
    duplicates: int


FLAGSTAT = ("total", "primary", "paired in sequencing", "read1", "read2", "mapped", "duplicates")


def contents(alignments: Path, *, threads: int) -> Contents:
    """Count a BAM or CRAM that somebody handed in, making sure that it is whole.

    Raises
    ------
    StageError : it is no BAM or CRAM, is damaged, or lacks its end.
    """
    copy = "Copy it again from where it was made, and compare the checksums"
    if not _is_alignment(alignments):
        raise fail("alignment-unreadable", alignments, "it is neither BAM nor CRAM", copy)
    try:
        # What has no end is read by samtools with no more than a warning. -u: one without
        # contigs is an unaligned one.
        run(["samtools", "quickcheck", "-u", "-v", alignments])
    except StageError:
        raise fail("alignment-truncated", alignments, "its end is missing", copy) from None
    try:
        return flagstat(alignments, threads=threads)
    except StageError as error:
        raise fail(
            "alignment-damaged", alignments, f"it cannot be read to its end ({error})", copy
        ) from None


def flagstat(alignments: Path, *, threads: int) -> Contents:
    """Count the records of a BAM or CRAM."""
    said = json.loads(run(["samtools", "flagstat", "-@", threads - 1, "-O", "json", alignments]))
    parts = [said["QC-passed reads"], said["QC-failed reads"]]
    return Contents(*(sum(part[name] for part in parts) for name in FLAGSTAT))


def _is_alignment(path: Path) -> bool:
    """Tell BAM and CRAM by how they begin; samtools itself would read SAM and FASTQ as well."""
    with open(path, "rb") as handle:
        if handle.read(4) == b"CRAM":
            return True
    try:
        with gzip.open(path) as handle:
            return handle.read(4) == b"BAM\1"
    except (OSError, EOFError, zlib.error):
        return False
