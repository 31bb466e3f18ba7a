"""Time-to-event traits in the report: who is seen for how long, and who stays free of the event."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genopheno.report.blocks import figure, markup_free, numbers
from genopheno.report.figures import CATEGORICAL

POINTS = 60
FEWEST = 5  # people at risk below which nothing is drawn: it would show single persons


def kaplan_meier(
    time: np.ndarray, event: np.ndarray, entry: np.ndarray | None, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Share of people free of the event and people at risk, both (len(at),), at given times.

    Product limit (Kaplan and Meier 1958); people who enter late count from then on.
    """
    times, deaths = np.unique(time[event == 1], return_counts=True)
    start = np.zeros(len(time)) if entry is None else entry

    def at_risk(when: np.ndarray) -> np.ndarray:
        seen = len(time) - np.searchsorted(np.sort(time), when, "left")
        return seen - (len(time) - np.searchsorted(np.sort(start), when, "left"))

    curve = np.cumprod(1 - deaths / at_risk(times))
    place = np.searchsorted(times, at, "right")
    return np.concatenate([[1.0], curve])[place], at_risk(at)


def survival(
    people: pd.DataFrame, name: str, by: str | None, trait: dict[str, Any], id: str
) -> dict[str, Any] | None:
    """Kaplan-Meier curves by group on an even grid, drawn where enough people are at risk."""
    columns = [name, f"time:{name}", *([f"entry:{name}"] if trait.get("entry") else [])]
    known = people.dropna(subset=columns)
    if known.empty:
        return None
    values = {c: known[c].to_numpy(dtype=float) for c in columns}
    event, time, *late = values.values()
    labels = known[by].fillna("not given").astype(str) if by else pd.Series("", known.index)
    grid = np.linspace(0, time.max(), POINTS + 1)
    lines = []
    for i, level in enumerate(sorted(labels.unique())):
        here = (labels == level).to_numpy()
        entry = late[0][here] if late else None
        free, risk = kaplan_meier(time[here], event[here], entry, grid)
        # With late entry few are at risk at first, too.
        shown = np.flatnonzero((risk >= FEWEST) | (grid == 0))
        lines.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": numbers(grid[shown], 4),
                "y": numbers(free[shown], 4),
                "line": {"shape": "hv", "color": CATEGORICAL[i % 8]},
                "name": markup_free(level),
                "customdata": risk[shown].tolist(),
                "hovertemplate": "%{x}: %{y:.1%}, %{customdata:,} at risk",
            }
        )
    unit = f" ({trait['unit']})" if trait.get("unit") else ""
    follow_up = float(np.median(time - late[0] if late else time))
    return figure(
        id,
        name,
        {
            "data": lines,
            "layout": {
                "xaxis": {"title": {"text": markup_free(f"time{unit}")}},
                "yaxis": {
                    "title": {"text": "free of the event"},
                    "tickformat": ".0%",
                    "rangemode": "tozero",
                },
                "showlegend": len(lines) > 1,
            },
        },
        alt=f"Kaplan-Meier curve of {name}" + (f", by {by}" if by else ""),
        caption=f"Kaplan-Meier. {len(known):,} people, {int(event.sum()):,} events, median "
        f"follow-up {follow_up:.3g}{unit}" + (f"; by {by}." if by else "."),
        height=290,
    )
