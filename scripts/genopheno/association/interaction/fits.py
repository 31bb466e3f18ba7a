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
from genopheno.association.firth import logistic
from genopheno.association.interaction.terms import identity, quadratic

MAX_STEP = 5.0  # of a coefficient of orthonormal or standardised columns, per iteration
TOLERANCE = 1e-6  # of a step, which is still taken: what is left is of its square
NEWTON_STEPS = 15  # a likelihood with a maximum needs 4 or 5
PENALISED_STEPS = 60
HALVINGS = 25
SEPARATED = 15.0  # log odds at which a fit without penalty is running away
TINY = 1e-300


@dataclass
class Fit:
    """Fits of a batch.

    Attributes
    ----------
    beta : (k + m, variants).
    covariance : (k + m, k + m, variants) inverse information.
    converged : (variants,) bool.
    value : (variants,) penalised log likelihood; None: a fit without penalty.
    score_test : (variants,) score statistic, at the start, of the last m columns together; None:
        a penalised fit.
    """

    beta: np.ndarray
    covariance: np.ndarray
    converged: np.ndarray
    value: np.ndarray | None = None
    score_test: np.ndarray | None = None


class Columns:
    """What all variants share.

    Parameters
    ----------
    x : (n, k) covariates with the intercept, orthonormal.
    columns : (n, m) what the dosage is multiplied with; the first is 1.
    y : (n,) 0 or 1.
    given : (n,) log odds; None: 0.
    """

    def __init__(self, x, columns, y, given):
        self.x, self.columns, self.y = x, columns, y
        self.given = 0.0 if given is None else given
        self.k, self.m = x.shape[1], columns.shape[1]
        self.x_pairs = small.pair_products(self.x)
        self.mixed = (self.columns[:, :, None] * self.x[:, None]).reshape(len(y), -1)
        self.pairs = small.pair_products(self.columns)


