"""Type-I error: how often a null trait's p-value falls below α, with an interval.

Tests of linked variants against one trait are correlated, so the rejections of a replicate
(one null trait against all variants) are not independent, and a plain binomial interval is
too narrow. Replicates are independent given the genotypes. The interval is therefore that of
Korn and Graubard (1998, Survey Methodology 24:193): Clopper and Pearson's with the number of
tests divided by the design effect

    d = R / (R - 1) Σ (r_j - p m_j)² / (n p (1 - p)),   at least 1,

r_j rejections among the m_j tests of replicate j of R, n = Σ m_j, p = Σ r_j / n, and by
(t / z)², the quantiles of Student's t on R - 1 degrees of freedom and of the normal, for d
is itself an estimate. Below `ENOUGH` rejections d is that of the next larger α: extremes of
linked variants coincide less the further out they are, so that errs to the wide side.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy import special

ALPHAS = (1e-2, 1e-3, 1e-4, 1e-5)
FEW_COPIES = 20  # below so many minor alleles frequency says little, the count does
EDGES = (0.0, 0.01, 0.05, 0.5)  # of the minor allele frequency
ALL, RARE = "all", f"count < {FEW_COPIES}"
BINS = (ALL, RARE, *(f"{a:g}-{b:g}" for a, b in itertools.pairwise(EDGES)))
ENOUGH = 20
EXPECTED = 5  # rejections, of independent tests, below which a rate cannot be called right
FINE, INFLATED, CONSERVATIVE, FEW = VERDICTS = ("fine", "inflated", "conservative", "too few tests")
CONFIDENCE, FAMILY = 0.95, 0.05  # of the interval shown; false alarms in a whole table

STEP, FAR = 0.002, 20.0  # bins of -log10 p for the quantiles
QUANTILES = 48


def bins_of(minor: np.ndarray, called: np.ndarray) -> np.ndarray:
    """Bin (variants,) of each variant, an index into `BINS` (never that of `ALL`).

    Parameters
    ----------
    minor, called : copies of the rarer allele, people with a genotype.
    """
    frequency = minor / (2 * called)
    place = 2 + np.searchsorted(EDGES[1:-1], frequency, side="left")
    return np.where(minor < FEW_COPIES, BINS.index(RARE), place)


class Tally:
    """Counts of one test under one null: replicate by replicate.

    Attributes
    ----------
    tests : (R, bins). rejected : (R, bins, alphas). failed : tests without a p-value.
    histogram : counts of -log10 p in steps of `STEP`; the last bin holds what is beyond `FAR`.
    """

    def __init__(self):
        self._tests: list[np.ndarray] = []
        self._rejected: list[np.ndarray] = []
        self.failed = 0
        self.histogram = np.zeros(int(FAR / STEP) + 1, np.int64)

    def add(self, neg_log10_p: np.ndarray, place: np.ndarray) -> None:
        """One replicate: -log10 p (variants,), NaN where there is none, and its `bins_of`."""
        known = ~np.isnan(neg_log10_p)
        self.failed += int((~known).sum())
        y, place = neg_log10_p[known], place[known]
        below = y[:, None] > -np.log10(ALPHAS)
        tests = np.bincount(place, minlength=len(BINS))
        rejected = np.stack(
            [np.bincount(place[column], minlength=len(BINS)) for column in below.T], axis=1
        )
        tests[0], rejected[0] = len(y), below.sum(0)
        self._tests.append(tests)
        self._rejected.append(rejected)
        at = np.minimum(y / STEP, len(self.histogram) - 1).astype(int)
        self.histogram += np.bincount(at, minlength=len(self.histogram))

    @property
    def replicates(self) -> int:
        return len(self._tests)

    @property
    def tests(self) -> np.ndarray:
        return np.array(self._tests)

    @property
    def rejected(self) -> np.ndarray:
        return np.array(self._rejected)

    def rows(self) -> list[dict]:
        """A row per bin with tests and α: counts, rate, design effect, 95 % interval."""
        rows = []
        for b, name in enumerate(BINS):
            m = self.tests[:, b]
            if not m.sum():
                continue
            effects = design_effects(self.rejected[:, b], m)
            for a, alpha in enumerate(ALPHAS):
                n, k = int(m.sum()), int(self.rejected[:, b, a].sum())
                low, high = interval(k, n, effects[a], self.replicates, CONFIDENCE)
                rows.append(
                    {
                        "frequency_bin": name,
                        "alpha": alpha,
                        "replicates": self.replicates,
                        "n_tests": n,
                        "n_rejected": k,
                        "type_one_error": k / n,
                        "ratio": k / n / alpha,
                        "ratio_low": low / alpha,
                        "ratio_high": high / alpha,
                        "design_effect": effects[a],
                    }
                )
        return rows

    def quantiles(self) -> dict[str, list[float]]:
        """Expected and observed quantiles of -log10 p and their 95 % band under the null.

        The k-th smallest of m uniform p-values is Beta(k, m - k + 1); m is here the number of
        tests over the design effect at the nearest α.
        """
        n = int(self.histogram.sum())
        if not n:
            return {"expected": [], "observed": [], "low": [], "high": []}
        expected = np.linspace(0.02, np.log10(n), QUANTILES)
        above = np.cumsum(self.histogram[::-1])[::-1]  # tests at this step or beyond
        step = np.searchsorted(-above, -(n * 10**-expected), side="right") - 1
        effects = design_effects(self.rejected[:, 0], self.tests[:, 0])
        nearest = np.abs(expected[:, None] + np.log10(ALPHAS)).argmin(1)
        m = n / np.asarray(effects)[nearest]
        k = np.maximum(m * 10**-expected, 1.0)
        return {
            "expected": expected.round(4).tolist(),
            "observed": ((np.maximum(step, 0) + 0.5) * STEP).round(4).tolist(),
            "low": (-np.log10(special.betaincinv(k, m - k + 1, 0.975))).round(4).tolist(),
            "high": (-np.log10(special.betaincinv(k, m - k + 1, 0.025))).round(4).tolist(),
        }

    @property
    def lambda_gc(self) -> float | None:
        """Median chi-squared over its expectation, from the histogram."""
        n = int(self.histogram.sum())
        if not n:
            return None
        middle = (np.searchsorted(np.cumsum(self.histogram), n / 2) + 0.5) * STEP
        return float(special.chdtri(1, 10**-middle) / special.chdtri(1, 0.5))


def design_effects(rejected: np.ndarray, tests: np.ndarray) -> list[float]:
    """Design effect for each α, from rejected (R, alphas) among tests (R,)."""
    n, replicates = tests.sum(), len(tests)
    effects: list[float] = []
    for a in range(rejected.shape[1]):
        k = rejected[:, a].sum()
        p = k / n
        if effects and k < ENOUGH:
            effects.append(effects[-1])
        elif replicates < 2 or p in (0, 1):
            effects.append(1.0)
        else:
            spread = replicates / (replicates - 1) * np.square(rejected[:, a] - p * tests).sum()
            effects.append(float(max(1.0, spread / (n * p * (1 - p)))))
    return effects


def interval(k: int, n: int, effect: float, replicates: int, level: float) -> tuple[float, float]:
    """Korn and Graubard's interval of a rate k / n; see the module."""
    tail = (1 - level) / 2
    shrink = (special.ndtri(tail) / special.stdtrit(max(replicates - 1, 1), tail)) ** 2
    m = n / effect * shrink
    x = k / n * m
    low = special.betaincinv(x, m - x + 1, tail) if k else 0.0
    high = special.betaincinv(x + 1, m - x, 1 - tail) if k < n else 1.0
    return float(low), float(high)


def judge(rows: list[dict]) -> None:
    """Give every row of a table its ``verdict``.

    A rate is off where the interval that misses in `FAMILY` of whole tables, not of rows,
    does not hold α. A few tests can show a rate that is far too high, but not one that is right.
    """
    for row in rows:
        low, high = interval(
            row["n_rejected"],
            row["n_tests"],
            row["design_effect"],
            row["replicates"],
            1 - FAMILY / len(rows),
        )
        alpha = row["alpha"]
        enough = row["n_tests"] / row["design_effect"] * alpha >= EXPECTED
        row["verdict"] = (
            INFLATED
            if low > alpha
            else FEW
            if not enough
            else CONSERVATIVE
            if high < alpha
            else FINE
        )
