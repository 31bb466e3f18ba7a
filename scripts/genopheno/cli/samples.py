"""Stages: the verdict per sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, InFile, app, samples_of_sheet


@app.command(rich_help_panel=STAGES)
def verdicts(
    samples: Annotated[Path, typer.Option(exists=True, help="Sample sheet.")],
    qc_dir: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    calls: Annotated[Path, InFile],
    limits: Annotated[str, typer.Option(help="Bounds per measure, as JSON.")],
    output: Annotated[Path, typer.Option(help="Table to write (Parquet).")],
    tsv: Annotated[Path, typer.Option(help="The same as TSV.")],
    multiqc: Annotated[Path, typer.Option(help="MultiQC custom content to write.")],
) -> None:
    """Give every sample its verdict (pass, warn or fail) with the reasons."""
    from genopheno.samples.table import write

    write(
        [qc_dir / sample / "metrics.json" for sample in samples_of_sheet(samples)],
        cohort_bcf=calls,
        limits=json.loads(limits),
        parquet=output,
        tsv=tsv,
        mqc_json=multiqc,
    )
