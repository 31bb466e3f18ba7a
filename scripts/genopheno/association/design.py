"""Who is tested for which trait, with which numbers: the design of the association.

A trait's people are those with genotypes, a phenotype and all of the trait's covariates.
Transforms and category codings are made on exactly these people, trait by trait, so no
trait's missing values change another trait's numbers. What cannot be fitted is set aside
with its reason and does not stop the rest.

On disk a design is ``design.parquet``, one row per sample, and ``design.json`` beside it:

=======================  ==================================================================
``sample``               sequenced library pool, as in the genotype files
``y:{trait}``            the transformed trait (binary: 1 case, 0 control); null: not used
``x:{trait}:{name}``     a covariate of that trait; null: the sample is not used. The
                         intercept is not written. Columns have full rank with it.
=======================  ==================================================================

Any engine that fits these columns, people with a null left out, fits the same model.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genopheno import fields
from genopheno.association.covariates import (
    RANK,
    categories,
    independent,
    inverse_normal,
    is_categorical,
    numeric_columns,
)
from genopheno.files import read_json, write_json, writing
from genopheno.problems import Problems, fail

if TYPE_CHECKING:
    import pandas as pd

MIN_GROUP = 2  # cases, controls


@dataclass
class TraitDesign:
    """One trait, ready to be fitted.

    Attributes
    ----------
    name : name of the trait.
    type : 'quantitative' or 'binary'.
    y : (samples,) float64, transformed; NaN where the sample is not used.
    x : (samples, k) float64 covariates without the intercept; NaN where not used.
    covariates : names of the columns of x; a category is 'name=level'.
    reason : why it is not fitted; None: it is.
    info : what else is published: unit, transform, reference levels, notices, counts of
        samples left out by reason.
    """

    name: str
    type: str
    y: np.ndarray
    x: np.ndarray
    covariates: list[str]
    reason: str | None = None
    info: dict = field(default_factory=dict)

    @property
    def used(self) -> np.ndarray:
        """(samples,) bool."""
        return ~np.isnan(self.y)

    @property
    def n(self) -> int:
        return int(self.used.sum())

    @property
    def n_cases(self) -> int | None:
        return int(np.nansum(self.y)) if self.type == "binary" else None

    @property
    def n_controls(self) -> int | None:
        return self.n - int(np.nansum(self.y)) if self.type == "binary" else None


@dataclass
class Design:
    """Samples and traits.

    Attributes
    ----------
    samples : names, in the order of every array of the traits.
    traits : in the order in which they were declared.
    info : counts of samples left out of every trait, by reason; components used; notices.
    """

    samples: list[str]
    traits: list[TraitDesign]
    info: dict = field(default_factory=dict)

    @property
    def fitted(self) -> list[TraitDesign]:
        """Traits that can be fitted."""
        return [trait for trait in self.traits if trait.reason is None]

    def aligned(self, samples: list[str]) -> Design:
        """The same design in the order of `samples`; those it does not know are not used.

        Raises
        ------
        StageError : a sample of the design is not among `samples`.
        """
        if samples == self.samples:
            return self
        place = {sample: i for i, sample in enumerate(self.samples)}
        absent = sorted(place.keys() - set(samples))
        if absent:
            raise fail(
                "design-sample-unknown",
                "design",
                f"{len(absent)} samples have no genotypes, such as {', '.join(absent[:5])}",
                "Make the design from the sample table of the same join",
            )
        index = np.array([place.get(sample, -1) for sample in samples])

        def move(values: np.ndarray) -> np.ndarray:
            out = values[index]
            out[index < 0] = np.nan
            return out

        traits = [
            TraitDesign(t.name, t.type, move(t.y), move(t.x), t.covariates, t.reason, t.info)
            for t in self.traits
        ]
        return Design(list(samples), traits, self.info)

    def write(self, path: str | Path) -> None:
        """Write `path` (Parquet) and the JSON of the same name beside it."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = Path(path)
        columns, extra = [pa.array(self.samples, pa.string())], []
        for trait in self.traits:
            unit = trait.info.get("unit", "") if trait.info.get("transform") == "none" else ""
            told = fields.member("design", "y:{trait}", trait=trait.name)
            extra.append(replace(told, unit=unit))
            columns.append(pa.array(trait.y, from_pandas=True))
            for name, values in zip(trait.covariates, trait.x.T, strict=True):
                extra.append(
                    fields.member(
                        "design", "x:{trait}:{covariate}", trait=trait.name, covariate=name
                    )
                )
                columns.append(pa.array(values, from_pandas=True))
        table = pa.Table.from_arrays(columns, schema=fields.schema("design", extra=extra))
        with writing(path) as beside:
            pq.write_table(table, beside, compression="zstd")
        write_json(
            path.with_suffix(".json"),
            {
                **self.info,
                "traits": [
                    {
                        **trait.info,
                        "name": trait.name,
                        "type": trait.type,
                        "covariates": trait.covariates,
                        "n": trait.n,
                        "n_cases": trait.n_cases,
                        "n_controls": trait.n_controls,
                        "reason": trait.reason,
                    }
                    for trait in self.traits
                ],
            },
        )


