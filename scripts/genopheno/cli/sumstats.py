"""Commands: summary statistics of one study or several."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import InFile, app, limit_threads, pairs

RESULTS = "Summary statistics"
MaybeFile = Annotated[Path | None, InFile]
Table = Annotated[
    Path, typer.Option(help="Parquet; .tsv.gz (GWAS-SSF) and .json of the same name go beside.")
]
Fasta = Annotated[
    Path | None, typer.Option(exists=True, help="Reference sequence to put alleles on.")
]
Reference = Annotated[
    Path | None,
    typer.Option(exists=True, help="Sites (Parquet) or summary statistics to put alleles on."),
]
Frequency = Annotated[
    str | None, typer.Option(help="Column of --reference: frequency of the alternate allele.")
]
Share = typer.Option(min=0, max=1)
MaxFrequency = Annotated[float, typer.Option(min=0, max=0.5, help="Of the rarer allele.")]


class Ambiguous(StrEnum):
    frequency = "frequency"
    keep = "keep"
    drop = "drop"


class Method(StrEnum):
    inverse_variance = "inverse-variance"
    random_effects = "random-effects"
    sample_size = "sample-size"


How = Annotated[Ambiguous, typer.Option(help="A/T and C/G: strand by frequency, as named, or not.")]


@app.command(rich_help_panel=RESULTS)
def meta(
    out: Table,
    study: Annotated[list[str] | None, typer.Option(help="NAME=PATH; once per study.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML with a list 'studies'.")] = None,
    method: Annotated[Method, typer.Option()] = Method.inverse_variance,
    min_studies: Annotated[int, typer.Option(min=1)] = 1,
    genomic_control: Annotated[bool, typer.Option(help="Of each study.")] = False,
    genomic_control_after: Annotated[bool, typer.Option(help="Of the result.")] = False,
    ambiguous: How = Ambiguous.frequency,
    max_ambiguous_frequency: MaxFrequency = 0.4,
    fasta: Fasta = None,
    reference: Reference = None,
    reference_frequency: Frequency = None,
    max_dropped: Annotated[float, Share] = 0.05,
    min_overlap: Annotated[float, Share] = 0.05,
    min_agreement: Annotated[float, Share] = 0.8,
    per_study: Annotated[bool, typer.Option(help="Columns of every study.")] = False,
    leave_one_out: Annotated[bool, typer.Option(help="Columns of all studies but one.")] = False,
    lead_p: Annotated[float, typer.Option(help="p-value of lead variants.")] = 5e-8,
    page: Annotated[Path | None, typer.Option(help="HTML page with pictures.")] = None,
) -> None:
    """Combine the summary statistics of several studies."""
    import math

    from genopheno.sumstats.combine import Options
    from genopheno.sumstats.match import Policy
    from genopheno.sumstats.meta import Limits
    from genopheno.sumstats.meta import meta as stage
    from genopheno.sumstats.studies import named, read_studies

    studies = (read_studies(config) if config else []) + named(pairs(study, "--study"))
    limit_threads(1)
    told = stage(
        studies,
        out,
        options=Options(method.value, min_studies, per_study, leave_one_out),
        policy=Policy(ambiguous.value, max_ambiguous_frequency),
        limits=Limits(max_dropped, min_overlap, min_agreement),
        genomic_control=genomic_control,
        genomic_control_after=genomic_control_after,
        fasta=fasta,
        reference=reference,
        reference_frequency=reference_frequency,
        lead_neg_log10_p=-math.log10(lead_p),
    )
    for one in told["studies"]:
        print(
            f"{one['name']}: {one['rows']} rows, {one['rows_used']} used; dropped "
            f"{json.dumps(one['rows_dropped'])}; matched {json.dumps(one['matched'])}; "
            f"lambda {one['lambda_gc']:.3f}"
            if one["lambda_gc"] is not None
            else f"{one['name']}: no statistic"
        )
    print(
        f"{told['n_variants']} variants by {method.value}, lambda {told['lambda_gc']:.3f}; "
        f"{told['n_loci']} loci with p below {lead_p:g}"
    )
    if page:
        from genopheno.sumstats.page import write

        write(out, page)


@app.command(rich_help_panel=RESULTS)
def harmonise(
    study: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    out: Table,
    fasta: Fasta = None,
    reference: Reference = None,
    reference_frequency: Frequency = None,
    column: Annotated[
        list[str] | None, typer.Option(help="ROLE=COLUMN, where the header is misunderstood.")
    ] = None,
    n: Annotated[float | None, typer.Option(help="People, where no column says so.")] = None,
    numbered_alleles: Annotated[bool, typer.Option(help="1 to 4 are A, C, G, T.")] = False,
    ambiguous: How = Ambiguous.frequency,
    max_ambiguous_frequency: MaxFrequency = 0.4,
    max_dropped: Annotated[float, Share] = 0.05,
    min_agreement: Annotated[float, Share] = 0.8,
    min_found: Annotated[float, Share] = 0.05,
) -> None:
    """Put the summary statistics of a study on the alleles of a reference."""
    if fasta is None and reference is None:
        raise typer.BadParameter("--fasta, --reference or both are needed")
    from genopheno.sumstats.harmonise import harmonise as stage
    from genopheno.sumstats.match import Policy
    from genopheno.sumstats.studies import Study

    given = dict(text.partition("=")[::2] for text in column or [])
    limit_threads(1)
    told = stage(
        Study(name="study", path=study, columns=given, n=n, numbered_alleles=numbered_alleles),
        out,
        fasta=fasta,
        reference=reference,
        reference_frequency=reference_frequency,
        policy=Policy(ambiguous.value, max_ambiguous_frequency),
        max_dropped=max_dropped,
        min_agreement=min_agreement,
        min_found=min_found,
    )
    print(
        f"{told['rows']} rows, {told['n_variants']} written; "
        f"dropped {json.dumps(told['rows_dropped'])}; {json.dumps(told['matched'])}"
    )


@app.command(rich_help_panel=RESULTS)
def region(
    table: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Parquet.")],
    place: Annotated[str, typer.Argument(help="Such as 7:44,000,000-44,500,000.")],
    column: Annotated[list[str] | None, typer.Option(help="Instead of all; repeated.")] = None,
) -> None:
    """Print the rows of a region of any table of variants, tabs between."""
    import re
    import sys

    from genopheno.sumstats.region import print_region, read_region

    found = re.fullmatch(r"([^:]+):(\d+)(?:-(\d+))?", place.replace(",", ""))
    if not found:
        raise typer.BadParameter(f"{place!r} is not CONTIG:START-END")
    contig, start, end = found[1], int(found[2]), int(found[3] or found[2])
    print_region(read_region(table, contig, start, end, column), sys.stdout.buffer)


@app.command(rich_help_panel=RESULTS)
def gwas_vcf(
    table: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Parquet.")],
    fasta: Annotated[Path, InFile],
    out: Annotated[Path, typer.Option(help=".vcf.gz; .tbi and .json go beside.")],
    study: Annotated[str | None, typer.Option(help="Its name; default: of the table.")] = None,
) -> None:
    """Write summary statistics as GWAS-VCF."""
    from genopheno.sumstats.gwas_vcf import write_gwas_vcf

    print(json.dumps(write_gwas_vcf(table, fasta, out, study or table.stem)["rows"]))


@app.command(rich_help_panel=RESULTS)
def ssf_metadata(
    text: Annotated[list[Path], typer.Argument(help=".tsv.gz of a scan, harmonise or meta.")],
    assembly: Annotated[str, typer.Option(help="Such as GRCh38.")],
    trait: Annotated[str | None, typer.Option(help="What was studied.")] = None,
) -> None:
    """Write the metadata (YAML) that GWAS-SSF wants beside each file."""
    from genopheno.sumstats.ssf_metadata import write_metadata

    for path in text:
        print(write_metadata(path, assembly, trait))
