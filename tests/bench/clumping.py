"""Clumping of one trait against plink 1.9 --clump, in the same run, with plink's default bounds.

    python tests/bench/clumping.py [--people 2000] [--variants 100000] [--causes 200]

Goal: the same index variants, and reading genotypes and results and clumping in at most 3 times
the time of plink's process. That is without the start of Python and its libraries, which alone
takes longer than plink; the time of the whole process of ours, all tables of the stage with
it, is printed beside, and processor time, for machines that are not idle.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

P1, R2, KB = 1e-4, 0.5, 250  # plink's defaults
SPACING = 300  # bp between variants
EFFECT = 0.12  # standard deviation of effects


# Reading and clumping, once the libraries are there: wall and processor seconds.
CLUMP = """
import json, sys, time
import numpy as np, pandas, pyarrow.parquet, pyarrow.csv, pyarrow.compute
from genopheno.genotypes import Genotypes
from genopheno.signals import ld, tested
from genopheno.signals.clump import clump
folder, p1, r2, kb = sys.argv[1], *map(float, sys.argv[2:5])
wall, spent = time.perf_counter(), time.process_time()
genotypes = Genotypes.open(f"{folder}/g")
held = tested.read(f"{folder}/y.parquet", genotypes)
found = clump(held.contig, held.position, held.neg_log10_p,
              lambda row, others: ld.squared_correlation(genotypes, row, others),
              index_below=p1, r2=r2, kb=kb)
wall, spent = time.perf_counter() - wall, time.process_time() - spent
print(json.dumps([wall, spent, [held.table["variant_id"][c.index].as_py() for c in found]]))
"""


def simulate(folder: Path, people: int, variants: int, causes: int, seed: int = 1) -> None:
    """Haplotypes that copy 60 ancestors in pieces of about 100 variants, a trait, and its p."""
    from scipy import special

    from genopheno import fields
    from genopheno.genotypes import write_bed

    rng = np.random.default_rng(seed)
    shares = rng.beta(0.6, 1.2, variants)
    ancestors = rng.random((60, variants)) < shares
    dosage = np.zeros((people, variants), np.int8)
    for row in dosage:
        for _ in range(2):
            turns = rng.random(variants) < 0.01
            turns[0] = True
            copied = rng.integers(60, size=turns.sum())[np.cumsum(turns) - 1]
            row += ancestors[copied, np.arange(variants)]
    dosage = np.ascontiguousarray(dosage.T)
    dosage[rng.random(dosage.shape, dtype=np.float32) < 0.001] = -1
    x = dosage.astype(np.float32)
    x -= x.mean(1, keepdims=True)
    at = rng.choice(variants, causes, replace=False)
    y = rng.normal(0, EFFECT, causes) @ x[at] + rng.normal(size=people)
    y -= y.mean()
    spread = np.maximum(np.sqrt((x**2).sum(1)), 1e-9)
    r = (x @ y.astype(np.float32)) / (spread * np.sqrt(y @ y))
    t = r * np.sqrt((people - 2) / np.maximum(1 - r**2, 1e-9))
    p = 2 * special.stdtr(people - 2, -np.abs(t.astype(float)))
    position = 1000 + SPACING * np.arange(variants)
    table = pd.DataFrame({
        "variant_id": [f"1:{i}:G:A" for i in position], "contig": "1", "position": position,
        "effect_allele": "A", "other_allele": "G",
    })  # fmt: skip
    write_bed(folder / "g", dosage, table, [f"P{i}" for i in range(people)])
    frame = pd.DataFrame(dict.fromkeys(fields.names("association")), index=range(variants))
    frame = frame.assign(
        chromosome="1", base_pair_location=position, effect_allele="A", other_allele="G",
        beta=r, standard_error=1.0, effect_allele_frequency=shares, neg_log10_p_value=-np.log10(p),
        variant_id=table["variant_id"], n=people, test="linear", converged=True,
    )  # fmt: skip
    fields.write(folder / "y.parquet", frame, "association")
    text = pd.DataFrame({"SNP": table["variant_id"], "P": [f"{v:.17g}" for v in p]})
    text.to_csv(folder / "p.txt", sep="\t", index=False)


def timed(command: list) -> tuple[float, float]:
    """Wall and processor seconds of a process."""
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"failed: {command}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--variants", type=int, default=100_000)
    parser.add_argument("--causes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder, args.people, args.variants, args.causes)
        bare = [sys.executable, "-c", CLUMP, folder, P1, R2, KB]
        stage = [
            sys.executable, "-m", "genopheno", "signals", "--genotypes", folder / "g", "--results",
            folder / "y.parquet", "--trait", "y", "--out-dir", folder, "--p-value", P1, "--r2", R2,
            "--kb", KB,
        ]  # fmt: skip
        plink = [
            "plink1.9", "--bfile", folder / "g", "--clump", folder / "p.txt", "--clump-p1", P1,
            "--clump-p2", 1, "--clump-r2", R2, "--clump-kb", KB, "--silent", "--out", folder / "c",
        ]  # fmt: skip
        runs = []
        for _ in range(args.rounds):
            said = subprocess.run(map(str, bare), capture_output=True, check=True, text=True).stdout
            *own, ours = json.loads(said)
            runs.append((own, timed(plink), timed(stage)))
        theirs = pd.read_csv(folder / "c.clumped", sep=r"\s+")["SNP"].tolist()
    wall, spent = ([min(run[side][i] for run in runs) for side in range(3)] for i in (0, 1))
    good = wall[0] <= 3 * wall[1] and ours == theirs
    print(
        f"{args.people} people, {args.variants} variants, {len(theirs)} clumps "
        f"({'the same' if ours == theirs else 'NOT the same'}): genopheno {wall[0]:.2f} s, plink "
        f"1.9 {wall[1]:.2f} s, ratio {wall[0] / wall[1]:.2f} (goal 3, "
        f"{'met' if good else 'NOT met'}); processor {spent[0]:.2f} s and {spent[1]:.2f} s; "
        f"whole process with all tables {wall[2]:.2f} s, processor {spent[2]:.2f} s"
    )
    sys.exit(not good)


if __name__ == "__main__":
    main()
