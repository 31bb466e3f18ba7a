"""Columns: components and kinship."""

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
