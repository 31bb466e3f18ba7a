"""One plot of pairs: kinship against the fraction of opposite homozygotes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from genopheno.report.blocks import figure, markup_free, numbers

# Bounds of duplicates, first, second and third degree (KING).
BOUNDS = (0.354, 0.177, 0.0884, 0.0442)


def series(
    pairs: pd.DataFrame, name: str, labels: Sequence[str], colour: str, symbol: str = "circle"
) -> dict[str, Any]:
    """Dots of one kind of pairs; `pairs` has the columns kinship and ibs0."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": numbers(pairs["ibs0"], 4),
        "y": numbers(pairs["kinship"], 4),
        "text": [markup_free(label) for label in labels],
        "hovertemplate": "<b>%{text}</b><br>kinship %{y:.3f}, IBS0 %{x:.4f}<extra></extra>",
        "name": name,
        "marker": {"color": colour, "size": 8, "opacity": 0.8, "symbol": symbol},
    }


def plot(
    id: str,
    title: str,
    data: list[dict[str, Any]],
    *,
    alt: str,
    caption: str,
    height: int = 320,
    wide: bool = False,
    bounds: Sequence[float] = (),
) -> dict[str, Any]:
    """The figure of several `series`; `bounds` are drawn as dotted lines."""
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "IBS0 (opposite homozygotes)"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "kinship (KING-robust)"}},
        "showlegend": True,
    }
    if bounds:
        layout["yaxis"]["range"] = [0, 0.52]
        dotted = {"color": "var:line", "width": 1, "dash": "dot"}
        across = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "line": dotted}
        layout["shapes"] = [across | {"y0": bound, "y1": bound} for bound in bounds]
    spec = {"data": data, "layout": layout}
    return figure(id, title, spec, alt=alt, caption=caption, height=height, wide=wide)
