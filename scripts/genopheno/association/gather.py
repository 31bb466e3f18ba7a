"""Putting the parts of a scan together: the files that one job would have left, to the byte."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from genopheno.association import parts, results, summary
from genopheno.files import writing
from genopheno.problems import Problems

OTHER_MACHINES = (
    "parts were computed on processors of different kinds, or with different versions of NumPy: "
    "the last digits may differ between them"
)


def run(folders: Iterable[str | Path], out_dir: str | Path, *, threads: int = 1) -> dict:
    """Write the files of every trait and ``scan.json``, and return what is in that.

    The parts stay as they are. No more than a row group of each thread's trait is in memory.

    Parameters
    ----------
    folders : of the parts, in any order.
    out_dir : folder of the results.
    threads : traits that are put together at a time.

    Raises
    ------
    StageError : parts are absent or damaged, are not of one scan, or do not hold every
        variant exactly once (`parts.read`); or no variant was tested.
    """
    found = parts.read(folders)
    first = next(iter(found.values()))
    problems = Problems()
    for folder, written in found.items():
        for trait, told in written.traits.items():
            try:
                there = parts.sizes(folder, trait)
            except (OSError, pa.ArrowInvalid) as error:
                there = str(error).splitlines()[0]
            if there != told:
                problems.add(
                    "part-damaged",
                    folder,
                    f"trait {trait}: {there}, and {parts.FILE} says {told}",
                    parts.AGAIN,
                )
    problems.raise_if_any()

    def put_together(trait: str) -> None:
        if len(found) == 1:  # its files are the whole, and written anew would be the same
            (folder,) = found
            for path in (results.parquet_path, results.left_out_path, results.tsv_path):
                with writing(path(out_dir, trait)) as beside:
                    shutil.copyfile(path(folder, trait), beside)
            return
        with results.TraitFiles(out_dir, trait, header=False) as out:
            for folder in found:
                out.append(folder)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(put_together, first.traits))
    facts = first.facts
    if any(written.machine != first.machine for written in found.values()):
        facts = {**facts, "notices": [*facts["notices"], OTHER_MACHINES]}
    return summary.scan_summary(out_dir, facts)
