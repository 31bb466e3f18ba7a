"""-log10 of two-sided p-values that do not underflow."""

from __future__ import annotations

import numpy as np
from scipy import special

LN10 = np.log(10.0)
FAR = 1e-280  # below this p the log scale takes over


def from_normal(z: np.ndarray) -> np.ndarray:
    """-log10 of 2 P(Z > |z|), any shape; NaN stays NaN."""
    with np.errstate(invalid="ignore"):
        return np.maximum(0.0, -(special.log_ndtr(-np.abs(z)) + np.log(2.0)) / LN10)


def from_t(t: np.ndarray, df: np.ndarray) -> np.ndarray:
    """-log10 of 2 P(T > |t|) for Student's t with `df` > 0 degrees of freedom; NaN stays NaN.

    Far out it is I_x(a, 1/2) with a = df / 2 and x = df / (df + t²), as the power in front and a
    hypergeometric function (Abramowitz and Stegun 26.5.23, transformed).
    """
    t, df = np.broadcast_arrays(np.abs(np.asarray(t, float)), np.asarray(df, float))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * special.stdtr(df, -t)
        out = np.array(np.maximum(0.0, -np.log10(p)))
    far = (p < FAR) & np.isfinite(t)
    if far.any():
        a = df[far] / 2
        ratio = np.square(t[far]) / df[far]
        front = -a * np.log1p(ratio) + 0.5 * (np.log(ratio) - np.log1p(ratio))
        rest = special.hyp2f1(a + 0.5, 1.0, a + 1.0, 1 / (1 + ratio))
        out[far] = -(front - special.betaln(a, 0.5) - np.log(a) + np.log(rest)) / LN10
    return out
