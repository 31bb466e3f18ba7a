"""`genopheno check` of a project whose targets do not fit."""

from __future__ import annotations

import json

import pytest

from tests.faults.planting import LENGTH, sound
from tests.workflow.commands import command


@pytest.fixture
def project(tmp_path):
    sound(tmp_path, people=2)
    config = tmp_path / "config/config.yaml"
    genes = "  genes: reference/genes.gff3\n"
    config.write_text(config.read_text().replace(genes, f"{genes}  targets: targets.bed\n"))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [["bed-empty", None]]),
        ("20\t1\t100\nchr20\t200\t300\n", [["contig-names", 2]]),
        (f"20\t1\t100\n20\t200\t{LENGTH + 1}\nX\t1\t2\n", [["bed-outside", 2], ["bed-outside", 3]]),
        ("20\t1\t100\n20\t300\t200\n", [["bed-record", 2]]),
    ],
)
def test_each_fault_of_the_targets(project, text, expected):
    (project / "targets.bed").write_text(text)
    said = command("genopheno", "check", "--json", cwd=project, check=False)
    assert said.returncode == 2
    found = json.loads(said.stdout)
    assert [[p["code"], p["row"]] for p in found] == expected
    assert {p["file"] for p in found} == {"targets.bed"}


def test_overlapping_targets_are_told_not_refused(project):
    (project / "targets.bed").write_text("20\t1\t100\n20\t50\t150\n")
    said = command("genopheno", "check", cwd=project)
    assert "note: targets.bed: 2 targets overlap or touch and are taken as 1" in " ".join(
        said.stdout.split()
    )
