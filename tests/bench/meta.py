"""Meta-analysis of three studies, beside plink 1.9, in the same run, with the same answers.

    python tests/bench/meta.py [--variants 1000000] [--rows 10000000] [--rounds 3]

Simulated studies (text, gzip for one of them) with alleles swapped in half of the variants of the
second, strands flipped in a tenth of the third, and a tenth of the variants missing from each.
Whole commands: `genopheno meta` (fixed and random effects, heterogeneity, leave-one-out, sorted
Parquet and indexed text) and `plink1.9 --meta-analysis` (fixed and random effects). Then 500 kb
are read from a summary file of `--rows` rows.

Goals: at most 2.5 times the wall time of plink (whose text has four digits, no index, and no
analyses without a study), at most 1 GiB of memory, a region in less than 0.2 s; exit code 1 where
one is missed.
"""

from __future__ import annotations

import argparse
import gzip
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from genopheno import fields
from genopheno.sumstats.region import read_region

RATIO = 2.5
MEMORY_MIB = 1024
REGION_S = 0.2
NAMES = ("a", "b", "c")


def simulate(folder: Path, variants: int) -> dict[str, Path]:
    draw = np.random.default_rng(1)
    per = -(-variants // 22)
    chromosome = np.repeat(np.arange(1, 23), per)[:variants]
    step = 2_400_000_000 // variants
    position = (np.arange(variants) % per) * step + draw.integers(1, step, variants)
    bases = np.array(list("ACGT"))
    first = draw.integers(0, 4, variants)
    # Every other base but the complement: strands can be told.
    second = np.where(draw.random(variants) < 0.5, first ^ 1, first ^ 2)
    frequency, effect = draw.uniform(0.01, 0.99, variants), draw.normal(0, 0.01, variants)
    paths = {}
    for index, name in enumerate(NAMES):
        keep = draw.random(variants) < 0.9
        error = draw.uniform(0.008, 0.03, variants)
        beta = effect + draw.normal(0, error)
        e, o, f = first.copy(), second.copy(), frequency.copy()
        if index == 1:
            swap = draw.random(variants) < 0.5
            e, o = np.where(swap, o, e), np.where(swap, e, o)
            beta, f = np.where(swap, -beta, beta), np.where(swap, 1 - f, f)
        if index == 2:
            flip = draw.random(variants) < 0.1
            e, o = np.where(flip, 3 - e, e), np.where(flip, 3 - o, o)
        z2 = (beta / error) ** 2
        frame = pd.DataFrame(
            {
                "SNP": [f"rs{i}" for i in range(variants)],
                "CHR": chromosome,
                "BP": position,
                "A1": bases[e],
                "A2": bases[o],
                "EAF": f.round(5),
                "BETA": beta.round(6),
                "SE": error.round(6),
                "P": np.exp(-z2 / 2 - np.log1p(np.sqrt(z2))).round(8),
                "N": 1000 * (index + 1),
            }
        ).loc[keep, lambda x: x.columns]
        path = folder / f"{name}.tsv"
        frame.drop(columns="P").to_csv(path, sep="\t", index=False)
        # plink wants a p-value; it does not use it.
        frame.drop(columns="EAF").to_csv(folder / f"{name}.plink", sep="\t", index=False)
        paths[name] = path
    packed = folder / "a.tsv.gz"
    packed.write_bytes(gzip.compress(paths["a"].read_bytes(), 6))
    paths["a"] = packed
    return paths


def timed(words: list[str | Path]) -> tuple[float, float, float]:
    """Wall time (s), processor time (s) and peak memory (MiB) of a command."""
    start = time.perf_counter()
    process = subprocess.Popen([str(w) for w in words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {words}")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def best(words: list[str | Path], rounds: int) -> tuple[float, float, float]:
    runs = [timed(words) for _ in range(rounds)]
    return min(r[0] for r in runs), min(r[1] for r in runs), max(r[2] for r in runs)


def same_answers(ours: Path, theirs: Path) -> float:
    """Greatest difference of fixed effects over our error."""
    mine = pd.read_parquet(ours, columns=["rsid", "effect_allele", "beta", "standard_error"])
    peer = pd.read_csv(theirs, sep=r"\s+", usecols=["SNP", "A1", "BETA", "N"])
    both = mine.merge(peer, left_on="rsid", right_on="SNP")
    sign = np.where(both["effect_allele"] == both["A1"], 1, -1)
    return float(
        (np.abs(both["beta"] - sign * both["BETA"]) / both["standard_error"]).quantile(0.9)
    )


def long_file(path: Path, rows: int) -> None:
    """A table ``harmonised`` of the human genome, sorted."""
    schema = fields.schema("harmonised")
    draw, piece = np.random.default_rng(2), 1 << 16
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        for start in range(0, rows, piece):
            index = np.arange(start, min(start + piece, rows))
            contig = index * 22 // rows
            for one in np.unique(contig):
                place = (index[contig == one] - -(-one * rows // 22)) * (2_800_000_000 // rows) + 1
                n = len(place)
                columns = {
                    "chromosome": pa.repeat(str(one + 1), n),
                    "base_pair_location": pa.array(place.astype(np.int32)),
                    "effect_allele": pa.repeat("A", n),
                    "other_allele": pa.repeat("G", n),
                    "variant_id": pa.array([f"{one + 1}:{p}:G:A" for p in place]),
                    "rsid": pa.nulls(n, pa.string()),
                }
                for field in schema:
                    if field.name not in columns:
                        columns[field.name] = pa.array(draw.random(n))
                writer.write_table(pa.table([columns[f.name] for f in schema], schema=schema))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variants", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Elsewhere: a child's peak memory starts at what its parent holds.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            paths = pool.submit(simulate, folder, args.variants).result()
        out = folder / "meta.parquet"
        words = [sys.executable, "-m", "genopheno", "meta", "--out", out]
        for study, path in paths.items():
            words += ["--study", f"{study}={path}"]
        ours = best(words, args.rounds)
        peer_words = ["plink1.9", "--meta-analysis", *(folder / f"{n}.plink" for n in NAMES)]
        peer_words += ["+", "qt", "logscale", "--out", folder / "peer"]
        peer = best(peer_words, args.rounds)
        print("what             wall s   CPU s   MiB")
        for what, (wall, cpu, memory) in {"genopheno meta": ours, "plink 1.9": peer}.items():
            print(f"{what:<16} {wall:<8.2f} {cpu:<7.2f} {memory:.0f}")
        wall, cpu = ours[0] / peer[0], ours[1] / peer[1]
        print(f"wall / plink {wall:.2f} (goal {RATIO}), CPU / plink {cpu:.2f}")
        apart = same_answers(out, folder / "peer.meta")
        print(f"difference of effects over the error, 9 of 10 variants: {apart:.1e}")
        long = folder / "long.parquet"
        long_file(long, args.rows)
        spent = []
        for contig in ("1", "7", "22"):
            start = time.perf_counter()
            table = read_region(long, contig, 50_000_000, 50_500_000)
            spent.append(time.perf_counter() - start)
        print(
            f"500 kb of {args.rows:,} rows: {max(spent):.3f} s, {table.num_rows} rows (goal 0.2 s)"
        )
    missed = (
        ours[0] > RATIO * peer[0] or ours[2] > MEMORY_MIB or max(spent) > REGION_S or apart > 1e-2
    )
    sys.exit(int(missed))


if __name__ == "__main__":
    main()
