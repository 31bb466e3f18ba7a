"""Texts of cells as values: what is a number, and when two texts mean the same."""

from __future__ import annotations

import math
import re

# Stricter than float(): no '1_000', no 'infinity', no digits of other scripts.
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
NOT_FINITE = re.compile(r"[+-]?(inf(inity)?|nan)", re.IGNORECASE)
COMMA = re.compile(r"[+-]?\d+(,\d+)+(\.\d+)?", re.ASCII)
LIKE_MISSING = re.compile(
    r"[-–—.?*#/\\]+|#?n/?[ad]\.?|#(ref|value|div/0|name|null|num)[!?]|none|null|missing|unknown"
    r"|not (done|known|reported|available|applicable)|do not know|prefer not to (answer|say)",
    re.IGNORECASE,
)


def number(text: str) -> float | None:
    """The finite number that `text` writes, else None."""
    if NUMBER.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) else None
    return None


def key(text: str) -> float | str:
    """What a text is compared by: its number, so that ``1`` equals ``1.0``, or itself."""
    text = text.strip()
    value = number(text)
    return text if value is None else value


def why_not_a_number(text: str) -> tuple[str, str]:
    """What is wrong with a text that should be a finite number, and how to mend it."""
    if NOT_FINITE.fullmatch(text) or NUMBER.fullmatch(text):
        return f"{text!r} is not a finite number", "Correct it, or declare it under 'missing'"
    if COMMA.fullmatch(text):
        return (
            f"{text!r} is not a number: it has a comma",
            "Write decimals with a point (5.1) and no mark between thousands",
        )
    if LIKE_MISSING.fullmatch(text):
        return (
            f"{text!r} is not a number",
            f"If it means missing, add {text!r} to 'missing' in the declaration",
        )
    return (
        f"{text!r} is not a number",
        "Correct it, or add it to 'missing' in the declaration; units belong in 'unit'",
    )
