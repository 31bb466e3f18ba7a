"""Exact linear mixed model for relatives, one variant at a time (Zhou and Stephens 2012).

Model: y = X a + g b + u + e, u ~ N(0, λτ⁻¹ K), e ~ N(0, τ⁻¹ I), K the relationship of the
people. For every variant λ is estimated anew by restricted maximum likelihood under the
alternative, and b is tested by Wald's test: b² / SE² against F(1, n - k - 1). This is
GEMMA's ``-lmm 1``, with K as its ``-gk 1``: products of the centred genotypes of variants
with a minor allele frequency of 0.01 or more and at most 5 % missing, missing ones as the
mean, divided by their number.

With K = U D U' everything is turned by U once, after which the covariance is diagonal and
an evaluation of the likelihood costs n instead of n³. With w = 1 / (λd + 1), X now with g,

    l(λ) = ½ [-Σ log(λd + 1) - log |X'wX| - (n - k - 1) log y'Py] + constant,
    l'(λ) = ½ [-Σ wd + tr((X'wX)⁻¹ X'w²dX) + (n - k - 1) Σ d w² r² / y'Py],

r the residuals of generalised least squares, y'Py = Σ w r². l is looked at on a grid of
log λ, and its maximum sought where l' changes sign beside the best point.

Binary traits are fitted as 0 and 1; effect and error are then divided by s (1 - s), s the
share of cases, which turns them to log odds to first order (Pirinen, Donnelly and Spencer
2013). This asks for cases and controls that are not too uneven.

Missing genotypes are put in as the mean of the variant: with relatives a person cannot
leave without changing everybody else's covariance.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from genopheno.association import pvalues, small
from genopheno.association.estimates import LMM, TESTS, Estimates
from genopheno.association.projection import COLLINEAR, Block, Projected, Space
from genopheno.association.wgr.blocks import centred, cut
from genopheno.genotypes import Genotypes

MIN_FREQUENCY, MIN_CALL_RATE = 0.01, 0.95  # GEMMA's defaults for the relationship
GRID = np.linspace(np.log(1e-5), np.log(1e5), 11)  # of log λ, as GEMMA
ROOT_STEPS = 60
ROOT_TOLERANCE = 1e-9  # of log λ
BATCH_NUMBERS = 400_000  # genotypes per batch: a few copies stay in the cache
CHUNK = 512  # variants per product of the relationship
MAX_PEOPLE = 20_000  # the eigenvectors take 8 n² bytes


class Relationship:
    """Eigenvectors of the relationship of some people.

    Parameters
    ----------
    genotypes : of these people and others.
    used : (samples,) bool.
    threads : workers for the products; the sums do not depend on their number.

    Attributes
    ----------
    index : (n,) samples. eigenvalues : (n,). vectors : (n, n), one per column.
    n_variants : variants that were used. diagonal : mean of the diagonal of K.

    Raises
    ------
    ValueError : no variant can be used, or there are too many people.
    """

    def __init__(self, genotypes: Genotypes, used: np.ndarray, threads: int):
        self.index = np.flatnonzero(used)
        n = len(self.index)
        if n > MAX_PEOPLE:
            raise ValueError(f"{n} people: the mixed model takes at most {MAX_PEOPLE}")
        blocks, _ = cut(
            genotypes,
            used,
            size=CHUNK,
            min_allele_frequency=MIN_FREQUENCY,
            min_call_rate=MIN_CALL_RATE,
        )
        self.n_variants = sum(len(block.rows) for block in blocks)
        if not blocks:
            raise ValueError("no variant is left for the relationship of the people")
        kinship = np.zeros((n, n))

        def product(rows: np.ndarray) -> np.ndarray:
            block = centred(genotypes, rows, self.index)
            return block.T @ block

        with ThreadPoolExecutor(threads) as pool:
            # As many products at a time as there are workers: each is as large as the sum.
            for at in range(0, len(blocks), threads):
                for part in pool.map(product, [b.rows for b in blocks[at : at + threads]]):
                    kinship += part
        kinship /= self.n_variants
        self.diagonal = float(np.trace(kinship) / n)
        values, self.vectors = np.linalg.eigh(kinship)
        self.eigenvalues = np.maximum(values, 0.0)


class Mixed:
    """One trait, ready to be tested block by block.

    Parameters
    ----------
    y : (samples,) trait; any value off `space.used`.
    x : (samples, k) covariates with the intercept, full rank on `space.used`.
    space : people of the trait, for the counts.
    relationship : of these people.
    binary : y is 0 or 1, and effects are given as log odds.

    Attributes
    ----------
    heritability : share of the variance of the null model that goes with the relationship.
    """

    def __init__(
        self,
        y: np.ndarray,
        x: np.ndarray,
        space: Space,
        relationship: Relationship,
        *,
        binary: bool,
    ):
        self.space, self.relationship = space, relationship
        index, turn = relationship.index, relationship.vectors.T
        self.d = relationship.eigenvalues
        self.x = turn @ small.orthonormal(x[index])
        self.y = turn @ y[index]
        self.pairs = small.pair_products(self.x)
        self.xy = self.x * self.y[:, None]
        share = float(y[index].mean())
        self.unit = share * (1 - share) if binary else 1.0
        lam = self._maximise(None, 1)
        part = float(np.exp(lam[0])) * relationship.diagonal
        self.heritability = part / (1 + part)

    def test(self, block: Block, projected: Projected) -> Estimates:
        """Estimates for every variant of the block; NaN where there is none."""
        counts, index = projected.counts, self.relationship.index
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(counts.called > 0, counts.alleles / counts.called, 0.0)
            spread = counts.squares - counts.alleles * mean
        dosage = block.dosage[:, index] - mean[:, None]
        gaps = projected.gappy
        if gaps.size:
            dosage[gaps] += block.absent(gaps)[:, index] * mean[gaps][:, None]
        size = len(dosage)
        beta, error = np.full(size, np.nan), np.full(size, np.nan)
        rows = np.flatnonzero(counts.squares * counts.called > np.square(counts.alleles))
        step = max(1, BATCH_NUMBERS // len(index))
        for at in range(0, len(rows), step):
            some = rows[at : at + step]
            turned = dosage[some] @ self.relationship.vectors
            free = turned - (turned @ self.x) @ self.x.T
            some, turned = (
                each[np.einsum("vn,vn->v", free, free) > COLLINEAR * spread[some]]
                for each in (some, turned)
            )
            if some.size:
                log_lambda = self._maximise(turned, len(some))
                beta[some], error[some] = self._state(turned, log_lambda)[2:]
        df = self.space.n - self.space.k - 1
        fitted = np.isfinite(beta)
        neg_log10_p = pvalues.from_t(beta / error, df if df > 0 else np.nan)
        test = np.full(size, TESTS.index(LMM), dtype=np.int8)
        return Estimates(beta / self.unit, error / self.unit, neg_log10_p, fitted, test)

    def _maximise(self, g: np.ndarray | None, size: int) -> np.ndarray:
        """log λ (size,) of the highest restricted likelihood, for each turned genotype of g."""
        found = [self._state(g, np.full(size, point))[:2] for point in GRID]
        likelihood = np.array([each[0] for each in found])
        slope = np.array([each[1] for each in found])
        best = likelihood.argmax(0)
        column = np.arange(size)
        # The maximum is on the side to which the likelihood rises from the best point.
        upwards = slope[best, column] > 0
        low = np.where(upwards, best, np.maximum(best - 1, 0))
        high = np.where(upwards, np.minimum(best + 1, len(GRID) - 1), best)
        a, b = GRID[low].copy(), GRID[high].copy()
        fa, fb = slope[low, column].copy(), slope[high, column].copy()
        root = GRID[best].copy()
        open_ = np.flatnonzero((fa > 0) & (fb < 0))  # else the best point ends the range
        for _ in range(ROOT_STEPS):
            if not open_.size:
                break
            # Regula falsi after Illinois: a bound that stays counts half the next time.
            left, right, f_left, f_right = a[open_], b[open_], fa[open_], fb[open_]
            middle = (left * f_right - right * f_left) / (f_right - f_left)
            value = self._state(None if g is None else g[open_], middle)[1]
            above = value > 0
            moved = np.abs(middle - root[open_])
            root[open_] = middle
            a[open_] = np.where(above, middle, left)
            b[open_] = np.where(above, right, middle)
            fa[open_] = np.where(above, value, f_left / 2)
            fb[open_] = np.where(above, f_right / 2, value)
            open_ = open_[(moved > ROOT_TOLERANCE) & (value != 0)]
        return root

    def _state(
        self, g: np.ndarray | None, log_lambda: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Restricted likelihood without its constant, its slope in log λ, effect and error.

        Parameters
        ----------
        g : (size, n) turned genotypes; None: the null model, without effect and error.
        """
        lam, d = np.exp(log_lambda), self.d
        h = lam[:, None] * d + 1
        w = 1 / h
        dw2 = d * np.square(w)
        k = self.x.shape[1] + (g is not None)
        information, bend = self._products(w, g, k), self._products(dw2, g, k)
        right = np.empty((k, 1, len(lam)))
        right[: self.x.shape[1], 0] = (w @ self.xy).T
        if g is not None:
            right[-1, 0] = np.einsum("vn,vn,n->v", w, g, self.y)
        factor, regular = small.cholesky(information)
        coefficients = small.solve(factor, right)[:, 0]
        residual = self.y - coefficients[: self.x.shape[1]].T @ self.x.T
        if g is not None:
            residual = residual - coefficients[-1][:, None] * g
        np.square(residual, out=residual)
        df = len(d) - k
        left = np.einsum("vn,vn->v", w, residual)
        likelihood = -(np.log(h).sum(1) + small.log_determinant(factor) + df * np.log(left)) / 2
        solved = small.solve(factor, bend)
        slope = np.einsum("kkv->v", solved) - w @ d
        slope += df * np.einsum("vn,vn->v", dw2, residual) / left
        if g is None:
            return likelihood, slope * lam / 2, np.empty(0), np.empty(0)
        unit = np.zeros((k, 1, len(lam)))
        unit[-1] = 1
        variance = small.solve(factor, unit)[-1, 0] * left / df
        with np.errstate(invalid="ignore"):
            error = np.where(regular, np.sqrt(variance), np.nan)
        return likelihood, slope * lam / 2, np.where(regular, coefficients[-1], np.nan), error

    def _products(self, w: np.ndarray, g: np.ndarray | None, k: int) -> np.ndarray:
        """X'wX (k, k, size) of weights w (size, n); the genotype is the last column."""
        own = self.x.shape[1]
        out = np.empty((k, k, len(w)))
        out[:own, :own] = small.unpack(w @ self.pairs, own)
        if g is not None:
            wg = w * g
            out[-1, :own] = out[:own, -1] = (wg @ self.x).T
            out[-1, -1] = np.einsum("vn,vn->v", wg, g)
        return out
