"""The tables of one contig as Arrow, and a writer that keeps row groups of one size."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genopheno import fields
from genopheno.calls import plain
from genopheno.fields import Field
from genopheno.matrices.counts import Groups

VARIANT = ("variant_id", "contig", "position", "reference", "alternate")
# A row group of genotypes holds about so many, which are read in a millisecond or two.
CELLS = 1 << 19
SMALL_ROWS = 4096  # rows of a group of the tables without genotypes
# Columns with statistics: those by which row groups are passed over.
STATISTICS = ("contig", "position")
ENTRY_COLUMNS = {
    "DP": ("read_depths", np.int32),
    "GQ": ("genotype_qualities", np.int16),
    "DS": ("alternate_dosages", np.float32),
}


def genotype_rows(n_samples: int) -> int:
    """Rows of a group of the genotype table: a power of two, 64 to 4096."""
    return 1 << max(6, min(12, (CELLS // n_samples).bit_length() - 1))


class GroupedWriter:
    """Writes a Parquet file of row groups of `rows` rows, the last one shorter."""

    def __init__(self, path: Path, schema: pa.Schema, rows: int):
        self.rows, self.n, self.schema = rows, 0, schema
        self._waiting: list[pa.Table] = []
        self._file = pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            compression_level=9,  # as fast as 3 here: dictionaries leave two bits a genotype
            use_dictionary=[_leaf(f) for f in schema if f.name not in ("variant_id", "position")],
            # Positions are sorted: their differences are small. Each id is there once.
            column_encoding={"position": "DELTA_BINARY_PACKED"}
            if "position" in schema.names
            else None,
            write_statistics=[name for name in STATISTICS if name in schema.names],
        )

    def add(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self.n += table.num_rows
        if sum(t.num_rows for t in self._waiting) < self.rows:
            return
        whole = pa.concat_tables(self._waiting)
        full = whole.num_rows - whole.num_rows % self.rows
        self._file.write_table(whole.slice(0, full), row_group_size=self.rows)
        self._waiting = [whole.slice(full)]

    def close(self) -> None:
        if rest := [t for t in self._waiting if t.num_rows]:
            self._file.write_table(pa.concat_tables(rest), row_group_size=self.rows)
        self._file.close()


def _leaf(field: pa.Field) -> str:
    """Path of a column in Parquet."""
    return f"{field.name}.list.element" if pa.types.is_nested(field.type) else field.name


def group_columns(groups: Groups, told: Mapping[str, tuple[str, str]]) -> list[Field]:
    """Members of the families of counts by group, in the order of `counts.counts`.

    Parameters
    ----------
    told : group and level, in words, of each name in `groups`.
    """
    members = []
    for name in groups.names:
        group, level = told[name]
        for family in ("allele_count", "allele_number", "allele_frequency", "n_hom_alt"):
            field = fields.member(
                "matrix_sites", f"{family}_{{group}}_{{level}}", group=group, level=level
            )
            members.append(replace(field, name=f"{family}_{name}"))
    return members


def sites_schema(site_schema: pa.Schema, by_group: Sequence[Field]) -> pa.Schema:
    """Schema of ``matrix_sites``: what the sites have, then the counts.

    Columns of databases come as the sites file tells them.
    """
    own = set(fields.names("sites"))
    databases = [f for f in site_schema if f.name not in own]
    known = fields.fields_of(pa.schema(databases))
    fields.declared("matrix_sites", [*known, *by_group])  # refuses what no family allows
    base = fields.schema("matrix_sites")
    counts = [f for f in base if f.name not in own]
    extra = fields.schema("matrix_sites", extra=by_group)
    return pa.schema(
        [*(f for f in base if f.name in own), *databases, *counts, *list(extra)[len(base) :]],
        metadata=base.metadata,
    )


def genotypes_schema(samples: Sequence[str], entry_fields: Sequence[str]) -> pa.Schema:
    extra = [fields.member("matrix_genotypes", ENTRY_COLUMNS[name][0]) for name in entry_fields]
    return fields.schema(
        "matrix_genotypes",
        metadata={"samples": json.dumps(list(samples))},
        extra=extra,
        sizes={"samples": len(samples)},
    )


def sites(site: pa.Table, counted: Mapping[str, np.ndarray], schema: pa.Schema) -> pa.Table:
    """Sites of the chosen variants with their counts; NaN becomes missing."""
    columns = dict(zip(site.column_names, site.columns, strict=True))
    columns |= {name: pa.array(values, from_pandas=True) for name, values in counted.items()}
    return pa.table([columns[n] for n in schema.names], names=schema.names).cast(schema)


def genotypes(
    site: pa.Table,
    codes: np.ndarray,
    dosages: np.ndarray,
    entries: Mapping[str, np.ndarray],
    schema: pa.Schema,
) -> pa.Table:
    """Genotypes of the chosen variants.

    Parameters
    ----------
    site : columns `VARIANT`, a row per variant. codes, dosages : (variants, samples) int8.
    entries : (variants, samples) by FORMAT field, those that the schema has.
    """
    # A row is null where the dosages say the same.
    told = plain(codes)
    columns = [site[name].cast(schema.field(name).type) for name in VARIANT]
    columns.append(_lists(dosages, schema.field("dosages").type))
    columns.append(_lists(codes, schema.field("calls").type, told))
    for name, (column, dtype) in ENTRY_COLUMNS.items():
        if column not in schema.names:
            continue
        values = entries[name]
        if dtype != np.float32:
            values = _whole(values, np.iinfo(dtype).max)
        columns.append(_lists(values.astype(dtype), schema.field(column).type))
    return pa.table(columns, schema=schema)


def _lists(values: np.ndarray, kind: pa.DataType, null: np.ndarray | None = None) -> pa.Array:
    if null is not None and null.all():
        return pa.nulls(len(values), kind)
    mask = pa.array(null) if null is not None and null.any() else None
    flat = pa.array(np.ascontiguousarray(values).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, type=kind, mask=mask)


def _whole(values: np.ndarray, most: int) -> np.ndarray:
    """Whole numbers of a field that may be declared as Float; NaN becomes -1."""
    if values.dtype.kind == "f":
        values = np.rint(np.nan_to_num(values, nan=-1, posinf=most))
    return np.clip(values, -1, most)


def carriers(
    site: pa.Table,
    rare: np.ndarray,
    dosage: np.ndarray,
    entries: Mapping[str, np.ndarray],
    samples: pa.Array,
) -> pa.Table:
    """People with an alternate allele of the rare variants, a row each.

    Parameters
    ----------
    rare : (rare,) indices of variants. dosage : (variants, samples) int8.
    entries : (variants, samples) int by FORMAT field: DP and GQ where the calls have them.
    """
    row, person = np.nonzero(dosage[rare] > 0)
    row = rare[row]
    schema = fields.schema("carriers")
    columns = {name: site[name].take(pa.array(row)) for name in VARIANT}
    columns["sample"] = samples.take(pa.array(person))
    columns["dosage"] = pa.array(dosage[row, person])
    for name, column in (("DP", "read_depth"), ("GQ", "genotype_quality")):
        if name in entries:
            values = _whole(entries[name][row, person], np.iinfo(np.int32).max).astype(np.int32)
            columns[column] = pa.array(values, mask=values < 0)
        else:
            columns[column] = pa.nulls(len(row), pa.int32())
    return pa.table([columns[n] for n in schema.names], names=schema.names).cast(schema)
