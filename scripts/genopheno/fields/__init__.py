"""The registry of published columns: every table that leaves a stage is declared here, once.

A table is written through `write` (Parquet) or `write_tsv`, which refuse a column that
the registry does not name and a named column that is not there. Schemas, data
dictionaries and tests come from the same lines.

Missing is null in Parquet, ``NA`` in a summary statistics TSV (GWAS-SSF), and empty elsewhere.
Tiers: ``open`` (no single person can be seen in it) or ``controlled`` (one row or value
per person).
"""

from genopheno.fields.arrow import (
    check_columns,
    declared,
    fields_of,
    member,
    names,
    read,
    schema,
    to_arrow,
    write,
)
from genopheno.fields.dictionary import dictionary
from genopheno.fields.field import Field
from genopheno.fields.registry import FAMILIES, TABLES

__all__ = [
    "FAMILIES",
    "TABLES",
    "Field",
    "check_columns",
    "declared",
    "dictionary",
    "fields_of",
    "member",
    "names",
    "read",
    "schema",
    "to_arrow",
    "write",
]
