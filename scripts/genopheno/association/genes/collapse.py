"""Genotypes of a gene for the people of one trait, and what a mask makes of them.

Missing genotypes are put in as the mean of the trait's people, twice the frequency, as R's
SKAT does by default; those of X or the mitochondrion as the mean of their dosages. The
allele that counts is the effect allele of the genotypes, which is the alternate one: the
consequence is its consequence, also where it is the more frequent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from genopheno.association.block import CodedBlock, Counts


@dataclass(frozen=True)
class Genotype:
    """Variants of a gene that vary among the people of a trait.

    Attributes
    ----------
    rows : (m,) their places among the variants of the gene.
    dosage : (m, n) with means in the gaps.
    carried : (m, n) bool, the person is known to have the allele.
    frequency : (m,) of the effect allele. minor : (m,) copies of the rarer allele.
    alleles : (m,) copies of the effect allele.
    """

    rows: np.ndarray
    dosage: np.ndarray
    carried: np.ndarray
    frequency: np.ndarray
    minor: np.ndarray
    alleles: np.ndarray

    @classmethod
    def of(
        cls,
        dosage: np.ndarray,
        missing: np.ndarray,
        counts: Counts,
        index: np.ndarray,
    ) -> Genotype:
        """Take the people `index` (n,) of dosages (variants, samples), missing as 0."""
        rows = np.flatnonzero((counts.called > 0) & (counts.minor > 0) & counts.varies)
        some = dosage[rows][:, index]
        carried = some > 0
        gaps = missing[rows][:, index]
        if gaps.any():
            mean = counts.total[rows] / counts.called[rows]
            some = some + gaps * mean[:, None]
        return cls(
            rows, some, carried, counts.frequency[rows], counts.minor[rows], counts.alleles[rows]
        )


@dataclass(frozen=True)
class Collapsed:
    """What is tested together: rare variants one by one, the rarest as one.

    Attributes
    ----------
    dosage : (m, n). frequency : (m,) of the rarer allele.
    minor : (m,) copies of the rarer allele.
    """

    dosage: np.ndarray
    frequency: np.ndarray
    minor: np.ndarray

    def weights(self, a: float, b: float) -> np.ndarray:
        """(m,) density of the beta distribution at the frequencies (Wu et al. 2011)."""
        return stats.beta.pdf(np.maximum(self.frequency, np.finfo(float).tiny), a, b)


def collapse(genotype: Genotype, chosen: np.ndarray, ultra_rare: int) -> Collapsed:
    """Put the ultra-rare of the `chosen` (k,) rows into one, as SAIGE-GENE+ (Zhou 2022).

    A person's dosage of that one is the largest of the variants.

    Parameters
    ----------
    ultra_rare : most copies of the rarer allele of such a variant; 0: none is.
    """
    dosage, minor = genotype.dosage[chosen], genotype.minor[chosen]
    frequency = np.minimum(genotype.frequency[chosen], 1 - genotype.frequency[chosen])
    rarest = (minor <= ultra_rare) & (genotype.frequency[chosen] <= 0.5)
    if rarest.sum() < 2:
        return Collapsed(dosage, frequency, minor)
    one = dosage[rarest].max(0)
    together = one.sum()
    return Collapsed(
        np.vstack([dosage[~rarest], one]),
        np.append(frequency[~rarest], together / (2 * len(one))),
        np.append(minor[~rarest], together),
    )


def burden(genotype: Genotype, chosen: np.ndarray, how: str) -> tuple[np.ndarray, float]:
    """Dosages (n,) of the burden of the `chosen` rows, and what one of them stands for.

    'max': the largest dosage of a person, 0 to 2 (REGENIE's default); 'sum': their sum,
    divided so that nobody has more than 2, which is what tests of a variant take.
    """
    dosage = genotype.dosage[chosen]
    if how == "max":
        return dosage.max(0), 1.0
    total = dosage.sum(0)
    unit = max(1.0, float(total.max()) / 2)
    return total / unit, unit


def as_block(index: np.ndarray, dosages: list[np.ndarray], n_samples: int) -> CodedBlock:
    """Burdens (each (n,) of the people `index`) as variants that the model of a trait can test."""
    stored = np.zeros((len(dosages), n_samples))
    stored[:, index] = dosages
    return CodedBlock(stored, np.zeros(stored.shape, bool), None)
