"""Stages: association."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, Engine, InFile, Memory, Relatives, Threads, app, limit_threads

Prefix = Annotated[Path, typer.Option(help="Prefix of .bed, .bim and .fam.")]


class Model(StrEnum):
    auto = "auto"
    regression = "regression"
    wgr = "wgr"
    lmm = "lmm"


class Correction(StrEnum):
    firth = "firth"
    spa = "spa"


@app.command(rich_help_panel=STAGES)
def design(
    genotypes: Prefix,
    samples: Annotated[Path, InFile],
    phenotypes: Annotated[Path, InFile],
    traits: Annotated[Path, InFile],
    out: Annotated[Path, typer.Option(help="Parquet; JSON of the same name is written beside.")],
    components: Annotated[Path | None, typer.Option(help="Principal components.")] = None,
    n_components: Annotated[int, typer.Option(help="How many join the covariates.")] = 0,
    relatives: Annotated[Relatives, typer.Option()] = Relatives.drop,
    model: Annotated[Model, typer.Option()] = Model.auto,
    stratum: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:COLUMN=VALUE",
            help="Test every trait in this part of the cohort, too. Values of one column: any "
            "of them; several columns: all. Column ancestry: --structure.",
        ),
    ] = None,
    structure: Annotated[Path | None, typer.Option(help="Groups of samples.")] = None,
    condition_on: Annotated[
        list[str] | None, typer.Option(help="Variant whose dosage becomes a covariate.")
    ] = None,
    variants: Annotated[Path | None, typer.Option(help="Table of variants, for rsIDs.")] = None,
    interaction: Annotated[
        list[str] | None, typer.Option(help="Covariate that 'interact' will ask for.")
    ] = None,
    engine: Annotated[Engine, typer.Option()] = Engine.numpy,
) -> None:
    """Decide who is tested for which trait, with which numbers and by which model."""
    from genopheno import strata
    from genopheno.engines import make_design as stage

    try:
        made = strata.parse(stratum or [])
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--stratum") from None

    stage(
        engine=engine.value,
        genotypes=genotypes,
        samples=samples,
        phenotypes=phenotypes,
        traits=traits,
        components=components,
        n_components=n_components,
        relatives=relatives.value,
        model=model.value,
        out=out,
        strata=made,
        structure=structure,
        condition_on=condition_on or [],
        variants=variants,
        interactions=interaction or [],
    )


@app.command(rich_help_panel=STAGES)
def loco(
    genotypes: Prefix,
    design: Annotated[Path, InFile],
    out: Annotated[Path, typer.Option(help="Parquet; JSON of the same name is written beside.")],
    regenie_dir: Annotated[
        Path | None, typer.Option(help="Folder for .loco files and pred.list, as REGENIE's.")
    ] = None,
    block_size: Annotated[int, typer.Option()] = 1000,
    min_allele_frequency: Annotated[float, typer.Option()] = 0.01,
    threads: Threads = 1,
) -> None:
    """Predict traits from all chromosomes but one: step 1 of whole-genome regression."""
    limit_threads(1)  # blocks are shared out among its own workers
    from genopheno.engines import predict as stage

    stage(
        genotypes=genotypes,
        design=design,
        out=out,
        regenie_dir=regenie_dir,
        block_size=block_size,
        min_allele_frequency=min_allele_frequency,
        threads=threads,
    )


@app.command(rich_help_panel=STAGES)
def associate(
    genotypes: Prefix,
    design: Annotated[Path, InFile],
    out_dir: Annotated[Path, typer.Option()],
    loco: Annotated[Path | None, typer.Option(help="Predictions, for model wgr.")] = None,
    cohort: Annotated[Path | None, typer.Option(help="Hail matrix, for --engine hail.")] = None,
    variants: Annotated[Path | None, typer.Option(help="Table of variants, for rsids.")] = None,
    part: Annotated[
        str | None,
        typer.Option(help="Part of the variants, such as 3/10; gather-scan joins all ten."),
    ] = None,
    chromosomes: Annotated[
        Path | None, typer.Option(help="Sex chromosomes, as 'genopheno ploidy' writes them.")
    ] = None,
    x_male_dosage: Annotated[
        int, typer.Option(min=1, max=2, help="What a man's allele of X counts.")
    ] = 2,
    dosages: Annotated[
        Path | None, typer.Option(help="Prefix of 'genopheno dosages', scanned instead.")
    ] = None,
    min_imputation_quality: Annotated[float, typer.Option()] = 0.3,
    min_allele_count: Annotated[int, typer.Option()] = 10,
    firth_below: Annotated[float, typer.Option()] = 0.05,
    exact_firth_below: Annotated[float, typer.Option()] = 1e-4,
    correction: Annotated[Correction, typer.Option()] = Correction.firth,
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
        design=design,
        loco=loco,
        out_dir=out_dir,
        cohort=cohort,
        variants=variants,
        part=part,
        chromosomes=chromosomes,
        x_male_dosage=x_male_dosage,
        dosages=dosages,
        min_imputation_quality=min_imputation_quality,
        min_allele_count=min_allele_count,
        firth_below=firth_below,
        exact_firth_below=exact_firth_below,
        correction=correction.value,
        threads=threads,
        memory_mb=memory,
    )


@app.command(rich_help_panel=STAGES)
def gather_scan(
    parts: Annotated[list[Path], typer.Argument(help="Folders that 'associate --part' left.")],
    out_dir: Annotated[Path, typer.Option()],
    threads: Threads = 1,
) -> None:
    """Put the parts of a scan together: the same files as of one job."""
    limit_threads(1)  # traits are shared out among its own workers
    from genopheno.association import gather as stage

    stage.run(parts, out_dir, threads=threads)


@app.command(rich_help_panel=STAGES)
def interact(
    genotypes: Prefix,
    design: Annotated[Path, InFile],
    trait: Annotated[str, typer.Option()],
    covariate: Annotated[str, typer.Option(help="One of those of 'design --interaction'.")],
    out: Annotated[Path, typer.Option(help="Parquet; .tsv.gz and .json are written beside.")],
    loco: Annotated[Path | None, typer.Option(help="Predictions, for model wgr.")] = None,
    variants: Annotated[Path | None, typer.Option(help="Table of variants, for rsids.")] = None,
    min_allele_count: Annotated[int, typer.Option()] = 10,
    firth_below: Annotated[float, typer.Option()] = 0.05,
    threads: Threads = 1,
) -> None:
    """Test the interaction of every variant with one covariate on one trait."""
    limit_threads(1)  # the scan has its own workers
    from genopheno.engines import interact as stage

    stage(
        genotypes=genotypes,
        design=design,
        trait=trait,
        covariate=covariate,
        out=out,
        loco=loco,
        variants=variants,
        min_allele_count=min_allele_count,
        firth_below=firth_below,
        threads=threads,
    )


@app.command(rich_help_panel=STAGES)
def calibrate(
    genotypes: Prefix,
    design: Annotated[Path, InFile],
    out: Annotated[Path, typer.Option(help="Parquet; JSON of the same name is written beside.")],
    results_dir: Annotated[
        Path | None, typer.Option(help="Results of the scan, for LD-score intercepts.")
    ] = None,
    ld_scores: Annotated[
        Path | None, typer.Option(exists=True, help="LD scores, as ldsc writes them.")
    ] = None,
    replicates: Annotated[int, typer.Option(min=2, help="Null traits per null.")] = 20,
    variants: Annotated[int, typer.Option(min=1, help="Variants that each is tested with.")] = 1000,
    case_fraction: Annotated[
        list[float], typer.Option(help="Share of cases of simulated traits; may be repeated.")
    ] = [0.5, 0.1, 0.01],  # noqa: B006
    seed: Annotated[int, typer.Option(min=0)] = 1,
    max_genotypes: Annotated[
        float, typer.Option(help="People × variants up to which step 1 and mixed models are made.")
    ] = 5e7,
    min_allele_count: Annotated[int, typer.Option()] = 10,
    firth_below: Annotated[float, typer.Option()] = 0.05,
    exact_firth_below: Annotated[float, typer.Option()] = 1e-4,
    correction: Annotated[Correction, typer.Option()] = Correction.firth,
    block_size: Annotated[int, typer.Option()] = 1000,
    min_allele_frequency: Annotated[float, typer.Option()] = 0.01,
    threads: Threads = 1,
) -> None:
    """Test null traits on the cohort's own genotypes: type-I error of every test of the scan."""
    limit_threads(1)  # null traits are shared out among its own workers
    from genopheno.association.calibration.run import Options
    from genopheno.association.calibration.stage import calibrate as stage
    from genopheno.console import counting

    options = Options(
        replicates=replicates,
        variants=variants,
        case_fractions=tuple(case_fraction),
        seed=seed,
        min_allele_count=min_allele_count,
        firth_below=firth_below,
        exact_firth_below=exact_firth_below,
        correction=correction.value,
        block_size=block_size,
        min_allele_frequency=min_allele_frequency,
        genotypes=max_genotypes,
    )
    with counting("null traits") as progress:
        stage(
            genotypes=genotypes,
            design=design,
            results_dir=results_dir,
            ld_scores=ld_scores,
            out=out,
            options=options,
            threads=threads,
            progress=progress,
        )
