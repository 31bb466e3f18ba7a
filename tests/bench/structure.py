"""Pruning, kinship and components against plink2, in the same run and with the same answers.

    python tests/bench/structure.py [--people 2000] [--variants 100000] [--threads 2]

Goals, by the clock: LD pruning and KING in at most 3 times plink2's time
(`--indep-pairwise`, `--make-king-table`), 10 components in at most plink2's (`--pca`). CPU
time is printed, too. Each is a whole process. Ours reads the fileset, chooses variants and
writes its answer, which is compared with plink2's before the times count.

Start-up is what the same process takes for 60 people and 100 variants: Python, its libraries,
and machine code from numba's cache. The ratio without it (and without plink2's) is printed but
decides nothing. Compiling, which a machine does once, comes first and is timed apart.
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

from genopheno.genotypes import MAGIC

STEP = """
import sys, numpy as np
from genopheno.genotypes import Genotypes
from genopheno.structure.variants import choose
step, prefix, out, threads = *sys.argv[1:4], int(sys.argv[4])
genotypes = Genotypes.open(prefix)
keep, _, frequency = choose(genotypes, 0.0)
if step == "prune":
    from genopheno.structure.pruning import prune
    kept = prune(genotypes, keep, frequency, r2=0.2, window_kb=1000, threads=threads)
    kept = genotypes.table["variant_id"].take(np.flatnonzero(kept)).to_pylist()
    open(out, "w").writelines(f"{v}\\n" for v in kept)
elif step == "king":
    from genopheno import fields
    from genopheno.structure.kinship import related_pairs
    fields.write(out, related_pairs(genotypes, keep, threads=threads)[0], "kinship")
else:
    from genopheno.structure.components import components
    found = components(genotypes, keep, np.arange(genotypes.n_samples), 10, threads)
    np.savetxt(out, found.eigenvalues)
"""


def simulate(folder: Path, people: int, variants: int, seed: int = 1) -> None:
    """Two populations; a tenth has a parent or child. LD by haplotypes copied on and on.

    Variants lie 28 kb apart, as 100,000 do on a genome, on 22 contigs.
    """
    rng = np.random.default_rng(seed)
    code_of = np.array([3, 2, 0, 1], np.uint8)
    half, siblings = people // 2, people // 10
    contig = np.sort(rng.integers(1, 23, variants))
    place = np.arange(variants) - np.searchsorted(contig, contig) + 1
    haplotypes = np.zeros((2, people), bool)
    with open(folder / "g.bed", "wb") as bed:
        bed.write(MAGIC)
        for _ in range(variants):
            share = rng.uniform(0.05, 0.5)
            near = np.clip(share + rng.normal(0, 0.05, 2), 0.02, 0.98)
            fresh = rng.random((2, people)) < np.where(np.arange(people) < half, *near)
            haplotypes = np.where(rng.random((2, people)) < 0.6, haplotypes, fresh)
            dosage = haplotypes.sum(axis=0)
            # Each of the last people has the first haplotype of another of their population.
            dosage[people - siblings :] = (
                haplotypes[0, half : half + siblings] + haplotypes[1, -siblings:]
            )
            dosage[rng.random(people) < 0.002] = 3
            codes = np.pad(code_of[dosage], (0, -people % 4)).reshape(-1, 4)
            bed.write((codes << np.array([0, 2, 4, 6], np.uint8)).sum(1, np.uint8).tobytes())
    with open(folder / "g.bim", "w") as bim:
        for i in range(variants):
            bim.write(f"{contig[i]}\tv{i}\t0\t{place[i] * 28_000}\tA\tG\n")
    (folder / "g.fam").write_text("".join(f"0\tP{i}\t0\t0\t0\t-9\n" for i in range(people)))


def timed(command: list) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MiB of a process."""
    # As `genopheno structure`: one thread for each multiplication, many at a time.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.DEVNULL, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"failed: {command}")
    wall = time.perf_counter() - start
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def same(step: str, folder: Path) -> str:
    """Compare the answers; '' where they are equal."""
    ours, theirs = folder / f"{step}.txt", folder / "p"
    if step == "prune":
        mine = set(ours.read_text().split())
        differ = mine ^ set(Path(f"{theirs}.prune.in").read_text().split())
        return f"{len(differ)} of {len(mine)} variants differ" if differ else ""
    if step == "king":
        table = pd.read_csv(f"{theirs}.kin0", sep="\t").query("KINSHIP > 0.0442")
        expected = {frozenset(p): k for *p, k in table[["IID1", "IID2", "KINSHIP"]].to_numpy()}
        pairs = pd.read_parquet(ours)[["sample_1", "sample_2", "kinship"]].to_numpy()
        found = {frozenset(p): k for *p, k in pairs}
        if not found or found.keys() != expected.keys():
            return f"{len(found)} pairs and {len(expected)}"
        worst = max(abs(found[pair] - expected[pair]) for pair in found)
        return f"kinship differs by {worst:.2g}" if worst > 1e-5 else ""
    ratio = np.loadtxt(ours) / np.loadtxt(f"{theirs}.eigenval")
    worst = np.abs(ratio - 1).max()
    return f"eigenvalues differ by {worst:.2g}" if worst > 1e-4 else ""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--variants", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def main() -> None:
    args, missed = arguments(), False
    with tempfile.TemporaryDirectory() as name:
        folder, small = Path(name), Path(name) / "small"
        small.mkdir()
        simulate(folder, args.people, args.variants)
        simulate(small, 60, 100)
        os.environ["NUMBA_CACHE_DIR"] = str(folder / "numba")
        for label, step, flags, goal in (
            ("LD pruning", "prune", ["--indep-pairwise", "1000kb", "0.2"], 3),
            ("KING", "king", ["--make-king-table"], 3),
            ("10 components", "pca", ["--pca", "10"], 1),
        ):

            def pair(where: Path, step: str = step, flags: list = flags) -> list[list]:
                return [
                    [sys.executable, "-c", STEP, step, where / "g", where / f"{step}.txt",
                     args.threads],
                    ["plink2", "--bfile", where / "g", "--threads", args.threads,
                     "--out", where / "p", *flags],
                ]  # fmt: skip

            compiling = timed(pair(small)[0])[0]
            idle, idle_plink2 = (
                min(timed(command)[0] for _ in range(args.rounds)) for command in pair(small)
            )
            runs = [[timed(command) for command in pair(folder)] for _ in range(args.rounds)]
            a, a_cpu, b, b_cpu = (
                min(run[side][part] for run in runs)
                for side, part in ((0, 0), (0, 1), (1, 0), (1, 1))
            )
            wrong = same(step, folder)
            met = a / b <= goal and not wrong
            missed |= not met
            print(
                f"{label}: genopheno {a:.2f} s, plink2 {b:.2f} s, ratio {a / b:.2f} (goal {goal}, "
                f"{'met' if met else 'NOT met'}); CPU {a_cpu:.1f} and {b_cpu:.1f} s, ratio "
                f"{a_cpu / b_cpu:.2f}; start-up {idle:.2f} and {idle_plink2:.2f} s, ratio without "
                f"{(a - idle) / (b - idle_plink2):.2f}; first start with compiling "
                f"{compiling:.1f} s; peak {max(run[0][2] for run in runs):.0f} MiB; "
                f"answers {wrong or 'equal'}",
                flush=True,
            )
    sys.exit(int(missed))


if __name__ == "__main__":
    main()
