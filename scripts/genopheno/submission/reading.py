"""The files of a submission, read side by side, and remembered once they were found sound."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from genopheno.submission import memory, reference
from genopheno.submission.alignments import read_alignment
from genopheno.submission.calls import read_gvcf, read_vcf
from genopheno.submission.databases import read_database
from genopheno.submission.fastq import check_pair
from genopheno.submission.streams import Fault
from genopheno.submission.unit import Unit

Progress = Callable[[int, int, str], None]
Stat = list[list[int]]  # size (bytes) and time (ns) of each file
# A result: ``sides`` (a dict for each file: size, md5, and what its reader tells) and
# ``faults`` (column or None, code, found, mend).
Result = dict[str, Any]
# Less than this is read sooner than a second process has started (bytes on disk).
WORTH_A_PROCESS = 128 << 20

# By kind: the reader of one file; it raises `Fault` and returns a dataclass of what it found.
READERS: dict[str, Callable[[str], Any]] = {
    **reference.READERS,
    "database": read_database,
    "bam": read_alignment,
    "cram": read_alignment,
    "gvcf": read_gvcf,
    "vcf": read_vcf,
}


@dataclass(frozen=True)
class Task:
    """Files that are read together: a pair of FASTQ (kind fastq), or one of another kind."""

    kind: str
    paths: tuple[str | None, ...]
    unit: Unit | None = None

    @property
    def given(self) -> list[str]:
        return [path for path in self.paths if path]

    @property
    def key(self) -> str:
        return memory.key(self.kind, self.given)

    @property
    def stat(self) -> Stat | None:
        """What a finished check is remembered by; None where a file is not there."""
        try:
            found = [Path(path).stat() for path in self.given]
        except FileNotFoundError:
            return None
        return [[file.st_size, file.st_mtime_ns] for file in found]


def work(kind: str, paths: tuple[str | None, ...]) -> Result:
    """Verify the files of one task."""
    if kind == "fastq":
        return check_pair(*paths)
    try:
        return {"sides": [asdict(READERS[kind](str(paths[0])))], "faults": []}
    except Fault as fault:
        return {"sides": [], "faults": [(None, fault.code, fault.found, fault.mend)]}


def run(
    tasks: list[Task], known: Mapping[str, Any], jobs: int, progress: Progress | None
) -> dict[Task, tuple[Stat | None, Result]]:
    """Do the tasks that are not remembered, the largest first.

    Parameters
    ----------
    known : what `memory.recall` gave. A file that is not there any more counts as unchanged.
    jobs : tasks done side by side.
    progress : called as (bytes done, bytes in all, file) whenever a task is finished.
    """
    stats = {task: task.stat for task in tasks}
    sizes = {task: sum(size for size, _ in stat or []) for task, stat in stats.items()}
    results: dict[Task, tuple[Stat | None, Result]] = {}
    done, total = 0, sum(sizes.values())

    def finish(task: Task, result: Result) -> None:
        nonlocal done
        results[task] = (stats[task], result)
        done += sizes[task]
        if progress:
            progress(done, total, task.given[0])

    left = []
    for task in tasks:
        before = known.get(task.key)
        if before and stats[task] in (None, before["stat"]):
            finish(task, before["result"])
        else:
            left.append(task)
    left.sort(key=lambda task: -sizes[task])
    small = sum(sizes[task] for task in left) < WORTH_A_PROCESS
    if min(jobs, len(left)) < 2 or small or not _can_spawn():
        for task in left:
            finish(task, work(task.kind, task.paths))
        return results
    # spawn: the caller may have threads (a progress display), which a fork would not survive.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(left)), mp_context=context) as pool:
        futures = {pool.submit(work, task.kind, task.paths): task for task in left}
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
