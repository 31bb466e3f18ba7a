"""Binary traits: a score test for every variant, Firth where it matters.

Model: logit P(case) = X a + g b. The null model (b = 0) is fitted once per trait by
iteratively reweighted least squares; where cases and controls are separated by the
covariates it is a Firth fit instead. Then, variant by variant:

`score`             U²/V of `projection` in the null model's weights, chi-squared with one
                    degree of freedom; beta is the one-step estimate U/V, SE is V^-½. Good
                    where p is large, too bold for rare variants and few cases.
`firth-approximate` where the score's p is below `firth_below`.
`firth`             where that p is below `exact_firth_below`, or where that fit did not
                    end. In `firth_single` and `firth`.

`spa`               with ``correction="spa"``, in place of both: the score test with its p-value
                    from the saddlepoint (`spa`), and the SE that goes with it. Where its
                    search does not end, or the null model is a Firth fit, Firth stays.

With predictions of step 1 (`wgr`) the model is logit P(case) = o + X a + g b, where the log
odds o are given: in the null model, and in every Firth fit.

Missing genotypes: the people without one leave that variant, imputation is not done. In
the score test the null coefficients then take one Newton step on the complete cases (the
C(α) statistic of Neyman 1959; without missing genotypes it is Rao's score test); in the
approximate fit the offset stays that of the trait; the exact fit is of the complete cases.
"""

from __future__ import annotations

import numpy as np

from genopheno import pvalues
from genopheno.association import firth, firth_single, small, spa
from genopheno.association.block import Block
from genopheno.association.estimates import (
    FIRTH,
    FIRTH_APPROXIMATE,
    SCORE,
    SPA,
    TESTS,
    Estimates,
)
from genopheno.association.projection import COLLINEAR, Projected, Space

NULL_ITERATIONS = 30
NULL_TOLERANCE = 1e-10
SEPARATED = 15.0  # log odds at which a fitted probability says that the fit runs away
BATCH_NUMBERS = 150_000  # genotypes per batch of Firth fits: what stays in the cache


class NullModelError(ValueError):
    """Not even the penalised model of the covariates can be fitted."""


def fit_null(
    x: np.ndarray, y: np.ndarray, offset: np.ndarray | None = None
) -> tuple[np.ndarray, bool]:
    """Log odds (n,) of the maximum likelihood fit of y (n,) on x (n, k) orthonormal columns.

    `offset` (n,) are log odds that are given and part of the result; None: 0. The second
    value is False where the fit runs away (separation).
    """
    given = 0.0 if offset is None else offset
    share = y.mean()
    start = np.full(len(y), np.log(share / (1 - share)))
    beta = x.T @ start
    for _ in range(NULL_ITERATIONS):
        eta = x @ beta + given
        if np.abs(eta).max() > SEPARATED:
            return eta, False
        p = firth.logistic(eta)
        w = p * (1 - p)
        try:
            step = np.linalg.solve(x.T @ (x * w[:, None]), x.T @ (y - p))
        except np.linalg.LinAlgError:
            return eta, False
        beta = beta + step
        if np.abs(step).max() < NULL_TOLERANCE * max(1.0, np.abs(beta).max()):
            return x @ beta + given, True
    return x @ beta + given, False


