"""One time-to-event trait: a score test for every variant, Firth where p is small.

Model (Cox 1972): the hazard is λ(t) exp(X a + g b), with λ left free; b is the log hazard
ratio of one more effect allele. Ties after Efron, delayed entry: `risksets`. The null model
(b = 0) is fitted once per trait; where the covariates order the events it is a Firth fit instead.

`cox-score`  Rao's score test of the partial likelihood. With w = exp(X a) of the null model,
             S0 and S1 the sums of w and of w g over the risk set of an event, r and q = w Λ the
             martingale residuals and the cumulative hazards of the people,

                 U = g'r,  V = g'qg - Σ_events (S1 / S0)² - V_gX (I_XX)⁻¹ V_Xg,

             the information of the partial likelihood itself, adjusted for the covariates.
             V_gX is g'M with M (n, k) of the null model alone, so that a variant costs
             O(people (k + 1) + events). beta is U/V, SE is V^-½.
`cox-firth-approximate`, `cox-firth`
             where the score's p is below `firth_below`, and where that p is below
             `exact_firth_below` or its fit did not end; both in `firth`.

Missing genotypes: the people without one leave the risk sets of that variant, and the null
coefficients take one Newton step on the complete cases (the C(α) statistic of Neyman 1959, as
`association.logistic`); V is then the predictable variation under the null model's hazard. The
exact fit is of the complete cases.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from genopheno import pvalues
from genopheno.association import small
from genopheno.association.block import Block
from genopheno.association.cox import firth
from genopheno.association.cox.risksets import RiskSets, reciprocal
from genopheno.association.estimates import (
    COX_FIRTH,
    COX_FIRTH_APPROXIMATE,
    COX_SCORE,
    TESTS,
    Estimates,
)
from genopheno.association.projection import COLLINEAR, Projected, Space

SMALLEST = 1e-100  # sum of e^η over a risk set, of the largest; its square is divided by
BATCH_NUMBERS = 150_000  # genotypes per batch of Firth fits: what stays in the cache


class NullModelError(ValueError):
    """There is nothing to be learnt from the events, or the covariates cannot be fitted."""


class Cox:
    """One time-to-event trait, ready to be tested block by block.

    Parameters
    ----------
    event : (samples,) 1 event, 0 censored; any value off `space.used`, as those below.
    time : (samples,) end of follow-up, above 0.
    entry : (samples,) start of follow-up, below `time`; None: 0.
    x : (samples, k) covariates without an intercept, of full rank with one.
    space : the intercept alone, on the people of the trait; counts genotypes.
    firth_below, exact_firth_below : p-values, see the module.

    Attributes
    ----------
    null : 'cox' or 'cox-firth', how the null model was fitted.

    Raises
    ------
    NullModelError : no event has two people at risk, no fit of the covariates converges, or they
        tell the order of the events.
    """

    def __init__(
        self,
        event: np.ndarray,
        time: np.ndarray,
        entry: np.ndarray | None,
        x: np.ndarray,
        space: Space,
        *,
        firth_below: float,
        exact_firth_below: float,
    ):
        self.space = space
        self.firth_below = -np.log10(firth_below) if firth_below > 0 else np.inf
        self.exact_below = -np.log10(exact_firth_below) if exact_firth_below > 0 else np.inf
        used = space.used
        self.index = np.flatnonzero(used)
        self.event, self.time = event[used].astype(float), time[used]
        self.entry = None if entry is None else entry[used]
        self.risk = RiskSets(self.time, self.event, self.entry)
        everyone = np.ones(len(self.index))
        if self.risk.sums(everyone[:, None], everyone).max(initial=0) < 2:
            raise NullModelError("nobody else is at risk when its events happen")
        inside = x[used] - x[used].mean(0)
        inside = self.inside = small.orthonormal(inside) * np.sqrt(len(inside))
        plain = firth.fit(inside, self.event, self.risk, penalised=False)
        penalised = firth.fit(inside, self.event, self.risk, penalised=True)
        if not (plain.converged or penalised.converged):
            raise NullModelError("the model of the covariates alone does not converge")
        self.null = "cox" if plain.converged else "cox-firth"
        null = plain if plain.converged else penalised
        self.offset = inside @ (penalised if penalised.converged else null).beta
        self._prepare(inside, inside @ null.beta)

    def _prepare(self, inside: np.ndarray, eta: np.ndarray) -> None:
        """Everything of the null model that a variant needs, in the covariates' own metric."""
        w = self.weights = np.exp(eta - eta.max())
        self.total = self.risk.sums(np.ones((len(w), 1)), w)  # S0
        if self.total.min() < SMALLEST:
            raise NullModelError("its covariates tell the order of its events")
        hazard = w * self.risk.back(1 / self.total)[:, 0]
        sums = self.risk.sums(inside, w)
        information = inside.T @ (inside * hazard[:, None])
        information -= (sums / self.total).T @ (sums / self.total)
        # From here on the information of the covariates is the identity.
        inverse = np.linalg.inv(np.linalg.cholesky(information)).T
        self.x = inside @ inverse
        self.x_sums = sums @ inverse
        self.hazard = hazard
        self.residual = self.event - hazard
        self.x_score = self.x.T @ self.residual  # 0 but for a Firth null model
        self.x_hazard = self.x * hazard[:, None]
        self.direction = self.x_hazard - w[:, None] * self.risk.back(
            self.x_sums / np.square(self.total)
        )
        self.pairs = small.pair_products(self.x) * hazard[:, None]

    def test(self, block: Block, projected: Projected, wanted: np.ndarray) -> Estimates:
        """Estimates for the variants of the block; NaN where there is none.

        `wanted` (variants,) bool says which are worth a Firth fit.
        """
        counts, gappy = projected.counts, projected.gappy
        g = self._people(block.dosage)
        squares = self.hazard @ np.square(g)
        sums = self.risk.sums(g, self.weights)
        solved = self.direction.T @ g
        score = self.residual @ g - self.x_score @ solved
        curvature = squares - np.square(sums / self.total).sum(0) - np.square(solved).sum(0)
        regular = np.ones(len(score), dtype=bool)
        if gappy.size:
            score[gappy], curvature[gappy], solved[:, gappy], regular[gappy] = self._complete(
                g[:, gappy], sums[:, gappy], squares[gappy], self._people(block.absent(gappy))
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            # Carriers who were never at risk at an event say nothing.
            fitted = regular & (curvature > COLLINEAR * squares) & (counts.minor > 0)
            curvature = np.where(fitted, curvature, np.nan)
            beta, se = score / curvature, 1 / np.sqrt(curvature)
            neg_log10_p = pvalues.from_chi2(score * beta)
        test = np.full(len(beta), TESTS.index(COX_SCORE), dtype=np.int8)
        estimates = Estimates(beta, se, neg_log10_p, fitted, test)

        rows = np.flatnonzero(wanted & fitted & (neg_log10_p > self.firth_below))
        size = max(1, BATCH_NUMBERS // len(self.index))
        for at in range(0, len(rows), size):
            some = rows[at : at + size]
            absent = None
            if np.isin(some, gappy).any():
                absent = self._people(block.absent(some))
            self._refine(estimates, some, g[:, some], solved[:, some], absent)
        return estimates

    def _people(self, values: np.ndarray) -> np.ndarray:
        """(variants, samples) -> (people of the trait, variants)."""
        turned = np.ascontiguousarray(values.T)
        return turned if len(self.index) == len(turned) else turned[self.index]

    def _complete(
        self, g: np.ndarray, sums: np.ndarray, squares: np.ndarray, absent: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Score, curvature, covariates' part (k, variants) and regularity on complete cases.

        `g` and `absent` (n, variants), `sums` (E, variants) over risk sets, `squares` g'qg.
        """
        k = self.x.shape[1]
        gone = sparse.csr_array(absent)
        left = self.total - self.risk.sums(gone, self.weights)
        over = reciprocal(left, self.total)
        twice = over / self.total
        # Events less expected events of those who left: the others' residuals do not sum to 0.
        excess = over * (self.risk.gone(gone) - (self.total - left) / self.total)
        scaled = sums * twice
        score = self.residual @ g + _over_events(sums, excess)
        curvature = squares - _over_events(sums, scaled)
        x_score = self.x_score[:, None] - (self.x * self.residual[:, None]).T @ absent
        cross = self.x_hazard.T @ g
        information = small.unpack(self.pairs.sum(0) - absent.T @ self.pairs, k)
        x_left: list[np.ndarray] = []
        for j in range(k):
            x_left.append(self.x_sums[:, [j]] - self.risk.sums(gone, self.weights * self.x[:, j]))
            x_score[j] += _over_events(x_left[j], excess)
            cross[j] -= _over_events(x_left[j], scaled)
            x_scaled = x_left[j] * twice
            for i in range(j + 1):
                information[j, i] -= _over_events(x_scaled, x_left[i])
        factor, regular = small.cholesky(information)
        solved = small.solve(factor, cross[:, None])[:, 0]
        score = score - (solved * x_score).sum(0)
        return score, curvature - (cross * solved).sum(0), solved, regular

    def _refine(
        self,
        estimates: Estimates,
        rows: np.ndarray,
        g: np.ndarray,
        solved: np.ndarray,
        absent: np.ndarray | None,
    ) -> None:
        """Replace the score tests of `rows` by Firth fits."""
        free = g - self.x @ solved
        if absent is not None:
            free *= 1 - absent
        weights = np.exp(self.offset - self.offset.max())
        fit = firth.approximate(free, self.event, self.risk, weights, absent)
        neg_log10_p = np.where(fit.converged, pvalues.from_chi2(fit.statistic), np.nan)
        self._put(estimates, rows, COX_FIRTH_APPROXIMATE, fit.beta, fit.standard_error,
                  neg_log10_p, fit.converged)  # fmt: skip
        again = np.flatnonzero(~fit.converged | (neg_log10_p > self.exact_below))
        for i in again:
            keep = np.ones(len(g), dtype=bool) if absent is None else absent[:, i] == 0
            risk = self.risk
            if not keep.all():
                entry = None if self.entry is None else self.entry[keep]
                risk = RiskSets(self.time[keep], self.event[keep], entry)
            beta, error, gain, converged = firth.ratio_test(
                self.inside[keep], g[keep, i], self.event[keep], risk
            )
            self._put(estimates, rows[i], COX_FIRTH, beta, error,
                      pvalues.from_chi2(gain), converged)  # fmt: skip

    @staticmethod
    def _put(estimates, rows, test, beta, error, neg_log10_p, converged) -> None:
        estimates.beta[rows] = np.where(converged, beta, np.nan)
        estimates.standard_error[rows] = np.where(converged, error, np.nan)
        estimates.neg_log10_p[rows] = np.where(converged, neg_log10_p, np.nan)
        estimates.converged[rows] = converged
        estimates.test[rows] = TESTS.index(test)


def _over_events(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(m,) sums of products of a and b (E, m)."""
    return np.einsum("em,em->m", a, b)
