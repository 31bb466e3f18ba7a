"""Columns of a database: how its fields are called, counted and typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genopheno.problems import fail
from genopheno.site_files import open_text
from genopheno.tools import run

# What an INFO type of VCF is as a column; strings and characters stay text.
ARROW = {"Integer": "int32", "Float": "float32", "Flag": "bool"}
INFO = re.compile(r"##INFO=<ID=([^,]+),Number=([^,]+),Type=([^,]+)(?:,Description=\"([^\"]*)\")?")


@dataclass(frozen=True)
class Column:
    """A field that is taken.

    Attributes
    ----------
    field : its name in the file. name : INFO field that it becomes, ``{database}_{field}``.
    number, type : as in a VCF header. type '' : to be found from the values (tables).
    """

    field: str
    name: str
    number: str
    type: str
    description: str = ""

    @property
    def is_list(self) -> bool:
        """More than one number; text stays one text, for commas are part of it at ClinVar."""
        return self.type in ("Integer", "Float") and self.number not in ("1", "A")

    @property
    def arrow_type(self) -> str:
        one = ARROW.get(self.type, "string")
        return f"list<{one}>" if self.is_list else one

    def header(self, note: str) -> str:
        """Line of a VCF header. A, which is one per record here, stays; R and more become '.'."""
        number = self.number if self.number in ("0", "1", "A") else "."
        said = self.description or f"Column {self.field}"
        text = f"{said}{note}".replace('"', "'").replace("\\", "/")
        return f'##INFO=<ID={self.name},Number={number},Type={self.type},Description="{text}">'


def column_name(database: str, field: str) -> str:
    """Name of the INFO field: characters that VCF does not allow there become '_'."""
    return f"{database}_{re.sub(r'[^0-9A-Za-z_.]', '_', field)}"


def check_names(database: str, path: Path, fields: Sequence[str]) -> None:
    """Refuse fields that would come under one name."""
    names = [column_name(database, field) for field in fields]
    reserved = f"{database}_found"
    twice = sorted({n for n in names if names.count(n) > 1 or n == reserved})
    if twice:
        raise fail(
            "database-field-twice",
            path,
            f"more than one field of database {database} would be called {twice[0]}",
            "Name each field once, and none 'found'",
        )


def header_lines(path: Path, form: str) -> list[str]:
    """Header of a VCF or BCF, as it is written."""
    if form == "bcf":
        return run(["bcftools", "view", "-h", path]).splitlines()
    lines = []
    with open_text(path) as handle:
        for line in handle:
            if not line.startswith("#"):
                break
            lines.append(line.rstrip("\r\n"))
    return lines


def vcf_columns(database: str, path: Path, form: str, fields: Sequence[str]) -> list[Column]:
    """Columns of the INFO fields that are asked for, in that order.

    Raises
    ------
    StageError : a field that the header does not declare, or that goes by genotype.
    """
    declared = {
        found[1]: found.groups() for found in map(INFO.match, header_lines(path, form)) if found
    }
    missing = [field for field in fields if field not in declared]
    if missing:
        raise fail(
            "database-field-missing",
            path,
            f"database {database} has no INFO field {', '.join(missing)} in its header",
            f"It has: {', '.join(sorted(declared)) or 'none'}. A field that only its records "
            "have must be declared there (bcftools annotate -h)",
        )
    columns = [
        Column(field, column_name(database, field), *declared[field][1:3], declared[field][3] or "")
        for field in fields
    ]
    for column in columns:
        if column.number == "G" or column.type not in (*ARROW, "String", "Character"):
            raise fail(
                "database-field-type",
                path,
                f"INFO field {column.field} of database {database} has Number={column.number} "
                f"and Type={column.type}",
                "Take fields of Type Integer, Float, Flag, String or Character, none by genotype",
            )
    return columns
