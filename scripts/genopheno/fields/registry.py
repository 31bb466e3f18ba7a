"""Every table by its name, and the families of columns that depend on the configuration."""

from __future__ import annotations

from genopheno.fields.annotation import CONSEQUENCES, SITES, SITES_FAMILIES
from genopheno.fields.association import (
    ASSOCIATION,
    ASSOCIATION_LEFT_OUT,
    CALIBRATION,
    DESIGN,
    DESIGN_FAMILIES,
    INTERACTIONS,
    INTERACTIONS_FAMILIES,
    LOCO,
)
from genopheno.fields.cohort import (
    COHORT_SAMPLES,
    COHORT_VARIANTS,
    GROUP_FREQUENCIES,
    GROUPS,
    TRAIT_DISTRIBUTIONS,
)
from genopheno.fields.field import Field
from genopheno.fields.genes import GENE_SETS, GENE_TESTS, GENE_VARIANTS, GENES_LEFT_OUT
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
from genopheno.fields.scores import SCORE_VARIANTS, SCORES
from genopheno.fields.signals import CLUMP_MEMBERS, CLUMPS, CREDIBLE, LOCUS_VARIANTS, SIGNALS
from genopheno.fields.structure import (
    COMPONENTS,
    KINSHIP,
    LOADINGS,
    PROJECTED,
    STRUCTURE_SAMPLES,
    STRUCTURE_SAMPLES_FAMILIES,
)
from genopheno.fields.submission import UNITS
from genopheno.fields.sumstats import HARMONISED, META, META_FAMILIES, META_LOCI

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
    "design": DESIGN,
    "association": ASSOCIATION,
    "association_left_out": ASSOCIATION_LEFT_OUT,
    "interactions": INTERACTIONS,
    "loco": LOCO,
    "clumps": CLUMPS,
    "clump_members": CLUMP_MEMBERS,
    "signals": SIGNALS,
    "credible": CREDIBLE,
    "locus_variants": LOCUS_VARIANTS,
    "calibration": CALIBRATION,
    "gene_sets": GENE_SETS,
    "gene_tests": GENE_TESTS,
    "genes_left_out": GENES_LEFT_OUT,
    "gene_variants": GENE_VARIANTS,
    "scores": SCORES,
    "score_variants": SCORE_VARIANTS,
    "harmonised": HARMONISED,
    "meta": META,
    "meta_loci": META_LOCI,
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

# What a row of each table is.
DESCRIPTIONS: dict[str, str] = {
    "units": "A row per sequencing unit (run and lane, or file) of a sample",
    "sample_qc": "A row per sample: measures, verdict and reasons",
    "identity_measures": "A row per sample: contamination, sex and identity from the calls",
    "identity_pairs": "A row per pair of samples that was compared",
    "sites": "A row per called allele: its annotation",
    "consequences": "A row per allele and transcript that it hits",
    "charr": "A row per sample whose gVCF was combined: contamination as CHARR",
    "cohort_samples": "A row per sample of the joined cohort",
    "cohort_variants": "A row per variant of the joined cohort, whether it passes or not",
    "components": "A row per sample of the cohort: principal components",
    "kinship": "A row per pair of samples of the cohort",
    "structure_samples": "A row per sample of the cohort: family, ancestry group, outlier flags",
    "loadings": "A row per variant of the components: its weight in each",
    "projected": "A row per sample projected on the components of an earlier cohort",
    "design": "A row per sample that is tested: traits and covariates as the tests use them",
    "loco": "A row per trait, contig left out and sample: what step 1 predicts",
    "calibration": "A row per null, test, bin of frequency and α: how often null traits are rejected",
    "association": "A row per variant that was tested, for one trait",
    "association_left_out": "A row per variant that was not tested, or in vain, for one trait",
    "interactions": "A row per variant that was tested, for one trait and one covariate",
    "clumps": "A row per index variant of one trait and the variants that it stands for",
    "clump_members": "A row per variant of a clump of one trait, without the index variant",
    "signals": "A row per independent signal of one trait",
    "credible": "A row per signal of one trait and variant of its credible set",
    "locus_variants": "A row per variant of the loci of one trait",
    "gene_sets": "A row per gene and variant: the masks that it is in",
    "gene_tests": "A row per gene, mask, frequency limit and test, for one trait",
    "genes_left_out": "A row per gene, mask and frequency limit that was not tested, for one trait",
    "gene_variants": "A row per variant of the genes that stand out, for one trait",
    "scores": "A row per polygenic score and sample",
    "score_variants": "A row per usable line of a scoring file: where it is in the cohort",
    "harmonised": "A row per variant of one study, on the alleles of a reference",
    "meta": "A row per variant of one or more studies: the studies together",
    "meta_loci": "A row per lead variant and study, and for the studies together",
    "group_frequencies": "A row per variant and group of people",
    "groups": "A row per group of people",
    "trait_distributions": "A row per trait and group of people",
    "matrix_sites": "A row per allele that passes: annotation, counts and frequencies",
    "matrix_genotypes": "A row per allele that passes: genotypes of all samples",
    "carriers": "A row per rare allele and sample that carries it",
    "matrix_genes": "A row per gene and contig: where its variants are",
    "matrix_samples": "A row per sample of the cohort: measures, components and groups",
    "phenotypes": "A row per person: traits, covariates and groups, as declared",
}

# Columns that a table may have beside those, by its configuration or its data.
FAMILIES: dict[str, tuple[Field, ...]] = {
    "sites": SITES_FAMILIES,
    "design": DESIGN_FAMILIES,
    "interactions": INTERACTIONS_FAMILIES,
    "matrix_sites": MATRIX_SITES_FAMILIES,
    "matrix_genotypes": MATRIX_GENOTYPES_FAMILIES,
    "matrix_samples": MATRIX_SAMPLES_FAMILIES,
    "phenotypes": PHENOTYPES_FAMILIES,
    "structure_samples": STRUCTURE_SAMPLES_FAMILIES,
    "meta": META_FAMILIES,
}
