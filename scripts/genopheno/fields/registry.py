"""Every table by its name, and the families of columns that depend on the configuration."""

from __future__ import annotations

from genopheno.fields.annotation import CONSEQUENCES, SITES, SITES_FAMILIES
from genopheno.fields.association import ASSOCIATION
from genopheno.fields.cohort import (
    COHORT_SAMPLES,
    COHORT_VARIANTS,
    GROUP_FREQUENCIES,
    GROUPS,
    TRAIT_DISTRIBUTIONS,
)
from genopheno.fields.field import Field
from genopheno.fields.matrices import (
    CARRIERS,
    MATRIX_GENES,
    MATRIX_GENOTYPES,
    MATRIX_GENOTYPES_FAMILIES,
    MATRIX_SAMPLES,
    MATRIX_SAMPLES_FAMILIES,
    MATRIX_SITES,
    MATRIX_SITES_FAMILIES,
    PHENOTYPES,
    PHENOTYPES_FAMILIES,
)
from genopheno.fields.samples import CHARR, IDENTITY_MEASURES, IDENTITY_PAIRS, SAMPLE_QC
from genopheno.fields.structure import (
    COMPONENTS,
    KINSHIP,
    LOADINGS,
    PROJECTED,
    STRUCTURE_SAMPLES,
    STRUCTURE_SAMPLES_FAMILIES,
)
from genopheno.fields.submission import UNITS

TABLES: dict[str, tuple[Field, ...]] = {
    "units": UNITS,
    "sample_qc": SAMPLE_QC,
    "identity_measures": IDENTITY_MEASURES,
    "identity_pairs": IDENTITY_PAIRS,
    "sites": SITES,
    "consequences": CONSEQUENCES,
    "charr": CHARR,
    "cohort_samples": COHORT_SAMPLES,
    "cohort_variants": COHORT_VARIANTS,
    "components": COMPONENTS,
    "kinship": KINSHIP,
    "structure_samples": STRUCTURE_SAMPLES,
    "loadings": LOADINGS,
    "projected": PROJECTED,
    "association": ASSOCIATION,
    "group_frequencies": GROUP_FREQUENCIES,
    "groups": GROUPS,
    "trait_distributions": TRAIT_DISTRIBUTIONS,
    "matrix_sites": MATRIX_SITES,
    "matrix_genotypes": MATRIX_GENOTYPES,
    "carriers": CARRIERS,
    "matrix_genes": MATRIX_GENES,
    "matrix_samples": MATRIX_SAMPLES,
    "phenotypes": PHENOTYPES,
}

# Columns that a table may have beside those, by its configuration or its data.
FAMILIES: dict[str, tuple[Field, ...]] = {
    "sites": SITES_FAMILIES,
    "matrix_sites": MATRIX_SITES_FAMILIES,
    "matrix_genotypes": MATRIX_GENOTYPES_FAMILIES,
    "matrix_samples": MATRIX_SAMPLES_FAMILIES,
    "phenotypes": PHENOTYPES_FAMILIES,
    "structure_samples": STRUCTURE_SAMPLES_FAMILIES,
}
