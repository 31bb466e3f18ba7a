"""The genetic relationship matrix, and standardised dosages on which it and loadings rest.

Dosages minus twice the allele frequency, over √(2p(1−p)), missing ones 0, are multiplied over
variants and divided, pair by pair, by the number of variants where both have a genotype
(plink2 ``--make-rel``). Workers share out strips of the matrix and each multiplies with one
thread, so that their number changes no bit of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
from scipy import sparse

from genopheno.genotypes import Genotypes
from genopheno.structure.variants import block_size, counts

STRIP = 256  # people whose rows of the matrix a worker multiplies at a time
DECODE = 256  # variants that a worker decodes at a time
DOUBLE_UP_TO = 2**25  # genotypes; with more, rounding to single precision averages out


def standardised(
    genotypes: Genotypes,
    rows: np.ndarray,
    frequency: np.ndarray,
    people: np.ndarray,
    workers: Executor,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of standardised dosages.

    Parameters
    ----------
    rows : (variants,) indices; frequency : (variants,) of the effect allele, not 0 or 1.
    people : indices of samples.

    Yields
    ------
    part : which of `rows`. z : (part, people), float64 up to `DOUBLE_UP_TO` genotypes, else
        float32; missing genotypes are 0.
    """
    from genopheno.structure.kernels import decode

    packed, size = genotypes.packed(0, genotypes.n_variants), block_size(len(people))
    kind = np.float64 if len(rows) * len(people) <= DOUBLE_UP_TO else np.float32
    for first in range(0, len(rows), size):
        part = slice(first, min(first + size, len(rows)))
        p, n = frequency[part], part.stop - first
        dosages = np.array([2, 0, 1, 0]) - 2 * p[:, None]
        dosages[:, 1] = 0
        values = (dosages / np.sqrt(2 * p * (1 - p))[:, None]).astype(kind)
        z = np.empty((n, len(people)), kind)
        strips = [(a, min(a + DECODE, n)) for a in range(0, n, DECODE)]
        todo = [workers.submit(decode, packed, rows[part], people, values, *s, z) for s in strips]
        for task in todo:
            task.result()
        yield part, z


def relationship_matrix(
    genotypes: Genotypes, keep: np.ndarray, reference: np.ndarray, threads: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Genetic relationship of every sample to the samples `reference`.

    Parameters
    ----------
    keep : (n_variants,) bool, variants to use.
    reference : indices of the unrelated samples, ascending.

    Returns
    -------
    matrix : (n_samples, n_reference) float64; 0 where two share no genotype.
    rows : indices of the variants used: those that vary among `reference`.
    frequency : theirs among `reference`.
    """
    n, m, rows = genotypes.n_samples, len(reference), np.flatnonzero(keep)
    called, copies = counts(genotypes, rows, reference)
    varies = (copies > 0) & (copies < 2 * called)
    rows, frequency = rows[varies], copies[varies] / (2 * called[varies])
    # The unrelated come first, so that among them half of the matrix is enough.
    order = np.concatenate([reference, np.setdiff1d(np.arange(n), reference)])
    matrix = np.zeros((n, m))
    strips = [slice(a, min(a + STRIP, m)) for a in range(0, m, STRIP)]
    strips += [slice(a, min(a + STRIP, n)) for a in range(m, n, STRIP)]
    with ThreadPoolExecutor(threads) as workers:
        for _, z in standardised(genotypes, rows, frequency, order, workers):

            def multiply(strip: slice, z: np.ndarray = z) -> None:
                columns = slice(strip.start if strip.start < m else 0, m)
                matrix[strip, columns] += z[:, strip].T @ z[:, columns]

            list(workers.map(multiply, strips))
    for strip in strips:
        if strip.start < m:
            square = matrix[strip, strip]
            square[:] = np.triu(square) + np.triu(square, 1).T
            matrix[strip.stop : m, strip] = matrix[strip, strip.stop : m].T
    if m < n:
        matrix = matrix[np.argsort(order)]
    shared = _shared(genotypes, rows, reference)
    np.divide(matrix, shared, out=matrix, where=shared > 0)  # where none is shared it is 0
    return matrix, rows, frequency


def _shared(genotypes: Genotypes, rows: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """(n_samples, n_reference) variants where both have a genotype."""
    from genopheno.structure.kernels import find_missing

    n, packed = genotypes.n_samples, genotypes.packed(0, genotypes.n_variants)
    shared = np.full((n, len(reference)), float(len(rows)))
    size = block_size(n)
    for first in range(0, len(rows), size):
        part = rows[first : first + size]
        absent = n - counts(genotypes, part)[0]
        variant, person = np.empty((2, absent.sum()), np.int32)
        if not len(person):
            continue
        find_missing(packed, part, n, variant, person)
        ones = np.ones(len(person), np.float32)
        gone = sparse.csr_matrix((ones, (variant, person)), shape=(len(part), n))
        missing = np.bincount(person, minlength=n)
        both = (gone.T @ gone[:, reference]).tocoo()
        shared -= missing[:, None] + missing[None, reference]
        shared[both.row, both.col] += both.data
    return shared
