"""Stages: people and genotypes joined."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import (
    PROJECT,
    READS,
    STAGES,
    ConfigFile,
    Directory,
    InFile,
    Memory,
    Threads,
    app,
    samples_of_sheet,
)
from genopheno.problems import StageError


@app.command(rich_help_panel=STAGES)
def combine(
    samples: Annotated[Path, typer.Option(exists=True, help="Sample sheet.")],
    gvcf_dir: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    fai: Annotated[Path, InFile],
    store: Annotated[Path, typer.Option(help="Folder of the store; made if it is not there.")],
    output: Annotated[Path, typer.Option(help="BCF to write (an index beside it).")],
    charr: Annotated[Path, typer.Option(help="Table of contamination to write (Parquet).")],
    report: Annotated[Path, typer.Option(help="Counts to write (JSON).")],
    build: Annotated[str, typer.Option(help="Name of the genome build.")] = "unnamed",
    threads: Threads = 1,
    memory: Memory = 4000,
) -> None:
    """Add new samples' gVCFs to the store (Hail VDS), take out gone ones, write the matrix."""
    from genopheno.cohort.combine import combine as stage

    names = samples_of_sheet(samples, *READS, "gvcf")
    stage(
        {sample: gvcf_dir / f"{sample}.g.vcf.gz" for sample in names},
        store_dir=store,
        fai=fai,
        build=build,
        out_bcf=output,
        charr=charr,
        report=report,
        threads=threads,
        memory_mb=memory,
    )


@app.command(rich_help_panel=PROJECT)
def withdraw(
    samples: Annotated[list[str], typer.Argument(metavar="SAMPLE...", help="Who leaves.")],
    directory: Directory = Path(),
    config: ConfigFile = Path("config/config.yaml"),
    threads: Threads = 1,
    memory: Memory = 4000,
) -> None:
    """Take samples out of the store of gVCFs, and list what else names them."""
    from genopheno.cohort.withdraw import traces
    from genopheno.cohort.withdraw import withdraw as stage
    from genopheno.settings import load

    settings = load(directory / config)
    left = stage(directory / "results/gvcfs/store", samples, threads=threads, memory_mb=memory)
    print(f"Taken out of the store: {', '.join(samples)}; {left} samples are left in it.")
    sources = [directory / settings.samples, directory / settings.participants]
    found = traces(directory / "results", sources, samples)
    for line in found:
        print(line)


@app.command(rich_help_panel=STAGES)
def phenotypes(
    participants: Annotated[Path, InFile],
    declaration: Annotated[Path, InFile],
    units: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="Table to write (Parquet).")],
    traits: Annotated[Path, typer.Option(help="Declared traits with counts, to write (JSON).")],
    group: Annotated[list[str] | None, typer.Option(help="Column to group by.")] = None,
    keep: Annotated[list[str] | None, typer.Option(help="Further column to keep.")] = None,
) -> None:
    """Read participants and declared traits into one typed table."""
    from genopheno.clinical import check as checks
    from genopheno.clinical.phenotypes import write
    from genopheno.submission.controls import only_controls
    from genopheno.submission.sheet import people, read_units

    received = read_units(units)
    clinical, problems, notes = checks.check(
        participants,
        declaration,
        people=people(received),
        people_rows=None,
        sheet_path=units,
        groups=group or [],
        kept=keep or [],
        exempt=only_controls(received),
    )
    if problems or clinical is None:
        raise StageError(*problems)
    for note in notes:
        print(note)
    write(clinical, output, traits)


@app.command(rich_help_panel=STAGES)
def join(
    vcf: Annotated[Path, InFile],
    sites: Annotated[Path, InFile],
    verdicts: Annotated[Path, InFile],
    units: Annotated[Path, InFile],
    phenotypes: Annotated[Path, InFile],
    traits: Annotated[Path, InFile],
    out_dir: Annotated[Path, typer.Option()],
    build: Annotated[str, typer.Option(help="Name of the genome build.")] = "unnamed",
    min_call_rate: Annotated[float, typer.Option()] = 0.9,
    min_hwe_p_value: Annotated[float, typer.Option()] = 1e-10,
    min_genotype_quality: Annotated[int, typer.Option()] = 0,
    threads: Threads = 1,
    memory: Memory = 4000,
) -> None:
    """Join genotypes, annotation, verdicts and phenotypes in Hail; QC; export."""
    from genopheno.cohort.join import join as stage

    stage(
        vcf=vcf,
        sites_parquet=sites,
        verdicts_parquet=verdicts,
        units_tsv=units,
        phenotypes_parquet=phenotypes,
        traits_json=traits,
        out_dir=out_dir,
        build=build,
        min_call_rate=min_call_rate,
        min_hwe_p_value=min_hwe_p_value,
        min_genotype_quality=min_genotype_quality,
        threads=threads,
        memory_mb=memory,
    )


@app.command(rich_help_panel=STAGES)
def summarise(
    cohort: Annotated[Path, typer.Option(exists=True, help="Hail matrix of the cohort.")],
    out_dir: Annotated[Path, typer.Option()],
    group: Annotated[list[str] | None, typer.Option(help="Column to group by.")] = None,
    threads: Threads = 1,
    memory: Memory = 4000,
) -> None:
    """Cohort summaries in Hail: counts, frequencies and phenotypes per group."""
    from genopheno.cohort.summaries import summarise as stage

    stage(cohort, out_dir, groups=group or [], threads=threads, memory_mb=memory)
