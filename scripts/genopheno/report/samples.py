"""Section on the samples handed in: their verdicts, measures and limits."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from genopheno.report import identity
from genopheno.report.blocks import (
    Section,
    card,
    cards,
    column,
    figure,
    markup_free,
    numbers,
    table,
)
from genopheno.report.figures import VERDICT, bars, limit_lines
from genopheno.report.read import Results

# Measure, its name on the page, kind of column, in the plots or only in the table.
MEASURES = (
    ("mean_coverage", "Mean coverage", "num", True),
    ("mapped_fraction", "Mapped", "frac", True),
    ("duplicate_fraction", "Duplicates", "frac", True),
    ("call_rate", "Call rate", "frac", True),
    ("breadth_1x", "Breadth ≥ 1×", "frac", True),
    ("q30_fraction", "Bases ≥ Q30", "frac", True),
    ("properly_paired_fraction", "Properly paired", "frac", False),
    ("mismatch_rate", "Mismatch rate", "frac", False),
    ("insert_size_mean", "Insert size", "num", False),
    ("breadth_10x", "Breadth ≥ 10×", "frac", False),
    ("reads", "Reads", "int", False),
    ("het_hom_ratio", "Het / hom", "num", False),
    ("ti_tv", "Ti/Tv", "num", False),
    ("n_singletons", "Singletons", "int", False),
    ("contamination", "Contamination", "frac", False),
    ("charr", "CHARR", "frac", False),
    ("median_coverage", "Median coverage", "num", False),
)
# Checks, and their names on the page.
CHECKS = (
    ("sex", "Declared sex"),
    ("inferred_sex", "Sex by reads"),
    ("identity_check", "Identity"),
    ("pedigree_check", "Pedigree"),
    ("outliers", "Outliers"),
)
# What is told of one sample, without its names and numbers.
KINDS = (
    (r"^same genotypes as ", "same genotypes as another participant"),
    (r"^swap suspected", "swap suspected"),
    (r"^genotypes differ from ", "genotypes differ from the same participant"),
    (r"^declared (female|male), sex unclear", "sex unclear"),
    (r"^declared (female|male), reads say", "sex differs"),
    (r"^(declared .* of |the pedigree says)", "pedigree differs"),
    (r"^(.*) \S+ is an outlier", r"\1 is an outlier"),
)


def section(results: Results, limits: dict[str, dict[str, float]]) -> Section:
    """Every sample's verdict with its reasons, and the measures with their limits."""
    section = Section(
        "samples",
        "Samples",
        "Every sequenced sample is judged against the limits of the configuration. "
        "A sample that fails stays out of the cohort; a warning keeps it in.",
    )
    frame = results.table("qc/samples.parquet")
    if frame is None or frame.empty:
        section.missing = results.why("qc/samples.parquet") or "There are no samples."
        return section
    verdict = frame["verdict"].fillna("unknown")
    counts = verdict.value_counts()
    section.add(
        cards(
            [
                card("Pass", int(counts.get("pass", 0)), tone="pass"),
                card("Warn", int(counts.get("warn", 0)), "stay in the cohort", "warn"),
                card("Fail", int(counts.get("fail", 0)), "left out of the cohort", "fail"),
            ],
            small=True,
        ),
        _table(frame),
        _strips(frame, limits),
        _reasons(frame),
    )
    section.add(*identity.blocks(results, limits.get("contamination_low", {})))
    return section


def _table(frame: pd.DataFrame) -> dict[str, Any]:
    rank = {"fail": 0, "warn": 1, "pass": 2}
    frame = frame.assign(_rank=frame["verdict"].map(rank).fillna(3)).sort_values(
        ["_rank", "sample"], kind="stable"
    )
    columns = [
        column("sample", "Sample", "code"),
        column("participant", "Participant", "code"),
        column("verdict", "Verdict", "verdict"),
        column("reasons", "Reasons"),
    ]
    rows: dict[str, list[Any]] = {
        key: frame[key].fillna("").astype(str).tolist()
        for key in ("sample", "participant", "verdict", "reasons")
        if key in frame
    }
    for key, label, kind, _ in MEASURES:
        if key in frame and frame[key].notna().any():
            columns.append(column(key, label, kind))
            rows[key] = numbers(frame[key].astype(float), 6)
    for key, label in CHECKS:
        if key in frame and frame[key].fillna("").ne("").any():
            columns.append(column(key, label))
            rows[key] = frame[key].fillna("").astype(str).tolist()
    return table(
        "table-samples",
        "Verdict per sample",
        columns,
        rows,
        file="sample_qc.csv",
        caption="Failed samples first; click a heading to sort, type to filter.",
    )


