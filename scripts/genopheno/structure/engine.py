"""Who computes kinship and components. All else of the stage is the same for every engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from genopheno.genotypes import Genotypes
from genopheno.structure.components import Components, components
from genopheno.structure.kinship import related_pairs


class Engine(Protocol):
    """The two steps that grow with people × people × variants."""

    name: str

    def pairs(self, genotypes: Genotypes, keep: np.ndarray) -> tuple[pd.DataFrame, int]:
        """Related pairs over the variants `keep`, as `kinship.related_pairs`."""

    def components(
        self, genotypes: Genotypes, keep: np.ndarray, reference: np.ndarray, number: int
    ) -> Components:
        """Components of the samples `reference`, as `components.components`."""


@dataclass(frozen=True)
class NumPy:
    """On this machine, from the fileset."""

    threads: int = 1
    name: str = "numpy"

    def pairs(self, genotypes: Genotypes, keep: np.ndarray) -> tuple[pd.DataFrame, int]:
        return related_pairs(genotypes, keep, threads=self.threads)

    def components(
        self, genotypes: Genotypes, keep: np.ndarray, reference: np.ndarray, number: int
    ) -> Components:
        return components(genotypes, keep, reference, number, self.threads)
