"""Reference, gene models and databases: read, compared, brought into form."""

from __future__ import annotations

import gzip
import random
import subprocess
from pathlib import Path

import pysam
import pytest

from genopheno.contig_names import other_spelling
from genopheno.problems import StageError
from genopheno.submission.contigs import Sequence, compare
from genopheno.submission.databases import lacking, read_database
from genopheno.submission.reading import READERS
from genopheno.submission.reference import (
    contigs,
    prepare,
    read_fasta,
    read_genes,
)
from genopheno.submission.streams import Fault
from tests.faults.planting import genes, sites

GENOME = "ACGTN" * 600


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def fasta_text(names: list[str], lengths: list[int], width: int, end: str = "\n") -> str:
    draw = random.Random(width)
    parts = []
    for name, length in zip(names, lengths, strict=True):
        bases = "".join(draw.choices("ACGTacgtN", k=length))
        lines = [bases[i : i + width] for i in range(0, length, width)]
        parts.append(end.join([f">{name} some words > here", *lines]) + end)
    return "".join(parts)


@pytest.mark.parametrize("width", [60, 61, 10**7])
@pytest.mark.parametrize("packed", [False, True])
def test_contigs_are_those_of_faidx(tmp_path, width, packed):
    draw = random.Random(3)
    names = [f"c{i}" for i in range(300)]
    lengths = [draw.randint(1, 30_000) for _ in names]
    text = fasta_text(names, lengths, width)
    plain = write(tmp_path / "g.fa", text)
    read = write(tmp_path / "g.fa.gz", gzip.compress(text.encode(), 1)) if packed else plain
    with pysam.FastaFile(str(plain)) as peer:
        assert contigs(read) == dict(zip(peer.references, peer.lengths, strict=True))


def test_fasta_of_windows(tmp_path):
    path = write(tmp_path / "g.fa", fasta_text(["a", "b"], [100, 7], 60, "\r\n"))
    assert contigs(path) == {"a": 100, "b": 7}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "no-sequence"),
        ("\n\n", "no-sequence"),
        ("ACGT\n", "not-fasta"),
        ("@read\nACGT\n+\nFFFF\n", "not-fasta"),
        (">a\n", "no-sequence"),
        (">a\n>b\nACGT\n", "no-sequence"),
        (">a\nACGT\n>b", "no-sequence"),
        (">a\nACGT\n>a\nACGT\n", "contig-twice"),
        (">\nACGT\n", "illegal-contig"),
        ("> a\nACGT\n", "illegal-contig"),
        (">a,b\nACGT\n", "illegal-contig"),
        ('>"a"\nACGT\n', "illegal-contig"),
        (">a\nMKLE*\n", "illegal-base"),
    ],
)
def test_faults_of_a_fasta(tmp_path, text, code):
    path = write(tmp_path / "g.fa", text)
    with pytest.raises(Fault) as fault:
        read_fasta(path)
    assert fault.value.code == code
    with pytest.raises(StageError) as error:
        contigs(path)
    assert [(p.code, p.file) for p in error.value.problems] == [(code, str(path))]


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        ("genes", "", "no-records"),
        ("genes", "##gff-version 3\n", "no-records"),
        ("genes", "1\tx\tgene\t1\n", "gff3-record"),
        ("genes", "1\tx\tgene\tone\ttwo\t.\t+\t.\tID=gene:G\n", "gff3-record"),
        ("genes", "1\tx\tgene\t1\t9\t.\t+\t.\tID=G\n", "gff3-style"),
        ("genes", '1\tx\tCDS\t1\t9\t.\t+\t.\tgene_id "G"; transcript_id "T";\n', "gff3-style"),
        ("database", "", "no-records"),
        ("database", "chr1\t1\n", "database-form"),
        ("database", "BCF\2\n", "not-vcf"),
        ("database", "chrom\tpos\n1\t0\n", "database-record"),
        ("database", "chrom\tstart\tend\n1\t5\t4\n", "database-record"),
        ("database", "chrom\tpos\n", "no-records"),
        ("database", "##fileformat=VCFv4.2\n#CHROM\tPOS\n", "no-records"),
        ("database", "##fileformat=VCFv4.2\n#CHROM\tPOS\nnothing\n", "vcf-record"),
    ],
)
def test_faults_of_genes_and_databases(tmp_path, kind, text, code):
    for name, content in (("plain", text.encode()), ("packed", gzip.compress(text.encode()))):
        with pytest.raises(Fault) as fault:
            READERS[kind](write(tmp_path / name, content))
        assert fault.value.code in (code, "no-records" if not text else code)


