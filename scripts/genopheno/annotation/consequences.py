"""Consequences on transcripts in Sequence Ontology terms, and their ranking.

Severity and impact follow the table of Ensembl Variation, "Calculated variant
consequences" (release 110 and later), the ranking that VEP uses. Terms of SnpEff that the
table lacks stand where their meaning places them; impact is always the one of this table,
so that engines can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

# Sequence Ontology term → impact, most severe first.
IMPACTS: dict[str, str] = {
    "transcript_ablation": "HIGH",
    "exon_loss_variant": "HIGH",  # SnpEff
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
    "TFBS_ablation": "MODIFIER",
    "TFBS_amplification": "MODIFIER",
    "TF_binding_site_variant": "MODIFIER",
    "regulatory_region_ablation": "MODIFIER",
    "regulatory_region_amplification": "MODIFIER",
    "regulatory_region_variant": "MODIFIER",
    "intragenic_variant": "MODIFIER",  # SnpEff: in a gene, outside its transcripts
    "intergenic_variant": "MODIFIER",
    "sequence_variant": "MODIFIER",
}
RANKS: dict[str, int] = {term: rank for rank, term in enumerate(IMPACTS)}


class Consequence(NamedTuple):
    """What an allele does to one transcript.

    Attributes
    ----------
    terms : Sequence Ontology terms, as written; a term that the ranking lacks ranks last.
    gene_id, gene_symbol, transcript, biotype, coding_change, protein_change : as in the
        table ``consequences``; '' is missing.
    canonical, mane_select : None where no transcript is named.
    after_stop : the haplotype has a stop codon upstream (bcftools csq on phased calls).
    """

    terms: tuple[str, ...]
    gene_id: str = ""
    gene_symbol: str = ""
    transcript: str = ""
    biotype: str = ""
    coding_change: str = ""
    protein_change: str = ""
    canonical: bool | None = None
    mane_select: bool | None = None
    after_stop: bool = False

    @property
    def term(self) -> str:
        """Its most severe term."""
        return worst_term(self.terms)

    @property
    def rank(self) -> int:
        """Rank of its most severe term; 0 is the most severe of all."""
        return RANKS.get(worst_term(self.terms), len(RANKS))

    @property
    def impact(self) -> str:
        return IMPACTS.get(worst_term(self.terms), "MODIFIER")


@lru_cache(maxsize=4096)
def worst_term(terms: tuple[str, ...]) -> str:
    """The most severe of some terms."""
    return min(terms, key=lambda term: RANKS.get(term, len(RANKS)))


def most_severe(consequences: Iterable[Consequence]) -> Consequence | None:
    """The consequence to show where only one can be shown; None if there is none.

    Ranked by: not behind a stop codon of its haplotype, severity, a protein-coding
    transcript, MANE Select, Ensembl canonical, then the order in which they are written.
    """
    return min(consequences, key=_place, default=None)


def most_severe_of_genes(consequences: Iterable[Consequence]) -> dict[str, Consequence]:
    """Gene → the consequence to show of it, by the same ranking.

    A gene goes by its identifier, or by its symbol where it has none.
    """
    worst: dict[str, Consequence] = {}
    for one in consequences:
        gene = one.gene_id or one.gene_symbol
        if gene not in worst or _place(one) < _place(worst[gene]):
            worst[gene] = one
    return worst


def _place(one: Consequence) -> tuple[bool, int, bool, bool, bool]:
    return (
        one.after_stop,
        one.rank,
        one.biotype != "protein_coding",
        not one.mane_select,
        not one.canonical,
    )
