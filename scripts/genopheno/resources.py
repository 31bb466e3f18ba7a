"""What the jobs of a project took: time, CPU and memory, from Snakemake's benchmark files."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from genopheno.console import console

BENCHMARKS = Path("results/benchmarks")


@dataclass
class Taken:
    """What all jobs of one rule took; None: not measured (a job of an instant has no sample).

    Attributes
    ----------
    jobs : benchmark files.
    seconds, longest : wall time, of all jobs together and of the longest (s).
    cpu_seconds : CPU time of all jobs (s).
    peak_mb : largest resident memory of a job (MiB).
    asked_mb : largest memory that was asked for a job (`mem_mb`).
    """

    rule: str
    jobs: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    cpu_seconds: float | None = None
    peak_mb: float | None = None
    asked_mb: float | None = None


def collect(folder: Path = BENCHMARKS) -> list[Taken]:
    """Read every benchmark file below a folder; rules by wall time, longest first.

    The rule of a file is its first folder, or its own name where it lies at the top. Of a
    repeated benchmark every row counts.
    """
    rules: dict[str, Taken] = {}
    for path in sorted(folder.rglob("*.tsv")):
        place = path.relative_to(folder)
        name = place.parts[0] if len(place.parts) > 1 else place.stem
        with open(path, newline="", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle, delimiter="\t"))
        add(rules.setdefault(name, Taken(name)), rows)
    return sorted(rules.values(), key=lambda taken: -taken.seconds)


def add(taken: Taken, rows: Iterable[Mapping[str, str]]) -> None:
    """Add the rows of one benchmark file (columns s, max_rss, cpu_time, perhaps resources)."""
    for row in rows:
        seconds = _number(row.get("s")) or 0.0
        taken.jobs += 1
        taken.seconds += seconds
        taken.longest = max(taken.longest, seconds)
        if (cpu := _number(row.get("cpu_time"))) is not None:
            taken.cpu_seconds = (taken.cpu_seconds or 0.0) + cpu
        taken.peak_mb = _largest(taken.peak_mb, _number(row.get("max_rss")))
        taken.asked_mb = _largest(taken.asked_mb, _asked(row.get("resources")))


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text not in (None, "", "-", "NA") else None
    except ValueError:
        return None


def _asked(text: str | None) -> float | None:
    """`mem_mb` of the column ``resources`` that ``--benchmark-extended`` adds."""
    found = re.search(r"['\"]mem_mb['\"]: (\d+)", text or "")
    return float(found[1]) if found else None


def _largest(one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return max(known) if known else None


def show_resources(*, as_json: bool) -> None:
    """Print what the rules took, as a table or for programs."""
    rules = collect()
    if as_json:
        print(json.dumps([asdict(taken) for taken in rules], indent=2))
        return
    if not rules:
        console.print(f"No job has been measured yet ({BENCHMARKS} has no files).")
        return
    from rich.table import Table

    heads = ("step", "jobs", "wall time", "longest", "CPU time", "peak MiB", "asked MiB")
    table = Table(*heads, box=None, header_style="bold")
    for taken in rules:
        times = (taken.seconds, taken.longest, taken.cpu_seconds)
        sizes = (taken.peak_mb, taken.asked_mb)
        table.add_row(
            taken.rule, str(taken.jobs), *map(_clock, times), *(_shown(size) for size in sizes)
        )
    console.print(table)


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
