"""Stages: variants: calling, and what was called elsewhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import (
    READS,
    STAGES,
    InFile,
    Memory,
    Threads,
    app,
    samples_of_sheet,
    units_of_sheet,
)


class Caller(StrEnum):
    bcftools = "bcftools"
    freebayes = "freebayes"


class Calls(StrEnum):
    bcftools = "bcftools"
    freebayes = "freebayes"
    gvcf = "gvcf"


class GvcfCaller(StrEnum):
    bcftools = "bcftools"
    gatk = "gatk"


@app.command(rich_help_panel=STAGES)
def ploidy(
    fai: Annotated[Path, InFile],
    out_dir: Annotated[Path, typer.Option()],
    build: Annotated[str, typer.Option(help="Name of the genome build.")] = "",
    sex_chromosomes: Annotated[
        str, typer.Option(help="reference.sex_chromosomes of the configuration (JSON).")
    ] = "null",
) -> None:
    """Find X, Y and the mitochondrion; write the copies that each sex has."""
    import json

    from genopheno.variants.ploidy import write_ploidy

    write_ploidy(fai, out_dir, build=build, given=json.loads(sex_chromosomes))


@app.command(rich_help_panel=STAGES)
def shards(
    reference: Annotated[Path, InFile],
    number: Annotated[int, typer.Option(min=1)],
    out_dir: Annotated[Path, typer.Option()],
    targets: Annotated[
        Path | None, typer.Option(exists=True, help="BED of 'genopheno targets'.")
    ] = None,
) -> None:
    """Cut what can be called into regions of equal work."""
    from genopheno.variants.shards import write_shards

    write_shards(reference, number, out_dir, targets=targets)


@app.command(rich_help_panel=STAGES)
def call(
    samples: Annotated[Path, typer.Option(exists=True, help="Sample sheet.")],
    cram_dir: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    reference: Annotated[Path, InFile],
    regions: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="BCF to write (an index beside it).")],
    caller: Annotated[Caller, typer.Option()] = Caller.bcftools,
    ploidy_dir: Annotated[
        Path | None, typer.Option(exists=True, help="Folder of 'genopheno ploidy'.")
    ] = None,
    min_mapping_quality: Annotated[int, typer.Option()] = 20,
    min_base_quality: Annotated[int, typer.Option()] = 13,
    max_depth: Annotated[int, typer.Option()] = 1000,
) -> None:
    """Call the variants of all samples with reads together, in the regions of one shard."""
    from genopheno.variants.calling import call as stage
    from genopheno.variants.ploidy import read_ploidy

    sexes = {unit.sample: unit.sex for unit in units_of_sheet(samples)}
    stage(
        [cram_dir / f"{sample}.cram" for sample in samples_of_sheet(samples, *READS)],
        reference=reference,
        regions=regions,
        out_bcf=output,
        caller=caller,
        min_mapping_quality=min_mapping_quality,
        min_base_quality=min_base_quality,
        max_depth=max_depth,
        copies=read_ploidy(ploidy_dir) if ploidy_dir else None,
        sexes=sexes,
    )


@app.command(rich_help_panel=STAGES)
def gather(
    shards: Annotated[list[Path], typer.Argument(exists=True, help="Shards, in order.")],
    samples: Annotated[Path, typer.Option(exists=True, help="Sample sheet.")],
    reference: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="BCF to write (an index beside it).")],
    report: Annotated[Path, typer.Option(help="Counts to write (JSON).")],
    caller: Annotated[
        Calls, typer.Option(help="Who made the calls; gvcf: combined from gVCFs.")
    ] = Calls.bcftools,
    limits: Annotated[
        str, typer.Option(help='Thresholds of the filters (JSON), such as {"min_quality": 20}.')
    ] = '{"min_quality": 20}',
) -> None:
    """Join the shards: sorted, normalised, filtered softly, counted."""
    import json

    from genopheno.variants.gather import gather as stage

    entries = (*READS, "gvcf") if caller == Calls.gvcf else READS
    stage(
        shards,
        reference=reference,
        samples=samples_of_sheet(samples, *entries),
        out_bcf=output,
        caller=caller,
        limits=json.loads(limits),
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
def receive_vcf(
    vcf: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="VCF or BCF.")],
    samples: Annotated[Path, typer.Option(exists=True, help="Sample sheet that names the file.")],
    reference: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="BCF to write (an index beside it).")],
    report: Annotated[Path, typer.Option(help="Counts to write (JSON).")],
) -> None:
    """Check a VCF that was handed in; split, left-align and cut it to the sheet's samples."""
    from genopheno.problems import fail
    from genopheno.variants.entries import receive_vcf as stage

    here = vcf.resolve()
    units = [u for u in units_of_sheet(samples) if u.entry == "vcf"]
    wanted = [u.sample for u in units if Path(u.file).resolve() == here]
    if not wanted:
        raise fail("sample-not-in-vcf", vcf, f"{samples} does not name it", "Name it there")
    stage(vcf, samples=wanted, reference=reference, out_bcf=output, report=report)


@app.command(rich_help_panel=STAGES)
def merge_calls(
    files: Annotated[list[Path], typer.Argument(exists=True, help="Calls of different samples.")],
    samples: Annotated[Path, typer.Option(exists=True, help="Sample sheet.")],
    output: Annotated[Path, typer.Option(help="BCF to write (an index beside it).")],
    report: Annotated[Path, typer.Option(help="Counts to write (JSON).")],
) -> None:
    """Merge calls made together with calls that were handed in."""
    from genopheno.variants.merging import merge_calls as stage

    stage(files, samples=samples_of_sheet(samples), out_bcf=output, report=report)
