"""The registry of published columns: every table that leaves a stage is declared here, once.

A table is written through `write` (Parquet) or `write_tsv`, which refuse a column that
the registry does not name and a named column that is not there. Schemas, data
dictionaries (`dictionary`, `frictionless`), VCF header lines (`vcf_header`) and tests come from
the same lines.

Missing is null in Parquet, ``NA`` in a summary statistics TSV (GWAS-SSF), and empty elsewhere.
Tiers: ``open`` (no single person can be seen in it) or ``controlled`` (one row or value
per person).
"""

from genopheno.fields.arrow import (
    check_columns,
    column,
    declared,
    fields_of,
    member,
    names,
    numbers,
    read,
    schema,
    to_arrow,
    words,
    write,
)
from genopheno.fields.check import check_codes, check_dictionary, check_tables
from genopheno.fields.dictionary import tables_in, write_dictionary
from genopheno.fields.field import Field
from genopheno.fields.registry import DESCRIPTIONS, FAMILIES, TABLES

__all__ = [
    "DESCRIPTIONS",
    "FAMILIES",
    "TABLES",
    "Field",
    "check_codes",
    "check_columns",
    "check_dictionary",
    "check_tables",
    "column",
    "declared",
    "fields_of",
    "member",
    "names",
    "numbers",
    "read",
    "schema",
    "tables_in",
    "to_arrow",
    "words",
    "write",
    "write_dictionary",
]
