"""Columns: components, their loadings, kinship, and what is known of each sample's place."""

from __future__ import annotations

from genopheno.fields.field import columns

COMPONENTS = columns(
    "controlled",
    """
sample   | string       |  | sequenced library pool
unrelated| bool         |  | in the maximal set without relatives, on which components were made
scores   | list<double> |  | principal component scores, first to last, unit variance scale of plink2
""",
)

KINSHIP = columns(
    "controlled",
    """
sample_1     | string  |          | first of the pair
sample_2     | string  |          | second of the pair
n_variants   | int32   | variants | variants with both genotypes
ibs0         | float64 |          | fraction of the n_variants with opposite homozygotes | KING, Manichaikul 2010
kinship      | float64 |          | KING-robust kinship coefficient | KING, Manichaikul 2010
relationship | string  |          | duplicate, first-degree, second-degree, third-degree or unrelated | KING, Manichaikul 2010 | duplicate, first-degree, second-degree, third-degree, unrelated
""",
)

STRUCTURE_SAMPLES = columns(
    "controlled",
    """
sample            | string  |  | sequenced library pool
family            | string  |  | people connected by pairs of relatives, a family by the name of its first sample; null: no relatives, or kinship is not reliable
unrelated         | bool    |  | in the maximal set without relatives
group             | string  |  | ancestry group by the reference panel, or unassigned; null: no panel
group_probability | float64 |  | probability of the most probable group
isolation         | float64 |  | distance to the nearest 5 people on the components, robust z on a log scale
outlier           | bool    |  | isolation is above structure.max_isolation
reasons           | string  |  | why unassigned or an outlier, '; ' between; empty: neither
""",
)

STRUCTURE_SAMPLES_FAMILIES = columns(
    "controlled",
    """
probability_{group} | float64 |  | probability of the ancestry group {group}
""",
)

LOADINGS = columns(
    "open",
    """
variant_id    | string       |    | identifier in the genotype files
contig        | string       |    | contig name as in the reference
position      | int32        | bp | 1-based position of the first reference base
effect_allele | string       |    | allele whose dosage is weighted
other_allele  | string       |    | the other allele
frequency     | float64      |    | frequency of the effect allele in the unrelated set
loadings      | list<double> |    | weight of the standardised dosage in each component, first to last
""",
)

PROJECTED = columns(
    "controlled",
    """
sample  | string       |  | sequenced library pool
called  | float64      |  | fraction of the variants of the loadings that are called
scores  | list<double> |  | scores on the components of the loadings; null: too few variants are called
""",
)
