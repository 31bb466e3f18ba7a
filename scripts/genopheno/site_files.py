"""Files of site databases: which form a file has, its lines, and where a table keeps what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from genopheno.problems import fail

Form = Literal["vcf", "bcf", "bed", "table"]
GZIP = b"\x1f\x8b"
# Names of columns of a table, in any case and without '#'.
CONTIG = ("chrom", "chr", "contig", "chromosome", "seqname", "seqid")
POSITION = ("pos", "position")
START = ("start", "chromstart", "begin", "from")
END = ("end", "stop", "chromend", "to")
REFERENCE = ("ref", "reference", "reference_allele", "ref_allele")
ALTERNATE = ("alt", "alternate", "alternate_allele", "alt_allele")
IDENTIFIER = ("rsid", "id", "rs_id")
# Columns of a BED file beyond the first three.
BED = ("name", "score", "strand", "thickStart", "thickEnd", "itemRgb", "blockCount")
MISSING = {"", ".", "NA", "na", "NaN", "nan", "null", "NULL", "None"}


@dataclass(frozen=True)
class Layout:
    """Which column of a table, from 0, holds what; None: it has none.

    Attributes
    ----------
    zero_based : positions count from 0, as in BED.
    fields : the other columns, by name.
    """

    contig: int
    start: int
    end: int | None
    reference: int | None
    alternate: int | None
    identifier: int | None
    zero_based: bool
    fields: dict[str, int]

    @property
    def alleles(self) -> bool:
        return self.reference is not None and self.alternate is not None


def open_text(path: str | Path) -> IO[str]:
    """Open a text file, plain or gzip. Bytes that are no UTF-8 come back as they were."""
    from isal import igzip

    with open(path, "rb") as handle:
        packed = handle.read(2) == GZIP
    opener = igzip.open if packed else open
    return opener(path, "rt", encoding="utf-8", errors="surrogateescape", newline="\n")


def form_of(path: str | Path) -> Form:
    """Tell the form of a file by its first bytes; BED by its ending, since it has no mark."""
    with open_text(path) as lines:
        begin = lines.read(40)
    if begin.startswith("##fileformat=VCF"):
        return "vcf"
    if begin.startswith("BCF\2"):
        return "bcf"
    return "bed" if is_bed(path) else "table"


def is_bed(path: str | Path) -> bool:
    return bool(re.search(r"\.bed(\.b?gz)?$", str(path).lower()))


def header(path: str | Path) -> tuple[int, list[str]]:
    """Line number and cells of the line that names the columns: the first without '##'."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip() and not line.startswith("##"):
                text = line.rstrip("\r\n").removeprefix("\ufeff").removeprefix("#")
                return number, [cell.strip() for cell in text.split("\t")]
    return 0, []


def layout(path: str | Path, cells: Sequence[str]) -> Layout:
    """Find the columns of a table by their names.

    Raises
    ------
    StageError : it names no contig or no position, or one of them twice.
    """
    low = [cell.lower() for cell in cells]

    def find(names: Sequence[str]) -> int | None:
        return next((low.index(name) for name in names if name in low), None)

    contig, position, start, end = find(CONTIG), find(POSITION), find(START), find(END)
    if contig is None or (position is None and start is None):
        raise fail(
            "database-form",
            path,
            f"its first line names no contig and position: {', '.join(cells)[:80]!r}",
            "Give a VCF, a BED (named .bed or .bed.gz), or a table between tabs whose header "
            "names them (chrom and pos, or chrom, start and end)",
        )
    twice = sorted({cell for cell in low if low.count(cell) > 1})
    if twice:
        raise fail("database-form", path, f"it has {twice[0]!r} twice", "Rename one of them")
    special = {
        "contig": contig,
        "start": start if position is None else position,
        "end": end,
        "reference": find(REFERENCE),
        "alternate": find(ALTERNATE),
    }
    taken = {index for index in special.values() if index is not None}
    return Layout(
        **special,
        identifier=find(IDENTIFIER),
        # As BED has it; a start alone, or a position with an end, counts from 1.
        zero_based=position is None and end is not None,
        fields={cell: i for i, cell in enumerate(cells) if i not in taken},
    )


def bed_layout(names: Sequence[str], width: int, fields: Sequence[str]) -> Layout | None:
    """Columns of a BED: by its own names, or by the standard ones, or the fields in order.

    Parameters
    ----------
    names : cells of a header line; none where there is none.
    width : columns of its records.
    fields : that are asked for.

    Returns
    -------
    None : there are fewer columns than fields.
    """
    named = list(names)[3:] if len(names) == width else list(BED)[: width - 3]
    there = {name: 3 + i for i, name in enumerate(named)}
    if not set(fields) <= there.keys():
        if len(fields) > width - 3:
            return None
        there = {name: 3 + i for i, name in enumerate(fields)}
    return Layout(0, 1, 2, None, None, None, True, there)


def records(path: str | Path, skip: int) -> Iterator[tuple[int, list[str]]]:
    """Records of a table or BED behind its header: line number from 1, cells."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            if number <= skip or not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            yield number, line.rstrip("\r\n").split("\t")


def place(cells: Sequence[str], columns: Layout) -> tuple[str, int, int] | None:
    """Contig, first and last base (from 1) of a record; None: it has none that make sense."""
    try:
        contig, start = cells[columns.contig], int(cells[columns.start]) + columns.zero_based
        end = start if columns.end is None else int(cells[columns.end])
    except (IndexError, ValueError):
        return None
    return (contig, start, end) if contig and 1 <= start <= end else None
