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

Most people carry no rare allele, and their g is small: what the covariates take. Their part
of K is then its Taylor series to t⁴ (Dey et al. take it to t², a normal), made once, and only
the carriers are summed at every step. Where |ζ g| of somebody else is above `NEAR`, the series
is given up for the full sum.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from genopheno import pvalues
from genopheno.association.firth import halley, logistic

ITERATIONS = 60
LAST_STEP = 1e-5  # of the score's spread: what a step of third order leaves is rounding
TOLERANCE = 1e-9
FLAT = 1e-2  # w below which log(v / w) / w is mostly rounding, and its limit is taken
ROUNDING = 1e-9  # of the largest score
STEEP = 500.0  # g t at which e^(g t) is as good as infinite
FEW = 0.25  # share of carriers below which the others are taken by their series
NEAR = 0.7  # |ζ g| up to which the series serves


def neg_log10_p(
    genotype: np.ndarray, y: np.ndarray, eta: np.ndarray, carriers: np.ndarray | None = None
) -> np.ndarray:
    """-log10 of the two-sided p-value of each score; NaN where the search does not end.

    Parameters
    ----------
    genotype : (variants, n) freed of the covariates, 0 for people without a genotype.
    y : (n,) 0 or 1. eta : (n,) log odds of the null model.
    carriers : (variants, n) bool, who has the rarer allele; None: all are summed.
    """
    score = np.abs(genotype @ (y - logistic(eta)))
    out = np.full(len(score), np.nan)
    full = np.ones(len(score), dtype=bool)
    if carriers is not None:
        rows = np.flatnonzero(carriers.sum(1) < FEW * len(y))
        if rows.size:
            tails = _Tails.of_carriers(genotype[rows], eta, carriers[rows])
            found = tails.log_p(score[rows])
            good = tails.near & np.isfinite(found)
            out[rows[good]] = -found[good] / pvalues.LN10
            full[rows[good]] = False
    if full.any():
        out[full] = -_Tails(genotype[full], eta).log_p(score[full]) / pvalues.LN10
    return np.maximum(0.0, out)


