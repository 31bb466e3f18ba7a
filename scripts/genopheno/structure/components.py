"""Principal components of the genetic relationship matrix.

The matrix is that of plink2 ``--make-rel`` and ``--pca``: dosages minus twice the allele
frequency, over √(2p(1−p)), multiplied over variants and divided, pair by pair, by the number
of variants where both have a genotype. Frequencies are those of the unrelated set.
Variants are not pruned for linkage disequilibrium: give pruned genotypes where that matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import eigsh

from genopheno.genotypes import Genotypes
from genopheno.structure.variants import DOSAGE, MISSING, chosen_blocks

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
    n_variants : variants used.
    n_constant : chosen variants that do not vary in the unrelated set, left out.
    """

    scores: np.ndarray
    eigenvalues: np.ndarray
    fraction: np.ndarray
    n_variants: int
    n_constant: int


def standardise(dosages: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standardise dosages by the allele frequency among some samples.

    Parameters
    ----------
    dosages : (variants, samples) float32, NaN missing.
    columns : indices of the samples whose frequency counts.

    Returns
    -------
    (variants that vary, samples) float32 with missing at the mean, 0; and (variants,) bool,
    which of them vary.
    """
    reference = dosages[:, columns]
    called = (~np.isnan(reference)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        p = np.nansum(reference, axis=1, dtype=np.float64) / (2 * called)
    varies = (called > 0) & (p > 0) & (p < 1)
    p = p[varies][:, None]
    z = dosages[varies]
    z -= (2 * p).astype(np.float32)
    z *= (1 / np.sqrt(2 * p * (1 - p))).astype(np.float32)
    return np.nan_to_num(z, copy=False, nan=0.0), varies


def relationship_matrix(
    genotypes: Genotypes, keep: np.ndarray, reference: np.ndarray
) -> tuple[np.ndarray, int, int]:
    """Genetic relationship of every sample to the samples `reference`.

    Parameters
    ----------
    keep : (n_variants,) bool, variants to use.
    reference : indices of the unrelated samples.

    Returns
    -------
    (n_samples, n_reference) float64 (0 where two share no genotype), the number of variants
    used, and of those that do not vary among `reference`.
    """
    n = genotypes.n_samples
    matrix = np.zeros((n, len(reference)))
    shared = np.zeros((n, len(reference)))
    missing = np.zeros(n)
    used = constant = 0
    everyone = len(reference) == n
    for rows in chosen_blocks(genotypes, keep):
        z, varies = standardise(genotypes.decode_rows(rows, DOSAGE, np.float32), reference)
        used, constant = used + len(z), constant + int((~varies).sum())
        matrix += z.T @ (z if everyone else z[:, reference])
        gone = genotypes.decode_rows(rows[varies], MISSING, np.float32)
        if gone.any():
            missing += gone.sum(axis=0, dtype=np.float64)
            gone = sparse.csr_matrix(gone)
            shared += (gone.T @ gone[:, reference]).toarray()
    shared += used - missing[:, None] - missing[None, reference]
    with np.errstate(invalid="ignore"):
        return np.where(shared > 0, matrix / shared, 0.0), used, constant


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
    matrix, used, constant = relationship_matrix(genotypes, keep, reference)
    square = matrix[reference]
    square = (square + square.T) / 2  # products in single precision round either half its own way
    number = max(min(number, len(reference) - 1, used), 0)
    if number == 0:
        nothing = np.zeros(0)
        return Components(np.zeros((len(matrix), 0)), nothing, nothing, used, constant)
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
    return Components(scores, values, values / np.trace(square), used, constant)
