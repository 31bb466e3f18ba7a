"""Stages: what researchers download."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, InFile, Threads, app, limit_threads


class EntryField(StrEnum):
    DP = "DP"
    GQ = "GQ"
    DS = "DS"


@app.command(rich_help_panel=STAGES)
def matrices(
    vcf: Annotated[Path, InFile],
    sites: Annotated[Path, InFile],
    consequences: Annotated[Path, InFile],
    samples: Annotated[Path, InFile],
    variants: Annotated[Path, InFile],
    components: Annotated[Path, InFile],
    phenotypes: Annotated[Path, InFile],
    traits: Annotated[Path, InFile],
    out_dir: Annotated[Path, typer.Option()],
    group: Annotated[
        list[str] | None, typer.Option(help="Participant column to count by, besides sex.")
    ] = None,
    entry_field: Annotated[
        list[EntryField] | None, typer.Option(help="FORMAT field for the genotype table.")
    ] = None,
    carriers_max_frequency: Annotated[float, typer.Option()] = 0.01,
    min_genotype_quality: Annotated[int, typer.Option()] = 0,
    threads: Threads = 1,
) -> None:
    """Write the annotated matrices that researchers download."""
    limit_threads(1)  # contigs run side by side; no product here is worth more threads
    from genopheno.matrices.build import matrices as stage

    stage(
        annotated_vcf=vcf,
        sites_parquet=sites,
        consequences_parquet=consequences,
        cohort_samples_parquet=samples,
        cohort_variants_parquet=variants,
        components_parquet=components,
        phenotypes_parquet=phenotypes,
        traits_json=traits,
        out_dir=out_dir,
        groups=group or [],
        entry_fields=[field.value for field in entry_field or []],
        carriers_max_frequency=carriers_max_frequency,
        min_genotype_quality=min_genotype_quality,
        threads=threads,
    )
