"""Receiving a submission: everything is verified before anything runs, then a receipt is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genopheno.files import md5, write_json
from genopheno.problems import Problem, Problems, StageError
from genopheno.submission import entries, memory, reading, sheet
from genopheno.submission.contigs import Sequence, compare
from genopheno.submission.databases import lacking
from genopheno.submission.names import file_fault
from genopheno.submission.reading import Progress, Result, Stat, Task
from genopheno.submission.regions import check_targets
from genopheno.submission.unit import Unit


@dataclass
class Received:
    """What was handed in.

    Attributes
    ----------
    sheet : the sample sheet.
    units : its rows; faulty ones too while there are problems.
    problems : everything that is wrong; nothing may be written or run while there are any.
    notes : what was ignored, or taken for granted.
    files : by path as given: size (bytes), mtime_ns, md5 and what its reader tells: of FASTQ
        reads, bases, min_length and max_length (bp); of alignments and calls what `Alignment`
        and `Calls` have; of the others records and number of contigs.
    reference : the same for ``fasta`` and ``genes``, with ``file``.
    databases : the same by name.
    """

    sheet: Path
    units: list[Unit] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    reference: dict[str, dict[str, Any]] = field(default_factory=dict)
    databases: dict[str, dict[str, Any]] = field(default_factory=dict)
    cache: Path | None = None
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)


def check(
    sheet_path: str | Path,
    fasta: str | Path,
    genes: str | Path,
    databases: dict[str, Path] | None = None,
    *,
    targets: Path | None = None,
    cache: Path | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    realign: bool = False,
    kept: Callable[[Unit], bool] = lambda unit: False,
    database_fields: Mapping[str, Iterable[str]] | None = None,
) -> Received:
    """Verify a whole submission: the sheet, all it names, the reference and the databases.

    Nothing is written; see `remember` and `write_receipt`.

    Parameters
    ----------
    databases : VCF, BED or table of sites by name.
    targets : BED to which calling is limited; None: the whole reference.
    cache : results of earlier checks (`remember`); files of the same path, size and time are
        not read again.
    jobs : files (or pairs of FASTQ) that are read side by side.
    progress : called as (bytes done, bytes in all, file) whenever a file is finished.
    realign : aligned BAM and CRAM will be aligned again.
    kept : tells of a row whether what was made of it is still there. Then its own files may be
        gone, if an earlier check found them sound.
    database_fields : fields that are asked for, by name of the database; None: not checked.
    """
    sheet_path = Path(sheet_path)
    known = memory.recall(cache)
    units, problems, notes = sheet.read_with_files(
        sheet_path, lambda unit: kept(unit) and _task(unit).key in known
    )
    received = Received(sheet_path, units, problems, notes, cache=cache)
    tasks = list(_tasks(units, problems))
    others = [("fasta", fasta), ("genes", genes)]
    others += [("database", path) for path in (databases or {}).values()]
    for kind, path in others:
        fault = file_fault(path)
        if fault:
            problems.append(Problem(fault[0], str(path), None, None, *fault[1:]))
        else:
            tasks.append(Task(kind, (str(path),)))
    results = reading.run(tasks, known, jobs, progress)
    for task in tasks:  # in the order of the sheet, whatever finished first
        stat, result = results[task]
        for column, code, found, mend in result["faults"]:
            if task.unit:
                column = column or task.unit.column
                problems.append(Problem(code, str(sheet_path), task.unit.row, column, found, mend))
            else:
                problems.append(Problem(code, task.given[0], None, None, found, mend))
        if not result["faults"]:
            _sound(received, task, stat, result, known)
    problems += _same_content(received)
    sequence = _names(
        received, results, str(fasta), str(genes), databases or {}, database_fields or {}
    )
    if targets and sequence:
        _, faults, notes = check_targets(targets, sequence.contigs)
        problems += faults
        received.notes += notes
    _entries(received, results, sequence, realign)
    problems.sort(key=lambda p: (p.file != str(sheet_path), p.row or 0))
    return received


def contigs(received: Received) -> dict[str, int]:
    """Length (bp) by contig of the reference that was received; empty where it is not sound."""
    for key, done in received.finished.items():
        if key.startswith("fasta\t"):
            return dict(done["result"]["sides"][0]["contigs"])
    return {}


def verify_pair(
    fastq_1: str | Path, fastq_2: str | Path | None = None, cache: Path | None = None
) -> None:
    """Verify the FASTQ of one unit, unless the cache says it was found sound before.

    For a step that is about to use them: it must not rely on an earlier check of other bytes.

    Parameters
    ----------
    fastq_2 : None: single-end.

    Raises
    ------
    StageError : every fault of the files.
    """
    task = Task("fastq", (str(fastq_1), str(fastq_2) if fastq_2 else None))
    faults = [(path, fault) for path in task.given if (fault := file_fault(path))]
    found = [Problem(code, path, None, None, *words) for path, (code, *words) in faults]
    if not found:
        _, result = reading.run([task], memory.recall(cache), 1, None)[task]
        given = dict(zip(("fastq_1", "fastq_2"), task.paths, strict=True))
        found = [
            Problem(code, str(given[column]), None, None, what, mend)
            for column, code, what, mend in result["faults"]
        ]
    if found:
        raise StageError(*found)


def _task(unit: Unit, refused: Iterable[str] = ()) -> Task:
    """What is read for a row; `refused`: columns whose file cannot be read at all."""
    columns = ("fastq_1", "fastq_2") if unit.entry == "fastq" else (unit.entry,)
    paths = tuple(None if c in refused else unit.files.get(c) for c in columns)
    return Task(unit.entry, paths, unit)


def _tasks(units: list[Unit], problems: Iterable[Problem]) -> Iterator[Task]:
    """The files to be read, each once; those that the sheet's check refused are left out."""
    refused = {(p.row, p.column) for p in problems if p.code != "entry-mixed"}
    seen = set()
    for unit in units:
        task = _task(unit, [column for column in unit.files if (unit.row, column) in refused])
        resolved = tuple(path and Path(path).resolve() for path in task.paths)
        if task.given and resolved not in seen:
            seen.add(resolved)
            yield task