class Logistic:
    """One binary trait, ready to be tested block by block.

    Parameters
    ----------
    y : (samples,) 0 or 1; any value off `used`.
    x : (samples, k) covariates with the intercept, full rank on `used`.
    used : (samples,) bool.
    firth_below, exact_firth_below : p-values, see the module.
    correction : 'firth' or 'spa', what score tests with p below `firth_below` are refined by.
    given : (samples,) log odds of step 1; any value off `used`. None: 0.

    Attributes
    ----------
    null : 'logistic' or 'firth', how the null model was fitted.

    Raises
    ------
    NullModelError : the null model cannot be fitted either way.
    """

    def __init__(
        self,
        y: np.ndarray,
        x: np.ndarray,
        used: np.ndarray,
        *,
        firth_below: float,
        exact_firth_below: float,
        correction: str = "firth",
        given: np.ndarray | None = None,
    ):
        self.firth_below = -np.log10(firth_below) if firth_below > 0 else np.inf
        self.exact_below = -np.log10(exact_firth_below) if exact_firth_below > 0 else np.inf
        self.index = np.flatnonzero(used)
        self.y = y[used].astype(float)
        self.x = small.orthonormal(x[used])
        self.given = None if given is None else given[used]
        eta, converged = fit_null(self.x, self.y, self.given)
        self.offset, penalised = firth.covariates_only(self.x, self.y, self.given)
        if not converged:
            if not penalised:
                raise NullModelError("the model of the covariates alone does not converge")
            eta = self.offset
        elif not penalised:
            self.offset = eta
        self.null = "logistic" if converged else "firth"
        self.eta = eta
        self.saddlepoint = correction == "spa" and converged

        p = firth.logistic(eta)
        weights = np.zeros(len(used))
        weights[used] = p * (1 - p)
        self.weights = weights
        residual = np.zeros(len(used))
        residual[used] = self.y - p
        self.space = Space(x, used, weights, residual)
        root = np.sqrt(weights[used])
        basis = self.space.basis[used]
        self.leaving = np.zeros_like(self.space.basis)
        self.leaving[used] = basis * ((self.y - p) / root)[:, None]
        # 0 at a maximum of the likelihood, not at one of the penalised likelihood.
        self.total = np.zeros(self.space.k) if converged else self.leaving.sum(0)
        self.direction = basis / root[:, None]  # g - direction @ (A⁻¹b) is free of X

    def test(self, block: Block, projected: Projected, wanted: np.ndarray) -> Estimates:
        """Estimates for the variants of the block; NaN where there is none.

        `wanted` (variants,) bool says which are worth a Firth fit.
        """
        counts = projected.counts
        score = projected.residual_sums
        solved_total = np.einsum("kb,k->b", projected.solved, self.total)
        gappy = projected.gappy
        if gappy.size:
            sums = projected.missing_sums(self.leaving).T
            _, solved = projected.lost(sums, self.total[:, None])
            solved_total[gappy] = np.einsum("kb,kb->b", projected.inner[:, gappy], solved)
        score = score - solved_total
        squares = block.square_sums(self.weights)
        curvature = squares - np.einsum("kb,kb->b", projected.inner, projected.solved)
        with np.errstate(divide="ignore", invalid="ignore"):
            # Heterozygotes and homozygotes alone give no spread around the weighted mean.
            fitted = projected.regular & (curvature > COLLINEAR * squares) & (counts.minor > 0)
            curvature = np.where(fitted, curvature, np.nan)
            beta, se = score / curvature, 1 / np.sqrt(curvature)
            neg_log10_p = pvalues.from_chi2(score * beta)
        test = np.full(len(beta), TESTS.index(SCORE), dtype=np.int8)
        estimates = Estimates(beta, se, neg_log10_p, fitted, test)

        rows = np.flatnonzero(wanted & fitted & (neg_log10_p > self.firth_below))
        size = max(1, BATCH_NUMBERS // len(self.index))
        for at in range(0, len(rows), size):
            self._refine(estimates, block, projected, rows[at : at + size])
        return estimates

    def _refine(
        self, estimates: Estimates, block: Block, projected: Projected, rows: np.ndarray
    ) -> None:
        """Replace the score tests of `rows` by saddlepoints or Firth fits."""
        genotype = block.dosage[rows][:, self.index]
        free = genotype - projected.solved[:, rows].T @ self.direction.T
        gappy = np.flatnonzero(projected.counts.called[rows] < self.space.n)
        present = None
        if gappy.size:
            present = np.ones(genotype.shape)
            present[gappy] -= block.absent(rows[gappy])[:, self.index]
            free[gappy] *= present[gappy]
        if self.saddlepoint:
            common = projected.counts.alleles[rows] > projected.counts.called[rows]
            carriers = genotype != np.where(common, 2.0, 0.0)[:, None]
            if present is not None:
                carriers &= present > 0
            found = spa.neg_log10_p(free, self.y, self.eta, carriers)
            good = np.isfinite(found) & (found > 0)
            at = rows[good]
            estimates.neg_log10_p[at] = found[good]
            chi2 = pvalues.chi2_from_neg_log10(found[good])
            estimates.standard_error[at] = np.abs(estimates.beta[at]) / np.sqrt(chi2)
            estimates.test[at] = TESTS.index(SPA)
            if good.all():
                return
            rows, free, genotype = rows[~good], free[~good], genotype[~good]
            present = None if present is None else present[~good]
        fit = firth_single.approximate(free, self.y, self.offset)
        neg_log10_p = np.where(fit.converged, pvalues.from_chi2(fit.statistic), np.nan)
        _put(estimates, rows, fit, neg_log10_p, FIRTH_APPROXIMATE)

        again = ~fit.converged | (neg_log10_p > self.exact_below)
        if again.any():
            fit = firth.exact(
                self.x,
                genotype[again],
                self.y,
                None if present is None else present[again],
                self.given,
            )
            _put(estimates, rows[again], fit, pvalues.from_chi2(fit.statistic), FIRTH)


def _put(
    estimates: Estimates, rows: np.ndarray, fit: firth.Fit, neg_log10_p: np.ndarray, test: str
) -> None:
    good = fit.converged
    estimates.beta[rows] = np.where(good, fit.beta, np.nan)
    estimates.standard_error[rows] = np.where(good, fit.standard_error, np.nan)
    estimates.neg_log10_p[rows] = np.where(good, neg_log10_p, np.nan)
    estimates.converged[rows] = good
    estimates.test[rows] = TESTS.index(test)
