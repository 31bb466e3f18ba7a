"""The benches start: what they import is there. Their numbers are not judged here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHES = sorted(Path(__file__).resolve().parents[1].glob("bench/*.py"))


@pytest.mark.parametrize("path", BENCHES, ids=lambda path: path.stem)
def test_a_bench_says_what_it_measures(path: Path) -> None:
    said = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "usage" in said.stdout