def _sound(
    received: Received, task: Task, stat: Stat | None, result: Result, known: dict[str, Any]
) -> None:
    """Keep what is known of the files of a task, for the receipt and for the next check."""
    stat = stat or known[task.key]["stat"]
    received.finished[task.key] = {"stat": stat, "result": result}
    for path, (size, mtime), side in zip(task.given, stat, result["sides"], strict=True):
        if side["size"] == size:  # else it grew meanwhile; the next check reads it again
            received.files[path] = {**side, "path": path, "mtime_ns": mtime}
        else:
            received.problems.append(_growing(task, path, str(received.sheet)))


def _entries(received: Received, results: dict, sequence: Sequence | None, realign: bool) -> None:
    """Hold alignments and calls to the sheet and to the reference."""
    sound = {
        str(Path(task.given[0]).resolve()): result
        for task, (_, result) in results.items()
        if task.unit and task.kind != "fastq" and not result["faults"]
    }
    found = entries.judge(received.sheet, received.units, sound, sequence, realign=realign)
    received.problems += found.problems
    received.notes += found.notes
    for unit in received.units:  # one VCF may be named by many rows, and spelled in many ways
        if unit.file and unit.file not in received.files:
            other = sound.get(str(Path(unit.file).resolve()))
            if other:
                received.files[unit.file] = {**other["sides"][0], "path": unit.file}


def remember(received: Received) -> None:
    """Write the finished checks to the cache that was given; nothing while there are problems."""
    if received.cache is not None and not received.problems:
        memory.add(received.cache, received.finished)


def _growing(task: Task, path: str, sheet_path: str) -> Problem:
    unit = task.unit
    return Problem(
        "file-changing",
        sheet_path if unit else path,
        unit.row if unit else None,
        next(column for column, name in unit.files.items() if name == path) if unit else None,
        f"{path} changed while it was read",
        "Wait until the transfer is finished, then check again",
    )


