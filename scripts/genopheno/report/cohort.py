"""Section on the people of the cohort: groups, phenotypes, missingness, allele frequencies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genopheno.report.blocks import Section, column, figure, grid, markup_free, numbers, table
from genopheno.report.figures import CATEGORICAL, bars, stair
from genopheno.report.followup import survival
from genopheno.report.read import Results, first

MOST_LEVELS = 8
MOST_PLOTS = 24


def section(results: Results, groups: list[str]) -> Section:
    """Counts per group, the distribution of each trait, what is missing, frequencies."""
    part = Section(
        "cohort",
        "Cohort summaries",
        "The people of the cohort by group: counts, trait distributions, missing values and "
        "allele frequencies.",
    )
    people = members(results)
    declared = {
        str(t.get("name")): t
        for t in first(results.json("phenotypes/traits.json"), "traits", default=[])
        if isinstance(t, dict)
    }
    part.add(_groups(results))
    if people is not None and not people.empty:
        numeric = [
            c
            for c in people
            if pd.api.types.is_numeric_dtype(people[c]) and people[c].notna().any()
        ]
        numeric = [c for c in declared if c in numeric] + [c for c in numeric if c not in declared]
        times = {f"{part}:{name}" for name in declared for part in ("time", "entry")}
        drawn = [c for c in numeric if c not in times]
        by = next((g for g in [*groups, "sex"] if g in people and _few(people[g])), None)
        part.add(
            grid(*(_distribution(people, c, by, declared.get(c, {})) for c in drawn[:MOST_PLOTS]))
        )
        part.add(_described(people, numeric, declared), _missingness(people))
    part.add(_by_group(results), _frequencies(results))
    if not part.blocks:
        part.missing = results.why("phenotypes/phenotypes.parquet", "summaries/summaries.json")
    return part


def members(results: Results) -> pd.DataFrame | None:
    """The phenotype table, of the people in the cohort where the join has been made."""
    people = results.table("phenotypes/phenotypes.parquet")
    cohort = results.table("cohort/samples.parquet", ["participant"])
    if people is None or cohort is None or "participant" not in people:
        return people
    return people[people["participant"].isin(set(cohort["participant"]))]


def _few(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values) and 1 < values.nunique() <= MOST_LEVELS


def _groups(results: Results) -> dict[str, Any] | None:
    frame = results.table("summaries/groups.parquet")
    if frame is None or frame.empty:
        return None
    return generic("table-groups", "Counts per group", frame.head(500), file="groups.csv", page=20)


def _by_group(results: Results) -> dict[str, Any] | None:
    frame = results.table("summaries/phenotypes.parquet")
    if frame is None or frame.empty:
        return None
    frame = frame.dropna(axis="columns", how="all").head(2000)
    return generic(
        "table-traits-groups", "Traits by group", frame, file="traits_by_group.csv", page=10
    )


def generic(id: str, title: str, frame: pd.DataFrame, **options: Any) -> dict[str, Any]:
    """A table of all columns that hold single values, under their own names."""
    columns, rows = [], {}
    for name in frame.columns:
        values = frame[name]
        if pd.api.types.is_bool_dtype(values):
            values = values.map({True: "yes", False: "no"})
        label = str(name).removeprefix("n_").replace("_", " ")
        label = "n" if name == "n" else label[:1].upper() + label[1:]
        if pd.api.types.is_integer_dtype(values):
            columns.append(column(name, label, "int"))
            rows[name] = [None if pd.isna(v) else int(v) for v in values]
        elif pd.api.types.is_numeric_dtype(values):
            columns.append(column(name, label, "num"))
            rows[name] = numbers(values, 5)
        elif not values.map(lambda v: isinstance(v, list | dict | np.ndarray)).any():
            columns.append(column(name, label))
            rows[name] = values.fillna("").astype(str).tolist()
    return table(id, title, columns, rows, **options)


def _distribution(
    people: pd.DataFrame, name: str, by: str | None, trait: dict[str, Any]
) -> dict[str, Any] | None:
    id = f"plot-distribution-{abs(hash_of(name))}"
    if trait.get("type") == "time-to-event":
        return survival(people, name, by, trait, id)
    values = people[name].astype(float)
    labels = people[by].fillna("not given").astype(str) if by else pd.Series("", people.index)
    levels = sorted(labels.unique())
    unit = f" ({trait['unit']})" if trait.get("unit") else ""
    axis = markup_free(f"{name}{unit}")
    data = []
    if trait.get("type") == "binary" or set(values.dropna().unique()) <= {0.0, 1.0}:
        for i, level in enumerate(levels):
            here = values[labels == level]
            data.append(
                {
                    "type": "bar",
                    "x": ["control", "case", "missing"],
                    "y": [int((here == 0).sum()), int((here == 1).sum()), int(here.isna().sum())],
                    "name": markup_free(level),
                    "marker": {"color": CATEGORICAL[i % 8]},
                    "hovertemplate": "%{x}: %{y:,} people",
                }
            )
        x_axis: dict[str, Any] = {"type": "category", "showgrid": False, "title": {"text": axis}}
    else:
        finite = values[np.isfinite(values)].to_numpy()
        edges = np.histogram_bin_edges(finite, bins=int(np.clip(2 * np.sqrt(finite.size), 8, 40)))
        for i, level in enumerate(levels):
            counts, _ = np.histogram(values[(labels == level)].dropna(), bins=edges)
            data.append(stair(edges, counts, name=level, colour=CATEGORICAL[i % 8], what="people"))
        x_axis = {"title": {"text": axis}}
    return figure(
        id,
        name,
        {
            "data": data,
            "layout": {
                "xaxis": x_axis,
                "yaxis": {"title": {"text": "people"}},
                "barmode": "stack",
                "bargap": 0.3,
                "showlegend": len(levels) > 1,
            },
        },
        alt=f"Distribution of {name}" + (f", by {by}" if by else ""),
        caption=f"{int(values.notna().sum()):,} people with a value, "
        f"{int(values.isna().sum()):,} without" + (f"; by {by}." if by else "."),
        height=290,
    )


def hash_of(name: str) -> int:
    """A number for a name, the same in every run, for identifiers in the page."""
    import zlib

    return zlib.crc32(name.encode())


def _described(
    people: pd.DataFrame, numeric: list[str], declared: dict[str, Any]
) -> dict[str, Any] | None:
    if not numeric:
        return None
    frame = people[numeric].astype(float)
    quantiles = frame.quantile([0, 0.25, 0.5, 0.75, 1])
    rows = {
        "name": numeric,
        "role": [
            str(declared[c].get("type", "trait"))
            if c in declared
            else ("follow-up" if c.partition(":")[2] in declared else "covariate")
            for c in numeric
        ],
        "n": frame.notna().sum().tolist(),
        "missing": frame.isna().sum().tolist(),
        "mean": numbers(frame.mean(), 4),
        "sd": numbers(frame.std(), 4),
        "min": numbers(quantiles.loc[0], 4),
        "q1": numbers(quantiles.loc[0.25], 4),
        "median": numbers(quantiles.loc[0.5], 4),
        "q3": numbers(quantiles.loc[0.75], 4),
        "max": numbers(quantiles.loc[1], 4),
    }
    columns = [
        column("name", "Variable"),
        column("role", "Role"),
        column("n", "People", "int"),
        column("missing", "Missing", "int"),
        *(
            column(k, label, "num")
            for k, label in (
                ("mean", "Mean"),
                ("sd", "SD"),
                ("min", "Min"),
                ("q1", "Lower quartile"),
                ("median", "Median"),
                ("q3", "Upper quartile"),
                ("max", "Max"),
            )
        ),
    ]
    return table(
        "table-phenotypes", "Traits and covariates", columns, rows, page=20, file="phenotypes.csv"
    )


def _missingness(people: pd.DataFrame) -> dict[str, Any] | None:
    share = people.drop(columns=["participant"], errors="ignore").isna().mean()
    share = share[share > 0].sort_values(ascending=False).head(30)
    if share.empty:
        return None
    spec = bars([str(c) for c in share.index], numbers(share, 4), axis="fraction of people")
    spec["data"][0]["text"] = [f"{v:.1%}" for v in share]
    spec["layout"]["xaxis"] |= {"tickformat": ".0%"}
    return figure(
        "plot-missing",
        "Missing values",
        spec,
        alt="Fraction of people without a value, per variable",
        height=110 + 28 * len(share),
        wide=True,
    )


def frequency_columns(results: Results) -> pd.DataFrame | None:
    """Allele frequency per variant (rows) and group (columns), up to 20,000 variants.

    Understands a long table (variant_id, group, allele_frequency) and a wide one
    (columns ``af_<group>`` or ``allele_frequency_<group>``).
    """
    name = "summaries/frequencies.parquet"
    have = results.columns(name)
    if not have:
        return None
    if "allele_frequency" in have:
        keys = [c for c in ("group", "level") if c in have]
        frame = results.table(name, ["variant_id", *keys, "allele_frequency"])
        if frame is None or not keys:
            return None
        frame = frame[frame[keys[0]] != "all"]  # 'all' against a part of itself says little
        label = frame[keys[0]].str.cat([frame[key] for key in keys[1:]], sep=": ", na_rep="")
        wide = frame.assign(_label=label).pivot_table(
            index="variant_id", columns="_label", values="allele_frequency", sort=False
        )
    else:
        starts = ("allele_frequency_", "af_", "AF_")
        columns = {c: c.split("_", 2)[-1] for c in have if c.startswith(starts)}
        wide = results.table(name, list(columns))
        if wide is None or len(columns) < 2:
            return None
        wide = wide.rename(columns=columns)
    return wide if wide.shape[1] >= 2 else None


def _frequencies(results: Results) -> dict[str, Any] | None:
    wide = frequency_columns(results)
    if wide is None:
        return None
    wide = wide.dropna(how="all")
    # One dot per cell of a fine grid is what the eye sees of millions of variants.
    picked = set()
    labels = [str(c) for c in wide.columns][:12]
    values = wide.to_numpy(dtype=float)[:, :12]
    for i in range(len(labels)):
        for j in range(i + 1, len(labels)):
            both = np.flatnonzero(np.isfinite(values[:, i]) & np.isfinite(values[:, j]))
            cell = np.round(values[both, i] * 100) * 1000 + np.round(values[both, j] * 100)
            _, one = np.unique(cell, return_index=True)
            picked.update(both[one].tolist())
            if len(picked) > 12_000:
                break
    kept = np.array(sorted(picked), dtype=int)[:12_000]
    return figure(
        "plot-frequencies",
        "Allele frequencies between groups",
        {
            "labels": [markup_free(label) for label in labels],
            "values": [numbers(values[kept, i], 3) for i in range(len(labels))],
            "names": [markup_free(v) for v in wide.index[kept]] if wide.index.name else [],
        },
        alt="Alternate allele frequency of variants in one group against another",
        caption=f"Alternate allele frequency of {len(wide):,} variants ({len(kept):,} drawn, where "
        "dots do not cover each other); the line is equality.",
        height=520,
        draw="frequencies",
        wide=True,
    )
