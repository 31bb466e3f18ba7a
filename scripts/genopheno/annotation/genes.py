"""Genes and transcripts of an Ensembl-style GFF3: names, places, tags."""

from __future__ import annotations

import gzip
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote


@dataclass(slots=True)
class Transcript:
    """One transcript.

    Attributes
    ----------
    gene : identifier of its gene. contig, start, end : place, 1-based, both ends included.
    canonical, mane_select : it carries the tag Ensembl_canonical, MANE_Select.
    exons : (start, end) of exons and coding parts, in file order; they may overlap.
    coding : it has coding parts.
    """

    gene: str
    contig: str
    start: int
    end: int
    biotype: str
    canonical: bool
    mane_select: bool
    exons: list[tuple[int, int]] = field(default_factory=list)
    coding: bool = False

    def covers(self, contig: str, start: int, end: int) -> bool:
        """Whether it overlaps a place (1-based, both ends included)."""
        return contig == self.contig and start <= self.end and self.start <= end

    def in_exon(self, start: int, end: int) -> bool:
        for first, last in self.exons:
            if first <= end and start <= last:
                return True
        return False


@dataclass(eq=False)
class Genes:
    """Transcripts and genes of a GFF3, by the identifiers that annotators print.

    Attributes
    ----------
    transcripts : by identifier, without the prefix ``transcript:``.
    symbols : gene identifier → symbol; the identifier itself where it has no Name.
    by_symbol : symbol → transcripts of all genes of that name.
    contigs : contig names with features, in file order.
    orphans : identifier of a parent that the file lacks → lines that name it. No annotator
        can use those lines.
    """

    transcripts: dict[str, Transcript] = field(default_factory=dict)
    symbols: dict[str, str] = field(default_factory=dict)
    by_symbol: dict[str, list[str]] = field(default_factory=dict)
    contigs: dict[str, None] = field(default_factory=dict)
    orphans: Counter[str] = field(default_factory=Counter)

    def at(self, symbol: str, contig: str, start: int, end: int) -> list[str]:
        """Transcripts of genes of that symbol that overlap a place (1-based, ends included)."""
        return [
            name
            for name in self.by_symbol.get(symbol, ())
            if self.transcripts[name].covers(contig, start, end)
        ]


def read_genes(gff3: str | Path) -> Genes:
    """Read the genes and transcripts of an Ensembl-style GFF3 (plain or gzip), in any order."""
    genes, parts = Genes(), []
    with open(gff3, "rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    with (gzip.open if packed else open)(gff3, "rt") as lines:
        for line in lines:
            cells = line.rstrip("\n").split("\t")
            if len(cells) < 9 or line.startswith("#"):
                continue
            contig, _, kind, start, end = cells[:5]
            genes.contigs[contig] = None
            if kind in ("exon", "CDS"):
                for parent in _value(cells[8], "Parent").split(","):
                    parts.append((parent.removeprefix("transcript:"), kind, int(start), int(end)))
            elif "ID=gene:" in cells[8]:
                name = _value(cells[8], "ID").removeprefix("gene:")
                genes.symbols[name] = unquote(_value(cells[8], "Name")) or name
            elif "ID=transcript:" in cells[8]:
                name = _value(cells[8], "ID").removeprefix("transcript:")
                tags = _value(cells[8], "tag").split(",")
                genes.transcripts[name] = Transcript(
                    _value(cells[8], "Parent").removeprefix("gene:"),
                    contig,
                    int(start),
                    int(end),
                    _value(cells[8], "biotype"),
                    "Ensembl_canonical" in tags,
                    "MANE_Select" in tags,
                )
    for parent, kind, start, end in parts:
        transcript = genes.transcripts.get(parent)
        if transcript is None:
            genes.orphans[parent] += 1
        else:
            transcript.exons.append((start, end))
            transcript.coding |= kind == "CDS"
    for name, transcript in genes.transcripts.items():
        if transcript.gene not in genes.symbols:
            genes.orphans[transcript.gene] += 1
            continue
        genes.by_symbol.setdefault(genes.symbols[transcript.gene], []).append(name)
    return genes


def _value(attributes: str, key: str) -> str:
    """Value of an attribute of GFF3; '' where it is absent."""
    for pair in attributes.split(";"):
        name, equals, value = pair.strip().partition("=")
        if equals and name == key:
            return value
    return ""
