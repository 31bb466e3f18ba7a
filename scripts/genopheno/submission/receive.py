"""Receiving a submission: everything is verified before anything runs, then a receipt is given."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from genopheno.files import md5, read_json, write_json
from genopheno.problems import Problem, Problems, StageError
from genopheno.submission import sheet
from genopheno.submission.fastq import check_pair
from genopheno.submission.names import file_fault
from genopheno.submission.reference import READERS, Sequence, compare
from genopheno.submission.regions import check_targets
from genopheno.submission.sheet import Unit
from genopheno.submission.streams import Fault

Progress = Callable[[int, int, str], None]
CACHE_FORMAT = 1
# Less than this is read sooner than a second process has started (bytes on disk).
WORTH_A_PROCESS = 128 << 20


@dataclass
class Received:
    """What was handed in.

    Attributes
    ----------
    sheet : the sample sheet.
    units : its rows; faulty ones too while there are problems.
    problems : everything that is wrong; nothing may be written or run while there are any.
    notes : what was ignored, or taken for granted.
    files : by path as given: size (bytes), mtime_ns, md5 and, for reads, reads, bases,
        min_length and max_length (bp); for the others records and number of contigs.
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


@dataclass(frozen=True)
class _Task:
    """Files that are read together: a pair of FASTQ, or one of the others."""

    kind: str
    paths: tuple[str | None, ...]
    unit: Unit | None = None

    @property
    def given(self) -> list[str]:
        return [path for path in self.paths if path]

    @property
    def key(self) -> str:
        return "\t".join([self.kind, *(str(Path(path).resolve()) for path in self.given)])

    @property
    def stat(self) -> list[list[int]]:
        """Size (bytes) and time (ns) of each file: what a finished check is remembered by."""
        found = [Path(path).stat() for path in self.given]
        return [[file.st_size, file.st_mtime_ns] for file in found]


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
) -> Received:
    """Verify a whole submission: the sheet, every read, the reference and the databases.

    Nothing is written; see `remember` and `write_receipt`.

    Parameters
    ----------
    databases : VCF of sites by name.
    targets : BED to which calling is limited; None: the whole reference.
    cache : results of earlier checks (`remember`); files of the same path, size and time are
        not read again.
    jobs : files (or pairs of FASTQ) that are read side by side.
    progress : called as (bytes done, bytes in all, file) whenever a file is finished.
    """
    sheet_path = Path(sheet_path)
    units, problems, notes = sheet.read_with_notes(sheet_path)
    received = Received(sheet_path, units, problems, notes, cache=cache)
    tasks = list(_pairs(units, problems))
    others = [("fasta", fasta), ("genes", genes)]
    others += [("database", path) for path in (databases or {}).values()]
    for kind, path in others:
        fault = file_fault(path)
        if fault:
            problems.append(Problem(fault[0], str(path), None, None, *fault[1:]))
        else:
            tasks.append(_Task(kind, (str(path),)))
    results = _run(tasks, cache, jobs, progress)
    for task in tasks:  # in the order of the sheet, whatever finished first
        stat, result = results[task]
        for column, code, found, mend in result["faults"]:
            if task.unit:
                problems.append(Problem(code, str(sheet_path), task.unit.row, column, found, mend))
            else:
                problems.append(Problem(code, task.given[0], None, None, found, mend))
        if not result["faults"]:
            received.finished[task.key] = {"stat": stat, "result": result}
            for path, (size, mtime), side in zip(task.given, stat, result["sides"], strict=True):
                if side["size"] == size:  # else it grew meanwhile; the next check reads it again
                    received.files[path] = {**side, "path": path, "mtime_ns": mtime}
                else:
                    problems.append(_growing(task, path, str(sheet_path)))
    problems += _same_content(received)
    sequence = _names(received, results, str(fasta), str(genes), databases or {})
    if targets and sequence:
        _, faults, notes = check_targets(targets, sequence.contigs)
        problems += faults
        received.notes += notes
    problems.sort(key=lambda p: (p.file != str(sheet_path), p.row or 0))
    return received


def verify_pair(fastq_1: str | Path, fastq_2: str | Path, cache: Path | None = None) -> None:
    """Verify one pair of FASTQ files, unless the cache says it was found sound before.

    For a step that is about to use them: it must not rely on an earlier check of other bytes.

    Raises
    ------
    StageError : every fault of the two files.
    """
    task = _Task("pair", (str(fastq_1), str(fastq_2)))
    _, result = _run([task], cache, 1, None)[task]
    given = dict(zip(("fastq_1", "fastq_2"), task.given, strict=True))
    found = [
        Problem(code, given[column], None, None, what, mend)
        for column, code, what, mend in result["faults"]
    ]
    if found:
        raise StageError(*found)


def _pairs(units: list[Unit], problems: Iterable[Problem]) -> Iterator[_Task]:
    """The FASTQ files to be read; those that the sheet's check refused are left out."""
    refused = {(p.row, p.column) for p in problems if p.column in ("fastq_1", "fastq_2")}
    seen = set()
    for unit in units:
        paths = tuple(
            None if (unit.row, column) in refused else getattr(unit, column) or None
            for column in ("fastq_1", "fastq_2")
        )
        resolved = tuple(path and Path(path).resolve() for path in paths)
        if any(paths) and resolved not in seen:
            seen.add(resolved)
            yield _Task("pair", paths, unit)


