"""A run killed in three stages and started again ends as an undisturbed one."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from genopheno import fields
from genopheno.demo.project import simulate
from tests.workflow.commands import BIN

pytestmark = pytest.mark.slow

# Where to kill: as soon as the log of that step appears.
STAGES = ["align/*/*.log", "call/*.log", "join.log"]


def start(project: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [str(BIN / "genopheno"), "run", "--", "--set-threads", "align=1", "mark_duplicates=1"],
        cwd=project,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def kill_when(project: Path, pattern: str) -> None:
    """Start a run; when a log matches, kill it and all it started, with SIGKILL."""
    run = start(project)
    logs, deadline = project / "results/logs", time.monotonic() + 400
    while not list(logs.glob(pattern)):
        assert run.poll() is None, run.stdout.read().decode()[-4000:]
        assert time.monotonic() < deadline, f"no {pattern} within the time"
        time.sleep(0.02)
    time.sleep(0.3)  # into the step, not before it
    victims = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
    for victim in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGKILL)
    run.wait()


def finish(project: Path) -> None:
    run = start(project)
    said = run.communicate()[0].decode()
    assert run.returncode == 0, said[-6000:]


def content(project: Path) -> dict[str, object]:
    """What a run found, apart from file bytes that hold dates and paths."""
    results = project / "results"
    found: dict[str, object] = {}
    for path in sorted(results.glob("association/*.tsv.gz")):
        found[path.name] = gzip.decompress(path.read_bytes())
    for name in ("annotated/cohort.vcf.gz", "matrices/annotated.vcf.gz"):
        lines = gzip.decompress((results / name).read_bytes()).splitlines()
        found[name] = [line for line in lines if not line.startswith(b"##")]
    for name in (
        "annotated/sites", "qc/samples", "cohort/samples", "cohort/variants",
        "structure/components", "matrices/sites", "matrices/genotypes", "summaries/frequencies",
    ):  # fmt: skip
        found[name] = fields.read(results / f"{name}.parquet").to_json()
    found["genotypes"] = (results / "cohort/genotypes.bed").read_bytes()
    return found


def test_a_run_killed_in_three_stages_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    calm = tmp_path / "calm"
    simulate(calm, people=28, coverage=6.0)
    with open(calm / "config/config.yaml", "a") as config:
        config.write(
            "\nmatrices:\n  formats: []  # each is a step of its own; the demo makes them\n"
        )
    killed = Path(shutil.copytree(calm, tmp_path / "killed"))
    finish(calm)
    for pattern in STAGES:
        kill_when(killed, pattern)
    finish(killed)
    expected, found = content(calm), content(killed)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert found[name] == value, name
