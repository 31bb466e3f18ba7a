"""Alleles: what is one, its shortest form, its strand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BASES = pa.array(["A", "C", "G", "T"])
NUMBERS = pa.array(["1", "2", "3", "4"])  # A, C, G, T in some older files
LONG = -1  # code of an allele that is more than one base
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def codes(alleles: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """[rows] int8: 0 to 3 for A, C, G, T; `LONG` for every other text."""
    found = pc.fill_null(pc.index_in(alleles, BASES), LONG)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int8)


def spelled(alleles: pa.ChunkedArray, numbered: bool) -> pa.ChunkedArray:
    """Alleles in capitals; those written 1 to 4 as bases, where `numbered`."""
    if not pa.types.is_string(alleles.type):
        alleles = pc.cast(alleles, pa.string())
    if numbered:
        known = pc.index_in(alleles, NUMBERS)
        return pc.coalesce(pc.take(BASES, known), alleles)
    return pc.utf8_upper(pc.utf8_trim_whitespace(alleles))


def are_bases(alleles: pa.ChunkedArray) -> np.ndarray:
    """[rows] bool: one or more of A, C, G and T."""
    one = codes(alleles) != LONG
    others = np.flatnonzero(~one)
    if others.size:
        fits = pc.match_substring_regex(alleles.take(pa.array(others)), "^[ACGT]+$")
        one[others] = pc.fill_null(fits, False).to_numpy(zero_copy_only=False)
    return one


def shortest(position: int, a: str, b: str) -> tuple[int, str, str]:
    """The shortest form of two alleles: no base in common at the end, then none at the start.

    Each keeps at least one base (Tan et al. 2015, Bioinformatics 31:2202).
    """
    end = 0
    while end < min(len(a), len(b)) - 1 and a[-1 - end] == b[-1 - end]:
        end += 1
    a, b = a[: len(a) - end], b[: len(b) - end]
    start = 0
    while start < min(len(a), len(b)) - 1 and a[start] == b[start]:
        start += 1
    return position + start, a[start:], b[start:]


def leftmost(position: int, a: str, b: str, before) -> tuple[int, str, str]:
    """The leftmost form of an insertion or deletion, in the shortest form.

    Parameters
    ----------
    position : 1-based, of the first base of both alleles.
    before : position → reference base there ('' outside the contig).
    """
    position, a, b = shortest(position, a, b)
    if len(a) == len(b) or a[0] != b[0]:
        return position, a, b
    while a[-1] == b[-1]:
        base = before(position - 1)
        if not base:
            break
        position, a, b = position - 1, base + a[:-1], base + b[:-1]
    return shortest(position, a, b)


def pair_class(effect: np.ndarray, other: np.ndarray) -> np.ndarray:
    """[rows] int: equal for pairs of bases that are the same up to order and strand.

    Parameters
    ----------
    effect, other : [rows] codes 0 to 3.
    """
    effect, other = effect.astype(np.int64), other.astype(np.int64)
    low, high = np.minimum(effect, other), np.maximum(effect, other)
    return np.minimum(low * 4 + high, (3 - high) * 4 + 3 - low)


def is_ambiguous(effect: np.ndarray, other: np.ndarray) -> np.ndarray:
    """[rows] bool: A/T and C/G, which read the same on the other strand."""
    return (effect >= 0) & (other >= 0) & (effect + other == 3)


def complemented(alleles: pa.Array) -> pa.Array:
    """Single bases on the other strand; longer alleles stay as they are."""
    return pc.coalesce(pc.take(pc.take(BASES, [3, 2, 1, 0]), pc.index_in(alleles, BASES)), alleles)
