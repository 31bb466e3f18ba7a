"""Numbers of summary statistics: from text, between effect, error and p-value."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from genopheno import pvalues

CI_WIDTH = 2 * 1.959963984540054  # standard errors that a 95 % confidence interval spans
TINY = 1e-290  # a text below it is read again, as mantissa and exponent
POWER = r"^\s*(?P<m>\d*\.?\d*)[eE](?P<e>-\d+)\s*$"


def parse(column: pa.ChunkedArray | None, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """A column as numbers.

    Returns
    -------
    numbers : [rows] float64, NaN where missing or malformed.
    malformed : [rows] bool, a text that is no number.
    """
    if column is None:
        return np.full(rows, np.nan), np.zeros(rows, bool)
    if not pa.types.is_string(column.type):
        numbers = pc.cast(column, pa.float64(), safe=False).to_numpy()
        return np.array(numbers, dtype=float), np.zeros(rows, bool)
    try:
        return np.array(pc.cast(column, pa.float64()).to_numpy(), dtype=float), np.zeros(rows, bool)
    except pa.ArrowInvalid:
        numbers = pd.to_numeric(column.to_pandas(), errors="coerce").to_numpy(dtype=float)
        there = pc.is_valid(column).to_numpy()
        return numbers, there & np.isnan(numbers)


def neg_log10(column: pa.ChunkedArray | None, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """-log10 of p-values, exact where the text is below what a double holds.

    Parameters
    ----------
    column : the column that `p` [rows] was parsed from; None: p is missing everywhere.

    Returns
    -------
    value : [rows]; NaN where p is missing or outside [0, 1], infinite where it is 0.
    from_text : [rows] bool, taken from mantissa and exponent of the text.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where((p >= 0) & (p <= 1), -np.log10(p), np.nan) + 0.0
    from_text = np.zeros(len(p), bool)
    tiny = np.flatnonzero((p >= 0) & (p < TINY))
    if column is None or not tiny.size or not pa.types.is_string(column.type):
        return value, from_text
    parts = pc.extract_regex(column.take(pa.array(tiny)), POWER).to_pylist()
    for row, part in zip(tiny, parts, strict=True):
        if part and part["m"] not in ("", ".") and float(part["m"]) > 0:
            value[row] = -np.log10(float(part["m"])) - float(part["e"])
            from_text[row] = True
    return value, from_text


def z_from_p(neg_log10_p: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """Signed z-score of a two-sided p-value; 0 where p is 1, NaN where something is missing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(pvalues.chi2_from_neg_log10(neg_log10_p)) * sign


def error_from_p(beta: np.ndarray, neg_log10_p: np.ndarray) -> np.ndarray:
    """Standard error that gives this effect this p-value; NaN where p is 1 or 0, or beta is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(beta) / z_from_p(neg_log10_p, np.ones_like(beta))
    return np.where(np.isfinite(error) & (error > 0), error, np.nan)


def effective_n(cases: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Number of people in a balanced study of equal information: 4 / (1/cases + 1/controls)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        n = 4 / (1 / cases + 1 / controls)
    return np.where(n > 0, n, np.nan)
