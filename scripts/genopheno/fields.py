"""The registry of published columns: every table that leaves a stage is declared here, once.

A table is written through `write` (Parquet) or `write_tsv`, which refuse a column that
the registry does not name and a named column that is not there. Schemas, data
dictionaries and tests come from the same lines.

Missing is null in Parquet, ``NA`` in a summary statistics TSV (GWAS-SSF), and empty elsewhere.
Tiers: ``open`` (no single person can be seen in it) or ``controlled`` (one row or value
per person).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class Field:
    """One column: its name, Arrow type, unit ('' = none), meaning, and tier."""

    name: str
    type: str
    unit: str
    description: str
    tier: str = "open"


def _table(tier: str, text: str) -> tuple[Field, ...]:
    """Read the compact form ``name | type | unit | description``, a line a column."""
    rows = (
        [cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.strip()
    )
    return tuple(Field(name, kind, unit, meaning, tier) for name, kind, unit, meaning in rows)


# Columns that name a variant, the same in every table of variants.
VARIANT = """
variant_id  | string |    | contig:position:reference:alternate, after left alignment and splitting
contig      | string |    | contig name as in the reference
position    | int32  | bp | 1-based position of the first reference base
reference   | string |    | reference allele
alternate   | string |    | alternate allele
"""

UNITS = _table(
    "controlled",
    """
sample      | string | | sequenced library pool, read-group SM
participant | string | | person the sample is from
sex         | string | | declared sex: female, male or unknown
unit        | string | | sequencing unit within the sample: library.lane
library     | string | | library preparation, read-group LB
lane        | string | | flow-cell lane or run
platform    | string | | sequencing platform, read-group PL
fastq_1     | string | | first reads
fastq_2     | string | | second reads; empty: single-end
entry       | string | | what was handed in: fastq, bam, cram, gvcf or vcf
file        | string | | the file, where it is not FASTQ
control     | string | | truth set the sample is compared with; a control stays out of the cohort
""",
)

SAMPLE_QC = _table(
    "controlled",
    """
sample                  | string  |       | sequenced library pool
participant             | string  |       | person the sample is from
verdict                 | string  |       | pass, warn or fail; fail keeps the sample out of the cohort
reasons                 | string  |       | why it is not pass, '; ' between reasons
reads                   | int64   | reads | reads handed in, both ends counted
bases                   | int64   | bp    | bases handed in
q30_fraction            | float64 |       | fraction of the bases handed in with quality 30 or more
reads_after_trimming    | int64   | reads | reads left by quality and length trimming; null for alignments taken as they are
mapped_fraction         | float64 |       | primary reads that are mapped
properly_paired_fraction| float64 |       | primary reads in a proper pair; null for single reads
duplicate_fraction      | float64 |       | primary mapped reads that are marked as duplicates; null where none was looked for
mismatch_rate           | float64 |       | mismatches per mapped base
insert_size_mean        | float64 | bp    | mean insert size of the 99 % of pairs that are not extreme
insert_size_sd          | float64 | bp    | its standard deviation
insert_size_median      | float64 | bp    | median insert size of all mapped pairs
mean_coverage           | float64 | reads | mean depth over the reference, duplicates left out
median_coverage         | float64 | reads | median depth over the reference
breadth_1x              | float64 |       | fraction of the reference with depth 1 or more
breadth_10x             | float64 |       | fraction of the reference with depth 10 or more
target_mean_coverage    | float64 | reads | mean depth over the targets; null where there are none
target_median_coverage  | float64 | reads | median depth over the targets
target_breadth_10x      | float64 |       | fraction of the targets with depth 10 or more
call_rate               | float64 |       | fraction of called genotypes among sites that pass
n_het                   | int64   | sites | heterozygous calls
n_hom_alt               | int64   | sites | homozygous alternate calls
het_hom_ratio           | float64 |       | heterozygous over homozygous alternate calls
ti_tv                   | float64 |       | transitions over transversions
n_singletons            | int64   | sites | alternate alleles seen once in the cohort, here
contamination           | float64 |       | fraction of the reads that is another person's, from allele depths
contamination_low       | float64 |       | lower end of its interval
charr                   | float64 |       | contamination as CHARR, where gVCFs were combined
x_coverage_ratio        | float64 |       | mean depth of X over that of the autosomes
y_coverage_ratio        | float64 |       | mean depth of Y over that of the autosomes
x_heterozygosity        | float64 |       | heterozygosity of X over that expected of two X
sex                     | string  |       | declared sex: female, male or unknown
inferred_sex            | string  |       | sex by the reads: female, male or unclear
sex_check               | string  |       | agrees, differs or unclear
identity_check          | string  |       | agrees or differs, with the other samples and earlier batches
pedigree_check          | string  |       | agrees or differs, with the declared relatives
mendelian_errors        | int64   | sites | records where a child's genotype cannot come from its parents
outliers                | string  |       | measures that are outliers of the batch, ', ' between
""",
)

IDENTITY_MEASURES = _table(
    "controlled",
    """
