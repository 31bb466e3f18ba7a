"""Gene tests against a plain loop over genes of the same formulas, in the same run.

    python tests/bench/genes.py [--genes 2000] [--people 2000] [--variants 12]

The loop does for each gene what a script after the papers does: it reads the gene's genotypes
through the same reader, takes the covariates off each variant by least squares, and has burden,
SKAT, SKAT-O (moments for the quantiles and SciPy's quadrature, as R's SKAT) and ACAT. Tails of
mixtures are our own there, too, one at a time; by SciPy's quadrature they would take several
times as long. It does a part of the genes, and its time is scaled. Goal: at least 5 times as
fast, with files. Processor time, as other work may share the machine; p-values are compared.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import integrate, stats

from genopheno.association.design import Design, TraitDesign
from genopheno.association.genes import scan, sets
from genopheno.association.genes.gene import Options
from genopheno.association.genes.mixture import log_upper_tail
from genopheno.genotypes import Genotypes, write_bed

GOAL = 5.0
RHO = (0.0, 0.01, 0.04, 0.09, 0.16, 0.25, 0.5, 0.999)


def simulate(folder: Path, genes: int, people: int, each: int) -> Design:
    """Genes of `each` variants of 0.3 to 2 %, a quantitative trait, four covariates."""
    random = np.random.default_rng(1)
    n = genes * each
    frequency = random.uniform(0.003, 0.02, (n, 1))
    dosages = np.empty((n, people), np.int8)
    for start in range(0, n, 1000):
        some = frequency[start : start + 1000]
        dosages[start : start + 1000] = random.binomial(2, some, (len(some), people))
    variants = pd.DataFrame(
        {
            "variant_id": [f"1:{i}:G:A" for i in range(n)],
            "contig": "1",
            "position": np.arange(n),
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    samples = [f"s{i}" for i in range(people)]
    write_bed(folder / "g", dosages, variants, samples)
    entries = pa.table(
        {
            "gene_id": [f"G{i // each}" for i in range(n)],
            "gene_symbol": pa.nulls(n, pa.string()),
            "row": pa.array(range(n), pa.int32()),
            "masks": [["m"]] * n,
        }
    )
    sets.write(folder / "sets.parquet", Genotypes.open(folder / "g"), entries, ["m"], {})
    x = random.normal(size=(people, 4))
    y = x @ [0.3, 0.2, 0.1, 0.0] + random.normal(size=people)
    return Design(samples, [TraitDesign("y", "quantitative", y, x, ["a", "b", "c", "d"])])


def tail(q: float, weights: np.ndarray) -> float:
    """P(Σ λ χ²₁ > q)."""
    return float(np.exp(log_upper_tail(q, weights)[0]))


def moment_quantile(p: float, weights: np.ndarray) -> float:
    """The q that has this p, by three moments (Liu 2009), as R's SKAT takes it."""
    c = [np.sum(weights**k) for k in range(1, 5)]
    s1, s2 = c[2] / c[1] ** 1.5, c[3] / c[1] ** 2
    df = 1 / s2 if s1**2 <= s2 else 1 / s1**2
    return (stats.chi2.isf(p, df) - df) / np.sqrt(2 * df) * np.sqrt(2 * c[1]) + c[0]


