"""Genotypes of a few variants for all traits at once, and sums of them over some people.

One interface for three sources. `Block` holds hard calls where everybody has two copies,
and counts them by their bits. `CodedBlock` holds numbers: hard calls of X, Y or the
mitochondrion (`coding`), and dosages. Sums of either are exact: hard calls are whole
numbers, dosages multiples of 1/16384 (`dosages`), of which a double holds 2^53.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from genopheno.association.coding import Coding
from genopheno.association.dosages import Dosages
from genopheno.genotypes import Genotypes

ROUNDING = 1e-12  # of the products of two sums of dosages
TILE = 64  # variants whose squares are held at a time: they stay in the cache
DENSE = 0.03  # share of missing genotypes from which a matrix product is faster than a list
PEOPLE, PEOPLE_A_WORD = np.uint64(0x5555555555555555), 32  # the bits of people, and how many


@dataclass(frozen=True)
class Counts:
    """Sums over some people, per variant.

    Attributes
    ----------
    called : people with a genotype.
    total, squares : sum of the dosages and of their squares.
    alleles, copies : effect alleles, and alleles in all.
    """

    called: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    alleles: np.ndarray
    copies: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[Counts]) -> Counts:
        """The counts of several blocks, one after the other."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def taken(self, rows: np.ndarray) -> Counts:
        """The counts of some variants."""
        return Counts(*(getattr(self, f.name)[rows] for f in fields(self)))

    def without(self, some: Counts) -> Counts:
        """The counts of the others, where `some` are of some of these people."""
        return Counts(*(getattr(self, f.name) - getattr(some, f.name) for f in fields(self)))

    @property
    def minor(self) -> np.ndarray:
        """Copies of the rarer allele."""
        return np.minimum(self.alleles, self.copies - self.alleles)

    @property
    def frequency(self) -> np.ndarray:
        """Frequency of the effect allele; NaN where nobody has a genotype."""
        with np.errstate(invalid="ignore"):
            return self.alleles / self.copies

    @property
    def varies(self) -> np.ndarray:
        """False where all people with a genotype have the same."""
        spread = self.squares * self.called
        if np.issubdtype(spread.dtype, np.integer):
            return spread > np.square(self.total)
        return spread > np.square(self.total) * (1 + ROUNDING)


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
        """Exact sums over the `n` people of a mask made by `mask_words`."""
        return count_bits(self._bits, mask, n)


class CodedBlock(Block):
    """A block of numbers.

    Parameters
    ----------
    stored : (variants, samples) float64 from 0 to 2, as in a fileset, any value if missing;
        it is changed in place.
    missing : (variants, samples) bool.
    coding : what they count as; None: what they are.
    """

    def __init__(self, stored: np.ndarray, missing: np.ndarray, coding: Coding | None):
        if coding is not None:
            missing[:, coding.copies == 0] = True
            stored *= coding.scale
        self._coding, self._gone, self._gappy = coding, missing, bool(missing.any())
        if self._gappy:
            stored[missing] = 0.0
        self.dosage, self.memory = stored, None

    @classmethod
    def of_calls(cls, genotypes: Genotypes, start: int, stop: int, coding: Coding) -> CodedBlock:
        """Hard calls; the heterozygous ones of people with one copy are missing."""
        stored = genotypes.decode(start, stop, (2, 0, 1, 0), np.float64)
        missing = genotypes.decode(start, stop, (0, 1, 0, 0), np.uint8).astype(bool)
        missing[:, coding.haploid] |= stored[:, coding.haploid] == 1
        return cls(stored, missing, coding)

    @classmethod
    def of_dosages(
        cls, dosages: Dosages, start: int, stop: int, coding: Coding | None
    ) -> CodedBlock:
        stored = dosages.read(start, stop)
        return cls(stored.astype(np.float64), stored < 0, coding)

    def absent(self, rows: np.ndarray) -> np.ndarray:
        return self._gone[rows].astype(np.float64)

    @cached_property
    def _missing(self) -> tuple[np.ndarray, np.ndarray]:
        return np.nonzero(self._gone)

    def count(self, mask: np.ndarray, n: int) -> Counts:
        people = mask_people(mask, self.dosage.shape[1]).astype(np.float64)
        total, squares = self.dosage @ people, self.square_sums(people)
        gone = self._gone.astype(np.float64) if self._gappy else None
        called = np.full(len(total), n, np.int64)
        if gone is not None:
            called -= (gone @ people).astype(np.int64)
        if self._coding is None:
            return Counts(called, total, squares, total, 2 * called)
        alleles = self.dosage @ (people * self._coding.alleles)
        held = people * self._coding.copies
        copies = np.full(len(total), held.sum())
        if gone is not None:
            copies -= gone @ held
        return Counts(called, total, squares, alleles, copies.astype(np.int64))


def read_block(
    source: Genotypes | Dosages,
    start: int,
    stop: int,
    coding: Coding | None = None,
    memory: np.ndarray | None = None,
) -> Block:
    """Variants `start` to `stop` of hard calls or dosages; `memory` as of `Block`."""
    if isinstance(source, Dosages):
        return CodedBlock.of_dosages(source, start, stop, coding)
    if coding is not None:
        return CodedBlock.of_calls(source, start, stop, coding)
    return Block(source, start, stop, memory)


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
    """Exact sums over the `n` people of a mask, everybody with two copies."""
    het, missing, none = (np.bitwise_count(b & mask).sum(1, dtype=np.int64) for b in bits)
    called = n - missing
    hom = called - het - none
    alleles = het + 2 * hom
    return Counts(called, alleles, het + 4 * hom, alleles, 2 * called)


def mask_words(used: np.ndarray) -> np.ndarray:
    """Mask of people for `Block.count`: used (samples,) bool -> words of two bits a person."""
    bits = np.zeros(-(-len(used) // 32) * 32, dtype=np.uint8)
    bits[: len(used)] = used
    quads = bits.reshape(-1, 4)
    return (quads << np.array([0, 2, 4, 6], np.uint8)).sum(1, dtype=np.uint8).view(np.uint64)


def mask_people(mask: np.ndarray, n_samples: int) -> np.ndarray:
    """The people (samples,) uint8 of a mask made by `mask_words`."""
    return np.unpackbits(mask.view(np.uint8), bitorder="little")[::2][:n_samples]
