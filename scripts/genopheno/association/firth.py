"""Penalised logistic regression after Firth (1993), many variants at once.

Logistic estimates run away where cases and controls are (nearly) separated, as they are
for rare variants and few cases. Firth's penalty, half the log determinant of the
information I, keeps them finite and takes off their first-order bias:

    l*(b) = Σ y η - log(1 + e^η) + ½ log |I(b)|,   U* = X'(y - p + h (½ - p)),

with h the diagonal of the weighted hat matrix (Heinze and Schemper 2002). p-values are of
the penalised likelihood ratio, twice the gain of l* over the fit with b = 0 *under the
same penalty* (as R's logistf), one degree of freedom; standard errors come from I⁻¹.

Two forms:
`exact`       the whole model, covariates and variant, refitted for each variant.
`approximate` the covariates' part is held at their own Firth fit, as an offset (`firth_single`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genopheno.association import small

MAX_STEP = 5.0  # log odds per iteration, as logistf and REGENIE
TOLERANCE = 1e-8
ITERATIONS = 100


@dataclass
class Fit:
    """Fits of a batch: effect, its standard error, twice the penalised gain, convergence."""

    beta: np.ndarray
    standard_error: np.ndarray
    statistic: np.ndarray
    converged: np.ndarray


def logistic(eta: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-η), without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * eta))


def halley(value: np.ndarray, slope: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """Step to the root of value - slope δ - bend δ²/2; Newton's where it would more than double."""
    newton = value / slope
    change = newton * bend / (2 * slope)
    return newton / np.where(change > -0.5, 1 + change, 1.0)


def log_likelihood(y: np.ndarray, eta: np.ndarray, present: np.ndarray | None) -> np.ndarray:
    """Bernoulli log likelihood over the last axis, of the people `present` (1 or 0)."""
    # log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) does not overflow, and its parts are vectorised.
    each = y * eta - np.maximum(eta, 0.0) - np.log(1.0 + np.exp(-np.abs(eta)))
    return each.sum(-1) if present is None else (each * present).sum(-1)


def _damp(damping: np.ndarray, rows: np.ndarray, along: np.ndarray, length: np.ndarray) -> None:
    """Shorten the steps of the fits that swing about their maximum.

    The steps take the information for the curvature, but the penalty bends too: for a
    single carrier the curvature is twice the information, and steps of full length swing
    for ever. A step that turns against the one before it shows by how much.

    Parameters
    ----------
    along, length : inner products of the step with the one before, and of that with itself.
    """
    ratio = along / np.where(length > 0, length, 1.0)
    swings = ratio < -0.1
    damping[rows[swings]] /= 1 - ratio[swings]


