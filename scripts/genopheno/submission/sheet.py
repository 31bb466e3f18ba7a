"""The sample sheet: one row per sequencing unit, read, normalised, and checked as a table.

The sheet is CSV or TSV as people and spreadsheets write it (BOM, CRLF, blank rows, a
semicolon as separator are all met in practice). nf-core/sarek sheets are understood as they
are. Whether the reads themselves are sound is another module's question (`fastq`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from genopheno.files import writing
from genopheno.problems import Problem, Problems, fail
from genopheno.submission.names import NAME_LENGTH, file_fault, name_fault
from genopheno.submission.table import DEFAULTS, ENTRIES, name_columns, read_table

SEXES = {
    "female": "female", "f": "female", "xx": "female",
    "male": "male", "m": "male", "xy": "male",
    "unknown": "unknown", "na": "unknown", "": "unknown",
}  # fmt: skip
# Values that the SAM specification (1.6) allows for the read-group field PL.
PLATFORMS = (
    "CAPILLARY", "DNBSEQ", "ELEMENT", "HELICOS", "ILLUMINA", "IONTORRENT", "LS454", "ONT",
    "PACBIO", "SINGULAR", "SOLID", "ULTIMA",
)  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """One row: the reads of one library on one lane, or a file that stands for a whole sample.

    Attributes are the columns of table ``units``; `row` is the line in the user's sheet
    (0 where the unit was read from our own table). `entry` says what was handed in: fastq
    (`fastq_1` and, for pairs, `fastq_2`), bam, cram, gvcf or vcf (`file`).
    """

    sample: str
    participant: str
    sex: str
    unit: str
    library: str
    lane: str
    platform: str
    fastq_1: str
    fastq_2: str
    entry: str = "fastq"
    file: str = ""
    control: str = ""
    row: int = 0

    @property
    def files(self) -> dict[str, str]:
        """Paths by the column of the sheet that names them."""
        named = {"fastq_1": self.fastq_1, "fastq_2": self.fastq_2}
        if self.entry != "fastq":
            named = {self.entry: self.file}
        return {column: path for column, path in named.items() if path}

    @property
    def read_group_id(self) -> str:
        """ID of the read group: sample.library.lane."""
        return f"{self.sample}.{self.library}.{self.lane}"


COLUMNS_OF_UNITS = tuple(field.name for field in fields(Unit) if field.name != "row")


def read_sheet(path: str | Path) -> tuple[list[Unit], list[Problem]]:
    """Read the user's sample sheet.

    Parameters
    ----------
    path : CSV or TSV with the columns sample, participant, what was handed in (fastq_1 and
        fastq_2, bam, cram, gvcf or vcf; one of them in every row) and, if wanted, sex,
        library, lane, platform, control; or an nf-core/sarek sheet (patient for participant).
        Absent columns become: sex unknown, library the sample's name, lane L1, platform
        ILLUMINA. Paths are relative to the working folder (the project) or, where no such
        file is there, to the sheet's folder.

    Returns
    -------
    units : every row, faulty ones too, so that later checks can see all that was meant;
        empty where the header itself is faulty.
    problems : everything that is wrong, by row. Use the units only if there are none.
    """
    units, problems, _ = read_with_notes(path)
    return units, problems


def read_with_notes(path: str | Path) -> tuple[list[Unit], list[Problem], list[str]]:
    """Do as `read_sheet`, and tell what was taken for granted or ignored."""
    path = Path(path)
    problems = Problems()
    notes: list[str] = []
    table = read_table(path, problems)
    if table is None:
        return [], problems.items, notes
    header, rows = table
    names = name_columns(path, header, rows, problems, notes)
    if problems:
        return [], problems.items, notes
    units = [_unit(path, names, row, cells, problems) for row, cells in rows]
    units = _one_sex(path, units, problems)
    single = [f"line {u.row}" for u in units if u.entry == "fastq" and u.fastq_1 and not u.fastq_2]
    if single:
        notes.append(f"{path}: no fastq_2, taken as single-end: {', '.join(single[:20])}")
    _twice(path, units, problems)
    _one_participant(path, units, problems)
    _files(path, units, problems)
    problems.items.sort(key=lambda p: p.row or 0)  # stable: by row, else as found
    return units, problems.items, notes


def people(units: Iterable[Unit]) -> dict[str, str]:
    """Sex by participant, unknown where rows contradict each other.

    Names that were refused are left out: they are problems already.
    """
    found: dict[str, str] = {}
    for unit in units:
        if unit.participant and not name_fault(unit.participant):
            same = found.setdefault(unit.participant, unit.sex) == unit.sex
            found[unit.participant] = unit.sex if same else "unknown"
    return found


def write_units(path: str | Path, units: Sequence[Unit]) -> None:
    """Write the normalised sheet (table ``units``) as TSV."""
    with writing(path) as beside, beside.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(
            handle, COLUMNS_OF_UNITS, delimiter="\t", lineterminator="\n", extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(asdict(unit) for unit in units)


def read_units(path: str | Path) -> list[Unit]:
    """Read the TSV that `write_units` wrote.

    Raises
    ------
    StageError : the table has other columns, or no units.
    """
    with open(path, encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle, delimiter="\t")
        if tuple(reader.fieldnames or ()) != COLUMNS_OF_UNITS:
            raise fail(
                "units-columns",
                path,
                f"its columns are {reader.fieldnames}, not {list(COLUMNS_OF_UNITS)}",
                "Remove it and run 'genopheno receive' again",
            )
        units = [Unit(**row) for row in reader]
    if not units:
        raise fail("no-units", path, "it has no units", "Run 'genopheno receive' again")
    return units


# --- the cells ---------------------------------------------------------------------------


def _unit(path: Path, names: list[str], row: int, cells: list[str], problems: Problems) -> Unit:
    """One row as a unit, its cells checked one by one."""

    def wrong(code: str, column: str, found: str, mend: str) -> None:
        problems.add(code, path, found, mend, row=row, column=column)

    if any(cells[len(names) :]):
        problems.add(
            "extra-cells",
            path,
            f"the row has {len(cells)} cells, the header {len(names)}",
            "Look for a separator inside a value: put such a value in quotation marks",
            row=row,
        )
    value = {name: cell for name, cell in zip(names, cells, strict=False) if name}
    given = [name for name in ENTRIES if value.get(name)]
    described = "fastq_1" in given or not given  # what lanes and libraries are for
    for name in names:
        if name in ("", "sex", "control", "fastq_2", *ENTRIES) or value.get(name):
            continue
        if name in ("library", "lane", "platform") and not described:
            value.pop(name, None)
            continue
        value[name] = ""
        found, mend = f"the {name} is missing", f"Fill in the {name} of this unit"
        if name in ("library", "lane", "platform"):
            mend += ", or leave the whole column out"
        wrong("missing-value", name, found, mend)
    if not given:
        column = next((name for name in ENTRIES if name in names), "fastq_1")
        mend = f"Fill in one of {', '.join(name for name in ENTRIES if name in names)}"
        wrong("missing-value", column, f"the {column} is missing", mend)
    if len(given) > 1 or (value.get("fastq_2") and given and given != ["fastq_1"]):
        wrong(
            "several-entries",
            given[-1],
            f"the row names {' and '.join(given)}",
            "Give each row one thing: reads, an alignment, or calls",
        )
    entry = given[0] if given else "fastq_1"
    value = {
        **{"library": value["sample"], "sex": "", "fastq_1": "", "fastq_2": "", "control": ""},
        **DEFAULTS,
        **value,
    }
    for name in ("sample", "participant", "library", "lane", "control"):
        # A library that is only the sample's name again has been told of already.
        fault = name_fault(value[name]) if value[name] and name in names else None
        if fault:
            wrong(
                "illegal-name",
                name,
                f"{value[name]!r} cannot be used as a name: {fault}",
                f"Rename it: letters, digits, '_', '.' and '-', at most {NAME_LENGTH}, a letter "
                "or digit first (names become file names and read groups)",
            )
    sex = SEXES.get(value["sex"].lower())
    if sex is None:
        wrong(
            "unknown-sex",
            "sex",
            f"{value['sex']!r} is not a sex that is understood",
            "Write female, male or unknown (F, M, XX, XY, NA are understood too)",
        )
    platform = value["platform"].upper()
    if platform and platform not in PLATFORMS:
        wrong(
            "unknown-platform",
            "platform",
            f"{value['platform']!r} is not a platform of the SAM specification",
            "Write one of " + ", ".join(PLATFORMS),
        )
    return Unit(
        sample=value["sample"],
        participant=value["participant"],
        sex=sex or "unknown",
        unit=f"{value['library']}.{value['lane']}",
        library=value["library"],
        lane=value["lane"],
        platform=platform,
        fastq_1=locate(value["fastq_1"], path),
        fastq_2=locate(value["fastq_2"], path),
        entry=entry.removesuffix("_1"),
        file="" if entry == "fastq_1" else locate(value[entry], path),
        control=value["control"],
        row=row,
    )


def locate(name: str, sheet: Path) -> str:
    """Path of a file named in a sheet: from the working folder, else from the sheet's."""
    if not name:
        return ""
    path = Path(name)
    if not path.is_absolute() and not path.exists() and (sheet.parent / path).exists():
        path = sheet.parent / path
    return str(path)


