"""Reads to gVCFs to calls: bcftools and, where it can be had, GATK's HaplotypeCaller."""

from __future__ import annotations

from pathlib import Path

import pytest

from genopheno import fields
from genopheno.files import read_json
from genopheno.tools import run
from genopheno.variants.gather import gather
from genopheno.variants.gvcf_calling import call_gvcf
from tests.workflow.commands import command

from .truth import alleles, f1, plain_reference

pytestmark = pytest.mark.slow


def aligned(reads: tuple[Path, Path], reference: Path, sample: str, folder: Path) -> Path:
    cram = folder / f"{sample}.cram"
    run(
        ["bwa", "mem", "-v", "1", "-R", rf"@RG\tID:{sample}\tSM:{sample}", reference, *reads],
        ["samtools", "sort", "-O", "cram", "--reference", reference, "-o", cram, "-"],
    )
    run(["samtools", "index", cram])
    return cram


def combined(folder: Path, samples: list[str], reference: Path) -> tuple[Path, dict]:
    """gVCFs in `folder`/gvcfs through the commands; calls, and what `combine` counted."""
    rows = ["sample,participant,sex,gvcf"]
    rows += [f"{s},{s},unknown,gvcfs/{s}.g.vcf.gz" for s in samples]
    (folder / "samples.csv").write_text("\n".join(rows) + "\n")
    command(
        *("genopheno", "combine", "--samples", "samples.csv", "--gvcf-dir", "gvcfs"),
        *("--fai", f"{reference}.fai", "--store", "store", "--output", "combined.bcf"),
        *("--charr", "charr.parquet", "--report", "combine.json", "--memory", "2500"),
        cwd=folder,
    )
    gather(
        [folder / "combined.bcf"],
        reference=reference,
        out_bcf=folder / "called.bcf",
        caller="gvcf",
        limits={"min_quality": 20},
        report=folder / "gather.json",
        samples=samples,
    )
    return folder / "called.bcf", read_json(folder / "combine.json")


def test_two_people_by_bcftools(data, tmp_path):
    """Every genotype is defined, no symbolic allele is left, and HG002 agrees with GIAB."""
    source = data("giab_chr20")
    reference = plain_reference(source / "ref/chr20g.fa.gz", tmp_path)
    samples = ["HG002", "NA12878"]
    for sample in samples:
        reads = tuple(source / f"fastq/{sample}_R{i}.fastq.gz" for i in (1, 2))
        cram = aligned(reads, reference, sample, tmp_path)
        out = tmp_path / "gvcfs" / f"{sample}.g.vcf.gz"
        counts = call_gvcf(cram, sample=sample, reference=reference, out_gvcf=out)
        assert counts["variants"] > 100 and counts["blocks_without_end"] > 0
    # HG002 once more, with one copy in a part: such genotypes must outlive the combiner.
    (tmp_path / "copies.bed").write_text("chr20g\t20000\t40000\t1\n")
    call_gvcf(
        tmp_path / "HG002.cram",
        sample="haploid",
        reference=reference,
        out_gvcf=tmp_path / "gvcfs" / "haploid.g.vcf.gz",
        ploidy_bed=tmp_path / "copies.bed",
    )
    samples.append("haploid")
    calls, counted = combined(tmp_path, samples, reference)
    rows = run(["bcftools", "query", "-f", "%ALT\t%FILTER[\t%GT:%GQ:%DP]\n", calls]).splitlines()
    assert len(rows) == counted["records_out"] > 190
    assert not any("<" in row or "*" in row for row in rows)
    passing = [row.split("\t")[2:] for row in rows if row.split("\t")[1] == "PASS"]
    assert not [row for row in passing if "./." in "".join(row) or ":.:" in "".join(row)]
    places = run(["bcftools", "query", "-f", "%POS[\t%GT]\n", calls]).splitlines()
    for position, *genotypes in (row.split("\t") for row in places):
        one_copy = 20_000 < int(position) <= 40_000
        assert ["/" in genotype for genotype in genotypes] == [True, True, not one_copy]
    scores = f1(
        calls,
        source / "truth/HG002_giab_v4.2.1.vcf.gz",
        source / "truth/HG002_giab_v4.2.1.confident.bed",
        reference,
        sample="HG002",
    )
    assert scores["snp"].f1 >= 0.99, scores["snp"]
    assert scores["indel"].f1 >= 0.97, scores["indel"]
    charr = fields.read(tmp_path / "charr.parquet")
    assert list(charr["sample"]) == samples


@pytest.fixture(scope="module")
def tiny(data, tmp_path_factory):
    folder, source = tmp_path_factory.mktemp("tiny"), data("giab_tiny")
    reference = plain_reference(source / "ref/q.fa.gz", folder)
    reads = tuple(source / f"fastq/NA12878_R{i}.fastq.gz" for i in (1, 2))
    return reference, aligned(reads, reference, "NA12878", folder), source


def test_haplotypecaller_and_bcftools_in_one_cohort(tiny, gatk, tmp_path):
    """The same reads by both callers, under two names: a cohort may hold gVCFs of several."""
    reference, cram, source = tiny
    for sample, caller in (("by_gatk", "gatk"), ("by_bcftools", "bcftools")):
        out = tmp_path / "gvcfs" / f"{sample}.g.vcf.gz"
        counts = call_gvcf(cram, sample=sample, reference=reference, out_gvcf=out, caller=caller)
        assert counts["caller"] == caller
        assert counts["symbol"] == {"gatk": "<NON_REF>", "bcftools": None}[caller]
    calls, _ = combined(tmp_path, ["by_gatk", "by_bcftools"], reference)
    known = alleles(source / "truth/NA12878_giab_v2.vcf.gz", reference)
    assert len(known) == 14
    for sample in ("by_gatk", "by_bcftools"):
        found = alleles(calls, reference, sample=sample)
        assert sum(found.get(allele) == genotype for allele, genotype in known.items()) >= 13


def test_copies_by_region(tiny, tmp_path):
    """One copy in a region, none in another: haploid calls there, and no call."""
    reference, cram, _ = tiny
    (tmp_path / "copies.bed").write_text("q\t5000\t8000\t1\nq\t10000\t11000\t0\n")
    out = tmp_path / "s.g.vcf.gz"
    call_gvcf(
        cram,
        sample="s",
        reference=reference,
        out_gvcf=out,
        ploidy_bed=tmp_path / "copies.bed",
    )
    check_copies(out)


def test_copies_by_region_with_gatk(tiny, gatk, tmp_path):
    reference, cram, _ = tiny
    (tmp_path / "copies.bed").write_text("q\t5000\t8000\t1\nq\t10000\t11000\t0\n")
    out = tmp_path / "s.g.vcf.gz"
    call_gvcf(
        cram,
        sample="s",
        reference=reference,
        out_gvcf=out,
        caller="gatk",
        ploidy_bed=tmp_path / "copies.bed",
    )
    check_copies(out)


def check_copies(out: Path) -> None:
    rows = run(["bcftools", "query", "-f", "%POS %END [%GT]\n", out]).splitlines()
    haploid = 0
    for position, end, genotype in (row.split() for row in rows):
        assert int(end) <= 10_000 or int(position) > 11_000
        inside = 5_000 < int(position) <= 8_000
        assert ("/" not in genotype and "|" not in genotype) == inside
        haploid += inside and genotype == "1"
    assert haploid >= 3
