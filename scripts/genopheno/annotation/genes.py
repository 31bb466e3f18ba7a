"""Which transcripts lie where: what annotators that name only a gene leave to look up."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from genopheno.annotation.consequences import Consequence
from genopheno.annotation.transcripts import GeneModels

SHOWN = 20  # transcripts left out that a report names
BIN = 14  # transcripts are looked up in bins of 2**14 bases
KEPT = 65536  # transcripts whose exons are kept unpacked


class Placed(NamedTuple):
    """Where a transcript lies (1-based, ends included), and whether it is coding."""

    id: str
    start: int
    end: int
    coding: bool
    biotype: str


class Genes:
    """Transcripts of a GFF3 by their place, and what is known of each."""

    def __init__(self, models: GeneModels):
        self.models = models
        self._bins: dict[tuple[str, int], list[Placed]] = {}
        for one in models.transcripts.values():
            placed = Placed(one.id, one.start, one.end, bool(one.cds), one.biotype)
            for number in range(one.start >> BIN, (one.end >> BIN) + 1):
                self._bins.setdefault((one.contig, number), []).append(placed)
        self._exons = lru_cache(KEPT)(lambda name: models.transcripts[name].exons)

    def at(self, contig: str, start: int, end: int) -> list[Placed]:
        """Transcripts that overlap a place (1-based, ends included), in the order of the GFF3."""
        first, last = start >> BIN, end >> BIN
        found = [
            one
            for one in self._bins.get((contig, first), ())
            if one.start <= end and start <= one.end
        ]
        for number in range(first + 1, last + 1):  # those that begin in a later bin
            found += [
                one
                for one in self._bins.get((contig, number), ())
                if one.start >> BIN == number and one.start <= end
            ]
        return found

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
