"""Checks of what stages left: no column without a declaration, none missing in the dictionary."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from genopheno.fields.arrow import arrow_type, fields_of, patterns
from genopheno.fields.dictionary import NAMES, Table, rows, tables_in
from genopheno.fields.frictionless import resource_name
from genopheno.fields.registry import TABLES
from genopheno.files import read_json
from genopheno.problems import Problem

if TYPE_CHECKING:
    import pyarrow as pa

AGAIN = "Delete the file and run again; where it comes back, this is a fault of genopheno"


def check_dictionary(folder: Path) -> list[Problem]:
    """Compare the data dictionary of a folder with the tables that are in it.

    Each of ``dictionary.tsv``, ``dictionary.md`` and ``datapackage.json`` has to name every
    column of every Parquet table of the folder, in order, and no other. A column needs a
    description, and all files of a table the same columns.
    """
    folder = Path(folder)
    tables = tables_in(folder)
    expected = {name.removesuffix(".parquet"): t.schema.names for name, t in tables.items()}
    found = [problem for table in tables.values() for problem in _files(folder, table)]
    absent = [name for name in NAMES if not (folder / name).is_file()]
    if absent or not tables:
        what = f"absent: {', '.join(absent)}" if absent else "there is no table"
        return [*found, Problem("dictionary-missing", str(folder), found=what, mend=AGAIN)]
    with open(folder / "dictionary.tsv", encoding="utf-8", newline="") as handle:
        told = list(csv.DictReader(handle, delimiter="\t"))
    found += _compare(folder / "dictionary.tsv", expected, _pairs(told))
    held = {name.removesuffix(".parquet"): table for name, table in tables.items()}
    types = {(row[0], row[1]): row[2] for row in rows(held)}
    for row in told:
        key = row["table"], row["column"]
        if key in types and row["type"] != types[key]:
            what = f"it says {row['type']}, the file has {types[key]}"
            where = str(folder / "dictionary.tsv")
            found.append(Problem("dictionary-type", where, None, ":".join(key), what, AGAIN))
    text = (folder / "dictionary.md").read_text(encoding="utf-8")
    found += _compare(folder / "dictionary.md", expected, _sections(text))
    package = read_json(folder / "datapackage.json")
    found += _compare(
        folder / "datapackage.json",
        {resource_name(name): columns for name, columns in expected.items()},
        {r["name"]: [f["name"] for f in r["schema"]["fields"]] for r in package["resources"]},
    )
    listed = [r["path"] for r in package["resources"]]
    paths = {p for path in listed for p in ([path] if isinstance(path, str) else path)}
    there = {path for table in tables.values() for path in table.paths}
    if paths != there:
        what = f"not listed: {sorted(there - paths)}; not there: {sorted(paths - there)}"
        where = str(folder / "datapackage.json")
        found.append(Problem("dictionary-files", where, found=what, mend=AGAIN))
    return found


def check_tables(folder: Path) -> list[Problem]:
    """Every Parquet file below a folder is a declared table, with declared columns only.

    A file tells its table by the schema metadata key 'table'. Hail's own files are not looked at.
    """
    import pyarrow.parquet as pq

    return [
        problem
        for path in _parquet_files(Path(folder))
        for problem in check_schema(pq.read_schema(path), path)
    ]


def check_codes(folder: Path) -> list[Problem]:
    """Coded columns of every Parquet file below a folder hold nothing but their codes and null."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found = []
    for path in _parquet_files(Path(folder)):
        coded = {f.name: f.codes for f in fields_of(pq.read_schema(path)) if f.codes}
        table = pq.read_table(path, columns=list(coded), partitioning=None)
        for name, codes in coded.items():
            there = pc.unique(table[name]).drop_null().to_pylist()
            if strange := sorted({text for v in there if (text := _as_code(v)) not in codes}):
                what = f"values that are no codes: {', '.join(strange[:5])}"
                mend = "Declare the code in genopheno.fields, or mend what writes it"
                found.append(Problem("column-code", str(path), None, name, what, mend))
    return found