sample             | string  |       | sequenced library pool
participant        | string  |       | person the sample is from
sex                | string  |       | declared sex: female, male or unknown
identity_sites     | int32   | sites | common autosomal SNPs at which the sample has reads
contamination      | float64 |       | fraction of the reads that is another person's, maximum likelihood
contamination_low  | float64 |       | lower end of its interval (99.9 % if sites were independent)
contamination_high | float64 |       | upper end of it
contamination_sites| int32   | sites | SNPs with reads that it comes from
contamination_reads| int64   | reads | reads at them
error_rate         | float64 |       | read errors at these SNPs, fitted with it
x_coverage_ratio   | float64 |       | mean depth of X over that of the autosomes
y_coverage_ratio   | float64 |       | mean depth of Y over that of the autosomes
x_heterozygosity   | float64 |       | heterozygosity of X over that expected of two X, PAR left out
x_sites            | int32   | sites | SNPs of X that it comes from
inferred_sex       | string  |       | female, male or unclear; null: nothing to tell it by
sex_check          | string  |       | declared against inferred: agrees, differs, unclear; null: not compared
sex_reasons        | string  |       | why it does not agree
identity_check     | string  |       | agrees, differs; null: too few sites to compare with any sample
identity_reasons   | string  |       | why it differs, '; ' between reasons
same_as            | string  |       | samples of other participants with the same genotypes, '; ' between
pedigree_check     | string  |       | agrees, differs; null: no declared relative could be compared
pedigree_reasons   | string  |       | why it differs, '; ' between reasons
mendelian_errors   | int64   | sites | records where a child's genotype cannot come from its parents
mendelian_sites    | int64   | sites | records that were looked at for that
""",
)

IDENTITY_PAIRS = _table(
    "controlled",
    """
sample_1        | string  |       | first of the pair, in this batch
participant_1   | string  |       | person it is from
sample_2        | string  |       | second of the pair
participant_2   | string  |       | person it is from
earlier         | string  |       | file of the earlier batch the second is in; null: this batch
declared        | string  |       | same participant, or the relation in the pedigree; '': nothing
n_sites         | int32   | sites | common SNPs at which both have reads (or a genotype)
n_sure          | int32   | sites | those where both genotypes are sure (as GQ 20)
concordance     | float64 |       | fraction of the sure genotypes that are equal
ibs0            | float64 |       | fraction of them that are opposite homozygotes
kinship         | float64 |       | KING-robust kinship coefficient, from them
same_log10_odds | float64 |       | log10 odds of one person against sharing 90 % or less, from reads
relation        | string  |       | same, parent-child, full-siblings, second-degree, third-degree, unrelated, different or undecided
outcome         | string  |       | agrees, differs, undecided; '': nothing was declared of two people
""",
)

SITES = _table(
    "open",
    VARIANT
    + """
rsid            | string  |   | dbSNP identifier, where a dbSNP file was given
quality         | float64 | phred | QUAL of the caller
filters         | string  |   | PASS, or the filters it fails, ';' between
gene_id         | string  |   | gene of the most severe consequence
gene_symbol     | string  |   | its symbol
transcript_id   | string  |   | its transcript
consequence     | string  |   | most severe Sequence Ontology consequence term
impact          | string  |   | HIGH, MODERATE, LOW or MODIFIER, after the Ensembl ranking
protein_change  | string  |   | change of the protein, as bcftools csq writes it
coding_change   | string  |   | change of the coding sequence, as bcftools csq writes it
all_consequences| string  |   | every consequence as bcftools csq writes it, ',' between
database_fields | string  |   | JSON object of the fields taken from site databases, by database
""",
)

CHARR = _table(
    "controlled",
    """
