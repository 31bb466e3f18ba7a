"""KING-robust kinship between all pairs of samples.

Method: Manichaikul et al. 2010 (Bioinformatics 26:2867), the between-family estimator, in
the form of plink2 ``--make-king-table``: all counts of a pair are over the variants where
both have a genotype. The counts are matrix products of indicator matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from genopheno.genotypes import Genotypes
from genopheno.structure.variants import HET, HOM, MISSING, chosen_blocks

MIN_KINSHIP = 0.0442  # third degree
CLASSES = ((0.354, "duplicate"), (0.177, "first-degree"), (0.0884, "second-degree"))
TILE = 3072  # samples on a side of the matrices held at a time
SPARSE_BELOW = 0.05  # missing genotypes; above, dense products are faster


@dataclass
class Counts:
    """Counts of variants for the pairs of two lists of samples, (a, b) int32 each.

    Attributes
    ----------
    both : variants where both have a genotype.
    het_het : both heterozygous.
    het_1, het_2 : the first (second) is heterozygous and the other has a genotype.
    ibs0 : opposite homozygotes.
    """

    both: np.ndarray
    het_het: np.ndarray
    het_1: np.ndarray
    het_2: np.ndarray
    ibs0: np.ndarray

    def kinship(self) -> np.ndarray:
        """(a, b) float64; NaN where one of the two is never heterozygous.

        1/2 − (4 ibs0 + [het₁ hom₂] + [hom₁ het₂]) / (4 min(het₁, het₂))
        """
        differ = 4.0 * self.ibs0 + (self.het_1 - self.het_het) + (self.het_2 - self.het_het)
        fewer = np.minimum(self.het_1, self.het_2)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(fewer > 0, 0.5 - differ / (4.0 * fewer), np.nan)


def pair_counts(genotypes: Genotypes, keep: np.ndarray, a: slice, b: slice) -> Counts:
    """Count over the chosen variants for samples `a` against samples `b`.

    Three products per block where there are few missing genotypes (one of them sparse):
    with H heterozygous, D = homozygous (+1, −1), N missing and S = all but H and N,
    ibs0 = (SᵀS − DᵀD) / 2 and SᵀS follows from HᵀH, HᵀN and NᵀN.
    """
    n_a, n_b = (len(range(*s.indices(genotypes.n_samples))) for s in (a, b))
    het_het, hom_hom, gone_gone, gone_2, gone_1 = (
        np.zeros((n_a, n_b), dtype=np.int32) for _ in range(5)
    )
    het_a, het_b = np.zeros(n_a, np.int64), np.zeros(n_b, np.int64)
    missing_a, missing_b = np.zeros(n_a, np.int64), np.zeros(n_b, np.int64)
    total, same = 0, a == b

    def product(left: np.ndarray, right: np.ndarray, into: np.ndarray) -> None:
        # Sums of 0 and ±1 over a block are exact in float32.
        found = left.T @ right
        into += (found.toarray() if sparse.issparse(found) else found).astype(np.int32)

    for rows in chosen_blocks(genotypes, keep):
        het = genotypes.decode_rows(rows, HET, np.float32)
        h_a, h_b = het[:, a], het[:, b]
        product(h_a, h_a if same else h_b, het_het)
        het_a += h_a.sum(axis=0, dtype=np.int64)
        het_b += h_b.sum(axis=0, dtype=np.int64)

        hom = genotypes.decode_rows(rows, HOM, np.float32)
        d_a = hom[:, a]
        product(d_a, d_a if same else hom[:, b], hom_hom)
        del hom, d_a

        gone = genotypes.decode_rows(rows, MISSING, np.float32)
        total += len(rows)
        if gone.any():
            # Sums before conversion: a sparse column sum would be a matrix.
            missing_a += gone[:, a].sum(axis=0, dtype=np.int64)
            missing_b += gone[:, b].sum(axis=0, dtype=np.int64)
            few = gone.mean() < SPARSE_BELOW
            g_a, g_b = ((sparse.csr_matrix(g) if few else g) for g in (gone[:, a], gone[:, b]))
            product(g_a, g_b, gone_gone)
            product(g_a, h_b, gone_1)
            if not same:
                product(g_b, h_a, gone_2.T)  # the sparse matrix is on the left
    if same:
        gone_2 = gone_1.T
    both = (total - missing_a[:, None] - missing_b[None, :] + gone_gone).astype(np.int32)
    het_1 = (het_a[:, None] - gone_2).astype(np.int32)
    het_2 = (het_b[None, :] - gone_1).astype(np.int32)
    homozygous = both - het_1 - het_2 + het_het
    return Counts(both, het_het, het_1, het_2, (homozygous - hom_hom) // 2)


def relationship(kinship: float) -> str:
    """Degree of relationship by the thresholds of KING."""
    for above, name in CLASSES:
        if kinship > above:
            return name
    return "third-degree" if kinship > MIN_KINSHIP else "unrelated"


def related_pairs(
    genotypes: Genotypes, keep: np.ndarray, min_kinship: float = MIN_KINSHIP, tile: int = TILE
) -> tuple[pd.DataFrame, int]:
    """All pairs with a kinship above `min_kinship`.

    Parameters
    ----------
    keep : (n_variants,) bool, the variants to use.
    tile : samples on a side; memory is some 30 tile² bytes, whatever the cohort.

    Returns
    -------
    pairs : table `kinship`, ordered by the samples' order in the genotypes.
    undefined : pairs without a kinship because one of the two is never heterozygous.
    """
    n, names = genotypes.n_samples, np.array(genotypes.samples, dtype=object)
    parts, undefined = [], 0
    for first in range(0, n, tile):
        for second in range(first, n, tile):
            a, b = slice(first, min(first + tile, n)), slice(second, min(second + tile, n))
            counts = pair_counts(genotypes, keep, a, b)
            kinship = counts.kinship()
            wanted = np.ones(kinship.shape, dtype=bool)
            if first == second:
                wanted = np.triu(wanted, k=1)
            undefined += int((np.isnan(kinship) & wanted).sum())
            i, j = np.nonzero(wanted & (kinship > min_kinship))
            parts.append(
                pd.DataFrame(
                    {
                        "i": i + first,
                        "j": j + second,
                        "n_variants": counts.both[i, j],
                        "ibs0": counts.ibs0[i, j] / counts.both[i, j],
                        "kinship": kinship[i, j],
                    }
                )
            )
    pairs = pd.concat(parts).sort_values(["i", "j"], ignore_index=True)
    pairs.insert(0, "sample_1", names[pairs.pop("i").to_numpy()])
    pairs.insert(1, "sample_2", names[pairs.pop("j").to_numpy()])
    pairs["relationship"] = [relationship(value) for value in pairs["kinship"]]
    return pairs, undefined
