"""Associations that are known already: the GWAS Catalog's file, or a list of one's own."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from genopheno.problems import fail
from genopheno.signals.tested import Tested

# Our name -> names that a file may have for it, in lower case; the first are the GWAS Catalog's.
NAMES = {
    "contig": ("chr_id", "chromosome", "chrom", "chr", "contig"),
    "position": ("chr_pos", "base_pair_location", "position", "pos", "bp"),
    "variant": ("snps", "rsid", "variant_id", "snp", "id"),
    "trait": ("disease/trait", "mapped_trait", "trait", "phenotype"),
}
NEEDED = ("contig", "position")


@dataclass(frozen=True)
class Known:
    """Places of known associations.

    Attributes
    ----------
    table : contig (without chr, X for 23), position, variant, trait; a row per place.
    counts : rows read, used, and without one place for each chromosome they name.
    """

    table: pd.DataFrame
    counts: dict[str, int]

    def near(self, contig: str, position: int, kb: float) -> pd.DataFrame:
        """Those within reach, nearest first, with `distance` in bp."""
        here = self.table[self.table["contig"] == bare(contig)]
        away = (here["position"] - position).abs()
        near = here[away <= kb * 1000].assign(distance=away)
        return near.sort_values("distance", kind="stable")


def bare(contig: str) -> str:
    """Name of a chromosome that does not depend on the file: without chr, X for 23."""
    name = contig.strip().upper().removeprefix("CHR")
    return {"23": "X", "24": "Y", "25": "MT", "M": "MT"}.get(name, name)


def read(path: str | Path) -> Known:
    """Read a table, tabs between, with a header; plain or gzip.

    A row may name several places, ';' between, as the catalog's do for haplotypes. Rows without a
    place (variants that are in no build) are counted and left out.

    Raises
    ------
    StageError : it cannot be read, has no chromosome or position, or no row with a place.
    """
    try:
        with open(path, "rb") as probe:
            opened = gzip.open if probe.read(2) == b"\x1f\x8b" else open
        with opened(path, "rt", encoding="utf-8") as lines:
            frame = pd.read_csv(lines, sep="\t", dtype=str, keep_default_na=False, quoting=3)
    except (OSError, EOFError, ValueError) as error:
        raise fail(
            "known-unreadable", path, str(error).splitlines()[0],
            "Give a table with a header and tabs between, such as the GWAS Catalog's",
        ) from error  # fmt: skip
    lower = {str(name).strip().lower(): name for name in frame.columns}
    held = {
        ours: next((lower[name] for name in names if name in lower), None)
        for ours, names in NAMES.items()
    }
    absent = [ours for ours in NEEDED if held[ours] is None]
    if absent:
        raise fail(
            "known-columns", path,
            f"no column of {', '.join(absent)}: it has {', '.join(map(str, frame.columns[:12]))}",
            "Name them CHR_ID and CHR_POS, or chromosome and base_pair_location",
        )  # fmt: skip
    rows, unplaced = [], 0
    cells = [frame[held[ours]] if held[ours] else [""] * len(frame) for ours in NAMES]
    for contigs, positions, variant, trait in zip(*cells, strict=True):
        places = list(zip(contigs.split(";"), positions.split(";"), strict=False))
        whole = [(c, p.strip()) for c, p in places if c.strip() and p.strip().isdecimal()]
        if not whole:
            unplaced += 1
        rows += [(bare(c), int(p), variant.strip(), trait.strip()) for c, p in whole]
    counts = {"rows": len(frame), "used": len(frame) - unplaced, "without_place": unplaced}
    if not rows:
        raise fail(
            "known-empty", path, f"none of its {len(frame)} rows has a place",
            "Give chromosome and position of each association",
        )  # fmt: skip
    return Known(pd.DataFrame(rows, columns=list(NAMES)), counts)


def rows_at(tested: Tested, contig: str, known: pd.DataFrame) -> np.ndarray:
    """Rows of the variants of a contig that lie at places of `known`."""
    here = tested.contig == tested.contigs.index(contig)
    return np.flatnonzero(here & np.isin(tested.position, known["position"]))