def plain(genotypes: Genotypes, rows: range, y: np.ndarray, x: np.ndarray) -> dict[str, float]:
    """All tests of one gene, one after the other."""
    g = genotypes.dosages(rows.start, rows.stop, dtype=np.float64).T
    x = np.column_stack([np.ones(len(y)), x])
    off = lambda v: v - x @ np.linalg.lstsq(x, v, rcond=None)[0]  # noqa: E731
    residual = off(y)
    sigma = np.sqrt(residual @ residual / (len(y) - x.shape[1]))
    f = g.mean(0) / 2
    weights = stats.beta.pdf(np.minimum(f, 1 - f), 1, 25)
    free = off(g)
    load = off(g.max(1))
    b = load @ residual / (load @ load)
    df = len(y) - x.shape[1] - 1
    left = residual - load * b
    t = b / np.sqrt(left @ left / df / (load @ load))
    out = {"burden": 2 * stats.t.sf(abs(t), df)}
    s = weights * (g.T @ residual) / sigma
    z = free * weights
    a = z.T @ z
    own = stats.chi2.sf(s**2 / np.diag(a), 1)
    values = np.linalg.eigvalsh(a)
    out["skat"] = tail(s @ s, values[values > 0])
    m = len(s)
    total, spread = a.sum(), a.sum(1)
    rest = a - np.outer(spread, spread) / total
    mu = np.trace(rest)
    left_values = np.linalg.eigvalsh(rest)
    left_values = left_values[left_values > left_values.max() * 1e-5]
    extra = 4 * (np.outer(spread, spread) / total * rest).sum()
    variance = 2 * np.square(left_values).sum() + extra
    shrink = np.sqrt(1 - extra / variance)
    every, grid = [], []
    for rho in RHO:
        factor = np.linalg.cholesky((1 - rho) * np.eye(m) + rho)
        values = np.linalg.eigvalsh(factor.T @ a @ factor)
        grid.append(values[values > 0])
        every.append(tail((1 - rho) * (s @ s) + rho * s.sum() ** 2, grid[-1]))
    smallest = max(min(every), 1e-12)
    limits = np.array([moment_quantile(smallest, values) for values in grid])
    rho = np.array(RHO)
    tau = rho * total + (1 - rho) * (spread @ spread) / total

    def given(u: float) -> float:
        least = np.min((limits - tau * u) / (1 - rho))
        return tail((least - mu) * shrink + mu, left_values) * stats.chi2.pdf(u, 1)

    out["skat-o"] = integrate.quad(given, 0, 40, limit=100, epsabs=1e-6)[0]
    shares = weights**2 * f * (1 - f)
    cauchy = lambda p, w: stats.cauchy.sf(w / w.sum() @ stats.cauchy.isf(p))  # noqa: E731
    out["acat-v"] = cauchy(own, shares)
    out["acat-o"] = cauchy(np.array([out[k] for k in ("burden", "skat", "acat-v")]), np.ones(3))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--genes", type=int, default=2000)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--variants", type=int, default=12, help="of a gene")
    parser.add_argument("--plain", type=int, default=60, help="genes that the loop does")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        design = simulate(folder, args.genes, args.people, args.variants)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start, wall = time.process_time(), time.perf_counter()
        scan.run(
            folder / "g", design, folder / "sets.parquet",
            options=Options(max_frequency=(1.0,), ultra_rare_allele_count=0),
            out_dir=folder / "out", firth_below=0.05, exact_firth_below=1e-4, follow_up=0,
        )  # fmt: skip
        ours, wall = time.process_time() - start, time.perf_counter() - wall
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = pd.read_parquet(folder / "out/y.parquet").dropna(subset="mask")
        found = found.pivot(index="gene_id", columns="test", values="neg_log10_p_value")
        genotypes, trait = Genotypes.open(folder / "g"), design.traits[0]
        done = min(args.plain, args.genes)
        start = time.process_time()
        rows = {
            f"G{i}": plain(
                genotypes, range(i * args.variants, (i + 1) * args.variants), trait.y, trait.x
            )
            for i in range(done)
        }
        loop = (time.process_time() - start) * args.genes / done
        other = -np.log10(pd.DataFrame(rows).T)
        apart = (other - found.loc[other.index, other.columns]).abs().max()
    ratio = loop / ours
    good = ratio >= GOAL
    print(
        f"{args.genes} genes x {args.variants} variants x {args.people} people: genopheno "
        f"{ours:.1f} s of the processor ({wall:.1f} s), plain loop {loop:.1f} s "
        f"(of {done} genes), ratio {ratio:.1f} (goal {GOAL:g}, {'met' if good else 'NOT met'}); "
        f"peak {peak / 1024:.0f} MiB, {before / 1024:.0f} before"
    )
    print("largest difference of -log10 p:", apart.round(5).to_dict())
    sys.exit(not good)


if __name__ == "__main__":
    main()