def read(path: str | Path) -> Design:
    """Read what `Design.write` wrote."""
    import pyarrow.parquet as pq

    path = Path(path)
    table = pq.read_table(path)
    info = read_json(path.with_suffix(".json"))
    samples = table["sample"].to_pylist()

    def column(name: str) -> np.ndarray:
        return np.array(table[name].to_numpy(), dtype=float)

    derived = {"name", "type", "covariates", "n", "n_cases", "n_controls", "reason"}
    traits = []
    for entry in info.pop("traits"):
        name, covariates = entry["name"], entry["covariates"]
        x = [column(f"x:{name}:{covariate}") for covariate in covariates]
        traits.append(
            TraitDesign(
                name,
                entry["type"],
                column(f"y:{name}"),
                np.column_stack(x) if x else np.empty((len(samples), 0)),
                covariates,
                entry["reason"],
                {key: value for key, value in entry.items() if key not in derived},
            )
        )
    return Design(samples, traits, info)


def build(
    samples: pd.DataFrame,
    phenotypes: pd.DataFrame,
    traits: dict,
    components: pd.DataFrame | None,
    *,
    n_components: int,
    relatives: str,
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
    if components is None:
        if n_components:
            notices.append("there are no components: none was used as a covariate")
        if relatives == "drop":
            notices.append("relatives cannot be told without components: all samples are tested")
    else:
        structure = joined[["sample"]].merge(components, on="sample", how="left")
        absent = structure["scores"].isna()
        if n_components:
            scores, notice = _scores(structure["scores"], n_components)
            notices += notice
            out[absent & (out == "")] = "no components"
        if relatives == "drop":
            related = ~structure["unrelated"].eq(True)
            out[related & ~absent & (out == "")] = "a relative is tested in its place"
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


def _scores(column: pd.Series, wanted: int) -> tuple[np.ndarray, list[str]]:
    """Leading components (samples, at most `wanted`), NaN for samples without any."""
    known = [np.asarray(row, dtype=float) for row in column if row is not None and np.ndim(row)]
    there = min((len(row) for row in known), default=0)
    use = min(wanted, there)
    notice = [] if use == wanted else [f"only {there} of {wanted} components are there"]
    scores = np.full((len(column), use), np.nan)
    for i, row in enumerate(column):
        if row is not None and np.ndim(row):
            scores[i] = np.asarray(row, dtype=float)[:use]
    return scores, notice


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

    leave(~np.isfinite(y), "trait missing")
    if transform == "log":
        with np.errstate(invalid="ignore"):
            leave(~(y > 0), "log of a value that is not above zero")
    names = list(dict.fromkeys(trait.get("covariates", [])))
    values = {}
    for name in names:
        categorical = is_categorical(name, joined[name], known)
        values[name] = categories(name, joined[name]) if categorical else joined[name].astype(float)
        leave(values[name].isna().to_numpy(), f"covariate {name} missing")

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
    design = TraitDesign(
        trait["name"],
        trait["type"],
        np.where(used, y, np.nan),
        np.where(used[:, None], x, np.nan),
        [labels[i] for i in keep],
        None,
        info,
    )
    design.reason = _unfit(design)
    if design.reason is None and transform != "none":
        design.y[used] = np.log(y[used]) if transform == "log" else inverse_normal(y[used])
    return design


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
