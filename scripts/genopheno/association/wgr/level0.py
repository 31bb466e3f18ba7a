"""Level 0: ridge predictions of a trait from each block of variants, out of fold.

For a block of standardised genotypes G (variants, n) and a standardised trait y, fold by
fold: b = (GG' + λI)⁻¹ Gy over the other folds, and b'G is the prediction of the fold. With
M variants in all, λ = M (1 - h²) / h² for every h² of `HERITABILITIES`. Each prediction is
then centred and scaled over all people.

What grows with the block, the Gram matrices and their factors, is made once for all traits
of the same `People`. What is of a trait is arithmetic of fixed shape, trait by trait, so
that its bits do not depend on the company.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from genopheno.association.wgr.blocks import People

HERITABILITIES = (0.01, 0.25, 0.5, 0.75, 0.99)


def shrinkage(size: int) -> np.ndarray:
    """Ridge parameters for `size` standardised predictors, one for each heritability."""
    h2 = np.array(HERITABILITIES)
    return size * (1 - h2) / h2


def predictions(
    genotypes: np.ndarray,
    people: People,
    traits: list[np.ndarray],
    known: list[np.ndarray],
    lambdas: np.ndarray,
) -> list[np.ndarray]:
    """Standardised out-of-fold predictions of the people with the trait, for each trait.

    Parameters
    ----------
    genotypes : (variants, n) of `blocks.standardised`.
    traits : (n,) each, standardised, in the order of `people`; 0 where not known.
    known : (n,) bool each.

    Returns
    -------
    (lambdas, known people) for each trait.
    """
    slices = people.slices
    parts = [genotypes[:, fold] for fold in slices]
    grams = [part @ part.T for part in parts]
    total = sum(grams)
    products = [[part @ y[fold] for part, fold in zip(parts, slices, strict=True)] for y in traits]
    sums = [sum(each) for each in products]
    out = [np.empty((len(lambdas), people.n)) for _ in traits]
    diagonal = np.arange(len(total))
    shrunk = np.empty_like(total)
    for f, (part, fold) in enumerate(zip(parts, slices, strict=True)):
        gram = total - grams[f]
        rights = [whole - each[f] for whole, each in zip(sums, products, strict=True)]
        betas = [np.empty((len(lambdas), len(gram))) for _ in traits]
        for i, penalty in enumerate(lambdas):
            np.copyto(shrunk, gram)
            shrunk[diagonal, diagonal] += penalty
            factor = cholesky(shrunk)
            for beta, right in zip(betas, rights, strict=True):
                beta[i] = linalg.cho_solve(factor, right, check_finite=False)
        for values, beta in zip(out, betas, strict=True):
            values[:, fold] = beta @ part
    found = []
    for values, there in zip(out, known, strict=True):
        values = values[:, there]
        values -= values.mean(1, keepdims=True)
        spread = values.std(1, ddof=1, keepdims=True)
        found.append(values / np.where(spread > 0, spread, 1.0))
    return found


def cholesky(a: np.ndarray) -> tuple[np.ndarray, bool]:
    """Factor of a symmetric matrix for `scipy.linalg.cho_solve`; a is written over.

    The transpose is the same matrix in the order of LAPACK, which then needs no copy.
    """
    return linalg.cho_factor(a.T, lower=True, overwrite_a=True, check_finite=False)
