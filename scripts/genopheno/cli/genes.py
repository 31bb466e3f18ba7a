"""Stages: tests of genes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, InFile, Threads, app, limit_threads
from genopheno.cli.association import Correction, Prefix


class Burden(StrEnum):
    max = "max"
    sum = "sum"


@app.command(rich_help_panel=STAGES)
def gene_sets(
    genotypes: Prefix,
    out: Annotated[Path, typer.Option(help="Parquet; JSON of the same name is written beside.")],
    consequences: Annotated[Path | None, typer.Option(help="Annotated consequences.")] = None,
    sites: Annotated[Path | None, typer.Option(help="Annotated sites, for scores.")] = None,
    masks: Annotated[
        str | None, typer.Option(help="JSON: association.genes.masks of the configuration.")
    ] = None,
    regenie: Annotated[
        tuple[Path, Path, Path] | None,
        typer.Option(metavar="ANNOTATIONS SETLIST MASKS", help="Files as REGENIE reads them."),
    ] = None,
    saige: Annotated[Path | None, typer.Option(help="Group file as SAIGE reads it.")] = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(metavar="CATEGORY,…", help="With --saige: categories that are one mask."),
    ] = None,
    min_match: Annotated[
        float, typer.Option(help="Least share of a file's variants that the genotypes must have.")
    ] = 0.1,
) -> None:
    """Say which variants of each gene are tested together: by annotation, or by files."""
    given = [option is not None for option in (consequences, regenie, saige)]
    if sum(given) != 1:
        raise typer.BadParameter("give one of --consequences, --regenie, --saige")
    if consequences is None:
        from genopheno.association.genes import setfiles

        setfiles.run(
            genotypes, out, regenie=regenie, saige=saige, masks=mask or [], min_match=min_match
        )
        return
    import json

    from genopheno.association.genes import masks as stage

    try:
        told = json.loads(masks or "{}")
    except json.JSONDecodeError as error:
        raise typer.BadParameter(str(error), param_hint="--masks") from None
    declared = {name: stage.Mask.of(values) for name, values in told.items()}
    stage.run(genotypes, consequences, declared, out, sites)


@app.command(rich_help_panel=STAGES)
def gene_tests(
    genotypes: Prefix,
    design: Annotated[Path, InFile],
    sets: Annotated[Path, typer.Option(exists=True, help="As 'genopheno gene-sets' writes it.")],
    out_dir: Annotated[Path, typer.Option()],
    loco: Annotated[Path | None, typer.Option(help="Predictions, for model wgr.")] = None,
    chromosomes: Annotated[
        Path | None, typer.Option(help="Sex chromosomes, as 'genopheno ploidy' writes them.")
    ] = None,
    x_male_dosage: Annotated[
        int, typer.Option(min=1, max=2, help="What a man's allele of X counts.")
    ] = 2,
    max_frequency: Annotated[
        list[float] | None, typer.Option(help="Largest frequency; may be given more than once.")
    ] = None,
    burden: Annotated[Burden, typer.Option()] = Burden.max,
    ultra_rare_allele_count: Annotated[int, typer.Option(min=0)] = 10,
    weights: Annotated[tuple[float, float], typer.Option(help="Of the beta density.")] = (1, 25),
    min_allele_count: Annotated[int, typer.Option(min=1)] = 10,
    min_variants: Annotated[int, typer.Option(min=1)] = 2,
    follow_up: Annotated[int, typer.Option(min=0, help="Genes that are looked into.")] = 10,
    firth_below: Annotated[float, typer.Option()] = 0.05,
    exact_firth_below: Annotated[float, typer.Option()] = 1e-4,
    correction: Annotated[Correction, typer.Option()] = Correction.firth,
    threads: Threads = 1,
) -> None:
    """Test every gene against every trait: burden, SKAT, SKAT-O, ACAT."""
    limit_threads(1)  # genes are shared out among its own workers
    from genopheno.association import design as designs
    from genopheno.association.genes import scan
    from genopheno.association.genes.gene import Options
    from genopheno.chromosomes import SexChromosomes

    scan.run(
        genotypes,
        designs.read(design),
        sets,
        options=Options(
            max_frequency=tuple(max_frequency or (0.01, 0.001)),
            collapse=burden.value,
            ultra_rare_allele_count=ultra_rare_allele_count,
            weights=weights,
            min_allele_count=min_allele_count,
            min_variants=min_variants,
        ),
        out_dir=out_dir,
        firth_below=firth_below,
        exact_firth_below=exact_firth_below,
        correction=correction.value,
        loco=loco,
        chromosomes=SexChromosomes.read(chromosomes) if chromosomes else None,
        x_male_dosage=x_male_dosage,
        follow_up=follow_up,
        threads=threads,
    )
