"""One column of a published table, and the compact form in which tables are declared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One column.

    Attributes
    ----------
    name : column name; in a family (columns that depend on the configuration) with
        ``{placeholders}``.
    type : Arrow type; ``list<T>`` a list, ``list<T>[key]`` one of fixed length, which is
        given by `key` when the schema is made.
    unit : '' where there is none.
    description : what it is; a coded value says every code.
    tier : ``open`` (no single person can be seen in it) or ``controlled``.
    source : tool, paper or database that it is from; '' where it is our own.
    """

    name: str
    type: str
    unit: str
    description: str
    tier: str = "open"
    source: str = ""


def columns(tier: str, text: str, source: str = "") -> tuple[Field, ...]:
    """Read ``name | type | unit | description``, a line a column; a fifth cell is the source."""
    rows = (
        [cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.strip()
    )
    return tuple(
        Field(name, kind, unit, meaning, tier, own[0] if own else source)
        for name, kind, unit, meaning, *own in rows
    )


# Columns that name a variant, the same in every table of variants.
VARIANT = """
variant_id  | string |    | contig:position:reference:alternate, after left alignment and splitting
contig      | string |    | contig name as in the reference
position    | int32  | bp | 1-based position of the first reference base
reference   | string |    | reference allele
alternate   | string |    | alternate allele
"""
