"""The data dictionary: what every column of every table in a folder is, told by the files.

A table is a Parquet file, or a folder of Parquet files that opens as one table. Its schema
carries all that the registry knew when it was written (`genopheno.fields.arrow.schema`), so
the dictionary also describes columns that depend on the configuration, and cannot name
one that is not there.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from genopheno.fields.arrow import fields_of
from genopheno.fields.frictionless import data_package
from genopheno.files import write_json, write_text

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = (
    "table", "column", "type", "unit", "tier", "description", "source", "version", "codes"
)  # fmt: skip
NAMES = ("dictionary.tsv", "dictionary.md", "datapackage.json")


class Table(NamedTuple):
    """One table of a folder.

    Attributes
    ----------
    schema : as its file (the first of its files) carries it.
    paths : its files, relative to the folder.
    description : what a row is; '' : as the schema metadata key 'description' says.
    """

    schema: pa.Schema
    paths: Sequence[str]
    description: str = ""


def tables_in(folder: Path) -> dict[str, Table]:
    """Parquet tables of a folder by the name of their file or folder, sorted."""
    import pyarrow.parquet as pq

    found = {}
    for path in sorted(Path(folder).glob("*.parquet")):
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if files:
            paths = [str(file.relative_to(folder)) for file in files]
            found[path.name] = Table(pq.read_schema(files[0]), paths)
    return found


def write_dictionary(
    out_dir: Path, tables: Mapping[str, Table | tuple] | None = None, *, title: str = "Matrices"
) -> None:
    """Write ``dictionary.tsv``, ``dictionary.md`` and ``datapackage.json`` (Frictionless).

    Parameters
    ----------
    out_dir : folder of the tables; its files are beside the tables.
    tables : name of a file or folder (``sites.parquet``) → its schema, path(s) and what a row
        is; None: every Parquet table in `out_dir`.
    title : heading of the Markdown and title of the package.

    Raises
    ------
    ValueError : no table, or two tables of one name.
    """
    out_dir = Path(out_dir)
    if tables is None:
        tables = tables_in(out_dir)
    held = {Path(name).stem: _table(value) for name, value in tables.items()}
    if not held or len(held) < len(tables):
        raise ValueError(f"no table, or two of one name: {list(tables)}")
    write_text(out_dir / "dictionary.tsv", tsv(held))
    write_text(out_dir / "dictionary.md", markdown(held, title))
    write_json(out_dir / "datapackage.json", data_package(held, title))


def rows(tables: Mapping[str, Table]) -> list[tuple[str, ...]]:
    """A row per column, in the order of `COLUMNS`; codes with ', ' between."""
    return [
        (name, f.name, f.type, f.unit, f.tier, f.description, f.source, f.version, codes)
        for name, table in tables.items()
        for f in fields_of(table.schema)
        for codes in (", ".join(f.codes),)
    ]


def tsv(tables: Mapping[str, Table]) -> str:
    """The dictionary as a table for spreadsheets."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows(tables))
    return text.getvalue()


def markdown(tables: Mapping[str, Table], title: str) -> str:
    """The dictionary to read, a section a table."""
    lines = [
        f"# {title}: data dictionary",
        "",
        "Missing is null. Tier `controlled`: a value tells of a person, or of few; `open`: it",
        "does not.",
    ]
    for name, table in tables.items():
        described = f"{table.description}. " if table.description else ""
        files = f"{len(table.paths)} files" if len(table.paths) > 1 else f"`{table.paths[0]}`"
        lines += ["", f"## {name}", "", f"{described}{len(table.schema)} columns, in {files}."]
        lines += [
            "",
            "| column | type | unit | tier | meaning | source |",
            "|---|---|---|---|---|---|",
        ]
        for f in fields_of(table.schema):
            source = " ".join(part for part in (f.source, f.version) if part)
            cells = (f"`{f.name}`", f.type, f.unit, f.tier, f.description, source)
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _table(value: Table | tuple) -> Table:
    """A table with paths as a list and its description from the schema where none is given."""
    schema, paths, described = Table(*value)
    said = (schema.metadata or {}).get(b"description", b"").decode()
    listed = [str(paths)] if isinstance(paths, str | Path) else [str(path) for path in paths]
    return Table(schema, listed, (described or said).rstrip("."))
