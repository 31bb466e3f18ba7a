"""Quantitative traits: least squares with products, and errors that do without equal spread.

Model: y = X a + G b + e, G the m columns of a variant (`terms`). After Frisch, Waugh and
Lovell, with Ĝ = G freed of X (`projection`),

    b = V⁻¹U,  V = Ĝ'Ĝ,  U = Ĝ'r,   σ² = (r'r - U'b) / df,   df = n - k - m,

tested with t and F. These tests ask for the same spread of e everywhere. Where the spread
changes with the covariate or with the genotype (a covariate that acts on the variance, or a
trait on the wrong scale), the product's test is too bold or too shy, for main effects hardly
(Almli 2014, Voorman 2011). Therefore HC3 (MacKinnon and White 1985) stands beside it,

    V⁻¹ [ Σ ĝ_i ĝ_i' (e_i / (1 - h_i))² ] V⁻¹,

h the leverages of the whole model, as in REGENIE's interaction tests; it is also what keeps its
size with few carriers.

Missing genotypes: the people without one leave the variant (complete cases).
"""

from __future__ import annotations

import numpy as np

from genopheno import pvalues
from genopheno.association import small
from genopheno.association.block import Block
from genopheno.association.interaction.terms import (
    LINEAR,
    TESTS,
    Found,
    Terms,
    identity,
    quadratic,
    together,
)
from genopheno.association.linear import PERFECT, Linear
from genopheno.association.projection import COLLINEAR, Space

BATCH_NUMBERS = 80_000  # genotypes at a time: what the cache holds of their residuals
WHOLE = 1e-10  # 1 - h below which a person fixes a coefficient alone: HC3 cannot be told


