"""Columns: what stands behind significant variants."""

from __future__ import annotations

from genopheno.fields.field import columns

PLACE = """
variant_id         | string |    | contig:position:reference:alternate
chromosome         | string |    | contig name as in the reference | GWAS-SSF
base_pair_location | int32  | bp | 1-based position | GWAS-SSF
"""

RESULT = """
rsid                    | string  |         | dbSNP identifier | GWAS-SSF
effect_allele           | string  |         | allele whose effect is given: the alternate allele | GWAS-SSF
other_allele            | string  |         | the reference allele | GWAS-SSF
effect_allele_frequency | float64 |         | frequency of the effect allele among the people tested | GWAS-SSF
beta                    | float64 | trait units, log odds or log hazard | effect of one more effect allele in the scan | GWAS-SSF
standard_error          | float64 | as beta | standard error of beta | GWAS-SSF
neg_log10_p_value       | float64 |         | -log10 p of the scan | GWAS-SSF
"""

GENE = """
gene_symbol             | string  |         | gene that the variant hits; null: none | gene models (GFF3)
consequence             | string  |         | most severe consequence of the variant | Sequence Ontology
nearest_gene            | string  |         | gene whose span is nearest; null: the contig has none | gene models (GFF3)
nearest_gene_distance   | int32   | bp      | distance to the span of nearest_gene; 0: the variant lies in it
"""

CLUMPS = columns(
    "open",
    "clump | int32 | | number of the clump, the strongest first\n"
    "locus | int32 | | number of the locus that it lies in, in the order of the genome\n"
    + PLACE
    + RESULT
    + """
n_members          | int32 | variants | variants that the index variant stands for, without itself | plink 1.9 TOTAL
n_not_significant  | int32 | variants | members with p above 0.05 | plink 1.9 NSIG
n_below_0_05       | int32 | variants | members with p from 0.01 to 0.05 | plink 1.9 S05
n_below_0_01       | int32 | variants | members with p from 0.001 to 0.01 | plink 1.9 S01
n_below_0_001      | int32 | variants | members with p from 0.0001 to 0.001 | plink 1.9 S001
n_below_0_0001     | int32 | variants | members with p of at most 0.0001 | plink 1.9 S0001
start              | int32 | bp | first position of the clump
end                | int32 | bp | last position of the clump
"""
    + GENE,
)

CLUMP_MEMBERS = columns(
    "open",
    "clump | int32 | | number of the clump\n"
    + PLACE
    + """
r2                | float64 | | squared correlation of its alleles with those of the index variant, from maximum likelihood haplotype frequencies
neg_log10_p_value | float64 | | -log10 p of the scan | GWAS-SSF
""",
)

SIGNALS = columns(
    "open",
    "locus  | int32 | | number of the locus, in the order of the genome\n"
    "signal | int32 | | number of the signal in its locus, in the order of selection\n"
    + PLACE
    + RESULT
    + """
method                        | string  |          | conditional: selected and tested given the other signals of its locus; marginal: the strongest variant of the locus, as scanned, because nothing could be conditioned on (see the JSON) | | conditional, marginal
n                             | int32   | people   | people in the joint model of the locus; marginal: in the scan
neg_log10_p_value_conditional | float64 |          | -log10 p given the other signals of the locus; null for marginal
beta_joint                    | float64 | as beta  | effect in one model with the other signals of the locus; null for marginal, and where the fit did not end
standard_error_joint          | float64 | as beta  | standard error of beta_joint
neg_log10_p_value_joint       | float64 |          | -log10 p of beta_joint: Student's t, or Wald's test of logistic regression
credible_size                 | int32   | variants | variants in the credible set
credible_probability          | float64 |          | posterior probability of the credible set
credible_start                | int32   | bp       | first position of the credible set
credible_end                  | int32   | bp       | last position of the credible set
n_not_tested                  | int32   | variants | variants of the locus that are in no credible set, because they have no test given the other signals
known_variant                 | string  |          | nearest known association within reach, as the list names it; null: none, or no list | signals.known
known_trait                   | string  |          | trait of known_variant | signals.known
known_distance                | int32   | bp       | distance to known_variant
known_r2                      | float64 |          | highest r2 with a variant of the cohort at a known place within reach; null: there is none
novel                         | bool    |          | no known association lies within reach; null: no list was given
"""
    + GENE,
)

CREDIBLE = columns(
    "open",
    "locus  | int32 | | number of the locus\n"
    "signal | int32 | | number of the signal in its locus\n"
    + PLACE
    + """
posterior         | float64 |                       | probability to be the cause of the signal, if one variant of the locus alone is | Wakefield 2009; Maller 2012
beta              | float64 | trait units, log odds or log hazard | effect given the other signals of the locus
standard_error    | float64 | as beta               | standard error of beta
neg_log10_p_value | float64 |                       | -log10 p of beta
r2                | float64 |                       | squared correlation of its alleles with those of the signal's variant
gene_symbol       | string  |                       | gene that the variant hits; null: none | gene models (GFF3)
consequence       | string  |                       | most severe consequence of the variant | Sequence Ontology
""",
)

LOCUS_VARIANTS = columns(
    "open",
    "locus | int32 | | number of the locus\n"
    + PLACE
    + """
neg_log10_p_value | float64 | | -log10 p of the scan | GWAS-SSF
r2                | float64 | | squared correlation of its alleles with those of the strongest variant of the locus; null: one of both does not vary
""",
)
