"""A region of a Parquet table of variants, read without the rest."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genopheno.contig_names import other_spelling
from genopheno.problems import fail

PLACES = (("chromosome", "base_pair_location"), ("contig", "position"))


def read_region(path: Path, contig: str, start: int, end: int) -> pa.Table:
    """Rows of a contig from `start` to `end` (1-based, both included).

    Row groups that the statistics of the file place elsewhere are not read; in a sorted file that
    is all but one or two.

    Parameters
    ----------
    contig : with or without 'chr'.

    Raises
    ------
    StageError : the table has no columns of places.
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
        at = [names.index(name) for name in place]
        spellings = sorted({contig} | other_spelling(contig))
        groups = [
            index
            for index in range(file.num_row_groups)
            if _may_hold(file.metadata.row_group(index), at, spellings, start, end)
        ]
        table = file.read_row_groups(groups)
    position = table[place[1]]
    keep = pc.and_(
        pc.is_in(table[place[0]], pa.array(spellings)),
        pc.and_(pc.greater_equal(position, start), pc.less_equal(position, end)),
    )
    return table.filter(keep)


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
