"""KING-robust kinship between all pairs of samples.

Method: Manichaikul et al. 2010 (Bioinformatics 26:2867), the between-family estimator, in
the form of plink2 ``--make-king-table``: all counts of a pair are over the variants where
both have a genotype. They are counted as bits, 64 variants at a time (see `kernels`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genopheno.genotypes import Genotypes
from genopheno.structure.variants import block_size

MIN_KINSHIP = 0.0442  # third degree
CLASSES = ((0.354, "duplicate"), (0.177, "first-degree"), (0.0884, "second-degree"))
TILE = 3072  # samples on a side of the matrices held at a time
VARIANTS = 16384  # at a time: 6 KiB of bits a person
STRIP = 32  # people whose pairs a thread counts at a time


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


def pair_counts(
    genotypes: Genotypes, keep: np.ndarray, a: slice, b: slice, threads: int = 1
) -> Counts:
    """Count over the chosen variants for samples `a` against samples `b`.

    Where `a` is `b`, only above the diagonal: the rest is 0.
    """
    from genopheno.structure.kernels import count_pairs, pack_people

    n, packed = genotypes.n_samples, genotypes.packed(0, genotypes.n_variants)
    rows, same = np.flatnonzero(keep), a == b
    (a_first, a_last, _), (b_first, b_last, _) = a.indices(n), b.indices(n)
    out = np.zeros((5, a_last - a_first, b_last - b_first), dtype=np.int32)
    people = [(i, min(i + STRIP, out.shape[1])) for i in range(0, out.shape[1], STRIP)]
    with ThreadPoolExecutor(threads) as workers:

        def bits_of(part: np.ndarray, first: int, last: int) -> np.ndarray:
            groups = -(-len(part) // 64)
            bits = np.empty((last - first, 3, groups), np.uint64)
            strips = [(g, min(g + 16, groups)) for g in range(0, groups, 16)]
            list(workers.map(lambda s: pack_people(packed, part, n, first, *s, bits), strips))
            return bits

        def add(mine: np.ndarray, theirs: np.ndarray) -> None:
            list(workers.map(lambda s: count_pairs(mine, theirs, *s, same, out), people))

        for start in range(0, len(rows), VARIANTS):
            part = rows[start : start + VARIANTS]
            mine = bits_of(part, a_first, a_last)
            add(mine, mine if same else bits_of(part, b_first, b_last))
    ibs0, het_het, het_hom, hom_het, hom_hom = out
    het_1, het_2 = het_het + het_hom, het_het + hom_het
    return Counts(het_1 + hom_het + hom_hom, het_het, het_1, het_2, ibs0)


def relationship(kinship: float) -> str:
    """Degree of relationship by the thresholds of KING."""
    for above, name in CLASSES:
        if kinship > above:
            return name
    return "third-degree" if kinship > MIN_KINSHIP else "unrelated"


def related_pairs(
    genotypes: Genotypes,
    keep: np.ndarray,
    min_kinship: float = MIN_KINSHIP,
    tile: int = TILE,
    threads: int = 1,
) -> tuple[pd.DataFrame, int]:
    """All pairs with a kinship above `min_kinship`.

    Parameters
    ----------
    keep : (n_variants,) bool, the variants to use.
    tile : samples on a side; memory is some 60 tile² bytes, whatever the cohort.
    threads : pairs are shared out among them.

    Returns
    -------
    pairs : table `kinship`, ordered by the samples' order in the genotypes.
    undefined : pairs without a kinship because one of the two is never heterozygous.
    """
    n = genotypes.n_samples
    parts, undefined = [], 0
    for first in range(0, n, tile):
        for second in range(first, n, tile):
            a, b = slice(first, min(first + tile, n)), slice(second, min(second + tile, n))
            counts = pair_counts(genotypes, keep, a, b, threads)
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
    return pair_table(genotypes, pd.concat(parts)), undefined


def pair_table(genotypes: Genotypes, pairs: pd.DataFrame) -> pd.DataFrame:
    """Table `kinship` of pairs with i and j, indices of samples, for sample_1 and sample_2."""
    names = np.array(genotypes.samples, dtype=object)
    pairs = pairs.sort_values(["i", "j"], ignore_index=True)
    pairs.insert(0, "sample_1", names[pairs.pop("i").to_numpy()])
    pairs.insert(1, "sample_2", names[pairs.pop("j").to_numpy()])
    # Cut at 'above', so that a value at a threshold is of the class below, as `relationship`.
    named = np.array([*(name for _, name in CLASSES), "third-degree", "unrelated"], dtype=object)
    limits = [*(-above for above, _ in CLASSES), -MIN_KINSHIP]
    pairs["relationship"] = named[np.searchsorted(limits, -pairs["kinship"], side="right")]
    return pairs


def shared_counts(
    genotypes: Genotypes, keep: np.ndarray, i: np.ndarray, j: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For listed pairs of samples: variants where both have a genotype, and those with IBS 0.

    Parameters
    ----------
    keep : (n_variants,) bool, the variants to use. i, j : (pairs,) indices of samples.
    """
    both, ibs0 = np.zeros(len(i), np.int64), np.zeros(len(i), np.int64)
    rows, size = np.flatnonzero(keep), block_size(max(len(i), genotypes.n_samples))
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        dosages = genotypes.decode_rows(part, (2, -1, 1, 0), np.int8)
        one, two = dosages[:, i], dosages[:, j]
        both += ((one >= 0) & (two >= 0)).sum(axis=0)
        ibs0 += (one + two == 2).sum(axis=0) - ((one == 1) & (two == 1)).sum(axis=0)
    return both, ibs0
