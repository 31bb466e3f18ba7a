"""Tests of variants given others: the scan's regression with more covariates.

Quantitative traits by least squares, with Student's t: the answers of a joint fit (plink2
``--glm --condition-list``). Binary traits by the score test in a logistic null model that holds
the variants conditioned on. People without the genotype of a variant conditioned on are not
used; those without the genotype tested leave that test, with one Newton step of the null model
(none is needed for least squares).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genopheno import pvalues

ITERATIONS, TOLERANCE = 50, 1e-10
SEPARATED = 30.0  # log odds at which a fitted probability says that the fit runs away


@dataclass(frozen=True)
class Null:
    """The model without the variants that are tested.

    Attributes
    ----------
    x : (n, k) covariates, variants conditioned on among them.
    weight : (n,) of the normal equations: 1, or p (1 − p).
    residual : (n,) observed less expected.
    binary : whether it is logistic.
    """

    x: np.ndarray
    weight: np.ndarray
    residual: np.ndarray
    binary: bool


@dataclass(frozen=True)
class Estimates:
    """One number per variant, NaN where it cannot be tested."""

    beta: np.ndarray
    standard_error: np.ndarray
    neg_log10_p: np.ndarray


@dataclass(frozen=True)
class Joint:
    """Coefficients (k,) of one fit, their errors and −log10 p; NaN where it did not end."""

    beta: np.ndarray
    standard_error: np.ndarray
    neg_log10_p: np.ndarray
    converged: bool


def null_model(y: np.ndarray, x: np.ndarray, given: np.ndarray | None, binary: bool) -> Null | None:
    """Fit y (n,) on x (n, k).

    Parameters
    ----------
    given : (n,) what step 1 predicts: taken from y, or log odds. None: nothing.

    Returns
    -------
    None where the logistic fit does not end.
    """
    if binary:
        fitted = _logistic(y, x, given)
        if fitted is None:
            return None
        p = fitted[1]
        return Null(x, p * (1 - p), y - p, True)
    y = y if given is None else y - given
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    return Null(x, np.ones(len(y)), y - x @ beta, False)


def test(null: Null, genotypes: np.ndarray, *, unique: float) -> Estimates:
    """Test variants, one by one.

    Parameters
    ----------
    genotypes : (variants, n) dosages, NaN where missing.
    unique : least share of a variant's variance that the covariates leave; others are not
        tested.
    """
    x, w, r = null.x, null.weight, null.residual
    n, k = x.shape
    gap = np.isnan(genotypes)
    g = np.where(gap, 0.0, genotypes)
    gw = g * w
    total = (gw * g).sum(1)
    b = gw @ x  # (variants, k)
    score = g @ r
    a = x.T @ (x * w[:, None])
    s = x.T @ r
    people = np.full(len(g), float(n))
    spread = total - np.square(gw.sum(1)) / w.sum()
    shared, shared_s, rss = np.linalg.solve(a, b.T).T, np.linalg.solve(a, s), np.full(len(g), r @ r)
    left = total - (b * shared).sum(1)
    gain = score - shared @ s
    rss = rss - s @ shared_s
    for j in np.flatnonzero(gap.any(1)):
        # The normal equations without the people who have no genotype.
        out = gap[j]
        aj = a - x[out].T @ (x[out] * w[out, None])
        sj = s - x[out].T @ r[out]
        people[j] = n - out.sum()
        try:
            cj, ej = np.linalg.solve(aj, np.column_stack([b[j], sj])).T
        except np.linalg.LinAlgError:
            left[j] = 0.0
            continue
        left[j] = total[j] - b[j] @ cj
        gain[j] = score[j] - cj @ sj
        rss[j] = r @ r - r[out] @ r[out] - sj @ ej
        spread[j] = total[j] - gw[j].sum() ** 2 / (w.sum() - w[out].sum())
    good = (left > unique * spread) & (left > 1e-9 * np.maximum(total, 1e-300))
    df = people - k - 1
    if not null.binary:
        good &= df > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = gain / left
        if null.binary:
            error = left**-0.5
            p = pvalues.from_normal(beta / error)
        else:
            error = np.sqrt(np.maximum(rss - gain * beta, 0) / df / left)
            p = pvalues.from_t(beta / error, df)
    return Estimates(*(np.where(good, values, np.nan) for values in (beta, error, p)))


def joint(
    y: np.ndarray, x: np.ndarray, genotypes: np.ndarray, given: np.ndarray | None, binary: bool
) -> Joint:
    """All variants in one model: least squares with t, or maximum likelihood with Wald's z.

    Parameters
    ----------
    genotypes : (variants, n) without gaps.
    """
    both = np.column_stack([x, genotypes.T])
    m, n, k = len(genotypes), *both.shape
    nothing = np.full(m, np.nan)
    if binary:
        fitted = _logistic(y, both, given)
        if fitted is None:
            return Joint(nothing, nothing, nothing, False)
        beta, p = fitted
        covariance = np.linalg.inv(both.T @ (both * (p * (1 - p))[:, None]))
        error = np.sqrt(np.diag(covariance))[-m:]
        return Joint(beta[-m:], error, pvalues.from_normal(beta[-m:] / error), True)
    y = y if given is None else y - given
    beta = np.linalg.lstsq(both, y, rcond=None)[0]
    residual = y - both @ beta
    covariance = np.linalg.inv(both.T @ both) * (residual @ residual) / (n - k)
    error = np.sqrt(np.diag(covariance))[-m:]
    return Joint(beta[-m:], error, pvalues.from_t(beta[-m:] / error, np.float64(n - k)), True)


def _logistic(
    y: np.ndarray, x: np.ndarray, given: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Coefficients (k,) and probabilities (n,) by maximum likelihood; None: it runs away."""
    offset = 0.0 if given is None else given
    beta = np.zeros(x.shape[1])
    for _ in range(ITERATIONS):
        eta = x @ beta + offset
        if np.abs(eta).max() > SEPARATED:
            return None
        p = 1 / (1 + np.exp(-eta))
        try:
            step = np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]), x.T @ (y - p))
        except np.linalg.LinAlgError:
            return None
        beta = beta + step
        if np.abs(step).max() < TOLERANCE * max(1.0, np.abs(beta).max()):
            p = 1 / (1 + np.exp(-(x @ beta + offset)))
            return beta, p
    return None
