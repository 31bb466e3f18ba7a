"""Who is who: contamination, sex, and pairs of samples, as parts of the section on samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genopheno.report import kinship
from genopheno.report.blocks import column, figure, grid, markup_free, note, numbers, table
from genopheno.report.figures import limit_lines
from genopheno.report.read import Results, first

MOST_BARS = 20
MOST_PAIRS = 500
TONES = {"agrees": "var:pass", "undecided": "var:grey", "differs": "var:fail", "": "var:warn"}
NAMES = {"": "not declared"}
SEXES = {"female": "var:g2", "male": "var:g1", "unknown": "var:grey"}


def blocks(results: Results, limit: dict[str, float]) -> list[dict[str, Any] | None]:
    """Notes, plots and the table of pairs; nothing where the stage has not run.

    Parameters
    ----------
    limit : bounds of the lower end of contamination.
    """
    measures = results.table("qc/identity/measures.parquet")
    pairs = results.table("qc/identity/pairs.parquet")
    if measures is None or pairs is None:
        return []
    facts = results.json("qc/identity/identity.json")
    said = [
        note(f"{str(text)[:1].upper()}{str(text)[1:]}.")
        for text in first(facts, "notes", default=[])
    ]
    pairs = pairs.assign(
        _rank=pairs["outcome"].map({"differs": 0, "undecided": 1, "": 2, "agrees": 3})
    ).sort_values(["_rank", "same_log10_odds"], ascending=[True, False], kind="stable")
    return [
        *said,
        grid(_contamination(measures, limit), _sex(measures)),
        _kin(pairs),
        _pairs(pairs),
    ]


def _contamination(measures: pd.DataFrame, limit: dict[str, float]) -> dict[str, Any] | None:
    held = measures.dropna(subset=["contamination"]).sort_values(
        ["contamination_low", "contamination"], ascending=False, kind="stable"
    )
    if held.empty:
        return None
    top = held.head(MOST_BARS)
    value, low, high = (
        top[name].to_numpy(float)
        for name in ("contamination", "contamination_low", "contamination_high")
    )
    fails, warns = limit.get("fail_above", np.inf), limit.get("warn_above", np.inf)
    colours = np.where(low > fails, "var:fail", np.where(low > warns, "var:warn", "var:accent"))
    data = {
        "type": "scatter",
        "mode": "markers",
        "x": numbers(value),
        "y": [markup_free(name) for name in top["sample"]],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": numbers(np.maximum(high - value, 0)),
            "arrayminus": numbers(np.maximum(value - low, 0)),
            "color": "var:grey",
            "thickness": 1.2,
            "width": 3,
        },
        "marker": {"color": colours.tolist(), "size": 9},
        "hovertemplate": "<b>%{y}</b>: %{x:.1%}<extra></extra>",
    }
    layout = {
        "xaxis": {"title": {"text": "contamination"}, "tickformat": ".0%", "rangemode": "tozero"},
        "yaxis": {"type": "category", "autorange": "reversed", "automargin": True},
        "shapes": limit_lines(limit, "x"),
    }
    layout["yaxis"] |= {"showgrid": False, "ticks": ""}
    return figure(
        "plot-contamination",
        "Contamination" if len(held) <= MOST_BARS else f"Contamination, the highest {MOST_BARS}",
        {"data": [data], "layout": layout},
        alt="Estimated contamination of each sample with its interval, and the limits",
        caption="Share of the reads that come from somebody else, with its interval. The limits "
        "(dotted: warning, full: failing) hold for the lower end.",
        height=max(240, 90 + 22 * len(top)),
    )


def _sex(measures: pd.DataFrame) -> dict[str, Any] | None:
    """X against Y depth; X depth or Y depth missing: X heterozygosity takes the place."""
    axes = {
        "x_coverage_ratio": "depth of X over that of the autosomes",
        "y_coverage_ratio": "depth of Y over that of the autosomes",
        "x_heterozygosity": "X heterozygosity over that of two X",
    }
    known = [name for name in axes if measures[name].notna().any()]
    if not known:
        return None
    x, y = known[0], known[1] if len(known) > 1 else None
    data = []
    for sex, colour in SEXES.items():
        here = measures[(measures["sex"] == sex) & measures[x].notna()]
        if here.empty:
            continue
        wrong = here["sex_check"].isin(["differs", "unclear"]).to_numpy()
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": numbers(here[x]),
                "y": numbers(here[y]) if y else [0] * len(here),
                "text": [
                    markup_free(f"{name}: declared {sex}, by reads {found}")
                    for name, found in zip(
                        here["sample"], here["inferred_sex"].fillna("not told"), strict=True
                    )
                ],
                "hovertemplate": "%{text}<br>%{x:.2f}, %{y:.2f}<extra></extra>",
                "name": f"declared {sex}",
                "marker": {
                    "color": colour,
                    "size": np.where(wrong, 13, 8).tolist(),
                    "symbol": np.where(wrong, "x", "circle").tolist(),
                    "opacity": 0.85,
                },
            }
        )
    layout = {
        "xaxis": {"title": {"text": axes[x]}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": axes[y] if y else ""}, "rangemode": "tozero"},
        "showlegend": True,
    }
    return figure(
        "plot-sex",
        "Sex",
        {"data": data, "layout": layout},
        alt="A dot per sample by depth of X and Y, coloured by declared sex",
        caption="A cross: the declared sex and the reads do not agree.",
        height=360,
    )


def _kin(pairs: pd.DataFrame) -> dict[str, Any] | None:
    held = pairs.dropna(subset=["kinship", "ibs0"])
    if held.empty:
        return None
    data = []
    for outcome, colour in TONES.items():
        here = held[held["outcome"] == outcome].head(MOST_PAIRS)
        if here.empty:
            continue
        named = zip(here["sample_1"], here["sample_2"], here["relation"], strict=True)
        labels = [f"{a} – {b}, {relation}" for a, b, relation in named]
        symbol = "x" if outcome == "differs" else "circle"
        data.append(kinship.series(here, NAMES.get(outcome, outcome), labels, colour, symbol))
    return kinship.plot(
        "plot-pairs",
        "Pairs of samples: declared and found",
        data,
        alt="Kinship against the share of opposite homozygotes, a dot per pair",
        caption="Samples of one person lie at 0.5 and 0, parents and children at 0.25 and 0, "
        "unrelated people around 0 on the right. From sure genotypes only.",
        height=340,
        wide=True,
    )


def _pairs(pairs: pd.DataFrame) -> dict[str, Any] | None:
    if pairs.empty:
        return None
    shown = pairs.head(MOST_PAIRS)
    text = {
        "outcome": "Outcome",
        "declared": "Declared",
        "relation": "Genotypes say",
        "earlier": "Earlier batch",
    }
    columns = [column("sample_1", "Sample", "code"), column("sample_2", "Other sample", "code")]
    columns += [column(key, label) for key, label in text.items()]
    columns += [
        column("n_sites", "Sites", "int"),
        column("n_sure", "Sure genotypes", "int"),
        column("concordance", "Concordance", "frac"),
        column("kinship", "Kinship", "num"),
        column("ibs0", "IBS0", "num", digits=4),
        column("same_log10_odds", "Log10 odds of one person", "num"),
    ]
    rows: dict[str, list[Any]] = {
        key: shown[key].fillna("").astype(str).tolist() for key in ("sample_1", "sample_2", *text)
    }
    for key in ("n_sites", "n_sure", "concordance", "kinship", "ibs0", "same_log10_odds"):
        rows[key] = numbers(shown[key].astype(float), 4)
    return table(
        "table-pairs",
        "Pairs of samples",
        columns,
        rows,
        page=10,
        file="pairs.csv",
        caption=f"The first {len(shown):,} of {len(pairs):,} pairs; all: qc/identity/pairs.parquet"
        if len(shown) < len(pairs)
        else "Declared pairs, pairs that are or may be one person, and relatives.",
    )
