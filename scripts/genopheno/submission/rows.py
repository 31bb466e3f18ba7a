"""The rows of a sample sheet against each other, and the files that they name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from genopheno.problems import Problems
from genopheno.submission.names import file_fault, old_index, path_fault
from genopheno.submission.unit import WHOLE, Unit


def one_sex(path: Path, units: list[Unit], problems: Problems) -> list[Unit]:
    """Give every row of a participant the one known sex; two known ones are a problem."""
    known: dict[str, Unit] = {}
    for unit in units:
        if not unit.participant or unit.sex == "unknown":
            continue
        first = known.setdefault(unit.participant, unit)
        if first.sex != unit.sex:
            problems.add(
                "participant-with-two-sexes",
                path,
                f"participant {unit.participant} is {unit.sex} here and {first.sex} on line "
                f"{first.row}",
                "Find out which is right; a mix-up of samples is the usual cause",
                row=unit.row,
                column="sex",
            )
    return [
        replace(unit, sex=known[unit.participant].sex)
        if unit.sex == "unknown" and unit.participant in known
        else unit
        for unit in units
    ]


def _later_rows(units: list[Unit]) -> Iterator[tuple[Unit, Unit]]:
    """(first row of the sample, later row of it)."""
    seen: dict[str, Unit] = {}
    for unit in units:
        if unit.sample and unit.participant:
            first = seen.setdefault(unit.sample, unit)
            if first is not unit:
                yield first, unit


def one_participant(path: Path, units: list[Unit], problems: Problems) -> None:
    """A sample is from one person."""
    for first, unit in _later_rows(units):
        if first.participant != unit.participant:
            problems.add(
                "sample-in-two-participants",
                path,
                f"sample {unit.sample} belongs to participant {unit.participant} here"
                f"{_entry(unit)} and to {first.participant} on line {first.row}{_entry(first)}",
                "Correct the participant, or give the second sample its own name",
                row=unit.row,
                column="participant",
            )


def one_entry(path: Path, units: list[Unit], problems: Problems) -> None:
    """Calls stand for their whole sample: no other row may add to it."""
    for first, unit in _later_rows(units):
        if first.participant != unit.participant:
            continue  # told as such
        if unit.entry in WHOLE and (first.entry, first.file) == (unit.entry, unit.file):
            problems.add(
                "unit-twice",
                path,
                f"sample {unit.sample} of {unit.file} is on line {first.row} already",
                "Take the row out if it is a repetition; else correct the sample or the file",
                row=unit.row,
                column=unit.column,
            )
        elif first.entry in WHOLE or unit.entry in WHOLE:
            mixed_entries(path, first, unit, problems)


def mixed_entries(path: Path, first: Unit, unit: Unit, problems: Problems) -> None:
    """Say that a sample is handed in in two ways that cannot be added up."""
    problems.add(
        "entry-mixed",
        path,
        f"sample {unit.sample} is handed in here{_entry(unit)} and on line {first.row}"
        f"{_entry(first)}: which of them counts",
        "Keep one of the rows; a sample of several rows needs reads in all of them (FASTQ, "
        "unaligned BAM, or aligned ones with reads.realign: true)",
        row=unit.row,
        column=unit.column,
    )


def _entry(unit: Unit) -> str:
    return "" if unit.entry == "fastq" else f" (as {unit.entry})"


def twice(path: Path, units: list[Unit], problems: Problems) -> None:
    """The same unit of a sample in two rows: one would overwrite the other."""
    seen: dict[tuple[str, str], Unit] = {}
    for unit in units:
        if not (unit.sample and unit.library and unit.lane) or unit.entry in WHOLE:
            continue
        first = seen.setdefault((unit.sample, unit.unit), unit)
        if first is not unit:
            same = (first.library, first.lane) == (unit.library, unit.lane)
            which = f"library {unit.library}, lane {unit.lane}"
            problems.add(
                "unit-twice",
                path,
                f"sample {unit.sample}, {which} is on line {first.row} already"
                if same
                else f"sample {unit.sample}, {which} makes the same file name as library "
                f"{first.library}, lane {first.lane} of line {first.row}",
                "Take the row out if it is a repetition; else give the lane or library its own "
                "name",
                row=unit.row,
                column="lane",
            )


def paths(path: Path, units: list[Unit], problems: Problems) -> None:
    """No path can do harm on a command line."""
    for unit in units:
        for column, name in unit.files.items():
            fault = path_fault(name)
            if fault:
                problems.add(fault[0], path, *fault[1:], row=unit.row, column=column)


def files(
    path: Path,
    units: list[Unit],
    problems: Problems,
    notes: list[str],
    archived: Callable[[Unit], bool],
) -> None:
    """Each file is there, has content, and is named once.

    Parameters
    ----------
    archived : tells of a row whose files are gone whether they were verified before and what
        was made of them is kept; they are no problem then, but a note.
    """
    seen: dict[Path, tuple[Unit, str]] = {}
    rows: set[tuple] = set()
    gone: dict[str, None] = {}
    for unit in units:
        # A row repeated as a whole was reported as such; its files are no second problem.
        key = (unit.sample, unit.unit, *unit.files.values())
        if key in rows:
            continue
        rows.add(key)
        for column, name in unit.files.items():
            if path_fault(name):
                continue  # told by `paths`
            fault = file_fault(name)
            if fault and fault[0] == "missing-file" and archived(unit):
                gone[unit.sample] = None
            elif fault := fault or old_index(name):
                problems.add(fault[0], path, *fault[1:], row=unit.row, column=column)
                continue
            first, there = seen.setdefault(Path(name).resolve(), (unit, column))
            if column == "vcf" == there and first.sample != unit.sample:
                continue  # one file with the calls of many samples
            if first is not unit or there != column:
                place = f"line {first.row}, column {there}"
                also = first.files[there]
                spelled = "" if also == name else f" (as {also})"
                problems.add(
                    "file-twice",
                    path,
                    f"{name} is on {place} already{spelled}",
                    "Give the file of this very unit; each file may be used once",
                    row=unit.row,
                    column=column,
                )
    if gone:
        shown = ", ".join(list(gone)[:20]) + (", …" if len(gone) > 20 else "")
        notes.append(
            f"{path}: files of {len(gone)} finished samples are gone; what was made of them is "
            f"used: {shown}"
        )
