"""Traits that no variant has anything to do with, made from a real one's people and covariates.

`permuted`   the trait with its covariates, dealt out anew over its people. Its distribution,
             its cases and what the covariates mean for it stay; kinship is broken, so that for
             relatives it tests the arithmetic of a model and not whether it copes with kinship.
`simulated`  covariates stay where they are, and the trait is drawn: quantitative as their effect
             and N(0, 1), binary from a logistic model of them at a given share of cases.
`polygenic`  as `simulated`, and half of the variance (of the liability, for a binary trait) is
             heritable: from common variants of every other contig, while only variants of the
             contigs between are tested. Relatives, and people of one origin, are alike in it
             as in a real trait: this is the null for models that are meant for relatives.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genopheno.association.design import TraitDesign

PERMUTED, SIMULATED, POLYGENIC = NULLS = ("permuted", "simulated", "polygenic")
COVARIATES = 0.5  # standard deviation of what the covariates do, in trait units or log odds
HERITABILITY = 0.5
ROUNDS = 60  # halvings for the intercept of the logistic model


def permuted(trait: TraitDesign, name: str, rng: np.random.Generator) -> TraitDesign:
    """The trait with its covariates over other people, all of them its own."""
    index = np.flatnonzero(trait.used)
    source = rng.permutation(index)
    y, x = np.full_like(trait.y, np.nan), np.full_like(trait.x, np.nan)
    y[index], x[index] = trait.y[source], trait.x[source]
    return replace(trait, name=name, y=y, x=x, complete=trait.used)


def simulated(
    trait: TraitDesign,
    name: str,
    case_fraction: float | None,
    rng: np.random.Generator,
    genetic: np.ndarray | None = None,
) -> TraitDesign:
    """A trait drawn for the people and covariates of `trait`.

    Parameters
    ----------
    trait : the template; its own values are not used.
    case_fraction : expected share of cases; None: a quantitative trait.
    genetic : (samples,) heritable part, any scale; None: there is none.
    """
    used = trait.used
    n = int(used.sum())
    linear = _effect(trait.x[used], rng)
    if genetic is not None:
        part = genetic[used]
        own = np.sqrt(HERITABILITY) * (part - part.mean()) / part.std()
        noise = own + np.sqrt(1 - HERITABILITY) * rng.normal(size=n)
    elif case_fraction is None:
        noise = rng.normal(size=n)
    y = np.full(len(used), np.nan)
    if case_fraction is None:
        y[used] = linear + noise
    elif genetic is None:
        y[used] = rng.random(n) < _shares(linear, case_fraction)
    else:
        liability = linear + noise
        y[used] = liability > np.quantile(liability, 1 - case_fraction)
    kind = "quantitative" if case_fraction is None else "binary"
    return replace(trait, name=name, type=kind, y=y)


def _effect(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What the covariates x (n, k) do: random effects, of spread `COVARIATES` in all; (n,)."""
    spread = x.std(0)
    linear = ((x - x.mean(0)) / np.where(spread > 0, spread, 1.0)) @ rng.normal(size=x.shape[1])
    return COVARIATES * linear / linear.std() if linear.any() else linear


def _shares(linear: np.ndarray, mean: float) -> np.ndarray:
    """Probabilities of a logistic model with the mean given: the intercept is sought."""
    low, high = -30.0, 30.0
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        shares = 1 / (1 + np.exp(-(middle + linear)))
        low, high = (middle, high) if shares.mean() < mean else (low, middle)
    return shares
