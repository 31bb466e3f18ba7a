"""Strata: parts of the cohort in which every trait is tested once more, as a trait of its own.

A stratum is a name and conditions on columns, all of which must hold: ``{sex: female}``,
``{ancestry: EUR, site: [oslo, lima]}``. The trait *ldl* in the stratum *female* is the trait
``ldl.female``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from genopheno.problems import Problems

if TYPE_CHECKING:
    import pandas as pd

ANCESTRY = "ancestry"  # not a column of participants: the group from the reference panel
SEX = "sex"


@dataclass(frozen=True)
class Stratum:
    """A part of the cohort.

    Attributes
    ----------
    name : what follows the trait's name.
    columns : column -> values as they are written in the table; any of them will do.
    """

    name: str
    columns: Mapping[str, tuple[str, ...]]

    def options(self) -> list[str]:
        """NAME:COLUMN=VALUE of each value, which `parse` reads."""
        return [
            f"{self.name}:{column}={value}"
            for column, values in self.columns.items()
            for value in values
        ]


def of_settings(strata: Mapping[str, Mapping[str, Sequence[str]]]) -> list[Stratum]:
    """The strata of a configuration."""
    return [
        Stratum(name, {column: tuple(values) for column, values in columns.items()})
        for name, columns in strata.items()
    ]


def parse(options: Iterable[str]) -> list[Stratum]:
    """Strata of NAME:COLUMN=VALUE texts; those of one name belong together.

    Raises
    ------
    ValueError : a text is not of this form.
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for option in options:
        name, colon, rest = option.partition(":")
        column, equals, value = rest.partition("=")
        if not (name and colon and column and equals and value):
            raise ValueError(f"{option!r} is not NAME:COLUMN=VALUE")
        columns = found.setdefault(name, {})
        columns[column] = (*columns.get(column, ()), value)
    return [Stratum(name, columns) for name, columns in found.items()]


def columns_of(strata: Iterable[Stratum]) -> list[str]:
    """Columns of the participant table that strata ask for, beside sex."""
    named = (column for stratum in strata for column in stratum.columns)
    return [name for name in dict.fromkeys(named) if name not in (SEX, ANCESTRY)]


def run_name(trait: str, stratum: str) -> str:
    return f"{trait}.{stratum}"


def run_names(traits: Sequence[str], strata: Iterable[str]) -> list[str]:
    """Every trait, then every trait of each stratum: what the results are named by."""
    return [*traits, *(run_name(trait, name) for name in strata for trait in traits)]


def equal(column: pd.Series, value: str) -> np.ndarray:
    """(rows,) bool: the cell is this value; of a column of numbers, this number."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        return (column == number).to_numpy(dtype=bool, na_value=False)
    return column.eq(value).to_numpy(dtype=bool, na_value=False)


def members(stratum: Stratum, frame: pd.DataFrame) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Who belongs to a stratum.

    Parameters
    ----------
    frame : a row per person with the columns of the stratum; sex 'unknown' is missing.

    Returns
    -------
    inside : (rows,) bool.
    missing : per column (rows,) bool, where it is not known whether a person belongs.
    """
    inside = np.ones(len(frame), dtype=bool)
    missing = {}
    for column, values in stratum.columns.items():
        cells = frame[column]
        unknown = cells.isna().to_numpy()
        if column == SEX:
            unknown = unknown | equal(cells, "unknown")
        missing[column] = unknown
        inside &= np.any([equal(cells, value) for value in values], axis=0) & ~unknown
    return inside, missing


def check(
    strata: Sequence[Stratum], traits: Sequence[str], frame: pd.DataFrame, file: str
) -> Problems:
    """What is wrong with strata, given the people as far as they are known.

    Columns that the frame does not have are passed over: whoever reads the tables tells of
    them.

    Parameters
    ----------
    traits : names of the traits.
    frame : a row per person.
    file : what the problems name as their place.
    """
    problems = Problems()
    seen = {name.lower(): f"the trait {name}" for name in traits}
    for stratum in strata:
        where = f"association.strata.{stratum.name}"
        for trait in traits:
            name = run_name(trait, stratum.name)
            if name.lower() in seen:
                problems.add(
                    "stratum-name",
                    file,
                    f"trait {trait} of stratum {stratum.name} would be named {name}, "
                    f"as is {seen[name.lower()]}",
                    "Rename the stratum or the trait",
                    column=where,
                )
            seen.setdefault(name.lower(), f"the trait {trait} of stratum {stratum.name}")
        known = {c: v for c, v in stratum.columns.items() if c in frame}
        faulty = False
        for column, values in known.items():
            for value in values:
                if not equal(frame[column], value).any():
                    faulty = True
                    problems.add(
                        "stratum-value",
                        file,
                        f"nobody has {value!r} in the column {column!r}, "
                        f"which holds {_shown(frame[column])}",
                        "Write a value as it is in the table",
                        column=f"{where}.{column}",
                    )
        if known and not faulty and not members(Stratum(stratum.name, known), frame)[0].any():
            problems.add(
                "stratum-empty",
                file,
                f"nobody is in the stratum {stratum.name}: its conditions hold one by one "
                "and never together",
                "Mend or remove the stratum",
                column=where,
            )
    return problems


def _shown(column: pd.Series, most: int = 8) -> str:
    values = [f"{v:g}" if isinstance(v, float) else repr(v) for v in sorted(set(column.dropna()))]
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return (", ".join(values[:most]) or "nothing") + more
