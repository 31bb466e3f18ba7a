"""Taking over the fields of a prepared database, and judging how much was found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from genopheno.annotation.databases.columns import Column
from genopheno.annotation.databases.prepared import Prepared
from genopheno.contig_names import some
from genopheno.problems import Problem


def lookup(prepared: Prepared, path: Path, folder: Path) -> list[list[str | Path]]:
    """Commands that take the fields of a database, from standard input to standard output.

    An allele is found by contig, position, REF and ALT; the records must be split and
    left-aligned. A region is found where it overlaps the bases of REF: of an insertion that is
    the base before it, of a deletion that base and those that are gone, as bedtools and
    bcftools have it. Where several regions overlap, texts are put together, each once, and of
    numbers one is taken (`Prepared.combine`).

    Parameters
    ----------
    path : the prepared database. folder : for a small file with header lines.

    Returns
    -------
    One command; it reads VCF or BCF and writes uncompressed BCF. Records, their order and
    genotypes stay.
    """
    header = Path(folder) / f"{prepared.name}.hdr"
    header.write_text("\n".join(prepared.header) + "\n", encoding="utf-8")
    command: list[str | Path] = ["bcftools", "annotate", "--no-version", "-a", path, "-h", header]
    command += ["-c", ",".join(prepared.layout), "-m", f"+{prepared.found}"]
    if prepared.match == "region" and prepared.taken:
        logic = [f"{c.name}:{_combined(c, prepared.combine)}" for c in prepared.taken]
        command += ["-l", ",".join(logic)]
    return [[*command, "-Ou", "-"]]


def _combined(column: Column, combine: str) -> str:
    return combine if column.type in ("Integer", "Float") else "unique"


def floor_problem(
    name: str,
    *,
    found: int,
    alleles: int,
    floor: float | None,
    path: str | Path,
    contigs_here: Mapping[str, int],
    contigs_there: Mapping[str, int],
) -> Problem | None:
    """Judge how many of the called alleles a database holds.

    Parameters
    ----------
    found, alleles : annotated alleles, of how many.
    floor : smallest fraction. 0: at least one allele; None: none has to be found.
    path : file to name. contigs_here, contigs_there : records by contig of the calls and rows
        by contig of the database.

    Returns
    -------
    The problem, or None where the floor is reached (or there are no alleles).
    """
    if floor is None or not alleles or (found > 0 and found >= floor * alleles):
        return None
    shared = set(contigs_here) & set(contigs_there)
    place = (
        f"both have records on {some(sorted(shared))}"
        if shared
        else f"the calls are on {some(contigs_here)}, the database on {some(contigs_there)}"
    )
    least = "at least one" if floor == 0 else f"at least {floor:g}"
    return Problem(
        "database-below-floor",
        str(path),
        None,
        f"databases.{name}.min_fraction",
        f"database {name} holds {found} of {alleles} alleles ({found / alleles:.4g}), {least} is "
        f"asked for; {place}",
        "Take the database of this build and region, or lower min_fraction (null: no floor)",
    )
