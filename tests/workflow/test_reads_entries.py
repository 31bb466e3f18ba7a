"""From every kind of reads and alignments in one sheet to CRAMs, as Snakemake runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pysam
import pytest

from genopheno.runner import Progress
from genopheno.tools import run
from tests.faults.planting import sound
from tests.workflow.commands import command

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
HEADER = "sample,participant,library,lane,fastq_1,fastq_2,bam,cram,gvcf"
SAMPLES = ("pairs", "single", "unaligned", "bam", "cram")


def snakemake(project: Path, *words: str, check: bool = True) -> str:
    return command(
        "snakemake", "--snakefile", ROOT / "workflow/Snakefile",
        "--configfile", "config/config.yaml", "--cores", "2", *words, cwd=project, check=check,
    ).stdout  # fmt: skip


def sheet(project: Path, *rows: str) -> None:
    (project / "config/samples.csv").write_text("\n".join([HEADER, *rows]) + "\n")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """The same forty pairs, as each lab might hand them in."""
    folder = sound(tmp_path_factory.mktemp("entries"))
    first, second = sorted((folder / "reads").glob("*"))[:2]
    reads = [folder / f"reads/x_R{mate}.fastq.gz" for mate in (1, 2)]
    for path, copy in zip((first, second), reads, strict=True):
        shutil.copyfile(path, copy)
    shutil.copyfile(first, folder / "reads/single.fastq.gz")
    run(["samtools", "import", "-1", reads[0], "-2", reads[1], "-o", folder / "reads/u.bam"])
    genome = folder / "elsewhere.fa"
    shutil.copyfile(folder / "reference/genome.fa", genome)
    run(["bwa", "index", genome])
    run(
        ["bwa", "mem", "-v", "1", "-R", r"@RG\tID:a\tSM:lab", genome, *reads],
        ["samtools", "sort", "-o", folder / "reads/a.bam", "-"],
    )
    run(["samtools", "view", "-T", genome, "-o", folder / "reads/a.cram", folder / "reads/a.bam"])
    sheet(
        folder,
        "pairs,p1,lib,1,reads/x_R1.fastq.gz,reads/x_R2.fastq.gz,,,",
        "single,p2,lib,1,reads/single.fastq.gz,,,,",
        "unaligned,p3,,,,,reads/u.bam,,",
        "bam,p4,,,,,reads/a.bam,,",
        "cram,p5,,,,,,reads/a.cram,",
    )
    with open(folder / "config/config.yaml", "a") as config:
        config.write("reads: {trim: false}\n")
    return folder


def primary(project: Path, sample: str) -> list[tuple]:
    """Primary records without the flags that our steps set: duplicate, proper pair."""
    path = project / f"results/crams/{sample}.cram"
    genome = project / "results/reference/genome.fa"
    with pysam.AlignmentFile(str(path), reference_filename=str(genome)) as file:
        assert [row["SM"] for row in file.header.to_dict()["RG"]] == [sample]
        return sorted(
            (r.query_name, r.flag & ~0x402, r.reference_start, r.cigarstring or "")
            for r in file
            if not r.flag & 0x900
        )


def test_all_end_as_crams_with_their_measures(project: Path) -> None:
    said = snakemake(project, "reads_done")
    assert "Nothing to be done" not in said
    records = {sample: primary(project, sample) for sample in SAMPLES}
    assert len(records["pairs"]) == 80 and len(records["single"]) == 40
    assert records["pairs"] == records["unaligned"] == records["bam"] == records["cram"]
    metrics = {
        sample: json.loads((project / f"results/qc/{sample}/metrics.json").read_text())
        for sample in SAMPLES
    }
    assert [metrics[s]["reads"] for s in SAMPLES] == [80, 40, 80, 80, 80]
    assert metrics["single"]["properly_paired_fraction"] is None
    assert metrics["bam"]["reads_after_trimming"] is None
    log = (project / "results/logs/import_alignment/bam.log").read_text()
    assert "no record is flagged as duplicate" in log
    said = json.loads((project / "results/qc/cram/cram.import.json").read_text())
    assert said["sample_in_file"] == ["lab"]
    assert "Nothing to be done" in snakemake(project, "reads_done")


def test_only_the_chosen_aligner_is_indexed_and_realigning_aligns_all(project: Path) -> None:
    made = {path.name for path in (project / "results/reference").glob("genome.fa*")}
    assert "genome.fa.bwt" in made and not {x for x in made if "mmi" in x or "snap" in x}
    progress = Progress()
    plan = snakemake(
        project, "--dry-run", "--config", "fast=true", "reads={trim: false, realign: true}",
        "--", "results/qc/cram/metrics.json", "results/qc/bam/metrics.json",
    )  # fmt: skip
    for line in plan.splitlines():
        progress.read(line)
    assert progress.total["align"] == progress.total["mark_duplicates"] == 2
    assert progress.total["aligner_index"] == 1
    assert "genome.fa.snap/GenomeIndex" in plan and "import_alignment" not in progress.total


def test_faults_of_alignments_name_the_file(project: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(project / "config", tmp_path / "config")).parent
    (other / "reads").symlink_to(project / "reads")
    (other / "reference").symlink_to(project / "reference")
    (other / "databases").symlink_to(project / "databases")
    (other / "broken.bam").write_bytes(b"no BAM at all")
    sheet(other, "a,p1,,,,,broken.bam,,")
    said = snakemake(other, "--dry-run", "reads_done", check=False)
    assert "alignment-unreadable: broken.bam" in said and "Traceback" not in said
    sheet(other, "a,p1,lib,1,,,reads/a.bam,,", "a,p1,lib,2,,,,reads/a.cram,")
    said = snakemake(other, "--dry-run", "reads_done", check=False)
    assert "must be the only row of its sample: a" in said and "Traceback" not in said


def test_a_sheet_without_reads_has_none_to_do(project: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(project / "config", tmp_path / "config")).parent
    for name in ("reference", "databases"):
        (other / name).symlink_to(project / name)
    (other / "a.g.vcf.gz").write_bytes(b"not looked into here")
    sheet(other, "a,p1,,,,,,,a.g.vcf.gz")
    snakemake(other, "--config", "calling={strategy: gvcf}", "--", "reads_done")
    assert not (other / "results").exists()