@pytest.mark.parametrize("kind", ["fasta", "genes", "database"])
def test_packed_files_that_are_cut_off(tmp_path, kind):
    text = {"fasta": f">1\n{GENOME}\n", "genes": genes("1"), "database": sites("1", GENOME)}[kind]
    packed = gzip.compress(text.encode())
    assert READERS[kind](write(tmp_path / "whole", packed)).records > 0
    with pytest.raises(Fault) as fault:
        READERS[kind](write(tmp_path / "cut", packed[:-12]))
    assert fault.value.code == "gzip-truncated"


def test_genes_end_where_the_sequence_begins(tmp_path):
    found = read_genes(write(tmp_path / "g.gff3", genes("7") + "##FASTA\n>8\nACGT\n"))
    assert (found.contigs, found.records) == ({"7": 900}, 4)


def test_contigs_of_a_database_are_those_of_its_records(tmp_path):
    head = "##fileformat=VCFv4.2\n##contig=<ID=1,length=99>\n##contig=<length=98,ID=2>\n#CHROM\n"
    rows = "".join(
        f"{name}\t{i}\t.\tA\tC\t.\t.\t.\n" for name in ("2", "3", "1", "3") for i in range(40_000)
    )
    found = read_database(write(tmp_path / "d.vcf", head + rows))
    assert found.contigs == {"2": 98, "3": 0, "1": 99}
    assert found.records == 160_000


BED = "track x\nchr1\t0\t5\tn\t7\nchr2\t4\t9\tn\t.\n"


@pytest.mark.parametrize(
    ("name", "text", "fields"),
    [
        ("d.bed", BED, ["name", "score"]),
        ("d.bed.gz", "#chrom\tstart\tend\tgc\n" + BED, ["gc"]),
        (
            "d.tsv",
            "## CADD\n#Chrom\tPos\tRef\tAlt\tPHRED\nchr1\t1\tA\tC\t3\nchr2\t2\tA\tC\t3\n",
            ["PHRED"],
        ),
    ],
)
def test_bed_and_tables_as_databases(tmp_path, name, text, fields):
    packed = gzip.compress(text.encode()) if name.endswith("gz") else text.encode()
    found = read_database(write(tmp_path / name, packed))
    assert (found.records, found.contigs, found.fields) == (2, {"chr1": 0, "chr2": 0}, fields)
    assert list(lacking("db", found, fields)) == []
    too_many = [*fields, "other"]
    assert [p.code for p in lacking("db", found, too_many)] == ["database-field-missing"]
    assert bool(list(lacking("db", found, ["other"]))) == (".bed" not in name)


# --- names ---------------------------------------------------------------------------------


def of(kind: str, **lengths: int) -> Sequence:
    return Sequence(kind, kind, lengths, len(lengths))


FASTA = of("fasta", chr20=1000, chr21=900, chrM=16)


