"""Files: written beside and renamed, hashed, described. Nothing half-written has a final name."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def writing(path: str | Path, *, suffix: str = "") -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` if the block succeeds.

    The temporary name is unique to the process, so that an orphan of a killed run
    never writes into the file of its successor. `suffix` keeps an ending that a tool
    looks at (``.bam``, ``.vcf.gz``). A directory is replaced as a whole.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}{suffix or path.suffix}")
    remove(beside)
    try:
        yield beside
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        beside.replace(path)
    finally:
        remove(beside)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    with writing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON with sorted keys (NaN is refused: missing is null)."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def md5(path: str | Path) -> str:
    """MD5 of the bytes of a file, hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "md5").hexdigest()
