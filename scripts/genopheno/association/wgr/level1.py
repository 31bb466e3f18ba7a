"""Level 1: the predictions of all blocks as predictors of the trait, by ridge.

The parameter is chosen by cross-validation over the folds of level 0, and the prediction
of a fold is that of the model fitted without it. Quantitative traits: linear ridge, least
squared error. Binary traits: logistic ridge with the null model of the covariates as an
offset, highest likelihood.

With P predictors, τ = P (1 - h²) / h²; for the logistic model, whose residual variance on
the scale of the log odds is π²/3, it is 3/π² of that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from genopheno.association.firth import log_likelihood, logistic
from genopheno.association.wgr.level0 import cholesky, shrinkage

ITERATIONS = 50
TOLERANCE = 1e-6  # of the penalised score, per person
HALVINGS = 20


class NotConverged(ValueError):
    """Logistic ridge did not end."""


@dataclass(frozen=True)
class Joined:
    """The chosen model of level 1.

    Attributes
    ----------
    beta : (folds, predictors), fitted without that fold.
    chosen : which of the heritabilities.
    losses : cross-validated loss per person for each: squared error, or minus log likelihood.
    """

    beta: np.ndarray
    chosen: int
    losses: np.ndarray


def _choose(betas: np.ndarray, losses: np.ndarray) -> Joined:
    chosen = int(np.argmin(losses))
    return Joined(betas[chosen], chosen, losses)


def linear(predictors: np.ndarray, y: np.ndarray, slices: list[slice]) -> Joined:
    """Linear ridge of y (n,) on predictors (P, n), rows with mean 0 and variance 1."""
    size, n = predictors.shape
    parts = [predictors[:, fold] for fold in slices]
    grams = [part @ part.T for part in parts]
    products = [part @ y[fold] for part, fold in zip(parts, slices, strict=True)]
    total, product = sum(grams), sum(products)
    taus = shrinkage(size)
    betas, losses = np.empty((len(taus), len(slices), size)), np.zeros(len(taus))
    diagonal = np.arange(size)
    shrunk = np.empty_like(total)
    for f, (part, fold) in enumerate(zip(parts, slices, strict=True)):
        gram, right = total - grams[f], product - products[f]
        for i, tau in enumerate(taus):
            np.copyto(shrunk, gram)
            shrunk[diagonal, diagonal] += tau
            factor = cholesky(shrunk)
            betas[i, f] = linalg.cho_solve(factor, right, check_finite=False)
            losses[i] += np.square(y[fold] - betas[i, f] @ part).sum()
    return _choose(betas, losses / n)


def logistic_ridge(
    predictors: np.ndarray, y: np.ndarray, offset: np.ndarray, slices: list[slice]
) -> Joined:
    """Logistic ridge of y (n,) 0 or 1 on predictors (P, n), with an offset (n,) in log odds.

    Raises
    ------
    NotConverged : Newton's method did not end for one fold and parameter.
    """
    size, n = predictors.shape
    taus = shrinkage(size) * 3 / np.pi**2
    betas, losses = np.empty((len(taus), len(slices), size)), np.zeros(len(taus))
    for f, fold in enumerate(slices):
        rest = np.ones(n, dtype=bool)
        rest[fold] = False
        inside = predictors[:, rest]
        beta = np.zeros(size)
        for i, tau in enumerate(taus):  # from the most shrunken on, each from the one before
            beta = _newton(inside, y[rest], offset[rest], beta, tau)
            betas[i, f] = beta
            eta = offset[fold] + beta @ predictors[:, fold]
            losses[i] -= log_likelihood(y[fold], eta, None)
    return _choose(betas, losses / n)


def _newton(
    x: np.ndarray, y: np.ndarray, offset: np.ndarray, beta: np.ndarray, tau: float
) -> np.ndarray:
    """Maximise log likelihood - ½ τ b'b; x (P, n)."""

    def value(at: np.ndarray, eta: np.ndarray) -> float:
        return float(log_likelihood(y, eta, None)) - tau / 2 * float(at @ at)

    eta = offset + beta @ x
    now = value(beta, eta)
    for _ in range(ITERATIONS):
        p = logistic(eta)
        score = x @ (y - p) - tau * beta
        if np.abs(score).max() < TOLERANCE * len(y):
            return beta
        weighted = x * np.sqrt(p * (1 - p))
        hessian = weighted @ weighted.T  # of a matrix with itself: half the work
        hessian[np.diag_indices_from(hessian)] += tau
        step = linalg.solve(hessian, score, assume_a="pos", check_finite=False)
        for _ in range(HALVINGS):
            trial = beta + step
            trial_eta = offset + trial @ x
            new = value(trial, trial_eta)
            if new >= now:
                break
            step = step / 2
        else:
            raise NotConverged("ridge logistic regression of step 1 does not converge")
        beta, eta, now = trial, trial_eta, new
    raise NotConverged("ridge logistic regression of step 1 does not converge")
