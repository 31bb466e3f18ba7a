"""The demo's reference: random sequence with protein-coding genes, and their GFF3.

Bases are codes 0-3 for A, C, G, T throughout the room, so that the complement is 3 − code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

BASES = "ACGT"
LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)
BASE_FREQUENCY = (0.29, 0.21, 0.21, 0.29)
SLOT = 15_000  # bp of a contig per gene
# The standard code (NCBI table 1), codons in the order of 16 a + 4 b + c with A, C, G, T.
AMINO = "KNKNTTTTRSRSIIMIQHQHPPPPRRRRLLLLEDEDAAAAGGGGVVVV*Y*YSSSS*CWCLFLF"
SYMBOLS = (
    "ALBR", "BENDA", "CORVA", "DULIN", "ESTRA", "FENOR", "GALIX", "HERMO", "ISKRA", "JUNOA",
    "KALEN", "LUMIR", "MIRAN", "NOVEL", "ORLIN", "PELTA", "QUIRA", "RUVEN", "SOLIA", "TAVRA",
)  # fmt: skip


@dataclass(frozen=True)
class Gene:
    """A gene of one transcript.

    Attributes
    ----------
    exons, cds : half-open 0-based intervals, increasing along the contig; no cds in a
        non-coding gene.
    strand : '+' or '-'.
    """

    number: int
    symbol: str
    contig: str
    strand: str
    exons: tuple[tuple[int, int], ...]
    cds: tuple[tuple[int, int], ...]

    @property
    def start(self) -> int:
        return self.exons[0][0]

    @property
    def end(self) -> int:
        return self.exons[-1][1]

    @cached_property
    def coding(self) -> np.ndarray:
        """Positions of the coding bases in the order of translation."""
        if not self.cds:
            return np.empty(0, dtype=np.int64)
        places = np.concatenate([np.arange(a, b) for a, b in self.cds])
        return places if self.strand == "+" else places[::-1]


def letters(codes: np.ndarray) -> str:
    """Codes as text."""
    return LETTERS[codes].tobytes().decode()


def codes(text: str) -> np.ndarray:
    """Text of A, C, G, T as codes."""
    return np.array([BASES.index(base) for base in text], dtype=np.uint8)


def translate(coding: np.ndarray) -> str:
    """Amino acids of coding codes; '*' is a stop."""
    triplets = coding.reshape(-1, 3).astype(int)
    return "".join(AMINO[i] for i in triplets @ [16, 4, 1])


def coding_sequence(gene: Gene, sequence: np.ndarray) -> np.ndarray:
    """Codes of the coding sequence as translated."""
    bases = sequence[gene.coding]
    return bases if gene.strand == "+" else 3 - bases


def make_contig(
    name: str, length: int, first: int, rng: np.random.Generator
) -> tuple[np.ndarray, list[Gene]]:
    """Make a contig with genes on alternating strands and, last, one non-coding gene.

    Parameters
    ----------
    length : bp.
    first : number of the contig's first gene.

    Returns
    -------
    sequence : (length,) uint8 codes.
    genes : in the order of the contig.
    """
    sequence = rng.choice(4, length, p=BASE_FREQUENCY).astype(np.uint8)
    slots = max(1, length // SLOT)
    genes = []
    for slot in range(slots):
        coding = slots < 3 or slot < slots - 1
        lengths = _gene_lengths(rng, length // slots, coding)
        span = sum(lengths.exons) + sum(lengths.introns)
        left = slot * (length // slots)
        start = left + int(rng.integers(300, max(301, length // slots - span - 300)))
        number = first + slot
        gene = _lay_out(
            number, SYMBOLS[number % len(SYMBOLS)], name, "+-"[number % 2], start, lengths, coding
        )
        _write_gene(gene, sequence, rng)
        genes.append(gene)
    return sequence, genes


@dataclass(frozen=True)
class _Lengths:
    exons: list[int]
    introns: list[int]
    utr_5: int
    utr_3: int


def _gene_lengths(rng: np.random.Generator, room: int, coding: bool) -> _Lengths:
    """Lengths in the order of transcription; the gene fits into `room` bp."""
    count = int(rng.integers(3, 8)) if coding else 2
    codons = int(rng.integers(450, 750)) if coding else 200
    codons = min(codons, room // 8)
    utr_5, utr_3 = int(rng.integers(60, 150)), int(rng.integers(100, 300))
    cuts = np.sort(rng.choice(np.arange(1, codons // 10), count - 1, replace=False)) * 30
    cuts += rng.integers(-9, 10, count - 1)  # so that exons end within codons too
    coding_parts = np.diff([0, *cuts, 3 * codons])
    exons = [int(n) for n in coding_parts]
    exons[0] += utr_5
    exons[-1] += utr_3
    left = room - 800 - sum(exons)
    introns = [int(n) for n in rng.integers(200, max(201, left // count), count - 1)]
    return _Lengths(exons, introns, utr_5, utr_3)


def _lay_out(
    number: int, symbol: str, contig: str, strand: str, start: int, lengths: _Lengths, coding: bool
) -> Gene:
    exons, introns = lengths.exons, lengths.introns
    margins = (lengths.utr_5, lengths.utr_3)
    if strand == "-":
        exons, introns, margins = exons[::-1], introns[::-1], margins[::-1]
    places, at = [], start
    for i, size in enumerate(exons):
        places.append((at, at + size))
        at += size + (introns[i] if i < len(introns) else 0)
    cds = list(places) if coding else []
    if cds:
        cds[0] = (cds[0][0] + margins[0], cds[0][1])
        cds[-1] = (cds[-1][0], cds[-1][1] - margins[1])
    return Gene(number, symbol, contig, strand, tuple(places), tuple(cds))


def _write_gene(gene: Gene, sequence: np.ndarray, rng: np.random.Generator) -> None:
    """Write an open reading frame and splice sites (GT-AG) into the sequence, in place."""
    ends = ("GT", "AG") if gene.strand == "+" else ("CT", "AC")
    for (_, left), (right, _) in pairwise(gene.exons):
        sequence[left : left + 2] = codes(ends[0])
        sequence[right - 2 : right] = codes(ends[1])
    if not gene.cds:
        return
    sense = [i for i, amino in enumerate(AMINO) if amino != "*"]
    chosen = rng.choice(sense, len(gene.coding) // 3)
    chosen[0], chosen[-1] = AMINO.index("M"), AMINO.index("*")
    frame = np.stack([chosen // 16, chosen // 4 % 4, chosen % 4], axis=1).ravel().astype(np.uint8)
    sequence[gene.coding] = frame if gene.strand == "+" else 3 - frame


def substitution(gene: Gene, sequence: np.ndarray, position: int, alt: int) -> str | None:
    """Consequence of a single-base change on a gene's protein.

    Parameters
    ----------
    position : 0-based. alt : code of the new base on the forward strand.

    Returns
    -------
    synonymous, missense, stop_gained, stop_lost, start_lost, or None outside the coding
    sequence.
    """
    where = np.flatnonzero(gene.coding == position)
    if not len(where):
        return None
    at = int(where[0])
    places = gene.coding[at - at % 3 : at - at % 3 + 3]
    before = sequence[places].astype(int)
    after = np.where(places == position, alt, before)
    if gene.strand == "-":
        before, after = 3 - before, 3 - after
    old, new = AMINO[before @ [16, 4, 1]], AMINO[after @ [16, 4, 1]]
    if old == new:
        return "synonymous"
    if at < 3:
        return "start_lost"
    if new == "*":
        return "stop_gained"
    return "stop_lost" if old == "*" else "missense"


def gff3(genes: Iterable[Gene], contigs: dict[str, int]) -> str:
    """GFF3 in the style of Ensembl, as `bcftools csq` asks for.

    Parameters
    ----------
    contigs : length by name.
    """
    lines = ["##gff-version 3"]
    lines += [f"##sequence-region {name} 1 {size}" for name, size in contigs.items()]
    for gene in genes:
        lines += _gene_lines(gene)
        lines.append("###")
    return "\n".join(lines) + "\n"


def _gene_lines(gene: Gene) -> list[str]:
    coding = bool(gene.cds)
    gene_id, transcript = f"DEMOG{gene.number:08d}", f"DEMOT{gene.number:08d}"
    biotype = "protein_coding" if coding else "lincRNA"

    def line(kind: str, start: int, end: int, phase: object, attributes: str) -> str:
        cells = [gene.contig, "demo", kind, start + 1, end, ".", gene.strand, phase, attributes]
        return "\t".join(map(str, cells))

    parent = f"Parent=transcript:{transcript}"
    lines = [
        line(
            "gene" if coding else "ncRNA_gene", gene.start, gene.end, ".",
            f"ID=gene:{gene_id};Name={gene.symbol};biotype={biotype};gene_id={gene_id};version=1",
        ),
        line(
            "mRNA" if coding else "lnc_RNA", gene.start, gene.end, ".",
            f"ID=transcript:{transcript};Parent=gene:{gene_id};Name={gene.symbol}-201;"
            f"biotype={biotype};transcript_id={transcript};version=1",
        ),
    ]  # fmt: skip
    parts: list[tuple[int, int, int, str]] = []
    for rank, (start, end) in enumerate(gene.exons, 1):
        rank = rank if gene.strand == "+" else len(gene.exons) + 1 - rank
        name = f"DEMOE{gene.number:06d}{rank:02d}"
        exon = f"{parent};Name={name};exon_id={name};rank={rank}"
        parts.append((start, 0, 0, line("exon", start, end, ".", exon)))
    if coding:
        first, last = gene.cds[0][0], gene.cds[-1][1]
        left, right = ("five_prime_UTR", "three_prime_UTR")[:: 1 if gene.strand == "+" else -1]
        parts.append((gene.start, 1, 0, line(left, gene.start, first, ".", parent)))
        parts.append((last, 1, 0, line(right, last, gene.end, ".", parent)))
        done = 0
        for start, end in gene.cds if gene.strand == "+" else gene.cds[::-1]:
            text = f"ID=CDS:DEMOP{gene.number:08d};{parent};protein_id=DEMOP{gene.number:08d}"
            parts.append((start, 2, 0, line("CDS", start, end, -done % 3, text)))
            done += end - start
    return lines + [text for *_, text in sorted(parts)]