class Batch:
    """Variants that are fitted together.

    Parameters
    ----------
    shared : the columns of all variants.
    dosage : (variants, n); 0 where not present.
    present : (variants, n) 1 where there is a genotype; None: everywhere.
    """

    def __init__(self, shared: Columns, dosage: np.ndarray, present: np.ndarray | None):
        self.shared, self.k, self.m = shared, shared.k, shared.m
        self.dosage, self.present = dosage, present

    def information(self, beta: np.ndarray, rows: np.ndarray):
        """p (v, n), w (v, n), present, information (k + m, k + m, v), largest |log odds| (v,)."""
        k, m, own = self.k, self.m, self.shared
        g = self.dosage if len(rows) == len(self.dosage) else self.dosage[rows]
        eta = beta[k:].T @ own.columns.T
        eta *= g
        eta += beta[:k].T @ own.x.T
        eta += own.given
        far = np.maximum(eta.max(axis=1), -eta.min(axis=1))
        p = logistic(eta)
        w = p * (1 - p)
        present = None if self.present is None else self.present[rows]
        if present is not None:
            w *= present
        information = np.empty((k + m, k + m, len(rows)))
        information[:k, :k] = small.unpack(w @ own.x_pairs, k)
        wg = w * g
        cross = (wg @ own.mixed).T.reshape(m, k, -1)
        information[k:, :k] = cross
        information[:k, k:] = cross.transpose(1, 0, 2)
        wg *= g
        information[k:, k:] = small.unpack(wg @ own.pairs, m)
        return p, w, present, information, far

    def score(self, each: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """(k + m, v) sums of `each` (v, n) times the columns."""
        own, g = self.shared, self.dosage
        g = g if len(rows) == len(g) else g[rows]
        return np.vstack([(each @ own.x).T, ((each * g) @ own.columns).T])

    def penalised(self, beta: np.ndarray, rows: np.ndarray):
        """Modified score, information, its factor, penalised log likelihood, regular."""
        p, w, present, information, _ = self.information(beta, rows)
        factor, regular = small.cholesky(information)
        each = self.shared.y - p
        # |y - p| taken from 1 is the probability of what was seen.
        seen = np.log(np.maximum(1 - np.abs(each), TINY))
        each += self._hat(information, factor, w, self.dosage[rows]) * (0.5 - p)
        if present is not None:
            each *= present
            seen *= present
        value = seen.sum(axis=1) + small.log_determinant(factor) / 2
        return self.score(each, rows), information, factor, value, regular

    def _hat(self, information, factor, w, g) -> np.ndarray:
        """(v, n) diagonal of the weighted hat matrix."""
        k, m = self.k, self.m
        inverse = small.solve(factor, identity(k + m, len(g)))
        out = _packed(inverse[:k, :k]) @ self.shared.x_pairs.T
        out += 2 * g * (inverse[k:, :k].reshape(m * k, -1).T @ self.shared.mixed.T)
        out += np.square(g) * (_packed(inverse[k:, k:]) @ self.shared.pairs.T)
        return w * out


def _packed(symmetric: np.ndarray) -> np.ndarray:
    """(batch, pairs) of (k, k, batch), those off the diagonal twice."""
    row, column = small.pair_index(len(symmetric))
    return symmetric[row, column].T * np.where(row == column, 1.0, 2.0)


def likelihood(batch: Batch, start: np.ndarray) -> Fit:
    """Maximum likelihood by Newton's method. Fits that run away do not converge.

    Parameters
    ----------
    start : (k + m, variants), those of the covariates alone; 0 for the m columns.
    """
    size, count = start.shape
    own = np.arange(batch.k, size)
    beta = start.copy()
    covariance = np.full((size, size, count), np.nan)
    converged = np.zeros(count, dtype=bool)
    score_test = np.full(count, np.nan)
    rows = np.arange(count)
    for turn in range(NEWTON_STEPS):
        p, _, present, information, far = batch.information(beta[:, rows], rows)
        factor, regular = small.cholesky(information)
        each = batch.shared.y - p
        if present is not None:
            each *= present
        score = batch.score(each, rows)
        step = small.solve(factor, score[:, None])[:, 0]
        if turn == 0:
            inverse = small.solve(factor, identity(size, count))
            statistic = quadratic(step[own], inverse[np.ix_(own, own)])
            score_test = np.where(regular, statistic, np.nan)
        longest = np.abs(step).max(axis=0)
        go = regular & (far < SEPARATED)
        step *= np.minimum(1, MAX_STEP / np.where(longest > 0, longest, 1.0))
        beta[:, rows[go]] += step[:, go]
        done = go & (longest < TOLERANCE)
        if done.any():
            converged[rows[done]] = True
            part = factor[:, :, done]
            covariance[:, :, rows[done]] = small.solve(part, identity(size, part.shape[2]))
        rows = rows[go & ~done]
        if not rows.size:
            break
    return Fit(beta, covariance, converged, score_test=score_test)


def penalised(batch: Batch, start: np.ndarray, free: np.ndarray) -> Fit:
    """Maximum of the penalised likelihood over the coefficients `free`, under the penalty of all.

    Parameters
    ----------
    start : (k + m, variants); coefficients that are not free stay as they are there.
    free : (k + m,) bool.
    """
    size, count = start.shape
    beta = start.copy()
    open_ = np.flatnonzero(free)
    block = np.ix_(open_, open_)
    rows = np.arange(count)
    value = np.full(count, np.nan)
    covariance = np.full((size, size, count), np.nan)
    converged = np.zeros(count, dtype=bool)
    damping, before = np.ones(count), np.zeros((len(open_), count))
    state = batch.penalised(beta, rows)
    for _ in range(PENALISED_STEPS):
        score, information, factor, now, regular = state
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
        if not go.any():
            break
        rows, step, now, longest = rows[go], step[:, go], now[go], longest[go]
        _damp(damping, rows, step, before)
        step *= np.minimum(1, MAX_STEP / longest) * damping[rows]
        trial = beta[:, rows]
        trial[open_] += step
        state = batch.penalised(trial, rows)
        for _ in range(HALVINGS):
            worse = ~state[4] | ~(state[3] >= now - 1e-9)
            if not worse.any():
                break
            step[:, worse] /= 2
            trial[np.ix_(open_, worse)] -= step[:, worse]
            again = batch.penalised(trial[:, worse], rows[worse])
            for whole, piece in zip(state, again, strict=True):
                whole[..., worse] = piece
        beta[:, rows] = trial
    return Fit(beta, covariance, converged, value=value)


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