def _as_code(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def check_schema(schema: pa.Schema, path: Path) -> list[Problem]:
    """Undeclared tables and columns, and columns of another type than declared.

    Columns may be missing: an extract may leave some out. Lists may be of any length.
    """
    name = (schema.metadata or {}).get(b"table", b"").decode()
    if name not in TABLES:
        what = f"its schema names the table {name!r}" if name else "its schema names no table"
        mend = "Write it by a schema of genopheno.fields"
        return [Problem("table-undeclared", str(path), found=what, mend=mend)]
    own = {field.name: field for field in TABLES[name]}
    allowed, found = patterns(name), []
    for column in schema:
        if column.name in own:
            declared = arrow_type(re.sub(r"\[\w+\]$", "", own[column.name].type), {})
            if _shape(column.type) != _shape(declared):
                what = f"type {column.type}, declared {own[column.name].type}"
                found.append(Problem("column-type", str(path), None, column.name, what, AGAIN))
        elif not any(re.fullmatch(pattern, column.name) for pattern in allowed):
            mend = "Declare it in genopheno.fields"
            what = f"table {name} has no such column"
            found.append(Problem("column-undeclared", str(path), None, column.name, what, mend))
    return found + _undescribed(schema, path)


def _shape(kind: pa.DataType) -> tuple[str, ...]:
    """A type without the length of its list, and without how its texts are stored."""
    import pyarrow.types as pt

    if pt.is_dictionary(kind):
        return _shape(kind.value_type)
    if pt.is_list(kind) or pt.is_fixed_size_list(kind) or pt.is_large_list(kind):
        return "list", *_shape(kind.value_type)
    return (str(kind).removeprefix("large_"),)


def _parquet_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.parquet")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        inside = any(part.endswith((".mt", ".ht", ".vds")) for part in path.parts)
        if path.is_file() and not hidden and not inside:
            yield path


def _files(folder: Path, table: Table) -> Iterator[Problem]:
    """Problems of the files of one table."""
    import pyarrow.parquet as pq

    yield from check_schema(table.schema, folder / table.paths[0])
    for path in table.paths[1:]:
        schema = pq.read_schema(folder / path)
        if not schema.equals(table.schema):
            what = f"other columns than {table.paths[0]}: {schema.names}"
            yield Problem("columns-differ", str(folder / path), found=what, mend=AGAIN)


def _undescribed(schema: pa.Schema, path: Path) -> list[Problem]:
    mend = "Describe it in genopheno.fields"
    return [
        Problem("column-undescribed", str(path), None, f.name, "it has no description", mend)
        for f in fields_of(schema)
        if not f.description
    ]


def _pairs(told: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    """Columns by table, in order, of rows of the dictionary."""
    columns: dict[str, list[str]] = {}
    for row in told:
        columns.setdefault(row["table"], []).append(row["column"])
    return columns


def _sections(text: str) -> dict[str, list[str]]:
    """Columns by table, in order, of the Markdown dictionary."""
    columns: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("## "):
            columns[line.removeprefix("## ")] = []
        elif found := re.match(r"\| `(.+?)` \|", line):
            columns[list(columns)[-1]].append(found[1])
    return columns


def _compare(
    path: Path, expected: Mapping[str, list[str]], told: Mapping[str, list[str]]
) -> list[Problem]:
    """One problem per table whose columns are not told exactly, in order."""
    found = []
    for table in sorted(expected.keys() | told.keys()):
        there, said = expected.get(table, []), told.get(table, [])
        if there != said:
            missing = [name for name in there if name not in said]
            strange = [name for name in said if name not in there]
            what = f"table {table}: not told: {missing}; told and not there: {strange}"
            if not missing and not strange:
                what = f"table {table}: columns in another order, or told twice"
            found.append(Problem("dictionary-differs", str(path), found=what, mend=AGAIN))
    return found
