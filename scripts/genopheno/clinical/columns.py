"""Columns of text made values: traits by their declaration, covariates by what they hold."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from genopheno.clinical.declaration import Trait
from genopheno.clinical.values import (
    COMMA,
    LIKE_MISSING,
    NOT_FINITE,
    key,
    number,
    why_not_a_number,
)
from genopheno.problems import Problem, Problems

MAX_VALUES = 20  # different faulty values of one column that are told apart
MAX_LEVELS = 50

MALE = {"male", "m", "man", "xy"}
FEMALE = {"female", "f", "woman", "xx"}
UNSAID = {"", "unknown", "u", "na", "n/a", "other", "0", "-9"}


@dataclass
class Column:
    """A column of text with its line numbers, its different values found once.

    Attributes
    ----------
    codes : (rows,) index into `texts`.
    texts : the different texts of the cells.
    missing : (texts,) true where the text means missing.
    """

    path: str
    name: str
    lines: np.ndarray
    codes: np.ndarray
    texts: list[str]
    missing: np.ndarray

    @classmethod
    def of(cls, path: str, name: str, lines: np.ndarray, cells: pd.Series, absent: set) -> Column:
        codes, texts = pd.factorize(cells)
        texts = [str(text) for text in texts]
        missing = np.array([key(text) in absent for text in texts], dtype=bool)
        return cls(path, name, lines, codes, texts, missing)

    @property
    def observed(self) -> list[str]:
        """The different texts that do not mean missing."""
        return [t for t, gone in zip(self.texts, self.missing, strict=True) if not gone]

    def counts(self) -> np.ndarray:
        return np.bincount(self.codes, minlength=len(self.texts))

    def missing_values(self) -> dict[str, int]:
        """How often each text that means missing is there."""
        counts = self.counts()
        pairs = zip(self.texts, self.missing, counts, strict=True)
        return {text: int(n) for text, gone, n in sorted(pairs) if gone}

    def take(self, value_of: Callable[[str], float | None]) -> np.ndarray:
        """(rows,) float64 of the value of each cell; NaN where missing or None."""
        values = np.full(len(self.texts), np.nan)
        for i, text in enumerate(self.texts):
            value = None if self.missing[i] else value_of(text)
            if value is not None:
                values[i] = value
        return values[self.codes] if len(values) else np.full(len(self.codes), np.nan)

    def faults(
        self, code: str, label: str, wrong: Callable[[str], tuple[str, str] | None]
    ) -> list[Problem]:
        """One problem per different faulty value, at its first row, telling the other rows."""
        out, left_values, left_cells = [], 0, 0
        counts = self.counts()
        for i, text in enumerate(self.texts):
            reason = None if self.missing[i] else wrong(text)
            if reason is None:
                continue
            if len(out) >= MAX_VALUES:
                left_values, left_cells = left_values + 1, left_cells + int(counts[i])
                continue
            rows = self.lines[np.flatnonzero(self.codes == i)]
            what = f"{label}{reason[0]}"
            if len(rows) > 1:
                shown = ", ".join(map(str, rows[:5])) + (", …" if len(rows) > 5 else "")
                what += f" ({len(rows)} rows: {shown})"
            out.append(Problem(code, self.path, int(rows[0]), self.name, what, reason[1]))
        if left_values:
            what = f"{label}{left_cells} further cells with {left_values} other faulty values"
            out.append(Problem(code, self.path, None, self.name, what, "Mend them in the same way"))
        return out


def trait_values(column: Column, trait: Trait) -> tuple[np.ndarray, list[Problem]]:
    """(rows,) float64 in raw units, or 1 case and 0 control; NaN missing."""
    label = f"trait {trait.name}: "
    if trait.type == "quantitative":

        def wrong(text: str) -> tuple[str, str] | None:
            value = number(text)
            if value is None:
                return why_not_a_number(text)
            if trait.transform == "log" and value <= 0:
                what = f"{text!r} is not positive, and the trait is log-transformed"
                return what, "Correct it, declare it under 'missing', or use another transform"
            return None

        return column.take(number), column.faults("phenotype-value", label, wrong)

    meaning = {key(t): 1.0 for t in trait.case} | {key(t): 0.0 for t in trait.control}
    known = [str(t) for t in (*trait.case, *trait.control)]

    def unlisted(text: str) -> tuple[str, str] | None:
        if key(text) in meaning:
            return None
        near = next((word for word in known if word.lower() == text.lower()), None)
        hint = f" ({near!r} is listed; case matters)" if near else ""
        return (
            f"{text!r} is neither case, control nor missing{hint}",
            "Correct it, or list it under case, control or missing in the declaration",
        )

    values = column.take(lambda text: meaning.get(key(text)))
    return values, column.faults("phenotype-value", label, unlisted)


def trait_summary(trait: Trait, values: np.ndarray, column: Column) -> dict[str, Any]:
    """The trait as it goes into traits.json: declaration, counts, and spread of its raw values."""
    seen = values[~np.isnan(values)]
    binary = trait.type != "quantitative"
    return {
        "name": trait.name,
        "column": trait.column,
        "type": trait.type,
        "unit": trait.unit,
        "transform": trait.transform,
        "covariates": list(trait.covariates),
        "case": list(trait.case),
        "control": list(trait.control),
        "n_observed": len(seen),
        "n_missing": int(len(values) - len(seen)),
        "n_cases": int((seen == 1).sum()) if binary else None,
        "n_controls": int((seen == 0).sum()) if binary else None,
        "mean": float(seen.mean()) if len(seen) else None,
        "sd": float(seen.std(ddof=1)) if len(seen) > 1 else None,
        "min": float(seen.min()) if len(seen) else None,
        "max": float(seen.max()) if len(seen) else None,
        "missing_values": column.missing_values(),
    }


def trait_note(summary: dict[str, Any]) -> str | None:
    """Why a trait cannot be tested as it is, or None; it stops nothing else."""
    name, n = summary["name"], summary["n_observed"]
    if n == 0:
        return f"trait {name}: every value is missing"
    if summary["type"] == "time-to-event":
        if summary["n_cases"] < 2:
            return f"trait {name}: {summary['n_cases']} events are too few to test"
    elif summary["type"] == "binary":
        if min(summary["n_cases"], summary["n_controls"]) < 2:
            return (
                f"trait {name}: {summary['n_cases']} cases and {summary['n_controls']} controls "
                "are too few to test"
            )
    elif summary["min"] == summary["max"]:
        return f"trait {name}: all {n} values are {summary['min']:g}"
    return None


def covariate_values(
    column: Column, categorical: bool
) -> tuple[np.ndarray, dict[str, Any], list[Problem]]:
    """A covariate as numbers, or as words where it holds words or is declared categorical.

    Returns
    -------
    values : (rows,) float64 with NaN, or object with None; a description for traits.json; and
        the problems: all missing, numbers mixed with words, or words that are not categories.
    """
    found = Problems()
    texts = column.observed
    described = {"missing_values": column.missing_values()}
    described["n_missing"] = sum(described["missing_values"].values())
    if not texts:
        found.add(
            "covariate-missing",
            column.path,
            f"every value of the covariate {column.name!r} is missing",
            "Fill it, or take it from the covariates in the declaration",
            column=column.name,
        )
        return np.full(len(column.codes), np.nan), described | {"kind": "numeric"}, list(found)

    counts = column.counts()
    total = {True: 0, False: 0}
    for text, gone, n in zip(column.texts, column.missing, counts, strict=True):
        if not gone:
            total[number(text) is not None] += int(n)
    numeric = total[True] >= total[False] or all(
        number(t) is not None or any(k.fullmatch(t) for k in (COMMA, NOT_FINITE, LIKE_MISSING))
        for t in texts
    )
    label = f"covariate {column.name}: "
    if not categorical and numeric:
        problems = column.faults(
            "covariate-value",
            label,
            lambda t: None if number(t) is not None else why_not_a_number(t),
        )
        values = column.take(number)
        seen = values[~np.isnan(values)]
        if len(seen):
            described |= {"mean": float(seen.mean()), "min": float(seen.min())}
            described["max"] = float(seen.max())
        return values, described | {"kind": "numeric"}, problems

    if not categorical and total[True]:
        mend = "Correct it, or list the covariate under 'categorical' in the declaration"
        found.extend(
            column.faults(
                "covariate-value",
                label,
                lambda t: (
                    (f"{t!r} is a number among words", mend) if number(t) is not None else None
                ),
            )
        )
    if len(texts) > MAX_LEVELS and len(texts) * 2 > total[True] + total[False]:
        found.add(
            "covariate-value",
            column.path,
            f"{label}{len(texts)} different words are not categories, such as {texts[0]!r}",
            "Give numbers or a few categories (dates: as years or ages)",
            column=column.name,
        )
    described |= {"kind": "categorical", "levels": sorted(texts)}
    return words(column), described, list(found)


def words(column: Column) -> np.ndarray:
    """(rows,) object: the text of each cell, None where missing."""
    levels = np.array(
        [None if gone else t for t, gone in zip(column.texts, column.missing, strict=True)]
        or [None],
        dtype=object,
    )
    return levels[column.codes]


def read_sex(column: Column) -> tuple[np.ndarray, list[str]]:
    """(rows,) object: female, male or unknown; and the texts that could not be understood.

    1 and 2 are male and female (PLINK) only where a 2 is there and nothing above: a column
    of 0 and 1 does not tell which is which.
    """
    numbers = {number(t) for t in column.observed} - {None}
    plink = 2.0 in numbers and numbers <= {0.0, 1.0, 2.0}
    said, strange = [], []
    for text, gone in zip(column.texts, column.missing, strict=True):
        word = text.strip().lower()
        value = number(text)
        if word in MALE or (plink and value == 1):
            said.append("male")
        elif word in FEMALE or (plink and value == 2):
            said.append("female")
        else:
            said.append("unknown")
            if not gone and (word not in UNSAID or (value == 0 and not plink)):
                strange.append(text)
    return np.array(said or ["unknown"], dtype=object)[column.codes], sorted(strange)


def nearest(name: str, names: list[str]) -> str:
    """' (is … meant?)' with the names like `name`, or nothing."""
    folded = {other.lower(): other for other in names}
    like = difflib.get_close_matches(name.lower(), list(folded), n=3, cutoff=0.7)
    return f" (is {' or '.join(repr(folded[n]) for n in like)} meant?)" if like else ""
