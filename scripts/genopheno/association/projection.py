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

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genopheno.association import small
from genopheno.genotypes import Genotypes

TILE = 64  # variants whose squares are held at a time: they stay in the cache
DENSE = 0.03  # share of missing genotypes from which a matrix product is faster than a list
PEOPLE, PEOPLE_A_WORD = np.uint64(0x5555555555555555), 32  # the bits of people, and how many
COLLINEAR = 1e-8  # curvature left over by the covariates, as a fraction of that by the mean alone


class Block:
    """Genotypes of a few variants, decoded once for all traits.

    Parameters
    ----------
    memory : of a block that is done with, to be written over; None: new.

    Attributes
    ----------
    dosage : (variants, samples) float64 counts of the effect allele, missing as 0.
    memory : that the dosages are in.
    """

    def __init__(
        self, genotypes: Genotypes, start: int, stop: int, memory: np.ndarray | None = None
    ):
        self._genotypes, self.start, self.stop = genotypes, start, stop
        shape = stop - start, genotypes.n_samples + -genotypes.n_samples % 4
        # Fresh memory costs more than the decoding: the system hands it out page by page.
        self.memory = np.empty(shape) if memory is None or len(memory) < shape[0] else memory
        self.dosage = genotypes.decode(
            start, stop, (2, 0, 1, 0), np.float64, out=self.memory[: shape[0]]
        )
        self._bits = code_bits(genotypes.packed(start, stop))

    def square_sums(self, weights: np.ndarray) -> np.ndarray:
        """Sums of `weights` (samples,) times the squared dosages: (variants,)."""
        out = np.empty(len(self.dosage))
        squares = np.empty((min(TILE, len(out)), self.dosage.shape[1]))
        for at in range(0, len(out), TILE):
            part = self.dosage[at : at + TILE]
            out[at : at + TILE] = np.square(part, out=squares[: len(part)]) @ weights
        return out

    def absent(self, rows: np.ndarray) -> np.ndarray:
        """(len(rows), samples) float64, 1 where the genotype is missing."""
        return self._genotypes.decode_rows(self.start + rows, (0, 1, 0, 0), np.float64)

    @cached_property
    def _missing(self) -> tuple[np.ndarray, np.ndarray]:
        """Row and sample of each missing genotype, row by row."""
        words = (self._bits[1] & PEOPLE).ravel()
        at = np.flatnonzero(words != 0)
        left, places, people = words[at], [], []
        while at.size:  # as often as a word has people: once or twice
            lowest = left & (~left + np.uint64(1))
            places.append(at)
            people.append(np.bitwise_count(lowest - np.uint64(1)) // 2)
            left = left ^ lowest
            more = left != 0
            at, left = at[more], left[more]
        place, person = np.concatenate(places), np.concatenate(people)
        order = np.argsort(place, kind="stable")
        row, word = np.divmod(place[order], self._bits[1].shape[1])
        return row, PEOPLE_A_WORD * word + person[order]

    def missing_sums(self, rows: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """How to sum columns (samples, m) over the people without a genotype: (len(rows), m).

        Each of `rows` has such people.
        """
        row, sample = self._missing
        sizes = np.searchsorted(row, rows, "right") - np.searchsorted(row, rows)
        if sizes.sum() > DENSE * len(rows) * self.dosage.shape[1]:
            absent = self.absent(rows)
            return lambda columns: absent @ columns
        taken = np.zeros(len(self.dosage), dtype=bool)
        taken[rows] = True
        people, starts = sample[taken[row]], np.cumsum(sizes) - sizes
        return lambda columns: np.add.reduceat(columns[people], starts)

    def count(self, mask: np.ndarray, n: int) -> Counts:
        """Exact genotype counts among the `n` people of a mask made by `mask_words`."""
        return count_bits(self._bits, mask, n)


@dataclass(frozen=True)
class Counts:
    """Per variant: people with a genotype, heterozygous, homozygous for the effect allele."""

    called: np.ndarray
    het: np.ndarray
    hom: np.ndarray

    @property
    def alleles(self) -> np.ndarray:
        """Copies of the effect allele."""
        return self.het + 2 * self.hom

    @property
    def minor(self) -> np.ndarray:
        """Copies of the rarer allele."""
        return np.minimum(self.alleles, 2 * self.called - self.alleles)

    @property
    def squares(self) -> np.ndarray:
        """Sum of the squared dosages."""
        return self.het + 4 * self.hom


def code_bits(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bits for heterozygous, missing, and no effect allele, of packed genotypes.

    As 64-bit words (variants, words); the bits that stand for a person sit at even places,
    and the masks of `mask_words` have only those.
    """
    words = np.zeros((len(packed), -(-packed.shape[1] // 8) * 8), np.uint8)
    words[:, : packed.shape[1]] = packed
    code = words.view(np.uint64)
    low, high = code, code >> np.uint64(1)
    return high & ~low, low & ~high, high & low


def count_bits(bits: tuple[np.ndarray, np.ndarray, np.ndarray], mask: np.ndarray, n: int) -> Counts:
    """Exact genotype counts among the `n` people of a mask."""
    het, missing, none = (np.bitwise_count(b & mask).sum(1, dtype=np.int64) for b in bits)
    return Counts(n - missing, het, n - missing - het - none)


def mask_words(used: np.ndarray) -> np.ndarray:
    """Mask of people for `Block.count`: used (samples,) bool -> words of two bits a person."""
    bits = np.zeros(-(-len(used) // 32) * 32, dtype=np.uint8)
    bits[: len(used)] = used
    quads = bits.reshape(-1, 4)
    return (quads << np.array([0, 2, 4, 6], np.uint8)).sum(1, dtype=np.uint8).view(np.uint64)


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
            around_mean = counts.squares - np.square(counts.alleles) / counts.called
        # A genotype that all share leaves nothing but rounding: counts are exact, so ask them.
        varies = counts.squares * counts.called > np.square(counts.alleles)
        there = self.regular & varies & (curvature > COLLINEAR * around_mean)
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
