"""One column of a published table, and the compact form in which tables are declared."""

from __future__ import annotations

import re
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
    source : tool, paper, standard or database that it is from; '' where it is our own.
    version : release of that source; '' where it has none or it is not known.
    codes : every value that a coded column can have; () where it is not coded.
    """

    name: str
    type: str
    unit: str
    description: str
    tier: str = "open"
    source: str = ""
    version: str = ""
    codes: tuple[str, ...] = ()


def columns(tier: str, text: str, source: str = "") -> tuple[Field, ...]:
    """Read ``name | type | unit | description``, a line a column.

    A fifth cell is the source in place of `source`, where it is not empty; a sixth lists the
    codes, ',' between. A bar before a letter or digit is text (``0|1``).

    Raises
    ------
    ValueError : a line of fewer than four cells, or more than six.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    rows = [[cell.strip() for cell in re.split(r"\|(?=\s|$)", line)] for line in lines]
    for line, row in zip(lines, rows, strict=True):
        if not 4 <= len(row) <= 6:
            raise ValueError(f"{len(row)} cells in the column {line!r}")
    return tuple(
        Field(
            name,
            kind,
            unit,
            meaning,
            tier,
            own[0] if own and own[0] else source,
            codes=tuple(code.strip() for code in own[1].split(",")) if len(own) > 1 else (),
        )
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
