"""Commands of this environment, run as a person would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
