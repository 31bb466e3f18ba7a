"""Many small symmetric systems at once: the matrix is small, the batch is long.

Arrays carry the batch on their last axis, so that each of the few scalar steps of the
algorithm is one vector operation, and one singular matrix does not stop its neighbours.
"""

from __future__ import annotations

import numpy as np

SINGULAR = 1e-10  # a pivot below this fraction of its diagonal: the column depends on others


def n_pairs(k: int) -> int:
    return k * (k + 1) // 2


def pair_index(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the lower triangle, diagonal included, in a fixed order."""
    return np.tril_indices(k)


def pair_products(x: np.ndarray) -> np.ndarray:
    """Products of the columns of x (n, k), each pair once: (n, k (k + 1) / 2)."""
    row, column = pair_index(x.shape[1])
    return x[:, row] * x[:, column]


def unpack(pairs: np.ndarray, k: int) -> np.ndarray:
    """(batch, k (k + 1) / 2) pair sums as symmetric matrices (k, k, batch)."""
    row, column = pair_index(k)
    full = np.empty((k, k, len(pairs)))
    full[row, column] = full[column, row] = pairs.T
    return full


def cholesky(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower factors of symmetric matrices.

    Parameters
    ----------
    a : (k, k, batch), only the lower triangles are read.

    Returns
    -------
    factor : (k, k, batch), lower triangular; meaningless where not `regular`.
    regular : (batch,) False where the matrix is not positive definite within `SINGULAR`.
    """
    k, _, batch = a.shape
    factor = np.zeros_like(a)
    regular = np.ones(batch, dtype=bool)
    for j in range(k):
        pivot = a[j, j] - np.einsum("ib,ib->b", factor[j, :j], factor[j, :j])
        good = pivot > SINGULAR * np.abs(a[j, j])
        regular &= good
        root = np.sqrt(np.where(good, pivot, 1.0))
        factor[j, j] = root
        if j + 1 < k:
            inner = np.einsum("imb,mb->ib", factor[j + 1 :, :j], factor[j, :j])
            factor[j + 1 :, j] = (a[j + 1 :, j] - inner) / root
    return factor, regular


def forward(factor: np.ndarray, right: np.ndarray) -> np.ndarray:
    """L⁻¹ of factors L of `cholesky` times right (k, batch): (k, batch)."""
    x = right.copy()
    for j in range(len(factor)):
        x[j] /= factor[j, j]
        x[j + 1 :] -= factor[j + 1 :, j] * x[j]
    return x


def solve(factor: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve with factors of `cholesky`: right (k, m, batch) -> (k, m, batch)."""
    k = len(factor)
    x = right.copy()
    for j in range(k):
        x[j] /= factor[j, j]
        x[j + 1 :] -= factor[j + 1 :, j, None] * x[j]
    for j in reversed(range(k)):
        x[j] /= factor[j, j]
        x[:j] -= factor[j, :j, None] * x[j]
    return x


def log_determinant(factor: np.ndarray) -> np.ndarray:
    """Log determinants of the matrices behind the factors: (batch,)."""
    return 2 * np.log(np.einsum("iib->ib", factor)).sum(0)


def orthonormal(x: np.ndarray) -> np.ndarray:
    """Orthonormal basis of the columns of x (n, k), which have full rank: (n, k)."""
    return np.linalg.qr(x / np.linalg.norm(x, axis=0))[0]
