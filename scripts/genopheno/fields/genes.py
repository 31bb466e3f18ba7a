"""Columns: tests of genes."""

from __future__ import annotations

from genopheno.fields.field import columns

GENE = """
gene_id       | string  |  | gene, as in the gene models, or name of the set
gene_symbol   | string  |  | symbol of the gene; null where it has none
"""

GENE_SETS = columns(
    "open",
    GENE
    + """
variant_id | string       |    | identifier of the variant in the genotypes
contig     | string       |    | contig name as in the reference
position   | int32        | bp | 1-based position
masks      | list<string> |    | masks of this gene that the variant is in
""",
)

GENE_TESTS = columns(
    "open",
    GENE
    + """
chromosome          | string  |    | contig name as in the reference
start               | int32   | bp | position of the gene's first variant in any mask
end                 | int32   | bp | position of the gene's last variant in any mask
mask                | string  |    | name of the mask; null: all masks and frequency limits of the gene together
max_frequency       | float64 |    | largest frequency of the alternate allele among the people of the trait; null: all together
test                | string  |    | burden; skat; skat-o; acat-v: the variants' p-values combined; acat-o: burden, skat and acat-v combined, of one mask or of all | | burden, skat, skat-o, acat-v, acat-o
n_variants          | int32   |    | variants tested
n_ultra_rare        | int32   |    | variants tested that are taken as one in skat, skat-o and acat-v
n                   | int32   | people | people of the trait
n_cases             | int32   | people | cases (time-to-event: events); null for a quantitative trait
n_controls          | int32   | people | controls (time-to-event: censored); null for a quantitative trait
n_carriers          | int32   | people | people with an alternate allele of any of the variants
n_carriers_cases    | int32   | people | cases with an alternate allele of any of the variants; null for a quantitative trait
n_carriers_controls | int32   | people | controls with an alternate allele of any of the variants; null for a quantitative trait
allele_count        | float64 |    | alternate alleles of the variants in these people
beta                | float64 | trait units, or log odds | effect of one more alternate allele in the burden; null but for burden
standard_error      | float64 | as beta | standard error of beta; null but for burden
neg_log10_p_value   | float64 |    | -log10 p; does not underflow
method              | string  |    | how the burden was tested: the tests of variants; null but for burden | | linear, score, firth-approximate, firth, spa, lmm, cox-score, cox-firth-approximate, cox-firth
""",
)

GENES_LEFT_OUT = columns(
    "open",
    GENE
    + """
chromosome    | string  |  | contig name as in the reference
mask          | string  |  | name of the mask
max_frequency | float64 |  | largest frequency of the alternate allele
n_variants    | int32   |  | variants of the gene in the mask, whatever their frequency
reason        | string  |  | no variant: the gene has none in the mask; monomorphic: none varies among the people of the trait; above max frequency: none is rare enough; one variant: fewer variants than are tested (the scan has it); min allele count: too few alleles; not converged: there is no estimate; no model on this chromosome: the trait cannot be fitted among the people who have it; variants on several chromosomes or regions: they have no common model | | no variant, monomorphic, above max frequency, one variant, min allele count, not converged, no model on this chromosome, variants on several chromosomes or regions
""",
)

GENE_VARIANTS = columns(
    "open",
    GENE
    + """
mask                      | string  |    | mask of the gene with the smallest p-value
max_frequency             | float64 |    | largest frequency of the alternate allele in the mask
variant_id                | string  |    | identifier of the variant in the genotypes
chromosome                | string  |    | contig name as in the reference
base_pair_location        | int32   | bp | 1-based position
effect_allele             | string  |    | allele that is counted: the alternate allele
other_allele              | string  |    | the reference allele
effect_allele_frequency   | float64 |    | frequency of the effect allele among the people of the trait
allele_count              | float64 |    | effect alleles in these people
n_carriers                | int32   | people | people with an effect allele
n_carriers_cases          | int32   | people | cases with an effect allele; null for a quantitative trait
n_carriers_controls       | int32   | people | controls with an effect allele; null for a quantitative trait
ultra_rare                | bool    |    | taken as one with others in skat, skat-o and acat-v
beta                      | float64 | trait units, or log odds | one-step effect of the variant; null for a time-to-event trait
neg_log10_p_value         | float64 |    | -log10 p of the variant's score, as in the set; null for a time-to-event trait
neg_log10_p_value_mask    | float64 |    | -log10 p of the mask, acat-o
neg_log10_p_value_without | float64 |    | -log10 p of the mask without this variant, acat-o; null where too little is left, or beyond the first 300 variants
""",
)
