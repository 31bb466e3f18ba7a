"""Configuration of the demo's project, as a person would write it."""

CONFIG = """\
# Configuration of a simulated cohort: two populations, a few relatives, one bad sample.
samples: config/samples.csv
participants: config/participants.csv
phenotypes: config/phenotypes.yaml

reference:
  fasta: reference/genome.fa
  genes: reference/genes.gff3
  build: simulated

databases:
  clinvar:
    file: databases/clinvar.vcf.gz
    fields: [CLNSIG, CLNREVSTAT]
    source: simulated, like ClinVar
    version: seed {seed}
  gnomad:
    file: databases/gnomad.vcf.gz
    fields: [AF, AF_north, AF_south]
    source: simulated panel of other people
    version: seed {seed}
  dbsnp:
    file: databases/dbsnp.vcf.gz
    rsid: true
    source: simulated, like dbSNP
    version: seed {seed}
  damage:
    file: databases/damage.tsv.gz
    fields: [score]
    source: simulated scores of coding alleles
    version: seed {seed}
  conserved:
    file: databases/conserved.bed.gz
    fields: [score]
    source: simulated scores of exons
    version: seed {seed}

calling:
  shards: 2

# The samples were sequenced at low depth on purpose.
assay: low-pass
sample_qc:
  limits:
    mean_coverage: {{fail_below: {fail}, warn_below: {warn}}}

# Simulated with recombination so fast that this short reference stands for a genome: kinship
# counts, but is noisy (standard deviation near {noise}), so that only pairs that look
# first-degree lose one of them.
structure:
  max_kinship: {kinship}
  min_independent_variants: 0

# Among 100 people an allele of one in a hundred has two copies: common ones are taken, too.
association:
  genes:
    max_frequency: [0.5, 0.1]
    min_allele_count: 5

scores:
  files:
    ldl_score: databases/ldl_score.txt

summaries:
  groups: [sex, population]
"""

PHENOTYPES = """\
participant: participant
missing: ["", NA, -9]
covariates: [age, sex]

traits:
  ldl:
    column: ldl_mmol
    type: quantitative
    unit: mmol/L
    transform: inverse-normal

  diabetes:
    column: diabetes
    type: binary
    case: [1]
    control: [0]
    covariates: [age, sex, bmi]
"""
