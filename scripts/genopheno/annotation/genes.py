"""Which transcripts lie where: what annotators that name only a gene leave to look up."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from genopheno.annotation.consequences import Consequence
from genopheno.annotation.transcripts import GeneModels

SHOWN = 20  # transcripts left out that a report names
KEPT = 65536  # transcripts whose exons are kept unpacked


class Placed(NamedTuple):
    """Where a transcript lies (1-based, ends included), and whether it is coding."""

    id: str
    contig: str
    start: int
    end: int
    coding: bool
    biotype: str


class Genes:
    """Transcripts of a GFF3 by the symbol of their gene, and what is known of each."""

    def __init__(self, models: GeneModels):
        self.models = models
        self._by_symbol: dict[str, list[Placed]] = {}
        for one in models.transcripts.values():
            placed = Placed(one.id, one.contig, one.start, one.end, bool(one.cds), one.biotype)
            self._by_symbol.setdefault(one.gene_symbol or one.gene_id, []).append(placed)
        self._exons = lru_cache(KEPT)(lambda name: models.transcripts[name].exons)

    def at(self, symbol: str, contig: str, start: int, end: int) -> list[Placed]:
        """Transcripts of genes of that symbol that overlap a place (1-based, ends included)."""
        return [
            one
            for one in self._by_symbol.get(symbol, ())
            if one.start <= end and start <= one.end and one.contig == contig
        ]

    def in_exon(self, transcript: str, start: int, end: int) -> bool:
        """Whether a place overlaps an exon of a transcript."""
        exons = self._exons(transcript)
        # The last exon that begins at the end of the place or before it; they do not overlap.
        index = bisect_right(exons, end, key=itemgetter(0))
        return index > 0 and exons[index - 1][1] >= start

    def complete(self, one: Consequence) -> Consequence:
        """A consequence with gene, biotype and tags of its transcript.

        Of a transcript that is not in the models as a usable one, the biotype stays as the
        annotator wrote it.
        """
        name, models = one.transcript, self.models
        gene = models.gene_of.get(name)
        if gene is None:
            return one
        known = models.transcripts.get(name)
        return one._replace(
            gene_id=gene,
            gene_symbol=models.symbols.get(gene, gene),
            biotype=known.biotype if known else one.biotype,
            canonical=name in models.canonical,
            mane_select=name in models.mane_select,
        )


def left_out(models: GeneModels) -> dict[str, Any]:
    """Transcripts of the GFF3 that cannot be used, with the reasons of the first of them."""
    return {
        "n": len(models.broken),
        "reasons": [f"{one.transcript}: {one.found}" for one in models.broken[:SHOWN]],
    }
