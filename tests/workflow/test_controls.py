"""A control sample among people, through the workflow: compared, told of, and left out."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.realdata.ceu import GENES
from tests.workflow.commands import command

pytestmark = pytest.mark.slow

CONFIG = """
reference: {{fasta: {data}/ref/chr20g.fa.gz, genes: genes.gff3, build: slice}}
calling: {{shards: 1}}
assay: low-pass
sample_qc:
  limits: {{mean_coverage: {{}}, breadth_1x: {{}}}}  # reads of 50 kb and 10 kb of 1.1 Mb
truth_sets:
  v4.2.1:
    calls: {data}/truth/HG002_giab_v4.2.1.vcf.gz
    regions: {data}/truth/HG002_giab_v4.2.1.confident.bed
"""
PHENOTYPES = """
participant: participant
traits:
  score: {column: score, type: quantitative}
"""
READS = {
    "HG002": "fastq/HG002",
    "NA12878": "fastq/NA12878",
    "NA12891": "trio/fastq/NA12891",
    "NA12892": "trio/fastq/NA12892",
}
TARGETS = ("truth/HG002.html", "report/multiqc.html", "cohort/join.json")


@pytest.fixture(scope="module")
def finished(data: Callable[[str], Path], tmp_path_factory) -> Path:
    source = data("giab_chr20").resolve()
    project = tmp_path_factory.mktemp("controls")
    (project / "config").mkdir()
    (project / "config/config.yaml").write_text(CONFIG.format(data=source))
    (project / "config/phenotypes.yaml").write_text(PHENOTYPES)
    (project / "genes.gff3").write_text(GENES.replace("chr20s", "chr20g"))
    people = ("NA12878", "NA12891", "NA12892")
    rows = [f"{name},{i}\n" for i, name in enumerate(people)]
    (project / "config/participants.csv").write_text("participant,score\n" + "".join(rows))
    with open(project / "config/samples.csv", "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["sample", "participant", "control", "fastq_1", "fastq_2"])
        for name, prefix in READS.items():
            reads = [source / f"{prefix}_R{mate}.fastq.gz" for mate in (1, 2)]
            writer.writerow([name, name, "v4.2.1" if name == "HG002" else "", *reads])
    targets = [f"results/{name}" for name in TARGETS]
    options = ["--set-threads", "align=1", "mark_duplicates=1", "read_qc=1"]
    command("genopheno", "run", "--", *targets, *options, cwd=project)
    return project


def test_the_control_is_compared_and_stays_out_of_the_cohort(finished: Path) -> None:
    report = json.loads((finished / "results/truth/HG002.json").read_text())
    assert report["types"]["snp"]["truth"] == 116
    assert report["types"]["snp"]["allele_f1"] >= 0.98
    assert report["types"]["indel"]["allele_f1"] >= 0.95
    join = json.loads((finished / "results/cohort/join.json").read_text())
    assert join["samples"]["kept"] == 3
    assert [(d["sample"], d["reason"].split(":")[0]) for d in join["samples"]["dropped"]] == [
        ("HG002", "control, compared with its truth set")
    ]


def test_multiqc_has_every_tool_under_the_samples_names(finished: Path) -> None:
    page = (finished / "results/report/multiqc.html").read_text()
    for section in ("fastp", "samtools", "mosdepth", "bcftools", "genopheno_samples"):
        assert re.search(rf'id="{section}[^"]*"', page), section
    assert "markdup</th>" not in page and ".markdup<" not in page
    for name in READS:
        assert name in page


def test_resources_of_the_steps(finished: Path) -> None:
    said = command("genopheno", "status", "--resources", "--json", cwd=finished).stdout
    rules = {row["rule"]: row for row in json.loads(said)}
    assert {"align", "mark_duplicates", "read_qc", "call", "join", "benchmark"} <= rules.keys()
    assert rules["align"]["jobs"] == len(READS)
    assert rules["join"]["peak_mb"] > 100 and rules["join"]["asked_mb"] >= 4000
    table = command("genopheno", "status", "--resources", cwd=finished).stdout
    assert "peak MiB" in table and "mark_duplicates" in table
