"""Lines of a GFF3 that make up gene models: genes, transcripts, exons and coding parts."""

from __future__ import annotations

import io
import itertools
from array import array
from collections.abc import Iterator
from pathlib import Path
from sys import intern
from typing import IO, NamedTuple
from urllib.parse import unquote

import numpy as np
from isal import igzip, isal_zlib

from genopheno.problems import fail

# Parts of a transcript that say nothing which exons and CDS do not, and what is no gene.
SKIPPED = {
    b"five_prime_UTR", b"three_prime_UTR", b"UTR", b"start_codon", b"stop_codon",
    b"stop_codon_redefined_as_selenocysteine", b"intron", b"biological_region", b"region",
    b"chromosome", b"scaffold", b"supercontig", b"contig", b"match", b"cDNA_match",
}  # fmt: skip
CANONICAL, MANE_SELECT = 1, 2
# A MANE Select transcript is canonical too.
MARKS = {
    **dict.fromkeys(("Ensembl_canonical", "canonical"), CANONICAL),
    **dict.fromkeys(("RefSeq Select", "RefSeq_Select"), CANONICAL),
    **dict.fromkeys(("MANE Select", "MANE_Select"), CANONICAL | MANE_SELECT),
}
WIDTH = 5  # numbers that are kept of an exon or coding part


class Line(NamedTuple):
    """A gene or transcript line.

    Attributes
    ----------
    kind : feature type. place : number of its contig and strand. start, end : 1-based.
    parent : identifier of the first parent, '' if none. name : symbol of a gene, else ''.
    biotype : as written, or the feature type ('protein_coding' for mRNA).
    marks : CANONICAL and MANE_SELECT, added up. row : 1-based line of the file.
    """

    kind: str
    place: int
    start: int
    end: int
    parent: str
    name: str
    biotype: str
    marks: int
    row: int


class Features:
    """What a GFF3 holds.

    Attributes
    ----------
    lines : identifier → gene or transcript line. A repeated identifier keeps its last line.
    places : (contig, strand) by number. numbers : parent of exons or CDS → its number.
    exons, cds : number of the parent, place, start, end, phase (-1: not told) of each part.
    """

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self.places: dict[tuple[bytes, bytes], int] = {}
        self.numbers: dict[bytes, int] = {}
        self.exons, self.cds = array("i"), array("i")

    def by_parent(self, parts: array) -> Iterator[np.ndarray]:
        """(parts, 4) int32 for each parent: place, start, end, phase; ascending by start."""
        table = np.frombuffer(parts, np.int32).reshape(-1, WIDTH)
        table = table[np.lexsort((table[:, 2], table[:, 0]))]
        bounds = np.searchsorted(table[:, 0], np.arange(len(self.numbers) + 1)).tolist()
        return (table[a:b, 1:] for a, b in itertools.pairwise(bounds))


def read_features(gff3: str | Path) -> Features:
    """Read a GFF3, plain or gzip, whose lines may come in any order.

    Raises
    ------
    StageError : a line has too few columns or no numbers where they belong, or the file
        ends too early.
    """
    found, row = Features(), 0
    try:
        with _opened(gff3) as handle:
            for row, line in enumerate(handle, 1):
                if line.startswith(b"##FASTA"):
                    break
                if line[:1] != b"#" and line.strip():
                    _add(found, line, row)
    except (ValueError, EOFError, OSError, isal_zlib.error) as error:
        raise fail(
            "gene-models-unreadable",
            gff3,
            f"line {row}: {error}",
            "Give a whole GFF3 file, plain or gzip",
        ) from error
    return found


def _opened(path: str | Path) -> IO[bytes]:
    with open(path, "rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    if packed:
        return io.BufferedReader(igzip.open(path, "rb"), 1 << 20)
    return open(path, "rb", 1 << 20)


def _add(found: Features, line: bytes, row: int) -> None:
    cells = line.rstrip(b"\r\n").split(b"\t")
    if len(cells) < 9:
        raise ValueError(f"{len(cells)} columns instead of 9")
    kind, attributes = cells[2], cells[8]
    if kind in SKIPPED:
        return
    place = found.places.setdefault((cells[0], cells[6]), len(found.places))
    if kind == b"exon" or kind == b"CDS":
        parts = found.exons if kind == b"exon" else found.cds
        phase = -1 if cells[7] == b"." else int(cells[7])
        for parent in _parents(attributes):
            number = found.numbers.setdefault(parent, len(found.numbers))
            parts.extend((number, place, int(cells[3]), int(cells[4]), phase))
    elif b"ID=" in attributes:
        name, one = _line(cells, place, row)
        found.lines[name] = one


def _parents(attributes: bytes) -> list[bytes]:
    begin = attributes.find(b"Parent=")
    if begin < 0:
        return [b""]
    end = attributes.find(b";", begin)
    return attributes[begin + 7 : end if end >= 0 else None].split(b",")


def _line(cells: list[bytes], place: int, row: int) -> tuple[str, Line]:
    attributes = dict(
        pair.strip().split("=", 1) for pair in cells[8].decode().split(";") if "=" in pair
    )
    get = attributes.get
    kind, parent = intern(cells[2].decode()), intern(get("Parent", "").partition(",")[0])
    # GENCODE has gene_name and no Name; NCBI has both Name and gene.
    name = "" if parent else get("gene_name") or get("Name") or get("gene", "")
    biotype = get("biotype") or get("transcript_type") or get("transcript_biotype")
    if not biotype:
        biotype = "protein_coding" if kind == "mRNA" else kind
    marks = 0
    for tag in unquote(get("tag", "")).split(","):
        marks |= MARKS.get(tag, 0)
    return intern(attributes["ID"]), Line(
        kind, place, int(cells[3]), int(cells[4]), parent, name, intern(biotype), marks, row
    )
