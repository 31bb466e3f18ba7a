"""Stages: what labs handed in."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, InFile, app, pairs
from genopheno.problems import StageError


@app.command(rich_help_panel=STAGES)
def receive(
    samples: Annotated[Path, InFile],
    fasta: Annotated[Path, InFile],
    genes: Annotated[Path, InFile],
    receipt: Annotated[Path, typer.Option(help="Receipt to write (JSON).")],
    database: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE", help="Site database; repeatable.")
    ] = None,
    realign: Annotated[bool, typer.Option(help="Aligned BAM and CRAM are aligned again.")] = False,
    targets: Annotated[Path | None, typer.Option(help="BED of the targets.")] = None,
    jobs: Annotated[int, typer.Option(help="Files read side by side.")] = 2,
) -> None:
    """Check sheet, reads, alignments, calls, reference and databases; write the receipt."""
    from genopheno.project import CACHE, kept
    from genopheno.submission import receive as room

    received = room.check(
        samples,
        fasta,
        genes,
        dict(pairs(database, "--database")),
        targets=targets,
        cache=CACHE,
        jobs=jobs,
        realign=realign,
        kept=kept,
    )
    if received.problems:
        raise StageError(*received.problems)
    room.write_receipt(received, receipt)


@app.command(rich_help_panel=STAGES)
def units(
    samples: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="Normalised sheet to write (TSV).")],
) -> None:
    """Bring the sample sheet into one form; its files are not looked at."""
    from genopheno.submission.sheet import read_sheet, write_units

    found, problems = read_sheet(samples)
    if problems:
        raise StageError(*problems)
    write_units(output, found)


@app.command(rich_help_panel=STAGES)
def reference(
    fasta: Annotated[Path, InFile],
    genes: Annotated[Path, InFile],
    out_fasta: Annotated[Path, typer.Option()],
    out_genes: Annotated[Path, typer.Option()],
) -> None:
    """Bring reference and gene models into the form that the tools need."""
    from genopheno.submission.reference import prepare

    prepare(fasta, genes, out_fasta, out_genes)


@app.command(rich_help_panel=STAGES)
def targets(
    bed: Annotated[Path, InFile],
    fai: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="BED to write.")],
    report: Annotated[Path, typer.Option(help="Counts to write (JSON).")],
    padding: Annotated[int, typer.Option(min=0, help="Bases beside each target (bp).")] = 100,
) -> None:
    """Check the targets of an exome or panel against the reference, pad and merge them."""
    from genopheno.submission.reference import read_fai
    from genopheno.submission.regions import write_targets

    write_targets(bed, dict(read_fai(fai)), output, report, padding=padding)


class Match(StrEnum):
    allele = "allele"
    region = "region"


class Combine(StrEnum):
    max = "max"
    min = "min"
    mean = "mean"


@app.command(rich_help_panel=STAGES)
def database(
    name: Annotated[str, typer.Argument(help="Name of the database in the configuration.")],
    file: Annotated[Path, InFile],
    reference: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="Table to write (.tsv.gz; an index beside it).")],
    field: Annotated[list[str] | None, typer.Option(help="Field to keep; repeatable.")] = None,
    match: Annotated[
        Match | None, typer.Option(help="How it is looked up.", show_default="by its form")
    ] = None,
    combine: Annotated[
        Combine, typer.Option(help="Number that is taken of several regions over a variant.")
    ] = Combine.max,
    rsid: Annotated[bool, typer.Option(help="Take the ID column as rsid.")] = False,
    source: Annotated[str, typer.Option(help="Who publishes it.")] = "",
    release: Annotated[str, typer.Option(help="Its release.")] = "",
) -> None:
    """Bring a site database (VCF, BED or table) into the form in which it is looked up."""
    from genopheno.annotation.databases import prepare

    counts = prepare(
        name,
        file,
        reference=reference,
        out=output,
        fields=field or [],
        match=match,
        combine=combine,
        rsid=rsid,
        source=source,
        version=release,
    )
    print(json.dumps(counts, indent=2), file=sys.stderr)


@app.command(rich_help_panel=STAGES)
def sheets(
    units: Annotated[Path, InFile],
    verdicts: Annotated[Path, typer.Option(exists=True, help="Verdicts of the samples (TSV).")],
    calls: Annotated[Path, typer.Option(exists=True, help="Calls of all samples.")],
    out_dir: Annotated[Path, typer.Option()],
    cram_dir: Annotated[Path | None, typer.Option(help="Folder of the CRAMs.")] = None,
    gvcf_dir: Annotated[Path | None, typer.Option(help="Folder of the gVCFs.")] = None,
) -> None:
    """Write sample sheets from which a later run starts at alignments, gVCFs or calls."""
    from genopheno.submission.restart import write_sheets

    write_sheets(
        units, verdicts=verdicts, calls=calls, cram_dir=cram_dir, gvcf_dir=gvcf_dir, out_dir=out_dir
    )
