"""Columns: results of the association tests."""

from __future__ import annotations

from genopheno.fields.field import columns

ASSOCIATION = columns(
    "open",
    """
chromosome              | string  |      | contig name as in the reference
base_pair_location      | int32   | bp   | 1-based position
effect_allele           | string  |      | allele whose effect is given: the alternate allele
other_allele            | string  |      | the reference allele
beta                    | float64 | trait units, or log odds | effect of one more effect allele
standard_error          | float64 | as beta | standard error of beta
effect_allele_frequency | float64 |      | frequency of the effect allele among the people tested
neg_log10_p_value       | float64 |      | -log10 p; does not underflow
variant_id              | string  |      | contig:position:reference:alternate
rsid                    | string  |      | dbSNP identifier
n                       | int32   | people | people with genotype, phenotype and covariates
n_cases                 | int32   | people | cases among them; null for a quantitative trait
n_controls              | int32   | people | controls among them; null for a quantitative trait
test                    | string  |      | linear, score, firth-approximate, firth, spa or lmm
converged               | bool    |      | the fit converged; null statistics where it did not
""",
)

LOCO = columns(
    "controlled",
    """
trait                   | string  |      | trait
chromosome              | string  |      | contig that was left out; null: none, the whole genome
sample                  | string  |      | sample, as in the genotypes
prediction              | float64 | trait units, or log odds | its trait predicted from the genotypes of all other contigs
""",
)
