"""Files of summary statistics as batches of columns: text of any delimiter, and Parquet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from genopheno.problems import fail

MISSING = ["", ".", "NA", "na", "#NA", "N/A", "NaN", "nan", "-nan", "null", "NULL", "None"]
BLOCK = 1 << 23  # bytes of text at once
ROWS = 1 << 17  # rows of Parquet at once
PARQUET = b"PAR1"


@dataclass
class Source:
    """A file of summary statistics, before its columns are understood.

    Attributes
    ----------
    header : names of its columns. skip : lines before the one that names them.
    delimiter : of its text, ' ' for any run of blanks; None: it is Parquet.
    misshapen : lines with more or fewer cells than the header, that were left out so far.
    example : the first of them: its line number and text.
    """

    path: Path
    header: list[str]
    skip: int = 0
    delimiter: str | None = None
    misshapen: int = 0
    example: tuple[int, str] | None = field(default=None)


def open_source(path: str | Path) -> Source:
    """Look at the first lines.

    Raises
    ------
    StageError : it is absent, empty, or not a table.
    """
    path = Path(path)
    if not path.is_file():
        raise fail("sumstats-missing", path, "there is no such file", "Give the path of the file")
    with open(path, "rb") as handle:
        if handle.read(4) == PARQUET:
            return Source(path, pq.read_schema(path).names)
    try:
        with _open(path) as handle:
            skip, line = 0, handle.readline()
            while line.startswith(b"##"):
                skip, line = skip + 1, handle.readline()
            first = handle.readline()
    except (OSError, EOFError) as error:
        raise _unreadable(path, str(error)) from None
    if not line.strip():
        raise fail("sumstats-empty", path, "it is empty", "Give the whole file")
    if b"\0" in line:
        raise _unreadable(path, "it is not text")
    delimiter = "\t" if b"\t" in line else "," if b"," in line else " "
    # A header with tabs above records with blanks, or the other way round, is met.
    if first.strip() and delimiter.encode() not in first and delimiter != " ":
        delimiter = " "
    text = line.decode("utf-8-sig", "replace").strip("\r\n")
    cells = text.split() if delimiter == " " else [c.strip() for c in text.split(delimiter)]
    cells = [cell.strip('"') for cell in cells]
    cells[0] = cells[0].lstrip("#")
    if len(cells) < 4:
        raise _unreadable(path, f"its first line is no header of a table: {text[:60]!r}")
    return Source(path, cells, skip + 1, delimiter)


def batches(source: Source, columns: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
    """Pieces of the file: number of rows before it, and the columns asked for.

    Text comes as strings, missing as null; Parquet with the types that it has. Rows are counted
    without empty lines and without those of another number of cells, which
    ``source.misshapen`` counts.

    Raises
    ------
    StageError : the file ends in the middle, or is not UTF-8.
    """
    before = 0
    try:
        for table in (_text if source.delimiter else _parquet)(source, columns):
            yield before, table
            before += table.num_rows
    except (OSError, EOFError, pa.ArrowInvalid) as error:
        raise _unreadable(source.path, f"after {before} rows: {error}") from None


def _parquet(source: Source, columns: Sequence[str]) -> Iterator[pa.Table]:
    for batch in pq.ParquetFile(source.path).iter_batches(ROWS, columns=list(columns)):
        yield _plain(pa.Table.from_batches([batch]))


def _plain(table: pa.Table) -> pa.Table:
    """Texts as plain strings, however the writer stored them."""
    for index, column in enumerate(table.schema):
        kind = column.type
        if pa.types.is_dictionary(kind):
            table = table.set_column(index, column.name, table[index].cast(kind.value_type))
            kind = kind.value_type
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            table = table.set_column(index, column.name, table[index].cast(pa.string()))
    return table


def _text(source: Source, columns: Sequence[str]) -> Iterator[pa.Table]:
    def misshapen(row: csv.InvalidRow) -> str:
        source.misshapen += 1
        if source.example is None:
            source.example = (row.number or 0), row.text
        return "skip"

    blank = source.delimiter == " "
    with _open(source.path) as handle:
        for _ in range(source.skip):
            handle.readline()
        try:
            reader = csv.open_csv(
                Blanks(handle) if blank else handle,
                # Line numbers are known to a reader of one thread alone.
                csv.ReadOptions(
                    use_threads=False, block_size=BLOCK, column_names=source.header, skip_rows=0
                ),
                csv.ParseOptions(delimiter=source.delimiter, invalid_row_handler=misshapen),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(source.header, pa.string()),
                    include_columns=list(columns),
                    null_values=MISSING,
                    strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):
                return
            raise
        for batch in reader:
            yield pa.Table.from_batches([batch])


class Blanks:
    """A stream of text in which each run of blanks and tabs is one blank, none at either end."""

    closed = False

    def __init__(self, handle: IO[bytes]):
        self._handle, self._kept, self._begun = handle, b"", False

    def read(self, size: int = BLOCK) -> bytes:
        while True:
            piece = self._handle.read(size)
            text = self._kept + piece
            # Blanks at the end of a piece may go on in the next one.
            end = len(text.rstrip(b" \t\r\n")) if piece else len(text)
            text, self._kept = text[:end], text[end:]
            if text or not piece:
                break
        text = re.sub(rb"[ \t]+", b" ", text)
        text = text.replace(b"\r", b"").replace(b"\n ", b"\n").replace(b" \n", b"\n")
        begun, self._begun = self._begun, True
        return text if begun else text.lstrip(b" ")

    def close(self) -> None:
        self.closed = True


def _open(path: Path) -> IO[bytes]:
    from isal import igzip

    with open(path, "rb") as handle:
        packed = handle.read(2) == b"\x1f\x8b"
    return igzip.open(path, "rb") if packed else open(path, "rb")


def _unreadable(path: Path, why: str) -> Exception:
    return fail("sumstats-unreadable", path, f"it cannot be read: {why}", "Give the whole file")
