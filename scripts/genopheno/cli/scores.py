"""Stage: polygenic scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, Threads, app, limit_threads, pairs


@app.command(rich_help_panel=STAGES)
def score(
    genotypes: Annotated[Path, typer.Option(help="Prefix of .bed, .bim and .fam.")],
    scoring: Annotated[
        list[str], typer.Option(help="NAME=FILE, a PGS Catalog scoring file; repeatable.")
    ],
    build: Annotated[str, typer.Option(help="Genome build of the genotypes.")],
    out_dir: Annotated[Path, typer.Option()],
    min_match: Annotated[
        float, typer.Option(help="Least share of a score's variants to be found.")
    ] = 0.75,
    keep_ambiguous: Annotated[
        bool, typer.Option("--keep-ambiguous", help="Take A/T and C/G variants as they stand.")
    ] = False,
    components: Annotated[
        Path | None, typer.Option(help="Principal components, to adjust for ancestry.")
    ] = None,
    n_components: Annotated[int, typer.Option()] = 4,
    variants: Annotated[
        Path | None, typer.Option(help="Table of variants, for scoring files with rsIDs only.")
    ] = None,
    threads: Threads = 1,
) -> None:
    """Polygenic scores of everybody, from PGS Catalog scoring files."""
    limit_threads(threads)
    from genopheno import fields
    from genopheno.scores.run import run as stage

    files = pairs(scoring, "--scoring")
    if len(dict(files)) != len(files):
        raise typer.BadParameter("a name occurs twice", param_hint="--scoring")
    stage(
        genotypes,
        dict(files),
        out_dir,
        build=build,
        min_match=min_match,
        keep_ambiguous=keep_ambiguous,
        components=fields.read(components) if components else None,
        n_components=n_components,
        rsids=fields.read(variants, ["variant_id", "rsid"]) if variants else None,
        progress=typer.echo,
    )
