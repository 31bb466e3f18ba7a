"""Choosing a Java that Hail can run on.

Hail 0.2.139 sits on Spark 3.5, which runs on Java 8, 11 and 17; classes of Hail itself are
compiled for Java 11, so that 11 and 17 are left. The tests of this project run on 17.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from genopheno.problems import StageError, fail

SUPPORTED = (17, 11)  # in order of preference


@dataclass(frozen=True)
class Java:
    """An installed Java: its home folder, major version (None: unknown) and full version."""

    home: Path
    major: int | None
    version: str


def candidates(
    environ: dict[str, str] | None = None, folder: str | Path = "/usr/lib/jvm"
) -> list[Path]:
    """Home folders to look at, best first: JAVA_HOME, conda, PATH, the distribution's, ``.conda``.

    A name may be given twice or not exist; `inspect` sorts that out.
    """
    environ = dict(os.environ if environ is None else environ)
    homes = [Path(environ["JAVA_HOME"])] if environ.get("JAVA_HOME") else []
    for prefix in (environ.get("CONDA_PREFIX"), sys.prefix, ".conda"):
        if prefix:
            homes += [Path(prefix) / "lib" / "jvm", Path(prefix)]
    on_path = shutil.which("java", path=environ.get("PATH", os.defpath))
    if on_path:
        homes.append(Path(on_path).resolve().parent.parent)
    folder = Path(folder)
    if folder.is_dir():
        homes += sorted(folder.iterdir(), reverse=True)
    return homes


def major_version(version: str) -> int | None:
    """Major version of a version text: '1.8.0_392' is 8, '17.0.15' is 17; None: not a version."""
    found = re.match(r"(?:1\.)?(\d+)", version)
    return int(found[1]) if found else None


def inspect(homes: Iterable[Path]) -> list[Java]:
    """The Javas among `homes`, in the same order, each once (links followed).

    The version comes from the ``release`` file of the home folder, else from ``java -version``.
    """
    found: dict[Path, Java] = {}
    for home in homes:
        binary = home / "bin" / "java"
        if not (binary.is_file() and os.access(binary, os.X_OK)):
            continue
        real = binary.resolve().parent.parent
        if real not in found:
            version = _release(real) or _release(home) or _asked(binary)
            found[real] = Java(real, major_version(version), version or "unknown")
    return list(found.values())


def _release(home: Path) -> str:
    try:
        text = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r'^JAVA_VERSION="?([^"\n]+)', text, re.MULTILINE)
    return found[1] if found else ""


def _asked(binary: Path) -> str:
    try:
        said = subprocess.run([binary, "-version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r'version "([^"]+)"', said.stderr + said.stdout)
    return found[1] if found else ""


def choose(homes: Iterable[Path]) -> Java:
    """The first supported Java among `homes`.

    What the user points at (JAVA_HOME comes first in `candidates`) wins if it is supported;
    otherwise it is passed over for one that is.

    Raises
    ------
    StageError : none is supported; the message names each unsupported one.
    """
    javas = inspect(homes)
    for java in javas:
        if java.major in SUPPORTED:
            return java
    seen = "; ".join(f"Java {java.version} in {java.home}" for java in javas)
    raise _unsupported(seen)


def _unsupported(seen: str) -> StageError:
    wanted = " or ".join(str(version) for version in sorted(SUPPORTED))
    return fail(
        "java-unsupported" if seen else "java-missing",
        "java",
        f"Hail runs on Java {wanted}; " + (f"found only {seen}" if seen else "found none"),
        "Install a Java 17 runtime (Debian and Ubuntu: openjdk-17-jre-headless; conda:"
        " openjdk=17), or let JAVA_HOME name one",
    )
