"""Interaction scans against plink2 --glm interaction, both as whole processes, in the same run.

    python tests/bench/interactions.py [--people 2000] [--variants 100000] [--threads 2]

Goals: least squares (ours with HC3 beside it, plink2 without) at most 3 times plink2's time;
logistic regression (ours with Firth where p < 0.05, plink2 where its fit fails, and in single
precision) at most 6 times; peak memory below 1 GiB. Processor time is printed too, for machines
that are not idle.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scan_linear import arguments, phenotypes, plink2, simulate

# What the commands 'design' and 'interact' do.
INTERACT = """
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
from genopheno import fields
from genopheno.files import read_json
from genopheno.association import build
from genopheno.association.interaction import scan
prefix, folder, traits, trait, threads = sys.argv[1:6]
made = build.design(
    fields.read(f"{folder}/samples.parquet"), fields.read(f"{folder}/phenotypes.parquet"),
    read_json(f"{folder}/{traits}.json"), None, n_components=0, relatives="keep",
    interactions=["x0"],
)
scan.run(prefix, made, trait, "x0", out=f"{folder}/{trait}.x0.parquet", min_allele_count=1,
         firth_below=0.05, threads=int(threads))
"""


def timed(command: list) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak MiB of a process."""
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"failed: {command}")
    spent = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - start, spent, usage.ru_maxrss / 1024


def main() -> None:
    args = arguments()
    missed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder, args.people, args.variants)
        phenotypes(folder, args.people)
        for label, traits, trait, pheno, goal in (
            ("least squares", "one", "q0", "traits.txt", 3),
            ("logistic", "binary", "case", "case.txt", 6),
        ):
            mine = [sys.executable, "-c", INTERACT, folder / "g", folder, traits, trait]
            words = ["--glm", "interaction", "--parameters", "1-6", "--tests", "1,6"]
            words += ["--pheno", folder / pheno, "--pheno-name", trait]
            words += ["--covar", folder / "covariates.txt"]
            runs = [
                (timed([*mine, args.threads]), timed(plink2(folder, args.threads, *words)))
                for _ in range(args.rounds)
            ]
            wall, spent = ([min(run[side][i] for run in runs) for side in (0, 1)] for i in (0, 1))
            memory = max(run[0][2] for run in runs)
            good = wall[0] <= goal * wall[1] and memory < 1024
            missed |= not good
            print(
                f"{label}, 4 covariates, one interaction: genopheno {wall[0]:.2f} s, "
                f"plink2 {wall[1]:.2f} s, ratio {wall[0] / wall[1]:.2f} (goal {goal}, "
                f"{'met' if good else 'NOT met'}); processor {spent[0]:.2f} s and "
                f"{spent[1]:.2f} s; peak {memory:.0f} MiB",
                flush=True,
            )
    sys.exit(missed)


if __name__ == "__main__":
    main()
