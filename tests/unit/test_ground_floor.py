"""Problems, files, tools, fields and settings: what every room stands on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from genopheno import schema, settings, tools
from genopheno.files import writing
from genopheno.problems import Problem, Problems, StageError

ROOT = Path(__file__).resolve().parents[2]


def test_a_problem_says_where_what_and_how_to_mend() -> None:
    problem = Problem("sex-unknown", "samples.csv", 3, "sex", "'Q'", "Write female or male")
    assert str(problem) == "sex-unknown: samples.csv, line 3, column sex: 'Q'. Write female or male"


def test_problems_are_raised_all_at_once() -> None:
    problems = Problems()
    problems.raise_if_any()
    problems.add("a", "f", "x", "y")
    problems.add("b", "f", "x", "y", row=2)
    with pytest.raises(StageError) as caught:
        problems.raise_if_any()
    assert [problem.code for problem in caught.value.problems] == ["a", "b"]


def test_nothing_half_written_gets_the_final_name(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), writing(path) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with writing(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "new"


def test_a_pipe_fails_when_any_part_fails_and_names_the_cause() -> None:
    with pytest.raises(StageError, match=r"false ended with 1"):
        tools.run(["false"], ["cat"])
    with pytest.raises(StageError, match=r"bad news"):
        tools.run(["sh", "-c", "yes | head -100000"], ["sh", "-c", "echo bad news >&2; exit 3"])
    with pytest.raises(StageError, match="tool-missing"):
        tools.run(["no-such-tool-anywhere"])
    assert tools.run(["printf", "b\\na\\n"], ["sort"]) == "a\nb\n"


def test_a_stage_s_log_holds_its_commands_and_what_they_said(monkeypatch, capsys) -> None:
    tools.run(["true"])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(tools, "log", sys.stderr)
    tools.run(["sh", "-c", "echo one >&2; echo out"], ["sh", "-c", "cat; echo two >&2"])
    said = capsys.readouterr().err.splitlines()
    assert said == ["$ sh -c 'echo one >&2; echo out' | sh -c 'cat; echo two >&2'", "one", "two"]


def test_names_reach_tools_as_they_are(tmp_path: Path) -> None:
    assert tools.run(["printf", "%s", "a; touch $HOME 'x'"]) == "a; touch $HOME 'x'"


@pytest.mark.parametrize("name", schema.FILES)
def test_what_is_printed_from_the_settings_is_current(name: str) -> None:
    assert (ROOT / name).read_text() == schema.FILES[name](), "run 'make docs'"


def test_the_commented_configuration_is_the_default_one() -> None:
    found = settings.load(ROOT / "config/config.yaml")
    assert found == settings.Settings(
        reference=settings.Reference(fasta=found.reference.fasta, genes=found.reference.genes)
    )


def test_every_fault_of_a_configuration_is_named_at_once() -> None:
    with pytest.raises(StageError) as caught:
        settings.parse({"reference": {"fasta": "x"}, "calling": {"shards": 0}, "typo": 1}, "c.yaml")
    assert sorted(problem.column or "" for problem in caught.value.problems) == [
        "calling.shards",
        "reference.genes",
        "typo",
    ]


def test_given_limits_replace_those_of_the_measure_alone() -> None:
    given = settings.parse(
        {
            "reference": {"fasta": "x", "genes": "y"},
            "sample_qc": {"limits": {"mean_coverage": {"fail_below": 1}}},
        },
        "c.yaml",
    )
    limits = settings.limits(given)
    assert limits["mean_coverage"] == {"fail_below": 1}
    assert limits["mapped_fraction"] == {"fail_below": 0.8, "warn_below": 0.95}
