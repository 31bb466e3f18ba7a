"""Alignments and calls: every planted fault is found at its place, and nothing else."""

from __future__ import annotations

from tests.faults.entries import Entries, plant_entries, sound_entries
from tests.faults.test_sheet_faults import contents, problems


def test_exactly_the_planted_faults(tmp_path, monkeypatch):
    folder, expected = plant_entries(tmp_path)
    before = contents(folder)
    found = problems(folder, monkeypatch)
    assert sorted(((p.code, p.file, p.row, p.column) for p in found), key=str) == expected
    assert len({code for code, *_ in expected}) >= 25
    assert contents(folder) == before
    for problem in found:
        assert len(problem.found) > 15 and len(problem.mend) > 15, problem
        assert not problem.found.endswith(".") and not problem.mend.endswith("."), problem


def test_sound_entries_have_no_problems(tmp_path, monkeypatch):
    project = Entries(tmp_path)
    sound_entries(project)
    project.finish()
    assert problems(tmp_path, monkeypatch) == []
