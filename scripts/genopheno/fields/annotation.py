"""Columns: what is known of each allele."""

from __future__ import annotations

from genopheno.fields.field import VARIANT, columns

GENE = """
gene_id         | string |  | gene that is hit; missing: none
gene_symbol     | string |  | its symbol
transcript_id   | string |  | its transcript; missing where the engine names none (bcftools csq in introns)
biotype         | string |  | biotype of the transcript, as in the gene models
canonical       | bool   |  | the gene models mark the transcript as Ensembl canonical; missing: no transcript is named
mane_select     | bool   |  | likewise as MANE Select
consequence     | string |  | most severe Sequence Ontology consequence term
impact          | string |  | HIGH, MODERATE, LOW or MODIFIER, after the Ensembl ranking | | HIGH, MODERATE, LOW, MODIFIER
coding_change   | string |  | change of the transcript, HGVS c. or n. without the accession
protein_change  | string |  | predicted change of the protein, HGVS p. without the accession
"""

# Of the consequence that is shown where only one can be shown.
SITES = columns(
    "open",
    VARIANT
    + """
rsid            | string  |       | dbSNP identifier, where a dbSNP file was given
quality         | float64 | phred | QUAL of the caller
filters         | string  |       | PASS, or the filters it fails, ';' between
"""
    + GENE,
)

SITES_FAMILIES = columns(
    "open",
    """
{database}_found   | bool   | | database {database} holds the allele (or a region that it lies in)
{database}_{field} | string | | field {field} of database {database}; type, unit, description and source are told for each
""",
)

# Every transcript that an allele hits.
CONSEQUENCES = columns(
    "open",
    VARIANT
    + GENE
    + """
terms               | string |  | all consequence terms on this transcript, '&' between
most_severe         | bool   |  | the one that the table of sites shows
most_severe_of_gene | bool   |  | the one to show of this gene
""",
)