sample  | string  |       | sequenced library pool
charr   | float64 |       | contamination as CHARR: mean over n_sites of the share of reference reads among homozygous alternate SNPs, divided by the frequency of the reference allele; missing: no site
n_sites | int32   | sites | homozygous alternate calls it is made of
""",
)

COHORT_SAMPLES = _table(
    "controlled",
    """
sample        | string  |       | sequenced library pool
participant   | string  |       | person; the genotype columns are keyed by sample
sex           | string  |       | declared sex: female, male or unknown
verdict       | string  |       | verdict of the sample QC: pass or warn
call_rate     | float64 |       | fraction of called genotypes over the cohort's variants
n_het         | int64   | sites | heterozygous calls
n_hom_var     | int64   | sites | homozygous alternate calls
n_singleton   | int64   | sites | alternate alleles seen in this sample alone
r_ti_tv       | float64 |       | alternate alleles: transitions over transversions
r_het_hom_var | float64 |       | heterozygous over homozygous alternate calls
""",
)

COHORT_VARIANTS = _table(
    "open",
    VARIANT
    + """
rsid             | string  |   | dbSNP identifier
gene_symbol      | string  |   | gene of the most severe consequence
consequence      | string  |   | most severe consequence
impact           | string  |   | impact class
call_rate        | float64 |   | fraction of samples with a genotype
allele_count     | int32   |   | alternate alleles among called genotypes
allele_number    | int32   |   | alleles among called genotypes
allele_frequency | float64 |   | allele_count / allele_number
n_hom_ref        | int32   | samples | homozygous reference
n_het            | int32   | samples | heterozygous
n_hom_alt        | int32   | samples | homozygous alternate
hwe_p_value      | float64 |   | exact Hardy-Weinberg test, two-sided mid-p, diploid calls
passes           | bool    |   | passes the variant QC and is in the genotype blocks
reasons          | string  |   | why it does not pass, ';' between
""",
)

COMPONENTS = _table(
    "controlled",
    """
sample   | string       |  | sequenced library pool
unrelated| bool         |  | in the maximal set without relatives, on which components were made
scores   | list<double> |  | principal component scores, first to last, unit variance scale of plink2
""",
)

KINSHIP = _table(
    "controlled",
    """
sample_1     | string  |          | first of the pair
sample_2     | string  |          | second of the pair
n_variants   | int32   | variants | variants with both genotypes
ibs0         | float64 |          | fraction of them with opposite homozygotes
kinship      | float64 |          | KING-robust kinship coefficient
relationship | string  |          | duplicate, first-degree, second-degree, third-degree or unrelated
""",
)

# One row per variant and trait: GWAS-SSF 1.0 column names and order first (Hayhurst 2022).
ASSOCIATION = _table(
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
test                    | string  |      | linear, score, firth-approximate or firth
converged               | bool    |      | the fit converged; null statistics where it did not
""",
)

MATRIX_SITES = _table(
    "open",
    "\n".join(
        f"{f.name} | {f.type} | {f.unit} | {f.description}"
        for f in (*SITES, *COHORT_VARIANTS[9:17])
    ),
)

MATRIX_GENOTYPES = _table(
    "controlled",
    VARIANT
    + """
dosages | list<int8> | alleles | alternate alleles per sample (0, 1, 2; haploid 0, 1; -1 missing), samples in the order of the schema metadata key 'samples'
""",
)

# Counts of small groups point at people: controlled until disclosure control has passed them.
GROUP_FREQUENCIES = _table(
    "controlled",
    """
variant_id       | string  |         | contig:position:reference:alternate
group            | string  |         | participant column that groups people; all: everyone
level            | string  |         | its value; unknown: missing
people           | int32   | people  | people in the group
allele_count     | int32   | alleles | alternate alleles among called genotypes
allele_number    | int32   | alleles | alleles among called genotypes
allele_frequency | float64 |         | allele_count / allele_number
n_het            | int32   | people  | heterozygous
n_hom_alt        | int32   | people  | homozygous alternate
""",
)

