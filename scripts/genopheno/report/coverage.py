"""Section on how deep each sample was sequenced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genopheno.report.blocks import Section, figure, markup_free, note, numbers
from genopheno.report.figures import VERDICT
from genopheno.report.read import Results

SHOWN_LINES = 150  # above this many samples, curves become a band


def section(results: Results, limit: dict[str, float]) -> Section:
    """Cumulative depth of each sample, and mean coverage from high to low."""
    section = Section(
        "coverage",
        "Coverage",
        "How much of the reference each sample covers at least so many times, duplicates left out.",
    )
    frame = results.table("qc/samples.parquet", ["sample", "verdict", "mean_coverage"])
    if frame is None or frame.empty:
        section.missing = results.why("qc/samples.parquet") or "There are no samples."
        return section
    curves = {}
    for name in frame["sample"]:
        curve = cumulative(results.path("qc") / str(name))
        if curve is not None:
            curves[str(name)] = curve
    if curves:
        section.add(_curves(curves, dict(zip(frame["sample"], frame["verdict"], strict=True))))
    else:
        section.add(note("Coverage curves are not available: there are no mosdepth distributions."))
    section.add(_ranked(frame, limit))
    return section


def cumulative(folder: Path, points: int = 48) -> tuple[np.ndarray, np.ndarray] | None:
    """Depths and the fraction of the reference covered at least so deep, from mosdepth.

    Read from the lines ``total`` of ``*.mosdepth.region.dist.txt``, else of
    ``*.mosdepth.global.dist.txt``; about `points` depths, up to where 0.5 % is left.
    """
    for kind in ("region", "global"):
        for path in sorted(folder.glob(f"*.mosdepth.{kind}.dist.txt")):
            rows = [
                line.split("\t")
                for line in path.read_text(encoding="utf-8").splitlines()
                if line.startswith("total\t")
            ]
            if not rows:
                continue
            depth = np.array([int(row[1]) for row in rows])
            covered = np.array([float(row[2]) for row in rows])
            order = np.argsort(depth)
            depth, covered = depth[order], covered[order]
            last = int(np.searchsorted(-covered, -0.005))
            depth, covered = depth[: max(last, 2)], covered[: max(last, 2)]
            step = max(1, len(depth) // points)
            return depth[::step], covered[::step]
    return None


def _curves(curves: dict[str, tuple[np.ndarray, np.ndarray]], verdict: dict[str, str]) -> dict:
    deepest = max(depth[-1] for depth, _ in curves.values())
    data: list[dict[str, Any]] = []
    drawn = list(curves)
    if len(curves) > SHOWN_LINES:
        grid = np.unique(np.linspace(0, deepest, 80).round().astype(int))
        stack = np.vstack([np.interp(grid, d, c, right=0) for d, c in curves.values()])
        for low, high, opacity in ((5, 95, 0.18), (25, 75, 0.3)):
            edges = np.percentile(stack, [low, high], axis=0)
            data.append(
                {
                    "type": "scatter",
                    "x": [*grid.tolist(), *grid[::-1].tolist()],
                    "y": numbers(np.concatenate([edges[1], edges[0][::-1]]), 4),
                    "fill": "toself",
                    "fillcolor": "var:accent",
                    "opacity": opacity,
                    "line": {"width": 0},
                    "name": f"{low}–{high} % of samples",
                    "hoverinfo": "skip",
                }
            )
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": grid.tolist(),
                "y": numbers(np.median(stack, axis=0), 4),
                "name": "median",
                "line": {"color": "var:accent", "width": 2},
            }
        )
        drawn = [name for name in curves if verdict.get(name) == "fail"][:SHOWN_LINES]
    seen: set[str] = set()
    for name in sorted(drawn, key=lambda n: ("pass", "warn", "fail").index(verdict.get(n, "pass"))):
        depth, covered = curves[name]
        kind = verdict.get(name, "pass")
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": depth.tolist(),
                "y": numbers(covered, 4),
                "name": kind,
                "legendgroup": kind,
                "showlegend": kind not in seen,
                "line": {
                    "color": VERDICT.get(kind, "var:grey"),
                    "width": 1.2 if kind == "pass" else 1.8,
                },
                "opacity": 0.45 if kind == "pass" else 0.9,
                "hovertemplate": f"<b>{markup_free(name)}</b><br>"
                "%{y:.1%} at ≥ %{x}×<extra></extra>",
            }
        )
        seen.add(kind)
    return figure(
        "plot-coverage",
        "Cumulative coverage",
        {
            "data": data,
            "layout": {
                "xaxis": {"title": {"text": "depth (reads)"}, "range": [0, int(deepest)]},
                "yaxis": {
                    "title": {"text": "fraction of the reference"},
                    "tickformat": ".0%",
                    "range": [0, 1.02],
                },
                "showlegend": True,
            },
        },
        alt="Cumulative coverage curve of each sample",
        height=380,
        wide=True,
    )


def _ranked(frame: pd.DataFrame, limit: dict[str, float]) -> dict[str, Any] | None:
    frame = frame.dropna(subset=["mean_coverage"]).sort_values("mean_coverage", ascending=False)
    if frame.empty:
        return None
    rank = np.arange(1, len(frame) + 1)
    data = []
    for verdict, colour in VERDICT.items():
        here = (frame["verdict"] == verdict).to_numpy()
        data.append(
            {
                "type": "bar",
                "x": rank[here].tolist(),
                "y": numbers(frame["mean_coverage"][here], 4),
                "name": verdict,
                "text": [markup_free(name) for name in frame["sample"][here]],
                "textposition": "none",
                "marker": {"color": colour},
                "hovertemplate": "<b>%{text}</b><br>%{y:.1f}×<extra>" + verdict + "</extra>",
            }
        )
    shapes = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": value,
            "y1": value,
            "line": {
                "color": f"var:{'fail' if key.startswith('fail') else 'warn'}",
                "width": 1.5,
                "dash": "solid" if key.startswith("fail") else "dot",
            },
        }
        for key, value in limit.items()
    ]
    return figure(
        "plot-mean-coverage",
        "Mean coverage, from high to low",
        {
            "data": data,
            "layout": {
                "xaxis": {"title": {"text": "samples by rank"}, "showgrid": False},
                "yaxis": {"title": {"text": "mean depth"}, "rangemode": "tozero"},
                "shapes": shapes,
                "barmode": "overlay",
                "bargap": 0.12 if len(frame) < 200 else 0,
                "showlegend": True,
            },
        },
        alt="Mean coverage of each sample, sorted",
        caption="Dotted line: limit of a warning; full line: limit of failing.",
        height=300,
        wide=True,
    )
