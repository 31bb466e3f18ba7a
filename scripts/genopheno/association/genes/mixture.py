"""Tails of a weighted sum of chi-squared variables, exact and on the log scale.

Q = Σ λ_j χ²₁ with λ_j > 0 is what SKAT's statistic follows without an effect. With
K(t) = -½ Σ log(1 - 2 λ_j t) its cumulants, the upper tail is the inversion integral

    P(Q > q) = 1/(2πi) ∫ exp(K(t) - t q) / t dt,

along any path that passes between 0 and 1/(2 max λ) and around the branch cut beyond.
Davies (1980) takes a vertical line through 0, where the integrand oscillates and what is
left after cancellation is absolute: no p below about 1e-9 can be had. Here the path is a
parabola through the saddlepoint, bent as the path of steepest descent is (Rice 1980): the
integrand neither oscillates nor cancels, the trapezoidal rule converges exponentially, and the
error is *relative*, below 1e-7 for p of 0.5 as for p of 1e-300. Below the mean the lower
tail is taken in the same way, with the path on the other side of 0.

No library that is kept has the exact tail: those at hand end in 2021, or approximate by moments.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from genopheno import pvalues

STEP = 0.3  # of the trapezoidal rule, in standard deviations of the saddle
LOGS_END = 28.0  # where the integrand is e^-28 of its height, the sum ends
MOST_NODES = 400
NEWTON = 80
CLOSE = 1e-5  # of the saddle: the integral is the same along any path near it
SAME = 1e-7  # of log p, at which a quantile is found
FAR = -30.0  # log p below which the largest weight alone tells about where a quantile is
GROUP = 256  # values of q at a time: a few MiB of complex numbers


def log_upper_tail(q: np.ndarray | float, weights: np.ndarray) -> np.ndarray:
    """log P(Σ λ χ²₁ > q).

    Parameters
    ----------
    q : (n,) or a number; at and below 0 the tail is 1.
    weights : (m,) λ, or (n, m) those of each q; not negative, one of each row at least
        positive. Zeros count nothing, so that rows may be filled up with them.

    Returns
    -------
    (n,) logarithms, at most 0; NaN where q is.
    """
    return _log_tail_and_slope(q, weights)[0]


def quantile(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """q (n,) with log P(Q > q) = `log_p` (n,), by Newton's steps; NaN where they do not end.

    Parameters
    ----------
    weights : (n, m) as for `log_upper_tail`.
    """
    mean, largest = weights.sum(1), weights.max(1)
    scale = np.square(weights).sum(1) / mean
    chi2 = special.chdtri(mean / scale, np.exp(np.maximum(log_p, FAR)))  # Satterthwaite
    far = largest * (pvalues.chi2_from_neg_log10(-log_p / pvalues.LN10) - 1) + mean
    q = np.where(log_p < FAR, far, np.maximum(chi2 * scale, 1e-9 * mean))
    low, high = np.zeros(len(q)), np.full(len(q), np.inf)
    rows = np.flatnonzero(np.isfinite(q))
    out = np.full(len(q), np.nan)
    for _ in range(NEWTON):
        if not rows.size:
            break
        here = q[rows]
        value, slope = _log_tail_and_slope(here, weights[rows])
        gap = value - log_p[rows]
        done = np.abs(gap) < SAME * np.maximum(1, np.abs(log_p[rows]))
        out[rows[done]] = here[done]
        low[rows] = np.where(gap > 0, here, low[rows])
        high[rows] = np.where(gap > 0, high[rows], here)
        with np.errstate(divide="ignore", invalid="ignore"):
            trial = here - gap / slope
        middle = np.where(np.isfinite(high[rows]), (low[rows] + high[rows]) / 2, 2 * here)
        inside = (trial > low[rows]) & (trial < high[rows])
        q[rows] = np.where(inside, trial, middle)
        rows = rows[~done]
    return out


def _log_tail_and_slope(
    q: np.ndarray | float, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`log_upper_tail`, and its derivative by q: less the hazard."""
    q = np.atleast_1d(np.asarray(q, dtype=float))
    weights = np.broadcast_to(weights, (len(q), np.shape(weights)[-1]))
    out, slope = np.where(np.isnan(q), np.nan, 0.0), np.zeros(len(q))
    scale = weights.max(1)
    at = q / scale
    mean = weights.sum(1) / scale
    for side, rows in ((1.0, at >= mean), (-1.0, (at > 0) & (at < mean))):
        rows = np.flatnonzero(rows)
        if not rows.size:
            continue
        log_tail, log_density = _inverted(at[rows], weights[rows] / scale[rows, None], side)
        if side < 0:
            # A tail of nothing has no logarithm but that of rounding.
            log_tail = np.minimum(log_tail, -np.finfo(float).eps)
            log_tail = np.log1p(-np.exp(log_tail))
        out[rows] = log_tail
        slope[rows] = -np.exp(log_density - log_tail) / scale[rows]
    return np.minimum(out, 0.0), slope


