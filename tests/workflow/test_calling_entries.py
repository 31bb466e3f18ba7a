"""Reads and VCF files in one sheet, to the calls of the cohort; what a mended cell runs again."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from genopheno.files import read_json
from genopheno.tools import run
from tests.workflow.commands import command

pytestmark = pytest.mark.slow

CONFIG = """
reference:
  fasta: {fasta}
  genes: reference/genes.gff3
  targets: targets.bed
calling:
  shards: 2
"""
GENES = """##gff-version 3
chr20g\t.\tgene\t6001\t9000\t.\t+\t.\tID=gene:G1;Name=S;biotype=lincRNA
chr20g\t.\tlincRNA\t6001\t9000\t.\t+\t.\tID=transcript:T1;Parent=gene:G1;biotype=lincRNA
chr20g\t.\texon\t6001\t9000\t.\t+\t.\tParent=transcript:T1
"""
# As if the slice were an X, to see what a sex decides.
SEXES = "  sex_chromosomes: {x: chr20g, pseudoautosomal: ['chr20g:1-20000']}\n"


def sheet(project: Path, rows: list[dict[str, str]]) -> None:
    with open(project / "config/samples.csv", "w", newline="") as handle:
        columns = ["sample", "participant", "sex", "fastq_1", "fastq_2", "vcf", "control"]
        writer = csv.DictWriter(handle, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def jobs(project: Path) -> dict[str, int]:
    """Jobs that a run up to the calls would make, by rule."""
    said = command("genopheno", "run", "-n", "--", "calls_done", cwd=project).stdout
    found = re.findall(r"^\s*(\w+)\s+(\d+)\s*$", said, re.MULTILINE)
    return {rule: int(n) for rule, n in found if rule not in ("total", "calls_done")}


@pytest.fixture
def project(data, tmp_path) -> tuple[Path, list[dict[str, str]]]:
    source = data("giab_chr20").resolve()
    for folder in ("config", "reference"):
        (tmp_path / folder).mkdir()
    (tmp_path / "reference/genes.gff3").write_text(GENES)
    (tmp_path / "targets.bed").write_text("chr20g\t8000\t15000\nchr20g\t30000\t36000\n")
    (tmp_path / "config/phenotypes.yaml").write_text(
        "participant: participant\ntraits:\n  t:\n    column: t\n    type: quantitative\n"
    )
    fasta = source / "ref/chr20g.fa.gz"
    (tmp_path / "config/config.yaml").write_text(CONFIG.format(fasta=fasta))
    truth = str(source / "truth/NA12878_giab_v3.3.2.vcf.gz")
    reads = [str(source / f"fastq/HG002_R{i}.fastq.gz") for i in (1, 2)]
    rows = [
        {"sample": "HG002", "participant": "p1", "sex": "male"}
        | {"fastq_1": reads[0], "fastq_2": reads[1]},
        {"sample": "NA12878", "participant": "p2", "sex": "female", "vcf": truth},
    ]
    sheet(tmp_path, rows)
    return tmp_path, rows


def test_reads_and_a_vcf_end_in_one_file(project):
    folder, rows = project
    command("genopheno", "run", "--skip-check", "--", "calls_done", cwd=folder)
    calls = folder / "results/calls"
    assert run(["bcftools", "query", "-l", calls / "cohort.bcf"]).split() == ["HG002", "NA12878"]
    told, gathered = read_json(calls / "merge.json"), read_json(calls / "gather.json")
    received = read_json(calls / "entries/NA12878.json")
    assert [file["records"] for file in told["files"]] == [
        gathered["records_out"],
        received["records_out"],
    ]
    assert told["records_out"] == int(run(["bcftools", "index", "-n", calls / "cohort.bcf"]))
    # Called in the targets and 100 bases beside them.
    mine = run(["bcftools", "query", "-f", "%POS [%GT]\n", calls / "called.bcf"]).splitlines()
    for position, genotype in (line.split() for line in mine):
        assert 7900 < int(position) <= 15100 or 29900 < int(position) <= 36100
        assert "/" in genotype

    # Without an X or Y no sex matters, and no other cell calls anybody again.
    rows[0] |= {"participant": "p9", "sex": "female"}
    sheet(folder, rows)
    assert jobs(folder) == {}

    # With VCF entries alone, no caller runs.
    sheet(folder, rows[1:])
    assert jobs(folder) == {"merge_calls": 1}

    # With an X, the sex of one with reads matters, that of one who came as VCF does not.
    rows[0]["sex"] = "male"
    sheet(folder, rows)
    config = folder / "config/config.yaml"
    config.write_text(config.read_text().replace("calling:", f"{SEXES}calling:"))
    command("genopheno", "run", "--skip-check", "--", "calls_done", cwd=folder)
    mine = run(["bcftools", "query", "-f", "%POS [%GT]\n", calls / "called.bcf"]).splitlines()
    for position, genotype in (line.split() for line in mine):
        assert ("/" in genotype) == (int(position) <= 20000)
    rows[1]["sex"] = "unknown"
    sheet(folder, rows)
    assert jobs(folder) == {}
    rows[0]["sex"] = "unknown"
    sheet(folder, rows)
    assert jobs(folder) == {"call": 2, "gather": 1, "merge_calls": 1}
