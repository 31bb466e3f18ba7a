"""The tables of sites and of consequences, and the INFO fields that say the same."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from genopheno import fields
from genopheno.annotation.checks import chain, read_sites
from genopheno.annotation.consequences import (
    RANKS,
    Consequence,
    most_severe,
    most_severe_of_genes,
)
from genopheno.annotation.csq_field import HEADER, csq_value, escape
from genopheno.annotation.databases import Prepared
from genopheno.annotation.engines import Reader
from genopheno.annotation.values import reader
from genopheno.fields.vcf_header import info_id, info_lines
from genopheno.files import writing
from genopheno.problems import fail
from genopheno.vcf import variant_id

ROWS = 10_000  # sites of a row group, in both tables
GENE = (
    "gene_id",
    "gene_symbol",
    "transcript_id",
    "biotype",
    "canonical",
    "mane_select",
    "consequence",
    "impact",
    "coding_change",
    "protein_change",
)
REACH = ("END", "SVLEN", "SVTYPE")  # INFO that symbolic alleles need
KEPT_LINES = re.compile(rf"##contig=|##INFO=<ID=({'|'.join(REACH)}),")
NO_GENE = (None,) * len(GENE)


@dataclass
class Tally:
    """Counts over the sites.

    Attributes
    ----------
    rows, consequence_rows : of the two tables. order : checksum over the alleles, in order.
    consequences, impacts : sites by most severe term, and by impact; those without any left out.
    found : sites by database that holds them. values : sites by column that has a value.
    unreadable : values by column that are not of the type that the header says, left out.
    unknown_terms : consequence names that the ranking does not know.
    """

    rows: int = 0
    consequence_rows: int = 0
    order: int = 0
    rsids: int = 0
    consequences: Counter[str] = field(default_factory=Counter)
    impacts: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    unknown_terms: set[str] = field(default_factory=set)


def header_lines(databases: Sequence[Prepared]) -> dict[str, str]:
    """INFO field → header line, of all that annotation adds to the calls."""
    columns = [f for f in fields.TABLES["sites"] if f.name in GENE]
    lines = {"CSQ": HEADER} | {info_id(f.name): info_lines([f])[0] for f in columns}
    twice = []
    for database in databases:
        for column, line in zip(database.fields, database.header, strict=True):
            if column.name in lines:
                twice.append(column.name)
            lines[column.name] = line
    if twice:
        raise fail(
            "names-collide",
            "databases",
            f"columns of databases have the name of another column: {', '.join(twice)}",
            "Give the database another name in the configuration",
        )
    return lines


class Writer:
    """Writes both tables in row groups; memory does not grow with the number of sites.

    Parameters
    ----------
    read : of the engine. info : its INFO field.
    """

    def __init__(self, read: Reader, info: str, databases: Sequence[Prepared], tally: Tally):
        self.read, self.info, self.tally = read, info, tally
        self.extra = [column for database in databases for column in database.fields]
        self.sites: list[tuple[Any, ...]] = []
        self.consequences: list[tuple[Any, ...]] = []
        self.columns = [
            (
                database,
                [
                    (f.name, None if f.type == "bool" else reader(f.type, database.encoded))
                    for f in database.fields[1:]
                ],
            )
            for database in databases
        ]
        self.schemas = (
            fields.schema("sites", extra=self.extra),
            fields.schema("consequences"),
        )

    def write(
        self, annotated: Path, sites: Path, consequences: Path, header: str, out: IO[str]
    ) -> None:
        """Read annotated sites; write the tables, and a VCF of what goes onto the calls."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        paths = (sites, consequences)
        with ExitStack() as stack:
            beside = [stack.enter_context(writing(path)) for path in paths]
            writers = [
                stack.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
                for path, schema in zip(beside, self.schemas, strict=True)
            ]

            def flush() -> None:
                for writer, rows in zip(writers, (self.sites, self.consequences), strict=True):
                    if rows:
                        columns = [
                            pa.array(values, column.type)
                            for values, column in zip(
                                zip(*rows, strict=True), writer.schema, strict=True
                            )
                        ]
                        writer.write_table(pa.Table.from_arrays(columns, schema=writer.schema))
                    rows.clear()

            out.write(header)
            for cells in read_sites(annotated):
                out.write(self.add(cells))
                if len(self.sites) == ROWS:
                    flush()
            flush()

    def add(self, cells: list[str]) -> str:
        """Take one site into both tables; its line of VCF, with INFO for the calls."""
        contig, position, rsid, reference, alternate, quality, filters, text = cells
        tally = self.tally
        tally.order = chain(tally.order, contig, position, reference, alternate)
        tally.rows += 1
        info = dict(pair.partition("=")[::2] for pair in text.split(";")) if text != "." else {}
        said = info.get(self.info, "")
        found = self.read(contig, int(position), reference, alternate, said)
        worst = most_severe(found)
        naming = (
            variant_id(contig, int(position), reference, alternate),
            contig,
            int(position),
            reference,
            alternate,
        )
        tally.rsids += rsid != "."
        # Files of symbolic alleles are only paired where both say how far these reach.
        pieces = [f"{name}={info[name]}" for name in REACH if name in info]
        if worst:
            tally.consequences[worst.term] += 1
            tally.impacts[worst.impact] += 1
            self._add_consequences(naming, found, worst)
            pieces += (f"CSQ={csq_value(reference, alternate, found, worst)}", _gene_info(worst))
        values: list[Any] = []
        for database, known in self.columns:
            self._add_database(database, known, info, values, pieces)
        self.sites.append(
            (
                *naming,
                None if rsid == "." else rsid,
                None if quality == "." else float(quality),
                None if filters == "." else filters,
                *(_gene(worst) if worst else NO_GENE),
                *values,
            )
        )
        place = f"{contig}\t{position}\t{rsid}\t{reference}\t{alternate}"
        return f"{place}\t.\t.\t{';'.join(pieces) or '.'}\n"

    def _add_consequences(
        self, naming: tuple[Any, ...], found: list[Consequence], worst: Consequence
    ) -> None:
        of_genes = {id(one) for one in most_severe_of_genes(found).values()}
        self.tally.consequence_rows += len(found)
        for one in found:
            self.consequences.append(
                (*naming, *_gene(one), "&".join(one.terms), one is worst, id(one) in of_genes)
            )
            for term in one.terms:
                if term not in RANKS:
                    self.tally.unknown_terms.add(term)

    def _add_database(
        self,
        database: Prepared,
        columns: list[tuple[str, Callable[[str], Any] | None]],
        info: dict[str, str],
        values: list[Any],
        pieces: list[str],
    ) -> None:
        """Add the values of one database for the table, and the INFO that says them."""
        held = database.found in info
        values.append(held)
        if not held:
            values.extend([None] * len(columns))
            return
        self.tally.found[database.name] += 1
        pieces.append(database.found)
        for name, read in columns:
            text = info.get(name)
            if read is None:  # a flag
                value: Any = text is not None
                said = name
            else:
                value, said = None, f"{name}={text}"
                if text is not None:
                    try:
                        value = read(text)
                    except ValueError:
                        self.tally.unreadable[name] += 1
            values.append(value)
            if value is not None and value is not False:
                self.tally.values[name] += 1
                pieces.append(said)