def _strips(frame: pd.DataFrame, limits: dict[str, dict[str, float]]) -> dict[str, Any] | None:
    drawn = [
        (key, label, kind)
        for key, label, kind, plotted in MEASURES
        if plotted and key in frame and frame[key].notna().any()
    ]
    if not drawn:
        return None
    # Fixed 'jitter' by the sample's rank: the same page from the same numbers.
    jitter = (np.arange(len(frame)) * 0.6180339887) % 1
    size = 8 if len(frame) <= 200 else 6 if len(frame) <= 1000 else 4
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"shapes": [], "annotations": [], "showlegend": True}
    layout["margin"] = {"l": 12, "r": 12, "b": 6}
    across, down = 2, (len(drawn) + 1) // 2
    for i, (key, label, kind) in enumerate(drawn):
        suffix = "" if i == 0 else str(i + 1)
        row, col = divmod(i, across)
        top = 1 - row / down
        values = frame[key].astype(float).to_numpy()
        limit = limits.get(key, {})
        for verdict, colour in VERDICT.items():
            here = (frame["verdict"] == verdict).to_numpy() & np.isfinite(values)
            data.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": numbers(values[here]),
                    "y": numbers(jitter[here], 3),
                    "text": [markup_free(name) for name in frame["sample"][here]],
                    "hovertemplate": "<b>%{text}</b><br>"
                    + f"{label}: %{{x:{'.1%' if kind == 'frac' else '.1f'}}}"
                    + f"<extra>{verdict}</extra>",
                    "xaxis": f"x{suffix}",
                    "yaxis": f"y{suffix}",
                    "name": verdict,
                    "legendgroup": verdict,
                    "showlegend": i == 0,
                    "marker": {
                        "color": colour,
                        "size": size,
                        "opacity": 0.75,
                        "symbol": {"pass": "circle", "warn": "diamond", "fail": "x"}[verdict],
                    },
                }
            )
        finite = values[np.isfinite(values)]
        near = [v for v in limit.values() if v is not None]
        low, high = min([*finite, *near]), max([*finite, *near])
        pad = (high - low or abs(high) or 1) * 0.06
        layout[f"xaxis{suffix}"] = {
            "domain": [col * 0.54, col * 0.54 + 0.46],
            "anchor": f"y{suffix}",
            "range": [low - pad, high + pad],
            "tickformat": ".0%" if kind == "frac" and high - low > 0.03 else None,
            "nticks": 6,
        }
        layout[f"yaxis{suffix}"] = {
            "domain": [top - 0.6 / down, top - 0.13 / down],
            "anchor": f"x{suffix}",
            "range": [-0.2, 1.2],
            "showticklabels": False,
            "showgrid": False,
            "ticks": "",
        }
        layout["annotations"].append(
            {
                "text": f"<b>{label}</b>",
                "xref": f"x{suffix} domain",
                "yref": f"y{suffix} domain",
                "x": 0,
                "y": 1.02,
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
            }
        )
        layout["shapes"] += limit_lines(limit, f"x{suffix}")
    return figure(
        "plot-samples",
        "Measures and their limits",
        {"data": data, "layout": layout},
        alt="A dot per sample for each quality measure, coloured by verdict, with the limits",
        caption="A dot per sample (heights only keep dots apart). Dotted line: limit of a warning; "
        "full line: limit of failing.",
        height=46 + 128 * down,
        draw="strips",
        wide=True,
    )


def _reasons(frame: pd.DataFrame) -> dict[str, Any] | None:
    told = frame["reasons"].fillna("").str.split(";").explode().str.strip()
    counts = told[told != ""].map(kind_of_reason).value_counts()
    if len(counts) < 2:
        return None
    return figure(
        "plot-reasons",
        "Reasons behind warnings and failures",
        bars(counts.index.tolist(), counts.tolist(), axis="samples"),
        alt="Number of samples per reason",
        height=90 + 28 * len(counts),
    )


def kind_of_reason(reason: str) -> str:
    """A reason without what is of the one sample: 'mean coverage below 4'."""
    for pattern, kind in KINDS:
        if found := re.match(pattern, reason):
            return found.expand(kind)
    return re.sub(r" [\d.,]+ is ", " ", reason)