class _Tails:
    """Both tails of the scores of a batch of variants.

    Parameters
    ----------
    g : (variants, m) of the people who are summed. eta : (m,) or (variants, m).
    rest : (3, variants) second to fourth cumulant of the sum over the others; None: no others.
    largest : (variants,) largest |g| of the others.

    Attributes
    ----------
    near : after `log_p`, (variants,) the series of the others served.
    """

    def __init__(
        self,
        g: np.ndarray,
        eta: np.ndarray,
        rest: np.ndarray | None = None,
        largest: np.ndarray | None = None,
    ):
        self.size = len(g)
        self.g = np.concatenate([g, -g])  # the lower tail is the upper one of -g
        self.squares = np.square(self.g)
        self.half = np.concatenate([eta, eta]) / 2 if eta.ndim == 2 else eta / 2
        self.base = (self.g * np.tanh(self.half)).sum(1)
        self.mean = (self.g.sum(1) + self.base) / 2
        self.rest = np.zeros((3, len(self.g)))
        self.largest = largest
        if rest is not None:
            self.rest[:, : self.size] = self.rest[:, self.size :] = rest
            self.rest[1, self.size :] *= -1

    @classmethod
    def of_carriers(cls, genotype: np.ndarray, eta: np.ndarray, carriers: np.ndarray) -> _Tails:
        """Sums over the carriers, and the series of the others."""
        t = np.tanh(eta / 2)
        spread = 1 - t * t
        others = np.where(carriers, 0.0, genotype)
        squares = np.square(others)
        rest = np.stack(
            [
                squares @ spread / 4,
                -(squares * others) @ (t * spread) / 4,
                np.square(squares) @ (spread * (1 - 1.5 * spread)) / 4,
            ]
        )
        row, person = np.nonzero(carriers)
        sizes = carriers.sum(1)
        place = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        shape = len(genotype), max(1, int(sizes.max()))
        g, own = np.zeros(shape), np.zeros(shape)  # people with g = 0 add nothing
        g[row, place], own[row, place] = genotype[row, person], eta[person]
        return cls(g, own, rest, np.sqrt(squares.max(1)))

    def log_p(self, score: np.ndarray) -> np.ndarray:
        """Log of the two-sided p-values of |score| (variants,); NaN where a search does not end."""
        s = np.concatenate([score, score])
        out, t = self._ends(s), np.zeros(len(s))
        rows = np.flatnonzero(np.isnan(out))
        t[rows], ended = self._roots(s[rows], rows)
        rows = rows[ended]
        if rows.size:
            out[rows] = self._tail(s[rows], t[rows], rows)
        if self.largest is not None:
            self.near = np.abs(t).reshape(2, -1).max(0) * self.largest <= NEAR
        with np.errstate(invalid="ignore"):  # a search that did not end
            return np.logaddexp(out[: self.size], out[self.size :])

    def _half(self, rows: np.ndarray) -> np.ndarray:
        return self.half[rows] if self.half.ndim == 2 else self.half

    def _state(self, t: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First three derivatives of K at t."""
        g = self.g[rows]
        x = g * (t / 2)[:, None]
        x += self._half(rows)
        np.tanh(x, out=x)
        x *= g
        spread = np.square(x)
        np.subtract(self.squares[rows], spread, out=spread)
        second, third, fourth = self.rest[:, rows]
        return (
            (x.sum(1) - self.base[rows]) / 2 + t * (second + t * (third / 2 + t * fourth / 6)),
            spread.sum(1) / 4 + second + t * (third + t * fourth / 2),
            -np.vecdot(x, spread) / 4 + third + t * fourth,
        )

    def _cumulant(self, t: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """K at t."""
        eta = 2 * self._half(rows)
        new = self.g[rows] * t[:, None] + eta
        second, third, fourth = self.rest[:, rows]
        series = t * t * (second / 2 + t * (third / 6 + t * fourth / 24))
        return softplus_sum(new) - softplus_sum(eta) - t * self.mean[rows] + series

    def _ends(self, s: np.ndarray) -> np.ndarray:
        """The tails that have no saddlepoint; NaN for the others.

        The largest score has but one way to come about; beyond it is nothing. The series of
        others has no largest value.
        """
        out = np.full(len(s), np.nan)
        if self.largest is not None:
            return out
        highest = np.where(self.g > 0, self.g, 0.0).sum(1) - self.mean
        out[s >= highest * (1 - ROUNDING)] = -np.inf
        end = np.abs(s - highest) <= ROUNDING * highest
        if end.any():
            g, eta = self.g[end], 2 * self.half
            out[end] = -np.where(g > 0, np.logaddexp(0, -eta), 0.0).sum(1)
            out[end] -= np.where(g < 0, np.logaddexp(0, eta), 0.0).sum(1)
        return out

    def _roots(self, s: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ζ of each tail of `rows`, and whether its search ended.

        The slope of K rises from 0 at t = 0: the root is bracketed from the left, and steps that
        leave the bracket are halved.
        """
        t, ended = np.zeros(len(s)), np.zeros(len(s), dtype=bool)
        low, high = np.zeros(len(s)), np.full(len(s), np.inf)
        most = STEEP / np.maximum(np.abs(self.g[rows]).max(1), TOLERANCE)
        active = np.arange(len(s))
        for _ in range(ITERATIONS):
            if not active.size:
                break
            now, goal = t[active], s[active]
            slope, bend, skew = self._state(now, rows[active])
            short = slope < goal
            left = low[active] = np.where(short, now, low[active])
            right = high[active] = np.where(short, high[active], now)
            with np.errstate(divide="ignore", invalid="ignore"):
                trial = now + halley(goal - slope, bend, skew)
                middle = np.where(np.isfinite(right), (left + right) / 2, 2 * left + 0.1)
            inside = (trial >= left) & (trial <= right) & (trial < most[active])
            step = np.where(inside, trial, np.minimum(middle, most[active]))
            near = inside & (np.abs(goal - slope) <= LAST_STEP * np.sqrt(np.maximum(bend, 0)))
            stuck = np.abs(step - now) <= TOLERANCE * np.maximum(1e-6, np.abs(step))
            t[active] = step
            done = near | stuck
            ended[active[done]] = True
            active = active[~done]
        return t, ended

    def _tail(self, s: np.ndarray, t: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Log of the tails beyond s, at their saddlepoints t."""
        _, bend, skew = self._state(t, rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            w = np.sqrt(np.maximum(0.0, 2 * (t * s - self._cumulant(t, rows))))
            v = t * np.sqrt(bend)
            tail = w + np.where(w > FLAT, np.log(v / w) / w, skew / (6 * bend**1.5))
        return special.log_ndtr(-tail)


def softplus_sum(x: np.ndarray) -> np.ndarray:
    """Σ log(1 + e^x) over the last axis, without overflow."""
    return np.maximum(x, 0.0).sum(-1) + np.log(1 + np.exp(-np.abs(x))).sum(-1)
