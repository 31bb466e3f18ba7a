"""Binary traits: logistic regression with products for every variant, Firth where it matters.

Model: logit P(case) = o + X a + G b, G the m columns of a variant (`terms`), o the log odds of
step 1 where there are any. Each variant gets its own maximum likelihood fit of all
coefficients, and Wald tests: z of each column, chi-squared of all products and of all
columns. Nothing is approximated by the model without the variant, because that of the
interaction has the variant in it.

`firth`   where the fit runs away or does not end, and where one of the tests, or the joint score
          test, which does not suffer from separation, has p below `firth_below`: Firth's penalised
          fit, with tests by the penalised likelihood ratio, each against the fit without the
          columns in question under the same penalty (Heinze and Schemper 2002).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from genopheno import pvalues
from genopheno.association import firth, small
from genopheno.association.block import Block
from genopheno.association.interaction.fits import Batch, Columns, likelihood, penalised
from genopheno.association.interaction.terms import FIRTH, TESTS, WALD, Found, Terms, quadratic
from genopheno.association.logistic import NullModelError, fit_null

BATCH_NUMBERS = 100_000  # genotypes per batch of fits: what stays in the cache


class LogisticInteraction:
    """One binary trait and one covariate, ready to be tested block by block.

    Parameters
    ----------
    y : (samples,) 0 or 1; any value off `used`.
    x : (samples, k) covariates with the intercept, full rank on `used`.
    used : (samples,) bool.
    terms : what variants are multiplied with.
    firth_below : p-value, see the module.
    given : (samples,) log odds of step 1; any value off `used`. None: 0.

    Raises
    ------
    NullModelError : the model of the covariates cannot be fitted, nor its penalised form.
    """

    def __init__(
        self,
        y: np.ndarray,
        x: np.ndarray,
        used: np.ndarray,
        terms: Terms,
        *,
        firth_below: float,
        given: np.ndarray | None = None,
    ):
        self.firth_below = -np.log10(firth_below) if firth_below > 0 else np.inf
        self.index = np.flatnonzero(used)
        self.terms = terms
        cases, inside = y[used].astype(float), small.orthonormal(x[used])
        given = None if given is None else given[used]
        eta, converged = fit_null(inside, cases, given)
        if not converged:
            eta, converged = firth.covariates_only(inside, cases, given)
        if not converged:
            raise NullModelError("the model of the covariates alone does not converge")
        self.start = inside.T @ (eta if given is None else eta - given)
        self.shared = Columns(inside, terms.columns[used], cases, given)

    def test(self, block: Block, rows: np.ndarray, called: np.ndarray) -> Found:
        """Estimates for the variants `rows` of the block; `called` people have a genotype."""
        found, poor = _empty(self.terms.m, len(rows)), np.zeros(len(rows), dtype=bool)
        start = np.zeros((self.shared.k + self.terms.m, len(rows)))
        start[: len(self.start)] = self.start[:, None]

        def batches(chosen: np.ndarray) -> Iterator[tuple[np.ndarray, Batch]]:
            size = max(1, BATCH_NUMBERS // len(self.index))
            for at in range(0, len(chosen), size):
                part = chosen[at : at + size]
                dosage, present = block.dosage[np.ix_(rows[part], self.index)], None
                if (called[part] < len(self.index)).any():
                    present = 1 - block.absent(rows[part])[:, self.index]
                yield part, Batch(self.shared, dosage, present)

        for part, batch in batches(np.arange(len(rows))):
            start[:, part], poor[part] = self._wald(found, part, batch, start[:, part])
        for part, batch in batches(np.flatnonzero(poor)):
            self._firth(found, part, batch, start[:, part])
        found.beta /= self.terms.scale[:, None]
        found.standard_error /= self.terms.scale[:, None]
        return found

    def _wald(self, found, part, batch: Batch, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fits without penalty; gives where the others start, and which need one."""
        k, m = batch.k, batch.m
        fit = likelihood(batch, start)
        covariance = fit.covariance[k:, k:]
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(covariance[np.arange(m), np.arange(m)])
            each = pvalues.from_normal(fit.beta[k:] / error)
            products = quadratic(fit.beta[k + 1 :], covariance[1:, 1:])
            products = pvalues.from_chi2_of(products, m - 1)
            joint = pvalues.from_chi2_of(quadratic(fit.beta[k:], covariance), m)
            scored = pvalues.from_chi2_of(fit.score_test, m)
        _put(found, part, fit.converged, fit.beta[k:], error, each, products, joint, WALD)
        tests = np.nan_to_num(np.vstack([each, products[None], joint[None], scored[None]]))
        poor = ~fit.converged | (tests > self.firth_below).any(axis=0)
        return np.where(fit.converged, fit.beta, start), poor

    def _firth(self, found, part, batch: Batch, start: np.ndarray) -> None:
        k, m = batch.k, batch.m
        full = penalised(batch, start, np.ones(k + m, dtype=bool))
        # Only what was fitted is compared, and only with fits that ended.
        good = full.converged & np.isfinite(full.value)

        def without(columns) -> np.ndarray:
            free = np.ones(k + m, dtype=bool)
            free[columns] = False
            near = np.where(full.converged, full.beta, start)
            near[columns] = 0
            null = penalised(batch, near, free)
            gain = np.where(null.converged, 2 * (full.value - null.value), np.nan)
            return pvalues.from_chi2_of(np.maximum(gain, 0), int((~free).sum()))

        each = [without([k + j]) for j in range(m)]
        products = each[1] if m == 2 else without(list(range(k + 1, k + m)))
        joint = without(list(range(k, k + m)))
        good &= np.isfinite([*each, products, joint]).all(axis=0)
        diagonal = full.covariance[np.arange(k, k + m), np.arange(k, k + m)]
        error = np.sqrt(np.abs(diagonal))
        _put(found, part, good, full.beta[k:], error, np.array(each), products, joint, FIRTH)


def _empty(m: int, n: int) -> Found:
    def nothing(*shape: int) -> np.ndarray:
        return np.full(shape, np.nan)

    return Found(
        *(nothing(m, n) for _ in range(3)),
        *(nothing(n) for _ in range(2)),
        test=np.full(n, TESTS.index(WALD), dtype=np.int8),
        converged=np.zeros(n, dtype=bool),
    )


def _put(found: Found, rows, good, beta, error, each, products, joint, test: str) -> None:
    for whole, values in (
        (found.beta, beta),
        (found.standard_error, error),
        (found.neg_log10_p, each),
        (found.interaction, products),
        (found.joint, joint),
    ):
        whole[..., rows] = np.where(good, values, np.nan)
    found.converged[rows] = good
    found.test[rows] = TESTS.index(test)
