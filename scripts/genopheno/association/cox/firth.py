"""Fits of proportional hazards, plain and with Firth's penalty (Heinze and Schemper 2001).

The hazard of a person is λ(t) e^η, η = X b. With R the risk set of an event, tied people reduced
after Efron (`risksets`), the log partial likelihood of Cox (1972) is

    l(b) = Σ_events η - log Σ_R e^η.

It has no maximum where a column orders the events (a rare variant whose carriers all fall ill
first, or never: monotone likelihood). Half the log determinant of the information as a penalty
keeps estimates finite and takes off their first-order bias, as for logistic regression
(`association.firth`). p-values are of the penalised likelihood ratio, over the fit without
the variant *under the same penalty* (as R's coxphf); standard errors come from the information.

`fit`          a whole model.
`ratio_test`   covariates and one variant, refitted with and without it.
`approximate`  many variants: covariates held as an offset, genotypes freed of them; one number
               is left to fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genopheno.association import small
from genopheno.association.cox.risksets import RiskSets
from genopheno.association.firth import Fit

MAX_STEP = 5.0  # log hazard per iteration
TOLERANCE = 1e-9
ITERATIONS = 30
PENALISED_ITERATIONS = 100


@dataclass
class Whole:
    """One fitted model: b (k,), the (penalised) log likelihood, the information (k, k)."""

    beta: np.ndarray
    value: float
    information: np.ndarray
    converged: bool


class PartialLikelihood:
    """Likelihood of a model with columns x (n, k), best centred and about orthogonal."""

    def __init__(self, x: np.ndarray, event: np.ndarray, risk: RiskSets, penalised: bool):
        self.x, self.event, self.risk, self.penalised = x, event, risk, penalised
        self.k = x.shape[1]
        self.products = small.pair_products(x)
        row, column = small.pair_index(self.k)
        self.place = np.empty((self.k, self.k), dtype=int)  # of a pair among the products
        self.place[row, column] = self.place[column, row] = np.arange(len(row))

    def state(self, beta: np.ndarray):
        """Log likelihood, score, information; penalised where the model is."""
        x, k, risk = self.x, self.k, self.risk
        eta = x @ beta
        top = eta.max()
        w = np.exp(eta - top)
        sums = risk.sums(np.column_stack([np.ones(len(w)), x, self.products]), w)
        total = sums[:, 0]
        mean = sums[:, 1 : k + 1] / total[:, None]
        square = (sums[:, k + 1 :] / total[:, None])[:, self.place]
        value = self.event @ eta - (np.log(total) + top).sum()
        score = self.event @ x - mean.sum(0)
        information = square.sum(0) - mean.T @ mean
        if self.penalised and k:
            sign, log_determinant = np.linalg.slogdet(information)
            if sign <= 0:
                raise np.linalg.LinAlgError("singular information")
            value += log_determinant / 2
            score = score + self._bend(w, total, mean, square, information) / 2
        return value, score, information

    def _bend(self, w, total, mean, square, information) -> np.ndarray:
        """(k,) derivative of the log determinant of the information.

        The derivative of the information is the third cumulant of x over the risk sets; with
        z = L⁻¹x, LL' the information, its trace needs |z|² only.
        """
        whiten = np.linalg.inv(np.linalg.cholesky(information)).T
        z, z_mean = self.x @ whiten, mean @ whiten
        length = np.square(z).sum(1)
        cubes = self.risk.sums(self.x * length[:, None], w) / total[:, None]
        inner = np.einsum("eij,jl,el->ei", square, whiten, z_mean)
        spread = np.einsum("eij,il,jl->e", square, whiten, whiten)
        mean_length = np.square(z_mean).sum(1)
        each = cubes - 2 * inner - mean * spread[:, None] + 2 * mean * mean_length[:, None]
        return each.sum(0)


def fit(
    x: np.ndarray,
    event: np.ndarray,
    risk: RiskSets,
    *,
    penalised: bool,
    free: int | None = None,
    start: np.ndarray | None = None,
) -> Whole:
    """Maximise by Newton's method over the first `free` coefficients; the others stay 0.

    Parameters
    ----------
    x : (n, k) covariates without an intercept, of full rank with one, on a scale of about 1.
    event : (n,) 1 or 0. risk : their risk sets.
    penalised : with Firth's penalty, of all k columns.
    free : None: all. start : (k,) where to begin; None: 0.
    """
    k = x.shape[1]
    free = k if free is None else free
    beta = np.zeros(k) if start is None else start.copy()
    model = PartialLikelihood(x, event, risk, penalised)
    damping, before = 1.0, np.zeros(free)
    try:
        value, score, information = model.state(beta)
        for _ in range(PENALISED_ITERATIONS if penalised else ITERATIONS):
            step = np.linalg.solve(information[:free, :free], score[:free])
            longest = np.abs(step).max(initial=0.0)
            if longest < TOLERANCE:
                # What is left of monotone likelihood is an information of nothing.
                regular = small.cholesky(information[:, :, None])[1].all()
                return Whole(beta, value, information, bool(regular))
            damping = float(_damped(damping, step @ before, before @ before))
            before = step
            step = step * (damping * min(1.0, MAX_STEP / longest))
            for _ in range(25):
                trial = beta.copy()
                trial[:free] += step
                found = model.state(trial)
                if found[0] >= value - 1e-9:
                    break
                step /= 2
            beta, (value, score, information) = trial, found
    except np.linalg.LinAlgError:
        pass
    return Whole(beta, np.nan, np.full((k, k), np.nan), False)


def _damped(damping, along, length):
    """Damping for steps that swing about the maximum.

    Steps take the information for the curvature, but the penalty bends too, and steps of full
    length may swing for ever. A step that turns against the one before shows by how much:
    `along` is their inner product, `length` that of the one before with itself.
    """
    ratio = along / np.where(length > 0, length, 1.0)
    return np.where(ratio < -0.1, damping / (1 - np.minimum(ratio, 0)), damping)


def ratio_test(
    x: np.ndarray, genotype: np.ndarray, event: np.ndarray, risk: RiskSets
) -> tuple[float, float, float, bool]:
    """Penalised fit of covariates and one variant against the one without the variant.

    Parameters
    ----------
    x : (n, k) covariates as for `fit`. genotype : (n,) dosage.

    Returns
    -------
    log hazard ratio, its standard error, twice the gain, and whether both fits converged.
    """
    scale = genotype.std() or 1.0
    columns = np.column_stack([x, (genotype - genotype.mean()) / scale])
    k = x.shape[1]
    null = fit(columns, event, risk, penalised=True, free=k)
    full = fit(columns, event, risk, penalised=True, start=null.beta if null.converged else None)
    if not (null.converged and full.converged):
        return np.nan, np.nan, np.nan, False
    variance = np.linalg.inv(full.information)[-1, -1]
    gain = max(0.0, 2 * (full.value - null.value))
    return full.beta[-1] / scale, np.sqrt(variance) / scale, gain, True


def approximate(
    genotype: np.ndarray,
    event: np.ndarray,
    risk: RiskSets,
    weights: np.ndarray,
    absent: np.ndarray | None = None,
) -> Fit:
    """One-parameter penalised fits with an offset.

    Parameters
    ----------
    genotype : (n, variants) freed of the covariates; 0 where `absent`.
    event : (n,) 1 or 0. risk : their risk sets.
    weights : (n,) e^η of the covariates' penalised fit.
    absent : (n, variants) 1 where the person has no genotype; None: all have. He leaves the
        risk sets, and his event is not counted; the shares of ties stay those of all people.
    """
    batch = genotype.shape[1]
    counted = np.ones((risk.events, batch))
    if absent is not None:
        counted -= risk.gone(absent)
    toward = event @ genotype

    def state(rows: np.ndarray, at: np.ndarray):
        """Penalised score, information, penalised log likelihood."""
        g = genotype[:, rows]
        eta = g * at
        top = eta.max(0)
        w = np.exp(eta - top)
        if absent is not None:
            w *= 1 - absent[:, rows]
        moments = [w]
        for _ in range(3):
            moments.append(moments[-1] * g)
        total, *sums = np.split(risk.sums(np.hstack(moments), weights), 4, axis=1)
        share = counted[:, rows]
        there = share > 0  # so is the person with the event: the risk set is not empty
        total = np.where(there, total, 1.0)
        m1, m2, m3 = (np.where(there, part / total, 0.0) for part in sums)
        info = (share * (m2 - m1**2)).sum(0)
        skew = (share * (m3 - 3 * m1 * m2 + 2 * m1**3)).sum(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = at * toward[rows] - (share * (np.log(total) + top)).sum(0)
            value += np.log(info) / 2
            score = toward[rows] - (share * m1).sum(0) + skew / (2 * info)
        return score, info, value

    rows = np.arange(batch)
    beta, converged = np.zeros(batch), np.zeros(batch, dtype=bool)
    information, best = np.full(batch, np.nan), np.full(batch, np.nan)
    score, info, value = state(rows, beta)
    start = value.copy()
    damping, before = np.ones(batch), np.zeros(batch)
    for _ in range(PENALISED_ITERATIONS):
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.clip(score / info, -MAX_STEP, MAX_STEP)
        good = np.isfinite(step) & np.isfinite(value)
        done = good & (np.abs(step) < TOLERANCE * np.maximum(1, np.abs(beta[rows])))
        information[rows[done]], best[rows[done]] = info[done], value[done]
        converged[rows[done]] = True
        go = good & ~done
        rows, step, value = rows[go], step[go], value[go]
        if not rows.size:
            break
        damping[rows] = _damped(damping[rows], step * before[rows], np.square(before[rows]))
        before[rows] = step
        step = step * damping[rows]
        trial = beta[rows] + step
        score, info, new = state(rows, trial)
        for _ in range(25):
            worse = ~(new >= value - 1e-9)
            if not worse.any():
                break
            step[worse] /= 2
            trial[worse] -= step[worse]
            score[worse], info[worse], new[worse] = state(rows[worse], trial[worse])
        beta[rows], value = trial, new
    with np.errstate(divide="ignore", invalid="ignore"):
        error = 1 / np.sqrt(information)
    return Fit(beta, error, np.maximum(2 * (best - start), 0), converged)