def _same_content(received: Received) -> Iterator[Problem]:
    """Files of another name with the same bytes: a copy took the place of the right file."""
    seen: dict[str, tuple[Unit, str]] = {}
    for unit in received.units:
        for column, name in unit.files.items():
            if name not in received.files:
                continue
            first, there = seen.setdefault(received.files[name]["md5"], (unit, column))
            other = first.files[there]
            if Path(other).resolve() != Path(name).resolve():
                yield Problem(
                    "same-content",
                    str(received.sheet),
                    unit.row,
                    column,
                    f"{name} has the same content as {other} (line {first.row}, column {there})",
                    "One of them is a copy under a wrong name; copy the right file again",
                )


def _names(
    received: Received,
    results: dict,
    fasta: str,
    genes: str,
    databases: dict[str, Path],
    fields: Mapping[str, Iterable[str]],
) -> Sequence | None:
    """Compare the contigs of reference, genes and databases, and keep what the receipt tells.

    Returns
    -------
    The reference; None where it is faulty.
    """
    sound: dict[tuple[str, str], Sequence] = {}
    for task, (_, result) in results.items():
        if not task.unit and not result["faults"]:
            values = {**result["sides"][0], "path": task.given[0]}
            sound[task.kind, task.given[0]] = Sequence(**values)
            received.files[task.given[0]] = {
                **{key: values[key] for key in ("size", "md5", "records", "path")},
                "contigs": len(values["contigs"]),
                "length": sum(values["contigs"].values()) if task.kind == "fasta" else None,
                "mtime_ns": results[task][0][0][1],
            }
    sequence = sound.get(("fasta", fasta))
    for kind, path in [("genes", genes), *(("database", str(p)) for p in databases.values())]:
        other = sound.get((kind, path))
        if sequence and other:
            problems, notes = compare(sequence, other)
            received.problems += problems
            received.notes += notes
    for name, path in databases.items():
        if ("database", str(path)) in sound:
            database = sound["database", str(path)]
            received.problems += lacking(name, database, list(fields.get(name, ())))
    received.reference = {
        kind: received.files[path]
        for kind, path in (("fasta", fasta), ("genes", genes))
        if path in received.files
    }
    received.databases = {
        name: received.files[str(path)]
        for name, path in databases.items()
        if str(path) in received.files
    }
    return sequence


def write_receipt(received: Received, path: str | Path) -> dict[str, Any]:
    """Write the receipt (JSON), and remember what was found sound.

    The receipt holds no times, so that the same submission gives the same receipt.

    Raises
    ------
    StageError : the submission has problems.
    """
    Problems(received.problems).raise_if_any()

    def described(file: dict[str, Any]) -> dict[str, Any]:
        hidden = ("path", "mtime_ns", "m5", "ref_bases")
        left = {k: v for k, v in file.items() if k not in hidden and v is not None}
        for key in ("contigs", "samples"):  # of a cohort's VCF, thousands in each of its rows
            if key in left and not isinstance(left[key], int):
                left[key] = len(left[key])
        return {"file": file["path"], **left}

    units = [
        {
            "sample": unit.sample,
            "participant": unit.participant,
            "unit": unit.unit,
            "read_group": unit.read_group_id,
            "entry": unit.entry,
            "files": [described(received.files[path]) for path in unit.files.values()],
        }
        for unit in received.units
    ]
    files = [file for unit in units for file in unit["files"]]
    receipt = {
        "sheet": {
            "file": str(received.sheet),
            "size": received.sheet.stat().st_size,
            "md5": md5(received.sheet),
        },
        "units": units,
        "reference": {kind: described(file) for kind, file in received.reference.items()},
        "databases": {name: described(file) for name, file in received.databases.items()},
        "counts": {
            "participants": len({unit.participant for unit in received.units}),
            "samples": len({unit.sample for unit in received.units}),
            "units": len(units),
            "reads": sum(file["reads"] for file in files if "reads" in file),
            "bases": sum(file["bases"] for file in files if "bases" in file),
        },
        "notes": received.notes,
    }
    write_json(path, receipt)
    remember(received)
    return receipt
