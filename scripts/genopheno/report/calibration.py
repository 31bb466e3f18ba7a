"""Numbers behind Manhattan and QQ plots: inflation, confidence band, and which points to draw."""

from __future__ import annotations

import numpy as np
from scipy import stats

CHI2_MEDIAN = stats.chi2.isf(0.5, 1)
KEEP_ABOVE = 3.0  # -log10 p from which every point is drawn


def genomic_inflation(neg_log10_p: np.ndarray) -> float:
    """Lambda GC: median chi-squared of one degree of freedom over its expectation.

    Parameters
    ----------
    neg_log10_p : (variants,), NaN is left out.

    Returns
    -------
    lambda, NaN without variants. Devlin & Roeder 1999.
    """
    y = neg_log10_p[np.isfinite(neg_log10_p)]
    if y.size == 0:
        return float("nan")
    return float(stats.chi2.isf(10.0 ** -np.median(y), 1) / CHI2_MEDIAN)


def lambda_1000(inflation: float, cases: int, controls: int) -> float:
    """Lambda scaled to 1,000 cases and 1,000 controls (de Bakker 2008)."""
    if not cases or not controls:
        return float("nan")
    return 1 + (inflation - 1) * (1 / cases + 1 / controls) / (1 / 1000 + 1 / 1000)


def qq(neg_log10_p: np.ndarray, points: int = 900) -> dict[str, np.ndarray]:
    """Expected and observed quantiles and the 95 % band of the order statistics.

    The k-th smallest of m uniform p-values is Beta(k, m - k + 1). The 200 smallest
    p-values are all returned, the others at even steps of -log10 of the expected p.

    Returns
    -------
    expected, observed, low, high : (q,) on the -log10 scale, largest p first.
    """
    y = np.sort(neg_log10_p[np.isfinite(neg_log10_p)])[::-1]
    m = y.size
    if m == 0:
        empty = np.empty(0)
        return {"expected": empty, "observed": empty, "low": empty, "high": empty}
    top = np.arange(1, min(m, 200) + 1)
    rest = np.unique(np.round(np.geomspace(1, m, points)).astype(np.int64))
    rank = np.union1d(top, rest)[::-1]
    return {
        "expected": -np.log10((rank - 0.5) / m),
        "observed": y[rank - 1],
        "low": -np.log10(stats.beta.ppf(0.975, rank, m - rank + 1)),
        "high": -np.log10(stats.beta.ppf(0.025, rank, m - rank + 1)),
    }


def thin(
    x: np.ndarray,
    y: np.ndarray,
    *,
    columns: int = 380,
    rows: int = 120,
    most: int = 60_000,
    few: int = 5_000,
) -> np.ndarray:
    """Indices of the points to draw: all with p < 1e-3, one per cell of a grid below.

    A cell is about 3 x 3 pixels, the size of a dot, so the picture is the same.
    Where more than `most` points have p < 1e-3, the largest `most` are all drawn.
    Up to `few` points in all are not thinned.

    Parameters
    ----------
    x, y : (variants,) place along the genome, and -log10 p (NaN is left out).

    Returns
    -------
    (k,) sorted indices.
    """
    known = np.flatnonzero(np.isfinite(y))
    if known.size <= few:
        return known
    x, y = x[known], y[known]
    keep = KEEP_ABOVE
    if np.count_nonzero(y > keep) > most:
        keep = float(np.partition(y, -most)[-most])
    high = y > keep
    low = np.flatnonzero(~high)
    span = max(float(x.max() - x.min()), 1.0)
    top = max(float(y.max()), 8.0)
    across = ((x[low] - x.min()) / span * columns).astype(np.int64)
    up = (y[low] / top * max(rows, 12 * top / KEEP_ABOVE)).astype(np.int64)
    _, one = np.unique(across * (up.max(initial=0) + 1) + up, return_index=True)
    return known[np.sort(np.concatenate([np.flatnonzero(high), low[one]]))]


def leads(
    contig: np.ndarray, position: np.ndarray, y: np.ndarray, *, window: int, above: float
) -> np.ndarray:
    """Indices of the best variant of each locus, best first.

    A locus is all within `window` bp of its best variant; variants below `above` are
    not looked at. Ties go to the first.
    """
    order = np.flatnonzero(np.nan_to_num(y, nan=-1) >= above)
    order = order[np.argsort(-y[order], kind="stable")]
    taken: list[int] = []
    while order.size:
        best = order[0]
        taken.append(int(best))
        near = (contig[order] == contig[best]) & (
            np.abs(position[order] - position[best]) <= window
        )
        order = order[~near]
        if len(taken) >= 500:
            break
    return np.array(taken, dtype=np.int64)