@pytest.mark.parametrize(
    ("other", "codes", "n_notes"),
    [
        (of("genes", chr20=1000), [], 0),
        (of("genes", chr20=10, GL1=5), [], 1),  # a scaffold more is a note
        (of("genes", chr20=10, MT=5), ["contig-names"], 0),
        (of("genes", **{"20": 10}), ["contig-names"], 0),
        (of("genes", **{"20": 10, "chr21": 10}), ["contig-names"], 0),
        (of("genes", NC_000020=10), ["contig-names"], 0),
        (of("genes", chr20=1001), ["contig-lengths"], 0),
        (of("database", chr20=1000), [], 0),
        (of("database", chr20=0, chr21=0), [], 0),
        (of("database", chr20=999), ["contig-lengths"], 0),
        (of("database", **{"20": 1000}), [], 1),  # is renamed
        (of("database", **{"20": 999}), ["contig-lengths"], 0),
        (of("database", MT=17, chr20=0), [], 1),  # another mitochondrion is not used
        (of("database", **{"20": 0, "chr20": 0}), ["contig-names"], 0),
        (of("database", **{"7": 0}), ["contig-names"], 0),
    ],
)
def test_names_and_lengths_against_the_fasta(other, codes, n_notes):
    problems, notes = compare(FASTA, other)
    assert ([p.code for p in problems], len(notes)) == (codes, n_notes)
    assert all(p.file == other.path and p.row is None for p in problems)


@pytest.mark.parametrize(
    ("name", "other"),
    [("20", "chr20"), ("chr20", "20"), ("MT", "chrM"), ("chrM", "MT"), ("chrM", "M"), ("M", "MT")],
)
def test_spellings(name, other):
    assert other in other_spelling(name) and name not in other_spelling(name)


# --- the form that the tools need ----------------------------------------------------------


@pytest.mark.parametrize("form", ["plain", "uneven", "crlf", "gzip"])
def test_prepare(tmp_path, form):
    bases = "".join(random.Random(1).choices("ACGTacgtN", k=5_000_001))
    width = 70 if form == "uneven" else 61
    lines = [bases[i : i + width] for i in range(0, len(bases), width)]
    if form == "uneven":
        lines.insert(3, "ACG")
        bases = bases[: 3 * width] + "ACG" + bases[3 * width :]
    text = "\n".join([">1 first", *lines, ">2", "ACGT", ""])
    text = text.replace("\n", "\r\n") if form == "crlf" else text
    content = gzip.compress(text.encode(), 1) if form == "gzip" else text.encode()
    fasta = write(tmp_path / "in.fa", content)
    models = write(tmp_path / "in.gff3", genes("1"))
    out = tmp_path / "results/genome.fa"
    prepare(fasta, models, out, tmp_path / "results/genes.gff3.gz")
    with pysam.FastaFile(str(out)) as peer:
        assert list(peer.references) == ["1", "2"] and peer.fetch("1") == bases.upper()
        assert peer.fetch("2") == "ACGT"
    assert out.read_text().startswith(">1 first\n")
    packed = tmp_path / "results/genes.gff3.gz"
    assert gzip.decompress(packed.read_bytes()) == models.read_bytes()
    assert b"BC\x02\x00" in packed.read_bytes()[:20]  # bgzip, not gzip
    index = subprocess.run(
        ["samtools", "faidx", "--fai-idx", "/dev/stdout", out], capture_output=True, text=True
    )
    assert index.stdout == Path(f"{out}.fai").read_text()
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "genes.gff3.gz", "genome.fa", "genome.fa.fai",
    ]  # fmt: skip


def test_prepare_refuses_what_does_not_fit_and_leaves_nothing(tmp_path):
    fasta = write(tmp_path / "in.fa", ">1\nACGT\n")
    models = write(tmp_path / "in.gff3", genes("chr1"))
    with pytest.raises(StageError) as error:
        prepare(fasta, models, tmp_path / "out/g.fa", tmp_path / "out/g.gff3.gz")
    assert [p.code for p in error.value.problems] == ["contig-names"]
    assert not (tmp_path / "out").exists()


def test_ensembl_genes_with_their_sequence(data):
    folder = data("annotation_ensembl_chr21")
    sequence = read_fasta(folder / "grch38_chr21_10mb.fa.gz")
    models = read_genes(folder / "ensembl84_chr21_10mb.gff3.gz")
    assert compare(sequence, models) == ([], [])
    assert models.records == 1577
