"""Rows of a BED file or a table: as a VCF where it has alleles, else as regions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from genopheno import site_files
from genopheno.annotation.databases.columns import Column, column_name
from genopheno.annotation.databases.opened import Opened
from genopheno.annotation.databases.vcf import Rows, sorting, unpacked
from genopheno.problems import Problem, StageError, fail
from genopheno.site_files import MISSING, Layout
from genopheno.tools import run

SHOWN = 20  # faulty lines that are told
# INFO of VCF has other uses for these characters (VCF 4.3, section 1.2).
ENCODED = str.maketrans({c: f"%{ord(c):02X}" for c in "%;=,\t\r\n"})


def open_table(database: str, path: Path, form: str, fields: Sequence[str]) -> Opened:
    """Find the columns of a BED file or a table.

    Raises
    ------
    StageError : no contig and position are named, or a field is not there.
    """
    number, cells = site_files.header(path)
    if form == "bed":
        headed = bool(cells) and cells[0].lower() in site_files.CONTIG
        skip = number if headed else 0
        width = len(next(site_files.records(path, skip), (0, ["", "", ""]))[1])
        layout = site_files.bed_layout(cells if headed else [], width, fields)
        there = list(site_files.BED)[: max(0, width - 3)]
    else:
        skip, layout = number, site_files.layout(path, cells)
        there = list(layout.fields)
    if layout is None or not set(fields) <= layout.fields.keys():
        lacking = [f for f in fields if layout is None or f not in layout.fields]
        raise fail(
            "database-field-missing",
            path,
            f"database {database} has no column {', '.join(lacking)}",
            f"It has: {', '.join(there) or 'none beside the places'}",
        )
    columns = [Column(field, column_name(database, field), "1", "") for field in fields]
    contigs = Counter(
        cells[layout.contig]
        for _, cells in site_files.records(path, skip)
        if len(cells) > layout.contig
    )
    match = "allele" if layout.alleles else "region"
    return Opened(path, path, form, columns, contigs, match, layout, skip, encoded=True)


def vcf_as_table(opened: Opened, out: Path) -> Opened:
    """Take the records of a VCF as regions: from POS to INFO/END, or the bases of REF.

    A flag becomes the number 1: of several regions over a variant, bcftools cannot combine flags.
    """
    text = out.with_suffix(".vcf")
    run(unpacked(opened), stdout=text)
    fields = [column.field for column in opened.columns]
    with out.open("w", encoding="utf-8", errors="surrogateescape") as table:
        table.write("\t".join(["chrom", "pos", "end", *fields]) + "\n")
        for _, cells in site_files.records(text, 0):
            pairs = [part.partition("=") for part in cells[7].split(";")] if cells[7:] else []
            info = {key: value if equals else "1" for key, equals, value in pairs}
            end = info.get("END") or (
                str(int(cells[1]) + len(cells[3]) - 1) if cells[3:] and cells[1].isdigit() else ""
            )
            values = [info.get(field, ".") for field in fields]
            table.write("\t".join([*cells[:2], end, *values]) + "\n")
    layout = Layout(0, 1, 2, None, None, None, False, {f: 3 + i for i, f in enumerate(fields)})
    # Types are found again: what is a list in the header may be one number in every record.
    columns = [replace(c, number="1", type="") for c in opened.columns]
    return Opened(
        opened.file, out, "table", columns, opened.contigs, "region", layout, 1, encoded=True
    )


def _places(opened: Opened) -> Iterator[tuple[list[str], tuple[str, int, int], list[str]]]:
    """Cells, place and encoded values of every record; all faulty lines are told at once."""
    layout, path = opened.layout, opened.file
    indices = [layout.fields[column.field] for column in opened.columns]
    faults: list[Problem] = []
    needed = (layout.contig, layout.start, layout.end, layout.reference, layout.alternate)
    width = max(i for i in (*needed, *indices) if i is not None)
    for row, cells in site_files.records(opened.path, opened.skip):
        where = site_files.place(cells, layout)
        if where is None or len(cells) <= width:
            faults.append(
                Problem(
                    "database-record",
                    str(path),
                    row,
                    None,
                    f"{chr(9).join(cells)[:60]!r} has no contig and place, or too few columns",
                    "Give the columns of the header, between tabs; positions are whole numbers, "
                    "and a start is not behind its end",
                )
            )
            if len(faults) == SHOWN:
                break
            continue
        if layout.end is None and layout.reference is not None:
            contig, start, _ = where
            where = contig, start, start + len(cells[layout.reference].strip()) - 1
        if not faults:
            values = [cells[i].strip() for i in indices]
            yield cells, where, ["." if v in MISSING else v.translate(ENCODED) for v in values]
    if faults:
        raise StageError(*faults)


def write_vcf(opened: Opened, out: Path) -> Opened:
    """Write a table with alleles as a VCF."""
    layout = opened.layout
    with out.open("w", encoding="utf-8", errors="surrogateescape") as vcf:
        vcf.write("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for cells, (contig, start, _), values in _places(opened):
            name = cells[layout.identifier].strip() if layout.identifier is not None else "."
            ref, alt = cells[layout.reference].strip(), cells[layout.alternate].strip()
            pairs = zip(opened.columns, values, strict=True)
            # Keys as VCF allows them, which names of columns need not be.
            info = ";".join(f"{column.name}={value}" for column, value in pairs) or "."
            name = "." if name in MISSING else name
            vcf.write(f"{contig}\t{start}\t{name}\t{ref}\t{alt}\t.\t.\t{info}\n")
    return replace(opened, path=out, form="vcf")


def regions(
    opened: Opened, names: Mapping[str, str], lengths: Mapping[str, int], work: Path
) -> Rows:
    """Write contig, first and last base (from 1) and the columns of every region, sorted.

    Counts: records, outside (contigs that the reference lacks), beyond (reaching beyond the
    end of their contig; left out).
    """
    counts: Counter[str] = Counter()
    unsorted, rows = work / "unsorted.tsv", work / "rows.tsv"
    with unsorted.open("w", encoding="utf-8", errors="surrogateescape") as out:
        for _, (contig, start, end), values in _places(opened):
            counts["records"] += 1
            ours = names.get(contig)
            if ours is None:
                counts["outside"] += 1
            elif end > lengths[ours]:
                counts["beyond"] += 1
            else:
                out.write("\t".join([ours, str(start), str(end), *values]) + "\n")
    run([*sorting(work, "-k2,2n", "-k3,3n"), unsorted], stdout=rows)
    return Rows(rows, counts)
