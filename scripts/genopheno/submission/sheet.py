"""The sample sheet: one row per sequencing unit, read, normalised, and checked as a table.

The sheet is CSV or TSV as people and spreadsheets write it (BOM, CRLF, blank rows, a
semicolon as separator are all met in practice). nf-core/sarek sheets are understood as they
are. Whether the reads themselves are sound is another module's question (`fastq`).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from genopheno.files import writing
from genopheno.problems import Problem, Problems, fail
from genopheno.submission import rows as checks
from genopheno.submission.names import NAME_LENGTH, name_fault
from genopheno.submission.table import DEFAULTS, ENTRIES, name_columns, read_table
from genopheno.submission.unit import COLUMNS_OF_UNITS, Unit

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


def read_sheet(path: str | Path) -> tuple[list[Unit], list[Problem]]:
    """Read the user's sample sheet as a table; its files are not looked at.

    This is what the workflow and its steps read: reads of finished samples may be archived,
    and a step that needs a file names it itself. `read_with_files` is for the check.

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
    units, problems, _ = _read(Path(path))
    return units, problems.items


def read_with_files(
    path: str | Path, archived: Callable[[Unit], bool] = lambda unit: False
) -> tuple[list[Unit], list[Problem], list[str]]:
    """Do as `read_sheet`, look at the files, and tell what was taken for granted or ignored.

    Parameters
    ----------
    archived : of a row whose files are gone: they are not needed any more.
    """
    path = Path(path)
    units, problems, notes = _read(path)
    checks.files(path, units, problems, notes, archived)
    problems.items.sort(key=lambda p: p.row or 0)  # stable: by row, else as found
    return units, problems.items, notes


def _read(path: Path) -> tuple[list[Unit], Problems, list[str]]:
    problems = Problems()
    notes: list[str] = []
    table = read_table(path, problems)
    if table is None:
        return [], problems, notes
    header, rows = table
    names = name_columns(path, header, rows, problems, notes)
    if problems:
        return [], problems, notes
    units = [_unit(path, names, row, cells, problems) for row, cells in rows]
    units = checks.one_sex(path, units, problems)
    single = [f"line {u.row}" for u in units if u.entry == "fastq" and u.fastq_1 and not u.fastq_2]
    if single:
        notes.append(f"{path}: no fastq_2, taken as single-end: {', '.join(single[:20])}")
    checks.twice(path, units, problems)
    checks.one_participant(path, units, problems)
    checks.one_entry(path, units, problems)
    checks.paths(path, units, problems)
    problems.items.sort(key=lambda p: p.row or 0)
    return units, problems, notes


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
                "Remove it and run 'genopheno units' again",
            )
        units = [Unit(**row) for row in reader]
    if not units:
        raise fail("no-units", path, "it has no units", "Run 'genopheno units' again")
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
