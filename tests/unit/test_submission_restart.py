"""The sheets for later runs are accepted by our own check, each of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from genopheno.problems import StageError
from genopheno.submission import receive
from genopheno.submission.restart import write_sheets
from genopheno.submission.sheet import read_sheet, write_units
from tests.faults.entries import Entries, run

SAMPLES = ("S1", "S2", "S3", "S4")


@pytest.fixture
def finished(tmp_path, monkeypatch) -> Entries:
    """A project with the files that a run of these four samples leaves."""
    monkeypatch.chdir(tmp_path)
    project = Entries(tmp_path)
    for sample in SAMPLES[:2]:
        fastq = project.reads(sample)
        project.enter(sample, fastq_1=fastq[0], fastq_2=fastq[1])
    project.rows[-1] = (*project.rows[-1][:-1], "giab")  # S2 is a control
    project.enter("S3", gvcf=project.gvcf("s3", "S3"))
    project.enter("S4", vcf=project.vcf("s4", ("S4",)))
    project.finish()
    units, problems = read_sheet("config/samples.csv")
    assert problems == []
    write_units("results/submission/units.tsv", units)
    for folder in ("crams", "gvcfs", "calls", "qc"):
        Path("results", folder).mkdir()
    for sample in SAMPLES[:2]:
        Path(project.cram(sample, project.sam(sample))).rename(f"results/crams/{sample}.cram")
    for sample in SAMPLES[:3]:
        Path(project.gvcf(sample, sample)).rename(f"results/gvcfs/{sample}.g.vcf.gz")
    calls = project.vcf("cohort", ("S4", "S2", "S1", "S3"))
    run("bcftools", "view", "-Ob", "-o", "results/calls/cohort.bcf", calls)
    verdicts("S1")
    return project


def verdicts(failed: str = "") -> None:
    rows = [f"{name}\t{'fail' if name == failed else 'pass'}\n" for name in SAMPLES]
    Path("results/qc/samples.tsv").write_text("sample\tverdict\n" + "".join(rows))


def write(**other) -> dict:
    return write_sheets(
        Path("results/submission/units.tsv"),
        verdicts=Path("results/qc/samples.tsv"),
        calls=Path("results/calls/cohort.bcf"),
        out_dir=Path("results/sheets"),
        cram_dir=Path("results/crams"),
        gvcf_dir=Path("results/gvcfs"),
        **other,
    )


def entries(name: str) -> dict[str, tuple[str, str]]:
    """Column and file name by sample."""
    with open(f"results/sheets/{name}.csv", newline="") as handle:
        return {
            row["sample"]: next(
                (column, Path(row[column]).name)
                for column in ("cram", "gvcf", "vcf")
                if row.get(column)
            )
            for row in csv.DictReader(handle)
        }


def test_what_each_sheet_names(finished):
    report = write()
    assert report == json.loads(Path("results/sheets/sheets.json").read_text())
    assert report == {
        "samples": 4, "sheets": ["alignments", "calls", "gvcfs"], "failed_as_alignments": ["S1"],
    }  # fmt: skip
    assert entries("alignments") == {
        "S1": ("cram", "S1.cram"),
        "S2": ("cram", "S2.cram"),
        "S3": ("gvcf", "s3.g.vcf.gz"),
        "S4": ("vcf", "s4.vcf.gz"),
    }
    again = {"S1": ("cram", "S1.cram")}  # its reads have to be measured again
    assert entries("gvcfs") == again | {
        "S2": ("gvcf", "S2.g.vcf.gz"),
        "S3": ("gvcf", "S3.g.vcf.gz"),
        "S4": ("vcf", "s4.vcf.gz"),
    }
    assert entries("calls") == again | dict.fromkeys(("S2", "S3", "S4"), ("vcf", "cohort.bcf"))


@pytest.mark.parametrize("name", ["alignments", "gvcfs", "calls"])
def test_our_own_check_accepts_them_from_anywhere(finished, name, tmp_path, monkeypatch):
    write()
    home = tmp_path.absolute()
    (home / "elsewhere").mkdir()
    monkeypatch.chdir(home / "elsewhere")
    (home / "results/sheets" / f"{name}.csv").rename("samples.csv")
    received = receive.check(
        "samples.csv", home / "reference/genome.fa", home / "reference/genes.gff3"
    )
    assert received.problems == []
    before, _ = read_sheet(home / "config/samples.csv")
    told = {(u.sample, u.participant, u.sex, u.control) for u in received.units}
    assert told == {(u.sample, u.participant, u.sex, u.control) for u in before}
    assert ("S2", "PS2", "female", "giab") in told


def test_a_sample_that_was_lost_is_told(finished):
    Path("results/crams/S2.cram").unlink()
    with pytest.raises(StageError, match=r"sample-without-file: results/crams: .*S2"):
        write()
    assert not Path("results/sheets").exists()
