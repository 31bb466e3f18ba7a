"""The picture of a locus: p along the contig, coloured by correlation, with the genes below."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genopheno.report.blocks import markup_free, numbers, p_text

# From r² of at least, what it is called, and its colour in the theme.
SHADES = (
    (0.8, "r² ≥ 0.8", "var:fail"),
    (0.6, "0.6–0.8", "var:warn"),
    (0.4, "0.4–0.6", "var:g3"),
    (0.2, "0.2–0.4", "var:g1"),
    (-1.0, "below 0.2", "var:grey"),
)
MOST_POINTS, MOST_GENES = 1500, 40
LANES = 4  # rows of genes


def regional(
    variants: pd.DataFrame, locus: dict[str, Any], signals: list[str], above: float
) -> dict[str, Any]:
    """A Plotly specification.

    Parameters
    ----------
    variants : base_pair_location, neg_log10_p_value, r2, variant_id.
    locus : contig, start, stop, and genes (symbol, start, end, strand).
    signals : variants that are marked.
    above : −log10 p at which a line is drawn.
    """
    kept = thinned(variants, signals)
    place = variants["base_pair_location"]
    edge = max(1, int(place.max() - place.min()) // 50)
    locus = locus | {
        "start": max(locus["start"], int(place.min()) - edge),
        "stop": min(locus["stop"], int(place.max()) + edge),
    }
    r2 = kept["r2"].fillna(0).to_numpy(float)
    data, upper = [], np.inf
    for least, name, colour in SHADES:
        here = kept[(r2 >= least) & (r2 < upper)]
        upper = least
        if len(here):
            data.append(_points(here, name, colour, "circle", 6))
    data.append(_points(kept[kept["variant_id"].isin(signals)], "signal", "var:ink", "diamond", 10))
    shapes = [{
        "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": above, "y1": above,
        "line": {"color": "var:soft", "width": 1.1, "dash": "dash"},
    }]  # fmt: skip
    genes, names = _genes(locus)
    return {
        "data": [*data, genes],
        "layout": {
            "showlegend": True,
            "xaxis": {
                "title": {"text": f"position on {markup_free(locus['contig'])} (bp)"},
                "range": [locus["start"], locus["stop"]], "tickformat": ",d", "nticks": 5,
                "anchor": "y2",
            },
            "yaxis": {"title": {"text": "−log<sub>10</sub> p"}, "domain": [0.3, 1]},
            "yaxis2": {
                "domain": [0, 0.24], "range": [-0.2, LANES], "showgrid": False,
                "showticklabels": False, "ticks": "", "fixedrange": True,
            },
            "shapes": shapes,
            "annotations": names,
        },
    }  # fmt: skip


def thinned(variants: pd.DataFrame, signals: list[str]) -> pd.DataFrame:
    """At most `MOST_POINTS`: those with the smallest p, of the rest every so many-th, and the
    signals."""
    if len(variants) <= MOST_POINTS:
        return variants
    ranked = variants.sort_values("neg_log10_p_value", ascending=False, kind="stable")
    half = MOST_POINTS // 2
    rest = ranked.iloc[half:]
    kept = pd.concat([ranked.iloc[:half], rest.iloc[:: -(-len(rest) // half)]])
    marked = variants[variants["variant_id"].isin(signals)]
    return pd.concat([kept, marked]).drop_duplicates("variant_id")


def _points(part: pd.DataFrame, name: str, colour: str, symbol: str, size: float) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "markers", "name": name,
        "x": part["base_pair_location"].tolist(), "y": numbers(part["neg_log10_p_value"], 4),
        "text": [
            f"<b>{markup_free(v)}</b><br>p = {p_text(p)}   r² = {r:.2f}"
            for v, p, r in zip(
                part["variant_id"], part["neg_log10_p_value"], part["r2"].fillna(0), strict=True
            )
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": colour, "symbol": symbol, "size": size, "opacity": 0.9},
    }  # fmt: skip


def _genes(locus: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A trace of the longest genes, in lanes so that names do not overlap, and the names."""
    seen = [g for g in locus["genes"] if g["end"] >= locus["start"] and g["start"] <= locus["stop"]]
    longest = sorted(seen, key=lambda g: g["start"] - g["end"])[:MOST_GENES]
    span = locus["stop"] - locus["start"]
    free = [-np.inf] * LANES
    # A point off the axis, so that it is there without genes, too.
    x, y, text, names = [locus["start"], None], [-1, None], ["", None], []
    for gene in sorted(longest, key=lambda g: g["start"]):
        start, end = max(gene["start"], locus["start"]), min(gene["end"], locus["stop"])
        middle = (start + end) / 2
        reach = max(end - start, span * (0.02 * len(gene["symbol"]) + 0.05)) / 2
        lane = next((i for i in range(LANES) if free[i] <= middle - reach), None)
        named = lane is not None
        lane = int(np.argmin(free)) if lane is None else lane
        free[lane] = max(free[lane], middle + reach)
        height = LANES - 1 - lane
        about = f"{markup_free(gene['symbol'])}<br>{gene['start']:,}–{gene['end']:,}"
        x += [start, middle, end, None]
        y += [height, height, height, None]
        text += [about, about, about, None]
        if named:
            arrow = {"+": " →", "-": " ←"}.get(gene["strand"], "")
            names.append({
                "x": middle, "y": height, "yref": "y2", "yshift": 9, "showarrow": False,
                "text": f"<i>{markup_free(gene['symbol'])}</i>{arrow}", "font": {"size": 11},
            })  # fmt: skip
    trace = {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "text": text, "yaxis": "y2",
        "showlegend": False, "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": "var:accent", "width": 4},
    }  # fmt: skip
    return trace, names
