"""Strategy gvcf through Snakemake: a cohort of gVCFs, and what a new batch has to run."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from genopheno.files import read_json
from genopheno.tools import run
from genopheno.variants.gvcf_calling import call_gvcf
from tests.realdata.truth import plain_reference
from tests.workflow.commands import command

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
CONFIG = """\
reference: {fasta: q.fa, genes: genes.gff3}
calling: {strategy: %s}
"""


@pytest.fixture(scope="module")
def project(data, tmp_path_factory) -> Path:
    """Three gVCFs of the same reads; two are in the sheet."""
    folder, source = tmp_path_factory.mktemp("project"), data("giab_tiny")
    reference = plain_reference(source / "ref/q.fa.gz", folder)
    cram = folder / "a.cram"
    reads = [source / f"fastq/NA12878_R{i}.fastq.gz" for i in (1, 2)]
    run(
        ["bwa", "mem", "-v", "1", "-R", r"@RG\tID:a\tSM:a", reference, *reads],
        ["samtools", "sort", "-O", "cram", "--reference", reference, "-o", cram, "-"],
    )
    run(["samtools", "index", cram])
    for sample in "abc":
        out = folder / "handed_in" / f"{sample}.g.vcf.gz"
        call_gvcf(cram, sample=f"lab_{sample}", reference=reference, out_gvcf=out)
    parents = {"gene": "", "mRNA": "Parent=gene:g;", "exon": "Parent=transcript:t;"}
    names = {"gene": "gene:g", "mRNA": "transcript:t", "exon": "exon:e"}
    rows = [
        f"q\tx\t{kind}\t100\t900\t.\t+\t.\tID={names[kind]};{parent}biotype=protein_coding\n"
        for kind, parent in parents.items()
    ]
    (folder / "genes.gff3").write_text("##gff-version 3\n" + "".join(rows))
    (folder / "config").mkdir()
    shutil.copy(ROOT / "config/phenotypes.yaml", folder / "config")
    shutil.copy(ROOT / "config/participants.csv", folder / "config")
    (folder / "config/config.yaml").write_text(CONFIG % "gvcf")
    sheet(folder, "ab")
    return folder


def sheet(folder: Path, samples: str) -> None:
    rows = [f"{s},{s},female,handed_in/{s}.g.vcf.gz\n" for s in samples]
    (folder / "config/samples.csv").write_text("sample,participant,sex,gvcf\n" + "".join(rows))


def snakemake(folder: Path, *words: str, check: bool = True) -> str:
    return command(
        *("snakemake", "--snakefile", ROOT / "workflow/Snakefile", "--cores", "2"),
        *("--resources", "mem_mb=4000", "--set-resources", "combine:mem_mb=2500", *words),
        *("--", "results/calls/cohort.bcf"),
        cwd=folder,
        check=check,
    ).stdout


def jobs(said: str) -> dict[str, int]:
    table = said.rpartition("Job stats:")[2].split("total")[0]
    return {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def test_a_batch_runs_only_its_own_jobs(project):
    snakemake(project)
    calls = project / "results/calls/cohort.bcf"
    assert run(["bcftools", "query", "-l", calls]).split() == ["a", "b"]
    gathered = read_json(project / "results/calls/gather.json")
    assert gathered["records_pass"] >= 14
    assert jobs(snakemake(project, "--dry-run")) == {}
    sheet(project, "abc")
    assert jobs(snakemake(project, "--dry-run")) == {"receive_gvcf": 1, "combine": 1, "gather": 1}
    withdrawn = command("genopheno", "withdraw", "b", "--memory", "2500", cwd=project).stdout
    assert "1 samples are left in it" in withdrawn
    assert "config/samples.csv, line 3 names b" in withdrawn
    assert "results/gvcfs/b.g.vcf.gz is of b" in withdrawn
    assert "results/calls/cohort.bcf" in withdrawn
    state = read_json(project / "results/gvcfs/store/store.json")
    assert list(state["samples"]) == ["a"]
    assert [part["name"] for part in state["parts"]] == [
        path.name for path in (project / "results/gvcfs/store").glob("*.vds")
    ]
    said = command("genopheno", "withdraw", "nobody", cwd=project, check=False)
    assert said.returncode == 1 and "withdraw-unknown" in said.stdout


def test_gvcfs_need_the_strategy(project):
    (project / "config/config.yaml").write_text(CONFIG % "joint")
    said = snakemake(project, "--dry-run", check=False)
    assert "Set calling.strategy: gvcf" in said
    (project / "config/config.yaml").write_text(CONFIG % "gvcf")
