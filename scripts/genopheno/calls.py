"""Genotype calls of two alleles: pairs of BCF bytes, codes of the genotype table, dosages.

A code tells a call exactly, in one small number: ``first + 3 * second + 12 * phased``.
`first` is 0 reference, 1 alternate, 2 missing; `second` likewise, or 3 where the call is
haploid; `phased` is 0 or 1. So 0 is ``0/0``, 3 is ``0/1``, 1 is ``1/0``, 15 is ``0|1``, 10 the
haploid ``1``. A dosage is the number of alternate alleles, -1 where any allele is missing.

A pair of BCF bytes is a call as BCF2 stores it (VCF specification, section 6.3.3): each byte is
``(allele + 1) << 1 | phased``, 0 or 1 for a missing allele, 0x81 (end of vector) for the second
of a haploid call. The phase bit of the first allele says nothing of a pair and is not kept.

The genotype table holds the dosages, and beside them no more than they leave open: whether the
diploid calls of a row are phased, and *marks*. A mark is 0 where the call is the plain one of its
dosage (``0/0``, ``0/1``, ``1/1`` or, phased, ``0|0``, ``0|1``, ``1|1``; ``./.`` either way), else
the code plus 1.
"""

from __future__ import annotations

import sys

import numpy as np

END_OF_VECTOR = 0x81  # int8 -127
N_CODES = 24
HAPLOID = 3  # in the place of the second allele
REFUSED = -128  # of a pair that is no call of two alleles

# Of each code: first and second allele, phase, dosage.
FIRST = np.arange(N_CODES, dtype=np.int8) % 3
SECOND = np.arange(N_CODES, dtype=np.int8) // 3 % 4
PHASED = np.arange(N_CODES) >= 12
DOSAGE_OF_CODE = np.where(
    (FIRST == 2) | (SECOND == 2), -1, FIRST + np.where(SECOND == HAPLOID, 0, SECOND)
).astype(np.int8)
# Plain codes by phase of the row and dosage (the last: missing).
PLAIN = np.array([[0, 3, 4, 8], [12, 15, 16, 8]], dtype=np.int8)
# As VCF writes them.
TEXT = tuple(
    "01."[first] if second == HAPLOID else f"{'01.'[first]}{'/|'[phased]}{'01.'[second]}"
    for first, second, phased in zip(FIRST, SECOND, PHASED.astype(int), strict=True)
)


def _pairs_of_codes() -> np.ndarray:
    byte = np.array([2, 4, 0, END_OF_VECTOR], dtype=np.uint8)
    # A haploid call has no second allele to carry a phase.
    phase = (PHASED & (SECOND != HAPLOID)).astype(np.uint8)
    return np.stack([byte[FIRST], byte[SECOND] | phase], axis=1)


def _codes_of_pairs() -> np.ndarray:
    """Code of each pair read as a little-endian number; `REFUSED` where it is no call."""
    table = np.full(1 << 16, REFUSED, dtype=np.int8)
    for code in range(N_CODES):
        if SECOND[code] == HAPLOID and PHASED[code]:
            continue  # the same call as the unphased code
        first, second = map(int, PAIR_OF_CODE[code])
        table[first | second << 8] = table[first | 1 | second << 8] = code
    return table


PAIR_OF_CODE = _pairs_of_codes()  # (24, 2) uint8
CODE_OF_PAIR = _codes_of_pairs()  # (65536,) int8


def _marks(plain: np.ndarray) -> np.ndarray:
    """Mark of each code where the code of a dosage is `plain`."""
    codes = np.arange(N_CODES, dtype=np.int8)
    return np.where(plain[DOSAGE_OF_CODE] == codes, 0, codes + 1).astype(np.int8)


# For bytes.translate, which is three times as fast as NumPy's look-up; -1 is byte 255.
_DOSAGES = DOSAGE_OF_CODE.tobytes().ljust(256)
# By phase of the row.
_MARKS = [_marks(plain).tobytes().ljust(256) for plain in PLAIN]
_PLAIN = [plain[:3].tobytes().ljust(255) + plain[3:].tobytes() for plain in PLAIN]


def encode(pairs: np.ndarray) -> np.ndarray:
    """Codes of calls.

    Parameters
    ----------
    pairs : (..., 2) uint8, C-contiguous, the bytes of BCF.

    Returns
    -------
    (...) int8; `REFUSED` where a pair is no call of two alleles (an allele beyond the first
    alternate one).
    """
    assert sys.byteorder == "little" and pairs.dtype == np.uint8 and pairs.shape[-1] == 2
    return CODE_OF_PAIR[pairs.view(np.uint16)[..., 0]]


def decode(codes: np.ndarray) -> np.ndarray:
    """Pairs of BCF bytes (..., 2) uint8 of codes (...) int8, the inverse of `encode`."""
    return PAIR_OF_CODE[codes]


def dosages(codes: np.ndarray) -> np.ndarray:
    """Dosages (...) int8 of codes (...) int8."""
    return _translate(codes, _DOSAGES)


def haploid(codes: np.ndarray) -> np.ndarray:
    """Which codes (...) int8 are of haploid calls: (...) bool."""
    return (codes >= 9) & (codes <= 11)


def compact(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the dosages leave open.

    Parameters
    ----------
    codes : (variants, samples) int8.

    Returns
    -------
    phased : (variants,) bool, what most diploid calls of the row are; those with no known allele
        have no say, and a draw is unphased.
    marks : (variants, samples) int8.
    """
    if codes.max(initial=0) <= 8:
        phased = np.zeros(len(codes), bool)
    else:
        phased = np.count_nonzero(codes >= 12, axis=1) > np.count_nonzero(codes < 8, axis=1)
    return phased, _by_phase(codes, phased, _MARKS)


def plain(dosages: np.ndarray, phased: np.ndarray) -> np.ndarray:
    """Codes (variants, samples) int8 of rows without a mark.

    Parameters
    ----------
    dosages : (variants, samples) int8. phased : (variants,) bool.
    """
    return _by_phase(dosages, phased, _PLAIN)


def exact(dosages: np.ndarray, phased: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Codes (variants, samples) int8, the inverse of `compact`."""
    return np.where(marks, marks - np.int8(1), plain(dosages, phased))


def _by_phase(values: np.ndarray, phased: np.ndarray, tables: list[bytes]) -> np.ndarray:
    """Rows of `values` translated by the first table where unphased, by the second elsewhere."""
    if not phased.any() or phased.all():
        return _translate(values, tables[int(phased.any())])
    answer = np.empty(values.shape, np.int8)
    for table, rows in zip(tables, (~phased, phased), strict=True):
        answer[rows] = _translate(values[rows], table)
    return answer


def _translate(values: np.ndarray, table: bytes) -> np.ndarray:
    there = bytearray(np.ascontiguousarray(values)).translate(table)
    return np.frombuffer(there, np.int8).reshape(values.shape)
