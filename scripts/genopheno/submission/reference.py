"""Reference sequence, gene models and site databases: verified, compared, brought into form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from genopheno.files import writing
from genopheno.problems import Problem, StageError, fail
from genopheno.submission.streams import COPY, Fault, Stream

# Reference names of the SAM specification (1.6, section 1.2.1).
CONTIG = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")
NUCLEOTIDES = b"ACGTUNRYSWKMBDHVacgtunryswkmbdhv"
WIDTH = 60  # bases per line of the FASTA that is written: faidx needs lines of one length
SHOWN = 5  # names in a message
ALIKE = {"M": "MT", "MT": "M"}


@dataclass
class Sequence:
    """A verified file that speaks of contigs.

    Attributes
    ----------
    contigs : length in bp by contig name; for GFF3 the largest end; 0: not known.
    records : sequences, features or variants.
    size, md5 : of the file on disk (bytes; hexadecimal).
    """

    path: str
    kind: str
    contigs: dict[str, int] = field(default_factory=dict)
    records: int = 0
    size: int = 0
    md5: str = ""


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
    for head, piece in _fasta_pieces(stream, path):
        if head is not None:
            _no_sequence(found, name, path)
            name = _new_contig(found, head, path)
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
    _no_sequence(found, name, path)
    if not found.contigs:
        raise Fault("no-sequence", f"{path} holds no sequence", "Give the genome's FASTA")
    found.records, found.size, found.md5 = len(found.contigs), stream.size, stream.md5
    return found


def _fasta_pieces(stream: Stream, path: str | Path) -> Iterator[tuple[bytes | None, bytes]]:
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


def _lines(stream: Stream) -> Iterator[list[bytes]]:
    """Lists of whole lines."""
    tail = b""
    for block in stream:
        lines = (tail + block).split(b"\n")
        tail = lines.pop()
        yield lines
    if tail.strip():
        yield [tail]


def read_genes(path: str | Path) -> Sequence:
    """Verify Ensembl-style GFF3 in one pass (`Fault` at the first thing that is wrong)."""
    stream = Stream(Path(path))
    found = Sequence(str(path), "genes")
    number, transcripts, done = 0, 0, False
    for lines in _lines(stream):
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


def read_database(path: str | Path) -> Sequence:
    """Verify a VCF of sites in one pass (`Fault` at the first thing that is wrong).

    The contigs are those of the records; the lengths are from the header where it has them.
    """
    stream = Stream(Path(path))
    found = Sequence(str(path), "database")
    lengths: dict[str, int] = {}
    first = True
    last: bytes | None = None
    for lines in _lines(stream):
        if first and (not lines or not lines[0].startswith(b"##fileformat=VCF")):
            raise Fault(
                "not-vcf",
                f"{path} does not begin with '##fileformat=VCF'",
                "Give a VCF, plain or bgzip (bcftools view -O z turns BCF into it)",
            )
        first = False
        if lines and last is not None and not lines[0].startswith(b"#"):
            # Nearly always the whole block is of one contig: count instead of splitting.
            mark = last + b"\t"
            if sum(map(bytes.startswith, lines, [mark] * len(lines))) == len(lines):
                found.records += len(lines)
                continue
        for line in lines:
            if line.startswith(b"##contig=<"):
                _contig_line(line.decode("utf-8", "replace"), lengths)
            elif line.strip() and not line.startswith(b"#"):
                name, tab, _ = line.partition(b"\t")
                if not tab:
                    raise Fault(
                        "vcf-record",
                        f"{path}: record {found.records + 1} has no columns between tabs",
                        COPY,
                    )
                if name != last:
                    last = name
                    text = name.decode("latin-1")
                    found.contigs[text] = lengths.get(text, 0)
                found.records += 1
    if not found.records:
        raise Fault("no-records", f"{path} has a header but no variants", COPY)
    found.size, found.md5 = stream.size, stream.md5
    return found


def _contig_line(line: str, lengths: dict[str, int]) -> None:
    name = re.search(r"[<,]ID=([^,>]+)", line)
    length = re.search(r"[<,]length=(\d+)", line)
    if name:
        lengths[name[1]] = int(length[1]) if length else 0


READERS = {"fasta": read_fasta, "genes": read_genes, "database": read_database}


# --- names and lengths against the FASTA ---------------------------------------------------


def other_spelling(name: str) -> set[str]:
    """How else a contig may be called: with or without 'chr', M or MT."""
    bare = name[3:] if name.lower().startswith("chr") else name
    bares = {bare, ALIKE.get(bare, bare)}
    return (bares | {"chr" + b for b in bares} | {"Chr" + b for b in bares}) - {name}


def compare(fasta: Sequence, other: Sequence) -> tuple[list[Problem], list[str]]:
    """Compare the contigs of gene models or of a database with those of the FASTA.

    Returns
    -------
    problems : ``contig-names`` if no name is shared, or if a name is absent from the FASTA
        that has it in another spelling ('20' for 'chr20'); ``contig-lengths`` if a shared
        contig has another length, or features beyond its end: that is another build.
    notes : contigs that the FASTA does not have at all (scaffolds).
    """
    what = "gene models" if other.kind == "genes" else "database"
    shared = other.contigs.keys() & fasta.contigs.keys()
    absent = [name for name in other.contigs if name not in shared]
    renamed = [name for name in absent if other_spelling(name) & fasta.contigs.keys()]
    if renamed or not shared:
        wrong = renamed or absent
        theirs, ours = _some(wrong), _some(list(fasta.contigs))
        return [
            Problem(
                "contig-names",
                other.path,
                found=f"its contigs are named {theirs}, but those of the reference {fasta.path} "
                f"are named {ours}",
                mend="Use reference, gene models and databases of one source, or rename the "
                "contigs (bcftools annotate --rename-chrs for a VCF)",
            )
        ], []
    longer = [
        name
        for name in other.contigs
        if name in shared
        and other.contigs[name]
        and (
            other.contigs[name] > fasta.contigs[name]
            if other.kind == "genes"
            else other.contigs[name] != fasta.contigs[name]
        )
    ]
    if longer:
        name = longer[0]
        verb = "reaches to" if other.kind == "genes" else "has a length of"
        return [
            Problem(
                "contig-lengths",
                other.path,
                found=f"contig {name} {verb} {other.contigs[name]} bp here, but has "
                f"{fasta.contigs[name]} bp in the reference {fasta.path}: another genome build",
                mend="Use files of one build (GRCh37 and GRCh38 have other coordinates)",
            )
        ], []
    if absent:
        return [], [
            f"{other.path}: {len(absent)} contigs of the {what} are not in the reference and are "
            f"not used: {_some(absent)}"
        ]
    return [], []


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more


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
    for head, piece in _fasta_pieces(stream, path):
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
