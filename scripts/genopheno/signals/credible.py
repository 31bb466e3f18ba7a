"""Credible sets: which variants may be the cause of a signal, if one alone is.

Approximate Bayes factors (Wakefield 2009, Genet Epidemiol 33:79) from p and standard errors, the
same prior for every variant of the locus (Maller et al. 2012, Nat Genet 44:1294).
"""

from __future__ import annotations

import numpy as np

from genopheno import pvalues

# Standard deviation of true effects: of log odds, and per standard deviation of a quantitative
# trait; as in coloc (Giambartolomei et al. 2014).
PRIOR_BINARY, PRIOR_QUANTITATIVE = 0.2, 0.15


def log_bayes_factors(
    neg_log10_p: np.ndarray, standard_error: np.ndarray, prior: float
) -> np.ndarray:
    """Log of the Bayes factor for an effect against none; NaN where there is no estimate.

    Parameters
    ----------
    neg_log10_p : (variants,) of each alone. The squared z that the formula asks for is taken from
        it and not as that of beta over its error: where a variant explains much of a trait,
        Student's t² of neighbours differ more than their likelihoods do, which makes sets too
        small.
    standard_error : (variants,) of the effect.
    prior : standard deviation of true effects, on the same scale.
    """
    shrink = prior**2 / (prior**2 + np.square(standard_error))
    with np.errstate(divide="ignore", invalid="ignore"):  # an error of 0
        return (np.log1p(-shrink) + pvalues.chi2_from_neg_log10(neg_log10_p) * shrink) / 2


def posteriors(log_factors: np.ndarray) -> np.ndarray:
    """Probability of each variant to be the one cause; 0 where the factor is NaN."""
    known = np.isfinite(log_factors)
    if not known.any():
        return np.zeros(len(log_factors))
    raised = np.exp(np.where(known, log_factors - log_factors[known].max(), -np.inf))
    return raised / raised.sum()


def credible_set(posterior: np.ndarray, coverage: float) -> np.ndarray:
    """Indices of the fewest variants that together have `coverage`, most probable first."""
    order = np.argsort(-posterior, kind="stable")
    reached = np.cumsum(posterior[order])
    size = int(np.searchsorted(reached, coverage * (1 - 1e-12))) + 1
    return order[: min(size, int((posterior > 0).sum()))]
