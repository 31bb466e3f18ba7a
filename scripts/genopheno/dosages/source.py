"""What every reader of dosages gives: people, contigs, and one variant after the other.

A file is gone through twice. The sites come first, which is quick, and say what can be used and
whether it is of the project's reference; then the dosages of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from genopheno.problems import StageError, fail

Site = tuple[str, int, tuple[str, ...]]  # contig, position (1-based), alleles
# Contig and position of a variant -> not everybody has two copies there.
Haploid = Callable[[str, int], bool]


@dataclass
class Variant:
    """One variant with its dosages.

    Attributes
    ----------
    contig, position : as in the file; the position is 1-based.
    reference, alternate : first and second allele; the dosage is that of `alternate`.
    dosage : (people,) float32 from 0 to 2, in the file's order; NaN: missing. The single allele
        of people with one copy counts 2.
    quality : of the imputation, as the file gives it; None: it does not.
    """

    contig: str
    position: int
    reference: str
    alternate: str
    dosage: np.ndarray
    quality: float | None = None


class Source(Protocol):
    """A file of dosages.

    Attributes
    ----------
    path, format : where and what it is.
    samples : people, in the order of the dosages.
    lengths : contig -> bp, where the file says so; else 0.
    fixed_reference : the first allele is known to be that of the reference.

    Raises
    ------
    StageError : the file cannot be read, or is cut off.
    """

    path: Path
    format: str
    samples: list[str]
    lengths: dict[str, int]
    fixed_reference: bool

    def sites(self) -> Iterator[Site]:
        """Every variant of the file, the first allele first."""

    def variants(self, wanted: np.ndarray, haploid: Haploid) -> Iterator[Variant]:
        """Those of the sites that are `wanted` (sites,) bool; they have two alleles."""


def truncated(path: Path, error: object) -> StageError:
    return fail(
        "dosages-truncated",
        path,
        f"it cannot be read to its end: {error}",
        "Fetch or write the file again, and compare its size or checksum",
    )
