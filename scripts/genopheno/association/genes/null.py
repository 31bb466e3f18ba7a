"""Scores of several variants at once, and their covariance, under the scan's null models.

With G (m, n) the genotypes of the people of a trait,

    S = G r,   V = G W G' - (G W^½ Q)(G W^½ Q)',

r, W and Q being what the single-variant tests take (`projection`): for a quantitative trait
the residuals over their standard deviation and weights of 1, for a binary one y - p and p (1 -
p), with predictions of step 1 as an offset or taken off before. For the mixed model, G, trait
and covariates are turned by the eigenvectors of the relationship, and W = 1 / (λ d + 1) with
the λ of the null model, as in SMMAT (Chen 2019).

**Few cases.** The scores of a binary trait are skew where cases or carriers are few. As in
SAIGE-GENE and REGENIE, V is scaled so that each variant has its saddlepoint p-value, and after that
so that the weighted burden is not more significant than its own saddlepoint says (Zhao 2020).
The mixed model has no saddlepoint here, nor where the null model had to be penalised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genopheno import pvalues
from genopheno.association import small, spa
from genopheno.association.firth import logistic
from genopheno.association.linear import Linear
from genopheno.association.logistic import Logistic
from genopheno.association.mixed import Mixed
from genopheno.association.tasks import Task

REFINED = pvalues.from_normal(np.array(2.0))  # score tests beyond two standard deviations, as SAIGE


@dataclass(frozen=True)
class Null:
    """A fitted null model, for sets of variants.

    Attributes
    ----------
    index : (n,) the samples of the trait.
    residual : (n,) r. weights : (n,) W. scaled : (n, k) W^½ Q.
    total : (k,) Q'W^-½ r; 0 but where the null model is penalised.
    vectors : (n, n) that genotypes are turned by; None: they are not.
    unit : what S / V is divided by to be an effect in units of the trait, or log odds.
    y, eta, direction : cases, log odds and Q W^-½ of a binary trait; None: no saddlepoint.
    """

    index: np.ndarray
    residual: np.ndarray
    weights: np.ndarray
    scaled: np.ndarray
    total: np.ndarray
    vectors: np.ndarray | None = None
    unit: float = 1.0
    y: np.ndarray | None = None
    eta: np.ndarray | None = None
    direction: np.ndarray | None = None

    @classmethod
    def of(cls, task: Task) -> Null | None:
        """The null model of a trait; None where there is none for sets (time-to-event)."""
        model = task.model
        if isinstance(model, Linear):
            index = np.flatnonzero(model.space.used)
            sigma = np.sqrt(model.total / (model.space.n - model.space.k))
            return cls(
                index,
                model.residual[index] / sigma,
                np.ones(len(index)),
                model.space.scaled[index],
                np.zeros(model.space.k),
                unit=1 / sigma,
            )
        if isinstance(model, Logistic):
            exact = model.null == "logistic"
            return cls(
                model.index,
                model.y - logistic(model.eta),
                model.weights[model.index],
                model.space.scaled[model.index],
                model.total,
                y=model.y if exact else None,
                eta=model.eta if exact else None,
                direction=model.direction if exact else None,
            )
        return _mixed(model) if isinstance(model, Mixed) else None

    def moments(self, genotype: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """S (m,) and V (m, m) of genotypes (m, n)."""
        if self.vectors is not None:
            genotype = genotype @ self.vectors
        inner = genotype @ self.scaled
        score = genotype @ self.residual - inner @ self.total
        return score, (genotype * self.weights) @ genotype.T - inner @ inner.T

    def saddlepoint(self, genotype: np.ndarray, score: np.ndarray, variance: np.ndarray):
        """Variances (m,) with which the scores have their saddlepoint p-values.

        Parameters
        ----------
        genotype : (m, n). score, variance : (m,) of them.
        """
        out = variance.copy()
        if self.y is None:
            return out
        with np.errstate(divide="ignore", invalid="ignore"):
            plain = pvalues.from_chi2(np.square(score) / variance)
        rows = np.flatnonzero((plain > REFINED) & (variance > 0))
        if rows.size:
            some = genotype[rows]
            free = some - (some @ self.scaled) @ self.direction.T
            found = spa.neg_log10_p(free, self.y, self.eta, some > 0)
            good = np.isfinite(found) & (found > 0)
            chi2 = pvalues.chi2_from_neg_log10(found[good])
            out[rows[good]] = np.square(score[rows[good]]) / chi2
        return out


def _mixed(model: Mixed) -> Null:
    relationship = model.relationship
    odds = model.heritability / (1 - model.heritability) / relationship.diagonal
    weights = 1 / (odds * relationship.eigenvalues + 1)
    root = np.sqrt(weights)
    x, y = model.fixed[:, :-1], model.fixed[:, -1]
    basis = small.orthonormal(x * root[:, None])
    left = root * y
    for _ in range(2):  # the second pass takes what rounding left of the first
        left = left - basis @ (basis.T @ left)
    sigma = np.sqrt(left @ left / (len(y) - model.k))
    return Null(
        relationship.index,
        root * left / sigma,
        weights,
        basis * root[:, None],
        np.zeros(model.k),
        relationship.vectors,
        unit=model.unit / sigma,
    )
