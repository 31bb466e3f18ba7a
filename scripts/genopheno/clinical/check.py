"""Everything that can be wrong with the participant table and the declaration, found at once."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genopheno.clinical.columns import (
    Column,
    covariate_values,
    nearest,
    read_sex,
    trait_note,
    trait_summary,
    trait_values,
    words,
)
from genopheno.clinical.declaration import Declaration, read_declaration
from genopheno.clinical.followup import PARTS, describe, follow_up
from genopheno.clinical.models import interaction_problems
from genopheno.clinical.participants import Participants, read_table
from genopheno.clinical.values import key
from genopheno.problems import Problem, Problems
from genopheno.strata import Stratum, columns_of
from genopheno.strata import check as stratum_problems


@dataclass
class Clinical:
    """Participants with their traits, checked and typed.

    Attributes
    ----------
    declaration : what was declared.
    frame : one row per participant, sorted by it: participant, sex (female, male, unknown),
        one float64 column per trait (raw units; 1 case or event, 0 control or censored; NaN
        missing) with ``time:{trait}`` and ``entry:{trait}`` where it is time-to-event, then
        covariates (float64, or text with None), then groups and the
        columns of strata (text with None).
    traits : one summary per trait, as in traits.json.
    covariates : per covariate its kind ('numeric', 'categorical' with levels), and how many
        values were missing.
    groups : the columns by which the cohort is to be summarised.
    """

    declaration: Declaration
    frame: pd.DataFrame
    traits: list[dict[str, Any]]
    covariates: dict[str, dict[str, Any]]
    groups: list[str]
    notes: list[str] = field(default_factory=list)


def check(
    participants_path: str | Path,
    declaration_path: str | Path,
    people: dict[str, str] | None = None,
    people_rows: dict[str, int] | None = None,
    sheet_path: str | Path = "",
    groups: list[str] | None = None,
    exempt: Set[str] = frozenset(),
    strata: Sequence[Stratum] = (),
    kept: Sequence[str] = (),
    interactions: Sequence[str] = (),
    config_path: str | Path = "config",
) -> tuple[Clinical | None, list[Problem], list[str]]:
    """Check the participant table against its declaration and against the sample sheet.

    Parameters
    ----------
    people : participant → declared sex (female, male, unknown) of the sample sheet; None: do
        not compare with it.
    people_rows : participant → first line of the sample sheet that names it.
    groups : columns by which the cohort is summarised; 'sex' is always there.
    exempt : participants of the sheet that need no row in the table: controls.
    strata : parts of the cohort that are tested on their own; their columns are kept.
    kept : further columns to keep.
    interactions : covariates whose interaction with variants is tested.
    config_path : what names strata and interactions, for the problems.

    Returns
    -------
    The typed participants (None if there is any problem), all problems, and notes: what is
    remarkable but stops nothing.
    """
    found = Problems()
    declaration, problems = read_declaration(declaration_path)
    found.extend(problems)
    table, problems = read_table(participants_path)
    found.extend(problems)
    if declaration is None or table is None:
        return None, list(found), table.notes if table else []

    groups = list(dict.fromkeys(groups or []))
    kept = list(dict.fromkeys([*kept, *columns_of(strata)]))
    notes = [f"{participants_path}: {note}" for note in table.notes]
    _columns(table, declaration, groups, kept, found)
    usable = declaration.participant in table.cells
    ids = table.cells[declaration.participant] if usable else None
    if ids is not None:
        _participants(table, declaration, ids, found)
        if people is not None:
            _against_sheet(
                table, declaration, ids, people, people_rows or {}, sheet_path, exempt, found
            )

    sex = _sex(table, declaration, ids, people or {}, found, notes)
    frame = {"participant": ids, "sex": sex}
    traits, covariates = [], {}
    for trait in declaration.traits:
        if trait.column not in table.cells:
            continue
        column = _column(table, trait.column, [*declaration.missing, *trait.missing])
        values, problems = trait_values(column, trait)
        found.extend(problems)
        frame[trait.name] = values
        summary = trait_summary(trait, values, column)
        if trait.type == "time-to-event":
            named = {part: getattr(trait, part) for part in PARTS}
            if any(name and name not in table.cells for name in named.values()):
                continue
            absent = [*declaration.missing, *trait.missing]
            seen, faults = follow_up(
                trait, *(name and _column(table, name, absent) for name in named.values())
            )
            problems += faults
            found.extend(faults)
            frame |= seen
            summary |= describe(trait, values, seen)
            if n := summary["n_without_follow_up"]:
                notes.append(f"trait {trait.name}: {n} people with a status have no follow-up")
        note = None if problems else trait_note(summary)
        notes += [note] if note else []
        traits.append(summary)
    for name in declaration.covariates:
        if name == "sex":
            covariates[name] = _sex_covariate(table.path, sex, found)
            continue
        if name not in table.cells:
            continue
        column = _column(table, name, declaration.missing)
        values, described, problems = covariate_values(
            column, name in declaration.categorical or name in groups
        )
        found.extend(problems)
        if described.get("n_missing"):
            notes.append(f"covariate {name}: {described['n_missing']} values are missing")
        covariates[name] = described
        frame.setdefault(name, values)
    for name in groups:
        if name != "sex" and name in table.cells:
            if isinstance(frame.get(name), np.ndarray) and frame[name].dtype.kind == "f":
                found.add(
                    "group-name",
                    declaration.path,
                    f"the trait {name!r} has the name of the group {name!r}",
                    "Rename the trait",
                    row=declaration.line("traits", name),
                    column=name,
                )
            frame[name] = words(_column(table, name, declaration.missing))
    for name in kept:
        if name in table.cells and name not in frame:
            frame[name] = words(_column(table, name, declaration.missing))
        if any(trait.name == name for trait in declaration.traits):
            found.add(
                "stratum-column",
                declaration.path,
                f"the trait {name!r} has the name of a column that strata are made by",
                "Rename the trait",
                row=declaration.line("traits", name),
                column=name,
            )
    names = [trait.name for trait in declaration.traits]
    if ids is not None:
        found.extend(stratum_problems(strata, names, pd.DataFrame(frame), str(config_path)))
    found.extend(interaction_problems(declaration, interactions, strata, groups, config_path))
    if found or ids is None:
        return None, list(found), notes
    data = pd.DataFrame(frame).sort_values("participant", kind="stable", ignore_index=True)
    return Clinical(declaration, data, traits, covariates, groups, notes), [], notes


def _column(table: Participants, name: str, missing: list[str] | tuple[str, ...]) -> Column:
    absent = {key(text) for text in missing}
    return Column.of(table.path, name, table.lines, table.cells[name], absent)


def _columns(
    table: Participants,
    declaration: Declaration,
    groups: list[str],
    kept: list[str],
    found: Problems,
) -> None:
    """Each named column is in the table, once."""
    names = list(table.cells)
    wanted: dict[str, tuple[str, str, int | None, str]] = {}

    def want(column: str, file: str, where: str, row: int | None, what: str) -> None:
        wanted.setdefault(column, (file, where, row, what))

    path, line = declaration.path, declaration.line
    want(declaration.participant, path, "participant", line("participant"), "participant column")
    for trait in declaration.traits:
        for part in ("column", *PARTS):
            if name := getattr(trait, part):
                row = line("traits", trait.name, part)
                want(name, path, f"{trait.name}.{part}", row, "column")
    for name in declaration.covariates:
        own = [t.name for t in declaration.traits if t.own_covariates and name in t.covariates]
        row = line("traits", own[0], "covariates") if own else line("covariates")
        where = f"{own[0]}.covariates" if own else "covariates"
        want(name, path, where, row, "covariate")
    for name in groups:
        want(name, table.path, name, 1, "group column")
    for name in kept:
        want(name, table.path, name, 1, "column of a stratum")
    for column, (file, where, row, what) in wanted.items():
        if column not in table.cells and column != "sex":  # sex may come from the sample sheet
            found.add(
                "column-absent",
                file,
                f"the {what} {column!r} is not in {table.path}{nearest(column, names)}",
                "Name a column of the participant table as it is in its header",
                row=row,
                column=where,
            )
        elif column in table.repeated:
            found.add(
                "column-repeated",
                table.path,
                f"the column {column!r} is there more than once",
                "Rename or remove all but one",
                row=1,
                column=column,
            )


def _participants(
    table: Participants, declaration: Declaration, ids: pd.Series, found: Problems
) -> None:
    absent = {key(text) for text in declaration.missing}
    first: dict[str, int] = {}
    for text, line in zip(ids, table.lines, strict=True):
        at = {"row": int(line), "column": declaration.participant}
        if key(text) in absent:
            what = f"the participant is missing ({text!r})"
            found.add("participant-missing", table.path, what, "Name it, or remove the row", **at)
        elif text in first:
            what = f"participant {text!r} is on line {first[text]} already"
            found.add("participant-repeated", table.path, what, "Keep one row per person", **at)
        first.setdefault(text, int(line))


def _against_sheet(
    table: Participants,
    declaration: Declaration,
    ids: pd.Series,
    people: dict[str, str],
    people_rows: dict[str, int],
    sheet_path: str | Path,
    exempt: Set[str],
    found: Problems,
) -> None:
    """Participants without samples and samples without participants, each listed."""
    absent = {key(text) for text in declaration.missing}
    rows = {t: int(n) for t, n in zip(ids, table.lines, strict=True) if key(t) not in absent}
    folded = {text.lower(): text for text in people}
    for text, line in rows.items():
        if text not in people:
            near = folded.get(text.lower())
            hint = f" (it has {near!r}: case matters)" if near else ""
            found.add(
                "participant-without-sample",
                table.path,
                f"participant {text!r} has no sample in {sheet_path}{hint}",
                "Add its sample to the sheet, or remove the row",
                row=line,
                column=declaration.participant,
            )
    for text in people:
        if text not in rows and text not in exempt:
            found.add(
                "sample-without-participant",
                sheet_path,
                f"participant {text!r} of the sheet is not in {table.path}",
                "Add its row to the participant table, or remove its samples",
                row=people_rows.get(text),
                column="participant",
            )


def _sex(
    table: Participants,
    declaration: Declaration,
    ids: pd.Series | None,
    people: dict[str, str],
    found: Problems,
    notes: list[str],
) -> np.ndarray:
    """(rows,) female, male or unknown: the sheet's where it says, else the table's."""
    names = ids if ids is not None else pd.Series([""] * len(table.lines), dtype=object)
    sheet = np.array([people.get(text, "unknown") for text in names], dtype=object)
    name = next((c for c in ("sex", *table.cells) if c.lower() == "sex" and c in table.cells), None)
    if name is None:
        return sheet
    said, strange = read_sex(_column(table, name, declaration.missing))
    if strange:
        shown = ", ".join(map(repr, strange[:5]))
        notes.append(
            f"{table.path}: column {name}: {shown} cannot be read as a sex and count as unknown; "
            "write male and female"
        )
    contradicts = (sheet != said) & (sheet != "unknown") & (said != "unknown")
    for i in np.flatnonzero(contradicts):
        found.add(
            "sex-differs",
            table.path,
            f"participant {names.iloc[i]!r} is {said[i]} here and {sheet[i]} in the sample sheet",
            "Find out which is right; a swapped sample also looks like this",
            row=int(table.lines[i]),
            column=name,
        )
    return np.where(sheet == "unknown", said, sheet)


def _sex_covariate(path: str, sex: np.ndarray, found: Problems) -> dict[str, Any]:
    unknown = int((sex == "unknown").sum())
    if unknown == len(sex):
        found.add(
            "covariate-missing",
            path,
            "sex is a covariate and no participant's sex is known",
            "Give male and female in the column sex here or in the sample sheet",
            column="sex",
        )
    levels = sorted(set(sex) - {"unknown"})
    counted = {"unknown": unknown} if unknown else {}
    return {
        "kind": "categorical",
        "levels": levels,
        "n_missing": unknown,
        "missing_values": counted,
    }
