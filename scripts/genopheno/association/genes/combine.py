"""The aggregated Cauchy association test: p-values that depend on each other, made one.

Each p is turned into a Cauchy variable, the weighted mean of Cauchy variables is one again,
and in its tail the dependence between them does not matter (Liu and Xie 2020):

    T = Σ w tan((½ - p) π) / Σ w,   P = ½ - arctan(T) / π.

Everything is done with -log10 p, and where p is small with 1 / (p π), so that nothing
underflows.
"""

from __future__ import annotations

import numpy as np

from genopheno.pvalues import LN10

SMALL = 8.0  # -log10 p from which tan((½ - p) π) is 1 / (p π) to all digits
LARGE = 100.0  # log of a sum beside which the other terms, at least -320, vanish
MOST = 0.999  # p of 1 would be a Cauchy variable of minus infinity, and outvote all others


def cauchy(neg_log10_p: np.ndarray, weights: np.ndarray | None = None) -> float:
    """-log10 of the combined p-value; NaN are left out, and NaN comes of nothing.

    Parameters
    ----------
    neg_log10_p : (n,). weights : (n,) not negative; None: all alike.
    """
    values = np.asarray(neg_log10_p, dtype=float)
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=float)
    known = np.isfinite(values) & (weights > 0)
    values, weights = values[known], weights[known]
    if not len(values):
        return float("nan")
    weights = weights / weights.sum()
    far = values > SMALL
    near = np.minimum(10 ** -values[~far], MOST)
    total = float(weights[~far] @ np.tan((0.5 - near) * np.pi))
    if far.any():
        logs = np.log(weights[far]) + values[far] * LN10 - np.log(np.pi)
        most = logs.max()
        if most > LARGE:  # nothing else can be seen beside it
            log_total = most + np.log(np.exp(logs - most).sum())
            return float((log_total + np.log(np.pi)) / LN10)
        total += float(np.exp(logs).sum())
    if total > 1:  # the arctangent of the reciprocal keeps the digits
        return float(-np.log10(np.arctan(1 / total) / np.pi))
    return float(-np.log10(0.5 - np.arctan(total) / np.pi))
