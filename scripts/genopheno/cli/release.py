"""Stages: what everybody looks at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, app


@app.command(rich_help_panel=STAGES)
def multiqc(
    folders: Annotated[list[Path], typer.Argument(exists=True, file_okay=False)],
    output: Annotated[Path, typer.Option(help="HTML to write.")],
) -> None:
    """Show reads, samples and calls through MultiQC, verdicts first."""
    from genopheno.files import writing
    from genopheno.project import pipeline
    from genopheno.tools import run

    # A path of the package among the rule's inputs would make every other installation redo it.
    config = pipeline() / "workflow/multiqc.yaml"
    with writing(output) as beside:
        run(
            [
                *("multiqc", *folders, "--config", config, "--title", "Reads and samples"),
                *("--outdir", beside.parent, "--filename", beside.name),
                *("--no-data-dir", "--force", "--no-version-check"),
            ]
        )


@app.command(rich_help_panel=STAGES)
def report(
    results: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    settings: Annotated[str, typer.Option(help="The configuration, as JSON.")],
    output: Annotated[Path, typer.Option(help="HTML to write.")],
    provenance: Annotated[Path, typer.Option(help="Versions, parameters, inputs to write (JSON).")],
) -> None:
    """Write the report: one HTML file that opens offline."""
    from genopheno.files import read_json, write_json
    from genopheno.reads.aligners import ALIGNERS, FAST
    from genopheno.report import page
    from genopheno.report.provenance import TOOLS, collect

    config = json.loads(settings)
    aligner = ALIGNERS[FAST if config["fast"] else config["aligner"]].program
    known = collect(config, read_json(results / "submission/receipt.json"), tools=[aligner, *TOOLS])
    write_json(provenance, known)
    page.write(results, output, project=Path.cwd().name, config=config, provenance=known)
