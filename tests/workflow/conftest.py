"""One demo run for all tests of the workflow, made by the command that a newcomer types."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


def command(*words: str | Path, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command of this environment and return what it printed, both streams in one."""
    said = subprocess.run(
        [str(BIN / words[0]), *map(str, words[1:])],
        cwd=cwd,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if check:
        assert said.returncode == 0, said.stdout[-6000:]
    return said


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
