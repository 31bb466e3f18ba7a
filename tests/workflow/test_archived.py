"""Reads of finished samples may be archived: what is planned and what a check says then."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from genopheno.runner import Progress
from tests.faults.planting import sound

SAMPLES = ("S01", "S02")


TARGETS = ("reads_done", "results/submission/receipt.json", "results/submission/units.tsv")


@pytest.fixture(scope="module")
def project(genopheno, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two samples that were received, aligned and measured, and whose reads are gone since."""
    folder = sound(tmp_path_factory.mktemp("archived"), people=len(SAMPLES))
    genopheno("run", "--", *TARGETS[1:], cwd=folder)
    made = ["results/reference/genome.fa", "results/reference/genome.fa.fai"]
    for sample in SAMPLES:
        made += [f"results/crams/{sample}.cram{end}" for end in ("", ".crai", ".md5")]
        made += [f"results/qc/{sample}/metrics.json"]
    for name in made:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("made by an earlier run\n")
    for path in (folder / "reads").iterdir():
        path.unlink()
    return folder


def planned(genopheno, project: Path) -> Counter:
    progress = Progress()
    for line in genopheno("run", "--dry-run", "--", *TARGETS, cwd=project).stdout.splitlines():
        progress.read(line)
    return Counter({rule: n for rule, n in progress.total.items() if not rule.endswith("_done")})


def test_only_the_receipt_is_made_again_and_says_the_same(
    genopheno, project: Path, tmp_path: Path
) -> None:
    project = Path(shutil.copytree(project, tmp_path / "project"))
    receipt = project / "results/submission/receipt.json"
    before = json.loads(receipt.read_text())
    assert planned(genopheno, project) == Counter(receive=1, total=1)
    genopheno("run", "--", *TARGETS[1:], cwd=project)
    after = json.loads(receipt.read_text())
    assert "files of 2 finished samples are gone" in after.pop("notes")[-1]
    before.pop("notes")
    assert after == before
    assert not planned(genopheno, project)


def test_a_check_notes_that_they_are_gone(genopheno, project: Path) -> None:
    said = genopheno("check", cwd=project).stdout
    assert "files of 2 finished samples are gone" in " ".join(said.split())
    assert "No problems found" in said


def test_reads_that_are_needed_again_are_named(genopheno, project: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(project, tmp_path / "project"))
    shutil.rmtree(project / "results/qc/S02")
    for path in (project / "results/crams").glob("S02*"):
        path.unlink()
    said = genopheno("check", "--json", cwd=project, check=False)
    found = [(p["code"], p["row"], p["column"]) for p in json.loads(said.stdout)]
    assert found == [
        ("missing-file", row, column) for row in (4, 5) for column in ("fastq_1", "fastq_2")
    ]
    planned = genopheno("run", "--dry-run", "--", "reads_done", cwd=project, check=False)
    assert planned.returncode != 0
    assert "reads/unit4_R1.fastq.gz" in planned.stdout and "unit2_" not in planned.stdout
