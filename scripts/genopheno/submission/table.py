"""A sheet as a table: separator, header and rows of what people and spreadsheets write."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from genopheno.problems import Problems

REQUIRED = ("sample", "participant")
# Columns that name what was handed in; every row uses one of them (fastq_2 goes with fastq_1).
ENTRIES = ("fastq_1", "bam", "cram", "gvcf", "vcf")
DEFAULTS = {"lane": "L1", "platform": "ILLUMINA"}
COLUMNS = (
    *("sample", "participant", "sex", "library", "lane", "platform"),
    *("fastq_1", "fastq_2", "bam", "cram", "gvcf", "vcf", "control"),
)
SAREK = {"patient": "participant"}


def read_table(
    path: Path, problems: Problems
) -> tuple[list[str], list[tuple[int, list[str]]]] | None:
    """Header and non-blank rows with their line numbers; None after a problem."""
    if not path.is_file():
        problems.add(
            "sheet-missing",
            path,
            "there is no such sample sheet",
            "Put it there, or name another one as 'samples' in config.yaml",
        )
        return None
    try:
        text = path.read_bytes().decode("utf-8-sig")
        if "\0" in text:
            raise UnicodeError
    except UnicodeError:
        problems.add(
            "sheet-unreadable",
            path,
            "it is not a text table in UTF-8",
            "Save it from the spreadsheet as 'CSV UTF-8', not as a workbook or Unicode text",
        )
        return None
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max("\t,;", key=first.count)  # the first of them where there is none
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    header: list[str] | None = None
    rows = []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if header is None:
                header = cells
                while header and not header[-1]:
                    header.pop()
            else:
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        problems.add(
            "sheet-unreadable",
            path,
            f"it cannot be read as a table: {error}",
            "Look for a quotation mark that is not closed",
            row=reader.line_num,
        )
        return None
    if header is None or not rows:
        problems.add(
            "sheet-empty",
            path,
            "it has a header but no rows" if header else "it is empty",
            "Give one row per sequencing unit: " + ",".join(COLUMNS),
        )
        return None
    return header, rows


def name_columns(
    path: Path,
    header: list[str],
    rows: list[tuple[int, list[str]]],
    problems: Problems,
    notes: list[str],
) -> list[str]:
    """The columns' names in our words ('' = ignored), checked for twins and absences."""
    names = [SAREK.get(cell.lower(), cell.lower()) for cell in header]
    sarek = "patient" in (cell.lower() for cell in header)
    for index, name in enumerate(names):
        if name and name in names[:index]:
            problems.add(
                "duplicate-column",
                path,
                f"columns {names.index(name) + 1} and {index + 1} are both {name!r}",
                "Keep one of them",
                row=1,
                column=header[index],
            )
    for name in REQUIRED:
        if name not in names:
            problems.add(
                "missing-column",
                path,
                f"there is no column {name!r}; the header is {', '.join(map(repr, header))}",
                "Add it; the columns are " + ", ".join(COLUMNS),
                row=1,
                column=name,
            )
    if not set(ENTRIES) & set(names):
        problems.add(
            "missing-column",
            path,
            f"no column names any data; the header is {', '.join(map(repr, header))}",
            f"Add one of {', '.join(ENTRIES)} (fastq_2 beside fastq_1 for pairs)",
            row=1,
            column="fastq_1",
        )
    if sarek and "status" in names:
        place = names.index("status")
        for row, cells in rows:
            if place < len(cells) and cells[place] == "1":
                problems.add(
                    "tumour-sample",
                    path,
                    "status 1 means a tumour in a sarek sheet; tumours are not called here",
                    "Take the row out; only germline samples belong in the cohort",
                    row=row,
                    column="status",
                )
    ignored = [cell for cell, name in zip(header, names, strict=True) if name not in COLUMNS]
    if ignored:
        notes.append(f"{path}: columns not used: {', '.join(map(repr, ignored))}")
    assumed = {"sex": "unknown", "library": "the sample's name", **DEFAULTS}
    for name, value in assumed.items():
        if name not in names:
            notes.append(f"{path}: no column {name!r}; taken as {value}")
    return [name if name in COLUMNS else "" for name in names]
