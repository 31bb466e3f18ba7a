"""The wheel: what it carries. The tests of the demo run on what it made (`demo` in conftest)."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_the_wheel_carries_the_workflow(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for path in ("workflow/Snakefile", "workflow/profiles/slurm/config.yaml", "rules/reads.smk",
                 "envs/reads.yaml", "config/config.yaml"):  # fmt: skip
        assert f"genopheno/pipeline/{path}" in names
    assert not [name for name in names if ".snakemake" in name or "__pycache__" in name]


def test_the_wheel_ran_the_demo_in_an_empty_folder(demo: tuple[Path, str]) -> None:
    project, said = demo
    assert [path.name for path in project.parent.iterdir()] == ["genopheno-demo"]
    assert "env/bin" not in said and "Traceback" not in said
