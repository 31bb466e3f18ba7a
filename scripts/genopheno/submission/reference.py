"""Reference sequence and gene models: verified, compared, brought into form."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from genopheno.files import writing
from genopheno.problems import StageError, fail
from genopheno.submission.contigs import Sequence, compare
from genopheno.submission.streams import COPY, Fault, Stream, lines_of

# Reference names of the SAM specification (1.6, section 1.2.1).
CONTIG = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")
NUCLEOTIDES = b"ACGTUNRYSWKMBDHVacgtunryswkmbdhv"
WIDTH = 60  # bases per line of the FASTA that is written: faidx needs lines of one length


def contigs(fasta: str | Path) -> dict[str, int]:
    """Length (bp) by contig name of a FASTA file, plain or gzip, in the order of the file.

    Raises
    ------
    StageError : the file is damaged, or is no FASTA that can be used.
    """
    return _sound("fasta", fasta).contigs


def _sound(kind: str, path: str | Path) -> Sequence:
    try:
        return READERS[kind](path)
    except Fault as fault:
        raise fail(fault.code, path, fault.found, fault.mend) from None


def read_fasta(path: str | Path) -> Sequence:
    """Verify a FASTA file in one pass (`Fault` at the first thing that is wrong)."""
    stream = Stream(Path(path))
    found = Sequence(str(path), "fasta")
    name = None
    digests = {}
    for head, piece in fasta_pieces(stream, path):
        if head is not None:
            _no_sequence(found, name, path)
            name = _new_contig(found, head, path)
            digests[name] = hashlib.md5(usedforsecurity=False)
        strange = piece.translate(None, NUCLEOTIDES)
        if strange:
            raise Fault(
                "illegal-base",
                f"{path}: contig {name!r} holds {strange[:1].decode('latin-1')!r}, which is not "
                "a nucleotide",
                "Give the genome's nucleotide FASTA",
            )
        if name is not None:
            found.contigs[name] += len(piece)
            digests[name].update(piece.upper())
    _no_sequence(found, name, path)
    if not found.contigs:
        raise Fault("no-sequence", f"{path} holds no sequence", "Give the genome's FASTA")
    found.m5 = {name: digest.hexdigest() for name, digest in digests.items()}
    found.records, found.size, found.md5 = len(found.contigs), stream.size, stream.md5
    return found


def fasta_pieces(stream: Stream, path: str | Path) -> Iterator[tuple[bytes | None, bytes]]:
    """Walk over a FASTA: (header line, or None within a contig; bases without line ends)."""
    rest = b"\n"  # so that every header, the first too, follows a line end
    begun = False
    for block in stream:
        data = rest + block
        # Hold back a header that may go on, or a line end that a header may follow.
        head = data.rfind(b"\n>")
        if head >= 0 and data.find(b"\n", head + 1) < 0:
            cut = head
        else:
            cut = len(data) - data.endswith(b"\n")
        rest = data[cut:]
        yield from _split(data[:cut], begun, path)
        begun = begun or b"\n>" in data[:cut]
    if rest.strip():
        yield from _split(rest, begun, path)


def _split(data: bytes, begun: bool, path: str | Path) -> Iterator[tuple[bytes | None, bytes]]:
    first, *others = data.split(b"\n>")
    bases = first.translate(None, b"\r\n")
    if bases and not begun:
        raise Fault(
            "not-fasta",
            f"{path} begins with {bases[:1].decode('latin-1')!r}, not with '>'",
            "Give the genome as FASTA",
        )
    if bases:
        yield None, bases
    for piece in others:
        head, _, bases = piece.partition(b"\n")
        yield head.rstrip(b"\r"), bases.translate(None, b"\r\n")


def _new_contig(found: Sequence, head: bytes, path: str | Path) -> str:
    name = (head.split(None, 1) or [b""])[0].decode("latin-1")
    if head[:1].isspace() or not CONTIG.fullmatch(name):
        raise Fault(
            "illegal-contig",
            f"{path}: {name!r} cannot be the name of a contig",
            "Rename it: no blanks, commas, quotes or brackets (SAM specification)",
        )
    if name in found.contigs:
        raise Fault(
            "contig-twice",
            f"{path}: contig {name!r} is in it twice",
            "Take one of them out",
        )
    found.contigs[name] = 0
    return name


def _no_sequence(found: Sequence, name: str | None, path: str | Path) -> None:
    if name is not None and not found.contigs[name]:
        raise Fault("no-sequence", f"{path}: contig {name!r} has no bases", COPY)


def read_genes(path: str | Path) -> Sequence:
    """Verify Ensembl-style GFF3 in one pass (`Fault` at the first thing that is wrong)."""
    stream = Stream(Path(path))
    found = Sequence(str(path), "genes")
    number, transcripts, done = 0, 0, False
    for lines in lines_of(stream):
        for line in () if done else lines:
            number += 1
            if line.startswith(b"##FASTA") or line.startswith(b">"):
                done = True  # sequence may follow the features; it is not looked at
                break
            if line.startswith(b"#") or not line.strip():
                continue
            cells = line.split(b"\t")
            try:
                name, end, _ = cells[0].decode("latin-1"), int(cells[4]), cells[8]
            except (IndexError, ValueError):
                raise Fault(
                    "gff3-record",
                    f"{path}, line {number}: it is not GFF3 (9 columns between tabs, start and "
                    "end as numbers)",
                    "Give the gene models as GFF3, for example from Ensembl",
                ) from None
            if found.contigs.get(name, -1) < end:
                found.contigs[name] = end
            found.records += 1
            transcripts += b"ID=transcript:" in line
    if not found.records:
        raise Fault("no-records", f"{path} holds no features", "Give the genome's gene models")
    if not transcripts:
        raise Fault(
            "gff3-style",
            f"{path} has no feature with ID=transcript:…, so no consequence can be predicted",
            "Give Ensembl-style GFF3 (ID=gene:…, ID=transcript:…, biotype=…), as bcftools csq "
            "needs; its misc/gff2gff script converts others",
        )
    found.size, found.md5 = stream.size, stream.md5
    return found


READERS = {"fasta": read_fasta, "genes": read_genes}


# --- the form that the tools need ----------------------------------------------------------


def prepare(
    fasta: str | Path, genes: str | Path, out_fasta: str | Path, out_genes: str | Path
) -> None:
    """Write the reference as plain FASTA with its index, and the genes as bgzip.

    Names and descriptions stay as they are; bases become upper case, since bcftools copies
    soft-masked ones into the alleles that it left-aligns; lines become 60 bases long.
    ``{out_fasta}.fai`` is written too. The gene models keep every byte.

    Raises
    ------
    StageError : either file is damaged or not usable, or their contigs do not agree.
    """
    import pysam

    sequence, models = _sound("fasta", fasta), _sound("genes", genes)
    problems, _ = compare(sequence, models)
    if problems:
        raise StageError(*problems)
    index = Path(f"{out_fasta}.fai")
    with writing(index) as fai, writing(out_fasta) as plain:
        with plain.open("wb") as handle:
            _write_wrapped(handle, Stream(Path(fasta)), fasta)
        pysam.faidx(str(plain), "--fai-idx", str(fai))
        written = dict(read_fai(fai))
        if written != sequence.contigs:
            raise fail("reference-changed", fasta, "it changed while it was read", "Run again")
    with writing(out_genes) as packed, pysam.BGZFile(str(packed), "wb") as handle:
        for block in Stream(Path(genes)):
            handle.write(block)


def read_fai(path: Path) -> Iterator[tuple[str, int]]:
    """Contigs and lengths (bp) of a FASTA index, in order."""
    for line in path.read_text().splitlines():
        name, length, *_ = line.split("\t")
        yield name, int(length)


def _write_wrapped(handle, stream: Stream, path: str | Path) -> None:
    """Write FASTA with lines of `WIDTH` bases; the remainder of a piece waits for the next."""
    waiting = b""
    for head, piece in fasta_pieces(stream, path):
        if head is not None:
            handle.write(waiting + b"\n" if waiting else b"")
            handle.write(b">" + head + b"\n")
            waiting = b""
        bases = waiting + piece.upper()
        whole = len(bases) // WIDTH * WIDTH
        lines = [bases[i : i + WIDTH] for i in range(0, whole, WIDTH)]
        if lines:
            handle.write(b"\n".join(lines) + b"\n")
        waiting = bases[whole:]
    handle.write(waiting + b"\n" if waiting else b"")
