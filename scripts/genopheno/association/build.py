"""Making a design: samples, phenotypes and components joined, trait by trait.

Transforms and category codings are made on exactly the people of the trait, so no trait's
missing values change another trait's numbers. What cannot be fitted is set aside with its
reason and does not stop the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from genopheno.association.covariates import (
    RANK,
    Coded,
    categories,
    coded,
    component_scores,
    independent,
    inverse_normal,
    is_categorical,
)
from genopheno.association.design import Design, TraitDesign
from genopheno.association.followup import follow_up, follow_up_columns
from genopheno.association.strata import Placed, place
from genopheno.problems import Problems, fail
from genopheno.strata import Stratum, run_name

if TYPE_CHECKING:
    import pandas as pd

MIN_GROUP = 2  # cases, controls, events


def design(
    samples: pd.DataFrame,
    phenotypes: pd.DataFrame,
    traits: dict,
    components: pd.DataFrame | None,
    *,
    n_components: int,
    relatives: str,
    choose: Callable[[TraitDesign], tuple[str, str]] | None = None,
    strata: Sequence[Stratum] = (),
    structure: pd.DataFrame | None = None,
    conditions: pd.DataFrame | None = None,
    interactions: Sequence[str] = (),
) -> Design:
    """Join samples, phenotypes and components into a design.

    Parameters
    ----------
    samples : table ``cohort_samples``: sample, participant, …; a sample per participant.
    phenotypes : participant, sex, a column per trait (binary: 1 case, 0 control) and per
        covariate (number or string), and of time-to-event traits the follow-up
        (`followup`); missing is null.
    traits : what ``traits.json`` holds: ``traits`` (name, type, transform, unit,
        covariates) and ``covariates`` (name: kind, levels).
    components : table ``components``; None: no components, and relatives cannot be told.
    n_components : leading components that join every trait's covariates, at most as many
        as there are.
    relatives : 'drop' tests the unrelated samples only, 'keep' tests all.
    choose : gives the model of a trait and why (`choice`), or raises ValueError: the reason why
        there is none; None: plain regression.
    strata : each trait is a trait of its own in each of them, too.
    structure : table ``structure_samples``, for strata by ancestry.
    conditions : a row per sample (the index), a column per variant that is conditioned on:
        its dosage, NaN where the genotype is missing. They join the covariates of every
        trait.
    interactions : covariates whose interaction with variants is to be tested. They join
        the covariates of every trait.

    Raises
    ------
    StageError : a participant has two samples, or a sample two rows of components; a
        declared column is absent; a stratum cannot be made; or nobody is left.
    """
    import pandas as pd

    problems = Problems()
    for file, frame, column, code in (
        ("samples", samples, "sample", "sample-duplicate"),
        ("samples", samples, "participant", "participant-duplicate"),
        ("phenotypes", phenotypes, "participant", "participant-duplicate"),
        ("components", components, "sample", "sample-duplicate"),
    ):
        twice = [] if frame is None else frame[column][frame[column].duplicated()].unique()
        if len(twice):
            problems.add(
                code,
                file,
                f"{len(twice)} occur more than once, such as {', '.join(map(str, twice[:5]))}",
                "Keep one row each",
                column=column,
            )
    known = {**traits.get("covariates", {})}
    interactions = list(dict.fromkeys(interactions))
    for name in interactions:
        if name not in phenotypes.columns:
            problems.add(
                "interaction-unknown",
                "phenotypes",
                f"its interaction is to be tested, and there is no column {name!r}",
                "Declare it as a covariate",
                column=name,
            )
    for trait in traits["traits"]:
        needed = [_column(trait, phenotypes), *follow_up_columns(trait)]
        for column in [*needed, *trait.get("covariates", [])]:
            if column not in phenotypes.columns:
                problems.add(
                    "column-missing",
                    "phenotypes",
                    f"trait {trait['name']} needs it and it is not there",
                    "Declare a column that the table has",
                    column=column,
                )
    placed = place(strata, samples, phenotypes, traits["traits"], structure, problems)
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
        own = joined[["sample"]].merge(components, on="sample", how="left")
        absent = own["scores"].isna()
        if n_components:
            scores, notice = component_scores(own["scores"], n_components)
            notices += notice
            out[absent & (out == "")] = "no components"
        related = (~own["unrelated"].eq(True) & ~absent).to_numpy()
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

    people = _People(joined, known, scores, eligible)
    if conditions is not None:
        people.conditions = {v: conditions[v].reindex(joined["sample"]) for v in conditions}
    designs = [
        _trait(trait, people, interactions, stratum)
        for stratum in (None, *placed)
        for trait in traits["traits"]
    ]
    for made in designs:
        made.info["n_related"] = int((related & made.used).sum())
        if choose is not None and made.reason is None:
            try:
                made.info["model"], made.info["model_reason"] = choose(made)
            except ValueError as error:
                made.reason = str(error)
    info = {
        "n_samples": len(joined),
        "n_eligible": int(eligible.sum()),
        "left_out": left_out,
        "components": scores.shape[1],
        "relatives": relatives,
        "condition_on": list(people.conditions),
        "notices": notices,
    }
    return Design([str(s) for s in joined["sample"]], designs, info)


def _column(trait: dict, phenotypes: pd.DataFrame) -> str:
    """Name of the trait's column: that of the trait, else that of the user's table."""
    return trait["name"] if trait["name"] in phenotypes.columns else trait.get("column", "")


@dataclass
class _People:
    """The samples that all traits choose from.

    Attributes
    ----------
    joined : a row per sample with the columns of the phenotypes.
    known : what is declared of each covariate.
    scores : (samples, components).
    eligible : (samples,) bool.
    conditions : variant -> (samples,) dosages.
    """

    joined: pd.DataFrame
    known: dict
    scores: np.ndarray
    eligible: np.ndarray
    conditions: dict[str, pd.Series] = field(default_factory=dict)


def _trait(
    trait: dict, people: _People, interactions: Sequence[str], stratum: Placed | None
) -> TraitDesign:
    joined, scores = people.joined, people.scores
    quantitative = trait["type"] == "quantitative"
    transform = trait.get("transform", "none") if quantitative else "none"
    column = _column(trait, joined)
    y = joined[column].to_numpy(dtype=float, na_value=np.nan).copy()
    left_out: dict[str, int] = {}
    used = people.eligible.copy()

    def leave(bad: np.ndarray, reason: str) -> None:
        nonlocal used
        count = int((bad & used).sum())
        if count:
            left_out[reason] = left_out.get(reason, 0) + count
        used = used & ~bad

    if stratum is not None:
        for name, missing in stratum.missing.items():
            leave(missing, f"{name} missing")
        leave(~stratum.inside, "not in the stratum")
    complete = used.copy()
    leave(~np.isfinite(y), "trait missing")
    time, entry = None, None
    if trait["type"] == "time-to-event":
        time, entry = follow_up(trait, joined, leave)
    if transform == "log":
        with np.errstate(invalid="ignore"):
            leave(~(y > 0), "log of a value that is not above zero")
    names, notices = list(dict.fromkeys(trait.get("covariates", []))), []
    tested = [name for name in interactions if name not in (column, trait.get("column"))]
    for name in tested:
        if name not in names:
            names.append(name)
            notices.append(f"{name} was added to the covariates: its interaction is tested")
    values = {}
    for name in names:
        categorical = is_categorical(name, joined[name], people.known)
        values[name] = categories(name, joined[name]) if categorical else joined[name].astype(float)
        complete &= values[name].notna().to_numpy()
        leave(~complete, f"covariate {name} missing")
    for variant, dosage in people.conditions.items():
        complete &= dosage.notna().to_numpy()
        leave(~complete, f"genotype of {variant} missing")

    codes = {name: coded(name, column, people.known, used) for name, column in values.items()}
    columns = [column for code in codes.values() for column in code.columns]
    labels = [label for code in codes.values() for label in code.labels]
    notices += [notice for code in codes.values() for notice in code.notices]
    columns += [*scores.T, *(dosage.to_numpy() for dosage in people.conditions.values())]
    labels += [f"PC{i + 1}" for i in range(scores.shape[1])]
    labels += list(people.conditions)
    keep, dropped = independent(columns, labels, used)
    notices += dropped
    x = np.column_stack([columns[i] for i in keep]) if keep else np.empty((len(y), 0))
    kept = [labels[i] for i in keep]
    info = {
        "unit": trait.get("unit") or "",
        "transform": transform,
        "left_out": left_out,
        "notices": notices,
        "stratum": stratum.name if stratum else None,
        "interactions": {
            name: _interaction(codes.get(name), kept, name in tested) for name in interactions
        },
    }
    made = TraitDesign(
        run_name(trait["name"], stratum.name) if stratum else trait["name"],
        trait["type"],
        np.where(used, y, np.nan),
        np.where(complete[:, None], x, np.nan),
        kept,
        None,
        info,
        *(None if part is None else np.where(used, part, np.nan) for part in (time, entry)),
        complete=complete,
    )
    made.reason = unfit(made)
    if made.reason is None and transform != "none":
        made.y[used] = np.log(y[used]) if transform == "log" else inverse_normal(y[used])
    return made


def _interaction(code: Coded | None, kept: list[str], tested: bool) -> dict:
    """Columns of x that variants are multiplied with, the reference level, or a reason."""
    terms = code.labels if code else []
    lost = [label for label in terms if label not in kept]
    reason = None
    if not tested:
        reason = "it is the trait itself"
    elif not terms:
        reason = "it is constant among the people of the trait"
    elif lost:
        reason = f"{', '.join(lost)} was dropped from the covariates"
    return {
        "terms": [] if reason else terms,
        "reference": code.reference if code else None,
        "reason": reason,
    }


def unfit(trait: TraitDesign) -> str | None:
    """Why a trait cannot be fitted, or None."""
    n, k = trait.n, trait.x.shape[1]
    if not n:
        return "nobody has a value of it and all of its covariates"
    if n < k + 3:
        return f"too few people: {n} for {k} covariates, the intercept and the variant"
    y = trait.y[trait.used]
    if trait.type != "quantitative":
        if not np.isin(y, (0, 1)).all():
            return "it has values other than 0 and 1"
        if trait.type == "time-to-event":
            return f"too few events: {trait.n_cases}" if trait.n_cases < MIN_GROUP else None
        if min(trait.n_cases, trait.n_controls) < MIN_GROUP:
            return f"too few people: {trait.n_cases} cases and {trait.n_controls} controls"
    elif np.ptp(y) == 0:
        return "it is constant among the people with all covariates"
    x = np.column_stack([np.ones(n), trait.x[trait.used]])
    fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    if np.linalg.norm(y - fitted) <= RANK * np.linalg.norm(y - y.mean()):
        return "its covariates explain it wholly"
    return None