class _Full:
    """Score, information and penalised likelihood of full models for a batch of variants."""

    def __init__(
        self,
        x: np.ndarray,
        g: np.ndarray,
        y: np.ndarray,
        present: np.ndarray,
        offset: np.ndarray | None,
    ):
        self.x, self.g, self.y, self.present = x, g, y, present
        self.offset = 0.0 if offset is None else offset
        self.k = x.shape[1]
        self.pairs = small.pair_products(x)
        row, column = small.pair_index(self.k)
        self.row, self.column, self.twice = row, column, np.where(row == column, 1.0, 2.0)

    def eta(self, beta: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """(variants, n) linear predictor at beta (k + 1, variants)."""
        return beta[:-1].T @ self.x.T + beta[-1][:, None] * self.g[rows] + self.offset

    def information(self, w: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """(k + 1, k + 1, variants) of weights w (variants, n); the variant comes last."""
        k, g = self.k, self.g[rows]
        full = np.empty((k + 1, k + 1, len(rows)))
        full[:k, :k] = small.unpack(w @ self.pairs, k)
        wg = w * g
        full[k, :k] = full[:k, k] = (wg @ self.x).T
        full[k, k] = np.einsum("vn,vn->v", wg, g)
        return full

    def state(self, beta: np.ndarray, rows: np.ndarray):
        """Modified score (k + 1, variants), information, factor, penalised likelihood, regular."""
        g, present = self.g[rows], self.present[rows]
        eta = self.eta(beta, rows)
        p = logistic(eta)
        w = p * (1 - p) * present
        information = self.information(w, rows)
        factor, regular = small.cholesky(information)
        eye = np.repeat(np.eye(self.k + 1)[:, :, None], len(rows), axis=2)
        inverse = small.solve(factor, eye)
        hat = (inverse[self.row, self.column].T * self.twice) @ self.pairs.T
        hat += 2 * g * (inverse[-1, :-1].T @ self.x.T)
        hat += np.square(g) * inverse[-1, -1][:, None]
        each = (self.y - p + w * hat * (0.5 - p)) * present
        score = np.vstack([(each @ self.x).T, np.einsum("vn,vn->v", each, g)])
        penalised = log_likelihood(self.y, eta, present) + small.log_determinant(factor) / 2
        return score, information, factor, penalised, regular


def _maximise(
    model: _Full, beta: np.ndarray, free: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Newton's method on the first `free` coefficients, under the penalty of all.

    Returns
    -------
    beta (k + 1, variants), penalised likelihood, variance of the last coefficient, converged.
    """
    batch = beta.shape[1]
    rows = np.arange(batch)
    best = np.full(batch, np.nan)
    variance = np.full(batch, np.nan)
    converged = np.zeros(batch, dtype=bool)
    damping, before = np.ones(batch), np.zeros((free, batch))
    score, information, factor, value, regular = model.state(beta, rows)
    for _ in range(ITERATIONS):
        part, _ = small.cholesky(information[:free, :free])
        step = small.solve(part, score[:free, None])[:, 0]
        longest = np.abs(step).max(0)
        done = regular & (longest < TOLERANCE)
        best[rows[done]] = value[done]
        unit = np.zeros((len(factor), 1, done.sum()))
        unit[-1] = 1
        variance[rows[done]] = small.solve(factor[:, :, done], unit)[-1, 0]
        converged[rows[done]] = True
        go = regular & ~done
        if not go.any():
            break
        rows, step, value, longest = rows[go], step[:, go], value[go], longest[go]
        last = before[:, rows]
        _damp(damping, rows, (step * last).sum(0), np.square(last).sum(0))
        before[:, rows] = step
        step *= np.minimum(1, MAX_STEP / longest) * damping[rows]
        trial = beta[:, rows]
        trial[:free] += step
        score, information, factor, new, regular = model.state(trial, rows)
        for _ in range(25):
            worse = ~regular | ~(new >= value - 1e-9)
            if not worse.any():
                break
            step[:, worse] /= 2
            trial[:free, worse] -= step[:, worse]
            part_state = model.state(trial[:, worse], rows[worse])
            for whole, piece in zip(
                (score, information, factor, new, regular), part_state, strict=True
            ):
                whole[..., worse] = piece
        beta[:, rows] = trial
        value = new
    return beta, best, variance, converged


def exact(
    x: np.ndarray,
    genotype: np.ndarray,
    y: np.ndarray,
    present: np.ndarray | None = None,
    offset: np.ndarray | None = None,
) -> Fit:
    """Full Firth fits, covariates and variant together.

    Parameters
    ----------
    x : (n, k) covariates with the intercept, full rank, best orthonormal.
    genotype : (variants, n) dosage; 0 where not `present`.
    y : (n,) 0 or 1.
    present : (variants, n) 1 where the person has a genotype; None: all have.
    offset : (n,) log odds that are given; None: 0.
    """
    batch, k = len(genotype), x.shape[1]
    if present is None:
        present = np.ones(genotype.shape)
    model = _Full(x, genotype, y, present, offset)
    null, null_value, _, null_done = _maximise(model, np.zeros((k + 1, batch)), k)
    null[:, ~null_done] = 0
    beta, value, variance, done = _maximise(model, null.copy(), k + 1)
    good = null_done & done
    return Fit(
        np.where(good, beta[-1], np.nan),
        np.where(good, np.sqrt(np.abs(variance)), np.nan),
        np.where(good, np.maximum(2 * (value - null_value), 0), np.nan),
        good,
    )


def covariates_only(
    x: np.ndarray, y: np.ndarray, offset: np.ndarray | None = None
) -> tuple[np.ndarray, bool]:
    """Firth fit of the covariates: log odds (n,), `offset` included, and whether it converged.

    The last column of x takes the place of the variant.
    """
    model = _Full(x[:, :-1], x[:, -1][None], y, np.ones((1, len(y))), offset)
    beta, _, _, converged = _maximise(model, np.zeros((x.shape[1], 1)), x.shape[1])
    eta = x @ beta[:, 0]
    return eta if offset is None else eta + offset, bool(converged[0])