# --- rows against each other -------------------------------------------------------------


def _one_sex(path: Path, units: list[Unit], problems: Problems) -> list[Unit]:
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
        Unit(**{**asdict(unit), "sex": known[unit.participant].sex})
        if unit.sex == "unknown" and unit.participant in known
        else unit
        for unit in units
    ]


def _twice(path: Path, units: list[Unit], problems: Problems) -> None:
    """The same unit of a sample in two rows: one would overwrite the other."""
    seen: dict[tuple[str, str], Unit] = {}
    for unit in units:
        if not (unit.sample and unit.library and unit.lane):
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


def _one_participant(path: Path, units: list[Unit], problems: Problems) -> None:
    """A sample is from one person."""
    seen: dict[str, Unit] = {}
    for unit in units:
        if not (unit.sample and unit.participant):
            continue
        first = seen.setdefault(unit.sample, unit)
        if first.participant != unit.participant:
            problems.add(
                "sample-in-two-participants",
                path,
                f"sample {unit.sample} belongs to participant {unit.participant} here and to "
                f"{first.participant} on line {first.row}",
                "Correct the participant, or give the second sample its own name",
                row=unit.row,
                column="participant",
            )


def _files(path: Path, units: list[Unit], problems: Problems) -> None:
    """Each file is there, has content, and is named once."""
    seen: dict[Path, tuple[Unit, str]] = {}
    rows: set[tuple] = set()
    for unit in units:
        # A row repeated as a whole was reported as such; its files are no second problem.
        key = (unit.sample, unit.unit, *unit.files.values())
        if key in rows:
            continue
        rows.add(key)
        for column, name in unit.files.items():
            fault = file_fault(name)
            if fault:
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
