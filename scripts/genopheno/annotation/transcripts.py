"""Transcript models of a GFF3: exons and coding parts, who is canonical, and what is broken.

Reads the dialects of Ensembl, GENCODE and NCBI. Lines may come in any order: children may
stand before their parents, as they do in files that were sorted for tabix.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import unquote

import numpy as np
from isal import igzip

from genopheno.annotation.model_checks import fault
from genopheno.problems import fail

PREFIXES = ("transcript:", "gene:", "rna-", "gene-")
# Parts of a transcript that say nothing which exons and CDS do not.
PARTS = {
    b"five_prime_UTR", b"three_prime_UTR", b"UTR", b"start_codon", b"stop_codon",
    b"stop_codon_redefined_as_selenocysteine", b"intron", b"biological_region", b"region",
    b"chromosome", b"scaffold", b"supercontig", b"contig", b"match", b"cDNA_match",
}  # fmt: skip
CANONICAL = {"Ensembl_canonical", "canonical", "RefSeq Select", "RefSeq_Select"}
MANE_SELECT = {"MANE_Select", "MANE Select"}


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
    places : gene name → (contig, start, end, gene identifier) of each gene of that name.
    symbols : gene identifier → gene symbol, for the genes that have one.
    contigs : contig names with features, in file order.
    """

    transcripts: dict[str, Transcript] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    gene_of: dict[str, str] = field(default_factory=dict)
    canonical: set[str] = field(default_factory=set)
    mane_select: set[str] = field(default_factory=set)
    places: dict[str, list[tuple[str, int, int, str]]] = field(default_factory=dict)
    symbols: dict[str, str] = field(default_factory=dict)
    contigs: dict[str, None] = field(default_factory=dict)

    def gene_id(self, transcript: str, gene: str, contig: str, position: int) -> str | None:
        """Identifier of the gene; by its name and place where no transcript is named."""
        if transcript in self.gene_of:
            return self.gene_of[transcript]
        places = self.places.get(gene, [])
        here = [g for c, start, end, g in places if c == contig and start <= position <= end]
        # A deletion may begin before its gene; then the name alone has to be enough.
        candidates = here or [g for c, _, _, g in places if c == contig]
        return candidates[0] if len(set(candidates)) == 1 else None


class _Line(NamedTuple):
    """A gene or transcript line. tags: its values of 'tag'."""

    kind: str
    place: int
    start: int
    end: int
    parent: str
    name: str
    biotype: str
    tags: frozenset[str]
    row: int


class _Parts(NamedTuple):
    """Exons or coding parts as columns: number of the parent, place, start, end, phase."""

    columns: tuple[array, array, array, array, array]

    @classmethod
    def empty(cls) -> _Parts:
        return cls(tuple(array("i") for _ in range(5)))

    def add(self, *values: int) -> None:
        for column, value in zip(self.columns, values, strict=True):
            column.append(value)

    def by_parent(self, n: int) -> Iterator[np.ndarray]:
        """The parts of each of `n` parents, ascending by start: (parts, 4) int32."""
        parent, _, start, *_ = columns = [np.frombuffer(c, np.int32) for c in self.columns]
        order = np.lexsort((start, parent))
        table = np.stack([column[order] for column in columns[1:]], axis=1)
        bounds = np.searchsorted(parent[order], np.arange(n + 1))
        return (table[a:b] for a, b in zip(bounds[:-1], bounds[1:], strict=True))


