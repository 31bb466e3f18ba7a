"""Principal components of the genetic relationship matrix.

The matrix is that of plink2 ``--make-rel`` and ``--pca`` (see `grm`), with the allele frequencies
of the unrelated set.

Loadings are the weights by which standardised dosages add up to scores, so that people who
come later stand on the same axes (see `projection`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import LinearOperator, eigsh

from genopheno.genotypes import Genotypes
from genopheno.structure.grm import STRIP, relationship_matrix, standardised

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


def components(
    genotypes: Genotypes, keep: np.ndarray, reference: np.ndarray, number: int, threads: int = 1
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
    matrix, rows, frequency = relationship_matrix(genotypes, keep, reference, threads)
    constant = int(keep.sum()) - len(rows)
    square = matrix[reference]
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
    values, vectors = _largest(square, number, threads)
    order = np.argsort(values)[::-1]
    values, vectors = values[order], vectors[:, order]
    real = values > 1e-6 * max(values[0], 1e-300)  # the rest is rounding
    values, vectors = values[real], vectors[:, real]
    vectors = vectors * signs(vectors)

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
        variant_loadings(genotypes, rows, frequency, reference, vectors / values, threads),
        1 - np.diag(square).mean() / values,
        constant,
    )


def signs(scores: np.ndarray) -> np.ndarray:
    """(k,) 1 or -1 for each column, so that its largest score in size gets positive."""
    return np.sign(scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])])


def _largest(square: np.ndarray, number: int, threads: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues (number,) of a symmetric matrix and their vectors (n, number)."""
    size = len(square)
    if size <= DENSE_UP_TO or number > size // 4:
        return linalg.eigh(square, subset_by_index=(size - number, size - 1))
    start = np.random.default_rng(1).standard_normal(size)  # fixed: the same answer each time
    strips = [slice(a, a + STRIP) for a in range(0, size, STRIP)]
    with ThreadPoolExecutor(threads) as workers:

        def product(vector: np.ndarray) -> np.ndarray:
            return np.concatenate(list(workers.map(lambda s: square[s] @ vector, strips)))

        operator = LinearOperator(square.shape, matvec=product, dtype=square.dtype)
        return eigsh(operator, k=number, which="LA", v0=start)


def variant_loadings(
    genotypes: Genotypes,
    rows: np.ndarray,
    frequency: np.ndarray,
    reference: np.ndarray,
    weights: np.ndarray,
    threads: int = 1,
) -> np.ndarray:
    """(rows, k) float64 loadings; `weights` (reference, k) are scores over eigenvalues."""
    out = np.empty((len(rows), weights.shape[1]))
    weights = weights / max(len(rows), 1)
    with ThreadPoolExecutor(threads) as workers:
        for part, z in standardised(genotypes, rows, frequency, reference, workers):
            out[part] = z @ weights.astype(z.dtype)
    return out
