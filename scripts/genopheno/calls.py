"""Genotype calls of two alleles: pairs of BCF bytes, codes of the genotype table, dosages.

A code tells a call exactly, in one small number: ``first + 3 * second + 12 * phased``.
`first` is 0 reference, 1 alternate, 2 missing; `second` likewise, or 3 where the call is
haploid; `phased` is 0 or 1. So 0 is ``0/0``, 3 is ``0/1``, 1 is ``1/0``, 15 is ``0|1``, 10 the
haploid ``1``. A dosage is the number of alternate alleles, -1 where any allele is missing.

A pair of BCF bytes is a call as BCF2 stores it (VCF specification, section 6.3.3): each byte is
``(allele + 1) << 1 | phased``, 0 or 1 for a missing allele, 0x81 (end of vector) for the second
of a haploid call. The phase bit of the first allele says nothing of a pair and is not kept.
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
# Codes that their dosage tells as well: unphased diploid 0/0, 0/1, 1/1 and ./.
CODE_OF_DOSAGE = np.array([0, 3, 4, 8], dtype=np.int8)  # indexed by the dosage; last: missing
PLAIN = np.isin(np.arange(N_CODES), CODE_OF_DOSAGE)
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
_DOSAGES = DOSAGE_OF_CODE.tobytes().ljust(256, b"\xff")


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
    """Dosages (...) int8, not to be written to, of codes (...) int8."""
    # A translation of bytes is three times as fast as NumPy's look-up.
    return np.frombuffer(codes.tobytes().translate(_DOSAGES), np.int8).reshape(codes.shape)


def haploid(codes: np.ndarray) -> np.ndarray:
    """Which codes (...) int8 are of haploid calls: (...) bool."""
    return (codes >= 9) & (codes <= 11)


def plain(codes: np.ndarray) -> np.ndarray:
    """Rows of codes (variants, samples) that their dosages tell as well: (variants,) bool."""
    answer = codes.max(axis=1, initial=0) <= 8
    answer[answer] = PLAIN[codes[answer]].all(axis=1)
    return answer


def codes(dosages: np.ndarray) -> np.ndarray:
    """Codes (...) int8 of dosages (...) int8 in plain rows, for which `calls` is null."""
    return CODE_OF_DOSAGE[dosages]
