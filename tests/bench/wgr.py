"""Whole-genome regression and mixed model: time and memory, beside GEMMA.

    python tests/bench/wgr.py [--people 2000] [--variants 20000] [--traits 3]

Goals: the exact mixed model of one trait in at most the time GEMMA takes for the same test
(relationship and tests together, in the same run); steps 1 and 2 of whole-genome regression for all
traits in at most half of what GEMMA takes for one; at most 4 GiB of memory. Whole processes are
measured, by the clock and by processor time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from genopheno.files import write_json

GOAL_MIXED, GOAL_TWO_STEPS, GOAL_MEMORY = 1.0, 0.5, 4096
CONTIGS, ANCESTORS, STRETCH = 22, 60, 40


def simulate(folder: Path, people: int, variants: int, traits: int, seed: int = 1) -> None:
    """Mosaics of a few ancestral haplotypes on 22 contigs, and polygenic traits (h² 0.4).

    Every `STRETCH` variants each haplotype of a person may go over to another ancestor, so that
    neighbouring variants are correlated as in a population.
    """
    rng = np.random.default_rng(seed)
    code_of = np.array([3, 2, 0], np.uint8)
    value = np.zeros((traits, people))
    sizes = np.bincount(np.arange(variants) * CONTIGS // variants, minlength=CONTIGS)
    lines = []
    with open(folder / "g.bed", "wb") as bed:
        bed.write(bytes([0x6C, 0x1B, 1]))
        for contig, size in enumerate(sizes, 1):
            ancestor = rng.integers(ANCESTORS, size=(2, people))
            for start in range(0, size, STRETCH):
                n = min(STRETCH, size - start)
                moves = rng.random((2, people)) < 0.3
                ancestor[moves] = rng.integers(ANCESTORS, size=int(moves.sum()))
                share = rng.uniform(0.02, 0.5, (n, 1))
                alleles = (rng.random((n, ANCESTORS)) < share).astype(np.uint8)
                dosage = alleles[:, ancestor[0]] + alleles[:, ancestor[1]]
                value += rng.normal(size=(traits, n)) @ (dosage - dosage.mean(1, keepdims=True))
                codes = np.pad(code_of[dosage], ((0, 0), (0, -people % 4)))
                quads = codes.reshape(n, -1, 4) << np.array([0, 2, 4, 6], np.uint8)
                bed.write(quads.sum(2, dtype=np.uint8).tobytes())
                lines += [
                    f"{contig}\t{contig}:{p}:G:A\t0\t{p}\tA\tG\n"
                    for p in range(start + 1, start + n + 1)
                ]
    (folder / "g.bim").write_text("".join(lines))
    names = [f"P{i}" for i in range(people)]
    spread = value.std(1, keepdims=True)
    y = value / np.where(spread > 0, spread, 1) * 0.4**0.5 + rng.normal(size=value.shape) * 0.6**0.5
    table = pd.DataFrame({"participant": names, "sex": "unknown"})
    trait_names = [f"q{i}" for i in range(traits)]
    table[trait_names] = y.T
    (folder / "g.fam").write_text(
        "".join(f"0\t{n}\t0\t0\t0\t{v!r}\n" for n, v in zip(names, y[0].tolist(), strict=True))
    )
    table.to_parquet(folder / "phenotypes.parquet")
    pd.DataFrame({"sample": names, "participant": names}).to_parquet(folder / "samples.parquet")
    declared = [{"name": t, "type": "quantitative", "covariates": []} for t in trait_names]
    write_json(folder / "traits.json", {"traits": declared})
    write_json(folder / "one.json", {"traits": declared[:1]})


def measured(command: list) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak MiB of a process."""
    start = time.perf_counter()
    with open(os.devnull, "w") as nothing:
        process = subprocess.Popen([str(part) for part in command], stdout=nothing)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"failed: {command}")
    seconds = time.perf_counter() - start
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def command(*words: object) -> list:
    return [sys.executable, "-m", "genopheno", *words]


def design(folder: Path, traits: str, model: str) -> None:
    measured(
        command(
            "design", "--genotypes", folder / "g", "--samples", folder / "samples.parquet",
            "--phenotypes", folder / "phenotypes.parquet", "--traits", folder / f"{traits}.json",
            "--model", model, "--out", folder / f"{model}.parquet",
        )
    )  # fmt: skip


def step1(folder: Path, threads: int) -> list:
    return command(
        "loco", "--genotypes", folder / "g", "--design", folder / "wgr.parquet",
        "--out", folder / "loco.parquet", "--threads", threads,
    )  # fmt: skip


def scan(folder: Path, model: str, threads: int) -> list:
    more = ["--loco", folder / "loco.parquet"] if model == "wgr" else []
    return command(
        "associate", "--genotypes", folder / "g", "--design", folder / f"{model}.parquet",
        "--out-dir", folder / model, "--threads", threads, *more,
    )  # fmt: skip


def gemma(folder: Path) -> list[list]:
    start = ["gemma", "-bfile", folder / "g", "-outdir", folder]
    return [
        [*start, "-gk", 1, "-o", "k"],
        [*start, "-k", folder / "k.cXX.txt", "-lmm", 1, "-o", "a"],
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--variants", type=int, default=20_000)
    parser.add_argument("--traits", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if not shutil.which("gemma"):
        sys.exit("gemma is absent: envs/install-tools.sh --tests")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder, args.people, args.variants, args.traits)
        design(folder, "traits", "wgr")
        design(folder, "one", "lmm")
        first = measured(step1(folder, args.threads))
        second = measured(scan(folder, "wgr", args.threads))
        mixed = measured(scan(folder, "lmm", args.threads))
        peer = np.sum([measured(words) for words in gemma(folder)], axis=0)
    print(f"{args.people} people, {args.variants} variants, {args.threads} threads")
    for label, (seconds, processor, memory) in (
        (f"step 1, {args.traits} traits", first),
        (f"step 2, {args.traits} traits", second),
        ("mixed model, 1 trait", mixed),
    ):
        print(f"{label}: {seconds:.1f} s ({processor:.1f} s of processor time), {memory:.0f} MiB")
    print(f"gemma -gk 1 and -lmm 1, 1 trait: {peer[0]:.1f} s ({peer[1]:.1f} s of processor time)")
    memory = max(first[2], second[2], mixed[2])
    met = memory <= GOAL_MEMORY
    for label, runs, goal in (
        ("mixed model", [mixed], GOAL_MIXED),
        ("whole-genome regression", [first, second], GOAL_TWO_STEPS),
    ):
        ratio, by_processor = np.sum(runs, axis=0)[:2] / peer[:2]
        met &= ratio <= goal
        print(
            f"{label} over gemma: {ratio:.2f} ({by_processor:.2f} by processor time; goal {goal:g})"
        )
    print(f"peak {memory:.0f} MiB (goal {GOAL_MEMORY})")
    print("met" if met else "NOT met")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
