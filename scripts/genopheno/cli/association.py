"""Stages: association."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, Engine, InFile, Memory, Relatives, Threads, app, limit_threads


@app.command(rich_help_panel=STAGES)
def associate(
    genotypes: Annotated[Path, typer.Option(help="Prefix of .bed, .bim and .fam.")],
    samples: Annotated[Path, InFile],
    phenotypes: Annotated[Path, InFile],
    traits: Annotated[Path, InFile],
    out_dir: Annotated[Path, typer.Option()],
    cohort: Annotated[Path | None, typer.Option(help="Hail matrix, for --engine hail.")] = None,
    variants: Annotated[Path | None, typer.Option(help="Table of variants, for rsids.")] = None,
    components: Annotated[Path | None, typer.Option(help="Principal components.")] = None,
    n_components: Annotated[int, typer.Option(help="How many join the covariates.")] = 0,
    relatives: Annotated[Relatives, typer.Option()] = Relatives.drop,
    min_allele_count: Annotated[int, typer.Option()] = 10,
    firth_below: Annotated[float, typer.Option()] = 0.05,
    exact_firth_below: Annotated[float, typer.Option()] = 1e-4,
    engine: Annotated[Engine, typer.Option()] = Engine.numpy,
    threads: Threads = 1,
    memory: Memory = 4000,
) -> None:
    """Test every variant against every trait, in one scan."""
    limit_threads(1)  # the scan has its own workers
    from genopheno.engines import associate as stage

    stage(
        engine=engine.value,
        genotypes=genotypes,
        samples=samples,
        phenotypes=phenotypes,
        traits=traits,
        out_dir=out_dir,
        cohort=cohort,
        variants=variants,
        components=components,
        n_components=n_components,
        relatives=relatives.value,
        min_allele_count=min_allele_count,
        firth_below=firth_below,
        exact_firth_below=exact_firth_below,
        threads=threads,
        memory_mb=memory,
    )