def open_text(path: str | Path) -> IO[bytes]:
    """The lines of a plain or gzipped file, as bytes."""
    with open(path, "rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    if packed:
        return io.BufferedReader(igzip.open(path, "rb"), 1 << 20)
    return open(path, "rb", 1 << 20)


def read_models(gff3: str | Path) -> GeneModels:
    """Read the transcripts of a GFF3 (plain or gzip; Ensembl, GENCODE or NCBI).

    Raises
    ------
    StageError : a line cannot be read, or there is no transcript with exons at all.
    """
    models = GeneModels()
    exons, cds = _Parts.empty(), _Parts.empty()
    lines: dict[str, _Line] = {}
    numbers: dict[bytes, int] = {}  # parent of an exon or CDS → its number
    places: dict[tuple[bytes, bytes], int] = {}  # contig and strand → number
    row = 0
    try:
        with open_text(gff3) as handle:
            for row, line in enumerate(handle, 1):
                if line[:1] == b"#":
                    if line.startswith(b"##FASTA"):
                        break
                    continue
                cells = line.rstrip(b"\r\n").split(b"\t")
                if len(cells) < 9:
                    if line.strip():
                        raise ValueError(f"{len(cells)} columns instead of 9")
                    continue
                kind, attributes = cells[2], cells[8]
                place = places.setdefault((cells[0], cells[6]), len(places))
                if kind == b"exon" or kind == b"CDS":
                    parts = exons if kind == b"exon" else cds
                    phase = -1 if cells[7] == b"." else int(cells[7])
                    start, end = int(cells[3]), int(cells[4])
                    for parent in _parents(attributes):
                        number = numbers.setdefault(parent, len(numbers))
                        parts.add(number, place, start, end, phase)
                elif kind not in PARTS and b"ID=" in attributes:
                    name, found = _line(kind, cells, place, row)
                    lines[name] = found
    except (ValueError, EOFError, OSError, igzip.BadGzipFile) as error:
        raise fail(
            "gene-models-unreadable", gff3, f"line {row}: {error}", "Give a GFF3 file, whole"
        ) from error

    names = {number: (contig.decode(), strand) for (contig, strand), number in places.items()}
    models.contigs = dict.fromkeys(contig for contig, _ in names.values())
    _add_genes(models, lines, names)
    _add_transcripts(models, lines, names, numbers, exons, cds)
    if not models.transcripts:
        raise fail(
            "gene-models-empty",
            gff3,
            f"no usable transcript among {len(numbers):,} parents of exons and CDS",
            "Give a GFF3 whose exons name their transcript as Parent",
        )
    return models


def _parents(attributes: bytes) -> list[bytes]:
    begin = attributes.find(b"Parent=")
    if begin < 0:
        return [b""]
    end = attributes.find(b";", begin)
    value = attributes[begin + 7 : end if end >= 0 else None]
    return value.split(b",")


def _line(kind: bytes, cells: list[bytes], place: int, row: int) -> tuple[str, _Line]:
    attributes = dict(
        pair.strip().split("=", 1) for pair in cells[8].decode().split(";") if "=" in pair
    )
    get = attributes.get
    is_gene = "Parent" not in attributes
    name = get("Name") or get("gene_name") or get("gene", "") if is_gene else ""
    biotype = get("biotype") or get("transcript_type") or get("transcript_biotype")
    kind_ = kind.decode()
    if not biotype:
        biotype = "protein_coding" if kind_ == "mRNA" else kind_
    tags = frozenset(unquote(get("tag", "")).split(",")) & (CANONICAL | MANE_SELECT)
    if is_gene and get("gene_name"):  # GENCODE has no Name
        name = attributes["gene_name"]
    start, end, parent = int(cells[3]), int(cells[4]), get("Parent", "")
    return attributes["ID"], _Line(kind_, place, start, end, parent, name, biotype, tags, row)


def _plain(name: str) -> str:
    """An identifier without the kind that Ensembl and NCBI put before it."""
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


def _add_genes(models: GeneModels, lines: dict[str, _Line], names: dict) -> None:
    for identifier, line in lines.items():
        if line.parent or not (line.kind.endswith("gene") or identifier.startswith("gene")):
            continue
        name = _plain(identifier)
        symbol = unquote(line.name)
        if symbol:
            models.symbols[name] = symbol
        place = (names[line.place][0], line.start, line.end, name)
        for key in {line.name or name, symbol or name}:
            models.places.setdefault(key, []).append(place)


def _add_transcripts(
    models: GeneModels,
    lines: dict[str, _Line],
    names: dict[int, tuple[str, bytes]],
    numbers: dict[bytes, int],
    exons: _Parts,
    cds: _Parts,
) -> None:
    shared: dict[str, str] = {}  # one copy of each text that many transcripts have
    for identifier, line in lines.items():
        if line.parent:
            name = _plain(identifier)
            gene = _gene(line, lines)
            models.gene_of[name] = shared.setdefault(gene, gene)
            if line.tags:
                models.canonical.add(name)
            if line.tags & MANE_SELECT:
                models.mane_select.add(name)
    of_exons, of_cds = exons.by_parent(len(numbers)), cds.by_parent(len(numbers))
    for parent, its_exons, its_cds in zip(numbers, of_exons, of_cds, strict=True):
        identifier = parent.decode()
        name, line = _plain(identifier), lines.get(identifier)
        if line is None:
            text = f"{len(its_exons)} exons, {len(its_cds)} CDS of a parent that is not there"
            models.broken.append(Broken(name, "parent-missing", text))
            continue
        contig, strand = names[line.place]
        sign = {b"+": 1, b"-": -1}.get(strand, 0)
        if name not in models.gene_of:
            reason = ("parent-is-a-gene", f"exons or CDS of the {line.kind} itself")
        elif line.parent.partition(",")[0] not in lines:
            reason = ("gene-missing", f"its gene {line.parent} is not there")
        elif (its_exons[:, 0] != line.place).any() or (its_cds[:, 0] != line.place).any():
            reason = ("place-differs", "exons or CDS on another contig or strand")
        else:
            reason = fault(its_exons[:, 1:3].tolist(), its_cds[:, 1:].tolist(), sign)
        if reason:
            models.broken.append(Broken(name, *reason, line.row))
            continue
        transcript = Transcript()
        transcript.id = name
        transcript.gene_id = models.gene_of[name]
        transcript.gene_symbol = models.symbols.get(transcript.gene_id, "")
        transcript.biotype = shared.setdefault(line.biotype, line.biotype)
        transcript.contig = shared.setdefault(contig, contig)
        transcript.strand = sign
        transcript.canonical = name in models.canonical
        transcript.mane_select = name in models.mane_select
        transcript._exons = its_exons[:, 1:3].tobytes()
        transcript._cds = its_cds[:, 1:].tobytes()
        transcript.start_incomplete = transcript.end_incomplete = False
        if len(its_cds):
            phase = max(0, int(its_cds[0 if sign > 0 else -1, 3]))
            length = int((its_cds[:, 2] - its_cds[:, 1] + 1).sum())
            transcript.start_incomplete = phase > 0
            transcript.end_incomplete = (length - phase) % 3 > 0
        models.transcripts[name] = transcript
    models.broken.sort()


def _gene(line: _Line, lines: dict[str, _Line]) -> str:
    """The topmost parent: NCBI puts a micro-RNA below its precursor."""
    parent = line.parent.partition(",")[0]
    for _ in range(3):
        above = lines.get(parent)
        if above is None or not above.parent:
            break
        parent = above.parent.partition(",")[0]
    return _plain(parent)
