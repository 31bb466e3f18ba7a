"""A score is the sum of weights times dosages of the effect alleles.

A missing genotype counts as the mean of those that are called (as plink2 ``--score``), so that
people with gaps are not drawn to either end; how many each person has is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from genopheno.genotypes import Genotypes
from genopheno.scores.scoring_file import DOMINANT, RECESSIVE

MIN_RANKED = 20  # people; among fewer a percentile says little


@dataclass
class Sums:
    """Attributes
    ----------
    score : (people,) float64.
    called : (people,) int64, variants with a genotype.
    frequency : (variants,) of the effect allele among the people; NaN: nobody is called.
    """

    score: np.ndarray
    called: np.ndarray
    frequency: np.ndarray


def block_size(n_samples: int) -> int:
    """Variants per block: about 4 million genotypes."""
    return int(np.clip(2**22 // max(n_samples, 1), 64, 16384))


def sums(
    genotypes: Genotypes,
    rows: np.ndarray,
    turned: np.ndarray,
    weights: np.ndarray,
    coding: np.ndarray,
) -> Sums:
    """Scores of all people.

    Parameters
    ----------
    rows : (variants,) of the genotypes.
    turned : (variants,) bool, the effect allele is the genotypes' other allele.
    weights : (variants,) per effect allele; of a dominant or recessive variant, for having
        one or two of them, or two.
    coding : (variants,) 'additive', 'dominant' or 'recessive'.
    """
    n = genotypes.n_samples
    score, called = np.zeros(n), np.zeros(n, dtype=np.int64)
    frequency = np.full(len(rows), np.nan)
    size = block_size(n)
    for first in range(0, len(rows), size):
        part = slice(first, first + size)
        dosage = genotypes.decode_rows(rows[part], (2, np.nan, 1, 0), np.float64)
        dosage = np.where(turned[part, None], 2 - dosage, dosage)
        missing = np.isnan(dosage)
        there = (~missing).sum(axis=1)
        with np.errstate(invalid="ignore"):
            frequency[part] = np.where(missing, 0, dosage).sum(axis=1) / (2 * there)
        kind = coding[part, None]
        value = np.where(kind == DOMINANT, dosage >= 1, dosage)
        value = np.where(kind == RECESSIVE, dosage == 2, value)
        value[missing] = 0
        mean = value.sum(axis=1) / np.maximum(there, 1)
        value += missing * mean[:, None]
        score += weights[part] @ value
        called += (~missing).sum(axis=0)
    return Sums(score, called, frequency)


def standing(score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """z-score and percentile (0 to 100, middle of ties) of each person among all.

    NaN, both, where the scores do not vary; percentiles NaN among fewer than `MIN_RANKED`.
    """
    known = np.isfinite(score)
    z, percentile = np.full(len(score), np.nan), np.full(len(score), np.nan)
    values = score[known]
    if len(values) < 2 or np.ptp(values) == 0:
        return z, percentile
    z[known] = (values - values.mean()) / values.std(ddof=1)
    if len(values) >= MIN_RANKED:
        percentile[known] = 100 * (stats.rankdata(values) - 0.5) / len(values)
    return z, percentile


def adjusted(score: np.ndarray, components: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Score less its mean given the components: what ancestry alone foretells is taken out.

    After Khera et al. 2019 (Circulation 139:1593): a linear regression on the leading
    components, fitted on the `reference` people.

    Parameters
    ----------
    score : (people,). components : (people, k); NaN: not known, the result is NaN.
    reference : (people,) bool, such as the unrelated.
    """
    x = np.column_stack([np.ones(len(score)), components])
    fit = reference & np.isfinite(x).all(axis=1)
    return score - x @ np.linalg.lstsq(x[fit], score[fit], rcond=None)[0]


def with_components(samples: list[str], components: pd.DataFrame, n: int):
    """Leading components (people, n) in the order of `samples`, and who is unrelated."""
    table = components.set_index("sample")
    known = table.reindex(samples)
    k = min([n, *(len(s) for s in table["scores"].head(1))])
    out = np.full((len(samples), k), np.nan)
    there = known["scores"].notna().to_numpy()
    if there.any():
        out[there] = np.vstack([np.asarray(s, dtype=float)[:k] for s in known["scores"][there]])
    return out, known["unrelated"].eq(True).to_numpy() & there