def _work(kind: str, paths: tuple[str | None, ...]) -> dict[str, Any]:
    """Verify the files of one task: their sides, and their faults as (column, …)."""
    if kind == "pair":
        return check_pair(*paths)
    try:
        return {"sides": [asdict(READERS[kind](paths[0]))], "faults": []}
    except Fault as fault:
        return {"sides": [], "faults": [(None, fault.code, fault.found, fault.mend)]}


def _run(
    tasks: list[_Task], cache: Path | None, jobs: int, progress: Progress | None
) -> dict[_Task, tuple[list[list[int]], dict[str, Any]]]:
    """Do the tasks that are not remembered, the largest first."""
    known = _remembered(cache)
    stats = {task: task.stat for task in tasks}
    sizes = {task: sum(size for size, _ in stats[task]) for task in tasks}
    results: dict[_Task, tuple[list[list[int]], dict[str, Any]]] = {}
    done, total = 0, sum(sizes.values())

    def finish(task: _Task, result: dict[str, Any]) -> None:
        nonlocal done
        results[task] = (stats[task], result)
        done += sizes[task]
        if progress:
            progress(done, total, task.given[0])

    left = []
    for task in tasks:
        before = known.get(task.key)
        if before and before["stat"] == stats[task]:
            finish(task, before["result"])
        else:
            left.append(task)
    left.sort(key=lambda task: -sizes[task])
    small = sum(sizes[task] for task in left) < WORTH_A_PROCESS
    if min(jobs, len(left)) < 2 or small or not _can_spawn():
        for task in left:
            finish(task, _work(task.kind, task.paths))
        return results
    # spawn: the caller may have threads (a progress display), which a fork would not survive.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(left)), mp_context=context) as pool:
        futures = {pool.submit(_work, task.kind, task.paths): task for task in left}
        try:
            for future in as_completed(futures):
                finish(futures[future], future.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return results


def _can_spawn() -> bool:
    """False where the running script has no file (standard input): a new process needs it."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    return script is None or Path(script).is_file()


def _remembered(cache: Path | None) -> dict[str, Any]:
    if cache is None or not cache.is_file():
        return {}
    try:
        found = read_json(cache)
        return found["finished"] if found["format"] == CACHE_FORMAT else {}
    except (ValueError, KeyError, TypeError):
        return {}  # a cache that cannot be read costs time, not truth


def remember(received: Received) -> None:
    """Write the finished checks to the cache that was given; nothing while there are problems."""
    if received.cache is not None and not received.problems:
        write_json(received.cache, {"format": CACHE_FORMAT, "finished": received.finished})


def _growing(task: _Task, path: str, sheet_path: str) -> Problem:
    column = ("fastq_1", "fastq_2")[task.paths.index(path)] if task.unit else None
    return Problem(
        "file-changing",
        sheet_path if task.unit else path,
        task.unit.row if task.unit else None,
        column,
        f"{path} changed while it was read",
        "Wait until the transfer is finished, then check again",
    )


def _same_content(received: Received) -> Iterator[Problem]:
    """Files of another name with the same bytes: a copy took the place of the right file."""
    seen: dict[str, tuple[Unit, str]] = {}
    for unit in received.units:
        for column in ("fastq_1", "fastq_2"):
            name = getattr(unit, column)
            if name not in received.files:
                continue
            first, there = seen.setdefault(received.files[name]["md5"], (unit, column))
            other = getattr(first, there)
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
    received: Received, results: dict, fasta: str, genes: str, databases: dict[str, Path]
) -> Sequence | None:
    """Compare the contigs of all that speak of them, and keep what the receipt tells.

    Returns the reference sequence, if it is sound.
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


def write_receipt(
    received: Received, receipt_path: str | Path, units_path: str | Path
) -> dict[str, Any]:
    """Write the receipt (JSON) and the normalised sheet (TSV, table ``units``).

    The receipt holds no times, so that the same submission gives the same receipt.

    Raises
    ------
    StageError : the submission has problems.
    """
    Problems(received.problems).raise_if_any()

    def described(file: dict[str, Any]) -> dict[str, Any]:
        left = {k: v for k, v in file.items() if k not in ("path", "mtime_ns") and v is not None}
        return {"file": file["path"], **left}

    units = [
        {
            "sample": unit.sample,
            "participant": unit.participant,
            "unit": unit.unit,
            "read_group": unit.read_group_id,
            "files": [described(received.files[path]) for path in (unit.fastq_1, unit.fastq_2)],
        }
        for unit in received.units
    ]
    reads = [file for unit in units for file in unit["files"]]
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
            "reads": sum(file["reads"] for file in reads),
            "bases": sum(file["bases"] for file in reads),
        },
        "notes": received.notes,
    }
    sheet.write_units(units_path, received.units)
    write_json(receipt_path, receipt)
    remember(received)
    return receipt
