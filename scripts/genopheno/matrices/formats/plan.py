"""What every format is given: what is known before the first variant, and the variants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Plan:
    """What is to be written.

    Attributes
    ----------
    n_variants : variants that will come.
    contigs : contigs of the matrices in order; length in bp, None: not told.
    filters : names of filters that the variants fail, sorted.
    samples : table ``matrix_samples``, a row per sample to write, in the order of genotypes.
    phenotypes : table ``phenotypes`` of their participants, with the traits to write.
    schemas : of the tables sites, genotypes and genes, and of carriers and consequences where
        there are any.
    told : what is to be kept in the JSON of a folder of matrices.
    """

    n_variants: int
    contigs: dict[str, int | None]
    filters: list[str]
    samples: pa.Table
    phenotypes: pa.Table
    schemas: dict[str, pa.Schema]
    told: dict = field(default_factory=dict)
    threads: int = 1

    @property
    def sample_names(self) -> list[str]:
        return self.samples["sample"].to_pylist()


@dataclass(frozen=True)
class Block:
    """Some variants of one contig, in order.

    Attributes
    ----------
    sites : (variants) table ``matrix_sites``.
    codes : (variants, samples) int8, exact calls as in `genopheno.calls`.
    entries : (variants, samples) of DP, GQ and DS, those that the genotypes have.
    consequences, carriers : read the rows of these variants (carriers: of these samples).
    """

    contig: str
    sites: pa.Table
    codes: np.ndarray
    entries: dict[str, np.ndarray]
    consequences: Callable[[], pa.Table]
    carriers: Callable[[], pa.Table]