@lru_cache(maxsize=65536)
def _gene_info(one: Consequence) -> str:
    """INFO of the most severe consequence; a flag only where it is true."""
    pieces = []
    for name, cell in zip(GENE, _gene(one), strict=True):
        if cell is True:
            pieces.append(info_id(name))
        elif cell:
            pieces.append(f"{info_id(name)}={escape(cell)}")
    return ";".join(pieces)


@lru_cache(maxsize=65536)
def _gene(one: Consequence) -> tuple[str | bool | None, ...]:
    """Cells of the columns `GENE`."""
    return (
        one.gene_id or None,
        one.gene_symbol or None,
        one.transcript or None,
        one.biotype or None,
        one.canonical,
        one.mane_select,
        one.term,
        one.impact,
        one.coding_change or None,
        one.protein_change or None,
    )


def write_tables(
    annotated: Path,
    *,
    read: Reader,
    info: str,
    databases: Sequence[Prepared],
    header_of_calls: Sequence[str],
    sites_parquet: Path,
    consequences_parquet: Path,
    out_bcf: Path,
) -> Tally:
    """Write the tables ``sites`` and ``consequences`` and a BCF of INFO for the calls.

    Parameters
    ----------
    annotated : VCF or BCF of sites, one alternate allele per record, with the INFO field
        `info` of the engine and the columns of the databases.
    header_of_calls : lines of its header.
    out_bcf : gets ID, CSQ, the most severe consequence and the columns of the databases.
    """
    tally = Tally()
    header = "".join(
        f"{line}\n"
        for line in (
            "##fileformat=VCFv4.3",
            *(line for line in header_of_calls if KEPT_LINES.match(line)),
            *header_lines(databases).values(),
            "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
        )
    )
    command = ["bcftools", "view", "--no-version", "-Ob1", "-o", str(out_bcf), "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
        Writer(read, info, databases, tally).write(
            annotated, sites_parquet, consequences_parquet, header, process.stdin
        )
    if process.returncode:
        raise fail(
            "tool-failed", "bcftools", "view could not take the annotated sites", "Free disk space"
        )
    return tally
