"""Where genes lie, from a GFF3, and which is nearest to a variant."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd

from genopheno.problems import fail

COLUMNS = ["contig", "start", "end", "strand", "symbol", "biotype"]
CODING = "protein_coding"


@dataclass(frozen=True)
class Genes:
    """Genes by contig and start.

    Attributes
    ----------
    table : contig, start and end (1-based, ends included), strand, symbol, biotype.
    """

    table: pd.DataFrame

    def within(self, contig: str, start: int, stop: int) -> pd.DataFrame:
        """Genes that overlap a stretch (1-based, ends included)."""
        t = self.table
        return t[(t["contig"] == contig) & (t["start"] <= stop) & (t["end"] >= start)]

    def nearest(self, contig: str, position: int) -> tuple[str, int] | None:
        """Symbol of the nearest gene and how far it is (bp; 0: the variant lies in it).

        Of several equally near, a protein-coding one, then the first. None: the contig has none.
        """
        here = self.table[self.table["contig"] == contig]
        if here.empty:
            return None
        away = np.maximum(here["start"] - position, position - here["end"]).clip(lower=0)
        order = np.lexsort((here["biotype"] != CODING, away))
        return str(here["symbol"].iloc[order[0]]), int(away.iloc[order[0]])


def read(gff3: str | Path) -> Genes:
    """Gene lines of a GFF3, plain or gzip: those of a type that ends with 'gene'.

    Raises
    ------
    StageError : the file cannot be read, or has no gene.
    """
    rows, row = [], 0
    try:
        with open(gff3, "rb") as probe:
            packed = probe.read(2) == b"\x1f\x8b"
        with gzip.open(gff3, "rt") if packed else open(gff3, encoding="utf-8") as lines:
            for line in lines:
                row += 1
                if line.startswith("##FASTA"):
                    break
                cells = line.rstrip("\r\n").split("\t")
                if line.startswith("#") or len(cells) < 9 or not cells[2].endswith("gene"):
                    continue
                told = dict(
                    pair.strip().split("=", 1) for pair in cells[8].split(";") if "=" in pair
                )
                names = (told.get(key) for key in ("gene_name", "Name", "gene", "ID"))
                symbol = unquote(next((name for name in names if name), ""))
                kind = told.get("biotype") or told.get("gene_type") or told.get("gene_biotype", "")
                place = (cells[0], int(cells[3]), int(cells[4]), cells[6])
                rows.append((*place, symbol.removeprefix("gene:"), kind))
    except (OSError, EOFError, ValueError) as error:
        raise fail(
            "gene-models-unreadable", gff3, f"line {row}: {error}",
            "Give a whole GFF3 file, plain or gzip",
        ) from error  # fmt: skip
    if not rows:
        raise fail("gene-models-empty", gff3, "it has no gene lines", "Give gene models as GFF3")
    table = pd.DataFrame(rows, columns=COLUMNS)
    return Genes(table.sort_values(["contig", "start", "end"], kind="stable", ignore_index=True))
