"""One person's real reads through every entry point of the sheet: the same joined matrix."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from genopheno import fields
from genopheno.genotypes import Genotypes
from genopheno.tools import run
from genopheno.variants.gvcf_calling import call_gvcf
from tests.realdata.cohort_project import need_java
from tests.realdata.truth import plain_reference
from tests.workflow.commands import command

pytestmark = pytest.mark.slow

CONFIG = """
reference: {{fasta: {reference}, genes: genes.gff3, build: GRCh37 part}}
reads: {{trim: false}}            # else alignments made elsewhere would not be the same
calling: {{strategy: {strategy}, shards: 1}}
assay: low-pass
identity: {{min_sites: 50}}
sample_qc:
  on_identity: warn  # it is one person, under many names
  limits: {{mean_coverage: {{}}, breadth_1x: {{}}}}  # reads of 50 kb of 1.1 Mb
variant_qc: {{min_call_rate: 0, min_hwe_p_value: 0}}
"""
PHENOTYPES = """
participant: participant
traits: {height: {column: height, type: quantitative}}
"""
GENES = """##gff-version 3
chr20g\t.\tgene\t10001\t20000\t.\t+\t.\tID=gene:G1;Name=G1;biotype=lincRNA
chr20g\t.\tlincRNA\t10001\t20000\t.\t+\t.\tID=transcript:T1;Parent=gene:G1;biotype=lincRNA
chr20g\t.\texon\t10001\t20000\t.\t+\t.\tParent=transcript:T1
"""
COLUMNS = ("sample", "lane", "fastq_1", "fastq_2", "bam", "cram", "gvcf", "vcf")
# A sample's file names its reads by another name, as labs do.
ALIGN = ["bwa", "mem", "-v", "1", "-K", "100000000", "-Y", "-R", r"@RG\tID:a\tSM:lab"]


@pytest.fixture(scope="module")
def handed_in(data, tmp_path_factory) -> Path:
    """HG002's reads as pairs, two lanes, unaligned BAM, BAM, CRAM, VCF and gVCF."""
    need_java()
    source, folder = data("giab_chr20"), tmp_path_factory.mktemp("handed_in")
    reference = plain_reference(source / "ref/chr20g.fa.gz", folder)
    for person in ("HG002", "NA12878"):
        for end in (1, 2):
            (folder / f"{person}_{end}.fq.gz").symlink_to(
                (source / f"fastq/{person}_R{end}.fastq.gz").resolve()
            )
    reads = [folder / f"HG002_{end}.fq.gz" for end in (1, 2)]
    for end, path in enumerate(reads, start=1):
        lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        half = len(lines) // 8 * 4
        for lane, part in enumerate((lines[:half], lines[half:]), start=1):
            (folder / f"lane{lane}_{end}.fq.gz").write_bytes(gzip.compress(b"".join(part), 1))
    # The second ends as single reads; packed otherwise, since a copy of a file is refused.
    (folder / "single.fq.gz").write_bytes(gzip.compress(gzip.decompress(reads[1].read_bytes()), 2))
    run(["samtools", "import", "-1", reads[0], "-2", reads[1], "-o", folder / "unaligned.bam"])
    bam = folder / "aligned.bam"
    run(
        [*ALIGN, reference, *reads],
        ["samtools", "fixmate", "-m", "-u", "-", "-"],
        ["samtools", "sort", "-u", "-"],
        ["samtools", "markdup", "-S", "-l", "500", "-", bam],
    )
    run(["samtools", "view", "-C", "-T", reference, "-o", folder / "aligned.cram", bam])
    run(["samtools", "index", folder / "aligned.cram"])
    run(
        [
            "bcftools",
            "mpileup",
            "-Ou",
            "-q",
            "20",
            "-a",
            "FORMAT/AD,FORMAT/DP",
            "-f",
            reference,
            bam,
        ],
        ["bcftools", "call", "-m", "-v", "-P", "0.005", "-a", "GQ", "-Ou"],
        ["bcftools", "reheader", "-s", _names(folder, "vcf")],
        ["bcftools", "view", "-i", "QUAL>=20", "-Oz", "-o", folder / "calls.vcf.gz", "-"],
    )
    call_gvcf(
        folder / "aligned.cram",
        sample="lab",
        reference=reference,
        out_gvcf=folder / "calls.g.vcf.gz",
    )
    return folder


def _names(folder: Path, name: str) -> Path:
    path = folder / f"{name}.txt"
    path.write_text(f"{name}\n")
    return path


