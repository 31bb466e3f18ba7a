"""Plotly specifications of the plain plots, as dicts. Colours are ``var:name`` of the theme."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from genopheno.report.blocks import markup_free, numbers

CATEGORICAL = tuple(f"var:g{i}" for i in range(1, 9))
IMPACT = {"HIGH": "var:fail", "MODERATE": "var:warn", "LOW": "var:g1", "MODIFIER": "var:grey"}
VERDICT = {"pass": "var:pass", "warn": "var:warn", "fail": "var:fail"}


def bars(
    labels: Sequence[str],
    values: Sequence[float],
    *,
    colours: Sequence[str] | str = "var:accent",
    axis: str = "",
    lying: bool = True,
    log: bool = False,
) -> dict[str, Any]:
    """Bars with their counts written beside them; lying bars read first to last downwards."""
    names = [markup_free(label) for label in labels]
    text = [f"{v:,.0f}" if float(v).is_integer() else f"{v:,.3g}" for v in values]
    along, across = ("x", "y") if lying else ("y", "x")
    most = max((float(v) for v in values), default=1) or 1
    # Room beyond the longest bar for its number.
    value_axis = {"title": {"text": axis}, "range": [0, most * 1.14], "nticks": 6}
    if log:
        value_axis |= {"type": "log", "dtick": 1, "range": [-0.1, np.log10(max(most, 10)) * 1.2]}
    name_axis: dict[str, Any] = {"type": "category", "showgrid": False, "ticks": ""}
    if lying:
        name_axis |= {"autorange": "reversed", "automargin": True}
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h" if lying else "v",
                along: list(values),
                across: names,
                "text": text,
                "textposition": "outside",
                "cliponaxis": False,
                "marker": {"color": colours if isinstance(colours, str) else list(colours)},
                "hovertemplate": f"%{{{across}}}: %{{text}}<extra></extra>",
            }
        ],
        "layout": {f"{along}axis": value_axis, f"{across}axis": name_axis, "bargap": 0.32},
    }


def histogram(
    values: np.ndarray,
    *,
    axis: str,
    bins: int = 40,
    what: str = "",
    colour: str = "var:accent",
    log: bool = False,
    span: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Counts in even bins, made here so that no value of a single person is in the page."""
    values = np.asarray(values, dtype=float)
    counts, edges = np.histogram(values[np.isfinite(values)], bins=bins, range=span)
    return {
        "data": [stair(edges, counts, name="", colour=colour, what=what)],
        "layout": {
            "xaxis": {"title": {"text": axis}},
            "yaxis": {"title": {"text": what}, "type": "log" if log else "linear"},
            "bargap": 0.04,
        },
    }


def stair(edges: np.ndarray, counts: np.ndarray, *, name: str, colour: str, what: str):
    """One series of a histogram as bars between edges."""
    middle = (edges[:-1] + edges[1:]) / 2
    return {
        "type": "bar",
        "x": numbers(middle),
        "y": counts.tolist(),
        "width": numbers(np.diff(edges) * 0.94),
        "name": markup_free(name),
        "marker": {"color": colour},
        "customdata": [f"{low:.4g} to {high:.4g}" for low, high in itertools.pairwise(edges)],
        "hovertemplate": f"%{{customdata}}: %{{y:,}} {what}<extra>{markup_free(name)}</extra>",
    }


def limit_lines(limit: dict[str, float], axis: str) -> list[dict[str, Any]]:
    """Shapes for the bounds of one measure, across the whole height of subplot `axis`."""
    lines = []
    for key, value in limit.items():
        tone = "fail" if key.startswith("fail") else "warn"
        lines.append(
            {
                "type": "line",
                "xref": axis,
                "yref": f"{axis.replace('x', 'y')} domain",
                "x0": value,
                "x1": value,
                "y0": 0,
                "y1": 1,
                "line": {
                    "color": f"var:{tone}",
                    "width": 1.5,
                    "dash": "solid" if tone == "fail" else "dot",
                },
            }
        )
    return lines
