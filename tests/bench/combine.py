"""Combining gVCFs: what a sample costs, alone with others and added to those that are in.

Run: ``python tests/bench/combine.py [--threads N] [--rounds N]``, with the shared data set
kgp_gvcf_chr22 (30 people, 1,000 records each). Prints seconds and CPU seconds per sample for
10, 20 and 30 samples at once, and for 10 appended to 10 and to 20. An append must not cost
more for the samples that are in already: ends with 1 where 10 to 20 take over 1.25 x the time
of 10 to 10.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from genopheno.cohort import exchange, store
from genopheno.cohort.session import hail_session

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GENOPHENO_DATA", ROOT.parent / "shared" / "data"))
GVCFS = DATA / "kgp_gvcf_chr22" / "gvcf"
CHR22 = {"chr22": 50_818_468}
LIMIT = 1.25
# What is in already, and what is asked for.
JOBS = {"10": (0, 10), "20": (0, 20), "30": (0, 30), "10 to 10": (10, 20), "10 to 20": (20, 30)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not GVCFS.is_dir():
        print("combining gVCFs: skipped, shared data set kgp_gvcf_chr22 is absent")
        return 0
    gvcfs = {path.name.split(".")[0]: path for path in sorted(GVCFS.glob("*.g.vcf.gz"))}
    taken: dict[str, list[float]] = {name: [] for name in JOBS}
    used: dict[str, list[float]] = {name: [] for name in JOBS}
    with (
        tempfile.TemporaryDirectory(prefix="genopheno-bench-") as name,
        hail_session(Path(name, "hail"), memory_mb=3000, threads=options.threads, small=True) as hl,
    ):
        genome = exchange.genome(hl, "GRCh38", CHR22)

        def update(folder: Path, end: int) -> None:
            some = dict(list(gvcfs.items())[:end])
            store.update(hl, folder, some, genome, build="GRCh38", contigs=CHR22)

        jvm = int(hl.current_backend()._jvm.java.lang.ProcessHandle.current().pid())
        update(Path(name, "warm"), 30)
        for round_ in range(options.rounds):
            for job, (before, after) in JOBS.items():
                folder = Path(name, f"{job} {round_}".replace(" ", "-"))
                if before:
                    update(folder, before)
                start, cpu = time.perf_counter(), cpu_seconds(jvm)
                update(folder, after)
                new = after - before
                taken[job].append((time.perf_counter() - start) / new)
                used[job].append((cpu_seconds(jvm) - cpu) / new)
    for job in JOBS:
        what = f"{job} appended" if " to " in job else f"{job} at once"
        seconds, cpu = (statistics.median(values[job]) for values in (taken, used))
        print(f"{what:>18}: {seconds:.2f} s a sample, CPU {cpu:.2f} s")
    ratios = {
        name: statistics.median(values["10 to 20"]) / statistics.median(values["10 to 10"])
        for name, values in (("time", taken), ("CPU", used))
    }
    print(
        f"append to 20 over append to 10: time {ratios['time']:.2f}, CPU {ratios['CPU']:.2f}"
        f" (at most {LIMIT} wanted)"
    )
    return 0 if min(ratios.values()) <= LIMIT else 1


def cpu_seconds(pid: int) -> float:
    """CPU time of this process and of Hail's Java: steadier than the clock of a busy machine."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    mine = os.times()
    java = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return mine.user + mine.system + java


if __name__ == "__main__":
    sys.exit(main())
