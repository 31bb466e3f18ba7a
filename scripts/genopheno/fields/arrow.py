"""Arrow schemas of declared tables, and the only way such a table is written and read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genopheno.fields.field import Field
from genopheno.fields.registry import DESCRIPTIONS, FAMILIES, TABLES

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

ROW_GROUP = 1 << 16  # rows: whoever reads a stretch of a long table holds no more of it


def declared(table: str, extra: Sequence[Field] = ()) -> tuple[Field, ...]:
    """Fields of a table: those it always has, then `extra`, which its families must allow.

    Raises
    ------
    ValueError : an extra column that no family of the table allows, or a name twice.
    """
    allowed = patterns(table)
    for field in extra:
        if not any(re.fullmatch(pattern, field.name) for pattern in allowed):
            raise ValueError(f"table {table}: no family allows the column {field.name!r}")
    both = (*TABLES[table], *extra)
    twice = {f.name for f in both if sum(g.name == f.name for g in both) > 1}
    if twice:
        raise ValueError(f"table {table}: columns declared twice: {sorted(twice)}")
    return both


def patterns(table: str) -> list[str]:
    """Regular expressions of the names that the families of a table allow."""
    return [re.sub(r"\\\{\w+\\\}", ".+", re.escape(f.name)) for f in FAMILIES.get(table, ())]


def member(table: str, family: str, /, **values: str) -> Field:
    """Field of a family: `family` is its name in the registry, `values` fill the placeholders.

    >>> member("matrix_samples", "pc{number}", number="1").name
    'pc1'
    """
    (pattern,) = (f for f in FAMILIES[table] if f.name == family)
    return replace(
        pattern, name=family.format(**values), description=pattern.description.format(**values)
    )


def names(table: str, extra: Sequence[Field] = ()) -> list[str]:
    """Column names of a table, in order."""
    return [field.name for field in declared(table, extra)]


def schema(
    table: str,
    metadata: Mapping[str, str] | None = None,
    *,
    extra: Sequence[Field] = (),
    sizes: Mapping[str, int] | None = None,
) -> pa.Schema:
    """Arrow schema of a table; all that is known of a column is in its metadata.

    The table's own metadata has its name in the registry and what a row is, under the keys
    'table' and 'description'.

    Parameters
    ----------
    metadata : more of the table. extra : columns beyond those it always has.
    sizes : lengths of its fixed-size lists, by key.
    """
    import pyarrow as pa

    return pa.schema(
        [
            pa.field(
                f.name,
                arrow_type(f.type, sizes or {}),
                metadata={
                    "description": f.description,
                    "unit": f.unit,
                    "tier": f.tier,
                    "source": f.source,
                    **({"version": f.version} if f.version else {}),
                    **({"codes": json.dumps(f.codes)} if f.codes else {}),
                },
            )
            for f in declared(table, extra)
        ],
        metadata={"table": table, "description": DESCRIPTIONS[table], **(metadata or {})},
    )


def arrow_type(name: str, sizes: Mapping[str, int]) -> pa.DataType:
    """Arrow type of a field's type: an alias of Arrow, ``list<T>`` or ``list<T>[key]``."""
    import pyarrow as pa

    found = re.fullmatch(r"list<(\w+)>(?:\[(\w+)\])?", name)
    if not found:
        return pa.type_for_alias(name)
    item, key = found.groups()
    return pa.list_(pa.type_for_alias(item), sizes[key] if key else -1)


def fields_of(schema: pa.Schema) -> list[Field]:
    """Fields as a file's own schema tells them; what it does not tell is ''."""
    found = []
    for column in schema:
        said = {k.decode(): v.decode() for k, v in (column.metadata or {}).items()}
        found.append(
            Field(
                column.name,
                str(column.type),
                said.get("unit", ""),
                said.get("description", ""),
                said.get("tier", ""),
                said.get("source", ""),
                said.get("version", ""),
                tuple(json.loads(said.get("codes", "[]"))),
            )
        )
    return found


def check_columns(columns: Sequence[str], table: str, extra: Sequence[Field] = ()) -> None:
    """Raise ValueError unless `columns` are exactly those of the registry (any order)."""
    expected = set(names(table, extra))
    missing, unknown = sorted(expected - set(columns)), sorted(set(columns) - expected)
    if missing or unknown:
        raise ValueError(f"table {table}: missing columns {missing}, undeclared {unknown}")


def to_arrow(
    frame: pd.DataFrame,
    table: str,
    metadata: Mapping[str, str] | None = None,
    extra: Sequence[Field] = (),
) -> pa.Table:
    """Turn a data frame into an Arrow table of the registry's columns, order and types."""
    import pyarrow as pa

    check_columns(list(frame.columns), table, extra)
    told = schema(table, metadata, extra=extra)
    return pa.Table.from_pandas(
        frame[told.names], schema=told, preserve_index=False
    ).replace_schema_metadata(told.metadata)  # without what pandas adds


def write(
    path: str | Path,
    frame: pd.DataFrame,
    table: str,
    metadata: Mapping[str, str] | None = None,
    extra: Sequence[Field] = (),
) -> None:
    """Write a data frame as the Parquet file of a declared table, beside and renamed."""
    import pyarrow.parquet as pq

    from genopheno.files import writing

    arrow = to_arrow(frame, table, metadata, extra)
    with writing(path) as beside:
        pq.write_table(arrow, beside, compression="zstd", row_group_size=ROW_GROUP)


def numbers(values: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """A column of numbers, or of truth values without null, as NumPy has it; null is NaN.

    Arrow's own conversion would import pandas, a fifth of a second in every process.
    """
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_boolean(values.type):
        return np.from_dlpack(values.cast(pa.uint8())).astype(bool)
    if values.null_count:
        known = np.from_dlpack(values.is_valid().cast(pa.uint8())).astype(bool)
        out = np.full(len(values), np.nan)
        out[known] = np.from_dlpack(values.drop_null())
        return out
    return np.from_dlpack(values)


def column(values: np.ndarray) -> pa.Array:
    """A column of numbers or truth values from NumPy; NaN is null. The way back from `numbers`."""
    import pyarrow as pa

    values = np.ascontiguousarray(values)
    if values.dtype == bool:
        bits = np.packbits(values, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])
    valid = None
    if values.dtype.kind == "f":
        known = ~np.isnan(values)
        if not known.all():
            valid = pa.py_buffer(np.packbits(known, bitorder="little"))
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(values)])


def words(values: Sequence[str]) -> pa.Array:
    """A column of strings, without Arrow's own conversion, as in `column`."""
    import pyarrow as pa

    texts = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def read(path: str | Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table as a data frame."""
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=columns).to_pandas()
