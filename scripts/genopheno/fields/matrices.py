"""Columns: the matrices that researchers download. Rows: variants and people that pass."""

from __future__ import annotations

from genopheno.fields.annotation import SITES, SITES_FAMILIES
from genopheno.fields.cohort import COHORT_SAMPLES, COHORT_VARIANTS
from genopheno.fields.field import VARIANT, columns

COUNTS = tuple(
    field
    for field in COHORT_VARIANTS
    if field.name
    in (
        "call_rate",
        "allele_count",
        "allele_number",
        "allele_frequency",
        "n_hom_ref",
        "n_het",
        "n_hom_alt",
        "hwe_p_value",
    )
)

MATRIX_SITES = (*SITES, *COUNTS)

# Counts of small groups point at people: controlled until disclosure control has passed them.
MATRIX_SITES_FAMILIES = (
    *SITES_FAMILIES,
    *columns(
        "controlled",
        """
allele_count_{group}_{level}     | int32   | alleles | alternate alleles among called genotypes of people whose {group} is {level}
allele_number_{group}_{level}    | int32   | alleles | alleles among called genotypes of people whose {group} is {level}
allele_frequency_{group}_{level} | float64 |         | frequency of the alternate allele among called genotypes of people whose {group} is {level}; missing: no call
n_hom_alt_{group}_{level}        | int32   | people  | people whose {group} is {level} who are homozygous for the alternate allele
""",
    ),
)

MATRIX_GENOTYPES = columns(
    "controlled",
    VARIANT
    + """
dosages | list<int8>[samples] | alleles | alternate alleles per sample (0, 1, 2; haploid 0, 1; -1 missing), samples in the order of the schema metadata key 'samples'
phased  | bool                |         | whether the diploid calls of the variant are phased, unless `calls` says otherwise
calls   | list<int8>[samples] |         | where the dosage does not tell the genotype: 1 + first + 3 * second + 12 * phase; first: 0 reference, 1 alternate, 2 missing; second: likewise, 3 haploid; phase: 0 or 1. 0: it is 0/0, 0/1, 1/1 (0|0, 0|1, 1|1 where phased) or ./. by its dosage; missing row: all are
""",
)

# Where the calls have them and the configuration asks for them.
MATRIX_GENOTYPES_FAMILIES = columns(
    "controlled",
    """
read_depths         | list<int32>[samples]  | reads   | FORMAT/DP per sample; -1 missing
genotype_qualities  | list<int16>[samples]  | phred   | FORMAT/GQ per sample; -1 missing
alternate_dosages   | list<float>[samples]  | alleles | FORMAT/DS per sample, expected alternate alleles; NaN missing
""",
)

CARRIERS = columns(
    "controlled",
    VARIANT
    + """
sample           | string |         | sample with an alternate allele of a rare variant
dosage           | int8   | alleles | alternate alleles: 1 or 2 | | 1, 2
read_depth       | int32  | reads   | FORMAT/DP; missing: not told
genotype_quality | int32  | phred   | FORMAT/GQ; missing: not told
""",
)

# Where each gene's variants are: reading one gene needs no look at the others.
MATRIX_GENES = columns(
    "open",
    """
gene_id     | string |          | gene | gene models (GFF3)
gene_symbol | string |          | symbol of the gene | gene models (GFF3)
contig      | string |          | contig of the variants
start       | int32  | bp       | 1-based position of the first variant of the gene
end         | int32  | bp       | 1-based position of the last variant of the gene
n_variants  | int32  | variants | variants with a consequence on the gene
n_high      | int32  | variants | variants whose most severe consequence on the gene has impact HIGH
n_moderate  | int32  | variants | variants whose most severe consequence on the gene has impact MODERATE
""",
)

MATRIX_SAMPLES = (
    *COHORT_SAMPLES,
    *columns(
        "controlled",
        """
unrelated | bool | | in the maximal set without relatives; missing: not judged
""",
    ),
)

MATRIX_SAMPLES_FAMILIES = columns(
    "controlled",
    """
pc{number} | float64 | | principal component {number}, unit variance scale of plink2
{group}    | string  | | {group} of the participant, as declared
""",
)

PHENOTYPES = columns(
    "controlled",
    """
participant | string | | person
""",
)

PHENOTYPES_FAMILIES = columns(
    "controlled",
    """
{trait} | float64 | | trait, covariate or group {trait}, or sex, as declared in the phenotypes of the project; type, unit and meaning are told for each
time:{trait} | float64 | | end of the follow-up for the time-to-event trait {trait}
entry:{trait} | float64 | | start of the follow-up for the time-to-event trait {trait}
""",
)
