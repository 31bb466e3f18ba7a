"""Reading Snakemake's messages: from real runs of a small workflow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from genopheno.problems import StageError
from genopheno.runner import Progress, Workflow

SNAKEFILE = """
rule all:
    input: expand("made/{i}.txt", i=range(3)), "one.txt"
rule many:
    output: "made/{i}.txt"
    log: "logs/many.{i}.log"
    shell: "echo {wildcards.i} > {output} 2> {log}"
rule one:
    input: expand("made/{i}.txt", i=range(3))
    output: "one.txt"
    log: "logs/one.log"
    shell: "(echo bad news >&2; exit CODE) 2> {log} && cat {input} > {output}"
"""


def follow(folder: Path, code: int) -> Progress:
    (folder / "Snakefile").write_text(SNAKEFILE.replace("CODE", str(code)))
    said = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    progress = Progress()
    for line in said.stdout.splitlines():
        progress.read(line)
    return progress


def test_every_job_of_a_finished_run_is_counted(tmp_path: Path) -> None:
    progress = follow(tmp_path, 0)
    assert progress.rules() == [("many", 3, 0, 0), ("one", 1, 0, 0)]
    assert not progress.failed


def test_a_failed_rule_is_named_with_its_log(tmp_path: Path) -> None:
    progress = follow(tmp_path, 1)
    assert progress.rules() == [("many", 3, 0, 0), ("one", 0, 0, 1)]
    assert progress.failed == [("one", ["logs/one.log"])]


def test_an_unknown_profile_is_refused_by_name() -> None:
    with pytest.raises(StageError, match=r"profile-missing.*default, slurm"):
        Workflow(Path("config.yaml"), profile="nowhere").command()
