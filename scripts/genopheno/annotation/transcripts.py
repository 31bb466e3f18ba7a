"""Transcript models of a GFF3: exons and coding parts, who is canonical, and what is broken.

Reads the dialects of Ensembl, GENCODE and NCBI. Lines may come in any order: children may
stand before their parents, as they do in files that were sorted for tabix.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np

from genopheno.annotation.gff3 import MANE_SELECT, Features, Line, read_features
from genopheno.annotation.model_checks import fault
from genopheno.problems import fail

PREFIXES = ("transcript:", "gene:", "rna-", "gene-")
SIGNS = {b"+": 1, b"-": -1}


class Broken(NamedTuple):
    """A transcript that is left out.

    Attributes
    ----------
    transcript : its identifier. code : stable name of the reason. found : the reason in words.
    row : 1-based line of the transcript; None where the file has no such line.
    """

    transcript: str
    code: str
    found: str
    row: int | None = None


class Transcript:
    """A transcript with exons that do not overlap and, if coding, one open reading frame.

    Attributes
    ----------
    id, gene_id, gene_symbol, biotype, contig : text; '' where the GFF3 has none.
    strand : +1 or -1.
    canonical, mane_select : marked so by a tag. A MANE Select transcript is canonical too.
    start_incomplete, end_incomplete : the reading frame begins inside a codon, or ends
        inside one; normal where only a part of the messenger is known (Ensembl's
        cds_start_NF, cds_end_NF).
    """

    # A genome has hundreds of thousands: exons and coding parts are packed.
    __slots__ = (
        "_cds",
        "_exons",
        "biotype",
        "canonical",
        "contig",
        "end_incomplete",
        "gene_id",
        "gene_symbol",
        "id",
        "mane_select",
        "start_incomplete",
        "strand",
    )

    @property
    def exons(self) -> tuple[tuple[int, int], ...]:
        """(start, end) of each exon, 1-based and inclusive, ascending on the contig."""
        bounds = array("i", self._exons)
        return tuple(zip(bounds[::2], bounds[1::2], strict=True))

    @property
    def cds(self) -> tuple[tuple[int, int, int], ...]:
        """(start, end, phase) of each coding part, likewise; empty: it codes for nothing.

        Phase: bases before the first whole codon, 0 to 2; -1: not told.
        """
        parts = array("i", self._cds)
        return tuple(zip(parts[::3], parts[1::3], parts[2::3], strict=True))

    @property
    def start(self) -> int:
        return array("i", self._exons)[0]

    @property
    def end(self) -> int:
        return array("i", self._exons)[-1]

    def __repr__(self) -> str:
        return f"Transcript({self.id}, {self.contig}:{self.start}-{self.end}, {self.strand:+d})"


@dataclass
class GeneModels:
    """Transcripts and genes of a GFF3.

    Attributes
    ----------
    transcripts : identifier → usable transcript.
    broken : transcripts left out, each with its reason, by identifier.
    gene_of : transcript → gene identifier, for every transcript line, broken or not.
    canonical, mane_select : transcripts marked so, broken or not.
    symbols : gene identifier → gene symbol, for the genes that have one.
    contigs : contig names with genes or transcripts, in file order.
    """

    transcripts: dict[str, Transcript] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    gene_of: dict[str, str] = field(default_factory=dict)
    canonical: set[str] = field(default_factory=set)
    mane_select: set[str] = field(default_factory=set)
    symbols: dict[str, str] = field(default_factory=dict)
    contigs: dict[str, None] = field(default_factory=dict)


def read_models(gff3: str | Path) -> GeneModels:
    """Read the transcripts of a GFF3 (plain or gzip; Ensembl, GENCODE or NCBI).

    Raises
    ------
    StageError : a line cannot be read, or there is no usable transcript at all.
    """
    features = read_features(gff3)
    models = GeneModels()
    models.contigs = dict.fromkeys(contig.decode() for contig, _ in features.places)
    for identifier, line in features.lines.items():
        name = _plain(identifier)
        if line.parent:
            models.gene_of[name] = _gene(line, features.lines)
            if line.marks:
                models.canonical.add(name)
            if line.marks & MANE_SELECT:
                models.mane_select.add(name)
        elif line.name:
            models.symbols[name] = unquote(line.name)
    places = [(contig.decode(), SIGNS.get(strand, 0)) for contig, strand in features.places]
    for parent, exons, cds in zip(
        features.numbers,
        features.by_parent(features.exons),
        features.by_parent(features.cds),
        strict=True,
    ):
        _add_transcript(models, features, places, parent.decode(), exons, cds)
    models.broken.sort(key=lambda one: one[:3])
    if not models.transcripts:
        raise fail(
            "gene-models-empty",
            gff3,
            f"no usable transcript among {len(features.numbers):,} parents of exons and CDS",
            "Give a GFF3 whose exons name their transcript as Parent",
        )
    return models


def _plain(name: str) -> str:
    """An identifier without the kind that Ensembl and NCBI put before it."""
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


def _gene(line: Line, lines: dict[str, Line]) -> str:
    """The topmost parent: NCBI puts a micro-RNA below its precursor."""
    parent = line.parent
    for _ in range(3):
        above = lines.get(parent)
        if above is None or not above.parent:
            break
        parent = above.parent
    return _plain(parent)


def _add_transcript(
    models: GeneModels,
    features: Features,
    places: list[tuple[str, int]],
    identifier: str,
    exons: np.ndarray,
    cds: np.ndarray,
) -> None:
    """Add one parent of exons and coding parts: to the transcripts, or to the broken ones."""
    name, line = _plain(identifier), features.lines.get(identifier)
    if line is None:
        text = f"{len(exons)} exons and {len(cds)} CDS of a parent that is not there"
        models.broken.append(Broken(name, "parent-missing", text))
        return
    contig, strand = places[line.place]
    if not line.parent:
        reason = ("parent-is-a-gene", f"exons or CDS of the {line.kind} itself")
    elif line.parent not in features.lines:
        reason = ("gene-missing", f"its gene {line.parent} is not there")
    elif (exons[:, 0] != line.place).any() or (cds[:, 0] != line.place).any():
        reason = ("place-differs", "exons or CDS on another contig or strand")
    else:
        reason = fault(exons[:, 1:3].tolist(), cds[:, 1:].tolist(), strand)
    if reason:
        models.broken.append(Broken(name, *reason, line.row))
        return
    one = Transcript()
    one.id, one.gene_id = name, models.gene_of[name]
    one.gene_symbol = models.symbols.get(one.gene_id, "")
    one.biotype, one.contig, one.strand = line.biotype, contig, strand
    one.canonical, one.mane_select = name in models.canonical, name in models.mane_select
    one._exons, one._cds = exons[:, 1:3].tobytes(), cds[:, 1:].tobytes()
    one.start_incomplete = one.end_incomplete = False
    if len(cds):
        phase = max(0, int(cds[0 if strand > 0 else -1, 3]))
        length = int((cds[:, 2] - cds[:, 1] + 1).sum())
        one.start_incomplete, one.end_incomplete = phase > 0, (length - phase) % 3 > 0
    models.transcripts[name] = one
