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

from genopheno import pvalues
from genopheno.association import small
from genopheno.association.block import Block
from genopheno.association.estimates import LMM, TESTS, Estimates
from genopheno.association.projection import COLLINEAR, Projected, Space
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
        x = turn @ small.orthonormal(x[index])
        self.fixed = np.column_stack([x, turn @ y[index]])  # with the trait as the last column
        self.k = x.shape[1]
        self.pairs = small.pair_products(self.fixed)
        share = float(y[index].mean())
        self.unit = share * (1 - share) if binary else 1.0
        lam = self._maximise(None, 1)
        part = float(np.exp(lam[0])) * relationship.diagonal
        self.heritability = part / (1 + part)

    def test(self, block: Block, projected: Projected) -> Estimates:
        """Estimates for every variant of the block; NaN where there is none."""
        counts, index = projected.counts, self.relationship.index
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(counts.called > 0, counts.total / counts.called, 0.0)
            spread = counts.squares - counts.total * mean
        dosage = block.dosage[:, index] - mean[:, None]
        gaps = projected.gappy
        if gaps.size:
            dosage[gaps] += block.absent(gaps)[:, index] * mean[gaps][:, None]
        size = len(dosage)
        beta, error = np.full(size, np.nan), np.full(size, np.nan)
        rows = np.flatnonzero(counts.varies)
        step = max(1, BATCH_NUMBERS // len(index))
        for at in range(0, len(rows), step):
            some = rows[at : at + step]
            turned = dosage[some] @ self.relationship.vectors
            x = self.fixed[:, :-1]
            free = turned - (turned @ x) @ x.T
            some, turned = (
                each[np.einsum("vn,vn->v", free, free) > COLLINEAR * spread[some]]
                for each in (some, turned)
            )
            if some.size:
                log_lambda = self._maximise(turned, len(some))
                beta[some], error[some] = self._effect(turned, log_lambda)
        df = self.space.n - self.space.k - 1
        fitted = np.isfinite(beta)
        neg_log10_p = pvalues.from_t(beta / error, df if df > 0 else np.nan)
        test = np.full(size, TESTS.index(LMM), dtype=np.int8)
        return Estimates(beta / self.unit, error / self.unit, neg_log10_p, fitted, test)

    def _maximise(self, g: np.ndarray | None, size: int) -> np.ndarray:
        """log λ (size,) of the highest restricted likelihood, for each turned genotype of g."""
        squares = None if g is None else np.square(g)
        likelihood, slope = np.empty((2, len(GRID), size))
        for i, point in enumerate(GRID):
            h = np.exp(point) * self.d + 1
            likelihood[i], slope[i] = self._state(g, squares, point, h, size)
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
            h = np.exp(middle)[:, None] * self.d + 1
            value = self._state(None if g is None else g[open_], None, middle, h, len(middle))[1]
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
        self,
        g: np.ndarray | None,
        squares: np.ndarray | None,
        log_lambda: np.ndarray | float,
        h: np.ndarray,
        size: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Restricted likelihood without its constant, and its slope in log λ; (size,) each.

        Parameters
        ----------
        g, squares : (size, n) turned genotypes and their squares; None: the null model.
        h : λd + 1, (n,) where all variants have the same λ, else (size, n).
        """
        w = 1 / h
        dw2 = self.d * np.square(w)
        sums, bend = self._sums(g, squares, w, size), self._sums(g, squares, dw2, size)
        k = len(sums) - 1  # the trait is last
        factor, _ = small.cholesky(sums[:k, :k])
        coefficients = small.solve(factor, sums[:k, k:])
        df = len(self.d) - k
        contrast = np.concatenate([-coefficients[:, 0], np.ones((1, size))])
        left = np.einsum("iv,iv->v", contrast, sums[:, k])
        bent = np.einsum("iv,ijv,jv->v", contrast, bend, contrast)
        logs = np.log(h).sum(-1)
        likelihood = -(logs + small.log_determinant(factor) + df * np.log(left)) / 2
        slope = np.einsum("kkv->v", small.solve(factor, bend[:k, :k])) - w @ self.d
        slope += df * bent / left
        return likelihood, slope * np.exp(log_lambda) / 2

    def _effect(self, g: np.ndarray, log_lambda: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Effects of turned genotypes g (size, n) and their errors, at their λ."""
        size = len(g)
        sums = self._sums(g, None, 1 / (np.exp(log_lambda)[:, None] * self.d + 1), size)
        k = len(sums) - 1
        factor, regular = small.cholesky(sums[:k, :k])
        unit = np.zeros((k, 1, size))
        unit[-1] = 1
        solved = small.solve(factor, np.concatenate([sums[:k, k:], unit], axis=1))
        left = sums[k, k] - np.einsum("iv,iv->v", solved[:, 0], sums[:k, k])
        with np.errstate(invalid="ignore"):
            error = np.sqrt(solved[-1, 1] * left / (len(self.d) - k))
        return np.where(regular, solved[-1, 0], np.nan), np.where(regular, error, np.nan)

    def _sums(
        self, g: np.ndarray | None, squares: np.ndarray | None, w: np.ndarray, size: int
    ) -> np.ndarray:
        """Weighted products of covariates, genotype (if any), trait: (columns, columns, size)."""
        own = self.k + 1
        fixed = np.broadcast_to(small.unpack(np.atleast_2d(w @ self.pairs), own), (own, own, size))
        if g is None:
            return fixed
        out = np.empty((own + 1, own + 1, size))
        at = np.r_[: self.k, own]  # the genotype comes between the covariates and the trait
        out[np.ix_(at, at)] = fixed
        if w.ndim == 1:
            out[self.k, at] = (g @ (self.fixed * w[:, None])).T
            out[self.k, self.k] = squares @ w
        else:
            wg = w * g
            out[self.k, at] = (wg @ self.fixed).T
            out[self.k, self.k] = np.einsum("vn,vn->v", wg, g)
        out[at, self.k] = out[self.k, at]
        return out
