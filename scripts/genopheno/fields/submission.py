"""Columns: what labs hand in."""

from __future__ import annotations

from genopheno.fields.field import columns

UNITS = columns(
    "controlled",
    """
sample      | string | | sequenced library pool, read-group SM
participant | string | | person the sample is from
sex         | string | | declared sex: female, male or unknown | | female, male, unknown
unit        | string | | sequencing unit within the sample: library.lane
library     | string | | library preparation, read-group LB
lane        | string | | flow-cell lane or run
platform    | string | | sequencing platform, read-group PL
fastq_1     | string | | first reads
fastq_2     | string | | second reads; empty: single-end
entry       | string | | what was handed in: fastq, bam, cram, gvcf or vcf | | fastq, bam, cram, gvcf, vcf
file        | string | | the file, where it is not FASTQ
control     | string | | truth set the sample is compared with; a control stays out of the cohort
""",
)
