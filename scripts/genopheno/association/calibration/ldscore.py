"""LD-score regression: is a high lambda confounding, or many small effects?

A variant that tags more of the genome tags more of a polygenic trait, while stratification
and relatedness raise all statistics alike (Bulik-Sullivan et al. 2015, Nature Genetics 47:291):

    E[χ²_j] = n h² l_j / M + a,    l_j = Σ_k r²_jk over the variants within a window,

with intercept a = 1 without confounding. l is estimated from the cohort's own genotypes, each
r² less (1 - r²) / (n - 2) for chance. The regression is weighted by

    1 / (max(1, l_w) (a + n h² l / M)²),

l_w the LD score of the variants in the regression, for correlated and for noisy statistics;
weights are found by iteration. The intercept is fitted without statistics above `TOO_LARGE`, as the
authors' two-step estimator does, and its error is that of a jackknife over `BLOCKS` blocks of
neighbouring variants.

Refused, with the reason, where it would say little (`refusal`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genopheno.chromosomes import autosomal
from genopheno.genotypes import Genotypes

WINDOW = 1_000_000  # bp to either side
COMMON = 0.01  # minor allele frequency of the variants that are counted
TOO_LARGE = 30.0
BLOCKS = 200
ROUNDS = 3
FEWEST_VARIANTS, FEWEST_CONTIGS, FEWEST_PEOPLE = 20_000, 2, 500
MOST_VARIANTS = 50_000  # in the regression; scores count all common variants
CHUNK = 128  # variants of the regression at a time
COUNTED = 4096


@dataclass(frozen=True)
class Scores:
    """LD scores of the variants of a regression, in the order of the genotypes.

    Attributes
    ----------
    variant_id : (variants,). score : (variants,) l. weight : (variants,) l_w.
    source : 'cohort', or the file they are from. n_people : people they are made of; 0: a file.
    """

    variant_id: np.ndarray
    score: np.ndarray
    weight: np.ndarray
    source: str
    n_people: int


def refusal(n_people: int, n_variants: int, n_contigs: int) -> str | None:
    """Why no LD scores are made of a cohort, or None."""
    if n_people < FEWEST_PEOPLE:
        return f"{n_people} people: LD scores of fewer than {FEWEST_PEOPLE} are mostly noise"
    if n_variants < FEWEST_VARIANTS or n_contigs < FEWEST_CONTIGS:
        return (
            f"{n_variants} common variants on {n_contigs} contigs: the regression asks for "
            f"{FEWEST_VARIANTS} on {FEWEST_CONTIGS}"
        )
    return None


def of_cohort(
    genotypes: Genotypes,
    used: np.ndarray,
    threads: int,
    progress: Callable[[int, int], None] | None = None,
) -> Scores | str:
    """LD scores from the genotypes of the people `used` (samples,) bool; or why there are none.

    Scores count all variants with a frequency of at least `COMMON` within `WINDOW`; of these, at
    most `MOST_VARIANTS`, evenly spaced, get one. Missing genotypes count as the mean.
    """
    index = np.flatnonzero(used)
    common = _common(genotypes, index)
    contigs = [(a, b) for _, a, b in genotypes.contigs() if common[a:b].any()]
    names = {name for name, a, b in genotypes.contigs() if common[a:b].any()}
    reason = refusal(len(index), int(common.sum()), len(names))
    if reason:
        return reason
    every = np.flatnonzero(common)
    step = max(1.0, len(every) / MOST_VARIANTS)
    chosen = np.zeros(len(common), dtype=bool)
    chosen[every[np.arange(0, len(every), step).astype(int)]] = True
    position = genotypes.table["position"].to_numpy()
    jobs = []
    for start, stop in contigs:
        rows = start + np.flatnonzero(common[start:stop])
        own = rows[chosen[rows]]
        jobs += [(rows, own[at : at + CHUNK]) for at in range(0, len(own), CHUNK)]

    def work(job: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        rows, own = job
        return _chunk(genotypes, position, rows, own, chosen, index)

    parts = []
    with ThreadPoolExecutor(threads) as pool:
        for done, part in enumerate(pool.map(work, jobs), 1):
            parts.append(part)
            if progress:
                progress(done, len(jobs))
    kept = np.concatenate([own for _, own in jobs])
    return Scores(
        genotypes.table["variant_id"].take(kept).to_numpy(zero_copy_only=False),
        np.concatenate([score for score, _ in parts]),
        np.concatenate([weight for _, weight in parts]),
        "cohort",
        len(index),
    )


def _chunk(
    genotypes: Genotypes,
    position: np.ndarray,
    rows: np.ndarray,
    own: np.ndarray,
    chosen: np.ndarray,
    index: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """l and l_w of the variants `own`, of the common variants `rows` of their contig."""
    at = position[rows]
    low = np.searchsorted(at, position[own[0]] - WINDOW, side="left")
    high = np.searchsorted(at, position[own[-1]] + WINDOW, side="right")
    mine = _standard(genotypes, own, index)
    score, weight = np.zeros(len(own)), np.zeros(len(own))
    # A block of the window at a time: memory does not grow with the density of the variants.
    for first in range(low, high, COUNTED):
        near = rows[first : min(first + COUNTED, high)]
        r2 = np.square(mine @ _standard(genotypes, near, index).T / len(index))
        r2 -= (1 - r2) / (len(index) - 2)
        inside = np.abs(position[own][:, None] - position[near]) <= WINDOW
        r2 = np.where(own[:, None] == near, 1.0, np.where(inside, r2, 0.0))
        score += r2.sum(1)
        weight += r2[:, chosen[near]].sum(1)
    return score, weight


def _standard(genotypes: Genotypes, rows: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Genotypes (rows, people), mean 0 and variance 1; missing as 0."""
    dosage = genotypes.decode_rows(rows, (2, np.nan, 1, 0), np.float32)[:, index]
    dosage = dosage - np.nanmean(dosage, axis=1, keepdims=True, dtype=np.float64)
    dosage[np.isnan(dosage)] = 0.0
    spread = np.sqrt(np.square(dosage).mean(1, keepdims=True))
    return dosage / np.where(spread > 0, spread, 1.0)


