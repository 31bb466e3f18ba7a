"""Principal components of the genetic relationship matrix.

The matrix is that of plink2 ``--make-rel`` and ``--pca``: dosages minus twice the allele
frequency, over √(2p(1−p)), multiplied over variants and divided, pair by pair, by the number
of variants where both have a genotype. Frequencies are those of the unrelated set.

Loadings are the weights by which standardised dosages add up to scores, so that people who
come later stand on the same axes (see `projection`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import eigsh

from genopheno.genotypes import Genotypes
from genopheno.structure.variants import DOSAGE, MISSING, block_size, chosen_blocks

DENSE_UP_TO = 3000  # samples; above, Lanczos iterations find the few components faster


@dataclass
class Components:
    """Components of a cohort.

    Attributes
    ----------
    scores : (n_samples, k) float64; over the unrelated set each column has unit norm, as
        plink2 writes them. The sign is such that its largest score is positive.
    eigenvalues : (k,) float64, largest first.
    fraction : (k,) float64, each eigenvalue over the sum of all.
    rows : (n_variants,) indices of the variants used.
    frequency : (n_variants,) float64 of the effect allele in the unrelated set.
    loadings : (n_variants, k) float64; a person's standardised dosages times these, summed
        over all variants, are the person's scores.
    shrinkage : (k,) float64, 1 − (mean diagonal of the matrix) / eigenvalue: by about this
        factor the scores of people who took no part are closer to 0 than those of people
        who did (their own genotypes pull the axes towards them; Dey and Lee 2019).
    n_constant : chosen variants that do not vary in the unrelated set, left out.
    """

    scores: np.ndarray
    eigenvalues: np.ndarray
    fraction: np.ndarray
    rows: np.ndarray
    frequency: np.ndarray
    loadings: np.ndarray
    shrinkage: np.ndarray
    n_constant: int

    @property
    def n_variants(self) -> int:
        return len(self.rows)


def standardise(
    dosages: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standardise dosages by the allele frequency among some samples.

    Parameters
    ----------
    dosages : (variants, samples) float32, NaN missing.
    columns : indices of the samples whose frequency counts.

    Returns
    -------
    z : (variants that vary, samples) float32 with missing at the mean, 0.
    varies : (variants,) bool.
    frequency : (variants that vary,) float64.
    """
    reference = dosages[:, columns]
    called = (~np.isnan(reference)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        p = np.nansum(reference, axis=1, dtype=np.float64) / (2 * called)
    varies = (called > 0) & (p > 0) & (p < 1)
    p = p[varies]
    return scaled(dosages[varies], p), varies, p


def scaled(dosages: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """(variants, samples) float32: dosages − 2p over √(2p(1−p)), missing 0; changed in place."""
    p = frequency[:, None]
    dosages -= (2 * p).astype(np.float32)
    dosages *= (1 / np.sqrt(2 * p * (1 - p))).astype(np.float32)
    return np.nan_to_num(dosages, copy=False, nan=0.0)


def relationship_matrix(
    genotypes: Genotypes, keep: np.ndarray, reference: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Genetic relationship of every sample to the samples `reference`.

    Parameters
    ----------
    keep : (n_variants,) bool, variants to use.
    reference : indices of the unrelated samples.

    Returns
    -------
    matrix : (n_samples, n_reference) float64; 0 where two share no genotype.
    rows : indices of the variants used: those that vary among `reference`.
    frequency : theirs among `reference`.
    """
    n = genotypes.n_samples
    matrix = np.zeros((n, len(reference)))
    shared = np.zeros((n, len(reference)))
    missing = np.zeros(n)
    used = 0
    taken, frequencies = [np.zeros(0, np.int64)], [np.zeros(0)]
    everyone = len(reference) == n
    for rows in chosen_blocks(genotypes, keep):
        z, varies, p = standardise(genotypes.decode_rows(rows, DOSAGE, np.float32), reference)
        used += len(z)
        taken.append(rows[varies])
        frequencies.append(p)
        matrix += z.T @ (z if everyone else z[:, reference])
        gone = genotypes.decode_rows(rows[varies], MISSING, np.float32)
        if gone.any():
            missing += gone.sum(axis=0, dtype=np.float64)
            gone = sparse.csr_matrix(gone)
            shared += (gone.T @ gone[:, reference]).toarray()
    shared += used - missing[:, None] - missing[None, reference]
    with np.errstate(invalid="ignore"):
        matrix = np.where(shared > 0, matrix / shared, 0.0)
    return matrix, np.concatenate(taken), np.concatenate(frequencies)


def components(
    genotypes: Genotypes, keep: np.ndarray, reference: np.ndarray, number: int
) -> Components:
    """Principal components of the unrelated samples; relatives are projected on them.

    The score of a relative is its relationship to the unrelated samples times their
    scores over the eigenvalue, which for an unrelated sample is its own score.

    Parameters
    ----------
    keep : (n_variants,) bool, variants to use.
    reference : indices of the unrelated samples, ascending.
    number : components wanted; fewer come where the matrix has not so many.
    """
    matrix, rows, frequency = relationship_matrix(genotypes, keep, reference)
    constant = int(keep.sum()) - len(rows)
    square = matrix[reference]
    square = (square + square.T) / 2  # products in single precision round either half its own way
    number = max(min(number, len(reference) - 1, len(rows)), 0)
    if number == 0:
        nothing = np.zeros(0)
        return Components(
            np.zeros((len(matrix), 0)),
            nothing,
            nothing,
            rows,
            frequency,
            np.zeros((len(rows), 0)),
            nothing,
            constant,
        )
    size = len(square)
    if size <= DENSE_UP_TO or number > size // 4:
        values, vectors = linalg.eigh(square, subset_by_index=(size - number, size - 1))
    else:
        start = np.random.default_rng(1).standard_normal(size)  # fixed: the same answer each time
        values, vectors = eigsh(square, k=number, which="LA", v0=start)
    order = np.argsort(values)[::-1]
    values, vectors = values[order], vectors[:, order]
    real = values > 1e-6 * max(values[0], 1e-300)  # the rest is rounding
    values, vectors = values[real], vectors[:, real]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(values))])

    scores = np.empty((len(matrix), len(values)))
    scores[reference] = vectors
    others = np.setdiff1d(np.arange(len(matrix)), reference)
    scores[others] = matrix[others] @ vectors / values
    return Components(
        scores,
        values,
        values / np.trace(square),
        rows,
        frequency,
        variant_loadings(genotypes, rows, frequency, reference, vectors / values),
        1 - np.diag(square).mean() / values,
        constant,
    )


def variant_loadings(
    genotypes: Genotypes,
    rows: np.ndarray,
    frequency: np.ndarray,
    reference: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    """(rows, k) float64 loadings; `weights` (reference, k) are scores over eigenvalues."""
    out = np.empty((len(rows), weights.shape[1]))
    everyone = len(reference) == genotypes.n_samples
    weights = (weights / len(rows)).astype(np.float32)
    size = block_size(genotypes.n_samples)
    for first in range(0, len(rows), size):
        part = slice(first, first + size)
        dosages = genotypes.decode_rows(rows[part], DOSAGE, np.float32)
        if not everyone:
            dosages = dosages[:, reference]
        out[part] = scaled(dosages, frequency[part]) @ weights
    return out
