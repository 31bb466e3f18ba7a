"""Stages: reads to alignments, and the measures of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, InFile, Threads, app, pairs


@app.command(rich_help_panel=STAGES)
def align(
    sample: Annotated[str, typer.Option(help="Read-group SM.")],
    library: Annotated[str, typer.Option(help="Read-group LB.")],
    lane: Annotated[str, typer.Option(help="Lane or run; part of read-group ID and PU.")],
    fastq_1: Annotated[Path, typer.Option("--fastq-1", exists=True)],
    fastq_2: Annotated[Path, typer.Option("--fastq-2", exists=True)],
    reference: Annotated[Path, typer.Option(exists=True, help="FASTA with a bwa index.")],
    bam: Annotated[Path, typer.Option(help="BAM to write.")],
    json_report: Annotated[Path, typer.Option("--json", help="fastp report to write.")],
    html_report: Annotated[Path, typer.Option("--html", help="fastp report to write.")],
    platform: Annotated[str, typer.Option(help="Read-group PL.")] = "ILLUMINA",
    trim: Annotated[bool, typer.Option(help="Trim adapters and poor ends.")] = True,
    min_base_quality: Annotated[int, typer.Option()] = 15,
    min_length: Annotated[int, typer.Option()] = 30,
    threads: Threads = 1,
) -> None:
    """Read QC, trimming and alignment of one sequencing unit (fastp, bwa mem)."""
    from genopheno.project import CACHE
    from genopheno.reads.align import align as stage
    from genopheno.submission.receive import verify_pair

    verify_pair(fastq_1, fastq_2, CACHE)
    stage(
        fastq_1,
        fastq_2,
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
        trim=trim,
        min_base_quality=min_base_quality,
        min_length=min_length,
    )


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
    fastp: Annotated[list[Path], typer.Option(help="fastp report of a unit; repeatable.")],
    out_dir: Annotated[Path, typer.Option()],
    threads: Threads = 1,
) -> None:
    """Coverage (mosdepth), samtools stats and the metrics of one sample."""
    from genopheno.reads.qc import read_qc as stage

    stage(
        cram,
        reference=reference,
        fastp_jsons=fastp,
        sample=sample,
        participant=participant,
        out_dir=out_dir,
        threads=threads,
    )
