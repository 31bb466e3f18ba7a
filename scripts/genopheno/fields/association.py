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
beta                    | float64 | trait units, log odds or log hazard | effect of one more effect allele; on X of a man's allele as of x_male_dosage (docs/association.md) | GWAS-SSF
standard_error          | float64 | as beta | standard error of beta | GWAS-SSF
effect_allele_frequency | float64 |      | frequency of the effect allele among the people tested; a man has one X | GWAS-SSF
neg_log10_p_value       | float64 |      | -log10 p; does not underflow | GWAS-SSF
variant_id              | string  |      | contig:position:reference:alternate
rsid                    | string  |      | dbSNP identifier | GWAS-SSF
n                       | int32   | people | people with genotype, phenotype and covariates | GWAS-SSF
n_cases                 | int32   | people | cases (time-to-event: events) among the n people; null for a quantitative trait
n_controls              | int32   | people | controls (time-to-event: censored) among the n people; null for a quantitative trait
effect_allele_frequency_cases    | float64 | | frequency of the effect allele among the n_cases; null for a quantitative trait
effect_allele_frequency_controls | float64 | | frequency of the effect allele among the n_controls; null for a quantitative trait
info                    | float64 |      | quality of the imputation, about 0 to 1: as the file of the dosages gives it, else MaCH's r2 of the dosages; null for hard calls | GWAS-SSF
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
reason             | string  |      | all missing: no person of the trait has a genotype; monomorphic: all have the same allele; min imputation quality: info is too low; min allele count: copies of the rarer allele are too few; not converged: there is no estimate, because the covariates determine the genotype or the fit did not end; no model on this chromosome: the trait cannot be fitted among the people who have it, scan.json says why; engine numpy tests it: X, Y or mitochondrion, and the engine was hail | | all missing, monomorphic, min imputation quality, min allele count, not converged, no model on this chromosome, engine numpy tests it
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
complete:{trait}      | bool    | | the person has genotypes and all covariates of {trait}, whether or not {trait} is known
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

INTERACTIONS = columns(
    "open",
    """
chromosome                           | string  |      | contig name as in the reference | GWAS-SSF
base_pair_location                   | int32   | bp   | 1-based position | GWAS-SSF
effect_allele                        | string  |      | allele whose effect is given: the alternate allele | GWAS-SSF
other_allele                         | string  |      | the reference allele | GWAS-SSF
beta                                 | float64 | trait units, or log odds | effect of one more effect allele where the covariate is 0, or at its reference level | GWAS-SSF
standard_error                       | float64 | as beta | standard error of beta | GWAS-SSF
effect_allele_frequency              | float64 |      | frequency of the effect allele among the people tested | GWAS-SSF
neg_log10_p_value                    | float64 |      | -log10 p of beta | GWAS-SSF
robust_standard_error                | float64 | as beta | standard error of beta that does without equal spread; null for a binary trait | HC3, MacKinnon and White 1985
robust_neg_log10_p_value             | float64 |      | -log10 p of beta by it | HC3, MacKinnon and White 1985
variant_id                           | string  |      | contig:position:reference:alternate
rsid                                 | string  |      | dbSNP identifier | GWAS-SSF
n                                    | int32   | people | people with genotype, phenotype and covariates | GWAS-SSF
n_cases                              | int32   | people | cases among the n people; null for a quantitative trait
n_controls                           | int32   | people | controls among the n people; null for a quantitative trait
neg_log10_p_value_interaction        | float64 |      | -log10 p of all products of variant and covariate
neg_log10_p_value_joint              | float64 |      | -log10 p of the variant and all its products (2 degrees of freedom where there is one product) | Kraft 2007
robust_neg_log10_p_value_interaction | float64 |      | the same of all products, without equal spread; null for a binary trait | HC3, MacKinnon and White 1985
robust_neg_log10_p_value_joint       | float64 |      | the same of the variant and all its products; null for a binary trait | HC3, MacKinnon and White 1985
test                                 | string  |      | linear (t and F), wald (logistic regression), or firth (penalised likelihood ratios) | | linear, wald, firth
converged                            | bool    |      | the fit converged; null statistics where it did not
""",
)

INTERACTIONS_FAMILIES = columns(
    "open",
    """
beta:{term}                     | float64 | trait units, or log odds, per unit of the covariate | product of the variant with {term}
standard_error:{term}           | float64 | as beta | standard error of the product with {term}
neg_log10_p_value:{term}        | float64 |  | -log10 p of the product with {term}
robust_standard_error:{term}    | float64 | as beta | standard error of the product with {term} that does without equal spread; null for a binary trait | HC3, MacKinnon and White 1985
robust_neg_log10_p_value:{term} | float64 |  | -log10 p of the product with {term} by it; null for a binary trait | HC3, MacKinnon and White 1985
""",
)

CALIBRATION = columns(
    "open",
    """
null                    | string  |      | where the null traits are from: the trait with its covariates dealt out anew over its people (permuted), drawn from its covariates alone (simulated), or drawn with a heritable part from other contigs than those tested (polygenic) | | permuted, simulated, polygenic
model                   | string  |      | model of the scan | | regression, wgr, lmm
test                    | string  |      | linear, score (without refinement), firth and spa (the score test with its refinement, as the scan makes it) or lmm | | linear, score, firth, spa, lmm
trait                   | string  |      | trait that was permuted, or whose people and covariates were used
type                    | string  |      | of the null traits | | quantitative, binary
case_fraction           | float64 |      | cases among the people; null for quantitative traits
n                       | int32   | people | people of the trait
frequency_bin           | string  |      | all variants; those with fewer than 20 minor alleles among the people; the others by minor allele frequency, above the first number and up to the second | | all, count < 20, 0-0.01, 0.01-0.05, 0.05-0.5
alpha                   | float64 |      | p-value below which a test rejects
replicates              | int32   |      | null traits
n_tests                 | int64   |      | variants × null traits with a p-value
n_rejected              | int64   |      | of these, p-values below alpha
type_one_error          | float64 |      | n_rejected / n_tests
ratio                   | float64 |      | type_one_error / alpha
ratio_low               | float64 |      | lower end of the 95 % interval of ratio; it respects that tests of linked variants are correlated | Korn and Graubard 1998
ratio_high              | float64 |      | upper end of that interval | Korn and Graubard 1998
design_effect           | float64 |      | by how much that correlation widens the variance of type_one_error
verdict                 | string  |      | inflated or conservative: the interval that misses in 5 % of whole tables does not hold alpha; fine: it does; too few tests: it does, but fewer than 5 rejections are to be expected | | fine, inflated, conservative, too few tests
""",
)
