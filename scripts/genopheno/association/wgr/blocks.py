"""People in folds, variants in blocks: the plan of the ridge regressions.

All of it is decided from the people of a trait alone, never from those of other traits.
Traits with the same people, covariates and folds share one `People`, and with it the
genotype blocks, their Gram matrices and the factors of these. So that a few missing values
do not part them, the genotypes are those of everybody with the covariates of the trait, and
who lacks the trait stands at its mean, as in REGENIE (`fit`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genopheno.association import small
from genopheno.association.block import Counts, code_bits, count_bits, mask_words
from genopheno.chromosomes import autosomal
from genopheno.genotypes import Genotypes

FOLDS = 5
UNEVEN = 0.5  # a fold with less than this of its share of cases is no fair sample
APART = 0.5  # as is one whose mean is so many standard deviations off
CHUNK = 4096  # variants counted at a time
CONSTANT = 1e-10  # what the covariates leave of a variant's squares is rounding below this


@dataclass(frozen=True)
class GenomeBlock:
    """Indices of neighbouring variants of one contig."""

    contig: str
    rows: np.ndarray


class People:
    """The people whose genotypes step 1 of a trait is made of, in the order of their folds.

    Parameters
    ----------
    used : (samples,) bool.
    x : (samples, k) covariates with the intercept, full rank on `used`.
    folds : fold of each person used, 0 to `FOLDS` - 1, in the order of the samples.

    Attributes
    ----------
    index : (n,) sample of each person, fold after fold.
    bounds : (FOLDS + 1,) where the folds begin and end.
    basis : (n, k) orthonormal basis of the covariates.
    """

    def __init__(self, used: np.ndarray, x: np.ndarray, folds: np.ndarray):
        self.used = used
        self.index = np.flatnonzero(used)[np.argsort(folds, kind="stable")]
        self.bounds = np.concatenate([[0], np.cumsum(np.bincount(folds, minlength=FOLDS))])
        self.basis = small.orthonormal(x[self.index])
        self.n, self.k = self.basis.shape

    @property
    def slices(self) -> list[slice]:
        """One slice of the people per fold."""
        return [slice(a, b) for a, b in zip(self.bounds[:-1], self.bounds[1:], strict=True)]

    def residual(self, values: np.ndarray) -> np.ndarray:
        """Values (..., n) freed of the covariates; twice, for the rounding of the first."""
        for _ in range(2):
            values = values - (values @ self.basis) @ self.basis.T
        return values


def split(y: np.ndarray, binary: bool, related: bool) -> tuple[np.ndarray, str | None]:
    """Fold of each person, and what is to be said of the choice.

    Parameters
    ----------
    y : (n,) trait; NaN where it is not known.
    related : there are relatives.

    As REGENIE: consecutive people, in the order of the genotype file. There are two cases
    in which such folds are no samples of the whole. Relatives are often neighbours in the
    file, and a fold that holds whole families is predicted badly: people are then dealt
    out at random (the same way each time). And where the file is sorted by the trait, they
    are dealt out in the order of their values.
    """
    n = len(y)
    if related:
        dealt = np.random.default_rng(n).permutation(n) % FOLDS
        return dealt, "people were dealt out to the folds at random: there are relatives"
    folds = np.arange(n) * FOLDS // n
    known = ~np.isnan(y)
    values = y[known]
    sizes = np.bincount(folds[known], minlength=FOLDS)
    sums = np.bincount(folds[known], weights=values, minlength=FOLDS)
    enough = UNEVEN * len(values) / FOLDS
    fair = sizes.min() >= enough
    if fair and binary:
        share = values.mean()
        fair = min((sums / share).min(), ((sizes - sums) / (1 - share)).min()) >= enough
    elif fair:
        fair = np.abs(sums / sizes - values.mean()).max() <= APART * values.std()
    if fair:
        return folds, None
    dealt = np.empty(n, dtype=int)
    dealt[np.argsort(y, kind="stable")] = np.arange(n) % FOLDS
    return dealt, "people were dealt out to the folds: the genotype file is sorted by the trait"


def cut(
    genotypes: Genotypes,
    used: np.ndarray,
    *,
    size: int,
    min_allele_frequency: float,
    min_call_rate: float = 0.0,
) -> tuple[list[GenomeBlock], dict[str, int]]:
    """Blocks of at most `size` variants that do not cross contigs, and variants left out.

    Taken are variants of autosomes that vary among the people used, with a frequency of the rarer
    allele of at least `min_allele_frequency` and a share of genotypes of at least
    `min_call_rate` among them.
    """
    mask, n = mask_words(used), int(used.sum())
    parts = []
    for start, stop in genotypes.blocks(CHUNK):
        parts.append(count_bits(code_bits(genotypes.packed(start, stop)), mask, n))
        genotypes.release(start, stop)
    counts = Counts.joined(parts)
    taken = np.ones(genotypes.n_variants, dtype=bool)
    left_out = {}
    for reason, kept in (
        ("not on an autosome", autosomal(genotypes.table["contig"].to_numpy())),
        ("all missing", counts.called > 0),
        ("monomorphic", counts.varies),
        ("rare", counts.minor >= min_allele_frequency * counts.copies),
        ("call rate", counts.called >= min_call_rate * n),
    ):
        left_out[reason] = int((taken & ~kept).sum())
        taken &= kept
    blocks = []
    for contig, start, stop in genotypes.contigs():
        rows = start + np.flatnonzero(taken[start:stop])
        if rows.size:
            starts = range(0, len(rows), size)
            blocks += [GenomeBlock(contig, rows[at : at + size]) for at in starts]
    return blocks, {reason: count for reason, count in left_out.items() if count}


def centred(genotypes: Genotypes, rows: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Genotypes (variants, n) of the samples `index` less the variant's mean; missing as 0."""
    dosage = genotypes.decode_rows(rows, (2, np.nan, 1, 0), np.float64)[:, index]
    absent = np.isnan(dosage)
    dosage[absent] = 0.0
    dosage -= (dosage.sum(1) / (len(index) - absent.sum(1)))[:, None]
    dosage[absent] = 0.0
    return dosage


def standardised(genotypes: Genotypes, rows: np.ndarray, people: People) -> np.ndarray:
    """Genotypes (variants, n): missing as the mean, freed of the covariates, variance 1.

    The variance is over n - k degrees of freedom. A variant that the covariates determine
    is 0.
    """
    dosage = centred(genotypes, rows, people.index)
    before = np.einsum("vn,vn->v", dosage, dosage)
    dosage = people.residual(dosage)
    after = np.einsum("vn,vn->v", dosage, dosage)
    determined = after <= CONSTANT * before
    scale = np.sqrt((people.n - people.k) / np.where(determined, 1.0, after))
    dosage *= np.where(determined, 0.0, scale)[:, None]
    return dosage
