"""Stage: signals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, InFile, Threads, app, limit_threads


@app.command(rich_help_panel=STAGES)
def signals(
    genotypes: Annotated[Path, typer.Option(help="Prefix of .bed, .bim and .fam.")],
    results: Annotated[Path, InFile],
    trait: Annotated[str, typer.Option(help="Its name, as in the design.")],
    out_dir: Annotated[Path, typer.Option()],
    p_value: Annotated[float, typer.Option(help="Greatest p of an index variant.")] = 5e-8,
    r2: Annotated[float, typer.Option(help="Least r2 of a variant with its index.")] = 0.1,
    kb: Annotated[float, typer.Option(help="Reach of a clump, in 1,000 bp.")] = 500,
    coverage: Annotated[float, typer.Option(help="Probability of a credible set.")] = 0.95,
    design: Annotated[
        Path | None, typer.Option(help="Design of the scan, for conditional tests.")
    ] = None,
    loco: Annotated[Path | None, typer.Option(help="Predictions of 'genopheno loco'.")] = None,
    sites: Annotated[Path | None, typer.Option(help="Annotated sites.")] = None,
    genes: Annotated[Path | None, typer.Option(help="Gene models (GFF3).")] = None,
    chromosomes: Annotated[
        Path | None, typer.Option(help="chromosomes.json of 'genopheno ploidy'.")
    ] = None,
    known: Annotated[
        Path | None, typer.Option(help="Known associations: the GWAS Catalog's TSV, or a list.")
    ] = None,
    known_kb: Annotated[float, typer.Option(help="Within this reach nothing is novel.")] = 500,
    threads: Threads = 1,
) -> None:
    """Clumps, independent signals and credible sets of one trait."""
    limit_threads(threads)
    from genopheno.signals.run import run as stage

    stage(
        genotypes,
        results,
        trait,
        out_dir,
        p_value=p_value,
        r2=r2,
        kb=kb,
        coverage=coverage,
        design=design,
        loco=loco,
        sites=sites,
        gene_models=genes,
        chromosomes=chromosomes,
        known_list=known,
        known_kb=known_kb,
        progress=typer.echo,
    )
