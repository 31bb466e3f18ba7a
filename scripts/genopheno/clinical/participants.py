"""The participant table (CSV, TSV or Parquet): texts of cells, and the line each row is on."""

from __future__ import annotations

import csv
import io
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from genopheno.problems import Problem, Problems

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
MAX_SHOWN = 20  # faulty rows of one kind that are told apart


@dataclass
class Participants:
    """A table as it was handed in.

    Attributes
    ----------
    path : the file.
    cells : one text column per header name (the first of a repeated name), stripped of blanks
        around; a missing Parquet cell is ''.
    lines : (rows,) line of each row in the file, the header being line 1; for Parquet the
        1-based number of the record.
    repeated : header names that are there more than once.
    notes : what was passed over in reading.
    """

    path: str
    cells: pd.DataFrame
    lines: np.ndarray
    repeated: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def read_table(path: str | Path) -> tuple[Participants | None, list[Problem]]:
    """Read a participant table; the format is told by the content, not the name.

    The separator is the first of tab, comma and semicolon that is in the header, else blanks.
    Byte-order marks, CRLF, blanks around cells, empty lines and empty columns at the end
    are passed over.
    """
    path = str(path)
    found = Problems()
    file = Path(path)
    if not file.is_file():
        found.add(
            "table-missing", path, "there is no such file", "Give the path of the participant table"
        )
        return None, list(found)
    try:
        content = file.read_bytes()
    except OSError as error:
        found.add("table-unreadable", path, f"it cannot be read: {error}", "Check its permissions")
        return None, list(found)
    if not content.strip():
        found.add("table-empty", path, "the file is empty", "Give a table with a header")
        return None, list(found)
    if content[:4] == b"PAR1":
        table = _parquet(path, found)
    else:
        text = _decode(path, content, found)
        table = None if text is None else _text(path, text, found)
    if table is not None and not found and not len(table.cells):
        found.add("table-empty", path, "there is no row below the header", "Add the participants")
    return (None if found else table), list(found)


def _decode(path: str, content: bytes, found: Problems) -> str | None:
    kinds = {b"\x1f\x8b": "a gzip file", b"PK": "a workbook or zip file", b"\xd0\xcf": "a workbook"}
    if content[:2] in kinds:
        what = f"it is {kinds[content[:2]]}, not text"
        found.add("table-unreadable", path, what, "Save it as plain CSV or TSV in UTF-8")
        return None
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found.add(
            "table-unreadable",
            path,
            "it is not UTF-8 text",
            "Save it as UTF-8 (a Korean Excel writes CP949, a Western one CP1252)",
            row=content[: error.start].count(b"\n") + 1,
        )
        return None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        found.add(
            "table-unreadable", path, "it holds a NUL byte", "Save it as plain text", row=line
        )
        return None
    return text


def _separator(header: str, path: str) -> str | None:
    first = "," if path.lower().endswith(".csv") else "\t"
    return next((mark for mark in (first, "\t", ",", ";") if mark in header), None)


def _text(path: str, text: str, found: Problems) -> Participants | None:
    lines = re.split(r"\r\n|\r|\n", text)
    header_line = next(line for line in lines if line.strip())
    mark = _separator(header_line, path)
    notes: list[str] = []
    if mark == ";":
        notes.append("the columns are separated by semicolons")
    if mark is None and len(header_line.split()) > 1:
        rows = [(i, line.split()) for i, line in enumerate(lines, 1)]
    else:
        rows = []
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark or ",", strict=True)
        before = 0
        try:
            for row in reader:
                rows.append((before + 1, [sys.intern(cell.strip()) for cell in row]))
                before = reader.line_num
        except csv.Error as error:
            found.add(
                "table-unreadable",
                path,
                f"its quotes are out of step: {error}",
                'Put a cell with separators or quotes in "…" and double the quotes inside',
                row=before + 1,
            )
            return None

    filled = [(line, row) for line, row in rows if any(row)]
    blank = len(rows) - len(filled)
    if blank:
        notes.append(f"{blank} empty lines were passed over")
    _, header = filled.pop(0)
    width = len(header)
    while width and not header[width - 1] and not any(any(row[width - 1 :]) for _, row in filled):
        width -= 1
    header = header[:width]

    faulty = []
    for line, row in filled:
        extra = row[width:]
        if len(row) < width or any(extra):
            faulty.append((line, len(row)))
    for line, count in faulty[:MAX_SHOWN]:
        hint = "" if count < width or mark != "," else "; decimals need a point, not a comma"
        found.add(
            "table-row",
            path,
            f"{count} cells where the header has {width}",
            f"Give one cell per column (quote cells that hold the separator){hint}",
            row=line,
        )
    if len(faulty) > MAX_SHOWN:
        more = f"{len(faulty) - MAX_SHOWN} further rows have the wrong number of cells"
        found.add("table-row", path, more, "Mend them in the same way")
    if found:
        return None
    columns = list(zip(*(row[:width] for _, row in filled), strict=True)) or [()] * width
    return _table(path, header, columns, np.array([n for n, _ in filled], dtype=np.int64), notes)


def _parquet(path: str, found: Problems) -> Participants | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        found.add("table-unreadable", path, f"it is not whole Parquet: {error}", "Write it again")
        return None
    columns = [[_cell(value) for value in column.to_pylist()] for column in table.columns]
    lines = np.arange(1, table.num_rows + 1)
    return _table(path, [name.strip() for name in table.column_names], columns, lines, [])


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # identifiers and codes that passed through a float column
    return sys.intern(str(value).strip())


def _table(path: str, header: list[str], columns: list, lines: np.ndarray, notes: list[str]):
    kept: dict[str, object] = {}
    repeated = set()
    for name, column in zip(header, columns, strict=True):
        if name in kept:
            repeated.add(name)
        else:
            kept[name] = np.array(column, dtype=object)
    if repeated:
        notes = [*notes, f"columns given more than once: {', '.join(sorted(map(repr, repeated)))}"]
    cells = pd.DataFrame(kept, index=pd.RangeIndex(len(lines)), dtype=object)
    return Participants(path, cells, lines, repeated, notes)
