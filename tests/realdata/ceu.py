"""A project of the 38 real CEU people, from their FASTQ files, with a declared phenotype."""

from __future__ import annotations

import csv
from pathlib import Path

import cyvcf2
import numpy as np

CONFIG = """
reference:
  fasta: {fasta}
  genes: reference/genes.gff3
  build: GRCh37 chr20:20,000,001-20,300,000
calling:
  shards: 2
assay: low-pass
sample_qc:
  limits:       # low-coverage reads of 2010
    mean_coverage: {{fail_below: 1, warn_below: 4}}
    breadth_1x: {{fail_below: 0.3}}
    mapped_fraction: {{fail_below: 0.8, warn_below: 0.95}}
    call_rate: {{fail_below: 0.3, warn_below: 0.6}}
variant_qc:
  min_call_rate: 0.7
structure:
  components: 4
association:
  components: 0
  relatives: keep   # 300 kb are too few to tell relatives
matrices:
  formats: []       # the demo makes them
"""
PHENOTYPES = """
participant: participant
covariates: [sex]
traits:
  score:
    column: score
    type: quantitative
"""
# One made-up non-coding gene over the slice: the set has no gene models.
GENES = """##gff-version 3
chr20s\t.\tgene\t100001\t200000\t.\t+\t.\tID=gene:G1;Name=SLICE1;biotype=lincRNA
chr20s\t.\tlincRNA\t100001\t200000\t.\t+\t.\tID=transcript:T1;Parent=gene:G1;biotype=lincRNA
chr20s\t.\texon\t100001\t200000\t.\t+\t.\tParent=transcript:T1
"""


def build(project: Path, data: Path) -> str:
    """Make the project; return the position (chr20s) of the site that the phenotype follows.

    The phenotype is made from the published, refined genotypes at one common, well-covered
    site (dosage plus noise), so that the scan must lead back to it.
    """
    for folder in ("config", "reference"):
        (project / folder).mkdir(parents=True)
    with open(data / "samples.tsv", newline="") as handle:
        people = list(csv.DictReader(handle, delimiter="\t"))
    (project / "config/config.yaml").write_text(CONFIG.format(fasta=data / "ref/chr20s.fa.gz"))
    (project / "config/phenotypes.yaml").write_text(PHENOTYPES)
    (project / "reference/genes.gff3").write_text(GENES)
    refined = cyvcf2.VCF(str(data / "truth/gotcloud_snp_phased.vcf.gz"))
    names = refined.samples
    # Sites of the array: those that can be typed with confidence.
    array = {v.POS for v in cyvcf2.VCF(str(data / "truth/omni25_sites.vcf.gz"))}
    site = max(
        (v for v in refined if len(v.ALT) == 1 and v.POS in array),
        key=lambda v: (
            (np.array(v.gt_types) == 0).sum()
            * (np.array(v.gt_types) == 1).sum()
            * (np.array(v.gt_types) == 3).sum()
        ),
    )
    dosage = dict(
        zip(names, np.select([site.gt_types == 1, site.gt_types == 3], [1, 2]), strict=True)
    )
    noise = np.random.default_rng(1).normal(0, 0.25, len(people))
    with open(project / "config/samples.csv", "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["sample", "participant", "sex", "fastq_1", "fastq_2"])
        for person in people:
            reads = [data / person["fastq_1"], data / person["fastq_2"]]
            writer.writerow([person["sample"], person["sample"], person["sex"], *reads])
    with open(project / "config/participants.csv", "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["participant", "sex", "score"])
        for person, wobble in zip(people, noise, strict=True):
            value = dosage[person["sample"]] + wobble
            writer.writerow([person["sample"], person["sex"], f"{value:.4f}"])
    return f"{site.CHROM}:{site.POS}"
