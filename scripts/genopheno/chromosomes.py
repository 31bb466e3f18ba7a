"""Chromosomes that not everybody has twice: which contigs, which regions of them, and who."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genopheno.bed import Region
from genopheno.files import read_json

if TYPE_CHECKING:
    import pyarrow as pa

AUTOSOME = re.compile(r"(chr)?([1-9]|1\d|2[0-2])", re.IGNORECASE)
NOT_AUTOSOME = re.compile(r"(chr)?(X|Y|XY|M|MT|PAR[12]?|W|Z|2[3-6])([_.-].*)?", re.IGNORECASE)
UNRECOGNISED = "the reference has no X, Y or mitochondrion that is known"


def copies_of(region: str, sex: np.ndarray) -> np.ndarray:
    """Chromosome copies of people of each sex.

    Parameters
    ----------
    region : 'X' or 'Y' without the pseudoautosomal regions, 'MT', or '': everybody has two.
    sex : (people,) 1 male, 2 female, 0 unknown, as in a ``.fam`` file.

    Returns
    -------
    (people,) int8; 0 also for people of unknown sex on X and Y.
    """
    unknown, male, female = {"X": (0, 1, 2), "Y": (0, 1, 0), "MT": (1, 1, 1)}.get(region, (2, 2, 2))
    return np.array([unknown, male, female], np.int8)[sex]


def autosomal(contigs: np.ndarray) -> np.ndarray:
    """True for variants on autosomes; `contigs` (variants,) are names.

    These are 1 to 22, with or without 'chr'. Where no contig is named so (slices, other
    species), every contig counts that is not X, Y, MT or a pseudo-autosomal region.
    """
    names = {name: bool(AUTOSOME.fullmatch(name)) for name in set(contigs)}
    if not any(names.values()):
        names = {name: not NOT_AUTOSOME.fullmatch(name) for name in names}
    return np.array([names[name] for name in contigs], dtype=bool)


def contig_runs(table: pa.Table) -> list[tuple[str, int, int]]:
    """Runs of variants of one contig: its name, first variant, and the one past the last."""
    column = table["contig"].combine_chunks().dictionary_encode()
    code = np.from_dlpack(column.indices)  # Arrow's own conversion would import pandas
    starts = np.concatenate([[0], np.flatnonzero(np.diff(code)) + 1])
    stops = np.append(starts[1:], len(code))
    names = column.dictionary.to_pylist()
    return [(names[code[a]], int(a), int(b)) for a, b in zip(starts, stops, strict=True)]


@dataclass(frozen=True)
class SexChromosomes:
    """Contigs whose copies depend on the sex; None: the reference has no such contig.

    Attributes
    ----------
    pseudoautosomal : regions of X and Y that everybody has twice (0-based, half-open).
    source : how they are known.
    """

    x: str | None = None
    y: str | None = None
    mitochondrion: str | None = None
    pseudoautosomal: tuple[Region, ...] = ()
    source: str = UNRECOGNISED

    @classmethod
    def read(cls, path: Path) -> SexChromosomes:
        """From ``chromosomes.json`` of 'genopheno ploidy'."""
        held = read_json(path)
        regions = tuple((c, start, end) for c, start, end in held["pseudoautosomal"])
        return cls(held["x"], held["y"], held.get("mitochondrion"), regions, held["source"])

    def shared(self, contig: str, position: int) -> bool:
        """Whether a 1-based position is pseudoautosomal."""
        return any(
            c == contig and start < position <= end for c, start, end in self.pseudoautosomal
        )

    def regions(self, contig: str, position: np.ndarray) -> np.ndarray:
        """Where each 1-based position (variants,) of a contig lies.

        Returns
        -------
        (variants,) str: 'X', 'Y', 'MT', or '' where everybody has two copies.
        """
        name = {self.x: "X", self.y: "Y", self.mitochondrion: "MT"}.get(contig, "")
        found = np.full(len(position), name, dtype="<U2")
        for c, start, end in self.pseudoautosomal:
            if c == contig:
                found[(position > start) & (position <= end)] = ""
        return found
