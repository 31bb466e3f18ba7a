"""VCF header lines of columns: the same names, types, meanings and sources as in the tables."""

from __future__ import annotations

import re
from collections.abc import Iterable

from genopheno.fields.field import Field
from genopheno.fields.registry import TABLES

# Columns that have a place of their own in a VCF record (CHROM, POS, ID, REF, ALT, QUAL, FILTER).
FIXED = frozenset(
    ("variant_id", "contig", "position", "reference", "alternate", "rsid", "quality", "filters")
)
ID = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*")  # VCF 4.3, section 1.6.1
KINDS = (("string", "String"), ("u?int", "Integer"), ("float|double", "Float"), ("bool", "Flag"))


def info_id(column: str, table: str = "sites") -> str:
    """Name of a column as INFO: in capitals, or as it is for a member of a family.

    >>> info_id("gene_symbol"), info_id("gnomad_AF_eas")
    ('GENE_SYMBOL', 'gnomad_AF_eas')

    Raises
    ------
    ValueError : VCF does not allow the name.
    """
    name = column.upper() if any(f.name == column for f in TABLES[table]) else column
    if not ID.fullmatch(name):
        raise ValueError(f"column {column!r}: {name!r} cannot be an INFO field")
    return name


def info_lines(columns: Iterable[Field], table: str = "sites") -> list[str]:
    """``##INFO`` lines of columns of a table of alleles, without line ends.

    Number is 1, '.' for lists and 0 for flags: a record has one alternate allele, and a
    flag that is absent may be false or missing. Source and Version stand where they are known.

    Parameters
    ----------
    columns : fields as declared; those with a fixed place in a record (`FIXED`) are passed over.
    table : whose own columns are named in capitals; all others are members of its families.

    Raises
    ------
    ValueError : VCF does not allow the name or has no such type.
    """
    return [_line(column, table) for column in columns if column.name not in FIXED]


def _line(column: Field, table: str) -> str:
    number, kind = number_and_type(column.type)
    parts = [f"ID={info_id(column.name, table)}", f"Number={number}", f"Type={kind}"]
    unit = f" (unit: {column.unit})" if column.unit else ""
    parts.append(f"Description={_quoted(column.description + unit)}")
    for key, value in (("Source", column.source), ("Version", column.version)):
        if value:
            parts.append(f"{key}={_quoted(value)}")
    return f"##INFO=<{','.join(parts)}>"


def number_and_type(kind: str) -> tuple[str, str]:
    """VCF's Number and Type of an Arrow type, as text (``list<float>``, ``bool``).

    Raises
    ------
    ValueError : VCF has no such type.
    """
    found = re.fullmatch(r"(?:fixed_size_)?list<(?:\w+: )?(\w+)(?: not null)?>(?:\[\w+\])?", kind)
    item = found[1] if found else kind
    for pattern, name in KINDS:
        if re.fullmatch(rf"(?:large_)?(?:{pattern})\d*", item):
            if name == "Flag" and found:
                break
            return ("." if found else "0" if name == "Flag" else "1"), name
    raise ValueError(f"no VCF type for {kind!r}")


def _quoted(text: str) -> str:
    """Text in double quotes, in one line, escaped as VCF 4.3 (section 1.4) says."""
    line = " ".join(text.split())
    return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"'
