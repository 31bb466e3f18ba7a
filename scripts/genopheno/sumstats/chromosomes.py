"""Names and order of chromosomes over files that spell them differently."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

AUTOSOMES = [str(number) for number in range(1, 23)]
ORDER = {name: rank for rank, name in enumerate([*AUTOSOMES, "X", "Y", "MT"])}
NAMED = {"23": "X", "24": "Y", "26": "MT", "M": "MT", "XY": "X", "PAR1": "X", "PAR2": "X"}


def name(text: str, chromosome_25: str = "MT") -> str:
    """A chromosome as 1 to 22, X, Y or MT; another contig keeps its name.

    >>> name("chr01"), name("23"), name("chrM"), name("GL000192.1")
    ('1', 'X', 'MT', 'GL000192.1')
    """
    bare = text.strip()
    bare = bare[3:] if bare[:3].lower() == "chr" else bare
    if bare.endswith(".0") and bare[:-2].isdecimal():
        bare = bare[:-2]
    if bare.isdecimal():
        bare = str(int(bare))
    bare = NAMED.get(bare.upper(), chromosome_25 if bare == "25" else bare)
    return bare if bare in ORDER else bare.upper() if bare.upper() in ORDER else text.strip()


def order(contig: str) -> tuple[int, str]:
    """Key to sort by: 1 to 22, X, Y, MT, then the other contigs by name."""
    return ORDER.get(contig, len(ORDER)), contig


def names(column: pa.ChunkedArray, chromosome_25: str) -> tuple[np.ndarray, list[str]]:
    """Codes [rows] into the names that come back; -1 where missing."""
    if not pa.types.is_string(column.type):
        column = pc.cast(column, pa.string())
    texts = pc.unique(column).drop_null()
    found = [name(text, chromosome_25) for text in texts.to_pylist()]
    distinct = sorted(set(found))
    index = np.array([distinct.index(one) for one in found] + [-1])
    place = pc.fill_null(pc.index_in(column, texts), -1).to_numpy()
    return index[place], distinct