GROUPS = _table(
    "controlled",
    """
group             | string  |          | participant column that groups people; all: everyone
level             | string  |          | its value; unknown: missing
people            | int32   | people   | people in the group
n_variants        | int64   | variants | passing variants with an alternate allele in the group
n_private         | int64   | variants | those of them with no alternate allele elsewhere
call_rate_mean    | float64 |          | mean over people of the fraction of called genotypes
call_rate_min     | float64 |          | smallest of them
n_het_mean        | float64 | sites    | mean heterozygous calls per person
n_hom_alt_mean    | float64 | sites    | mean homozygous alternate calls per person
ti_tv_mean        | float64 |          | mean over people of transitions over transversions
het_hom_ratio_mean| float64 |          | mean over people of heterozygous over homozygous alternate
""",
)

TRAIT_DISTRIBUTIONS = _table(
    "controlled",
    """
trait          | string  |             | trait as declared
type           | string  |             | quantitative or binary
unit           | string  |             | unit of a quantitative trait, before transformation
group          | string  |             | participant column that groups people; all: everyone
level          | string  |             | its value; unknown: missing
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
n_cases        | int32   | people      | cases of a binary trait
n_controls     | int32   | people      | controls of a binary trait
""",
)

TABLES: dict[str, tuple[Field, ...]] = {
    "units": UNITS,
    "sample_qc": SAMPLE_QC,
    "identity_measures": IDENTITY_MEASURES,
    "identity_pairs": IDENTITY_PAIRS,
    "sites": SITES,
    "charr": CHARR,
    "cohort_samples": COHORT_SAMPLES,
    "cohort_variants": COHORT_VARIANTS,
    "components": COMPONENTS,
    "kinship": KINSHIP,
    "association": ASSOCIATION,
    "group_frequencies": GROUP_FREQUENCIES,
    "groups": GROUPS,
    "trait_distributions": TRAIT_DISTRIBUTIONS,
    "matrix_sites": MATRIX_SITES,
    "matrix_genotypes": MATRIX_GENOTYPES,
}


def names(table: str) -> list[str]:
    """Column names of a table, in order."""
    return [field.name for field in TABLES[table]]


def schema(table: str, metadata: dict[str, str] | None = None) -> pa.Schema:
    """Arrow schema of a table; unit and meaning of each column are in its metadata."""
    import pyarrow as pa

    kinds = {"list<double>": pa.list_(pa.float64()), "list<int8>": pa.list_(pa.int8())}
    return pa.schema(
        [
            pa.field(
                f.name,
                kinds.get(f.type) or pa.type_for_alias(f.type),
                metadata={"description": f.description, "unit": f.unit, "tier": f.tier},
            )
            for f in TABLES[table]
        ],
        metadata=metadata,
    )


def check_columns(columns: list[str], table: str) -> None:
    """Raise ValueError unless `columns` are exactly those of the registry (any order)."""
    declared = set(names(table))
    missing, unknown = sorted(declared - set(columns)), sorted(set(columns) - declared)
    if missing or unknown:
        raise ValueError(f"table {table}: missing columns {missing}, undeclared {unknown}")


def to_arrow(frame: pd.DataFrame, table: str, metadata: dict[str, str] | None = None) -> pa.Table:
    """Turn a data frame into an Arrow table of the registry's columns, order and types."""
    import pyarrow as pa

    check_columns(list(frame.columns), table)
    return pa.Table.from_pandas(
        frame[names(table)], schema=schema(table), preserve_index=False
    ).replace_schema_metadata(metadata)


def write(
    path: str | Path, frame: pd.DataFrame, table: str, metadata: dict[str, str] | None = None
) -> None:
    """Write a data frame as the Parquet file of a declared table, beside and renamed."""
    import pyarrow.parquet as pq

    from genopheno.files import writing

    arrow = to_arrow(frame, table, metadata)
    with writing(path) as beside:
        pq.write_table(arrow, beside, compression="zstd")


def read(path: str | Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a Parquet table as a data frame."""
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=columns).to_pandas()


def dictionary(tables: list[str] | None = None) -> pd.DataFrame:
    """The data dictionary: table, column, type, unit, tier, description."""
    import pandas as pd

    return pd.DataFrame(
        [
            (table, f.name, f.type, f.unit, f.tier, f.description)
            for table in (tables or TABLES)
            for f in TABLES[table]
        ],
        columns=["table", "column", "type", "unit", "tier", "description"],
    )
