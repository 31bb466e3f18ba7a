"""One sequencing unit: fastp, aligner, fixmate and sort in one pipe, nothing in between on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

from genopheno.files import writing
from genopheno.problems import fail
from genopheno.reads.aligners import ALIGNERS, Job, require_index
from genopheno.reads.counts import fastp_counts, flagstat
from genopheno.reads.sources import Source, check_arrived, from_alignment, from_fastq
from genopheno.tools import Command, run

SORT_MEMORY_MB = 2048  # over all threads of samtools sort; what does not fit is spilled


def align(
    fastq_1: Path | None,
    fastq_2: Path | None = None,
    *,
    alignment: Path | None = None,
    reference: Path,
    bam: Path,
    fastp_json: Path,
    fastp_html: Path,
    sample: str,
    unit_id: str,
    library: str,
    platform: str,
    platform_unit: str,
    threads: int,
    aligner: str = "bwa",
    trim: bool = True,
    min_base_quality: int = 15,
    min_length: int = 30,
) -> None:
    """Trim, align and sort the reads of one unit.

    Parameters
    ----------
    fastq_1, fastq_2 : first and second reads, gzip or plain; without the second, single reads.
    alignment : unaligned or aligned BAM or CRAM to take the reads from, in place of `fastq_1`.
        All its reads become this unit, whatever read groups it names.
    reference : FASTA with the index of the aligner beside it.
    bam : coordinate-sorted BAM to write, lightly compressed (it is temporary); pairs have mate
        scores set for samtools markdup.
    fastp_json, fastp_html : reports of fastp to write.
    sample, unit_id, library, platform, platform_unit : SM, ID, LB, PL and PU of the read group.
    threads : threads of the aligner; the other tools take what it leaves.
    aligner : one of `genopheno.reads.aligners.ALIGNERS`.
    trim : cut adapters and poor ends, drop poor and short reads with their mates;
        False: fastp only measures.
    min_base_quality : a base below it is poor (Phred).
    min_length : shorter reads are dropped with their mate (bp).

    Raises
    ------
    StageError : a tool failed, no read is left, the index is absent, fastp was given fewer reads
        than an `alignment` holds, or the BAM holds fewer reads than fastp passed. No output is
        left behind.
    """
    if (fastq_1 is None) == (alignment is None):
        raise fail(
            "reads-source",
            unit_id,
            f"both FASTQ and an alignment, or neither, are given for unit {unit_id}",
            "Give --fastq-1 (and --fastq-2), or --alignment",
        )
    index = require_index(aligner, reference)
    group = read_group(unit_id, sample, library, platform, platform_unit)
    with (
        writing(fastp_json) as report,
        writing(fastp_html) as page,
        writing(bam) as out,
        tempfile.TemporaryDirectory(prefix=f".{bam.name}.", dir=bam.parent) as folder,
    ):
        if alignment:
            scratch = Path(folder).absolute()
            source = from_alignment(
                alignment, reference=reference, scratch=scratch, threads=threads
            )
        else:
            source = from_fastq(fastq_1, fastq_2)
        job = Job(index, group, source.paired, min_length if trim else 1, threads)
        mates = [["samtools", "fixmate", "-m", "-u", "-", "-"]] if source.paired else []
        run(
            *source.commands,
            _fastp(source, report, page, unit_id, trim, min_base_quality, min_length),
            ALIGNERS[aligner].align(job),
            *mates,
            _sort(out, threads),
        )
        counts = fastp_counts([report])
        check_arrived(source, counts.reads)
        if counts.reads_after == 0:
            raise fail(
                "reads-none-left",
                source.file,
                f"fastp passed none of the {counts.reads} reads of unit {unit_id}",
                "Look at the quality and length of the reads, or set reads.trim: false",
            )
        aligned = flagstat(out, threads=threads).primary
        if aligned != counts.reads_after:
            raise fail(
                "reads-lost",
                bam,
                f"fastp passed {counts.reads_after} reads, the alignment holds {aligned}",
                "Check free disk space and memory, then run again",
            )


def read_group(unit_id: str, sample: str, library: str, platform: str, platform_unit: str) -> str:
    r"""The read group as aligners read it, with ``\t`` between fields.

    Raises
    ------
    StageError : a value holds a backslash, which aligners would interpret, or a control character.
    """
    fields = {"ID": unit_id, "SM": sample, "LB": library, "PL": platform, "PU": platform_unit}
    for tag, value in fields.items():
        if not value or "\\" in value or not value.isprintable():
            raise fail(
                "read-group-illegal",
                unit_id,
                f"read-group field {tag} is {value!r}",
                "Use letters, digits, '_', '.' and '-'",
            )
    return r"\t".join(["@RG", *(f"{tag}:{value}" for tag, value in fields.items())])


def _fastp(
    source: Source,
    report: Path,
    page: Path,
    title: str,
    trim: bool,
    min_base_quality: int,
    min_length: int,
) -> Command:
    poor_ends = ["--cut_tail", "--cut_tail_mean_quality", max(min_base_quality, 1)]
    passing = (
        ["-q", min_base_quality, "-l", min_length, *(poor_ends if min_base_quality else [])]
        if trim
        else ["-A", "-Q", "-L", "-G"]
    )
    if trim and source.two_colours:
        passing.append("--trim_poly_g")
    return [
        *("fastp", *source.fastp, "--stdout"),
        "--dont_eval_duplication",  # markdup does it from positions; saves 1 GB
        # With more workers it writes to stdout in an order that changes from run to run, and
        # with the order the batches of bwa; one feeds about twenty threads of bwa.
        *("-w", 1, "-R", title, "-j", report, "-h", page, *passing),
    ]


def _sort(out: Path, threads: int) -> Command:
    sorters = min(threads, 4)
    return [
        *("samtools", "sort", "-@", sorters - 1, "-m", f"{SORT_MEMORY_MB // sorters}M", "-l", 1),
        *("-T", out.with_suffix(".sort"), "-o", out, "-"),
    ]
