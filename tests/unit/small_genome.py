"""A genome small enough to know every answer by heart: one gene, and its mirror image.

Contig 1 holds a coding gene on the plus strand and the same gene, reverse complemented, on
the minus strand. Contig 2 begins with a run of A, so that an indel shifts to its first base.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

UTR5, EXON1, INTRON, EXON2, UTR3 = (
    "CCTTGGCCTC",
    "ATGGCTGAA",
    "GTAAGTCCTTTTCCTCTTAACTTTCCCCAG",
    "AAATGGCTTTAA",
    "GCCTTGGCAC",
)
BLOCK = UTR5 + EXON1 + INTRON + EXON2 + UTR3
FLANK = "TTGACCTGTCAGTCCATGCA"
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def mirror(bases: str) -> str:
    return bases.translate(COMPLEMENT)[::-1]


CONTIGS = {
    "1": FLANK + BLOCK + FLANK + mirror(BLOCK) + FLANK,
    "2": "AAAAAACGTCACACACAGGTTCATGA" + FLANK,
}
PLUS = len(FLANK)  # 0-based start of the plus gene
MINUS = len(FLANK) * 2 + len(BLOCK)


def plus(index: int, ref: str, alt: str) -> tuple[str, int, str, str]:
    """A variant of the plus gene at a 0-based index of the block."""
    assert BLOCK.startswith(ref, index)
    return "1", PLUS + index + 1, ref, alt


def minus(index: int, ref: str, alt: str) -> tuple[str, int, str, str]:
    """The same change of the same coding base, in the gene on the minus strand."""
    assert BLOCK.startswith(ref, index)
    return "1", MINUS + len(BLOCK) - index - len(ref) + 1, mirror(ref), mirror(alt)


def gff3_lines(
    gene: str, transcript: str, start: int, strand: str, extra: str = "", contig: str = "1"
) -> list[str]:
    """Ensembl-style lines of one gene over the block that starts at the 0-based `start`."""
    ends, at = [], 0
    for part in (UTR5, EXON1, INTRON, EXON2, UTR3):
        ends.append((at, at + len(part)))
        at += len(part)
    if strand == "-":
        ends = [(at - e, at - s) for s, e in ends]

    def line(kind: str, first: int, last: int, phase: str, attributes: str) -> str:
        low, high = start + first + 1, start + last
        return f"{contig}\thand\t{kind}\t{low}\t{high}\t.\t{strand}\t{phase}\t{attributes}"

    utr5, exon1, _, exon2, utr3 = ends
    outer = [(min(utr5[0], exon1[0]), max(utr5[1], exon1[1]))]
    outer.append((min(utr3[0], exon2[0]), max(utr3[1], exon2[1])))
    parent = f"Parent=transcript:{transcript}"
    return [
        line("gene", 0, at, ".", f"ID=gene:{gene};Name={gene}-NAME;biotype=protein_coding"),
        line(
            "mRNA",
            0,
            at,
            ".",
            f"ID=transcript:{transcript};Parent=gene:{gene};biotype=protein_coding{extra}",
        ),
        *(line("exon", *part, ".", parent) for part in outer),
        line("five_prime_UTR", *utr5, ".", parent),
        line("CDS", *exon1, "0", parent),
        line("CDS", *exon2, "0", parent),
        line("three_prime_UTR", *utr3, ".", parent),
    ]


@dataclass(frozen=True)
class Genome:
    fasta: Path
    gff3: Path


def write_genome(folder: Path, *, masked: bool = False, lines: list[str] | None = None) -> Genome:
    """FASTA and GFF3; `masked`: lower-case reference, as repeat-masked genomes have."""
    fasta, gff3 = folder / "genome.fa", folder / "genes.gff3"
    fasta.write_text("".join(f">{c}\n{s.lower() if masked else s}\n" for c, s in CONTIGS.items()))
    body = lines or (gff3_lines("GP", "TP", PLUS, "+") + gff3_lines("GM", "TM", MINUS, "-"))
    gff3.write_text("\n".join(["##gff-version 3", *body]) + "\n")
    subprocess.run(["samtools", "faidx", fasta], check=True)
    return Genome(fasta, gff3)


def write_vcf(
    path: Path,
    rows: list[tuple],
    *,
    info: str = "",
    samples: tuple[str, ...] = (),
    formats: str = '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n',
    contigs: tuple[str, ...] = tuple(CONTIGS),
) -> Path:
    """Write ``(contig, position, ref, alt[, id[, info[, FORMAT and genotypes]]])`` rows.

    The ending decides the form: .vcf, .vcf.gz or .bcf; the last two get an index.
    """
    header = "##fileformat=VCFv4.2\n" + "".join(f"##contig=<ID={c}>\n" for c in contigs)
    header += info + (formats if samples else "")
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    columns += ["FORMAT", *samples] if samples else []
    lines = []
    for contig, position, ref, alt, *more in rows:
        name, values, *genotypes = [*more, *([".", "."][len(more) :])]
        lines.append([contig, position, name, ref, alt, "50", "PASS", values, *genotypes])
    text = header + "\n".join("\t".join(map(str, cells)) for cells in [columns, *lines]) + "\n"
    if path.suffix == ".vcf":
        path.write_text(text)
        return path
    kind = "-Ob" if path.suffix == ".bcf" else "-Oz"
    subprocess.run(["bcftools", "view", kind, "-o", path], input=text.encode(), check=True)
    subprocess.run(["bcftools", "index", "-f", path], check=True)
    return path


def query(vcf: Path, form: str) -> list[str]:
    said = subprocess.run(
        ["bcftools", "query", "-f", form, vcf], check=True, capture_output=True, text=True
    )
    return said.stdout.splitlines()
