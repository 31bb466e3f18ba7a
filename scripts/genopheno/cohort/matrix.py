"""The matrices as a Hail MatrixTable: calls, the columns of the sites, samples and phenotypes."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from genopheno.cohort import exchange
from genopheno.cohort.session import SMALL, hail_session
from genopheno.files import read_json, writing
from genopheno.problems import fail

if TYPE_CHECKING:
    import hail as hl

NAMING = ("contig", "position", "reference", "alternate")  # what locus and alleles tell


def write_matrix(
    parts: Path, output: Path, n_variants: int, *, threads: int = 1, memory_mb: int = 4000
) -> None:
    """Write a MatrixTable.

    Parameters
    ----------
    parts : folder with calls.vcf.gz, sites.jsonl, samples.jsonl and parts.json, as
        `genopheno extract --to hail` makes it.
    output : directory to write. Rows are keyed by locus and alleles and have `site`, the
        columns of the sites, and `info` with AC, AN and AF of these samples; columns are keyed
        by `s` and have `sample` and `phenotypes`. Half-missing calls become missing in Hail.
    n_variants : variants that must be in it.

    Raises
    ------
    StageError : contigs without lengths; another number of variants; Hail fails.
    """
    output = Path(output)
    _contigs(read_json(parts / "parts.json"), parts)  # before Hail starts, which takes seconds
    with (
        hail_session(
            output.with_name(f".hail-{output.name}"),
            memory_mb=memory_mb,
            threads=threads,
            small=(parts / "calls.vcf.gz").stat().st_size < SMALL,
        ) as hl,
        writing(output) as beside,
    ):
        read_parts(hl, parts).write(exchange.uri(beside))
        found = hl.read_matrix_table(exchange.uri(beside)).count_rows()
        if found != n_variants:
            raise fail(
                "records-lost",
                output,
                f"it holds {found} variants, {n_variants} went in",
                "Check free disk space and memory, then run again",
            )


def read_parts(hl: ModuleType, parts: Path) -> hl.MatrixTable:
    """The parts as a MatrixTable, in a session that runs.

    Raises
    ------
    StageError : contigs without lengths.
    """
    told = read_json(parts / "parts.json")
    contigs = _contigs(told, parts)
    rg = exchange.genome(hl, told["build"], contigs)
    mt = hl.import_vcf(
        exchange.uri(parts / "calls.vcf.gz"),
        force_bgz=True,
        reference_genome=rg,
        array_elements_required=False,
    )
    mt = mt.select_rows("info")
    sites = _lines(hl, parts / "sites.jsonl", _struct(hl, told["sites"]))
    sites = sites.key_by(
        locus=hl.locus(sites.contig, sites.position, rg),
        alleles=[sites.reference, sites.alternate],
    ).drop(*NAMING)
    mt = mt.annotate_rows(site=sites[mt.row_key])
    people = hl.tstruct(**_struct(hl, told["samples"]), phenotypes=_struct(hl, told["phenotypes"]))
    samples = _lines(hl, parts / "samples.jsonl", people)
    own = samples.key_by("sample")[mt.s]
    return mt.annotate_cols(sample=own.drop("phenotypes"), phenotypes=own.phenotypes)


def _contigs(told: dict[str, Any], parts: Path) -> dict[str, int]:
    """Contigs with their lengths, in order."""
    contigs = {name: told["contigs"][name] for name in told["order"]}
    if lacking := [name for name, length in contigs.items() if not length]:
        raise fail(
            "contig-lengths",
            parts,
            f"no length is known of {', '.join(lacking)}",
            "Hail needs them: matrices.json beside the tables names contigs with lengths",
        )
    return contigs


def _lines(hl: ModuleType, path: Path, row: hl.HailType) -> hl.Table:
    """JSON lines as a table without key."""
    table = hl.import_lines(exchange.uri(path))
    value = hl.parse_json(table.text, dtype=row)
    return table.select(**{name: value[name] for name in row})


def _struct(hl: ModuleType, columns: list[list[str]]) -> Any:
    return hl.tstruct(**{name: hail_type(hl, kind) for name, kind in columns})


def hail_type(hl: ModuleType, arrow: str) -> hl.HailType:
    """Hail's type of an Arrow type as text."""
    found = re.fullmatch(r"(?:fixed_size_)?list<(?:\w+: )?(\w+)(?: not null)?>(?:\[\d+\])?", arrow)
    if found:
        return hl.tarray(hail_type(hl, found[1]))
    if re.fullmatch(r"u?int(8|16|32)", arrow):
        return hl.tint32
    return {
        "string": hl.tstr,
        "large_string": hl.tstr,
        "bool": hl.tbool,
        "int64": hl.tint64,
        "float": hl.tfloat64,
        "double": hl.tfloat64,
        "halffloat": hl.tfloat64,
    }[arrow]
