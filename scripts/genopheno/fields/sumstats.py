"""Columns: summary statistics that were harmonised, and meta-analyses of them."""

from __future__ import annotations

from genopheno.fields.field import columns

PLACE = """
chromosome              | string  |      | 1 to 22, X, Y, MT, or the contig's own name | GWAS-SSF
base_pair_location      | int32   | bp   | 1-based position | GWAS-SSF
"""

META = columns(
    "open",
    PLACE
    + """
effect_allele           | string  |      | allele whose effect is given: that of the first study that has the variant, or the alternate one of the reference | GWAS-SSF
other_allele            | string  |      | the other allele | GWAS-SSF
beta                    | float64 | as in the studies | effect of one more effect allele; null where z-scores are combined | GWAS-SSF
standard_error          | float64 | as beta | standard error of beta | GWAS-SSF
effect_allele_frequency | float64 |      | mean frequency of the effect allele over the studies, weighted by people where all say how many | GWAS-SSF
neg_log10_p_value       | float64 |      | -log10 p; does not underflow | GWAS-SSF
variant_id              | string  |      | contig:position:other:effect
rsid                    | string  |      | dbSNP identifier that a study gives | dbSNP
n                       | float64 | people | people of the studies together, where they say how many
n_studies               | int32   | studies | studies that have the variant
direction               | string  |      | a character a study, in order: + or - its effect, 0 none, ? it lacks the variant | METAL
z_score                 | float64 |      | beta over its error, or the combined z-score; its sign is the direction of the effect allele
min_effect_allele_frequency | float64 |  | least frequency of the effect allele in a study
max_effect_allele_frequency | float64 |  | greatest frequency of the effect allele in a study
heterogeneity_q         | float64 |      | Cochran's Q about the fixed effect | Cochran 1954
heterogeneity_df        | int32   |      | degrees of freedom of Q: studies - 1
heterogeneity_i2        | float64 | share | share of the variation between studies that is not chance | Higgins and Thompson 2002
heterogeneity_neg_log10_p_value | float64 | | -log10 p of Q; null with a single study
tau2                    | float64 | beta² | variance of the effect between studies; null where z-scores are combined | DerSimonian and Laird 1986
random_beta             | float64 | as beta | effect under random effects | DerSimonian and Laird 1986
random_standard_error   | float64 | as beta | standard error of random_beta
random_neg_log10_p_value | float64 |     | -log10 p of random_beta
leave_one_out_neg_log10_p_value | float64 | | least -log10 p of the analyses without one of the studies; null with fewer than two
leave_one_out_study     | string  |      | the study without which it is so
""",
)

META_FAMILIES = columns(
    "open",
    """
{study}_beta                       | float64 | as beta | effect of the effect allele in study {study}, after genomic control
{study}_standard_error             | float64 | as beta | standard error of the effect in study {study}, after genomic control
without_{study}_beta               | float64 | as beta | effect without study {study}; null where z-scores are combined
without_{study}_standard_error     | float64 | as beta | standard error of the effect without study {study}
without_{study}_neg_log10_p_value  | float64 |  | -log10 p without study {study}
""",
)

META_LOCI = columns(
    "open",
    PLACE
    + """
variant_id              | string  |      | lead variant: the strongest within the distance to each side
rsid                    | string  |      | dbSNP identifier of the lead variant | dbSNP
row                     | string  |      | a study, or 'fixed', 'random' or 'sample-size' for the studies together
effect_allele           | string  |      | allele whose effect is given
other_allele            | string  |      | the other allele
beta                    | float64 | as in the studies | effect; null for 'sample-size'
standard_error          | float64 | as beta | standard error of beta
neg_log10_p_value       | float64 |      | -log10 p
effect_allele_frequency | float64 |      | frequency of the effect allele; null for the studies together
n                       | float64 | people | people, where known
without_beta            | float64 | as beta | effect without this study; null for the studies together
without_standard_error  | float64 | as beta | standard error of without_beta
without_neg_log10_p_value | float64 |    | -log10 p without this study
""",
)

HARMONISED = columns(
    "open",
    PLACE
    + """
effect_allele           | string  |      | allele whose effect is given: the alternate one of the reference | GWAS-SSF
other_allele            | string  |      | the reference allele | GWAS-SSF
beta                    | float64 | as in the study | effect of one more effect allele | GWAS-SSF
standard_error          | float64 | as beta | standard error of beta | GWAS-SSF
effect_allele_frequency | float64 |      | frequency of the effect allele | GWAS-SSF
neg_log10_p_value       | float64 |      | -log10 p; does not underflow | GWAS-SSF
variant_id              | string  |      | contig:position:other:effect
rsid                    | string  |      | dbSNP identifier that the study or the reference gives | dbSNP
n                       | float64 | people | people, where the study says how many
""",
)
