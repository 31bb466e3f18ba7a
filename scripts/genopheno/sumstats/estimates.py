"""Meta-analysis of variants: arrays of studies × variants, NaN where a study lacks a variant.

Fixed effects by inverse variance, random effects after DerSimonian and Laird (1986), and
sample-size weighted z-scores (Stouffer), as METAL (Willer et al. 2010) names them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from genopheno import pvalues


@dataclass(frozen=True)
class Estimate:
    """Of each variant; NaN where no study has it.

    Attributes
    ----------
    beta, standard_error : [variants]; None where z-scores are combined.
    z_score : [variants].
    """

    beta: np.ndarray | None
    standard_error: np.ndarray | None
    z_score: np.ndarray

    @property
    def neg_log10_p(self) -> np.ndarray:
        return pvalues.from_normal(self.z_score)


@dataclass(frozen=True)
class Heterogeneity:
    """How far studies differ.

    Attributes
    ----------
    q : [variants] Cochran's Q. df : [variants] studies - 1, at least 0.
    i2 : [variants] share of the variation that is not chance, 0 to 1 (Higgins and Thompson 2002).
    tau2 : [variants] variance between studies (DerSimonian and Laird); NaN for z-scores.
    """

    q: np.ndarray
    df: np.ndarray
    i2: np.ndarray
    tau2: np.ndarray

    @property
    def neg_log10_p(self) -> np.ndarray:
        """NaN where a single study has the variant."""
        out = np.full(len(self.q), np.nan)
        for df in range(1, int(self.df.max(initial=0)) + 1):
            rows = self.df == df
            out[rows] = pvalues.from_chi2_of(self.q[rows], df)
        return out


def fixed(beta: np.ndarray, standard_error: np.ndarray) -> Estimate:
    """Mean effect weighted by 1 / SE²; [studies × variants] both."""
    weight = _weight(beta, standard_error)
    return _mean(beta, weight)


def heterogeneity(beta: np.ndarray, standard_error: np.ndarray) -> Heterogeneity:
    """Cochran's Q about the fixed effect, and what follows from it."""
    weight = _weight(beta, standard_error)
    total = weight.sum(axis=0)
    df = np.maximum((weight > 0).sum(axis=0) - 1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.nan_to_num(beta) - _mean(beta, weight).beta
        q = np.where(df > 0, np.nansum(weight * apart**2, axis=0), 0.0)
        tau2 = (q - df) / (total - (weight**2).sum(axis=0) / total)
    tau2 = np.where(df > 0, np.maximum(tau2, 0), 0.0)
    return Heterogeneity(q, df, _i2(q, df), tau2)


def random(beta: np.ndarray, standard_error: np.ndarray, tau2: np.ndarray) -> Estimate:
    """Mean effect weighted by 1 / (SE² + tau²)."""
    weight = _weight(beta, np.sqrt(standard_error**2 + tau2))
    return _mean(beta, weight)


def sample_size(z_score: np.ndarray, n: np.ndarray) -> Estimate:
    """Z-scores weighted by the square root of the number of people."""
    weight = np.where(np.isnan(z_score) | np.isnan(n), 0.0, np.sqrt(n))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (weight * np.nan_to_num(z_score)).sum(axis=0) / np.sqrt((weight**2).sum(axis=0))
    return Estimate(None, None, z)


def heterogeneity_of_z(z_score: np.ndarray, n: np.ndarray) -> Heterogeneity:
    """How far z-scores are from those that one effect gives studies of these sizes."""
    weight = np.where(np.isnan(z_score) | np.isnan(n), 0.0, np.sqrt(n))
    z = np.where(weight > 0, z_score, 0.0)
    df = np.maximum((weight > 0).sum(axis=0) - 1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (weight * z).sum(axis=0) / (weight**2).sum(axis=0)
    q = np.where(df > 0, ((z - weight * np.nan_to_num(slope)) ** 2).sum(axis=0), 0.0)
    return Heterogeneity(q, df, _i2(q, df), np.full(len(q), np.nan))


def random_alone(beta: np.ndarray, standard_error: np.ndarray) -> Estimate:
    """Random effects with tau² estimated from these studies."""
    return random(beta, standard_error, heterogeneity(beta, standard_error).tau2)


def leave_one_out(
    combine: Callable[[np.ndarray, np.ndarray], Estimate], first: np.ndarray, second: np.ndarray
) -> list[Estimate]:
    """Estimates without each study in turn; NaN where no other study has the variant.

    Parameters
    ----------
    combine : `fixed`, `random_alone` or `sample_size`.
    first, second : [studies × variants] what it takes.
    """
    studies = range(first.shape[0])
    return [combine(np.delete(first, s, axis=0), np.delete(second, s, axis=0)) for s in studies]


def controlled(matched: dict[str, np.ndarray], lambdas: np.ndarray) -> dict[str, np.ndarray]:
    """Genomic control: errors multiplied and z-scores divided by √λ of their study, if above 1.

    Devlin and Roeder 1999.
    """
    factor = np.sqrt(np.maximum(lambdas, 1.0))[:, None]
    return {
        **matched,
        "standard_error": matched["standard_error"] * factor,
        "z_score": matched["z_score"] / factor,
    }


def _weight(beta: np.ndarray, standard_error: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isnan(beta) | np.isnan(standard_error), 0.0, standard_error**-2.0)


def _mean(beta: np.ndarray, weight: np.ndarray) -> Estimate:
    total = weight.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (weight * np.nan_to_num(beta)).sum(axis=0) / total
        error = np.where(total > 0, 1 / np.sqrt(total), np.nan)
    return Estimate(mean, error, mean / error)


def _i2(q: np.ndarray, df: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((df > 0) & (q > 0), np.maximum(0.0, (q - df) / q), 0.0)
