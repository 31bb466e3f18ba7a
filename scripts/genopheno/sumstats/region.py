"""A region of a Parquet table of variants, read without the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from genopheno.contig_names import other_spelling
from genopheno.problems import fail

PLACES = (("chromosome", "base_pair_location"), ("contig", "position"))


def read_region(
    path: Path, contig: str, start: int, end: int, columns: Sequence[str] | None = None
) -> pa.Table:
    """Rows of a contig from `start` to `end` (1-based, both included).

    Row groups that the statistics of the file place elsewhere are not read; in a sorted file that
    is all but one or two.

    Parameters
    ----------
    contig : with or without 'chr'.
    columns : to read; None: all.

    Raises
    ------
    StageError : the table has no columns of places, or none of those that are asked for.
    """
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        place = next((pair for pair in PLACES if set(pair) <= set(names)), None)
        if place is None:
            raise fail(
                "region-columns",
                path,
                "it has no columns chromosome and base_pair_location, nor contig and position",
                "Give a table of variants of genopheno",
            )
        wanted = list(names if columns is None else columns)
        if strange := sorted(set(wanted) - set(names)):
            what = f"it has no columns {', '.join(strange)}"
            raise fail("region-columns", path, what, f"Its columns are {', '.join(names)}")
        at = [names.index(name) for name in place]
        spellings = sorted({contig} | other_spelling(contig))
        groups = [
            index
            for index in range(file.num_row_groups)
            if _may_hold(file.metadata.row_group(index), at, spellings, start, end)
        ]
        table = file.read_row_groups(groups, columns=list(dict.fromkeys([*place, *wanted])))
    position = table[place[1]]
    keep = pc.and_(
        pc.is_in(table[place[0]], pa.array(spellings)),
        pc.and_(pc.greater_equal(position, start), pc.less_equal(position, end)),
    )
    return table.filter(keep).select(wanted)


def print_region(table: pa.Table, sink: IO[bytes]) -> None:
    """Write rows as text with a header, tabs between; missing is empty, lists ';' between."""
    columns = [
        pc.binary_join(pc.cast(column, pa.list_(pa.string())), ";")
        if pa.types.is_nested(column.type)
        else column
        for column in table.columns
    ]
    options = csv.WriteOptions(delimiter="\t", quoting_style="none")
    sink.write(("\t".join(table.column_names) + "\n").encode())
    if table.num_rows:
        options.include_header = False
        csv.write_csv(pa.table(columns, names=table.column_names), sink, options)


def _may_hold(group, at: list[int], spellings: list[str], start: int, end: int) -> bool:
    contigs, positions = (group.column(index).statistics for index in at)
    if contigs is None or positions is None or not (contigs.has_min_max and positions.has_min_max):
        return True
    if not any(contigs.min <= name <= contigs.max for name in spellings):
        return False
    # A group of several contigs may hold any position of each.
    if contigs.min != contigs.max:
        return True
    return positions.min <= end and positions.max >= start
