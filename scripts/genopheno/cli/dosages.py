"""Stage: imputed genotypes in the form that the scan reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, app


@app.command(rich_help_panel=STAGES)
def dosages(
    files: Annotated[list[Path], typer.Argument(help="VCF, BCF, BGEN or PGEN.")],
    genotypes: Annotated[Path, typer.Option(help="Prefix of .bed, .bim and .fam: who is wanted.")],
    out: Annotated[Path, typer.Option(help="Prefix; .pgen, .pvar, .psam and .json are written.")],
    reference: Annotated[
        Path | None, typer.Option(help="FASTA: which allele is the reference's, which build.")
    ] = None,
    chromosomes: Annotated[
        Path | None, typer.Option(help="Sex chromosomes, as 'genopheno ploidy' writes them.")
    ] = None,
) -> None:
    """Bring imputed genotypes into one fileset for the people of the cohort."""
    from genopheno.chromosomes import SexChromosomes
    from genopheno.dosages.prepare import prepare

    prepare(
        files,
        genotypes,
        out,
        reference=reference,
        chromosomes=SexChromosomes.read(chromosomes) if chromosomes else SexChromosomes(),
    )
