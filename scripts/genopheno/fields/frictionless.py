"""Tables as a Frictionless Data Package (https://datapackage.org): files and Table Schemas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genopheno.fields.arrow import fields_of
from genopheno.fields.field import Field

if TYPE_CHECKING:
    import pyarrow as pa

    from genopheno.fields.dictionary import Table


def data_package(tables: Mapping[str, Table], title: str) -> dict[str, Any]:
    """Descriptor of a package with a resource per table.

    It holds to both versions of the standard: names are lower-case, and what they do not know
    (unit, tier, source, version, the Arrow type) are further properties, which both allow.
    """
    return {
        "name": resource_name(title),
        "title": title,
        "resources": [
            {
                "name": resource_name(name),
                "title": name,
                "description": table.description,
                "path": table.paths[0] if len(table.paths) == 1 else list(table.paths),
                "format": "parquet",
                "mediatype": "application/vnd.apache.parquet",
                "schema": table_schema(table.schema),
            }
            for name, table in tables.items()
        ],
    }


def resource_name(name: str) -> str:
    """`name` in the letters that the standard allows: lower case, digits, '-', '_', '.'."""
    return re.sub(r"[^-a-z0-9._]", "-", name.lower())


def table_schema(schema: pa.Schema) -> dict[str, Any]:
    """Table Schema of an Arrow schema. Parquet knows null, so no text stands for missing."""
    columns = zip(fields_of(schema), schema, strict=True)
    return {"fields": [_field(f, column.type) for f, column in columns], "missingValues": [""]}


def _field(known: Field, kind: pa.DataType) -> dict[str, Any]:
    import pyarrow.types as pt

    described: dict[str, Any] = {
        "name": known.name,
        "type": frictionless_type(kind),
        "description": known.description,
        "arrowType": known.type,
    }
    for name in ("unit", "tier", "source", "version"):
        if value := getattr(known, name):
            described[name] = value
    if described["type"] == "array":
        described["arrayItem"] = {"type": frictionless_type(kind.value_type)}
    if pt.is_fixed_size_list(kind):
        described["constraints"] = {"minLength": kind.list_size, "maxLength": kind.list_size}
    elif known.codes and described["type"] != "array":
        convert = {"integer": int, "number": float}.get(described["type"], str)
        described["constraints"] = {"enum": [convert(code) for code in known.codes]}
    return described


def frictionless_type(kind: pa.DataType) -> str:
    """Type of Table Schema for an Arrow type.

    Raises
    ------
    ValueError : no column of the registry has such a type.
    """
    import pyarrow.types as pt

    if pt.is_dictionary(kind):
        return frictionless_type(kind.value_type)
    for holds, name in (
        (pt.is_boolean, "boolean"),
        (pt.is_integer, "integer"),
        (pt.is_floating, "number"),
        (pt.is_string, "string"),
        (pt.is_large_string, "string"),
        (pt.is_list, "array"),
        (pt.is_large_list, "array"),
        (pt.is_fixed_size_list, "array"),
    ):
        if holds(kind):
            return name
    raise ValueError(f"no Table Schema type for {kind}")
