"""Logistic fits of many variants at once, each with several columns of its own.

The columns of a variant are its dosage g times columns that all variants share (`terms`), so
that sums over people stay matrix products: with E (n, m) and the covariates X (n, k), the
information has blocks X'WX, X'W(gE) and (gE)'W(gE), which are w, w g and w g² times the pair
products of X, of X with E, and of E.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genopheno.association import small
from genopheno.association.firth import log_likelihood, logistic
from genopheno.association.interaction.terms import identity

MAX_STEP = 5.0  # of a coefficient of orthonormal or standardised columns, per iteration
TOLERANCE = 1e-8
ITERATIONS = 60
HALVINGS = 25
SEPARATED = 15.0  # log odds at which a fit without penalty is running away


@dataclass
class Fit:
    """Fits of a batch.

    Attributes
    ----------
    beta : (k + m, variants).
    covariance : (k + m, k + m, variants) inverse information at beta.
    value : (variants,) log likelihood, with the penalty where there is one.
    score_test : (variants,) joint score statistic of the last m columns at the start.
    converged : (variants,) bool.
    """

    beta: np.ndarray
    covariance: np.ndarray
    value: np.ndarray
    score_test: np.ndarray
    converged: np.ndarray


class Batch:
    """Variants that are fitted together.

    Parameters
    ----------
    x : (n, k) covariates with the intercept, orthonormal.
    dosage : (variants, n); 0 where not present.
    columns : (n, m) what the dosage is multiplied with; the first is 1.
    y : (n,) 0 or 1.
    present : (variants, n) 1 where there is a genotype; None: everywhere.
    given : (n,) log odds; None: 0.
    """

    def __init__(self, x, dosage, columns, y, present, given):
        self.x, self.dosage, self.columns, self.y = x, dosage, columns, y
        self.present, self.given = present, 0.0 if given is None else given
        self.k, self.m = x.shape[1], columns.shape[1]
        self.x_pairs = small.pair_products(x)
        self.mixed = (columns[:, :, None] * x[:, None]).reshape(len(y), -1)
        self.pairs = small.pair_products(columns)

    def take(self, rows: np.ndarray) -> Batch:
        present = None if self.present is None else self.present[rows]
        given = self.given if np.ndim(self.given) else None
        return Batch(self.x, self.dosage[rows], self.columns, self.y, present, given)

    def state(self, beta: np.ndarray, rows: np.ndarray, penalty: bool):
        """Score (k + m, v), information, its factor, value, largest |log odds|, regular."""
        k, m, g = self.k, self.m, self.dosage[rows]
        eta = beta[:k].T @ self.x.T + g * (beta[k:].T @ self.columns.T) + self.given
        p = logistic(eta)
        w = p * (1 - p)
        present = None if self.present is None else self.present[rows]
        if present is not None:
            w *= present
        information = np.empty((k + m, k + m, len(rows)))
        information[:k, :k] = small.unpack(w @ self.x_pairs, k)
        wg = w * g
        cross = (wg @ self.mixed).T.reshape(m, k, -1)
        information[k:, :k] = cross
        information[:k, k:] = cross.transpose(1, 0, 2)
        information[k:, k:] = small.unpack((wg * g) @ self.pairs, m)
        factor, regular = small.cholesky(information)
        each = self.y - p
        value = log_likelihood(self.y, eta, present)
        if penalty:
            each = each + self._hat(information, factor, w, g) * (0.5 - p)
            value = value + small.log_determinant(factor) / 2
        if present is not None:
            each *= present
        score = np.vstack([(each @ self.x).T, ((each * g) @ self.columns).T])
        return score, information, factor, value, np.abs(eta).max(axis=1), regular

    def _hat(self, information, factor, w, g) -> np.ndarray:
        """(v, n) diagonal of the weighted hat matrix."""
        k, m = self.k, self.m
        inverse = small.solve(factor, identity(k + m, len(g)))
        out = _packed(inverse[:k, :k]) @ self.x_pairs.T
        out += 2 * g * (inverse[k:, :k].reshape(m * k, -1).T @ self.mixed.T)
        out += np.square(g) * (_packed(inverse[k:, k:]) @ self.pairs.T)
        return w * out


def _packed(symmetric: np.ndarray) -> np.ndarray:
    """(batch, pairs) of (k, k, batch), those off the diagonal twice."""
    row, column = small.pair_index(len(symmetric))
    return symmetric[row, column].T * np.where(row == column, 1.0, 2.0)


def maximise(batch: Batch, start: np.ndarray, free: np.ndarray, *, penalty: bool) -> Fit:
    """Newton's method on the coefficients `free`, the penalty, if any, being that of all.

    Parameters
    ----------
    start : (k + m, variants); coefficients that are not free stay as they are there.
    free : (k + m,) bool.
    """
    beta, count = start.copy(), start.shape[1]
    size = len(start)
    open_ = np.flatnonzero(free)
    block = np.ix_(open_, open_)
    rows = np.arange(count)
    value = np.full(count, np.nan)
    covariance = np.full((size, size, count), np.nan)
    converged = np.zeros(count, dtype=bool)
    damping, before = np.ones(count), np.zeros((len(open_), count))
    score, information, factor, now, far, regular = batch.state(beta, rows, penalty)
    score_test = np.full(count, np.nan)
    own = np.arange(batch.k, size)
    if not penalty:
        inverse = small.solve(factor, identity(size, count))
        step = np.einsum("abv,bv->av", inverse, score)[own]
        fit, fine = small.cholesky(inverse[np.ix_(own, own)])
        stat = np.einsum("mv,mv->v", step, small.solve(fit, step[:, None])[:, 0])
        score_test[fine & regular] = stat[fine & regular]
    for _ in range(ITERATIONS):
        part, _ = small.cholesky(information[block])
        step = small.solve(part, score[open_, None])[:, 0]
        longest = np.abs(step).max(axis=0)
        done = regular & (longest < TOLERANCE)
        if done.any():
            value[rows[done]] = now[done]
            ended = small.solve(factor[:, :, done], identity(size, int(done.sum())))
            covariance[:, :, rows[done]] = ended
            converged[rows[done]] = True
        go = regular & ~done
        if not penalty:
            go &= far < SEPARATED
        if not go.any():
            break
        rows, step, now, longest = rows[go], step[:, go], now[go], longest[go]
        if penalty:
            _damp(damping, rows, step, before)
        step *= np.minimum(1, MAX_STEP / longest) * damping[rows]
        trial = beta[:, rows]
        trial[open_] += step
        new = batch.state(trial, rows, penalty)
        for _ in range(HALVINGS):
            worse = ~new[5] | ~(new[3] >= now - 1e-9)
            if not worse.any():
                break
            step[:, worse] /= 2
            trial[np.ix_(open_, worse)] -= step[:, worse]
            again = batch.state(trial[:, worse], rows[worse], penalty)
            for whole, piece in zip(new, again, strict=True):
                whole[..., worse] = piece
        beta[:, rows] = trial
        score, information, factor, now, far, regular = new
    return Fit(beta, covariance, value, score_test, converged)


def _damp(damping: np.ndarray, rows: np.ndarray, step: np.ndarray, before: np.ndarray) -> None:
    """Shorten the steps of fits that swing about their maximum.

    Steps take the information for the curvature, and the penalty bends too: a step that turns
    against the one before it shows by how much.
    """
    last = before[:, rows]
    length = np.square(last).sum(axis=0)
    ratio = (step * last).sum(axis=0) / np.where(length > 0, length, 1.0)
    swings = ratio < -0.1
    damping[rows[swings]] /= 1 - ratio[swings]
    before[:, rows] = step