def _common(genotypes: Genotypes, index: np.ndarray) -> np.ndarray:
    """(variants,) bool: on an autosome, minor allele frequency at least `COMMON`."""
    from genopheno.association.block import Counts, code_bits, count_bits, mask_words

    used = np.zeros(genotypes.n_samples, dtype=bool)
    used[index] = True
    mask, n = mask_words(used), len(index)
    out = []
    for start, stop in genotypes.blocks(COUNTED):
        counts: Counts = count_bits(code_bits(genotypes.packed(start, stop)), mask, n)
        out.append((counts.minor > 0) & (counts.minor >= COMMON * 2 * counts.called))
        genotypes.release(start, stop)
    runs = genotypes.contigs()
    there = autosomal(np.array([name for name, _, _ in runs]))
    sizes = [stop - start for _, start, stop in runs]
    return np.concatenate(out) & np.repeat(there, sizes)


def of_file(path: str | Path) -> Scores:
    """LD scores from a file of the ``ldsc`` program: columns CHR, SNP, BP, L2, perhaps gzipped.

    SNP is matched with the rsids of the results, or with their variant ids.

    Raises
    ------
    StageError : a column is absent, or there are no rows.
    """
    import pandas as pd

    from genopheno.problems import fail

    table = pd.read_csv(path, sep=r"\s+", dtype={"SNP": str})
    absent = [name for name in ("CHR", "SNP", "BP", "L2") if name not in table.columns]
    if absent or table.empty:
        raise fail(
            "ld-scores-malformed",
            path,
            f"columns that are absent: {', '.join(absent)}" if absent else "it has no rows",
            "Give a file as 'ldsc --l2' writes: CHR, SNP, BP, L2",
        )
    table = table.dropna(subset=["SNP", "L2"]).drop_duplicates("SNP")
    table = table.sort_values(["CHR", "BP"], kind="stable")
    score = table["L2"].to_numpy(float)
    return Scores(table["SNP"].to_numpy(), score, score, str(path), 0)


@dataclass(frozen=True)
class Fit:
    """The regression. `slope` is n h² / M; errors by jackknife."""

    intercept: float
    intercept_error: float
    slope: float
    n_variants: int
    mean_chi2: float

    @property
    def ratio(self) -> float | None:
        """Share of the inflation that is not polygenic; None: the mean χ² is below 1.02."""
        excess = self.mean_chi2 - 1
        return (self.intercept - 1) / excess if excess > 0.02 else None


def regress(chi2: np.ndarray, score: np.ndarray, weight: np.ndarray, blocks: int = BLOCKS) -> Fit:
    """Intercept and slope of χ² on LD scores; all (variants,), along the genome, no NaN."""
    mean_chi2 = float(chi2.mean())
    taken = chi2 < TOO_LARGE
    y, x, over = chi2[taken], score[taken], np.maximum(weight[taken], 1.0)
    line = np.array([1.0, max((mean_chi2 - 1) / score.mean(), 0.0)])
    design = np.column_stack([np.ones(len(x)), x])
    for _ in range(ROUNDS):
        expected = line[0] + line[1] * np.maximum(x, 1.0)
        w = 1 / (over * np.square(expected))
        gram, moment = _sums(design, y, w)
        fitted = np.linalg.solve(gram, moment)
        line = np.array([fitted[0], max(fitted[1], 0.0)])
    bounds = np.floor(np.arange(blocks + 1) * (len(y) / blocks)).astype(int)
    left = np.empty((blocks, 2))
    for i, (a, b) in enumerate(itertools.pairwise(bounds)):
        part_gram, part_moment = _sums(design[a:b], y[a:b], w[a:b])
        left[i] = np.linalg.solve(gram - part_gram, moment - part_moment)
    pseudo = blocks * fitted - (blocks - 1) * left
    error = pseudo.std(0, ddof=1) / np.sqrt(blocks)
    return Fit(float(fitted[0]), float(error[0]), float(fitted[1]), int(taken.sum()), mean_chi2)


def _sums(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x.T @ (x * w[:, None]), x.T @ (y * w)
