"""Command: a part of the matrices, in the format that is wanted."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import PROJECT, Memory, Threads, app


class Format(StrEnum):
    parquet = "parquet"
    vcf = "vcf"
    bcf = "bcf"
    plink2 = "plink2"
    zarr = "zarr"
    hail = "hail"
    tsv = "tsv"


VARIANTS = "Which variants (all that are given must hold)"
PEOPLE = "Which samples and traits"


@app.command(rich_help_panel=PROJECT)
def extract(
    to: Annotated[Format, typer.Option(help="Format to write.")],
    output: Annotated[
        Path,
        typer.Option(
            help="vcf: .vcf.gz, bcf: .bcf, plink2: .pgen (with .pvar and .psam beside it); "
            "the others: a directory."
        ),
    ],
    matrices: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder of the matrices.")
    ] = Path("results/matrices"),
    region: Annotated[
        list[str] | None,
        typer.Option(
            help="contig, contig:position or contig:start-end, such as 7:126,300,000-126,400,000. "
            "May be given again: variants of any of them.",
            rich_help_panel=VARIANTS,
        ),
    ] = None,
    regions: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="BED of regions.", rich_help_panel=VARIANTS),
    ] = None,
    gene: Annotated[
        list[str] | None,
        typer.Option(
            help="Gene by identifier or symbol: variants with a consequence on it. May be given "
            "again: variants of any of them.",
            rich_help_panel=VARIANTS,
        ),
    ] = None,
    genes: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="File of genes, a line each.",
            rich_help_panel=VARIANTS,
        ),
    ] = None,
    consequence: Annotated[
        list[str] | None,
        typer.Option(
            help="Sequence Ontology terms, such as missense_variant,stop_gained: of the most "
            "severe consequence on the genes asked for, or of the variant.",
            rich_help_panel=VARIANTS,
        ),
    ] = None,
    impact: Annotated[
        list[str] | None,
        typer.Option(
            help="HIGH,MODERATE,LOW,MODIFIER: of the same consequence.", rich_help_panel=VARIANTS
        ),
    ] = None,
    max_af: Annotated[
        float | None,
        typer.Option(
            help="Largest frequency of the alternate allele, in the whole cohort.",
            rich_help_panel=VARIANTS,
        ),
    ] = None,
    min_af: Annotated[
        float | None, typer.Option(help="Smallest, likewise.", rich_help_panel=VARIANTS)
    ] = None,
    min_ac: Annotated[
        int | None,
        typer.Option(help="Fewest alternate alleles, likewise.", rich_help_panel=VARIANTS),
    ] = None,
    samples: Annotated[
        str | None,
        typer.Option(
            help="Samples with commas between, or a file with a line each.", rich_help_panel=PEOPLE
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            help="column=value of the samples, such as sex=female. Given again for a column: "
            "either value; for another: both must hold.",
            rich_help_panel=PEOPLE,
        ),
    ] = None,
    traits: Annotated[
        list[str] | None,
        typer.Option(help="Phenotype columns to keep, commas between.", rich_help_panel=PEOPLE),
    ] = None,
    build: Annotated[
        str | None, typer.Option(help="Name of the genome build, where the matrices do not tell.")
    ] = None,
    threads: Threads = 1,
    memory: Memory = 4000,
) -> None:
    """Cut the matrices by variants, samples and traits, into any format."""
    from genopheno.annotation.consequences import IMPACTS
    from genopheno.matrices.extract import extract as stage
    from genopheno.matrices.select import Request

    request = Request(
        regions=region or (),
        regions_file=regions,
        genes=[*(gene or ()), *(_lines(genes) if genes else ())],
        consequences=_split(consequence),
        impacts=_split(impact),
        max_frequency=max_af,
        min_frequency=min_af,
        min_count=min_ac,
        samples=_names(samples),
        groups=group or (),
        traits=None if traits is None else _split(traits),
    )
    told = {"terms": list(IMPACTS), "build": build, "threads": threads}
    if to is Format.hail:
        report = _hail(matrices, output, request, told, memory)
    else:
        report = stage(matrices, output, to.value, request, **told)
    steps = ((step["after"].replace("_", " "), step["variants"]) for step in report["left"])
    left = ", ".join(f"{name} {n:,}" for name, n in steps)
    print(f"Variants left after each criterion: {left}")
    if not report["variants"]:
        print("WARNING: no variant is left; what was written is empty.")
    print(
        f"{report['variants']:,} variants of {report['samples']:,} samples written to {output}; "
        f"{report['carriers']:,} carriers ({report['alternate_genotypes']:,} genotypes with the "
        "alternate allele)"
    )


def _hail(matrices: Path, output: Path, request, told: dict, memory: int) -> dict:
    """Through parts that Hail can take in, in the folder of the output."""
    import tempfile

    from genopheno.cohort.matrix import write_matrix
    from genopheno.files import write_json
    from genopheno.matrices.extract import check_output
    from genopheno.matrices.extract import extract as stage

    check_output(output, matrices, "")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".hail-parts.") as folder:
        parts = Path(folder) / "parts"
        report = stage(matrices, parts, "hail-parts", request, **told)
        write_matrix(parts, output, report["variants"], threads=told["threads"], memory_mb=memory)
    write_json(f"{output}.json", report)
    return report


def _split(values: list[str] | None) -> list[str]:
    return [part.strip() for value in values or () for part in value.split(",") if part.strip()]


def _lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8-sig")
    return [line.split()[0] for line in text.splitlines() if line.strip()]


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    path = Path(text)
    return _lines(path) if path.is_file() else _split([text])
