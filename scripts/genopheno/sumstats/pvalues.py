"""-log10 of p-values that do not underflow, and back.

A double holds no p below 5e-324. Past `FAR` the tail of chi-squared is therefore taken on the log
scale: the continued fraction of the incomplete gamma function (Abramowitz and Stegun 6.5.31),
whose leading power is written as a logarithm.
"""

from __future__ import annotations

import numpy as np
from scipy import special

LN10 = np.log(10.0)
FAR = 1e-280  # below this p the log scale takes over


def from_normal(z: np.ndarray) -> np.ndarray:
    """-log10 of 2 P(Z > |z|), any shape; NaN stays NaN."""
    with np.errstate(invalid="ignore"):
        return np.maximum(0.0, -(special.log_ndtr(-np.abs(z)) + np.log(2.0)) / LN10)


def from_chi2_of(statistic: np.ndarray, q: int) -> np.ndarray:
    """-log10 p of chi-squared statistics with `q` > 0 degrees of freedom."""
    if q == 1:
        return from_normal(np.sqrt(statistic))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = special.chdtrc(q, statistic)
        out = np.array(np.maximum(0.0, -np.log10(p)))
    far = (p < FAR) & np.isfinite(statistic)
    if far.any():
        a, x = q / 2, statistic[far] / 2
        fraction = x + 81 - a
        for k in range(40, 0, -1):
            fraction = x + 2 * k - 1 - a - k * (k - a) / fraction
        out[far] = -(a * np.log(x) - x - special.gammaln(a) - np.log(fraction)) / LN10
    return out


def chi2_from_neg_log10(neg_log10_p: np.ndarray) -> np.ndarray:
    """The one-degree chi-squared statistic that has this -log10 p."""
    return special.ndtri_exp(-neg_log10_p * LN10 - np.log(2.0)) ** 2


def lambda_gc(neg_log10_p: np.ndarray) -> float | None:
    """Genomic control factor: median chi-squared over its expectation (Devlin and Roeder 1999).

    NaN is left out; None without a single value.
    """
    known = neg_log10_p[~np.isnan(neg_log10_p)]
    if not known.size:
        return None
    return float(chi2_from_neg_log10(np.median(known)) / special.chdtri(1, 0.5))
