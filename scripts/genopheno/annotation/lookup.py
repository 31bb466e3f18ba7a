"""Fields of prepared databases onto sites, and what their columns are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from genopheno import fields
from genopheno.annotation.databases import Prepared
from genopheno.fields import Field
from genopheno.tools import Command, run

KINDS = {"Integer": "int32", "Float": "float64", "Flag": "bool", "String": "string"}


def look_up(sites: Path, prepared: list[Prepared], paths: Mapping[str, Path], work: Path) -> Path:
    """Sites with the columns of all databases, in the order they had.

    Parameters
    ----------
    sites : indexed BCF. paths : database → prepared file. work : folder for files.
    """
    found = sites
    for number, database in enumerate(prepared, start=1):
        before, found = found, work / f"looked_up.{number}.bcf"
        run([*_lookup(database, paths[database.name]), "-o", found, before])
        run(["bcftools", "index", found])
    if not prepared:
        return sites
    # Of several alleles at a position, a lookup puts those it finds first. Where all are
    # found, the order stays: that of the sites comes back.
    ordered = work / "looked_up.bcf"
    columns = ["ID", *(f"INFO/{c}" for d in prepared for c in (*d.columns, f"{d.name}_found"))]
    run([*transfer(found, columns), "-Ob1", "-o", ordered, sites])
    run(["bcftools", "index", ordered])
    return ordered


def _lookup(database: Prepared, path: Path) -> Command:
    """Command that takes the fields of one database, by exact alleles."""
    columns = [f"INFO/{column}" for column in database.columns] + ["ID"] * database.rsid
    return [
        *("bcftools", "annotate", "--no-version", "-a", path, "--pair-logic", "exact"),
        *(["-c", ",".join(columns)] if columns else []),
        *("-m", f"+{database.name}_found", "-Ob1"),
    ]


def transfer(sites: Path, columns: list[str]) -> list[str | Path]:
    """Command that puts columns of sites onto the same sites of another file."""
    return ["bcftools", "annotate", "-a", sites, "-c", ",".join(columns), "--pair-logic", "exact"]


def database_fields(prepared: list[Prepared], header: str) -> dict[str, list[Field]]:
    """Database → the columns that it adds to the table of sites; the first says if it is there.

    Types are those of the VCF header. A flag is true or false where the database holds the
    allele. Several numbers (Number other than 1 and A) are a list, several texts one text
    with ',' between, as VCF writes them.
    """
    found: dict[str, list[Field]] = {}
    for database in prepared:
        there = fields.member("sites", "{database}_found", database=database.name)
        found[database.name] = [replace(there, source=database.name)]
        for column, name in database.columns.items():
            told = re.search(
                rf'^##INFO=<ID={re.escape(column)},Number=([^,]+),Type=([^,]+),Description="(.*?)"',
                header,
                flags=re.MULTILINE,
            )
            number, kind, description = told.groups() if told else (".", "String", "")
            kind = KINDS.get(kind, "string")
            if number not in ("0", "1", "A") and kind not in ("string", "bool"):
                kind = f"list<{kind}>"
            known = fields.member("sites", "{database}_{field}", database=database.name, field=name)
            found[database.name].append(
                replace(
                    known,
                    type=kind,
                    description=description or known.description,
                    source=database.name,
                )
            )
    return found
