"""SnpEff, with a database built from the project's own reference and gene models.

Cingolani P et al. A program for annotating and predicting the effects of single nucleotide
polymorphisms, SnpEff. Fly 2012;6:80-92. INFO/ANN: "Variant annotations in VCF format",
version 1.0, 2015.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from genopheno.annotation.consequences import Consequence
from genopheno.annotation.engines import Reader
from genopheno.annotation.genes import Genes, left_out
from genopheno.annotation.transcripts import GeneModels, Transcript, read_models
from genopheno.files import read_json, write_json, writing
from genopheno.problems import fail
from genopheno.tools import Command, run

GENOME = "project"  # name of the database within SnpEff
CONFIG = "snpEff.config"
COUNTS = "models.json"
DEBIAN = Path("/usr/share/java/snpeff.jar")

# The vertebrate mitochondrial code: table 2 of the NCBI, codons in the order TCAG.
MITOCHONDRIAL = "FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG"
MITOCHONDRIAL_STARTS = ("ATT", "ATC", "ATA", "ATG", "GTG")

# Terms of SnpEff that are kinds of a term of the ranking.
TERMS = {
    "conservative_inframe_insertion": "inframe_insertion",
    "disruptive_inframe_insertion": "inframe_insertion",
    "conservative_inframe_deletion": "inframe_deletion",
    "disruptive_inframe_deletion": "inframe_deletion",
    "5_prime_UTR_premature_start_codon_gain_variant": "5_prime_UTR_variant",
    "5_prime_UTR_truncation": "5_prime_UTR_variant",
    "3_prime_UTR_truncation": "3_prime_UTR_variant",
    "initiator_codon_variant": "start_retained_variant",
    "non_canonical_start_codon": "start_retained_variant",
    "intergenic_region": "intergenic_variant",
    "conserved_intergenic_variant": "intergenic_variant",
    "conserved_intron_variant": "intron_variant",
}


def build(reference: Path, genes_gff3: Path, out_dir: Path, *, memory_mb: int = 8000) -> None:
    """Build a database for SnpEff in a folder of its own; nothing is fetched.

    Parameters
    ----------
    reference, genes_gff3 : FASTA and Ensembl-style GFF3 (plain or gzip).
    out_dir : gets the configuration, the database and ``models.json``; replaced as a whole.
    memory_mb : heap of Java.

    Raises
    ------
    StageError : SnpEff is absent, or no transcript can be used.
    """
    start = _start(memory_mb)
    models = read_models(genes_gff3)
    with writing(out_dir) as beside:
        data = beside / "data" / GENOME
        data.mkdir(parents=True)
        (beside / CONFIG).write_text(configuration(list(models.contigs)))
        (data / "sequences.fa").symlink_to(Path(reference).resolve())
        with open(data / "genes.gff", "w") as out:
            out.writelines(gene_models(models))
        said = beside / "build.log"
        run(
            [
                *(*start, "build", "-gff3", "-noLog", "-nodownload"),
                *("-noCheckCds", "-noCheckProtein", "-v", "-c", beside / CONFIG, GENOME),
            ],
            stdout=said,
        )
        for name in ("genes.gff", "sequences.fa"):
            (data / name).unlink()
        write_json(
            beside / COUNTS,
            {
                "used": {"transcripts": len(models.transcripts)},
                "left_out": left_out(models),
            },
        )


def configuration(contigs: Sequence[str]) -> str:
    """Configuration of SnpEff: where the database is, and the code of the mitochondrion."""
    codons = [a + b + c for a in "TCAG" for b in "TCAG" for c in "TCAG"]
    table = ", ".join(
        f"{codon}/{amino_acid}{'+' if codon in MITOCHONDRIAL_STARTS else ''}"
        for codon, amino_acid in zip(codons, MITOCHONDRIAL, strict=True)
    )
    mitochondria = [c for c in contigs if re.fullmatch(r"(chr)?MT?", c)]
    return "".join(
        f"{line}\n"
        for line in (
            "data.dir = ./data",
            f"{GENOME}.genome : {GENOME}",
            f"codon.Vertebrate_Mitochondrial : {table}",
            *(f"{GENOME}.{c}.codonTable : Vertebrate_Mitochondrial" for c in mitochondria),
        )
    )


def gene_models(models: GeneModels) -> Iterator[str]:
    """GFF3 lines of the usable transcripts as SnpEff reads them: parents before children.

    In a file sorted by position SnpEff meets exons before their transcript and invents a
    gene for them; of the types of Ensembl it knows only some.
    """
    of_gene: dict[tuple[str, str], list[Transcript]] = {}
    for one in models.transcripts.values():
        of_gene.setdefault((one.gene_id, one.contig), []).append(one)

    def line(one: Transcript, kind: str, start: int, end: int, phase: str, said: str) -> str:
        strand = "+" if one.strand > 0 else "-"
        return f"{one.contig}\tx\t{kind}\t{start}\t{end}\t.\t{strand}\t{phase}\t{said}\n"

    yield "##gff-version 3\n"
    for (gene, _), transcripts in of_gene.items():
        one = transcripts[0]
        start, end = min(t.start for t in transcripts), max(t.end for t in transcripts)
        symbol, biotype = quote(one.gene_symbol or gene), quote(one.biotype)
        said = f"ID=gene:{gene};Name={symbol};biotype={biotype}"
        yield line(one, "gene", start, end, ".", said)
        for one in transcripts:
            said = f"ID={one.id};Parent=gene:{gene};biotype={quote(one.biotype)}"
            yield line(one, "mRNA" if one.cds else "transcript", one.start, one.end, ".", said)
            for first, last in one.exons:
                yield line(one, "exon", first, last, ".", f"Parent={one.id}")
            for first, last, phase in one.cds:
                text = "." if phase < 0 else str(phase)
                yield line(one, "CDS", first, last, text, f"Parent={one.id}")


class SnpEff:
    """SnpEff on the sites.

    Parameters
    ----------
    database : folder made by `build`.
    genes : of the GFF3 that it was built from.
    memory_mb : heap of Java.
    """

    name = "SnpEff"
    info = "ANN"
    needs_genotypes = False

    def __init__(self, database: Path, genes: Genes, *, memory_mb: int = 3000):
        self.database, self.genes, self.memory_mb = Path(database), genes, memory_mb

    def version(self) -> str:
        return run([*_start(500), "-version"]).split()[1]

    def commands(self, calls: Path) -> list[Command]:
        start = _start(self.memory_mb)
        if not (self.database / CONFIG).is_file():
            raise fail(
                "snpeff-database-missing",
                self.database,
                "it is not a database for SnpEff",
                "Make it with 'genopheno snpeff-database'",
            )
        snpeff = [
            *(*start, "ann", "-noLog", "-nodownload", "-noStats"),
            *("-noLof", "-noInteraction", "-c", self.database / CONFIG, GENOME),
        ]
        return [["bcftools", "view", "--no-version", "-G", calls], snpeff]

    def reader(self, annotated: Path) -> Reader:
        def read(contig: str, position: int, reference: str, alternate: str, value: str):
            return [parse_entry(entry, self.genes) for entry in value.split(",") if entry]

        return read

    def report(self) -> dict[str, Any]:
        return read_json(self.database / COUNTS)


def parse_entry(entry: str, genes: Genes) -> Consequence:
    """Read one entry of ANN.

    Allele | terms | impact | gene name | gene | feature type | feature | biotype | rank |
    HGVS.c | HGVS.p | ... Entries that are not of a transcript name none.
    """
    cells = entry.split("|")
    terms = tuple(dict.fromkeys(TERMS.get(term, term) for term in cells[1].split("&")))
    if cells[5] != "transcript":
        if "intergenic_variant" in terms:  # its 'gene' is the two at its sides
            return Consequence(terms)
        return Consequence(terms, gene_id=cells[4].removeprefix("gene:"), gene_symbol=cells[3])
    return genes.complete(
        Consequence(
            terms,
            gene_id=cells[4].removeprefix("gene:"),
            gene_symbol=cells[3],
            transcript=cells[6],
            biotype=cells[7],
            coding_change=unquote(cells[9]),
            protein_change=unquote(cells[10]),
        )
    )


def _start(memory_mb: int) -> list[str]:
    """How SnpEff is started.

    The wrapper of Debian writes its own arguments before the VCF, and cuts paths at spaces.

    Raises
    ------
    StageError : SnpEff is absent.
    """
    heap = f"-Xmx{memory_mb}m"
    if DEBIAN.is_file() and shutil.which("java"):
        return ["java", heap, "-jar", str(DEBIAN)]
    if not shutil.which("snpEff"):
        raise fail(
            "tool-missing",
            "snpEff",
            "annotation.engine is snpeff, and snpEff is not on PATH",
            "Install it ('apt install snpeff', or conda: envs/snpeff.yaml), or take engine csq",
        )
    return ["snpEff", heap]
