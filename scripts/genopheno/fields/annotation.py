"""Columns: what is known of each allele."""

from __future__ import annotations

from genopheno.fields.field import VARIANT, columns

GENE = """
gene_id         | string |  | gene that is hit; missing: none | gene models (GFF3)
gene_symbol     | string |  | symbol of the gene that is hit | gene models (GFF3)
transcript_id   | string |  | transcript that is hit; missing: none | gene models (GFF3)
biotype         | string |  | biotype of the transcript, as in the gene models | gene models (GFF3)
canonical       | bool   |  | the gene models mark the transcript as Ensembl canonical; missing: no transcript is named | gene models (GFF3)
mane_select     | bool   |  | the gene models mark the transcript as MANE Select; missing: no transcript is named | gene models (GFF3)
consequence     | string |  | most severe Sequence Ontology consequence term | Sequence Ontology
impact          | string |  | HIGH, MODERATE, LOW or MODIFIER, after the Ensembl ranking | Ensembl Variation | HIGH, MODERATE, LOW, MODIFIER
coding_change   | string |  | change of the transcript, HGVS c. or n. without the accession; missing: cannot be named, or (bcftools csq) in an intron away from exons | HGVS Nomenclature
protein_change  | string |  | predicted change of the protein, HGVS p. without the accession | HGVS Nomenclature
"""

# Of the consequence that is shown where only one can be shown.
SITES = columns(
    "open",
    VARIANT
    + """
rsid            | string  |       | dbSNP identifier, where a dbSNP file was given | dbSNP
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
terms               | string |  | all consequence terms on this transcript, '&' between | Sequence Ontology
most_severe         | bool   |  | this row is what the table of sites shows of the allele
most_severe_of_gene | bool   |  | this row is the one to show of the allele and this gene
""",
)
