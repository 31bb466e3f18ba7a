"""Sequence kernel association tests: SKAT and SKAT-O, many sets of variants at a time.

A set of m variants has scores S (m,), whose covariance without an effect is V (m, m), and
weights w. With s = w S and A = wVw,

    SKAT    Q = Σ s²                              Wu et al. 2011
    burden  B = (Σ s)²
    SKAT-O  Q_ρ = (1 - ρ) Q + ρ B for each ρ of a grid, and the smallest of their p-values
            is judged as the smallest of several     Lee et al. 2012.

Q_ρ is a mixture of chi-squared variables with the eigenvalues of R^½ A R^½ as weights, with R =
(1 - ρ) I + ρ 11' (`mixture`). SKAT-O then conditions on the burden: given its chi-squared
variable x, Q_ρ is κ (1 - ρ) + τ(ρ) x, κ being what is left of A beside the burden, and

    p = ∫ P(κ > min over ρ of (q_ρ - τ(ρ) x) / (1 - ρ)) dF(x),

q_ρ the quantile at the smallest p-value. As in R's SKAT (method "optimal.adj"), κ is rescaled by
the variance of the part that is correlated with the burden. Other than there, q_ρ and all tails
are exact instead of by moments (Liu 2009), and the integral is cut where its integrand has a
kink; p is exact far below 1e-6, where R falls back on moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from genopheno.association.genes.mixture import log_upper_tail, quantile
from genopheno.pvalues import LN10

RHO = np.array([0.0, 0.01, 0.04, 0.09, 0.16, 0.25, 0.5, 0.999])  # the last: 1, as R's SKAT
NEGLIGIBLE = 1e-5  # of the mean of the positive eigenvalues
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
LONGEST = 1.25  # standard deviations that the nodes serve for
TOUCH = 1e-9
SPREADING = 1e-10  # of the burden's variance, below which there is no burden


@dataclass(frozen=True)
class Kernel:
    """A set: weighted scores s (m,) and their covariance A (m, m)."""

    score: np.ndarray
    variance: np.ndarray


def skat(kernels: list[Kernel]) -> np.ndarray:
    """-log10 p (sets,) of SKAT; NaN where the variants have no variance."""
    values = [_positive(np.linalg.eigvalsh(kernel.variance)) for kernel in kernels]
    q = np.array([kernel.score @ kernel.score for kernel in kernels])
    return _tails(q, values)


def skat_o(kernels: list[Kernel]) -> np.ndarray:
    """-log10 p (sets,) of SKAT-O; NaN where the variants have no variance."""
    parts = [_Optimal(kernel) for kernel in kernels]
    out = np.full(len(parts), np.nan)
    usable = [part for part in parts if part.usable]
    if not usable:
        return out
    n_rho = len(RHO)
    q = np.concatenate([part.q for part in usable])
    values = [row for part in usable for row in part.values]
    logs = -LN10 * _tails(q, values).reshape(-1, n_rho)
    smallest = np.nanmin(logs, axis=1)
    wanted = quantile(np.repeat(smallest, n_rho), _padded(values)).reshape(-1, n_rho)
    # The quantile at its own p-value is the statistic itself.
    best = np.nanargmin(logs, axis=1)
    own = q.reshape(-1, n_rho)
    wanted[np.arange(len(usable)), best] = own[np.arange(len(usable)), best]
    found = _integrated(usable, wanted)
    # The smallest of several p-values is not below itself, nor above Bonferroni's bound.
    found = np.clip(found, smallest, np.minimum(smallest + np.log(n_rho), 0))
    out[[i for i, part in enumerate(parts) if part.usable]] = np.maximum(0.0, -found / LN10)
    return out


class _Optimal:
    """What SKAT-O knows of one set."""

    def __init__(self, kernel: Kernel):
        s, a = kernel.score, kernel.variance
        m = len(s)
        rows, total = a.sum(1), float(a.sum())
        trace = float(np.trace(a))
        self.usable = trace > 0 and total > SPREADING * trace
        if not self.usable:
            return
        self.q = (1 - RHO) * (s @ s) + RHO * s.sum() ** 2
        # R^½ = b I + c 11', R having the eigenvalues 1 - ρ and 1 - ρ + m ρ.
        b = np.sqrt(1 - RHO)
        c = (np.sqrt(1 - RHO + m * RHO) - b) / m
        cross = rows[:, None] + rows[None, :]
        kernels = (
            np.square(b)[:, None, None] * a
            + (b * c)[:, None, None] * cross
            + (np.square(c) * total)[:, None, None]
        )
        self.values = [_positive(row) for row in np.linalg.eigvalsh(kernels)]
        shared = np.outer(rows, rows) / total
        rest = a - shared
        self.rest = _positive(np.linalg.eigvalsh(rest), of=trace)
        self.correlated = 4 * float((shared * rest).sum())
        self.mean = float(self.rest.sum())
        self.variance = 2 * float(np.square(self.rest).sum()) + max(self.correlated, 0.0)
        self.tau = RHO * total + (1 - RHO) * float(rows @ rows) / total
        shrink = 1 - max(self.correlated, 0.0) / self.variance if self.variance else 1.0
        self.shrink = np.sqrt(max(shrink, 0.0))

    def pieces(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Nodes z (n,) with their weights, what κ has to exceed there, and z beyond which all do.

        Parameters
        ----------
        q : (ρ,) quantiles.
        """
        # Lines in x = z²: each from its height at 0 down to 0 at q / τ.
        height, slope = q / (1 - RHO), self.tau / (1 - RHO)
        end = float(np.min(q / self.tau))
        i, j = np.triu_indices(len(RHO), 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            x = (height[i] - height[j]) / (slope[i] - slope[j])
        x = x[(x > 0) & (x < end)]
        lines = height[:, None] - slope[:, None] * x
        # A kink of the lower envelope: two lines are lowest.
        kinks = x[(lines <= lines.min(0, initial=np.inf) + TOUCH * height.max()).sum(0) > 1]
        bounds = np.sqrt(np.unique(np.r_[0.0, kinks, end]))
        z, weight = [], []
        for low, high in pairwise(bounds):
            n = max(1, int(np.ceil((high - low) / LONGEST)))
            width = (high - low) / n
            for k in range(n):
                z.append(low + width * (k + (NODES + 1) / 2))
                weight.append(WEIGHTS * width / 2)
        z, weight = np.concatenate(z), np.concatenate(weight)
        least = np.min(height[:, None] - slope[:, None] * np.square(z), axis=0)
        if self.variance:
            least = (least - self.mean) * self.shrink + self.mean
        return z, weight, least, float(bounds[-1])


def _integrated(parts: list[_Optimal], q: np.ndarray) -> np.ndarray:
    """log p of each set, given the quantiles (sets, ρ)."""
    from scipy import special

    pieces = [
        part.pieces(row) if np.isfinite(row).all() else None
        for part, row in zip(parts, q, strict=True)
    ]
    rows = [i for i, piece in enumerate(pieces) if piece and len(parts[i].rest)]
    out = np.full(len(parts), np.nan)
    tails = {}
    if rows:
        least = np.concatenate([pieces[i][2] for i in rows])
        sizes = [len(pieces[i][2]) for i in rows]
        rest = _padded([parts[i].rest for i in rows])
        logs = log_upper_tail(least, np.repeat(rest, sizes, axis=0))
        tails = dict(zip(rows, np.split(logs, np.cumsum(sizes)[:-1]), strict=True))
    for i, piece in enumerate(pieces):
        if piece is None:
            continue
        z, weight, _, end = piece
        beyond = np.log(2) + special.log_ndtr(-end)
        if i not in tails:  # a single variant, or all of them one: nothing but the burden
            out[i] = beyond
            continue
        with np.errstate(divide="ignore"):
            logs = np.log(weight) + tails[i] - np.square(z) / 2 + np.log(2 / np.pi) / 2
        out[i] = special.logsumexp(np.r_[logs, beyond])
    return out


def _positive(values: np.ndarray, of: float | None = None) -> np.ndarray:
    """Eigenvalues that count, as R's SKAT: above a part of the mean of the positive ones."""
    positive = values[values > 0]
    if not positive.size:
        return positive
    least = positive.mean() * NEGLIGIBLE if of is None else of * 1e-10
    return values[values > least]


def _padded(values: list[np.ndarray]) -> np.ndarray:
    """Rows of different lengths as one array, filled up with zeros."""
    out = np.zeros((len(values), max(map(len, values), default=0)))
    for row, some in zip(out, values, strict=True):
        row[: len(some)] = some
    return out


def _tails(q: np.ndarray, values: list[np.ndarray]) -> np.ndarray:
    """-log10 p of each; NaN where there are no eigenvalues."""
    out = np.full(len(q), np.nan)
    rows = [i for i, some in enumerate(values) if len(some)]
    if rows:
        logs = log_upper_tail(q[rows], _padded([values[i] for i in rows]))
        out[rows] = np.maximum(0.0, -logs / LN10)
    return out
