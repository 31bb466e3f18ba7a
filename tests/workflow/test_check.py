"""`genopheno check`, `init` and the linter, as people run them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faults.entries import plant_entries
from tests.faults.planting import plant, sound
from tests.workflow.commands import command

ROOT = Path(__file__).resolve().parents[2]


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("planting", [plant, plant_entries], ids=["sheet", "entries"])
def test_planted_faults_are_answered_with_exactly_these(
    genopheno, tmp_path: Path, planting
) -> None:
    project, planted = planting(tmp_path / "project")
    before = tree(project)
    said = genopheno("check", "--json", "-d", project, cwd=tmp_path, check=False)
    assert said.returncode == 2
    found = [(p["code"], p["file"], p["row"], p["column"]) for p in json.loads(said.stdout)]
    assert sorted(found, key=str) == sorted(planted, key=str)
    assert len(planted) >= 15
    assert tree(project) == before, "a check that fails creates nothing"


def test_every_problem_is_shown_with_its_place_and_its_mend(genopheno, tmp_path: Path) -> None:
    project, planted = plant(tmp_path / "project")
    said = genopheno("check", "-d", project, cwd=tmp_path, check=False).stdout
    assert f"{len(planted)} problems." in said
    for code, file, row, _ in planted:
        assert code in said and str(file) in said and (row is None or f"line {row}" in said)


def test_a_faulty_project_does_not_run(genopheno, tmp_path: Path) -> None:
    project, _ = plant(tmp_path / "project")
    before = tree(project)
    said = genopheno("run", "-d", project, cwd=tmp_path, check=False)
    assert said.returncode == 2
    assert tree(project) == before


def test_a_sound_project_has_no_problems(genopheno, tmp_path: Path) -> None:
    project = sound(tmp_path / "project")
    said = genopheno("check", "-d", project, cwd=tmp_path)
    assert "No problems found" in said.stdout


def test_a_new_project_is_checked_key_by_key(genopheno, tmp_path: Path) -> None:
    genopheno("init", "study", cwd=tmp_path)
    said = genopheno("check", "-d", "study", cwd=tmp_path, check=False)
    assert said.returncode == 2  # the reference and the reads of the templates are not there
    assert "reference/genome.fa" in said.stdout and "S001_L1_R1.fastq.gz" in said.stdout
    again = genopheno("init", "study", cwd=tmp_path, check=False)
    assert again.returncode == 1 and "project-exists" in again.stdout


def test_the_workflow_passes_snakemake_s_linter(tmp_path: Path) -> None:
    project = sound(tmp_path / "project")
    with open(project / "config/config.yaml", "a") as config:  # every rule has jobs
        config.write("association: {strata: {women: {sex: female}}, interactions: [age]}\n")
    said = command("snakemake", "--lint", "-s", ROOT / "workflow/Snakefile", cwd=project)
    assert "Congratulations" in said.stdout


def test_help_of_every_command_names_its_options(genopheno, tmp_path: Path) -> None:
    said = genopheno("--help", cwd=tmp_path).stdout
    for name in ("init", "check", "run", "status", "demo", "align", "join", "associate", "report"):
        assert name in said
        assert "--help" in genopheno(name, "--help", cwd=tmp_path).stdout
