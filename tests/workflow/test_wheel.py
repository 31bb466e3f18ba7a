"""The wheel, in an empty environment outside the checkout, runs the demo."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", out, ROOT], check=True
    )
    return next(out.glob("genopheno-*.whl"))


def test_the_wheel_carries_the_workflow(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for path in ("workflow/Snakefile", "workflow/profiles/slurm/config.yaml", "rules/reads.smk",
                 "envs/reads.yaml", "config/config.yaml"):  # fmt: skip
        assert f"genopheno/pipeline/{path}" in names
    assert not [name for name in names if ".snakemake" in name or "__pycache__" in name]


def test_the_wheel_runs_the_demo_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    bin_ = tmp_path / "env/bin"
    subprocess.run([bin_ / "python", "-m", "pip", "install", "--quiet", wheel], check=True)
    here = tmp_path / "empty"
    here.mkdir()
    system = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if ".venv" not in p)
    said = subprocess.run(
        [bin_ / "genopheno", "demo", "--people", "60"],
        cwd=here,
        env={"PATH": system, "HOME": os.environ.get("HOME", str(tmp_path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert said.returncode == 0, said.stdout[-6000:]
    assert (here / "genopheno-demo/results/report/report.html").exists()
    assert [path.name for path in here.iterdir()] == ["genopheno-demo"]
