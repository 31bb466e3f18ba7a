"""Memory of checks that found files sound, so that they are read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from genopheno.files import read_json, write_json

FORMAT = 2


def key(kind: str, paths: Iterable[str | Path]) -> str:
    """What a check is remembered under, however its paths are spelled.

    Paths inside the working folder (the project) start there, so that it may be moved.
    """
    home = Path.cwd()
    found = [Path(path).resolve() for path in paths]
    inside = [path.relative_to(home) if path.is_relative_to(home) else path for path in found]
    return "\t".join([kind, *map(str, inside)])


def recall(cache: Path | None) -> dict[str, Any]:
    """``stat`` and ``result`` by `key` of the checks that ended without a fault."""
    if cache is None or not cache.is_file():
        return {}
    try:
        found = read_json(cache)
        return found["finished"] if found["format"] == FORMAT else {}
    except (ValueError, KeyError, TypeError):
        return {}  # a cache that cannot be read costs time, not truth


def add(cache: Path, finished: Mapping[str, Any]) -> None:
    """Remember these too: what another sheet of the project named may be archived by now."""
    write_json(cache, {"format": FORMAT, "finished": recall(cache) | dict(finished)})
