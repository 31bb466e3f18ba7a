"""The linear scan against plink2 --glm, both as whole processes, in the same run.

    python tests/bench/scan_linear.py [--people 2000] [--variants 100000] [--threads 2]

Goals: one trait in at most 2 times plink2's time, ten traits in at most 1.2 times; peak
memory below 1 GiB and no larger for more variants. Ours includes everything a user waits
for: start of Python, design from the tables, scan, Parquet, compressed GWAS-SSF, summary.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from genopheno.files import write_json

TRAITS, COVARIATES = 10, 4

# What the command 'associate' does.
ASSOCIATE = """
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
from genopheno import fields
from genopheno.files import read_json
from genopheno.association import build, design, scan
prefix, folder, traits, out, threads = sys.argv[1:6]
made = build.design(
    fields.read(f"{folder}/samples.parquet"), fields.read(f"{folder}/phenotypes.parquet"),
    read_json(f"{folder}/{traits}.json"), None, n_components=0, relatives="keep",
)
made.write(f"{out}/design.parquet")
scan.run(prefix, made, min_allele_count=1, firth_below=0.05,
         exact_firth_below=float((sys.argv[6:] or [1e-4])[0]), threads=int(threads), out_dir=out)
"""


def simulate(folder: Path, people: int, variants: int, seed: int = 1) -> None:
    """A PLINK fileset: allele frequencies 0.01 to 0.5; 0.2 % missing in 3 of 10 variants."""
    rng = np.random.default_rng(seed)
    code_of = np.array([3, 2, 0], np.uint8)
    with open(folder / "g.bed", "wb") as bed:
        bed.write(bytes([0x6C, 0x1B, 1]))
        for start in range(0, variants, 5000):
            size = min(5000, variants - start)
            share = rng.uniform(0.01, 0.5, (size, 1)).astype(np.float32)
            two = [rng.random((size, people), dtype=np.float32) < share for _ in range(2)]
            codes = code_of[two[0].astype(np.uint8) + two[1]]
            gaps = rng.random((size, people), dtype=np.float32) < 0.002
            gaps[rng.random(size) < 0.7] = False
            codes[gaps] = 1
            codes = np.pad(codes, ((0, 0), (0, -people % 4)))
            quads = codes.reshape(size, -1, 4) << np.array([0, 2, 4, 6], np.uint8)
            bed.write(quads.sum(2, np.uint8).tobytes())
    with open(folder / "g.bim", "w") as bim:
        for position in range(100, 100 + 30 * variants, 30):
            bim.write(f"1\t1:{position}:G:A\t0\t{position}\tA\tG\n")
    names = [f"P{i}" for i in range(people)]
    (folder / "g.fam").write_text("".join(f"0\t{n}\t0\t0\t0\t-9\n" for n in names))


def phenotypes(folder: Path, people: int, seed: int = 2) -> None:
    """Traits q0..q9 and case, covariates x0..x3, as tables of ours and files of plink2."""
    rng = np.random.default_rng(seed)
    names = [f"P{i}" for i in range(people)]
    table = pd.DataFrame({"participant": names, "sex": "unknown"})
    covariates = [f"x{i}" for i in range(COVARIATES)]
    traits = [f"q{i}" for i in range(TRAITS)]
    table[covariates] = rng.normal(size=(people, COVARIATES)).round(6)
    table[traits] = (rng.normal(size=(people, TRAITS)) + 0.3 * table[["x0"]].to_numpy()).round(6)
    table["case"] = (rng.random(people) < 1 / (1 + np.exp(1 - table.x0))) * 1.0
    table.to_parquet(folder / "phenotypes.parquet")
    pd.DataFrame({"sample": names, "participant": names}).to_parquet(folder / "samples.parquet")
    iid = table.rename(columns={"participant": "#IID"})
    iid[["#IID", *traits]].to_csv(folder / "traits.txt", sep="\t", index=False)
    iid[["#IID", *covariates]].to_csv(folder / "covariates.txt", sep="\t", index=False)
    iid.assign(case=iid.case.astype(int) + 1)[["#IID", "case"]].to_csv(
        folder / "case.txt", sep="\t", index=False
    )

    def declare(name: str, chosen: list[str], kind: str, with_covariates: bool) -> None:
        write_json(
            folder / f"{name}.json",
            {
                "traits": [
                    {"name": t, "type": kind, "covariates": covariates if with_covariates else []}
                    for t in chosen
                ]
            },
        )

    declare("one", traits[:1], "quantitative", True)
    declare("one_plain", traits[:1], "quantitative", False)
    declare("ten", traits, "quantitative", True)
    declare("binary", ["case"], "binary", True)


def timed(command: list) -> tuple[float, float]:
    """Wall seconds and peak MiB of a process."""
    start = time.perf_counter()
    with open(os.devnull, "w") as nothing:
        process = subprocess.Popen([str(part) for part in command], stdout=nothing)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"failed: {command}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def ours(folder: Path, traits: str, threads: int, *more: object) -> list:
    out = folder / f"out_{traits}"
    out.mkdir(exist_ok=True)
    return [sys.executable, "-c", ASSOCIATE, folder / "g", folder, traits, out, threads, *more]


def plink2(folder: Path, threads: int, *more: object) -> list:
    return ["plink2", "--bfile", folder / "g", "--threads", threads, "--out", folder / "p", *more]


def compare(label: str, mine: list, theirs: list, goal: float, rounds: int) -> None:
    """Run both in turns and print the best of each and their ratio."""
    runs = [(timed(mine), timed(theirs)) for _ in range(rounds)]
    a, b = (min(run[side][0] for run in runs) for side in (0, 1))
    memory = max(run[0][1] for run in runs)
    print(
        f"{label}: genopheno {a:.2f} s, plink2 {b:.2f} s, ratio {a / b:.2f} "
        f"(goal {goal:g}, {'met' if a / b <= goal else 'NOT met'}); peak {memory:.0f} MiB",
        flush=True,
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--variants", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder, args.people, args.variants)
        phenotypes(folder, args.people)
        pheno = ["--pheno", folder / "traits.txt"]
        covar = ["--glm", "hide-covar", "--covar", folder / "covariates.txt"]
        for label, traits, flags, goal in (
            ("1 trait, 4 covariates", "one", [*pheno, "--pheno-name", "q0", *covar], 2),
            (
                "1 trait, no covariates",
                "one_plain",
                [*pheno, "--pheno-name", "q0", "--glm", "allow-no-covars"],
                2,
            ),
            ("10 traits, 4 covariates", "ten", [*pheno, *covar], 1.2),
        ):
            compare(
                f"linear, {label}",
                ours(folder, traits, args.threads),
                plink2(folder, args.threads, *flags),
                goal,
                args.rounds,
            )
        for more in (1, 4):
            simulate(folder, args.people, args.variants * more)
            _, memory = timed(ours(folder, "one", args.threads))
            print(f"peak memory with {args.variants * more} variants: {memory:.0f} MiB")


if __name__ == "__main__":
    main()
