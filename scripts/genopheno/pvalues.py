"""-log10 of two-sided p-values that do not underflow.

A double holds no p below 5e-324. Past `FAR` the tails are therefore taken on the log
scale: the normal tail as `scipy.special.log_ndtr`, the tail of Student's t as the
continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8, by
Lentz's method), whose leading power is written as a logarithm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from scipy import special

LN10 = np.log(10.0)
FAR = 1e-280  # below this p the log scale takes over
BIN, BINS = 1e-3, 1 << 16  # of -log10 p, in which the median is looked for


def from_normal(z: np.ndarray) -> np.ndarray:
    """-log10 of 2 P(Z > |z|), any shape; NaN stays NaN."""
    with np.errstate(invalid="ignore"):
        return np.maximum(0.0, -(special.log_ndtr(-np.abs(z)) + np.log(2.0)) / LN10)


def from_chi2(statistic: np.ndarray) -> np.ndarray:
    """-log10 p of a chi-squared statistic with one degree of freedom."""
    return from_normal(np.sqrt(statistic))


def from_t(t: np.ndarray, df: np.ndarray | float) -> np.ndarray:
    """-log10 of 2 P(T > |t|) for Student's t with `df` > 0 degrees of freedom."""
    t, df = np.broadcast_arrays(np.abs(np.asarray(t, dtype=float)), np.asarray(df, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * special.stdtr(df, -t)
        out = np.array(np.maximum(0.0, -np.log10(p)))
    far = (p < FAR) & np.isfinite(t)
    if far.any():
        out[far] = _t_far(t[far], df[far])
    return out


def _t_far(t: np.ndarray, df: np.ndarray) -> np.ndarray:
    """-log10 of I_x(df/2, 1/2) at x = df / (df + t²), for t far out."""
    a, b = df / 2, 0.5
    # log x = -log1p(t²/df); t² itself may overflow.
    ratio = t / np.sqrt(df)
    log_x = -2 * (np.log(ratio) + np.log1p(1 / ratio**2) / 2)
    x = np.exp(log_x)
    log_front = a * log_x + b * np.log1p(-x) - special.betaln(a, b) - np.log(a)
    return -(log_front + np.log(_beta_fraction(a, b, x))) / LN10


def from_f(f: np.ndarray, q: int, df: np.ndarray | float) -> np.ndarray:
    """-log10 of P(F > f) with `q` and `df` > 0 degrees of freedom."""
    if q == 1:
        return from_t(np.sqrt(f), df)
    f, df = np.broadcast_arrays(np.asarray(f, dtype=float), np.asarray(df, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = special.fdtrc(q, df, f)
        out = np.array(np.maximum(0.0, -np.log10(p)))
    far = (p < FAR) & np.isfinite(f)
    if far.any():
        # I_x(df/2, q/2) at x = df / (df + q f)
        a, b = df[far] / 2, q / 2
        log_x = -np.log1p(q * f[far] / df[far])
        x = np.exp(log_x)
        log_front = a * log_x + b * np.log1p(-x) - special.betaln(a, b) - np.log(a)
        out[far] = -(log_front + np.log(_beta_fraction(a, b, x))) / LN10
    return out


def from_chi2_of(statistic: np.ndarray, q: int) -> np.ndarray:
    """-log10 p of a chi-squared statistic with `q` degrees of freedom."""
    if q == 1:
        return from_chi2(statistic)
    statistic = np.asarray(statistic, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = special.chdtrc(q, statistic)
        out = np.array(np.maximum(0.0, -np.log10(p)))
    far = (p < FAR) & np.isfinite(statistic)
    if far.any():
        x, a = statistic[far] / 2, q / 2
        log_front = a * np.log(x) - x - special.gammaln(a)
        out[far] = -(log_front + np.log(_gamma_fraction(a, x))) / LN10
    return out


def _gamma_fraction(a: float, x: np.ndarray) -> np.ndarray:
    """Continued fraction of Γ(a, x) x^-a e^x (Abramowitz and Stegun 6.5.31), for x above a + 1."""
    b = x + 1 - a
    c = np.full_like(x, 1e300)
    d = 1 / b
    h = d.copy()
    for m in range(1, 10_000):
        b = b + 2
        numerator = -m * (m - a)
        d = 1 / (numerator * d + b)
        c = b + numerator / c
        step = c * d
        h *= step
        if np.all(np.abs(step - 1) < 1e-15):
            break
    return h


def _beta_fraction(a: np.ndarray, b: float, x: np.ndarray) -> np.ndarray:
    """Continued fraction of I_x(a, b); converges fast where x < (a + 1) / (a + b + 2)."""
    tiny = 1e-300
    c = np.ones_like(x)
    d = 1 - (a + b) * x / (a + 1)
    d = 1 / np.where(np.abs(d) < tiny, tiny, d)
    h = d.copy()
    for m in range(1, 10_000):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + numerator * d
            d = 1 / np.where(np.abs(d) < tiny, tiny, d)
            c = 1 + numerator / c
            c = np.where(np.abs(c) < tiny, tiny, c)
            step = c * d
            h *= step
        if np.all(np.abs(step - 1) < 1e-15):
            break
    return h


def chi2_from_neg_log10(neg_log10_p: np.ndarray) -> np.ndarray:
    """The one-degree chi-squared statistic that has this -log10 p."""
    return special.ndtri_exp(-neg_log10_p * LN10 - np.log(2.0)) ** 2


def lambda_gc(neg_log10_p: np.ndarray) -> float | None:
    """Genomic control factor: median chi-squared over its expectation (Devlin and Roeder 1999).

    The statistics are those of the p-values with one degree of freedom, so that t and
    likelihood-ratio tests count alike. NaN is left out; None without a single value.
    """
    return lambda_gc_of(lambda: [neg_log10_p])


def lambda_gc_of(chunks: Callable[[], Iterable[np.ndarray]]) -> float | None:
    """As `lambda_gc`, of values that come in chunks, which are asked for twice.

    The median is that of all values: they are counted by bins first, and of the second
    pass only those of the bins in the middle are kept.
    """

    def bins() -> Iterable[tuple[np.ndarray, np.ndarray]]:
        for chunk in chunks():
            known = chunk[~np.isnan(chunk)]
            yield known, np.minimum(known / BIN, BINS - 1).astype(np.int64)

    counts = np.zeros(BINS, dtype=np.int64)
    for _, index in bins():
        counts += np.bincount(index, minlength=BINS)
    n = int(counts.sum())
    if not n:
        return None
    upto = np.cumsum(counts)
    low, high = np.searchsorted(upto, [(n - 1) // 2, n // 2], side="right")
    kept = [known[(index >= low) & (index <= high)] for known, index in bins()]
    middle = np.sort(np.concatenate(kept))
    before = int(upto[low] - counts[low])
    median = (middle[(n - 1) // 2 - before] + middle[n // 2 - before]) / 2
    return float(chi2_from_neg_log10(median) / special.chdtri(1, 0.5))
