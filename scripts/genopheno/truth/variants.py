"""A variant of one sample, and the change it makes to the reference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

# How far an indel is followed along a repeat (bp); longer repeats are cut there.
MAX_SHIFT = 1000


class Edit(NamedTuple):
    """Reference bases [start, end), 0-based, replaced by `bases`: the smallest such change."""

    start: int
    end: int
    bases: str


@dataclass(frozen=True)
class Variant:
    """One alternate allele that a sample carries.

    Attributes
    ----------
    contig : name of the contig.
    position : 0-based position of the first base of `ref` (VCF's POS − 1).
    ref, alt : alleles as written, upper case.
    copies : 1 (heterozygous) or 2 (homozygous; also one copy of a haploid genotype).
    quality : QUAL (Phred); None: missing.
    counted : it lies in the confident regions; others only help to match.
    """

    contig: str
    position: int
    ref: str
    alt: str
    copies: int
    quality: float | None = None
    counted: bool = True

    @cached_property
    def edit(self) -> Edit:
        return trim(self.position, self.ref, self.alt)

    @property
    def kind(self) -> str:
        """``snp`` for one base in the place of another, ``indel`` for everything else."""
        start, end, bases = self.edit
        return "snp" if end - start == len(bases) == 1 else "indel"


def trim(position: int, ref: str, alt: str) -> Edit:
    """Take off the bases that both alleles share, at the end first (Tan 2015)."""
    right = 0
    while right < min(len(ref), len(alt)) and ref[-1 - right] == alt[-1 - right]:
        right += 1
    ref, alt = ref[: len(ref) - right], alt[: len(alt) - right]
    left = 0
    while left < min(len(ref), len(alt)) and ref[left] == alt[left]:
        left += 1
    return Edit(position + left, position + len(ref), alt[left:])


def span(edit: Edit, reference: str) -> tuple[int, int]:
    """Reference interval in which the same change can be written.

    A pure insertion or deletion can be moved along a repeat without changing the sequence
    it makes; anything else stands where it is.

    Parameters
    ----------
    reference : bases of the whole contig.
    """
    start, end, bases = edit
    if bool(bases) == (start != end):
        return start, end
    # Moving by one base to the right takes the base after the gap and gives the first one of
    # the unit, which must be the same; to the left, likewise.
    unit = bases or reference[start:end]
    size = len(unit)
    right = left = 0
    while (
        right < MAX_SHIFT
        and end + right < len(reference)
        and reference[end + right] == unit[right % size]
    ):
        right += 1
    while (
        left < MAX_SHIFT and start > left and reference[start - 1 - left] == unit[-1 - left % size]
    ):
        left += 1
    return start - left, end + right


def single_bases(variant: Variant) -> list[Variant]:
    """Several substitutions in a row as one variant per changed base; others as they are."""
    if len(variant.ref) != len(variant.alt) or len(variant.ref) == 1:
        return [variant]
    return [
        Variant(
            variant.contig,
            variant.position + i,
            a,
            b,
            variant.copies,
            variant.quality,
            variant.counted,
        )
        for i, (a, b) in enumerate(zip(variant.ref, variant.alt, strict=True))
        if a != b
    ]
