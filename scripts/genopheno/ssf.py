"""GWAS-SSF 1.0: the text form of summary statistics (Hayhurst et al. 2022)."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from genopheno import fields

MISSING = "#NA"
NAMES = {"neg_log10_p_value": "neg_log_10_p_value"}  # spelled so there
CHROMOSOMES = {"X": "23", "Y": "24", "MT": "25", "M": "25"}


def chromosome(contig: str) -> str:
    """Chromosome as GWAS-SSF has it: 1 to 25; contigs without such a number keep their name."""
    bare = contig.removeprefix("chr").removeprefix("Chr")
    bare = CHROMOSOMES.get(bare.upper(), bare)
    return bare if bare.isdecimal() and 1 <= int(bare) <= 25 else contig


def header(names: Sequence[str]) -> bytes:
    """First line of a file of these columns."""
    return ("\t".join(NAMES.get(name, name) for name in names) + "\n").encode()


def lines(table: pa.Table, names: Sequence[str]) -> bytes:
    """Lines of these columns of a table, without the header; numbers are written in full."""
    columns = []
    for name in names:
        column = table[name]
        if name == "chromosome":
            contigs = pc.unique(column)
            column = fields.words([chromosome(c) for c in contigs.to_pylist()]).take(
                pc.index_in(column, contigs)
            )
        if pa.types.is_boolean(column.type):
            column = fields.words(["false", "true"]).take(pc.cast(column, pa.int8()))
        if column.null_count:
            column = pc.fill_null(pc.cast(column, pa.string()), fields.words([MISSING])[0])
        columns.append(column)
    sink = io.BytesIO()
    csv.write_csv(
        pa.table(columns, names=list(names)),
        sink,
        csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none"),
    )
    return sink.getvalue()