def joined(folder: Path, handed_in: Path, strategy: str, rows: dict[str, list[dict]]) -> Path:
    """Run a project with these rows of the sheet up to the join."""
    (folder / "config").mkdir(parents=True)
    (folder / "genes.gff3").write_text(GENES)
    reference = handed_in / "chr20g.fa"
    (folder / "config/config.yaml").write_text(
        CONFIG.format(reference=reference, strategy=strategy)
    )
    (folder / "config/phenotypes.yaml").write_text(PHENOTYPES)
    with open(folder / "config/samples.csv", "w", newline="") as handle:
        writer = csv.DictWriter(handle, ["participant", "sex", *COLUMNS], restval="")
        writer.writeheader()
        for sample, units in rows.items():
            for unit in units:
                files = {
                    key: value if key == "lane" else str(handed_in / value)
                    for key, value in unit.items()
                }
                writer.writerow(
                    {"sample": sample, "participant": f"of_{sample}", "sex": "male", **files}
                )
    (folder / "config/participants.csv").write_text(
        "participant,height\n" + "".join(f"of_{s},{170 + i}\n" for i, s in enumerate(rows))
    )
    command("genopheno", "run", "--until", "join", cwd=folder)
    return folder / "results"


@pytest.fixture(scope="module")
def together(handed_in, tmp_path_factory) -> Path:
    pair = {"fastq_1": "HG002_1.fq.gz", "fastq_2": "HG002_2.fq.gz", "lane": "1"}
    lanes = [
        {"fastq_1": f"lane{n}_1.fq.gz", "fastq_2": f"lane{n}_2.fq.gz", "lane": str(n)}
        for n in (1, 2)
    ]
    other = {"fastq_1": "NA12878_1.fq.gz", "fastq_2": "NA12878_2.fq.gz", "lane": "1"}
    rows = {
        "pairs": [pair],
        "lanes": lanes,
        "unaligned": [{"bam": "unaligned.bam"}],
        "bam": [{"bam": "aligned.bam"}],
        "cram": [{"cram": "aligned.cram"}],
        "vcf": [{"vcf": "calls.vcf.gz"}],
        "single": [{"fastq_1": "single.fq.gz", "lane": "1"}],
        "other": [other],
    }
    return joined(tmp_path_factory.mktemp("joint") / "p", handed_in, "joint", rows)


@pytest.fixture(scope="module")
def combined(handed_in, tmp_path_factory) -> Path:
    pair = {"fastq_1": "HG002_1.fq.gz", "fastq_2": "HG002_2.fq.gz", "lane": "1"}
    other = {"fastq_1": "NA12878_1.fq.gz", "fastq_2": "NA12878_2.fq.gz", "lane": "1"}
    rows = {
        "pairs": [pair],
        "bam": [{"bam": "aligned.bam"}],
        "gvcf": [{"gvcf": "calls.g.vcf.gz"}],
        "other": [other],
    }
    return joined(tmp_path_factory.mktemp("gvcf") / "p", handed_in, "gvcf", rows)


def matrix(results: Path) -> dict[str, dict[str, int]]:
    """Dosage by variant, of each sample of the joined cohort; -1: missing."""
    genotypes = Genotypes.open(results / "cohort/genotypes")
    dosage = genotypes.decode(0, genotypes.n_variants, (2, -1, 1, 0), np.int8)
    variants = genotypes.table["variant_id"].to_pylist()
    return {
        sample: dict(zip(variants, dosage[:, column].tolist(), strict=True))
        for column, sample in enumerate(genotypes.samples)
    }


def test_every_entry_gives_the_same_genotypes(together) -> None:
    found = matrix(together)
    pairs = found["pairs"]
    assert sum(value > 0 for value in pairs.values()) > 90
    for sample in ("lanes", "unaligned", "bam", "cram"):
        assert found[sample] == pairs, sample
    # A VCF of variants alone knows nothing of other places.
    called = {variant: value for variant, value in found["vcf"].items() if value >= 0}
    assert len(called) > 90
    # It was called alone, and the others seven times over: doubtful ones come out otherwise.
    assert sum(pairs[variant] != value for variant, value in called.items()) <= 1
    carried = {variant for variant, value in pairs.items() if value > 0}
    assert len(carried & set(called)) >= 0.93 * len(carried)
    # Half the reads, each by itself: nearly the same.
    single = {variant: value for variant, value in found["single"].items() if value >= 0}
    assert len(single) > 0.9 * len(pairs)
    assert np.mean([pairs[variant] == value for variant, value in single.items()]) > 0.9
    assert sum(found["other"][v] != pairs[v] for v in pairs) > 50


def test_one_person_under_many_names_is_told(together) -> None:
    """50 kb do not prove it, but every such pair is named, and no other."""
    pairs = fields.read(together / "qc/identity/pairs.parquet")
    names = set(pairs["sample_1"]) | set(pairs["sample_2"])
    assert len(pairs) == 7 * 6 // 2 and len(names) == 7 and "other" not in names
    assert (pairs["concordance"] == 1).all()


def test_gvcfs_lead_to_the_same_genotypes(together, combined) -> None:
    found = matrix(combined)
    assert found["bam"] == found["pairs"] == found["gvcf"]
    joint = matrix(together)["pairs"]
    both = [v for v in found["pairs"] if found["pairs"][v] >= 0 and joint.get(v, -1) >= 0]
    assert len(both) > 140
    assert np.mean([found["pairs"][v] == joint[v] for v in both]) > 0.97
