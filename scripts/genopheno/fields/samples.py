"""Columns: measures and verdicts of the samples."""

from __future__ import annotations

from genopheno.fields.field import columns

SAMPLE_QC = columns(
    "controlled",
    """
sample                  | string  |       | sequenced library pool
participant             | string  |       | person the sample is from
verdict                 | string  |       | pass, warn or fail; fail keeps the sample out of the cohort | | pass, warn, fail
reasons                 | string  |       | why it is not pass, '; ' between reasons
reads                   | int64   | reads | reads handed in, both ends counted
bases                   | int64   | bp    | bases handed in
q30_fraction            | float64 |       | fraction of the bases handed in with quality 30 or more
reads_after_trimming    | int64   | reads | reads left by quality and length trimming; null for alignments taken as they are
mapped_fraction         | float64 |       | primary reads that are mapped | samtools stats
properly_paired_fraction| float64 |       | primary reads in a proper pair; null for single reads | samtools stats
duplicate_fraction      | float64 |       | primary mapped reads that are marked as duplicates; null where none was looked for | samtools stats
mismatch_rate           | float64 |       | mismatches per mapped base | samtools stats
insert_size_mean        | float64 | bp    | mean insert size of the 99 % of pairs that are not extreme | samtools stats
insert_size_sd          | float64 | bp    | standard deviation of the insert size of the 99 % of pairs that are not extreme | samtools stats
insert_size_median      | float64 | bp    | median insert size of all mapped pairs | samtools stats
mean_coverage           | float64 | reads | mean depth over the reference, duplicates left out | mosdepth
median_coverage         | float64 | reads | median depth over the reference | mosdepth
breadth_1x              | float64 |       | fraction of the reference with depth 1 or more | mosdepth
breadth_10x             | float64 |       | fraction of the reference with depth 10 or more | mosdepth
target_mean_coverage    | float64 | reads | mean depth over the targets; null where there are none | mosdepth
target_median_coverage  | float64 | reads | median depth over the targets | mosdepth
target_breadth_10x      | float64 |       | fraction of the targets with depth 10 or more | mosdepth
call_rate               | float64 |       | fraction of called genotypes among sites that pass
n_het                   | int64   | sites | heterozygous calls
n_hom_alt               | int64   | sites | homozygous alternate calls
het_hom_ratio           | float64 |       | heterozygous over homozygous alternate calls
ti_tv                   | float64 |       | transitions over transversions
n_singletons            | int64   | sites | alternate alleles seen once in the cohort, here
contamination           | float64 |       | fraction of the reads that is another person's, from allele depths
contamination_low       | float64 |       | lower end of the interval of contamination
charr                   | float64 |       | contamination as CHARR, where gVCFs were combined | CHARR, Lu 2023
x_coverage_ratio        | float64 |       | mean depth of X over that of the autosomes
y_coverage_ratio        | float64 |       | mean depth of Y over that of the autosomes
x_heterozygosity        | float64 |       | heterozygosity of X over that expected of two X
sex                     | string  |       | declared sex: female, male or unknown | | female, male, unknown
inferred_sex            | string  |       | sex by the reads: female, male or unclear | | female, male, unclear
sex_check               | string  |       | agrees, differs or unclear
identity_check          | string  |       | agrees or differs, with the other samples and earlier batches
pedigree_check          | string  |       | agrees or differs, with the declared relatives
mendelian_errors        | int64   | sites | records where a child's genotype cannot come from its parents
outliers                | string  |       | measures that are outliers of the batch, ', ' between
""",
)

IDENTITY_MEASURES = columns(
    "controlled",
    """
sample             | string  |       | sequenced library pool
participant        | string  |       | person the sample is from
sex                | string  |       | declared sex: female, male or unknown | | female, male, unknown
identity_sites     | int32   | sites | common autosomal SNPs at which the sample has reads
contamination      | float64 |       | fraction of the reads that is another person's, maximum likelihood
contamination_low  | float64 |       | lower end of the interval of contamination (99.9 % if sites were independent)
contamination_high | float64 |       | upper end of the interval of contamination
contamination_sites| int32   | sites | SNPs with reads that contamination comes from
contamination_reads| int64   | reads | reads at the SNPs that contamination comes from
error_rate         | float64 |       | read errors at the SNPs that contamination comes from, fitted with it
x_coverage_ratio   | float64 |       | mean depth of X over that of the autosomes
y_coverage_ratio   | float64 |       | mean depth of Y over that of the autosomes
x_heterozygosity   | float64 |       | heterozygosity of X over that expected of two X, PAR left out
x_sites            | int32   | sites | SNPs of X that x_heterozygosity comes from
inferred_sex       | string  |       | female, male or unclear; null: nothing to tell it by | | female, male, unclear
sex_check          | string  |       | declared against inferred: agrees, differs, unclear; null: not compared
sex_reasons        | string  |       | why it does not agree
identity_check     | string  |       | agrees, differs; null: too few sites to compare with any sample
identity_reasons   | string  |       | why it differs, '; ' between reasons
same_as            | string  |       | samples of other participants with the same genotypes, '; ' between
pedigree_check     | string  |       | agrees, differs; null: no declared relative could be compared
pedigree_reasons   | string  |       | why it differs, '; ' between reasons
mendelian_errors   | int64   | sites | records where a child's genotype cannot come from its parents
mendelian_sites    | int64   | sites | records of the parents and the child that were looked at for Mendelian errors
""",
)

IDENTITY_PAIRS = columns(
    "controlled",
    """
sample_1        | string  |       | first of the pair, in this batch
participant_1   | string  |       | person that sample_1 is from
sample_2        | string  |       | second of the pair
participant_2   | string  |       | person that sample_2 is from
earlier         | string  |       | file of the earlier batch the second is in; null: this batch
declared        | string  |       | same participant, or the relation in the pedigree; '': nothing
n_sites         | int32   | sites | common SNPs at which both have reads (or a genotype)
n_sure          | int32   | sites | common SNPs at which both genotypes are sure (as GQ 20)
concordance     | float64 |       | fraction of the sure genotypes that are equal
ibs0            | float64 |       | fraction of the sure genotypes that are opposite homozygotes | KING, Manichaikul 2010
kinship         | float64 |       | KING-robust kinship coefficient, from the sure genotypes | KING, Manichaikul 2010
same_log10_odds | float64 |       | log10 odds of one person against sharing 90 % or less, from reads
relation        | string  |       | same, parent-child, full-siblings, second-degree, third-degree, unrelated, different or undecided
outcome         | string  |       | agrees, differs, undecided; '': nothing was declared of two people
""",
)

CHARR = columns(
    "controlled",
    """
sample  | string  |       | sequenced library pool
charr   | float64 |       | contamination as CHARR: mean over n_sites of the share of reference reads among homozygous alternate SNPs, divided by the frequency of the reference allele; missing: no site | CHARR, Lu 2023
n_sites | int32   | sites | homozygous alternate calls that charr is made of | CHARR, Lu 2023
""",
)
