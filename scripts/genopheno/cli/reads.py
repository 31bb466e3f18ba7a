"""Stages: reads to alignments, and the measures of them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, InFile, Threads, app, pairs


class AlignerName(StrEnum):
    bwa = "bwa"
    bwa_mem2 = "bwa-mem2"
    minimap2 = "minimap2"
    snap = "snap"


Aligner = Annotated[AlignerName, typer.Option(help="Which aligner.")]
Platform = Annotated[str, typer.Option(help="Read-group PL.")]
Sample = Annotated[str, typer.Option(help="Read-group SM.")]
Library = Annotated[str, typer.Option(help="Read-group LB.")]
Lane = Annotated[str, typer.Option(help="Lane or run; part of read-group ID and PU.")]


@app.command(rich_help_panel=STAGES)
def index(
    reference: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="FASTA.")],
    aligner: Aligner = AlignerName.bwa,
    threads: Threads = 1,
) -> None:
    """Make the index of the reference for one aligner, beside the FASTA."""
    from genopheno.reads.aligners import make_index

    make_index(aligner.value, reference, threads=threads)


@app.command(rich_help_panel=STAGES)
def align(
    sample: Sample,
    library: Library,
    lane: Lane,
    reference: Annotated[Path, typer.Option(exists=True, help="FASTA with its index.")],
    bam: Annotated[Path, typer.Option(help="BAM to write.")],
    json_report: Annotated[Path, typer.Option("--json", help="fastp report to write.")],
    html_report: Annotated[Path, typer.Option("--html", help="fastp report to write.")],
    fastq_1: Annotated[Path | None, typer.Option("--fastq-1", exists=True)] = None,
    fastq_2: Annotated[
        Path | None, typer.Option("--fastq-2", exists=True, help="Absent: single reads.")
    ] = None,
    alignment: Annotated[
        Path | None,
        typer.Option(exists=True, help="BAM or CRAM to take the reads from, aligned or not."),
    ] = None,
    aligner: Aligner = AlignerName.bwa,
    platform: Platform = "ILLUMINA",
    trim: Annotated[bool, typer.Option(help="Trim adapters and poor ends.")] = True,
    min_base_quality: Annotated[int, typer.Option()] = 15,
    min_length: Annotated[int, typer.Option()] = 30,
    threads: Threads = 1,
) -> None:
    """Read QC, trimming and alignment of one sequencing unit (fastp and an aligner)."""
    from genopheno.project import CACHE
    from genopheno.reads.align import align as stage
    from genopheno.submission.receive import verify_pair

    if fastq_1:
        verify_pair(fastq_1, fastq_2, CACHE)
    stage(
        fastq_1,
        fastq_2,
        alignment=alignment,
        reference=reference,
        bam=bam,
        fastp_json=json_report,
        fastp_html=html_report,
        sample=sample,
        unit_id=f"{sample}.{library}.{lane}",
        library=library,
        platform=platform,
        platform_unit=f"{lane}.{library}",
        threads=threads,
        aligner=aligner.value,
        trim=trim,
        min_base_quality=min_base_quality,
        min_length=min_length,
    )


@app.command(rich_help_panel=STAGES)
def import_alignment(
    alignment: Annotated[Path, typer.Argument(exists=True, help="Aligned BAM or CRAM.")],
    sample: Annotated[str, typer.Option(help="Read-group SM that all records get.")],
    library: Library,
    lane: Lane,
    reference: Annotated[Path, InFile],
    cram: Annotated[Path, typer.Option(help="CRAM to write (.crai and .md5 beside it).")],
    report: Annotated[Path, typer.Option(help="JSON to write: counts, and what was changed.")],
    platform: Platform = "ILLUMINA",
    threads: Threads = 1,
) -> None:
    """Take an alignment as it is: sorted CRAM with the sample's name. The read group that the
    options describe is given to records only where the file has none."""
    from genopheno.reads.align import read_group
    from genopheno.reads.import_alignment import import_alignment as stage

    said = stage(
        alignment,
        reference=reference,
        cram=cram,
        md5=cram.with_name(cram.name + ".md5"),
        report=report,
        sample=sample,
        read_group=read_group(
            f"{sample}.{library}.{lane}", sample, library, platform, f"{lane}.{library}"
        ),
        threads=threads,
    )
    for note in said["notes"]:
        print(f"note: {alignment}: {note}")


@app.command(rich_help_panel=STAGES)
def mark_duplicates(
    unit: Annotated[list[str], typer.Option(metavar="LIBRARY=BAM", help="Unit; repeatable.")],
    reference: Annotated[Path, InFile],
    cram: Annotated[Path, typer.Option(help="CRAM to write (.crai and .md5 beside it).")],
    report: Annotated[Path, typer.Option(help="samtools markdup report to write.")],
    threads: Threads = 1,
) -> None:
    """Merge the units of a sample, marking duplicates across the lanes of a library."""
    from genopheno.reads.duplicates import mark_duplicates as stage

    stage(
        pairs(unit, "--unit"),
        reference=reference,
        cram=cram,
        md5=cram.with_name(cram.name + ".md5"),
        markdup_report=report,
        threads=threads,
    )


@app.command(rich_help_panel=STAGES)
def read_qc(
    cram: Annotated[Path, typer.Argument(exists=True)],
    sample: Annotated[str, typer.Option()],
    participant: Annotated[str, typer.Option()],
    reference: Annotated[Path, InFile],
    out_dir: Annotated[Path, typer.Option()],
    fastp: Annotated[
        list[Path] | None,
        typer.Option(help="fastp report of a unit; repeatable. None: an imported alignment."),
    ] = None,
    targets: Annotated[
        Path | None, typer.Option(exists=True, help="BED of targets, measured besides.")
    ] = None,
    threads: Threads = 1,
) -> None:
    """Coverage (mosdepth), samtools stats and the metrics of one sample."""
    from genopheno.reads.qc import read_qc as stage

    stage(
        cram,
        reference=reference,
        fastp_jsons=fastp or [],
        sample=sample,
        participant=participant,
        out_dir=out_dir,
        targets=targets,
        threads=threads,
    )
