"""Firth fits of one number, the variant's effect, with an offset: the approximate form.

The covariates' part of the model is held at their own Firth fit, and the genotype is freed of
the covariates in the weights of the null model (REGENIE, Mbatchou et al. 2021). With the true
curvature of the penalised likelihood and steps of third order, two or three looks at all
people are enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genopheno.association.firth import ITERATIONS, MAX_STEP, Fit, halley

LAST_STEP = 1e-5  # what a step of third order leaves of it is rounding


@dataclass
class _State:
    """Of one-parameter fits at some coefficients, (variants,) each.

    Attributes
    ----------
    score : U*, the slope of the penalised likelihood l*.
    information : I. skew : dI/db. curvature : J = -dU*/db.
    """

    score: np.ndarray
    information: np.ndarray
    skew: np.ndarray
    curvature: np.ndarray

    @classmethod
    def of_sums(
        cls, score: np.ndarray, second: np.ndarray, third: np.ndarray, fourth: np.ndarray
    ) -> _State:
        """From Σ g (y - p) and the sums Σ gᵐ κₘ, κₘ the cumulants of a Bernoulli person."""
        with np.errstate(divide="ignore", invalid="ignore"):
            penalty = third / (2 * second)
            curvature = second + 2 * np.square(penalty) - fourth / (2 * second)
        return cls(score + penalty, second, third, curvature)

    def step(self) -> np.ndarray:
        """Halley's step; a shorter one where the penalty bends upwards, at most `MAX_STEP`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(self.curvature > 0, self.curvature, self.information)
            return np.clip(halley(self.score, slope, self.skew), -MAX_STEP, MAX_STEP)

    def put(self, rows: np.ndarray, other: _State) -> None:
        for name, values in vars(other).items():
            getattr(self, name)[rows] = values

    def take(self, rows: np.ndarray) -> _State:
        return _State(*(values[rows] for values in vars(self).values()))


class _Single:
    """One-parameter fits of a batch: y on genotype (variants, n) with an offset (n,).

    Everything is by t = tanh(η/2) = 2p - 1: κ₂ = (1 - t²)/4, κ₃ = -tκ₂, κ₄ = κ₂ (1 - 6κ₂).
    """

    def __init__(self, genotype: np.ndarray, y: np.ndarray, offset: np.ndarray):
        self.g, self.squares, self.half = genotype, np.square(genotype), offset / 2
        self.plain = genotype @ (y - 0.5)

    def keep(self, rows: np.ndarray) -> None:
        """Go on with these fits only."""
        self.g, self.squares, self.plain = self.g[rows], self.squares[rows], self.plain[rows]

    def start(self) -> _State:
        """At 0, where the probabilities are the same for all variants."""
        t = np.tanh(self.half)
        spread = 1 - t * t
        return _State.of_sums(
            self.plain - self.g @ t / 2,
            self.squares @ spread / 4,
            -(self.squares * self.g) @ (t * spread) / 4,
            np.square(self.squares) @ (spread * (1 - 1.5 * spread)) / 4,
        )

    def state(self, beta: np.ndarray, rows: np.ndarray | slice = slice(None)) -> _State:
        g, squares = self.g[rows], self.squares[rows]
        t = g * (beta[:, None] / 2)
        t += self.half
        np.tanh(t, out=t)
        t *= g
        spread = np.square(t)
        np.subtract(squares, spread, out=spread)  # g² (1 - t²)
        fourth = np.vecdot(spread, squares) - 1.5 * np.vecdot(spread, spread)
        score = self.plain[rows] - t.sum(1) / 2
        return _State.of_sums(score, spread.sum(1) / 4, -np.vecdot(t, spread) / 4, fourth / 4)

    def gain(self, beta: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Log likelihood of `rows` at beta, over that at 0."""
        size = np.abs(self.g[rows] * beta[:, None] + 2 * self.half)
        before = np.abs(2 * self.half)
        out = beta * self.plain[rows] + (before.sum() - size.sum(1)) / 2
        np.exp(np.negative(size, out=size), out=size)
        size += 1
        return out - np.log(size, out=size).sum(1) + np.log(1 + np.exp(-before)).sum()


def approximate(genotype: np.ndarray, y: np.ndarray, offset: np.ndarray) -> Fit:
    """One-parameter Firth fits with an offset.

    Parameters
    ----------
    genotype : (variants, n) freed of the covariates; 0 where a person has none.
    y : (n,) 0 or 1.
    offset : (n,) log odds of the covariates' Firth fit.
    """
    batch = len(genotype)
    beta, information, statistic = np.zeros(batch), np.full(batch, np.nan), np.zeros(batch)
    converged = np.zeros(batch, dtype=bool)
    model = _Single(genotype, y, offset)
    rows, at = np.arange(batch), np.zeros(batch)
    now = model.start()
    first = now.information.copy()
    for _ in range(ITERATIONS):
        step = now.step()
        done = np.abs(step) < LAST_STEP * np.maximum(1, np.abs(at))
        if done.any():
            # After Halley's step what is left is of the third order; the rest of the parabola
            # spares another look at all people.
            which, last = rows[done], step[done]
            beta[which] = at[done] + last
            information[which] = now.information[done] + now.skew[done] * last
            statistic[which] = 2 * model.gain(at[done], done) + now.score[done] * last
            statistic[which] += np.log(now.information[done] / first[which])
            converged[which] = True
            go = ~done
            rows, at, step, now = rows[go], at[go], step[go], now.take(go)
            if not rows.size:
                break
            model.keep(go)
        trial = at + step
        new = model.state(trial)
        for _ in range(10):
            worse = np.flatnonzero(~(np.abs(new.score) <= np.abs(now.score) * (1 + 1e-12)))
            if not worse.size:
                break
            trial[worse] = (trial[worse] + at[worse]) / 2
            new.put(worse, model.state(trial[worse], worse))
        at, now = trial, new
    with np.errstate(invalid="ignore"):
        return Fit(beta, 1 / np.sqrt(information), np.maximum(statistic, 0), converged)
