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
