"""A submission with one fault of each kind is answered with exactly these faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from genopheno import strata
from genopheno.clinical import check as clinical
from genopheno.problems import Problem
from genopheno.settings import load
from genopheno.submission import receive, sheet
from tests.faults.planting import plant, sound


def problems(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Problem]:
    """All that the rooms find in a project."""
    monkeypatch.chdir(folder)
    values = load("config/config.yaml")
    received = receive.check(
        values.samples,
        values.reference.fasta,
        values.reference.genes,
        {name: database.file for name, database in values.databases.items()},
        cache=Path("cache.json"),
        jobs=2,
    )
    rows: dict[str, int] = {}
    for unit in received.units:
        rows.setdefault(unit.participant, unit.row)
    _, found, _ = clinical.check(
        values.participants,
        values.phenotypes,
        people=sheet.people(received.units),
        people_rows=rows,
        sheet_path=values.samples,
        groups=values.summaries.groups,
        strata=strata.of_settings(values.association.strata),
        interactions=values.association.interactions,
        config_path="config/config.yaml",
    )
    return [*received.problems, *found]


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_exactly_the_planted_faults(tmp_path, monkeypatch):
    folder, expected = plant(tmp_path)
    before = contents(folder)
    found = problems(folder, monkeypatch)
    assert sorted(((p.code, p.file, p.row, p.column) for p in found), key=str) == expected
    assert len({code for code, *_ in expected}) >= 20
    assert contents(folder) == before  # a failing check leaves nothing behind


def test_every_message_says_what_and_how_to_mend(tmp_path, monkeypatch):
    folder, _ = plant(tmp_path)
    for problem in problems(folder, monkeypatch):
        assert len(problem.found) > 15 and len(problem.mend) > 15, problem
        assert not problem.found.endswith(".") and not problem.mend.endswith("."), problem


def test_a_sound_project_has_no_problems(tmp_path, monkeypatch):
    assert problems(sound(tmp_path), monkeypatch) == []
