"""Follow-up of time-to-event traits: until when, and from when, people are seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from genopheno.clinical.columns import MAX_VALUES, Column
from genopheno.clinical.declaration import Trait
from genopheno.clinical.values import number, why_not_a_number
from genopheno.problems import Problem, Problems

PARTS = ("time", "entry")


def follow_up(
    trait: Trait, time: Column, entry: Column | None
) -> tuple[dict[str, np.ndarray], list[Problem]]:
    """End and start of follow-up and every fault of them.

    Returns
    -------
    Columns of the phenotype table by name, (rows,) float64 each, NaN missing: ``time:{trait}``,
    above 0, and ``entry:{trait}``, not negative and before the time. And the problems.
    """
    label = f"trait {trait.name}: "

    def positive(text: str) -> tuple[str, str] | None:
        value = number(text)
        if value is None:
            return why_not_a_number(text)
        if value <= 0:
            what = f"{text!r} is not a follow-up time: it is not above zero"
            return what, "Correct it, or declare it under 'missing'"
        return None

    def not_negative(text: str) -> tuple[str, str] | None:
        value = number(text)
        if value is None:
            return why_not_a_number(text)
        if value < 0:
            return f"{text!r} is negative: follow-up starts at 0 or later", "Correct it"
        return None

    found = Problems()
    found.extend(time.faults("phenotype-value", label, positive))
    values = {column_name("time", trait.name): time.take(number)}
    if entry is not None:
        found.extend(entry.faults("phenotype-value", label, not_negative))
        values[column_name("entry", trait.name)] = entry.take(number)
        found.extend(_late(label, entry, *values.values()))
    return values, list(found)


def column_name(part: str, trait: str) -> str:
    """Name of the column of the phenotype table; no trait can have it."""
    return f"{part}:{trait}"


def _late(label: str, column: Column, time: np.ndarray, entry: np.ndarray) -> list[Problem]:
    late = np.flatnonzero((entry >= time) & (time > 0))  # the others are told as times
    out = [
        Problem(
            "phenotype-value",
            column.path,
            int(column.lines[i]),
            column.name,
            f"{label}follow-up starts at {entry[i]:g} and ends at {time[i]:g}",
            "Entry must come before time, both counted from the same day in one unit",
        )
        for i in late[:MAX_VALUES]
    ]
    if len(late) > MAX_VALUES:
        what = f"{label}{len(late) - MAX_VALUES} further rows start at or after their end"
        out.append(
            Problem("phenotype-value", column.path, None, column.name, what, "Mend them likewise")
        )
    return out


def describe(trait: Trait, event: np.ndarray, values: dict[str, np.ndarray]) -> dict[str, Any]:
    """What traits.json says beyond a binary trait; `event` (rows,) 1, 0 or NaN.

    People count (`n_observed`, `n_cases` with the event, `n_controls` censored) who have
    all of event, time and entry.
    """
    complete = ~np.isnan(event)
    without_time = int((complete & np.isnan([*values.values()]).any(0)).sum())
    for part in values.values():
        complete &= ~np.isnan(part)
    time = values[column_name("time", trait.name)][complete]
    entry = values.get(column_name("entry", trait.name))
    seen = time if entry is None else time - entry[complete]
    known = len(time) > 0
    return {
        "time": trait.time,
        "entry": trait.entry,
        "n_observed": len(time),
        "n_missing": int(len(event) - len(time)),
        "n_cases": int((event[complete] == 1).sum()),
        "n_controls": int((event[complete] == 0).sum()),
        "n_without_follow_up": without_time,
        "follow_up": {
            "min": float(seen.min()) if known else None,
            "median": float(np.median(seen)) if known else None,
            "max": float(seen.max()) if known else None,
            "total": float(seen.sum()),
        },
    }
