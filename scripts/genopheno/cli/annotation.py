"""Stages: annotation of the calls."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, InFile, Memory, Threads, app, pairs


class Predictor(StrEnum):
    csq = "csq"
    snpeff = "snpeff"
    vep = "vep"


@app.command(rich_help_panel=STAGES)
def snpeff_database(
    reference: Annotated[Path, InFile],
    genes: Annotated[Path, InFile],
    out_dir: Annotated[Path, typer.Option(help="Folder to write.")],
    memory: Memory = 8000,
) -> None:
    """Build the database of SnpEff from the project's own reference and gene models."""
    from genopheno.annotation.engines.snpeff import build

    build(reference, genes, out_dir, memory_mb=memory)


@app.command(rich_help_panel=STAGES)
def annotate(
    calls: Annotated[Path, InFile],
    reference: Annotated[Path, InFile],
    genes: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="VCF to write (.vcf.gz; an index beside it).")],
    sites: Annotated[Path, typer.Option(help="Table of sites to write (Parquet).")],
    consequences: Annotated[
        Path, typer.Option(help="Table of consequences on all transcripts to write (Parquet).")
    ],
    report: Annotated[Path, typer.Option(help="Counts to write (JSON).")],
    database: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VCF", help="Prepared site database.")
    ] = None,
    min_fraction: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FRACTION",
            help="Fraction of the alleles that it must hold; 0: one allele; none: no floor.",
        ),
    ] = None,
    engine: Annotated[
        Predictor, typer.Option(help="Who predicts consequences; vep has not been run by us.")
    ] = Predictor.csq,
    snpeff_database: Annotated[
        Path | None, typer.Option(help="Folder of 'genopheno snpeff-database'.")
    ] = None,
    vep: Annotated[str, typer.Option(help="annotation.vep of the configuration (JSON).")] = "null",
    phased: Annotated[
        bool, typer.Option("--phased", help="csq: by haplotype; all genotypes are phased.")
    ] = False,
    threads: Threads = 2,
    memory: Memory = 4000,
) -> None:
    """Consequences on genes, and fields of site databases, for every called allele."""
    import json

    from genopheno.annotation.annotate import EngineOptions, VepOptions
    from genopheno.annotation.annotate import annotate as stage

    given = json.loads(vep)
    stage(
        calls,
        reference=reference,
        genes_gff3=genes,
        databases=dict(pairs(database, "--database")),
        out_vcf=output,
        sites_parquet=sites,
        consequences_parquet=consequences,
        report_json=report,
        min_fractions=_fractions(min_fraction),
        engine=EngineOptions(
            engine.value,
            phased,
            snpeff_database,
            VepOptions(**given | {"cache": Path(given["cache"] or "")}) if given else None,
            memory,
        ),
        threads=threads,
    )


def _fractions(values: list[str] | None) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, value in pairs(values, "--min-fraction"):
        try:
            found[name] = None if str(value) == "none" else float(str(value))
        except ValueError:
            raise typer.BadParameter(
                f"{value} is neither a number nor none", param_hint="--min-fraction"
            ) from None
    return found
