"""The simulator of the benches, judged by bwa and bcftools: depth, errors, phases, genotypes."""

from __future__ import annotations

from pathlib import Path

import pytest

from genopheno.tools import run
from tests.bench.simulate import Simulated, simulate

from .simulated import reference, sequence
from .small_genome import query

BASES = "N" * 500 + sequence(30_000, 5)
# Heterozygous without a phase, homozygous, and two of known phase on one haplotype.
VARIANTS = [(2000, "0/1"), (6000, "1/1"), (9000, "0|1"), (9100, "0|1"), (20_000, "1/0")]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Simulated:
    folder = tmp_path_factory.mktemp("simulate")
    genome = reference(folder / "genome", {"c": BASES}, ())
    rows = []
    for position, genotype in VARIANTS:
        old = BASES[position - 1]
        new = {"A": "C", "C": "G", "G": "T", "T": "A"}[old]
        rows.append(f"c\t{position}\t.\t{old}\t{new}\t50\tPASS\t.\tGT\t{genotype}\n")
    text = "##fileformat=VCFv4.2\n##contig=<ID=c>\n"
    text += '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    text += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tP\n" + "".join(rows)
    (folder / "t.vcf").write_text(text)
    run(["bcftools", "view", "-Oz", "-o", folder / "t.vcf.gz", folder / "t.vcf"])
    run(["bcftools", "index", folder / "t.vcf.gz"])
    return simulate(
        genome, folder / "t.vcf.gz", folder / "out", contig="c", end=30_000, depth=40, seed=3
    )


@pytest.fixture(scope="module")
def bam(made, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("bam") / "x.bam"
    run(["bwa", "index", made.reference])
    run(
        ["bwa", "mem", "-v", "1", made.reference, made.fastq_1, made.fastq_2],
        ["samtools", "sort", "-o", path, "-"],
    )
    run(["samtools", "index", path])
    return path


def test_depth_pairs_and_errors_are_as_asked(made, bam):
    said = dict(
        line.split("\t")[1:3]
        for line in run(["samtools", "stats", bam]).splitlines()
        if line.startswith("SN\t")
    )
    known = 29_500
    assert int(said["raw total sequences:"]) == 2 * made.pairs
    assert 2 * made.pairs * 150 / known == pytest.approx(40, rel=0.01)
    assert float(said["insert size average:"]) == pytest.approx(400, abs=8)
    assert int(said["reads properly paired:"]) > 0.99 * 2 * made.pairs
    # Wrong bases are as frequent as the qualities say (the mean of both ends of the read).
    assert float(said["error rate:"]) == pytest.approx(0.0024, rel=0.2)


def test_phases_are_kept_or_drawn_and_the_reads_carry_the_genotypes(made, bam):
    truth = dict(line.split() for line in query(made.truth, "%POS [%GT]\n"))
    assert truth["9000"] == truth["9100"] == "0|1"
    assert truth["6000"] == "1|1" and all("|" in genotype for genotype in truth.values())
    assert sum(made.applied) == 2 + 4 and made.skipped == 0  # one homozygous, four heterozygous
    run(
        ["bcftools", "mpileup", "-Ou", "-f", made.reference, bam],
        ["bcftools", "call", "-mv", "-V", "indels", "-Ob", "-o", bam.with_suffix(".bcf")],
    )
    called = dict(line.split() for line in query(bam.with_suffix(".bcf"), "%POS [%GT]\n"))
    assert called == {
        position: genotype.replace("|", "/").replace("1/0", "0/1")
        for position, genotype in truth.items()
    }
