"""Columns: results of the association tests."""

from __future__ import annotations

from genopheno.fields.field import columns

ASSOCIATION = columns(
    "open",
    """
chromosome              | string  |      | contig name as in the reference | GWAS-SSF
base_pair_location      | int32   | bp   | 1-based position | GWAS-SSF
effect_allele           | string  |      | allele whose effect is given: the alternate allele | GWAS-SSF
other_allele            | string  |      | the reference allele | GWAS-SSF
beta                    | float64 | trait units, log odds or log hazard | effect of one more effect allele | GWAS-SSF
standard_error          | float64 | as beta | standard error of beta | GWAS-SSF
effect_allele_frequency | float64 |      | frequency of the effect allele among the people tested | GWAS-SSF
neg_log10_p_value       | float64 |      | -log10 p; does not underflow | GWAS-SSF
variant_id              | string  |      | contig:position:reference:alternate
rsid                    | string  |      | dbSNP identifier | GWAS-SSF
n                       | int32   | people | people with genotype, phenotype and covariates | GWAS-SSF
n_cases                 | int32   | people | cases (time-to-event: events) among the n people; null for a quantitative trait
n_controls              | int32   | people | controls (time-to-event: censored) among the n people; null for a quantitative trait
effect_allele_frequency_cases    | float64 | | frequency of the effect allele among the n_cases; null for a quantitative trait
effect_allele_frequency_controls | float64 | | frequency of the effect allele among the n_controls; null for a quantitative trait
test                    | string  |      | linear, score, wald (engine hail), firth-approximate, firth, spa, lmm, cox-score, cox-firth-approximate or cox-firth | | linear, score, wald, firth-approximate, firth, spa, lmm, cox-score, cox-firth-approximate, cox-firth
converged               | bool    |      | the fit converged; null statistics where it did not
""",
)

ASSOCIATION_LEFT_OUT = columns(
    "open",
    """
chromosome         | string  |      | contig name as in the reference
base_pair_location | int32   | bp   | 1-based position
effect_allele      | string  |      | the alternate allele
other_allele       | string  |      | the reference allele
variant_id         | string  |      | contig:position:reference:alternate
n                  | int32   | people | people of the trait whose genotype is known
minor_allele_count | float64 |      | copies of the rarer allele in these people
reason             | string  |      | all missing: no person of the trait has a genotype; monomorphic: all have the same allele; min allele count: copies of the rarer allele are too few; not converged: there is no estimate, because the covariates determine the genotype or the fit did not end | | all missing, monomorphic, min allele count, not converged
""",
)

DESIGN = columns(
    "controlled",
    """
sample | string |  | sequenced library pool
""",
)

DESIGN_FAMILIES = columns(
    "controlled",
    """
y:{trait}             | float64 | | trait {trait} after its transformation; 1 case or event, 0 control or censored; missing: the person is not tested for it
time:{trait}          | float64 | | end of the follow-up for {trait}; missing: the person is not tested for it
entry:{trait}         | float64 | | start of the follow-up for {trait}
x:{trait}:{covariate} | float64 | | column {covariate} of the covariates of {trait}
""",
)

LOCO = columns(
    "controlled",
    """
trait                   | string  |      | trait
chromosome              | string  |      | contig that was left out; null: none, the whole genome
sample                  | string  |      | sample, as in the genotypes
prediction              | float64 | trait units, or log odds | the trait of the sample, predicted from the genotypes of all other contigs
""",
)
