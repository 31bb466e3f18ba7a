"""Where the shared real data are, the commands, and one demo run for all tests that need it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflow.commands import command

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("GENOPHENO_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """``data("ceu_chr20")`` is the folder of that data set; the test is skipped without it."""

    def folder(name: str) -> Path:
        path = DATA / name
        if not path.is_dir():
            pytest.skip(f"shared data set {name} is absent (looked in {DATA})")
        return path

    return folder


@pytest.fixture(scope="session")
def genopheno() -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*words: str | Path, cwd: Path, check: bool = True):
        return command("genopheno", *words, cwd=cwd, check=check)

    return run


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """(project folder, what was printed) of `genopheno demo` in an empty folder."""
    folder = tmp_path_factory.mktemp("demo")
    said = command("genopheno", "demo", cwd=folder)
    return folder / "genopheno-demo", said.stdout
