"""Stage: relatives, components and ancestry of a cohort; and new people on its components."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, Engine, InFile, Memory, Threads, app, limit_threads

Fileset = Annotated[Path, typer.Option(help="Prefix of .bed, .bim and .fam.")]
Build = Annotated[str, typer.Option(help="Name of the genome build.")]
MaybeFile = Annotated[Path | None, InFile]


@app.command(rich_help_panel=STAGES)
def structure(
    genotypes: Fileset,
    out_dir: Annotated[Path, typer.Option()],
    components: Annotated[int, typer.Option()] = 10,
    min_allele_frequency: Annotated[float, typer.Option()] = 0.05,
    ld_r2: Annotated[float, typer.Option(help="1: no pruning.")] = 0.2,
    ld_window_kb: Annotated[float, typer.Option()] = 1000,
    ld_window_variants: Annotated[int | None, typer.Option(help="Instead of kb.")] = None,
    max_kinship: Annotated[float, typer.Option()] = 0.0884,
    min_independent_variants: Annotated[int, typer.Option()] = 1000,
    max_isolation: Annotated[float, typer.Option()] = 6,
    build: Build = "unnamed",
    keep_cases_of: Annotated[
        str | None, typer.Option(help="A binary or time-to-event trait.")
    ] = None,
    samples: MaybeFile = None,
    phenotypes: MaybeFile = None,
    traits: MaybeFile = None,
    panel: Annotated[Path | None, typer.Option(help="Fileset of the reference panel.")] = None,
    labels: Annotated[Path | None, typer.Option(help="TSV of the panel's groups.")] = None,
    min_probability: Annotated[float, typer.Option()] = 0.9,
    panel_components: Annotated[int, typer.Option()] = 4,
    min_shared_variants: Annotated[int, typer.Option()] = 1000,
    engine: Annotated[Engine, typer.Option()] = Engine.numpy,
    cohort: Annotated[Path | None, typer.Option(help="Hail matrix, for --engine hail.")] = None,
    threads: Threads = 1,
    memory: Memory = 4000,
) -> None:
    """Kinship (KING), the unrelated set, principal components, and ancestry groups."""
    if (panel is None) != (labels is None):
        raise typer.BadParameter("--panel and --labels go together")
    tables = (samples, phenotypes, traits)
    if keep_cases_of and None in tables:
        raise typer.BadParameter("--keep-cases-of asks for --samples, --phenotypes and --traits")
    limit_threads(1)  # work is shared out among its own threads
    from genopheno.structure.cases import cases
    from genopheno.structure.run import Panel, Pruning
    from genopheno.structure_engines import structure as stage

    stage(
        genotypes,
        out_dir,
        engine=engine.value,
        cohort=cohort,
        components=components,
        min_allele_frequency=min_allele_frequency,
        max_kinship=max_kinship,
        pruning=Pruning(ld_r2, ld_window_kb, ld_window_variants),
        prefer=cases(keep_cases_of, *tables) if keep_cases_of else (),
        min_independent_variants=min_independent_variants,
        max_isolation=max_isolation,
        panel=Panel(panel, labels, min_probability, panel_components, min_shared_variants)
        if panel
        else None,
        build=build,
        threads=threads,
        memory_mb=memory,
    )


@app.command(rich_help_panel=STAGES)
def project(
    loadings: Annotated[Path, InFile],
    genotypes: Fileset,
    output: Annotated[Path, typer.Option(help="Table to write (Parquet; a JSON beside it).")],
    build: Build = "unnamed",
    min_shared: Annotated[float, typer.Option(help="Fraction of the loadings.")] = 0.8,
    min_called: Annotated[float, typer.Option(help="Fraction, per person.")] = 0.5,
    threads: Threads = 1,
) -> None:
    """Project people onto the components of an earlier cohort."""
    limit_threads(threads)
    from genopheno.structure.loadings import project_batch

    found = project_batch(
        genotypes, loadings, output, build=build, min_shared=min_shared, min_called=min_called
    )
    print(
        f"{found['n_samples']} samples projected with {found['n_variants_shared']} of "
        f"{found['n_variants_loadings']} variants; {found['n_samples_too_few_called']} have too "
        "few of them called"
    )
