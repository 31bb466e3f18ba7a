"""Making a design: samples, phenotypes and components joined, trait by trait.

Transforms and category codings are made on exactly the people of the trait, so no trait's
missing values change another trait's numbers. What cannot be fitted is set aside with its
reason and does not stop the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from genopheno.association.covariates import (
    RANK,
    categories,
    component_scores,
    independent,
    inverse_normal,
    is_categorical,
    numeric_columns,
)
from genopheno.association.design import Design, TraitDesign
from genopheno.problems import Problems, fail

if TYPE_CHECKING:
    import pandas as pd

MIN_GROUP = 2  # cases, controls


def design(
    samples: pd.DataFrame,
    phenotypes: pd.DataFrame,
    traits: dict,
    components: pd.DataFrame | None,
    *,
    n_components: int,
    relatives: str,
    choose: Callable[[TraitDesign], tuple[str, str]] | None = None,
) -> Design:
    """Join samples, phenotypes and components into a design.

    Parameters
    ----------
    samples : table ``cohort_samples``: sample, participant, …; a sample per participant.
    phenotypes : participant, sex, a column per trait (binary: 1 case, 0 control) and per
        covariate (number or string); missing is null.
    traits : what ``traits.json`` holds: ``traits`` (name, type, transform, unit,
        covariates) and ``covariates`` (name: kind, levels).
    components : table ``components``; None: no components, and relatives cannot be told.
    n_components : leading components that join every trait's covariates, at most as many
        as there are.
    relatives : 'drop' tests the unrelated samples only, 'keep' tests all.
    choose : gives the model of a trait and why (`choice`); None: plain regression.

    Raises
    ------
    StageError : a participant has two samples, a declared column is absent, or nobody is
        left.
    """
    import pandas as pd

    problems = Problems()
    for frame, column, code in (
        (samples, "sample", "sample-duplicate"),
        (samples, "participant", "participant-duplicate"),
        (phenotypes, "participant", "participant-duplicate"),
    ):
        twice = frame[column][frame[column].duplicated()].unique()
        if len(twice):
            problems.add(
                code,
                "samples" if frame is samples else "phenotypes",
                f"{len(twice)} occur more than once, such as {', '.join(map(str, twice[:5]))}",
                "Keep one row each",
                column=column,
            )
    known = {**traits.get("covariates", {})}
    for trait in traits["traits"]:
        for column in [_column(trait, phenotypes), *trait.get("covariates", [])]:
            if column not in phenotypes.columns:
                problems.add(
                    "column-missing",
                    "phenotypes",
                    f"trait {trait['name']} needs it and it is not there",
                    "Declare a column that the table has",
                    column=column,
                )
    problems.raise_if_any()

    joined = samples[["sample", "participant"]].merge(
        phenotypes, on="participant", how="left", indicator="joined"
    )
    out = pd.Series("", index=joined.index, dtype=object)
    out[joined["joined"] != "both"] = "no phenotype record"
    notices = []
    scores = np.empty((len(joined), 0))
    related = np.zeros(len(joined), dtype=bool)
    if components is None:
        if n_components:
            notices.append("there are no components: none was used as a covariate")
        if relatives == "drop":
            notices.append("relatives cannot be told without components: all samples are tested")
    else:
        structure = joined[["sample"]].merge(components, on="sample", how="left")
        absent = structure["scores"].isna()
        if n_components:
            scores, notice = component_scores(structure["scores"], n_components)
            notices += notice
            out[absent & (out == "")] = "no components"
        related = (~structure["unrelated"].eq(True) & ~absent).to_numpy()
        if relatives == "drop":
            out[related & (out == "")] = "a relative is tested in its place"
            out[absent & (out == "")] = "no components"
    eligible = (out == "").to_numpy()
    left_out = {reason: int(n) for reason, n in out[out != ""].value_counts().items()}
    if not eligible.any():
        raise fail(
            "association-nobody",
            "samples",
            f"none of {len(joined)} samples can be tested: {left_out}",
            "Look at the join's report: which participants have samples and phenotypes",
        )

    designs = [_trait(trait, joined, known, scores, eligible) for trait in traits["traits"]]
    for made in designs:
        made.info["n_related"] = int((related & made.used).sum())
        if choose is not None and made.reason is None:
            made.info["model"], made.info["model_reason"] = choose(made)
    info = {
        "n_samples": len(joined),
        "n_eligible": int(eligible.sum()),
        "left_out": left_out,
        "components": scores.shape[1],
        "relatives": relatives,
        "notices": notices,
    }
    return Design([str(s) for s in joined["sample"]], designs, info)


def _column(trait: dict, phenotypes: pd.DataFrame) -> str:
    """Name of the trait's column: that of the trait, else that of the user's table."""
    return trait["name"] if trait["name"] in phenotypes.columns else trait.get("column", "")


def _trait(
    trait: dict, joined: pd.DataFrame, known: dict, scores: np.ndarray, eligible: np.ndarray
) -> TraitDesign:
    binary = trait["type"] == "binary"
    transform = "none" if binary else trait.get("transform", "none")
    y = joined[_column(trait, joined)].to_numpy(dtype=float, na_value=np.nan).copy()
    left_out: dict[str, int] = {}
    used = eligible.copy()

    def leave(bad: np.ndarray, reason: str) -> None:
        nonlocal used
        count = int((bad & used).sum())
        if count:
            left_out[reason] = left_out.get(reason, 0) + count
        used = used & ~bad

    complete = eligible.copy()
    leave(~np.isfinite(y), "trait missing")
    if transform == "log":
        with np.errstate(invalid="ignore"):
            leave(~(y > 0), "log of a value that is not above zero")
    names = list(dict.fromkeys(trait.get("covariates", [])))
    values = {}
    for name in names:
        categorical = is_categorical(name, joined[name], known)
        values[name] = categories(name, joined[name]) if categorical else joined[name].astype(float)
        complete &= values[name].notna().to_numpy()
        leave(~complete, f"covariate {name} missing")

    columns, labels, notices = numeric_columns(values, known, used)
    columns += list(scores.T)
    labels += [f"PC{i + 1}" for i in range(scores.shape[1])]
    keep, dropped = independent(columns, labels, used)
    notices += dropped
    x = np.column_stack([columns[i] for i in keep]) if keep else np.empty((len(y), 0))
    info = {
        "unit": trait.get("unit") or "",
        "transform": transform,
        "left_out": left_out,
        "notices": notices,
    }
    made = TraitDesign(
        trait["name"],
        trait["type"],
        np.where(used, y, np.nan),
        np.where(complete[:, None], x, np.nan),
        [labels[i] for i in keep],
        None,
        info,
        complete,
    )
    made.reason = _unfit(made)
    if made.reason is None and transform != "none":
        made.y[used] = np.log(y[used]) if transform == "log" else inverse_normal(y[used])
    return made


def _unfit(trait: TraitDesign) -> str | None:
    """Why a trait cannot be fitted, or None."""
    n, k = trait.n, trait.x.shape[1]
    if n < k + 3:
        return f"too few people: {n} for {k} covariates, the intercept and the variant"
    y = trait.y[trait.used]
    if trait.type == "binary":
        if not np.isin(y, (0, 1)).all():
            return "it has values other than 0 and 1"
        if min(trait.n_cases, trait.n_controls) < MIN_GROUP:
            return f"too few people: {trait.n_cases} cases and {trait.n_controls} controls"
    elif np.ptp(y) == 0:
        return "it is constant among the people with all covariates"
    else:
        x = np.column_stack([np.ones(n), trait.x[trait.used]])
        fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
        if np.linalg.norm(y - fitted) <= RANK * np.linalg.norm(y - y.mean()):
            return "its covariates explain it wholly"
    return None
