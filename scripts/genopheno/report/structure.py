"""Section on population structure: components, eigenvalues, relatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genopheno.report import kinship as pairs_plot
from genopheno.report.blocks import (
    Section,
    card,
    cards,
    column,
    figure,
    grid,
    markup_free,
    note,
    numbers,
    table,
)
from genopheno.report.figures import bars
from genopheno.report.read import Results, count, first

MOST_LEVELS = 16
MOST_COMPONENTS = 10


def section(results: Results) -> Section:
    """Principal components coloured by the groups that people declared, and relatives."""
    part = Section(
        "structure",
        "Population structure",
        "Principal components and kinship, from common variants. Components join the covariates "
        "of every trait.",
    )
    components = results.table("structure/components.parquet")
    if components is None or components.empty:
        part.missing = results.why("structure/components.parquet") or "There are no samples."
        return part
    facts = results.json("structure/structure.json")
    kinship = results.table("structure/kinship.parquet")
    places = results.table("structure/samples.parquet")
    values = eigenvalues(facts)
    part.add(
        cards(
            [
                card("Samples", len(components)),
                card("Unrelated", int(components["unrelated"].sum()), "components made on these"),
                card(
                    "Variants used",
                    count(first(facts, "n_variants_components", "n_variants")),
                ),
                card(
                    "Pairs of relatives",
                    None if kinship is None else _related(kinship),
                    "kinship is not reliable here"
                    if first(facts, "kinship_reliable", default=True) is False
                    else "",
                ),
            ],
            small=True,
        )
    )
    scores = np.vstack([np.asarray(s, dtype=float) for s in components["scores"]])
    for said in first(facts, "notes", default=[]):
        part.add(note(f"{str(said)[:1].upper()}{str(said)[1:]}.", "warn"))
    by = ancestry(places, components["sample"]) | groups(results, components["sample"])
    part.add(_scatter(components, scores, by, facts))
    part.add(_ancestry(facts))
    part.add(grid(_scree(values), _relationships(kinship)))
    part.add(_relatives(results, kinship, components))
    part.add(_flagged(places))
    return part


def eigenvalues(facts: dict[str, Any]) -> list[float]:
    found = first(facts, "eigenvalues", "components.eigenvalues", "pca.eigenvalues", default=[])
    return (
        [float(v) for v in found if isinstance(v, int | float)] if isinstance(found, list) else []
    )


def ancestry(places: pd.DataFrame | None, samples: pd.Series) -> dict[str, list[str]]:
    """Ancestry group and outlier flag of each sample, where they are known."""
    if places is None or places.empty:
        return {}
    place = places.set_index("sample").reindex(samples)
    found = {}
    if place["group"].notna().any():
        found["ancestry group"] = place["group"].fillna("unassigned").astype(str).tolist()
    outlier = place["outlier"].eq(True)
    if outlier.any():
        found["outlier"] = ["outlier" if flag else "no" for flag in outlier]
    return found


def groups(results: Results, samples: pd.Series) -> dict[str, list[str]]:
    """Group label of each sample, by every column of text with few levels.

    Taken from the cohort's samples (sex, verdict) and from the phenotype table.
    """
    cohort = results.table("cohort/samples.parquet", ["sample", "participant", "sex", "verdict"])
    if cohort is None:
        return {}
    frame = cohort.drop_duplicates("sample").set_index("sample").reindex(samples)
    people = results.table("phenotypes/phenotypes.parquet")
    if people is not None and "participant" in people and "participant" in frame:
        text = [
            c
            for c in people.columns
            if c != "participant"
            and c not in frame
            and not pd.api.types.is_numeric_dtype(people[c])
        ]
        people = people.drop_duplicates("participant").set_index("participant")
        for name in text:
            frame[name] = people[name].reindex(frame["participant"]).to_numpy()
    found = {}
    for name in [c for c in frame if c not in ("participant", "sex", "verdict")] + [
        "sex",
        "verdict",
    ]:
        if name not in frame:
            continue
        labels = frame[name].astype(object).where(frame[name].notna(), "not given").astype(str)
        if 1 <= labels.nunique() <= MOST_LEVELS and (labels != "not given").any():
            found[str(name)] = labels.tolist()
    return found


def _scatter(
    components: pd.DataFrame,
    scores: np.ndarray,
    by: dict[str, list[str]],
    facts: dict[str, Any],
) -> dict[str, Any]:
    held = min(scores.shape[1], MOST_COMPONENTS)
    by = dict(by)
    by["used for components"] = ["unrelated" if u else "relative" for u in components["unrelated"]]
    share = [float(v) for v in first(facts, "variance_fraction", default=[])]
    return figure(
        "plot-pca",
        "Principal components",
        {
            "samples": [markup_free(name) for name in components["sample"]],
            "scores": [numbers(scores[:, i], 5) for i in range(held)],
            "groups": {
                markup_free(k): [markup_free(v) for v in labels] for k, labels in by.items()
            },
            "share": numbers(share[:held], 4),
        },
        alt="Scatter plot of two principal components, a dot per sample, coloured by group",
        caption="Choose the components and the group that gives the colours; click an entry of the "
        "legend to hide it.",
        height=560,
        draw="pca",
        wide=True,
    )


def _ancestry(facts: dict[str, Any]) -> dict[str, Any] | None:
    """How many people each ancestry group has, and how well the panel tells it apart."""
    said = first(facts, "ancestry", default=None)
    if not said:
        return None
    panel = said["leave_one_out"]
    names = [*sorted(panel), *sorted(said["groups"].keys() - panel.keys())]  # unassigned last
    rows = {
        "group": names,
        "people": [said["groups"][name] for name in names],
        "panel": [sum(panel[n].values()) if n in panel else None for n in names],
        "right": [panel[n].get(n, 0) if n in panel else None for n in names],
    }
    return table(
        "table-ancestry",
        "Ancestry groups",
        [
            column("group", "Group"),
            column("people", "People", "int"),
            column("panel", "In the panel", "int"),
            column("right", "Of these found again", "int"),
        ],
        rows,
        page=10,
        file="ancestry.csv",
        caption=f"By {said['n_variants']:,} variants shared with the panel. Found again: "
        "assigned to their own group when it is described without them "
        f"({said['leave_one_out_accuracy']:.1%} of all).",
    )


def _flagged(places: pd.DataFrame | None) -> dict[str, Any] | None:
    """People with a reason: unassigned, or alone on the components."""
    if places is None:
        return None
    here = places[places["reasons"].fillna("") != ""].head(500)
    if here.empty:
        return None
    return table(
        "table-structure-flags",
        "Flagged by structure",
        [
            column("sample", "Sample", "code"),
            column("group", "Group"),
            column("isolation", "Isolation", "num"),
            column("reasons", "Why"),
        ],
        {
            "sample": here["sample"].tolist(),
            "group": here["group"].fillna("").tolist(),
            "isolation": numbers(here["isolation"], 3),
            "reasons": here["reasons"].tolist(),
        },
        page=10,
        file="structure_flags.csv",
        caption="Nobody is dropped for these flags.",
    )


def _scree(values: list[float]) -> dict[str, Any] | None:
    if not values:
        return None
    values = values[:20]
    spec = bars(
        [f"{i + 1}" for i in range(len(values))],
        numbers(values, 4),
        lying=False,
        axis="eigenvalue",
    )
    spec["layout"]["xaxis"]["title"] = {"text": "component"}
    return figure(
        "plot-scree", "Scree", spec, alt="Eigenvalue of each principal component", height=320
    )


def _related(kinship: pd.DataFrame) -> int:
    return int((kinship["relationship"] != "unrelated").sum())


def _relationships(kinship: pd.DataFrame | None) -> dict[str, Any] | None:
    if kinship is None or kinship.empty:
        return None
    names = ["duplicate", "first-degree", "second-degree", "third-degree"]
    colours = dict(zip(names, ("var:fail", "var:warn", "var:g1", "var:grey"), strict=True))
    data = []
    for name in names:
        here = kinship[kinship["relationship"] == name].nlargest(3000, "kinship")
        if here.empty:
            continue
        labels = [f"{a} – {b}" for a, b in zip(here["sample_1"], here["sample_2"], strict=True)]
        data.append(pairs_plot.series(here, name, labels, colours[name]))
    return pairs_plot.plot(
        "plot-kinship",
        "Kinship of related pairs",
        data,
        alt="Kinship against the fraction of opposite homozygotes, a dot per related pair",
        caption="Dotted: bounds of duplicates, first, second and third degree.",
        bounds=pairs_plot.BOUNDS,
    )


def _relatives(
    results: Results, kinship: pd.DataFrame | None, components: pd.DataFrame
) -> dict[str, Any] | None:
    if kinship is None:
        return None
    left_out = set(components["sample"][~components["unrelated"].astype(bool)])
    pairs = kinship[kinship["relationship"] != "unrelated"].nlargest(500, "kinship")
    if pairs.empty:
        return None
    rows = {
        "sample_1": pairs["sample_1"].tolist(),
        "sample_2": pairs["sample_2"].tolist(),
        "relationship": pairs["relationship"].tolist(),
        "kinship": numbers(pairs["kinship"], 4),
        "ibs0": numbers(pairs["ibs0"], 4),
        "n_variants": pairs["n_variants"].tolist(),
        "out": [
            ", ".join(name for name in pair if name in left_out) or "neither"
            for pair in zip(pairs["sample_1"], pairs["sample_2"], strict=True)
        ],
    }
    return table(
        "table-relatives",
        "Related pairs",
        [
            column("sample_1", "Sample", "code"),
            column("sample_2", "Sample", "code"),
            column("relationship", "Relationship"),
            column("kinship", "Kinship", "num"),
            column("ibs0", "IBS0", "num"),
            column("n_variants", "Variants", "int"),
            column("out", "Not in the unrelated set", "code"),
        ],
        rows,
        page=10,
        file="relatives.csv",
        caption=f"The {len(pairs):,} closest of {_related(kinship):,} pairs."
        if _related(kinship) > len(pairs)
        else "",
    )
