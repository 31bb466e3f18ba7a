"""bcftools csq: fast, haplotype-aware where the calls are phased.

It writes short names, and names no transcript in introns and in non-coding transcripts;
both are put right here from the gene models. Changes are named as HGVS has it.

Danecek P, McCarthy SA. BCFtools/csq: haplotype-aware variant consequences.
Bioinformatics 2017;33:2037-2039.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from genopheno.annotation.consequences import Consequence
from genopheno.annotation.engines import Reader
from genopheno.annotation.genes import Genes, Placed, left_out
from genopheno.annotation.hgvs import Describer
from genopheno.problems import fail
from genopheno.tools import Command, keep_stderr, run

# bcftools names at most this many consequences of a haplotype in FORMAT (15 by default).
MAX_CONSEQUENCES = 64
PROGRAM = [sys.executable, Path(__file__).with_name("bcftools_csq.py")]
# Exons and UTRs have no phase ('.' by the rules of GFF3); bcftools warns of each of them.
PHASES = r"""BEGIN { FS = OFS = "\t" } $3 != "CDS" && $8 == "." { $8 = 0 } { print }"""

# Names of bcftools csq → Sequence Ontology. 'non_coding' covers exons and introns alike.
TERMS: dict[str, str] = {
    "synonymous": "synonymous_variant",
    "missense": "missense_variant",
    "stop_lost": "stop_lost",
    "stop_gained": "stop_gained",
    "inframe_deletion": "inframe_deletion",
    "inframe_insertion": "inframe_insertion",
    "inframe_altering": "protein_altering_variant",
    "frameshift": "frameshift_variant",
    "splice_acceptor": "splice_acceptor_variant",
    "splice_donor": "splice_donor_variant",
    "splice_region": "splice_region_variant",
    "start_lost": "start_lost",
    "start_retained": "start_retained_variant",
    "stop_retained": "stop_retained_variant",
    "5_prime_utr": "5_prime_UTR_variant",
    "3_prime_utr": "3_prime_UTR_variant",
    "non_coding": "non_coding_transcript_variant",
    "intron": "intron_variant",
    "intergenic": "intergenic_variant",
    "coding_sequence": "coding_sequence_variant",
    "feature_elongation": "feature_elongation",
    "feature_truncation": "feature_truncation",
    "NMD_transcript": "NMD_transcript_variant",
}


class Csq:
    """bcftools csq on the sites, allele by allele; or on phased calls, by haplotype.

    Parameters
    ----------
    reference, genes_gff3 : FASTA and Ensembl-style GFF3 (plain or gzip).
    genes : of that GFF3.
    work : folder for its files.
    phased : use haplotypes; every heterozygous genotype has to be phased.
    """

    name = "bcftools csq"
    info = "BCSQ"

    def __init__(
        self, reference: Path, genes_gff3: Path, genes: Genes, work: Path, *, phased: bool = False
    ):
        self.reference, self.gff3, self.genes = reference, genes_gff3, genes
        self.log, self.work = work / "csq.log", work
        self.phased = self.needs_genotypes = phased

    def version(self) -> str:
        from pysam.version import __bcftools_version__

        return __bcftools_version__

    def commands(self, calls: Path) -> list[Command]:
        """A transcript that breaks the rules of GFF3 is left out and named (``--force``)."""
        models = self.work / "genes.gff3"
        run(["gzip", "-dcf", self.gff3], ["awk", PHASES], stdout=models)
        mode = ["--phase", "r"] if self.phased else ["--local-csq"]
        csq = [
            *(*PROGRAM, "--force", "--verbose", "2", *mode, "--ncsq", str(MAX_CONSEQUENCES)),
            *("--fasta-ref", self.reference, "--gff-annot", models, "-Ou", calls),
        ]
        drop = [["bcftools", "view", "--no-version", "-G", "-Ou"]] if self.phased else []
        return [keep_stderr(csq, self.log), *drop]

    def reader(self, annotated: Path) -> Reader:
        pointed = compound_entries(annotated) if self.phased else {}
        describe = Describer(self.reference, self.genes.models.transcripts).describe

        def read(contig: str, position: int, reference: str, alternate: str, value: str):
            entries = parse(value, pointed.get(contig)) if value else []
            if not alternate.isalpha():
                if not alternate.startswith("<"):  # bcftools reads a breakend as bases
                    return []
                return [self.genes.complete(one) for one in entries]
            end = position + len(reference) - 1
            return [
                # Far from exons the name of the change is of no use.
                one
                if one.terms[0] == "intron_variant"
                else described(one, *describe(one.transcript, position, reference, alternate))
                for one in complete(entries, self.genes, contig, position, end)
            ]

        return read

    def report(self) -> dict[str, Any]:
        said = said_of_models(self.log.read_text(errors="replace"), self.gff3)
        return {**said, "without_names_of_changes": left_out(self.genes.models)}


@lru_cache(maxsize=65536)
def parse_entry(entry: str) -> Consequence:
    """Read ``consequence|gene|transcript|biotype|strand|amino acids|variants``.

    Fields at the end may be absent. Names joined by '&' hold together.
    """
    names, *rest = entry.split("|")
    rest += [""] * (6 - len(rest))
    gene, transcript, biotype, _, amino_acids, bases = rest[:6]
    return Consequence(
        tuple(TERMS.get(name, name) for name in names.lstrip("*").split("&")),
        gene_symbol=gene,
        transcript=transcript,
        biotype=biotype,
        coding_change=bases,
        protein_change=amino_acids,
        after_stop=names.startswith("*"),
    )


def parse(value: str, elsewhere: Mapping[int, list[str]] | None = None) -> list[Consequence]:
    """Read one BCSQ value.

    Parameters
    ----------
    value : entries with ',' between. ``@position`` says that the consequence is written
        in full at that position of the same contig, because one haplotype has both variants.
    elsewhere : position → full entries at that position that hold several variants.
        A pointer whose target is not there gives nothing.
    """
    found = []
    for entry in value.split(","):
        if entry.startswith("@"):
            found += [parse_entry(e) for e in (elsewhere or {}).get(int(entry[1:]), ())]
        elif entry and entry != ".":
            found.append(parse_entry(entry))
    return found


def complete(
    entries: list[Consequence], genes: Genes, contig: str, start: int, end: int
) -> list[Consequence]:
    """Entries with what the gene models tell; one entry per transcript.

    In introns and in non-coding transcripts bcftools names no transcript, joins those of a
    gene, and tells of one gene where several lie; some biotypes it does not use at all. There
    the models say which transcripts lie at the place, and whether an exon is hit. Of a
    transcript that breaks the rules bcftools says 'intron' wherever it is hit: that is left out.

    Parameters
    ----------
    start, end : first and last base of the reference allele, 1-based.
    """
    found: dict[str, Consequence] = {}
    for one in entries:
        if one.transcript:
            _add(found, genes.complete(one))
    for known in genes.at(contig, start, end):
        if known.id not in found:
            terms = _unnamed_terms(known, genes.in_exon(known.id, start, end))
            if terms:
                found[known.id] = _unnamed(terms, known.id, genes)
    return list(found.values())


def _unnamed_terms(known: Placed, in_exon: bool) -> tuple[str, ...]:
    """Terms of a transcript that bcftools does not name; none of a coding one hit in an exon.

    Of such a one bcftools would have said more, had it used it.
    """
    if not known.coding:
        if in_exon:
            return ("non_coding_transcript_exon_variant",)
        return ("intron_variant", "non_coding_transcript_variant")
    if in_exon:
        return ()
    decays = known.biotype == "nonsense_mediated_decay"
    return ("intron_variant", "NMD_transcript_variant") if decays else ("intron_variant",)


@lru_cache(maxsize=65536)
def _unnamed(terms: tuple[str, ...], transcript: str, genes: Genes) -> Consequence:
    """The consequence on a transcript that bcftools does not name: the same at many sites."""
    return genes.complete(Consequence(terms, transcript=transcript))


def _add(found: dict[str, Consequence], one: Consequence) -> None:
    """Add a consequence; with one on the same transcript it becomes one, the worse first."""
    other = found.get(one.transcript)
    if other is None:
        found[one.transcript] = one
        return
    first, second = (one, other) if one.rank < other.rank else (other, one)
    terms = tuple(dict.fromkeys((*first.terms, *second.terms)))
    found[one.transcript] = first._replace(terms=terms)


def described(one: Consequence, coding: str | None, protein: str | None) -> Consequence:
    return one._replace(coding_change=coding or "", protein_change=protein or "")


def is_compound(entry: str) -> bool:
    """Whether a full entry spans several records, so that others may point to it."""
    return "+" in entry.rpartition("|")[2] and ">" in entry


def compound_entries(sites: Path) -> dict[str, dict[int, list[str]]]:
    """Entries that span several records, by contig and position: what '@position' points to.

    A pointer may come before its target, so they are gathered in a pass of their own.
    """
    found: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    query = ["bcftools", "query", "-f", "%CHROM\t%POS\t%INFO/BCSQ\n", sites]
    with subprocess.Popen(query, stdout=subprocess.PIPE, text=True) as lines:
        for line in lines.stdout or ():
            contig, position, value = line.rstrip("\n").split("\t")
            for entry in value.split(","):
                if is_compound(entry):
                    found[contig][int(position)].append(entry)
    return found


def said_of_models(said: str, gff3: Path) -> dict[str, Any]:
    """What bcftools csq said of the gene models: used, left out, and why."""
    found = re.search(r"Indexed (\d+) transcripts, (\d+) exons, (\d+) CDSs, (\d+) UTRs", said)
    used = dict(
        zip(("transcripts", "exons", "cds", "utrs"), map(int, found.groups()), strict=True)
        if found
        else {}
    )
    if not used.get("transcripts"):
        raise fail(
            "genes-unused",
            gff3,
            "bcftools csq could use none of its transcripts",
            "It needs Ensembl-style GFF3 (ID=gene:..., ID=transcript:..., Parent=, biotype=)",
        )
    lines = [line.strip() for line in said.splitlines()]
    broken = list(dict.fromkeys(line for line in lines if "skipping" in line))
    ignored = re.findall(r"^\s*(\d+)x\s+\.\. (\S+)", said, flags=re.MULTILINE)
    others = [
        line
        for line in lines
        if re.search("warning|note:", line, flags=re.IGNORECASE) and line not in broken
    ]
    others = list(dict.fromkeys(others))
    return {
        "used": used,
        "left_out": {"n": len(broken), "reasons": broken[:20]},
        "ignored_lines_by_biotype": {biotype: int(n) for n, biotype in ignored},
        "other_warnings": {"n": len(others), "first": others[:20]},
    }
