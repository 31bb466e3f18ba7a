"""Saddlepoint approximation of the score test's p-value (Dey et al. 2017).

The score of a variant is a sum over the people, S = Σ g (y - p), with g freed of the
covariates and y Bernoulli with the probabilities p of the null model. With few cases or
few carriers it is skew, and a normal tail is too short on one side. Its cumulants are
known exactly:

    K(t) = Σ log(1 - p + p e^(g t)) - t Σ g p,

so that, with ζ the root of K'(ζ) = s, the tail beyond s is (Barndorff-Nielsen 1990)

    P(S > s) = Φ(-(w + log(v / w) / w)),  w = sgn(ζ) (2 (ζ s - K(ζ)))^½,  v = ζ K''(ζ)^½.

Both tails, beyond |s| and below -|s|, are added, on the log scale, so that nothing
underflows.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from genopheno.association import pvalues
from genopheno.association.firth import logistic

ITERATIONS = 60
TOLERANCE = 1e-9
FLAT = 1e-4  # |w| below which the formula divides by nothing; the normal tail is exact there
ROUNDING = 1e-9  # of the largest score
STEEP = 500.0  # g t at which e^(g t) is as good as infinite


def neg_log10_p(genotype: np.ndarray, y: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """-log10 of the two-sided p-value of each score; NaN where the search does not end.

    Parameters
    ----------
    genotype : (variants, n) freed of the covariates, 0 for people without a genotype.
    y : (n,) 0 or 1. eta : (n,) log odds of the null model.
    """
    score = np.abs(genotype @ (y - logistic(eta)))
    tails = _log_tail(genotype, eta, score), _log_tail(-genotype, eta, score)
    return np.maximum(0.0, -np.logaddexp(*tails) / pvalues.LN10)


def _log_tail(g: np.ndarray, eta: np.ndarray, s: np.ndarray) -> np.ndarray:
    """log P(Σ g (y - p) >= s) for s (variants,) >= 0; NaN where the search does not end."""
    p = logistic(eta)
    mean = g @ p
    # K' rises from 0 at t = 0 to its largest value: the root is bracketed from the left, and
    # Newton's steps are halved where they leave the bracket.
    highest = np.where(g > 0, g, 0.0).sum(1) - mean
    # The largest score has no saddlepoint, but one way to come about; beyond it is nothing.
    out = np.full(len(g), -np.inf)
    end = np.abs(s - highest) <= ROUNDING * highest
    out[end] = -np.where(g[end] > 0, np.logaddexp(0, -eta), 0.0).sum(1)
    out[end] -= np.where(g[end] < 0, np.logaddexp(0, eta), 0.0).sum(1)
    rows = np.flatnonzero(s < highest * (1 - ROUNDING))
    out[rows] = np.nan
    t, low, high = np.zeros(len(g)), np.zeros(len(g)), np.full(len(g), np.inf)
    active = rows
    for _ in range(ITERATIONS):
        if not active.size:
            break
        part = g[active]
        tilted = logistic(eta + part * t[active, None])
        slope = np.einsum("vn,vn->v", part, tilted) - mean[active]
        bend = np.einsum("vn,vn->v", np.square(part), tilted * (1 - tilted))
        short = slope < s[active]
        low[active] = np.where(short, t[active], low[active])
        high[active] = np.where(short, high[active], t[active])
        with np.errstate(divide="ignore", invalid="ignore"):
            trial = t[active] + (s[active] - slope) / bend
            most = STEEP / np.abs(part).max(1)
        middle = np.where(
            np.isfinite(high[active]), (low[active] + high[active]) / 2, 2 * low[active] + 0.1
        )
        inside = (trial > low[active]) & (trial < high[active]) & (trial < most)
        step = np.where(inside, trial, np.minimum(middle, most))
        moved = np.abs(step - t[active])
        done = np.abs(slope - s[active]) < TOLERANCE * np.sqrt(bend + TOLERANCE)
        t[active] = np.where(done, t[active], step)
        active = active[~done & (moved > TOLERANCE * np.maximum(1e-6, np.abs(step)))]
    rows = np.setdiff1d(rows, active)  # what did not end has no p-value
    if not rows.size:
        return out
    part, root = g[rows], t[rows]
    shifted = eta + part * root[:, None]
    cumulant = (np.logaddexp(0, shifted) - np.logaddexp(0, eta)).sum(1) - root * mean[rows]
    tilted = logistic(shifted)
    bend = np.einsum("vn,vn->v", np.square(part), tilted * (1 - tilted))
    w = np.sqrt(np.maximum(0.0, 2 * (root * s[rows] - cumulant)))
    v = root * np.sqrt(bend)
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = np.where(w > FLAT, w + np.log(v / w) / w, s[rows] / np.sqrt(bend))
    out[rows] = special.log_ndtr(-tail)
    return out
