"""Stages: variants: calling, annotation, matrices."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, InFile, Memory, Threads, app, pairs, samples_of_sheet


class GvcfCaller(StrEnum):
    bcftools = "bcftools"
    gatk = "gatk"


@app.command(rich_help_panel=STAGES)
def shards(
    fai: Annotated[Path, InFile],
    number: Annotated[int, typer.Option(min=1)],
    out_dir: Annotated[Path, typer.Option()],
) -> None:
    """Cut the reference into regions of equal work."""
    from genopheno.variants.shards import write_shards

    write_shards(fai, number, out_dir)


@app.command(rich_help_panel=STAGES)
def call(
    samples: Annotated[Path, typer.Option(exists=True, help="Sample sheet.")],
    cram_dir: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    reference: Annotated[Path, InFile],
    regions: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="BCF to write (an index beside it).")],
    min_mapping_quality: Annotated[int, typer.Option()] = 20,
    min_base_quality: Annotated[int, typer.Option()] = 13,
    max_depth: Annotated[int, typer.Option()] = 1000,
) -> None:
    """Call the variants of all samples together, in the regions of one shard (bcftools)."""
    from genopheno.variants.calling import call as stage

    stage(
        [cram_dir / f"{sample}.cram" for sample in samples_of_sheet(samples)],
        reference=reference,
        regions=regions,
        out_bcf=output,
        min_mapping_quality=min_mapping_quality,
        min_base_quality=min_base_quality,
        max_depth=max_depth,
    )


@app.command(rich_help_panel=STAGES)
def gather(
    shards: Annotated[list[Path], typer.Argument(exists=True, help="Shards, in order.")],
    samples: Annotated[Path, typer.Option(exists=True, help="Sample sheet.")],
    reference: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="BCF to write (an index beside it).")],
    report: Annotated[Path, typer.Option(help="Counts to write (JSON).")],
    min_quality: Annotated[float, typer.Option()] = 20,
) -> None:
    """Join the shards: sorted, normalised, filtered softly, counted."""
    from genopheno.variants.calling import gather as stage

    stage(
        shards,
        reference=reference,
        samples=samples_of_sheet(samples),
        out_bcf=output,
        min_quality=min_quality,
        report=report,
    )


@app.command(rich_help_panel=STAGES)
def call_gvcf(
    sample: Annotated[str, typer.Argument(help="Its name in the sheet.")],
    cram: Annotated[Path, InFile],
    reference: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="gVCF to write (.g.vcf.gz; an index beside it).")],
    report: Annotated[Path, typer.Option(help="Counts to write (JSON).")],
    caller: Annotated[GvcfCaller, typer.Option()] = GvcfCaller.bcftools,
    ploidy: Annotated[
        Path | None, typer.Option(help="BED of regions with 0 or 1 copies in this sample.")
    ] = None,
    min_mapping_quality: Annotated[int, typer.Option()] = 20,
    min_base_quality: Annotated[int, typer.Option()] = 13,
    max_depth: Annotated[int, typer.Option()] = 1000,
    threads: Threads = 1,
    memory: Memory = 4000,
) -> None:
    """Call one sample at every position: its permanent gVCF."""
    from genopheno.variants.gvcf_calling import call_gvcf as stage

    stage(
        cram,
        sample=sample,
        reference=reference,
        out_gvcf=output,
        report=report,
        caller=caller.value,
        ploidy_bed=ploidy,
        min_mapping_quality=min_mapping_quality,
        min_base_quality=min_base_quality,
        max_depth=max_depth,
        threads=threads,
        memory_mb=memory,
    )


@app.command(rich_help_panel=STAGES)
def receive_gvcf(
    sample: Annotated[str, typer.Argument(help="Its name in the sheet.")],
    gvcf: Annotated[Path, InFile],
    reference: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="gVCF to write (.g.vcf.gz; an index beside it).")],
    report: Annotated[Path, typer.Option(help="Counts to write (JSON).")],
) -> None:
    """Bring a gVCF that was handed in into the form that can be combined, or refuse it."""
    from genopheno.variants.gvcf import normalise

    normalise(gvcf, sample=sample, reference=reference, out_gvcf=output, report=report)


@app.command(rich_help_panel=STAGES)
def annotate(
    calls: Annotated[Path, InFile],
    reference: Annotated[Path, InFile],
    genes: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="VCF to write (.vcf.gz; an index beside it).")],
    sites: Annotated[Path, typer.Option(help="Table of sites to write (Parquet).")],
    report: Annotated[Path, typer.Option(help="Counts to write (JSON).")],
    database: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VCF", help="Prepared site database.")
    ] = None,
) -> None:
    """Consequences on genes (bcftools csq) and fields of site databases."""
    from genopheno.variants.annotate import annotate as stage

    stage(
        calls,
        reference=reference,
        genes_gff3=genes,
        databases=dict(pairs(database, "--database")),
        out_vcf=output,
        sites_parquet=sites,
        report_json=report,
    )
