"""Columns: polygenic scores."""

from __future__ import annotations

from genopheno.fields.field import columns

SCORES = columns(
    "controlled",
    """
score               | string  |         | name of the score in the configuration
sample              | string  |         | sequenced library pool
value               | float64 | weights of the scoring file | sum of weight times dosage of the effect allele over the matched variants; a missing genotype counts as the mean of those called
n_called            | int32   | variants | matched variants with a genotype
z_score             | float64 | standard deviations | value less the mean of the cohort
percentile          | float64 | %       | share of the cohort with a lower value; ties count half; null among fewer than 20 people
z_score_adjusted    | float64 | standard deviations | as z_score, of the value less its mean given the principal components; null: there are none | Khera 2019
percentile_adjusted | float64 | %       | as percentile, of the value less its mean given the principal components; null: there are none | Khera 2019
""",
)

SCORE_VARIANTS = columns(
    "open",
    """
score                   | string  |    | name of the score in the configuration
row                     | int32   |    | line of the scoring file | PGS Catalog
chromosome              | string  |    | chromosome in the scoring file, without chr; null: not given | PGS Catalog
base_pair_location      | int32   | bp | 1-based position in the scoring file; null: not given | PGS Catalog
effect_allele           | string  |    | allele that the weight counts, as in the scoring file | PGS Catalog
other_allele            | string  |    | the other allele; null: not given | PGS Catalog
weight                  | float64 |    | weight per effect allele | PGS Catalog
coding                  | string  |    | additive: per allele; dominant: of one or two; recessive: of two | PGS Catalog | additive, dominant, recessive
status                  | string  |    | whether it is in the score, or why not | | matched, matched on the other strand, strand is ambiguous, other alleles at this place, not in the cohort, another row has this variant
variant_id              | string  |    | the cohort's variant, contig:position:reference:alternate; null: not matched
effect_allele_frequency | float64 |    | frequency of the effect allele in the cohort; null: not in the score
""",
)
