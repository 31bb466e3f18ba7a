"""Consequences on genes: what `bcftools csq` writes, read back in Sequence Ontology terms.

Severity and impact follow the table of Ensembl Variation, "Calculated variant
consequences" (release 110 and later), the ranking that VEP uses. `bcftools csq` writes
short names; each stands for one Sequence Ontology term.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

# Sequence Ontology term → impact, most severe first.
IMPACTS: dict[str, str] = {
    "transcript_ablation": "HIGH",
    "splice_acceptor_variant": "HIGH",
    "splice_donor_variant": "HIGH",
    "stop_gained": "HIGH",
    "frameshift_variant": "HIGH",
    "stop_lost": "HIGH",
    "start_lost": "HIGH",
    "transcript_amplification": "HIGH",
    "feature_elongation": "HIGH",
    "feature_truncation": "HIGH",
    "inframe_insertion": "MODERATE",
    "inframe_deletion": "MODERATE",
    "missense_variant": "MODERATE",
    "protein_altering_variant": "MODERATE",
    "splice_donor_5th_base_variant": "LOW",
    "splice_region_variant": "LOW",
    "splice_donor_region_variant": "LOW",
    "splice_polypyrimidine_tract_variant": "LOW",
    "incomplete_terminal_codon_variant": "LOW",
    "start_retained_variant": "LOW",
    "stop_retained_variant": "LOW",
    "synonymous_variant": "LOW",
    "coding_sequence_variant": "MODIFIER",
    "mature_miRNA_variant": "MODIFIER",
    "5_prime_UTR_variant": "MODIFIER",
    "3_prime_UTR_variant": "MODIFIER",
    "non_coding_transcript_exon_variant": "MODIFIER",
    "intron_variant": "MODIFIER",
    "NMD_transcript_variant": "MODIFIER",
    "non_coding_transcript_variant": "MODIFIER",
    "coding_transcript_variant": "MODIFIER",
    "upstream_gene_variant": "MODIFIER",
    "downstream_gene_variant": "MODIFIER",
    "intergenic_variant": "MODIFIER",
    "sequence_variant": "MODIFIER",
}
RANKS: dict[str, int] = {term: rank for rank, term in enumerate(IMPACTS)}

# Names of bcftools csq → Sequence Ontology. 'non_coding' covers exons and introns alike.
CSQ_TERMS: dict[str, str] = {
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


class Consequence(NamedTuple):
    """One entry of BCSQ.

    Attributes
    ----------
    terms : Sequence Ontology terms, as written; an unknown name stays as it is.
    gene : gene name. transcript, biotype, strand, protein_change, coding_change : as
        written by bcftools csq; '' where it writes none (no transcript for introns).
    after_stop : the haplotype has a stop codon upstream ('*' before the name).
    """

    terms: tuple[str, ...]
    gene: str = ""
    transcript: str = ""
    biotype: str = ""
    strand: str = ""
    protein_change: str = ""
    coding_change: str = ""
    after_stop: bool = False

    @property
    def rank(self) -> int:
        """Rank of its most severe term; 0 is the most severe of all."""
        return min(RANKS.get(term, len(RANKS)) for term in self.terms)

    @property
    def term(self) -> str:
        """Its most severe term."""
        return min(self.terms, key=lambda term: RANKS.get(term, len(RANKS)))

    @property
    def impact(self) -> str:
        return IMPACTS.get(self.term, "MODIFIER")


def parse_entry(entry: str) -> Consequence:
    """Read ``consequence|gene|transcript|biotype|strand|amino acids|variants``.

    Fields at the end may be absent. Names joined by '&' hold together. Two faults of
    bcftools up to 1.16 are mended: a multi-nucleotide variant that makes a stop codon
    beside another change is called missense, and transcripts bound for nonsense-mediated
    decay are not marked as such.
    """
    names, *rest = entry.split("|")
    rest += [""] * (6 - len(rest))
    after_stop = names.startswith("*")
    terms = [CSQ_TERMS.get(name, name) for name in names.lstrip("*").split("&")]
    before, arrow, after = rest[4].partition(">")
    if "missense_variant" in terms and arrow and "*" in after and "*" not in before:
        terms[terms.index("missense_variant")] = "stop_gained"
    if rest[2] == "NMD" and rest[4] and "NMD_transcript_variant" not in terms:
        terms.append("NMD_transcript_variant")
    return Consequence(tuple(terms), *rest[:6], after_stop=after_stop)


def parse(value: str, elsewhere: Mapping[int, Iterable[str]] | None = None) -> list[Consequence]:
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


def is_compound(entry: str) -> bool:
    """Whether a full entry spans several records, so that others may point to it."""
    return "+" in entry.rpartition("|")[2] and ">" in entry


@dataclass
class Genes:
    """Transcripts and genes of a GFF3, by the identifiers that bcftools csq prints.

    Attributes
    ----------
    gene_of : transcript → gene identifier.
    canonical : transcripts that carry the tag Ensembl_canonical or MANE_Select.
    places : gene name → (contig, start, end, gene identifier) of each gene of that name.
    contigs : contig names with features, in file order.
    """

    gene_of: dict[str, str] = field(default_factory=dict)
    canonical: set[str] = field(default_factory=set)
    places: dict[str, list[tuple[str, int, int, str]]] = field(default_factory=dict)
    contigs: dict[str, None] = field(default_factory=dict)

    def gene_id(self, consequence: Consequence, contig: str, position: int) -> str | None:
        """Identifier of the gene; by its name and place where no transcript is named."""
        if consequence.transcript in self.gene_of:
            return self.gene_of[consequence.transcript]
        places = self.places.get(consequence.gene, [])
        here = [g for c, start, end, g in places if c == contig and start <= position <= end]
        # A deletion may begin before its gene; then the name alone has to be enough.
        candidates = here or [g for c, _, _, g in places if c == contig]
        return candidates[0] if len(set(candidates)) == 1 else None


def read_genes(gff3: str | Path) -> Genes:
    """Read the genes and transcripts of an Ensembl-style GFF3 (plain or gzip)."""
    genes = Genes()
    with open(gff3, "rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    with (gzip.open if packed else open)(gff3, "rt") as lines:
        for line in lines:
            contig, tab, _ = line.partition("\t")
            if not tab or line.startswith("#"):
                continue
            genes.contigs[contig] = None
            if "ID=gene:" not in line and "ID=transcript:" not in line:
                continue
            cells = line.rstrip("\n").split("\t")
            if len(cells) < 9:
                continue
            attributes = dict(
                pair.strip().split("=", 1) for pair in cells[8].split(";") if "=" in pair
            )
            kind, _, name = attributes.get("ID", "").partition(":")
            if kind == "transcript":
                genes.gene_of[name] = attributes.get("Parent", "").removeprefix("gene:")
                tags = attributes.get("tag", "").split(",")
                if "Ensembl_canonical" in tags or "MANE_Select" in tags:
                    genes.canonical.add(name)
            elif kind == "gene":
                place = (contig, int(cells[3]), int(cells[4]), name)
                symbol = attributes.get("Name", name)
                for key in {symbol, unquote(symbol)}:
                    genes.places.setdefault(key, []).append(place)
    return genes


def most_severe(
    consequences: Iterable[Consequence], canonical: Iterable[str] = ()
) -> Consequence | None:
    """The consequence to show where only one can be shown; None if there is none.

    Ranked by: not behind a stop codon of its haplotype, severity, a protein-coding
    transcript, a canonical one, then the order in which they are written.
    """
    canonical = canonical if isinstance(canonical, set) else set(canonical)
    return min(
        consequences,
        key=lambda c: (
            c.after_stop,
            c.rank,
            c.biotype != "protein_coding",
            c.transcript not in canonical,
        ),
        default=None,
    )
