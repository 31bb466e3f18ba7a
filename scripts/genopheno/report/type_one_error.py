"""Blocks on calibration: lambdas of the traits, and how often the tests reject null traits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genopheno.report.blocks import column, figure, grid, markup_free, note, numbers, table
from genopheno.report.figures import CATEGORICAL
from genopheno.report.read import Results, first

ALL = "all"
DRAWN = 0.01  # α at which bins are compared; smaller ones ask for more tests than a run makes
SHOWN = (1e-2, 1e-3, 1e-4)
MOST_LINES = 16  # of the QQ plot
TONES = {"inflated": "warn", "conservative": "info"}


def blocks(results: Results, traits: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """What there is to show; lambdas without null simulations where those have not run.

    Parameters
    ----------
    traits : entries of ``scan.json``.
    """
    told = results.json("association/calibration.json")
    rows = results.table("association/calibration.parquet")
    out = [_lambdas(traits, first(told, "ld_score", default=None) or [])]
    if rows is None or rows.empty:
        why = results.why("association/calibration.parquet")
        return [*out, note(why or "No null trait was simulated.")]
    rows = rows.assign(label=[_label(row) for row in rows.to_dict("records")])
    whole = rows[rows["frequency_bin"] == ALL]
    return [
        *out,
        _said(whole),
        grid(_ratios(rows), _quantiles(first(told, "nulls", default=[]))),
        _table(whole),
        *_skipped(first(told, "skipped", default=[])),
    ]


def _label(row: dict[str, Any]) -> str:
    """Name of a test under one null."""
    share = row.get("case_fraction")
    cases = "" if share is None or share != share else f", {100 * share:.3g} % cases"
    model = "" if row["model"] in ("regression", row["test"]) else f"{row['model']} "
    source = f"permuted {row['trait']}" if row["null"] == "permuted" else row["null"]
    return f"{model}{row['test']}{cases}, {source}"


def _lambdas(
    traits: list[dict[str, Any]], intercepts: list[dict[str, Any]]
) -> dict[str, Any] | None:
    shown = [t for t in traits if t.get("lambda_gc") is not None]
    if not shown:
        return None
    fits = {entry["trait"]: entry for entry in intercepts}
    bins = list(
        dict.fromkeys(
            (b["min"], b["max"]) for t in shown for b in t.get("lambda_by_frequency") or []
        )
    )
    rows: dict[str, list[Any]] = {
        "trait": [t["name"] for t in shown],
        "lambda": numbers([t["lambda_gc"] for t in shown], 4),
        "lambda_1000": [t.get("lambda_1000") for t in shown],
    }
    columns = [
        column("trait", "Trait"),
        column("lambda", "λ", "num", digits=4),
        column("lambda_1000", "λ₁₀₀₀", "num", digits=4, help="as for 1,000 cases and controls"),
    ]
    flags: list[list[str]] = [["all"] if t.get("lambda_off") else [] for t in shown]
    for low, high in sorted(bins):
        name = f"{low:g}–{high:g}"
        key = f"bin{low:g}"
        columns.append(column(key, f"λ at MAF {name}", "num", digits=4))
        rows[key] = []
        for trait, flag in zip(shown, flags, strict=True):
            here = next(
                (
                    b
                    for b in trait.get("lambda_by_frequency") or []
                    if (b["min"], b["max"]) == (low, high)
                ),
                {},
            )
            rows[key].append(here.get("lambda_gc"))
            if here.get("off"):
                flag.append(name)
    found = [fits.get(t["name"], {}) for t in shown]
    rows["intercept"] = [fit.get("intercept") for fit in found]
    rows["error"] = [fit.get("standard_error") for fit in found]
    rows["off"] = [f"off: {', '.join(flag)}" if flag else "" for flag in flags]
    columns += [
        column("intercept", "LD-score intercept", "num", digits=4),
        column("error", "Its SE", "num"),
        column("off", "Look at"),
    ]
    columns = [c for c in columns if any(v not in ("", None) for v in rows[c["key"]])]
    reasons = list(dict.fromkeys(fit["reason"] for fit in found if fit.get("reason")))
    caption = "Off: more than 0.1 from 1, and more than chance gives with so many variants."
    if reasons:
        caption += f" No LD-score intercept: {'; '.join(reasons)}."
    return table(
        "table-lambdas",
        "Inflation of the traits",
        columns,
        rows,
        page=10,
        file="lambdas.csv",
        caption=caption,
    )


def _said(whole: pd.DataFrame) -> dict[str, Any]:
    """One sentence: how many tests keep their word, and which do not."""
    judged = whole[whole["verdict"] != "too few tests"]
    off = judged[judged["verdict"].isin(TONES)]
    text = (
        f"Null simulations on this cohort's genotypes: {len(judged) - len(off)} of {len(judged)} "
        "combinations of test, null and α hold α"
    )
    if off.empty:
        return note(f"{text}.")
    named = [
        f"{row.label} is {row.verdict} at α = {row.alpha:g} ({row.ratio:.2f} times α)"
        for row in off.head(8).itertuples()
    ]
    more = f"; and {len(off) - 8} more" if len(off) > 8 else ""
    tone = "warn" if (off["verdict"] == "inflated").any() else "info"
    return note(f"{text}; {'; '.join(named)}{more}.", tone)


def _ratios(rows: pd.DataFrame) -> dict[str, Any]:
    """Type-I error over α, test by test, a colour per bin."""
    drawn = rows[(rows["alpha"] == DRAWN) & (rows["n_tests"] * rows["alpha"] >= 5)]
    labels = list(dict.fromkeys(rows["label"]))
    data = []
    for colour, name in zip(CATEGORICAL, dict.fromkeys(drawn["frequency_bin"]), strict=False):
        here = drawn[drawn["frequency_bin"] == name]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "orientation": "h",  # bins beside one another, below the name of the test
                "name": markup_free(name if name[0] not in "0" else f"MAF {name}"),
                "y": [markup_free(label) for label in here["label"]],
                "x": numbers(here["ratio"], 4),
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": numbers(here["ratio_high"] - here["ratio"], 4),
                    "arrayminus": numbers(here["ratio"] - here["ratio_low"], 4),
                    "thickness": 1,
                    "width": 2,
                },
                "text": [
                    f"{k:,} of {n:,} below {DRAWN:g}: {verdict}"
                    for k, n, verdict in zip(
                        here["n_rejected"], here["n_tests"], here["verdict"], strict=True
                    )
                ],
                "hovertemplate": "%{y}<br>%{x:.3f} × α<br>%{text}<extra>%{fullData.name}</extra>",
                "marker": {"color": colour, "size": 8 if name == ALL else 6},
            }
        )
    one = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": 1, "x1": 1}
    spec = {
        "data": data,
        "layout": {
            "xaxis": {"title": {"text": f"type-I error over α = {DRAWN:g}"}, "rangemode": "tozero"},
            "yaxis": {
                "type": "category",
                "categoryorder": "array",
                "categoryarray": [markup_free(label) for label in labels],
                "autorange": "reversed",
                "automargin": True,
            },
            "shapes": [one | {"line": {"color": "var:line", "width": 1, "dash": "dot"}}],
            "showlegend": True,
            "scattermode": "group",
        },
    }
    return figure(
        "plot-type-one-error",
        "Type-I error by test and frequency",
        spec,
        alt="Type-I error over α for each test and bin of allele frequency, with 95 % intervals",
        caption="Bars: 95 % intervals over null traits. 1 is right; above, p-values are too small.",
        height=max(320, 60 + 34 * len(labels)),
    )


def _quantiles(nulls: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Quantiles of the null p-values, a line per test, with the band of the one with most tests."""
    held = [null for null in nulls if null["quantiles"]["expected"]]
    if not held:
        return None
    widest = max(held, key=lambda null: null["quantiles"]["expected"][-1])
    band = widest["quantiles"]
    edge = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False}
    line = {"color": "var:line", "width": 1}
    data: list[dict[str, Any]] = [
        edge | {"x": band["expected"], "y": band[side], "line": line} for side in ("low", "high")
    ]
    for i, null in enumerate(held[:MOST_LINES]):
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": markup_free(_label(null)),
                "x": null["quantiles"]["expected"],
                "y": null["quantiles"]["observed"],
                "line": {
                    "color": CATEGORICAL[i % len(CATEGORICAL)],
                    "width": 1.5,
                    "dash": ("solid", "dash")[i // len(CATEGORICAL) % 2],
                },
                "hovertemplate": "%{y:.2f} where %{x:.2f} is expected"
                "<extra>%{fullData.name}</extra>",
            }
        )
    spec = {
        "data": data,
        "layout": {
            "xaxis": {"title": {"text": "expected −log₁₀ p"}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": "observed −log₁₀ p"}, "rangemode": "tozero"},
            "showlegend": True,
        },
    }
    return figure(
        "plot-null-qq",
        "QQ plot of null p-values",
        spec,
        alt="Observed against expected quantiles of the p-values of null traits, a line per test",
        caption=f"Thin lines: 95 % band of {_label(widest)}."
        + (f" The first {MOST_LINES} of {len(held)}." if len(held) > MOST_LINES else ""),
    )


def _table(whole: pd.DataFrame) -> dict[str, Any]:
    shown = whole[np.isin(whole["alpha"], SHOWN)]
    interval = [
        f"{low:.2f}–{high:.2f}"
        for low, high in zip(shown["ratio_low"], shown["ratio_high"], strict=True)
    ]
    rows = {
        "test": shown["label"].tolist(),
        "alpha": numbers(shown["alpha"], 3),
        "tests": shown["n_tests"].tolist(),
        "rejected": shown["n_rejected"].tolist(),
        "ratio": numbers(shown["ratio"], 3),
        "interval": interval,
        "verdict": shown["verdict"].tolist(),
    }
    return table(
        "table-type-one-error",
        "Type-I error of the tests",
        [
            column("test", "Test and null"),
            column("alpha", "α", "num"),
            column("tests", "Tests", "int"),
            column("rejected", "p < α", "int"),
            column("ratio", "Rate / α", "num"),
            column("interval", "95 % interval"),
            column("verdict", "Verdict"),
        ],
        rows,
        page=9,
        file="type_one_error.csv",
        caption="All variants; by frequency in association/calibration.parquet. "
        "Verdicts allow for the number of rows.",
    )


def _skipped(skipped: list[dict[str, str]]) -> list[dict[str, Any]]:
    if not skipped:
        return []
    told = "; ".join(f"{entry['what']}: {entry['reason']}" for entry in skipped)
    return [note(f"Not simulated: {told}.")]
