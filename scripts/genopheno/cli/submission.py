"""Stages: what labs handed in."""

from __future__ import annotations

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
        list[str] | None, typer.Option(metavar="NAME=VCF", help="Site database; repeatable.")
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


@app.command(rich_help_panel=STAGES)
def database(
    name: Annotated[str, typer.Argument(help="Name of the database in the configuration.")],
    vcf: Annotated[Path, InFile],
    reference: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="VCF to write (.vcf.gz; an index beside it).")],
    field: Annotated[list[str] | None, typer.Option(help="INFO field to keep.")] = None,
    rsid: Annotated[bool, typer.Option(help="Take the ID column as rsid.")] = False,
) -> None:
    """Normalise a site database: split, left-align, check against the reference, index."""
    from genopheno.annotation.databases import prepare

    prepare(name, vcf, reference=reference, fields=field or [], rsid=rsid, out_vcf=output)


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
