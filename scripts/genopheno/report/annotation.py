"""Part of the section on variants: who annotated them, what was left out, what databases know."""

from __future__ import annotations

from typing import Any

from genopheno.report.blocks import column, facts, figure, grid, note, table
from genopheno.report.figures import bars
from genopheno.report.read import Results, count, first

MOST_REASONS = 20


def blocks(results: Results) -> list[dict[str, Any] | None]:
    """Engine, transcripts left out, databases with their floors, and warnings.

    Nothing of it is there where `genopheno annotate` has not run.
    """
    told = results.json("annotated/annotation.json")
    if not told:
        return []
    databases = _databases(told)
    return [
        grid(_engine(told), _found(databases)),
        _left_out(told),
        _table(databases),
        *(note(f"Annotation: {said}.", "warn") for said in first(told, "warnings", default=[])),
    ]


def _engine(told: dict[str, Any]) -> dict[str, Any]:
    pairs = [
        ("Engine", first(told, "engine.name", "engine")),
        ("Version", first(told, "engine.version")),
        ("Mode", first(told, "mode")),
        ("Records in", first(told, "records_in")),
        ("Records out", first(told, "records_out")),
        ("Symbolic alleles", count(first(told, "symbolic_alleles"))),
        ("Without a consequence", first(told, "without_consequence")),
        ("Alleles by transcript", first(told, "consequence_rows")),
        ("Transcripts used", first(told, "genes.used.transcripts")),
        ("Transcripts left out", count(first(told, "genes.left_out.n", "genes.left_out"))),
    ]
    return facts("Consequences", [(name, value) for name, value in pairs if value is not None])


def _left_out(told: dict[str, Any]) -> dict[str, Any] | None:
    """The first transcripts that could not be used, with the reason of each."""
    reasons = first(told, "genes.left_out.reasons", default=[])
    if not isinstance(reasons, list) or not reasons:
        return None
    lines = [
        ": ".join(str(value) for value in reason.values())
        if isinstance(reason, dict)
        else str(reason)
        for reason in reasons[:MOST_REASONS]
    ]
    n = count(first(told, "genes.left_out.n", "genes.left_out.reasons")) or len(lines)
    more = "" if n <= len(lines) else f"The first {len(lines)} of {n:,}."
    return {
        "kind": "code",
        "title": f"Transcripts left out ({n:,})",
        "text": "\n".join(lines),
        "fold": True,
        "caption": more,
    }


def _databases(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Databases by name, those that say what fraction of the alleles they know."""
    known = first(told, "databases", default={})
    return {
        str(name): value
        for name, value in (known.items() if isinstance(known, dict) else ())
        if isinstance(value, dict) and isinstance(value.get("fraction_annotated"), int | float)
    }


def _found(databases: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    if not databases:
        return None
    found = [float(value["fraction_annotated"]) for value in databases.values()]
    floors = [_floor(value) for value in databases.values()]
    spec = bars(list(databases), found, axis="fraction of the alleles")
    spec["data"][0]["text"] = [f"{value:.1%}" for value in found]
    spec["layout"]["xaxis"] |= {"range": [0, 1.1], "tickformat": ".0%", "tickvals": [0, 0.5, 1]}
    spec["layout"]["shapes"] = [
        {
            "type": "line",
            "x0": floor,
            "x1": floor,
            "y0": place - 0.45,
            "y1": place + 0.45,
            "line": {"color": "var:fail", "width": 2},
        }
        for place, floor in enumerate(floors)
        if floor
    ]
    return figure(
        "plot-annotation",
        "Found in site databases",
        spec,
        alt="Fraction of the alleles found in each site database, with its floor",
        caption="Line: the floor of the configuration; the run stops below it."
        if any(floors)
        else "",
        height=130 + 32 * len(databases),
    )


def _floor(database: dict[str, Any]) -> float | None:
    """Fraction below which the run stops; 0: at least one allele; None: there is no floor."""
    floor = first(database, "floor", "min_fraction")
    return float(floor) if isinstance(floor, int | float) else None


def _in_words(floor: float | None) -> str:
    return "none" if floor is None else f"{floor:.3g}" if floor else "one allele"


def _table(databases: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    if not databases:
        return None
    held = list(databases.values())
    return table(
        "table-databases",
        "Site databases",
        [
            column("name", "Database", "code"),
            column("source", "Source"),
            column("version", "Version"),
            column("alleles", "Alleles found", "int"),
            column("fraction", "Fraction", "frac"),
            column("floor", "Floor"),
            column("fields", "Fields, with a value"),
        ],
        {
            "name": list(databases),
            "source": [str(value.get("source") or "") for value in held],
            "version": [str(value.get("version") or "") for value in held],
            "alleles": [value.get("alleles_annotated") for value in held],
            "fraction": [float(value["fraction_annotated"]) for value in held],
            "floor": [_in_words(_floor(value)) for value in held],
            "fields": [_fields(value.get("fields")) for value in held],
        },
        file="databases.csv",
    )


def _fields(told: Any) -> str:
    """Fields of a database with the number of alleles that have a value."""
    if isinstance(told, dict):
        return ", ".join(f"{name} {n:,}" for name, n in told.items() if isinstance(n, int))
    return ", ".join(map(str, told)) if isinstance(told, list) else ""
