"""Consequences of the passing variants, and the genes they are on."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from genopheno import fields
from genopheno.matrices.passing import Passing, Rows
from genopheno.matrices.tables import SMALL_ROWS, GroupedWriter


def write_consequences(
    source: Path, contig: str, passing: Passing, out: Path
) -> tuple[int, int, pa.Table]:
    """Write the consequences of the passing variants of one contig.

    Parameters
    ----------
    source : table ``consequences``, sorted by contig and position.
    out : Parquet file to write.

    Returns
    -------
    Rows kept, rows left out (their variants do not pass), and the genes as `genes` of all parts.
    """
    schema = fields.schema("consequences")
    writer = GroupedWriter(out, schema, 4 * SMALL_ROWS)
    left_out, parts = 0, []
    try:
        for table in Rows(source, contig, schema.names):
            positions = table["position"]
            ends = pc.min_max(positions).as_py()
            named = passing.between(contig, ends["min"], ends["max"])
            kept = table.filter(
                pc.is_in(table["variant_id"], value_set=named["variant_id"].combine_chunks())
            )
            left_out += table.num_rows - kept.num_rows
            writer.add(kept.select(schema.names).cast(schema))
            parts.append(per_gene(kept))
    finally:
        writer.close()
    return writer.n, left_out, merge(parts)


KEYS = ["gene_id", "gene_symbol", "contig"]
# Result name, column, how it is summed up: also over parts.
SUMS = [
    ("start", "min"),
    ("end", "max"),
    ("n_variants", "sum"),
    ("n_high", "sum"),
    ("n_moderate", "sum"),
]


def per_gene(consequences: pa.Table) -> pa.Table:
    """Table ``matrix_genes`` of consequences: one row of a gene per variant is its most severe."""
    rows = consequences.filter(
        pc.and_(consequences["most_severe_of_gene"], pc.is_valid(consequences["gene_id"]))
    )
    one = pa.array([1] * rows.num_rows, pa.int32())
    counted = pa.table(
        {
            **{key: rows[key] for key in KEYS},
            "start": rows["position"],
            "end": rows["position"],
            "n_variants": one,
            "n_high": pc.equal(rows["impact"], "HIGH").cast(pa.int32()),
            "n_moderate": pc.equal(rows["impact"], "MODERATE").cast(pa.int32()),
        }
    )
    return merge([counted])


def merge(parts: list[pa.Table]) -> pa.Table:
    """Add up rows of the same gene and contig; sorted by contig as met, then start."""
    schema = fields.schema("matrix_genes")
    if not parts:
        return schema.empty_table()
    grouped = pa.concat_tables(parts).group_by(KEYS, use_threads=False).aggregate(SUMS)
    names = {f"{column}_{how}": column for column, how in SUMS}
    grouped = grouped.rename_columns([names.get(n, n) for n in grouped.column_names])
    grouped = grouped.select(schema.names).cast(schema)
    order = pc.sort_indices(grouped, sort_keys=[("start", "ascending"), ("gene_id", "ascending")])
    return grouped.take(order)