class LinearInteraction:
    """One quantitative trait and one covariate, ready to be tested block by block.

    Parameters
    ----------
    y : (samples,) trait, less its prediction where there is one.
    space : covariates of the trait (weights 1).
    terms : what variants are multiplied with.
    """

    def __init__(self, y: np.ndarray, space: Space, terms: Terms):
        self.space, self.terms = space, terms
        alone = Linear(y, space)
        self.residual, self.total, self.leaving = alone.residual, alone.total, alone.leaving
        # Q times each column: what the inner products of Q and G are made with, (samples, m k).
        self.right = (terms.columns[:, :, None] * space.basis[:, None]).reshape(len(y), -1)
        self.scores = terms.columns * self.residual[:, None]
        self.leverage = np.einsum("nk,nk->n", space.basis, space.basis)

    def test(self, block: Block, rows: np.ndarray, called: np.ndarray) -> Found:
        """Estimates for the variants `rows` of the block; `called` people have a genotype."""
        size = max(1, BATCH_NUMBERS // block.dosage.shape[1])
        starts = range(0, len(rows), size) if len(rows) else [0]
        return together(
            [self._test(block, rows[at : at + size], called[at : at + size]) for at in starts]
        )

    def _test(self, block: Block, rows: np.ndarray, called: np.ndarray) -> Found:
        k, m = self.space.k, self.terms.m
        dosage = block.dosage[rows]
        gappy = np.flatnonzero(called < self.space.n)
        absent = block.absent(rows[gappy]) if gappy.size else None
        inner = (dosage @ self.right).T.reshape(m, k, -1)
        score = (dosage @ self.scores).T.copy()
        whole = small.unpack(np.square(dosage) @ self.terms.pairs, m)
        squares = np.full(len(rows), self.total)
        solved = inner.copy()
        regular = np.ones(len(rows), dtype=bool)
        leaving = inverse = None
        if gappy.size:
            gram = -small.unpack(absent @ self.space.pairs, k)
            gram[np.arange(k), np.arange(k)] += 1
            factor, regular[gappy] = small.cholesky(gram)
            inverse = small.solve(factor, identity(k, len(gappy)))
            sums = (absent @ self.leaving).T
            leaving = -small.solve(factor, sums[:-1, None])[:, 0]
            squares[gappy] -= sums[-1] - np.einsum("kv,kv->v", sums[:-1], leaving)
            score[:, gappy] -= np.einsum("mkv,kv->mv", inner[:, :, gappy], leaving)
            solved[:, :, gappy] = np.einsum("klv,mlv->mkv", inverse, inner[:, :, gappy])
        curvature = whole - np.einsum("akv,bkv->abv", inner, solved)
        factor, positive = small.cholesky(curvature)
        at = np.arange(m)
        df = called - k - m
        good = regular & positive & (df > 0)
        good &= (np.square(factor[at, at]) > COLLINEAR * whole[at, at]).all(axis=0)
        spread = np.where(good, 1.0, np.nan)
        bread = small.solve(factor, identity(m, len(rows))) * spread
        beta = np.einsum("abv,bv->av", bread, score)
        left = np.maximum(squares - np.einsum("mv,mv->v", score, beta), PERFECT * squares)
        df = np.where(df > 0, df, np.nan)
        plain = _tests(beta, bread * (left / df), df)
        meat = self._meat(dosage, solved, beta, bread, gappy, absent, leaving, inverse)
        robust = _tests(beta, np.einsum("abv,bcv,cdv->adv", bread, meat, bread), df)
        scale = self.terms.scale[:, None]
        return Found(
            beta / scale,
            plain[0] / scale,
            *plain[1:],
            test=np.full(len(rows), TESTS.index(LINEAR), dtype=np.int8),
            converged=good,
            robust_error=robust[0] / scale,
            robust_p=robust[1],
            robust_interaction=robust[2],
            robust_joint=robust[3],
        )

    def _meat(self, dosage, solved, beta, bread, gappy, absent, leaving, inverse) -> np.ndarray:
        """Σ ĝ_i ĝ_i' (e_i / (1 - h_i))² of each variant, (m, m, variants).

        People who are not used have 0 in every sum.
        """
        m, basis = self.terms.m, self.space.basis
        free = [dosage * self.terms.columns[:, j] - solved[j].T @ basis.T for j in range(m)]
        error = np.repeat(self.residual[None], len(dosage), axis=0)
        rest = np.repeat(1 - self.leverage[None], len(dosage), axis=0)
        if gappy.size:
            there = 1 - absent
            for part in free:
                part[gappy] *= there
            error[gappy] -= leaving.T @ basis.T
            row, column = small.pair_index(self.space.k)
            twice = np.where(row == column, 1.0, 2.0)
            rest[gappy] = 1 - (inverse[row, column].T * twice) @ self.space.pairs.T
        for a in range(m):
            error -= free[a] * beta[a][:, None]
            for b in range(a + 1):
                twice = 1 if a == b else 2
                rest -= free[a] * free[b] * (twice * bread[a, b])[:, None]
        if gappy.size:
            error[gappy] *= there
            rest[gappy] = np.where(absent > 0, 1.0, rest[gappy])
        fixed = (rest < WHOLE).any(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            error /= rest
        weight = np.square(error)
        meat = np.empty((m, m, len(dosage)))
        for a in range(m):
            weighted = weight * free[a]
            for b in range(a + 1):
                meat[a, b] = meat[b, a] = np.einsum("vn,vn->v", weighted, free[b])
        meat[:, :, fixed] = np.nan
        return meat


def _tests(beta: np.ndarray, covariance: np.ndarray, df: np.ndarray) -> tuple:
    """Standard errors and -log10 p of each column, of the products, and of all."""
    m = len(beta)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(covariance[np.arange(m), np.arange(m)])
        each = pvalues.from_t(beta / error, df)
        products = quadratic(beta[1:], covariance[1:, 1:])
        everything = quadratic(beta, covariance)
        return (
            error,
            each,
            pvalues.from_f(products / (m - 1), m - 1, df),
            pvalues.from_f(everything / m, m, df),
        )