def _inverted(q: np.ndarray, weights: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray]:
    """log of the upper (side 1) or lower (-1) tail, and log density; max λ = 1, q on that side."""
    t = _saddle(q, weights, side)
    free = 1 - 2 * t[:, None] * weights
    height = -np.log(free).sum(1) / 2 - t * q - np.log(np.abs(t))
    ratio = weights / free
    second = 2 * np.square(ratio).sum(1) + 1 / t**2
    third = 8 * (ratio**3).sum(1) - 2 / t**3
    spread = 1 / np.sqrt(second)
    bend = np.maximum(third / (6 * second), 0.05 / spread)
    # Along the parabola the integrand falls at least as exp(-q bend y²).
    reach = np.sqrt(LOGS_END / (q * bend)) / spread
    nodes = np.clip(np.ceil(reach / STEP), 16, MOST_NODES).astype(int)
    sums = np.empty((2, len(q)))
    order = np.argsort(nodes, kind="stable")  # neighbours need about as many nodes
    for start in range(0, len(q), GROUP):
        rows = order[start : start + GROUP]
        y = np.outer(spread[rows], np.arange(nodes[rows[-1]] + 1) * STEP)
        path = t[rows, None] + bend[rows, None] * np.square(y) + 1j * y
        logs = _logs(weights[rows], path)
        value = np.exp(-logs / 2 - path * q[rows, None] - height[rows, None])
        value *= 1 - 2j * bend[rows, None] * y  # dt / (i dy)
        for kind, part in enumerate(((value / (path * side)).real, value.real)):
            # The two halves of the path are conjugate.
            sums[kind, rows] = part.sum(1) - part[:, 0] / 2
    return tuple(height + np.log(np.maximum(sums, 1e-300) * STEP * spread / np.pi))


def _logs(weights: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Σ log(1 - 2 λ t) (n, nodes), continuous along the paths; weights (n, m)."""
    logs = np.zeros(path.shape, dtype=complex)
    turned = -2 * path
    weights = weights[:, weights.any(0)]
    # Two at a time, as logarithms are dear. Each factor's argument is between -π and 0, so that a
    # positive one of a product has been turned round once. Memory does not grow with m.
    for first in range(0, weights.shape[1], 2):
        product = 1 + weights[:, first, None] * turned
        if first + 1 < weights.shape[1]:
            product *= 1 + weights[:, first + 1, None] * turned
        part = np.log(product)
        part.imag[part.imag > 0] -= 2 * np.pi
        logs += part
    return logs


def _saddle(q: np.ndarray, weights: np.ndarray, side: float) -> np.ndarray:
    """t (n,) at which K(t) - t q - log|t| is smallest, on the side of 0 that is wanted.

    Newton's method within a bracket: the function is convex there.
    """
    m = weights.shape[1]
    if side > 0:
        low, high = np.zeros(len(q)), np.full(len(q), 0.5)
        t = np.clip(0.5 - 1 / (2 * q), 0.05, 0.4999999)
    else:
        low, high = -(m + 2) / (2 * q) - 1, np.zeros(len(q))
        t = low / 2
    for _ in range(NEWTON):
        ratio = weights / (1 - 2 * t[:, None] * weights)
        slope = ratio.sum(1) - q - 1 / t
        bend = 2 * np.square(ratio).sum(1) + 1 / t**2
        low, high = np.where(slope < 0, t, low), np.where(slope < 0, high, t)
        trial = t - slope / bend
        trial = np.where((trial > low) & (trial < high), trial, (low + high) / 2)
        if np.all(np.abs(trial - t) <= CLOSE * np.minimum(np.abs(t), 0.5 - t)):
            break
        t = trial
    return t
