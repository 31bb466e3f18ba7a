"""Ancestry groups: a normal distribution of component scores per group of a labelled panel.

Quadratic discriminant analysis with equal priors, so that it does not matter how many people
of a group the panel has. A group's covariance is drawn towards the one that all groups have
in common, the more the fewer people it has (Friedman 1989, regularised discriminant analysis):
the groups of a panel differ in spread, admixed ones above all, which nearest neighbours and
a common covariance both ignore. It needs nothing beyond NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

UNASSIGNED = "unassigned"
FAR = 1e-8  # a person this unlikely in every group is in none; spread is not quite normal


@dataclass
class Groups:
    """Groups as distributions.

    Attributes
    ----------
    names : (g,) sorted. means : (g, k). covariances : (g, k, k), regularised.
    """

    names: list[str]
    means: np.ndarray
    covariances: np.ndarray

    @classmethod
    def fit(cls, scores: np.ndarray, labels: np.ndarray) -> Groups:
        """Fit on `scores` (people, k), finite, and `labels` (people,) of str."""
        names = sorted(set(labels.tolist()))
        return cls._of(names, *moments(scores, labels, names))

    @classmethod
    def _of(
        cls, names: list[str], sizes: np.ndarray, means: np.ndarray, scatters: np.ndarray
    ) -> Groups:
        k = means.shape[1]
        pooled = scatters.sum(axis=0) / max(sizes.sum() - len(names), 1)
        own = scatters / np.maximum(sizes - 1, 1)[:, None, None]
        weight = ((k + 1) / (sizes + k + 1))[:, None, None]
        return cls(names, means, (1 - weight) * own + weight * pooled)

    def distances(self, scores: np.ndarray) -> np.ndarray:
        """(people, g) squared Mahalanobis distance to each group."""
        apart = scores[:, None, :] - self.means[None]
        inverse = np.linalg.inv(self.covariances)
        return np.einsum("pgi,gij,pgj->pg", apart, inverse, apart)

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """(people, g) posterior probability of each group; rows add up to 1."""
        _, volume = np.linalg.slogdet(self.covariances)
        log = -0.5 * (self.distances(scores) + volume[None])
        log -= log.max(axis=1, keepdims=True)
        p = np.exp(log)
        return p / p.sum(axis=1, keepdims=True)

    def assign(
        self, scores: np.ndarray, min_probability: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Group of each person.

        Returns
        -------
        group : (people,) object; 'unassigned' below `min_probability`, far from every group,
            or without scores.
        probability : (people, g); NaN without scores.
        reason : (people,) object; why somebody is unassigned, else ''.
        """
        n, g = len(scores), len(self.names)
        there = np.isfinite(scores).all(axis=1)
        probability = np.full((n, g), np.nan)
        group = np.full(n, UNASSIGNED, dtype=object)
        reason = np.full(n, "", dtype=object)
        reason[~there] = "too few of the panel's variants are called"
        if not there.any():
            return group, probability, reason
        probability[there] = self.probabilities(scores[there])
        far = np.zeros(n, dtype=bool)
        far[there] = self.distances(scores[there]).min(axis=1) > chi2.isf(FAR, scores.shape[1])
        best = np.zeros(n, dtype=int)
        best[there] = probability[there].argmax(axis=1)
        sure = there & (np.nan_to_num(probability[np.arange(n), best]) >= min_probability)
        reason[there & ~sure] = f"no group has a probability of {min_probability:g}"
        reason[far] = "far from every group of the panel"
        given = sure & ~far
        group[given] = np.array(self.names, dtype=object)[best[given]]
        return group, probability, reason


def moments(
    scores: np.ndarray, labels: np.ndarray, names: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sizes (g,), means (g, k) and scatters (g, k, k): sums of products about the means."""
    parts = [scores[labels == name] for name in names]
    means = np.stack([part.mean(axis=0) for part in parts])
    apart = [part - mean for part, mean in zip(parts, means, strict=True)]
    return np.array([len(part) for part in parts]), means, np.stack([x.T @ x for x in apart])


def leave_one_out(scores: np.ndarray, labels: np.ndarray, min_probability: float) -> np.ndarray:
    """(people,) object: the group of each when the distributions are made without that person.

    The axes are not made anew for each; give scores as of people who took no part
    (`Components.shrinkage`). Groups have at least two people.
    """
    names = sorted(set(labels.tolist()))
    sizes, means, scatters = moments(scores, labels, names)
    group = np.full(len(scores), UNASSIGNED, dtype=object)
    for i, (row, label) in enumerate(zip(scores, labels, strict=True)):
        own = names.index(label)
        n, apart = sizes[own], row - means[own]
        less, mean, scatter = sizes.copy(), means.copy(), scatters.copy()
        less[own] -= 1
        mean[own] = means[own] - apart / (n - 1)
        scatter[own] -= np.outer(apart, apart) * n / (n - 1)
        group[i] = Groups._of(names, less, mean, scatter).assign(row[None], min_probability)[0][0]
    return group
