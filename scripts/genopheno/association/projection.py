"""The arithmetic that the linear and the score test share: a genotype, freed of the covariates.

Let X (n, k) be the covariates with the intercept, W the weights of the people (1 for the
linear model, p (1 - p) of the null model for the logistic one) and r the residuals of
the model without the variant. With Q an orthonormal basis of W^½ X, a genotype g has

    curvature  V = g'Wg - (g'W^½ Q)(Q'W^½ g)        score  U = g'r - (g'W^½ Q)(Q'W^-½ r).

**Missing genotypes.** The people without a genotype leave the sums of that variant. With
M those people and s = W^-½ r, the basis is no longer orthonormal but has the Gram matrix
A = I - Q_M'Q_M, so that, with b = Q'W^½ g and c = Q's - Q_M's_M (missing genotypes are 0),

    V = g'Wg - b'A⁻¹b,   U = g'r - b'A⁻¹c,   and s's shrinks by s_M's_M + c'A⁻¹c.

For the linear model this *is* least squares on the complete cases, not an imputation.

**Shapes.** Everything runs over a block of variants at once. Which numbers go into which
matrix product depends on the trait alone, never on its neighbours: a trait gets the same
bits whether it is scanned alone or with others.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from genopheno.association import small
from genopheno.association.block import Block, mask_words

COLLINEAR = 1e-8  # curvature left over by the covariates, as a fraction of that by the mean alone


class Space:
    """The covariates of one set of people and one set of weights.

    Parameters
    ----------
    x : (samples, k) covariates with the intercept, full rank on `used`.
    used : (samples,) bool.
    weights : (samples,) positive on `used`; None: 1.
    residual : (samples,) r of the only trait of this space, 0 off `used`; None: there are more.

    Attributes
    ----------
    basis : (samples, k) Q, 0 off `used`.
    scaled : (samples, k) W^½ Q.
    columns : what genotypes are multiplied with, `scaled` and the residual.
    pairs : (samples, k (k + 1) / 2) products of the columns of Q.
    """

    def __init__(
        self,
        x: np.ndarray,
        used: np.ndarray,
        weights: np.ndarray | None = None,
        residual: np.ndarray | None = None,
    ):
        root = None if weights is None else np.sqrt(weights[used])
        inside = small.orthonormal(x[used] if root is None else x[used] * root[:, None])
        self.k = x.shape[1]
        self.n = int(used.sum())
        self.used = used
        self.mask = mask_words(used)
        self.basis = np.zeros((len(used), self.k))
        self.basis[used] = inside
        self.scaled = self.basis
        if root is not None:
            self.scaled = np.zeros_like(self.basis)
            self.scaled[used] = inside * root[:, None]
        self.columns = self.scaled
        if residual is not None:
            self.columns = np.column_stack([self.scaled, residual])
        self.pairs = small.pair_products(self.basis)


class Projected:
    """What one `Space` knows of one `Block`: shared by all traits with the same people.

    Attributes
    ----------
    counts : genotype counts among the people of the space.
    inner : (k, variants) b = Q'W^½ g.
    solved : (k, variants) A⁻¹b.
    regular : (variants,) the covariates keep full rank without the missing people.
    gappy : indices of the variants with missing genotypes; `factor` is theirs.
    missing_sums : for columns (samples, m), their sums (gappy, m) over the people who leave.
    residual_sums : (variants,) g'r; None where the space has no residuals.
    """

    def __init__(self, space: Space, block: Block):
        self.counts = block.count(space.mask, space.n)
        products = block.dosage @ space.columns
        self.inner = np.ascontiguousarray(products[:, : space.k].T)
        self.residual_sums = products[:, space.k] if products.shape[1] > space.k else None
        self.solved = self.inner.copy()
        self.regular = np.ones(self.inner.shape[1], dtype=bool)
        self.gappy = np.flatnonzero(self.counts.called < space.n)
        if self.gappy.size:
            self.missing_sums = block.missing_sums(self.gappy)
            gram = -small.unpack(self.missing_sums(space.pairs), space.k)
            gram[np.arange(space.k), np.arange(space.k)] += 1
            self.factor, regular = small.cholesky(gram)
            self.regular[self.gappy] = regular
            self.solved[:, self.gappy] = small.solve(self.factor, self.inner[:, None, self.gappy])[
                :, 0
            ]

    @cached_property
    def curvature(self) -> np.ndarray:
        """V for weights of 1; NaN where the covariates leave nothing of the genotype."""
        counts = self.counts
        curvature = counts.squares - np.einsum("kb,kb->b", self.inner, self.solved)
        with np.errstate(divide="ignore", invalid="ignore"):
            around_mean = counts.squares - np.square(counts.total) / counts.called
        # A genotype that all share leaves nothing but rounding: counts are exact, so ask them.
        there = self.regular & counts.varies & (curvature > COLLINEAR * around_mean)
        return np.where(there, curvature, np.nan)

    def norm(self, c: np.ndarray) -> np.ndarray:
        """c'A⁻¹c of the gappy variants, for c (k, gappy)."""
        half = small.forward(self.factor, c)
        return np.einsum("kb,kb->b", half, half)

    def lost(
        self, sums: np.ndarray, total: np.ndarray | float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """c and A⁻¹c of the gappy variants, each (k, gappy).

        Parameters
        ----------
        sums : (k, gappy) Q_M's_M, over the people who leave.
        total : (k, 1) Q's over all people used; 0 where the residuals are orthogonal.
        """
        c = total - sums
        return c, small.solve(self.factor, c[:, None])[:, 0]
