"""Quantitative traits: ordinary least squares, one variant at a time, exact.

Model: y = X a + g b + e, e ~ N(0, σ²), X with the intercept, g the count of the effect
allele (additive). After Frisch, Waugh and Lovell, b is estimated from y and g freed of X:

    b = U / V,   σ² = (r'r - U²/V) / df,   SE = (σ² / V)^½,   df = n - k - 1,

with V and U of `projection`, r the residuals of y on X, k the columns of X. b / SE is
compared with Student's t on df degrees of freedom.

Missing genotypes: the people without one leave that variant (complete cases), covariates
refitted, as plink2 ``--glm`` does; Hail and REGENIE put in the mean instead. `n` is per
variant. With predictions of step 1 (`wgr`) y is the trait less its prediction.

Each trait is fitted on its own people: a trait's missing values never reach
another trait.
"""

from __future__ import annotations

import numpy as np

from genopheno import pvalues
from genopheno.association.block import Block
from genopheno.association.estimates import Estimates
from genopheno.association.projection import Projected, Space

PERFECT = 1e-14  # residual variance, as a fraction of the trait's, that rounding leaves of nothing


class Linear:
    """One quantitative trait, ready to be tested block by block.

    Parameters
    ----------
    y : (samples,) trait; any value off `space.used`.
    space : covariates of the trait (weights 1).
    """

    def __init__(self, y: np.ndarray, space: Space):
        self.space = space
        used, basis = space.used, space.basis[space.used]
        inside = y[used] - y[used].mean()
        # Twice is enough (Parlett): the second pass takes what rounding left of the first.
        for _ in range(2):
            inside = inside - basis @ (basis.T @ inside)
        self.residual = np.zeros(len(used))
        self.residual[used] = inside
        self.total = float(inside @ inside)
        # Products for the people who leave a variant: Q s, and s² in the last column.
        self.leaving = np.column_stack(
            [space.basis * self.residual[:, None], np.square(self.residual)]
        )

    def test(self, block: Block, projected: Projected) -> Estimates:
        """Estimates for every variant of the block; NaN where there is none."""
        counts, k = projected.counts, self.space.k
        score = block.dosage @ self.residual
        squares = np.full(len(score), self.total)
        gappy = projected.gappy
        if gappy.size:
            sums = projected.missing_sums(self.leaving).T
            # The residuals are free of the covariates: c is the sums with the other sign.
            score[gappy] += np.einsum("kb,kb->b", projected.solved[:, gappy], sums[:-1])
            squares[gappy] -= sums[-1] + projected.norm(sums[:-1])
        df = counts.called - k - 1
        curvature = projected.curvature
        fitted = np.isfinite(curvature) & (df > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            beta = score / np.where(fitted, curvature, np.nan)
            left = np.maximum(squares - score * beta, PERFECT * squares)
            se = np.sqrt(left / df / curvature)
            neg_log10_p = pvalues.from_t(beta / se, np.where(df > 0, df, np.nan))
        return Estimates(beta, se, neg_log10_p, fitted)
