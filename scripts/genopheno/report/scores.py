"""Section on polygenic scores: how much of each was found, and how people are spread over it."""

from __future__ import annotations

from typing import Any

from genopheno.report.blocks import Section, column, figure, grid, note, table
from genopheno.report.figures import histogram
from genopheno.report.read import Results

MOST_FIGURES = 6


def section(results: Results) -> Section | None:
    """The section; None where no scoring file is configured."""
    told = results.json("scores/scores.json")
    if not told:
        return None
    part = Section(
        "scores",
        "Polygenic scores",
        "From published scoring files. A score says where somebody stands in this cohort, "
        "not what will become of him; between ancestry groups scores cannot be compared.",
    )
    part.add(_table(told["scores"]))
    for facts in told["scores"]:
        if facts["reason"]:
            part.add(note(f"{facts['name']} was not made: {facts['reason']}.", "warn"))
    people = results.table("scores/scores.parquet")
    if people is not None:
        made = [facts["name"] for facts in told["scores"] if not facts["reason"]]
        part.add(grid(*(_figure(name, people) for name in made[:MOST_FIGURES])))
    return part


def _table(scores: list[dict[str, Any]]) -> dict[str, Any]:
    rows = {
        "name": [s["name"] for s in scores],
        "about": [s["about"].get("trait_reported") or "" for s in scores],
        "id": [s["about"].get("pgs_id") or "" for s in scores],
        "given": [s["n_given"] for s in scores],
        "matched": [s["n_matched"] for s in scores],
        "rate": [s["match_rate"] for s in scores],
        "weight": [s["weight_matched"] for s in scores],
        "lost": [_lost(s) for s in scores],
    }
    columns = [
        column("name", "Score", "code"),
        column("about", "Trait"),
        column("id", "PGS Catalog", "code"),
        column("given", "Rows", "int"),
        column("matched", "Matched", "int"),
        column("rate", "Rate", "frac"),
        column("weight", "Of the weight", "frac", help="share of the sum of absolute weights"),
        column("lost", "Not matched"),
    ]
    return table("table-scores", "Scoring files", columns, rows, page=15, file="scores.csv")


def _lost(score: dict[str, Any]) -> str:
    status = {k: n for k, n in score["status"].items() if not k.startswith("matched")}
    return "; ".join(f"{n} {why}" for why, n in (status | score["left_out"]).items() if n)


def _figure(name: str, people: Any) -> dict[str, Any]:
    here = people[people["score"] == name]
    adjusted = here["z_score_adjusted"].notna().any()
    values = here["z_score_adjusted" if adjusted else "z_score"].to_numpy(float)
    axis = "standard deviations" + (", adjusted for the components" if adjusted else "")
    return figure(
        f"plot-score-{name}",
        name,
        histogram(values, axis=axis, bins=30, what="people"),
        alt=f"Histogram of the polygenic score {name}",
        height=280,
    )
