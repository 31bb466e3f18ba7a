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

import numpy as np

from genopheno.association import firth, pvalues, small
from genopheno.association.interaction.fits import Batch, maximise
from genopheno.association.interaction.terms import FIRTH, TESTS, WALD, Found, Terms, quadratic
from genopheno.association.logistic import NullModelError, fit_null
from genopheno.association.projection import Block

BATCH_NUMBERS = 150_000  # genotypes per batch of fits: what stays in the cache


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
        self.y = y[used].astype(float)
        self.x = small.orthonormal(x[used])
        self.given = None if given is None else given[used]
        eta, converged = fit_null(self.x, self.y, self.given)
        if not converged:
            eta, converged = firth.covariates_only(self.x, self.y, self.given)
        if not converged:
            raise NullModelError("the model of the covariates alone does not converge")
        self.start = self.x.T @ (eta if self.given is None else eta - self.given)

    def test(self, block: Block, rows: np.ndarray, called: np.ndarray) -> Found:
        """Estimates for the variants `rows` of the block; `called` people have a genotype."""
        size = max(1, BATCH_NUMBERS // len(self.index))
        m = self.terms.m
        found = _empty(m, len(rows))
        for at in range(0, len(rows), size):
            part = np.arange(at, min(at + size, len(rows)))
            dosage = block.dosage[np.ix_(rows[part], self.index)]
            present = None
            if (called[part] < len(self.index)).any():
                present = 1 - block.absent(rows[part])[:, self.index]
            self._batch(found, part, dosage, present)
        found.beta /= self.terms.scale[:, None]
        found.standard_error /= self.terms.scale[:, None]
        return found

    def _batch(self, found, part, dosage, present) -> None:
        columns = self.terms.columns[self.index]
        batch = Batch(self.x, dosage, columns, self.y, present, self.given)
        k, m = batch.k, batch.m
        beta = np.zeros((k + m, len(dosage)))
        beta[:k] = self.start[:, None]
        everything = np.ones(k + m, dtype=bool)
        fit = maximise(batch, beta, everything, penalty=False)
        covariance = fit.covariance[k:, k:]
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(covariance[np.arange(m), np.arange(m)])
            each = pvalues.from_normal(fit.beta[k:] / error)
            products = pvalues.from_chi2_of(quadratic(fit.beta[k + 1 :], covariance[1:, 1:]), m - 1)
            joint = pvalues.from_chi2_of(quadratic(fit.beta[k:], covariance), m)
            scored = pvalues.from_chi2_of(fit.score_test, m)
        _put(found, part, fit.converged, fit.beta[k:], error, each, products, joint, WALD)
        small_p = np.vstack([each, products[None], joint[None], scored[None]])
        again = ~fit.converged | (np.nan_to_num(small_p) > self.firth_below).any(axis=0)
        if again.any():
            self._firth(found, part[again], batch.take(np.flatnonzero(again)))

    def _firth(self, found, part, batch: Batch) -> None:
        k, m = batch.k, batch.m
        start = np.zeros((k + m, len(part)))
        start[:k] = self.start[:, None]
        full = maximise(batch, start, np.ones(k + m, dtype=bool), penalty=True)
        # Only what was fitted is compared, and only with fits that ended.
        good = full.converged & np.isfinite(full.value)

        def without(columns) -> np.ndarray:
            free = np.ones(k + m, dtype=bool)
            free[columns] = False
            null = maximise(batch, start, free, penalty=True)
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
