"""Where the reads of a unit come from: FASTQ files, or a BAM or CRAM that is read back to FASTQ."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from genopheno.problems import fail
from genopheno.reads.counts import Contents, contents
from genopheno.reads.headers import is_grouped_by_name, misfits, read_header, reference_dictionary
from genopheno.tools import Command, run

# How the names of reads begin where no light means G, after fastp's own list (evaluator.cpp of
# 0.23): it looks itself into files, but cannot into a stream.
TWO_COLOURS = ("NS", "NB", "NDX", "A0")
COPY = "Copy it again from where it was made, and compare the checksums"


@dataclass(frozen=True)
class Source:
    """Reads on their way to fastp.

    Attributes
    ----------
    file : what a message names.
    fastp : words that tell fastp where its reads are.
    paired : pairs; False: single reads.
    commands : pipe that writes them to fastp's standard input; empty: fastp opens files.
    reads : reads that must arrive (a pair counts as two); None: nobody counted before.
    singles : FASTQ that receives reads whose mate is not beside them; must stay empty.
    two_colours : fastp must be told that no light means G; False: it finds out, or it is not so.
    """

    file: Path
    fastp: list[str | Path]
    paired: bool
    commands: list[Command] = field(default_factory=list)
    reads: int | None = None
    singles: Path | None = None
    two_colours: bool = False


def from_fastq(fastq_1: Path, fastq_2: Path | None) -> Source:
    """FASTQ files, gzip or plain; without the second, reads are single."""
    files = ["-i", fastq_1.absolute()]
    if fastq_2:
        files += ["-I", fastq_2.absolute()]
    return Source(fastq_1, files, paired=fastq_2 is not None)


def from_alignment(path: Path, *, reference: Path, scratch: Path, threads: int) -> Source:
    """Reads of an unaligned or aligned BAM or CRAM, as the machine gave them.

    Primary records alone are read, turned back to the strand of the machine. Where the header
    does not promise mates side by side, they are brought together first (samtools collate).
    Tags of the records (barcodes, UMI) are not carried on.

    Parameters
    ----------
    reference : a CRAM is decoded with it where its contigs fit; else with what REF_PATH,
        REF_CACHE or the header point to.
    scratch : folder for what does not fit into memory.

    Raises
    ------
    StageError : the file is damaged or cut off, has no reads, or mixes pairs and single reads.
    """
    held = contents(path, threads=threads)
    _one_kind(path, held)
    header = read_header(path)
    samtools: list[str | Path] = ["samtools"]
    needed: list[str | Path] = []
    if any(line.startswith("@SQ\t") for line in header):
        if not misfits(header, reference_dictionary(reference)):
            needed = ["--reference", reference.absolute()]
        elif "REF_PATH" not in os.environ:  # nothing is fetched from the net during a run
            samtools = ["env", f"REF_PATH={scratch / 'no-references'}", "samtools"]
    collated: list[Command] = []
    if not is_grouped_by_name(header):
        collate = [*samtools, "collate", "-O", "-u", "-@", max(threads // 2, 1) - 1, *needed]
        collated = [[*collate, path.absolute(), scratch / "collate"]]
    singles = scratch / "singles.fastq"
    text: Command = [
        *(*samtools, "fastq", "-n", *(["-s", singles] if held.paired else [])),
        *(["-"] if collated else [*needed, path.absolute()]),
    ]
    first = run([*samtools, "head", "-h", "0", "-n", "1", *needed, path.absolute()])
    name = first.split("\t")[0]
    return Source(
        path,
        ["--stdin", *(["--interleaved_in"] if held.paired else [])],
        paired=bool(held.paired),
        commands=[*collated, text],
        reads=held.primary,
        singles=singles if held.paired else None,
        two_colours=name.startswith(TWO_COLOURS),
    )


def _one_kind(path: Path, held: Contents) -> None:
    """Refuse a file without reads, and pairs that are not whole."""
    if not held.primary:
        raise fail("alignment-empty", path, "it holds no reads", COPY)
    if held.paired not in (0, held.primary) or held.read1 != held.read2:
        raise fail(
            "alignment-mates",
            path,
            f"of {held.primary} reads {held.read1} are first and {held.read2} second mates, "
            f"{held.primary - held.paired} are single",
            "Hand in pairs with both mates, or single reads, in files of their own",
        )


def check_arrived(source: Source, arrived: int) -> None:
    """Hold the reads that fastp saw against those that the source holds.

    Raises
    ------
    StageError : reads without their mate, or another number of reads.
    """
    if source.singles and source.singles.is_file() and source.singles.stat().st_size:
        with open(source.singles, "rb") as handle:
            alone = sum(1 for _ in handle) // 4
        raise fail(
            "alignment-mates",
            source.file,
            f"{alone} reads do not have their mate",
            "Hand in whole pairs; a header that promises mates side by side must be true",
        )
    if source.reads is not None and source.reads != arrived:
        raise fail(
            "reads-lost",
            source.file,
            f"it holds {source.reads} reads, fastp was given {arrived}",
            "Check free disk space and memory, then run again",
        )
