"""What a variant is multiplied with, and what is found of each product.

The model of a trait gets, beside its covariates, m columns for a variant g: g itself and its
products with the columns of one covariate e, one for a number, one per level but the first
for a category. The effect of g is therefore that where e is 0, or at the reference level (as
PLINK 2 and REGENIE); the products and the joint test do not depend on where 0 is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from genopheno.association import small
from genopheno.association.block import Block, mask_words

LINEAR, WALD, FIRTH = TESTS = ("linear", "wald", "firth")


class Terms:
    """The columns that a variant is multiplied with.

    Parameters
    ----------
    covariate : (samples, m - 1) columns of the covariate; any value off `used`.
    used : (samples,) bool.

    Attributes
    ----------
    columns : (samples, m) 1, and the covariate in standard deviations; 0 off `used`.
    scale : (m,) effects of the columns, divided by it, are those of the covariate's own unit.
    pairs : (samples, m (m + 1) / 2) products of the columns.
    levels : mask and size of each group of people in which the covariate is the same;
        empty where it takes more values than a category with these columns has.
    """

    def __init__(self, covariate: np.ndarray, used: np.ndarray):
        inside = covariate[used]
        self.m = 1 + covariate.shape[1]
        self.scale = np.concatenate([[1.0], inside.std(axis=0)])
        self.columns = np.zeros((len(used), self.m))
        self.columns[used, 0] = 1
        self.columns[used, 1:] = inside / self.scale[1:]
        self.pairs = small.pair_products(self.columns)
        values, level = np.unique(inside, axis=0, return_inverse=True)
        self.levels: list[tuple[np.ndarray, int]] = []
        if len(values) <= self.m:
            for i in range(len(values)):
                here = np.zeros(len(used), dtype=bool)
                here[used] = level.reshape(-1) == i
                self.levels.append((mask_words(here), int(here.sum())))

    def fewest(self, block: Block) -> np.ndarray | None:
        """Copies of the rarer allele at the level that has fewest; None: there are no levels."""
        if not self.levels:
            return None
        return np.min([block.count(mask, n).minor for mask, n in self.levels], axis=0)


@dataclass
class Found:
    """Estimates of a block of variants; NaN where there is none.

    Attributes
    ----------
    beta, standard_error, neg_log10_p : (m, variants), the variant first, then its products.
    interaction, joint : (variants,) -log10 p of all products, and of these with the variant.
    robust_error, robust_p : (m, variants), by HC3; None for binary traits.
    robust_interaction, robust_joint : (variants,), by HC3; None for binary traits.
    test : (variants,) index into `TESTS`.
    converged : (variants,) bool.
    """

    beta: np.ndarray
    standard_error: np.ndarray
    neg_log10_p: np.ndarray
    interaction: np.ndarray
    joint: np.ndarray
    test: np.ndarray
    converged: np.ndarray
    robust_error: np.ndarray | None = None
    robust_p: np.ndarray | None = None
    robust_interaction: np.ndarray | None = None
    robust_joint: np.ndarray | None = None


def together(parts: Sequence[Found]) -> Found:
    """Neighbouring variants, one part after the other."""

    def joined(name: str) -> np.ndarray | None:
        values = [getattr(part, name) for part in parts]
        return None if values[0] is None else np.concatenate(values, axis=-1)

    return Found(**{field.name: joined(field.name) for field in fields(Found)})


def quadratic(beta: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """b'C⁻¹b of each variant: beta (q, variants), covariance (q, q, variants); NaN: singular."""
    factor, regular = small.cholesky(covariance)
    solved = small.solve(factor, beta[:, None])[:, 0]
    return np.where(regular, np.einsum("qv,qv->v", beta, solved), np.nan)


def identity(k: int, batch: int) -> np.ndarray:
    """(k, k, batch)."""
    return np.repeat(np.eye(k)[:, :, None], batch, axis=2)
