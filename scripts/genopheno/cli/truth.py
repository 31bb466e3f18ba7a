"""Stages: calls against a truth set."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, InFile, app


class Engine(StrEnum):
    auto = "auto"
    haplotypes = "haplotypes"
    alleles = "alleles"
    vcfeval = "vcfeval"


@app.command(rich_help_panel=STAGES)
def benchmark(
    calls: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="VCF or BCF.")],
    truth: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="VCF or BCF.")],
    regions: Annotated[Path, typer.Option(exists=True, help="Confident regions (BED).")],
    reference: Annotated[Path, InFile],
    out_dir: Annotated[Path, typer.Option(help="Folder for what is written.")],
    sample: Annotated[
        str | None, typer.Option(help="Sample of the calls.", show_default="the only one")
    ] = None,
    truth_sample: Annotated[
        str | None, typer.Option(help="Sample of the truth set.", show_default="the only one")
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="How variants are matched; auto: vcfeval where installed.")
    ] = Engine.auto,
) -> None:
    """Compare calls with a truth set: precision, recall, F1, genotype errors."""
    from genopheno.console import show_benchmark
    from genopheno.truth.benchmark import benchmark as stage

    report = stage(
        calls,
        truth,
        regions=regions,
        reference=reference,
        out_dir=out_dir,
        sample=sample,
        truth_sample=truth_sample,
        engine=engine.value,
    )
    show_benchmark(report)
