"""How much of a sample is another person: maximum likelihood from allele depths.

Method of VerifyBamID (Jun et al. 2012, Am J Hum Genet 91:839): at common SNPs each read comes
with probability 1 − α from the sample's own genotype and with probability α from that of an
unknown person of the same population; both genotypes are summed out at the frequencies of the
cohort. Two things differ. Only allele depths are at hand, no base qualities, so the rate of
read errors is fitted with α. And the proportions of the sample's own genotypes are fitted too,
by class of frequency, where VerifyBamID takes those of Hardy-Weinberg: in a short stretch of
the genome one person may well be heterozygous at most sites, and at low depth that is taken
for a mixture (seen at 4x in real samples that are clean).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from genopheno.samples.likelihood import hardy_weinberg

FRACTIONS = np.concatenate([[0.0], np.geomspace(0.004, 0.5, 11)])
ERRORS = np.array([0.0003, 0.001, 0.003, 0.01, 0.03])
CLASSES = np.array([0.08, 0.15, 0.3, 0.7, 0.85, 0.92])  # bounds, of the alternate frequency
ROUNDS, SETTLED = 30, 1e-4  # of expectation maximisation, at most, and when it ends
PRIOR = 5.0  # sites in Hardy-Weinberg proportions that each class starts with
# Neighbouring SNPs are no independent witnesses, so the interval is wide: 99.9 % (chi-square
# 10.83, halved) if they were.
DROP = 5.41
MOST_READS = 200  # of a site; more add nothing but artefacts


@dataclass(frozen=True)
class Estimate:
    """Mixing fraction of one sample.

    Attributes
    ----------
    fraction, low, high : estimate, and the ends of its profile likelihood interval (`DROP`).
    error : rate of read errors at the maximum.
    sites, reads : SNPs with reads, and the reads at them.
    """

    fraction: float
    low: float
    high: float
    error: float
    sites: int
    reads: int


class Likelihood:
    """Log likelihood of one sample's reads; what does not change is made once.

    Parameters
    ----------
    depth : (m, 2) reads with the reference and the alternate allele, not both zero.
    frequency : (m,) of the alternate allele.
    """

    def __init__(self, depth: np.ndarray, frequency: np.ndarray):
        self.depth = depth * np.minimum(1, MOST_READS / depth.sum(axis=1))[:, None]
        self.expected = hardy_weinberg(frequency)
        self.member = np.searchsorted(CLASSES, frequency)
        self.count = np.bincount(self.member, minlength=len(CLASSES) + 1)
        self.base = self._by_class(self.expected) / np.maximum(self.count, 1)[:, None]
        self.base[self.count == 0] = 1 / 3
        self.own = self.base
        self.within = self.expected / self.base[self.member]

    def __call__(self, fraction: float, error: float) -> float:
        """At a mixing fraction and a rate of read errors, with the best own proportions."""
        dosage = np.arange(3) / 2
        share = ((1 - fraction) * dosage[:, None] + fraction * dosage[None, :]).ravel()
        share = share * (1 - error) + (1 - share) * error
        log = self.depth[:, 1:] * np.log(share) + self.depth[:, :1] * np.log(1 - share)
        scale = log.max(axis=1)
        by_pair = np.exp(log - scale[:, None]).reshape(-1, 3, 3)  # own, other
        reads = np.einsum("moc,mc->mo", by_pair, self.expected) * self.within
        # From where the last call ended: neighbours differ little.
        share_of_class = self.own
        for _ in range(ROUNDS):
            own = reads * share_of_class[self.member]
            own /= own.sum(axis=1, keepdims=True)
            before, share_of_class = share_of_class, self._by_class(own) + PRIOR * self.base
            share_of_class /= (self.count + PRIOR)[:, None]
            if np.abs(share_of_class - before).max() < SETTLED:
                break
        self.own = share_of_class
        weight = self.within * share_of_class[self.member]
        total = (reads * share_of_class[self.member]).sum(axis=1) / weight.sum(axis=1)
        drawn = PRIOR * (self.base * np.log(share_of_class / self.base)).sum()
        return float((np.log(total) + scale).sum() + drawn)

    def _by_class(self, values: np.ndarray) -> np.ndarray:
        """(classes, 3) sums of (m, 3) values."""
        size = len(CLASSES) + 1
        return np.column_stack([np.bincount(self.member, v, size) for v in values.T])


def estimate(depth: np.ndarray, frequency: np.ndarray, *, min_sites: int) -> Estimate | None:
    """Estimate the mixing fraction of one sample.

    Parameters
    ----------
    depth : (m, 2) reads with the reference and the alternate allele.
    frequency : (m,) of the alternate allele among the other samples.
    min_sites : with fewer SNPs of two reads or more (where two people can show) there is
        no estimate.

    Returns
    -------
    None where there are too few informative sites.
    """
    total = depth.sum(axis=1, dtype=int)
    if (total > 1).sum() < max(min_sites, 1):
        return None
    kept = total > 0
    log = Likelihood(depth[kept], frequency[kept])
    surface = np.array([[log(fraction, error) for error in ERRORS] for fraction in FRACTIONS])
    i, j = np.unravel_index(surface.argmax(), surface.shape)
    found = minimize(
        lambda at: -log(at[0], np.exp(at[1])),
        [FRACTIONS[i], np.log(ERRORS[j])],
        method="Nelder-Mead",
        bounds=[(0, 0.5), tuple(np.log(ERRORS[[0, -1]]))],
        options={"xatol": 1e-4, "fatol": 0.02, "maxfev": 120},
    )
    fraction, error, best = found.x[0], np.exp(found.x[1]), -found.fun
    without = _profile(log, 0.0)
    if without >= best:
        fraction, best = 0.0, without
    low = 0.0 if without > best - DROP else _end(log, fraction, 0.0, best)
    return Estimate(
        float(fraction),
        low,
        _end(log, fraction, 0.5, best),
        float(error),
        int(kept.sum()),
        int(total.sum()),
    )


def _profile(log: Likelihood, fraction: float) -> float:
    """Log likelihood at a fraction, with the best rate of errors."""
    found = minimize_scalar(
        lambda value: -log(fraction, np.exp(value)),
        bounds=tuple(np.log(ERRORS[[0, -1]])),
        method="bounded",
        options={"xatol": 0.05},
    )
    return -float(found.fun)


def _end(log: Likelihood, inside: float, outside: float, best: float) -> float:
    """Where the profile has fallen by `DROP`, between the maximum and an outer fraction."""
    if _profile(log, outside) > best - DROP:
        return outside
    while abs(outside - inside) > max(1e-3, 0.05 * min(inside, outside)):
        middle = (inside + outside) / 2
        if _profile(log, middle) > best - DROP:
            inside = middle
        else:
            outside = middle
    return float((inside + outside) / 2)
