"""Columns: the joined cohort and its summaries."""

from __future__ import annotations

from genopheno.fields.field import VARIANT, columns

COHORT_SAMPLES = columns(
    "controlled",
    """
sample        | string  |       | sequenced library pool
participant   | string  |       | person; the genotype columns are keyed by sample
sex           | string  |       | declared sex: female, male or unknown | | female, male, unknown
verdict       | string  |       | verdict of the sample QC: pass or warn | | pass, warn
call_rate     | float64 |       | fraction of called genotypes over the cohort's variants | Hail sample_qc
n_het         | int64   | sites | heterozygous calls | Hail sample_qc
n_hom_var     | int64   | sites | homozygous alternate calls | Hail sample_qc
n_singleton   | int64   | sites | alternate alleles seen in this sample alone | Hail sample_qc
r_ti_tv       | float64 |       | alternate alleles: transitions over transversions | Hail sample_qc
r_het_hom_var | float64 |       | heterozygous over homozygous alternate calls | Hail sample_qc
""",
)

COHORT_VARIANTS = columns(
    "open",
    VARIANT
    + """
rsid             | string  |   | dbSNP identifier | dbSNP
gene_symbol      | string  |   | gene of the most severe consequence | gene models (GFF3)
consequence      | string  |   | most severe consequence | Sequence Ontology
impact           | string  |   | impact class | Ensembl Variation
call_rate        | float64 |   | fraction of samples with a genotype
allele_count     | int32   |   | alternate alleles among called genotypes
allele_number    | int32   |   | alleles among called genotypes
allele_frequency | float64 |   | allele_count / allele_number
n_hom_ref        | int32   | samples | homozygous reference
n_het            | int32   | samples | heterozygous
n_hom_alt        | int32   | samples | homozygous alternate
hwe_p_value      | float64 |   | exact Hardy-Weinberg test, two-sided mid-p, diploid calls | Hail variant_qc
passes           | bool    |   | passes the variant QC and is in the genotype blocks
reasons          | string  |   | why it does not pass, ';' between
""",
)

GROUP_FREQUENCIES = columns(
    "controlled",
    """
variant_id       | string  |         | contig:position:reference:alternate
group            | string  |         | participant column that groups people; all: everyone
level            | string  |         | value of the group's column; unknown: missing
people           | int32   | people  | people in the group
allele_count     | int32   | alleles | alternate alleles among called genotypes
allele_number    | int32   | alleles | alleles among called genotypes
allele_frequency | float64 |         | allele_count / allele_number
n_het            | int32   | people  | heterozygous
n_hom_alt        | int32   | people  | homozygous alternate
""",
)

GROUPS = columns(
    "controlled",
    """
group             | string  |          | participant column that groups people; all: everyone
level             | string  |          | value of the group's column; unknown: missing
people            | int32   | people   | people in the group
n_variants        | int64   | variants | passing variants with an alternate allele in the group
n_private         | int64   | variants | passing variants with an alternate allele in this group and no other
call_rate_mean    | float64 |          | mean over people of the fraction of called genotypes
call_rate_min     | float64 |          | smallest fraction of called genotypes of a person
n_het_mean        | float64 | sites    | mean heterozygous calls per person
n_hom_alt_mean    | float64 | sites    | mean homozygous alternate calls per person
ti_tv_mean        | float64 |          | mean over people of transitions over transversions
het_hom_ratio_mean| float64 |          | mean over people of heterozygous over homozygous alternate
""",
)

TRAIT_DISTRIBUTIONS = columns(
    "controlled",
    """
trait          | string  |             | trait as declared
type           | string  |             | quantitative, binary or time-to-event; mean to maximum are of the length of follow-up of the latter | | quantitative, binary, time-to-event
unit           | string  |             | unit of a quantitative trait, before transformation, or of the follow-up
group          | string  |             | participant column that groups people; all: everyone
level          | string  |             | value of the group's column; unknown: missing
people         | int32   | people      | people in the group
n              | int32   | people      | people with a value
missing        | int32   | people      | people without
mean           | float64 | trait units | mean
sd             | float64 | trait units | standard deviation, divisor n - 1
minimum        | float64 | trait units | smallest value
quartile_1     | float64 | trait units | first quartile, linear interpolation
median         | float64 | trait units | median
quartile_3     | float64 | trait units | third quartile
maximum        | float64 | trait units | largest value
n_cases        | int32   | people      | cases of a binary trait, events of a time-to-event trait
n_controls     | int32   | people      | controls of a binary trait, censored people of a time-to-event trait
""",
)
