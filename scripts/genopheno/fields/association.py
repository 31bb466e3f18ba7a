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
beta                    | float64 | trait units, or log odds | effect of one more effect allele | GWAS-SSF
standard_error          | float64 | as beta | standard error of beta | GWAS-SSF
effect_allele_frequency | float64 |      | frequency of the effect allele among the people tested | GWAS-SSF
neg_log10_p_value       | float64 |      | -log10 p; does not underflow | GWAS-SSF
variant_id              | string  |      | contig:position:reference:alternate
rsid                    | string  |      | dbSNP identifier | GWAS-SSF
n                       | int32   | people | people with genotype, phenotype and covariates | GWAS-SSF
n_cases                 | int32   | people | cases among the n people; null for a quantitative trait
n_controls              | int32   | people | controls among the n people; null for a quantitative trait
test                    | string  |      | linear, score, wald (engine hail), firth-approximate, firth, spa or lmm | | linear, score, wald, firth-approximate, firth, spa, lmm
converged               | bool    |      | the fit converged; null statistics where it did not
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
y:{trait}             | float64 | | trait {trait} after its transformation; 1 case, 0 control; missing: the person is not tested for it
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
