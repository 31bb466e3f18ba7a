"""People on axes that were made without them: stored loadings and new genotypes.

Variants are found by place and alleles. Where effect and other allele are swapped the dosage
is turned round. Where only the complements fit, the file is on the other strand: these
variants are turned, too, and then variants whose alleles are each other's complement (A/T,
C/G) are left out, because for them nothing tells the strand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from genopheno.genotypes import Genotypes
from genopheno.structure.variants import DOSAGE, block_size

COMPLEMENT = str.maketrans("ACGTacgt", "TGCAtgca")


@dataclass
class Shared:
    """Variants that two lists have in common.

    Attributes
    ----------
    rows : (shared,) index in the first list. other : (shared,) index in the second.
    turned : (shared,) bool, effect and other allele are swapped.
    n_turned, n_strand, n_ambiguous : how many are turned, are on the other strand, and were
        left out because their strand is not known.
    """

    rows: np.ndarray
    other: np.ndarray
    turned: np.ndarray
    n_turned: int
    n_strand: int
    n_ambiguous: int

    def __len__(self) -> int:
        return len(self.rows)


def shared_variants(variants: pd.DataFrame, others: pd.DataFrame) -> Shared:
    """Match two lists: contig (with or without 'chr'), position, effect_allele, other_allele.

    A variant that occurs twice in a list is matched once, by its first row.
    """
    mine, theirs = _keyed(variants), _keyed(others)
    found = mine.merge(theirs, on=["key", "place"], suffixes=("", "_other"))
    found["strand"] = False
    flipped = _keyed(others, complement=True)
    left = flipped[~flipped["row"].isin(found["row_other"]) & ~flipped["palindrome"]]
    rest = mine[~mine["row"].isin(found["row"])]
    strand = rest.merge(left, on=["key", "place"], suffixes=("", "_other"))
    strand["strand"] = True
    both = pd.concat([found, strand]) if len(strand) else found
    both = both.sort_values("row").drop_duplicates("row").drop_duplicates("row_other")
    ambiguous = both["palindrome"] & bool(both["strand"].any())
    both = both[~ambiguous]
    turned = (both["effect"] != both["effect_other"]).to_numpy(bool)
    return Shared(
        both["row"].to_numpy(np.int64),
        both["row_other"].to_numpy(np.int64),
        turned,
        int(turned.sum()),
        int(both["strand"].sum()),
        int(ambiguous.sum()),
    )


def _keyed(variants: pd.DataFrame, complement: bool = False) -> pd.DataFrame:
    effect = variants["effect_allele"].astype(str)
    other = variants["other_allele"].astype(str)
    flipped = effect.str.translate(COMPLEMENT)
    palindrome = (flipped == other).to_numpy()
    if complement:
        effect, other = flipped, other.str.translate(COMPLEMENT)
    low = np.where(effect < other, effect, other).astype(object)
    high = np.where(effect < other, other, effect).astype(object)
    contig = variants["contig"].astype(str).str.replace(r"^(?i:chr)", "", regex=True)
    return pd.DataFrame(
        {
            "place": variants["position"].to_numpy(np.int64),
            "key": contig.to_numpy(object) + ":" + low + ":" + high,
            "effect": effect.to_numpy(object),
            "palindrome": palindrome,
            "row": np.arange(len(variants)),
        }
    )


@dataclass
class Projection:
    """Scores of people on given axes.

    Attributes
    ----------
    scores : (people, k) float64; NaN where none of the variants is called.
    called : (people,) fraction of the variants of the loadings that are called.
    """

    scores: np.ndarray
    called: np.ndarray


def project(
    genotypes: Genotypes, shared: Shared, frequency: np.ndarray, loadings: np.ndarray
) -> Projection:
    """Scores: standardised dosages times loadings, summed over the variants that are called.

    Sums are divided by the fraction of variants called, so that people with gaps are not
    drawn towards 0. The sums are those of plink2 ``--score`` with ``variance-standardize``
    and ``no-mean-imputation``.

    Parameters
    ----------
    shared : variants of the genotypes (`rows`) in the loadings (`other`).
    frequency : (n_loadings,) of the loadings' effect allele, in the people they are from.
    loadings : (n_loadings, k).
    """
    sums = np.zeros((genotypes.n_samples, loadings.shape[1]))
    called = np.zeros(genotypes.n_samples)
    size = block_size(genotypes.n_samples)
    for first in range(0, len(shared), size):
        part = slice(first, first + size)
        dosages = genotypes.decode_rows(shared.rows[part], DOSAGE, np.float32)
        turned = shared.turned[part]
        dosages[turned] = 2 - dosages[turned]
        called += (~np.isnan(dosages)).sum(axis=0)
        there = shared.other[part]
        sums += _scaled(dosages, frequency[there]).T @ loadings[there].astype(np.float32)
    called /= len(loadings)
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = np.where(called[:, None] > 0, sums / called[:, None], np.nan)
    return Projection(scores, called)


def _scaled(dosages: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """(variants, samples) float32: dosages − 2p over √(2p(1−p)), missing 0; changed in place."""
    p = frequency[:, None]
    dosages -= (2 * p).astype(np.float32)
    dosages *= (1 / np.sqrt(2 * p * (1 - p))).astype(np.float32)
    return np.nan_to_num(dosages, copy=False, nan=0.0)
