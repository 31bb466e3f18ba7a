"""One sequencing unit: fastp, bwa mem, fixmate and sort in one pipe, nothing in between on disk."""

from __future__ import annotations

from pathlib import Path

from genopheno.files import writing
from genopheno.problems import fail
from genopheno.reads.counts import fastp_counts, primary_reads
from genopheno.tools import Command, run

# Bases per batch of bwa mem: insert sizes are estimated per batch, so a fixed one makes the
# alignments independent of the number of threads (as in the functional-equivalence standard
# of Regier et al. 2018, Nat Commun 9:4038).
BATCH = 100_000_000
SORT_MEMORY_MB = 2048  # over all threads of samtools sort; what does not fit is spilled


def align(
    fastq_1: Path,
    fastq_2: Path,
    *,
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
    trim: bool = True,
    min_base_quality: int = 15,
    min_length: int = 30,
) -> None:
    """Trim, align and sort the read pairs of one unit.

    Parameters
    ----------
    fastq_1, fastq_2 : first and second reads, gzip or plain.
    reference : FASTA with a bwa index beside it.
    bam : coordinate-sorted BAM to write, lightly compressed (it is temporary), mate scores
        set for samtools markdup.
    fastp_json, fastp_html : reports of fastp to write.
    sample, unit_id, library, platform, platform_unit : SM, ID, LB, PL and PU of the read group.
    threads : threads of bwa; the other tools take what it leaves.
    trim : cut adapters and poor ends, drop poor and short reads with their mates;
        False: fastp only measures.
    min_base_quality : a base below it is poor (Phred).
    min_length : shorter reads are dropped with their mate (bp).

    Raises
    ------
    StageError : a tool failed, no read is left, or the BAM holds fewer reads than fastp passed.
        No output is left behind.
    """
    with writing(fastp_json) as report, writing(fastp_html) as page, writing(bam) as out:
        run(
            _fastp(fastq_1, fastq_2, report, page, unit_id, trim, min_base_quality, min_length),
            [
                *("bwa", "mem", "-t", threads, "-K", BATCH, "-v", 1, "-p"),
                "-Y",  # soft-clip supplementary reads: their whole sequence stays in the CRAM
                *("-R", read_group(unit_id, sample, library, platform, platform_unit)),
                *(reference.absolute(), "-"),
            ],
            ["samtools", "fixmate", "-m", "-u", "-", "-"],
            _sort(out, threads),
        )
        counts = fastp_counts([report])
        if counts.reads_after == 0:
            raise fail(
                "reads-none-left",
                fastq_1,
                f"fastp passed none of the {counts.reads} reads of unit {unit_id}",
                "Look at the quality and length of the reads, or set reads.trim: false",
            )
        aligned = primary_reads(out, threads=threads)
        if aligned != counts.reads_after:
            raise fail(
                "reads-lost",
                bam,
                f"fastp passed {counts.reads_after} reads, the alignment holds {aligned}",
                "Check free disk space and memory, then run again",
            )


def read_group(unit_id: str, sample: str, library: str, platform: str, platform_unit: str) -> str:
    r"""The read group as bwa reads it, with ``\t`` between fields.

    Raises
    ------
    StageError : a value holds a backslash, which bwa would interpret, or a control character.
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
    fastq_1: Path,
    fastq_2: Path,
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
    return [
        *("fastp", "-i", fastq_1.absolute(), "-I", fastq_2.absolute(), "--stdout"),
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
