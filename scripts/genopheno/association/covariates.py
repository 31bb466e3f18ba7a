"""Covariates as numbers: categories coded, what says nothing new left out; and transforms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

RANK = 1e-7  # a covariate with less than this of its spread left over is a mixture of others


def is_categorical(name: str, column: pd.Series, known: dict) -> bool:
    import pandas as pd

    kind = known.get(name, {}).get("kind")
    return kind == "categorical" if kind else not pd.api.types.is_numeric_dtype(column)


def categories(name: str, column: pd.Series) -> pd.Series:
    """Levels as text; the sex 'unknown' is a missing value."""
    text = column.astype(object).where(column.notna(), None)
    text = text.map(lambda value: None if value is None else str(value))
    return text.where(text != "unknown", None) if name == "sex" else text


@dataclass
class Coded:
    """A covariate as numbers.

    Attributes
    ----------
    columns : (samples,) float64 each; a category has one a level but the first.
    labels : names of the columns: the covariate, or 'covariate=level'.
    reference : the level without a column; None: it is a number, or nobody has a level.
    notices : what there is to say.
    """

    columns: list[np.ndarray]
    labels: list[str]
    reference: str | None = None
    notices: list[str] = field(default_factory=list)


def coded(name: str, column: pd.Series, known: dict, used: np.ndarray) -> Coded:
    """Code one covariate on the people used.

    The reference is the first declared level, or the first by name, that occurs among them;
    levels that do not occur get no column.
    """
    if column.dtype != object:
        return Coded([column.to_numpy(dtype=float)], [name])
    there = set(column[used].dropna())
    declared = [str(level) for level in known.get(name, {}).get("levels", [])]
    levels = [level for level in declared if level in there]
    levels += sorted(there - set(levels))
    if not levels:
        return Coded([], [])
    notices = [f"{name}: the reference level is {levels[0]}"]
    if len(levels) == 1:
        notices = [f"{name} was dropped: it is constant, {levels[0]}"]
    return Coded(
        [(column == level).to_numpy(dtype=float) for level in levels[1:]],
        [f"{name}={level}" for level in levels[1:]],
        levels[0],
        notices,
    )


def independent(
    columns: list[np.ndarray], labels: list[str], used: np.ndarray
) -> tuple[list[int], list[str]]:
    """Indices of the columns that add something to the intercept and those before them.

    The same walk as a QR decomposition, in the order of declaration, so that it is the
    later one of two collinear covariates that goes. A notice is given for each dropped.
    """
    n = int(used.sum())
    basis = np.full((n, 1), 1 / np.sqrt(n)) if n else np.empty((0, 1))
    keep: list[int] = []
    notices: list[str] = []
    for i, (column, label) in enumerate(zip(columns, labels, strict=True)):
        inside = column[used]
        if not n or np.ptp(inside) == 0:
            notices.append(f"{label} was dropped: it is constant")
            continue
        inside = inside - inside.mean()
        spread = np.linalg.norm(inside)
        for _ in range(2):
            inside = inside - basis @ (basis.T @ inside)
        left = np.linalg.norm(inside)
        if left <= RANK * spread:
            notices.append(f"{label} was dropped: covariates before it determine it")
            continue
        keep.append(i)
        basis = np.column_stack([basis, inside / left])
    return keep, notices


def component_scores(column: pd.Series, wanted: int) -> tuple[np.ndarray, list[str]]:
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


def inverse_normal(values: np.ndarray) -> np.ndarray:
    """Rank-based inverse normal transform (Blom 1958: c = 3/8); ties get their mean rank."""
    import pandas as pd
    from scipy.special import ndtri

    rank = pd.Series(values).rank(method="average").to_numpy()
    return ndtri((rank - 0.375) / (len(values) + 0.25))
