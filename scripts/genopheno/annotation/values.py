"""Columns of databases: types from the VCF header, values from the text of INFO."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

FLOATS = ("float", "double", "float32", "float64")


def reader(kind: str, encoded: bool = False) -> Callable[[str], Any]:
    """How the text of a column of an Arrow type is read; '.' is missing (None).

    `encoded` : text is percent-encoded, as INFO of VCF asks for.

    The function raises ValueError for a value that is not of the type: several values
    where the header says one, or text where it says a number.
    """
    if kind.startswith("list<"):
        one = reader(kind.removeprefix("list<").rstrip(">"))

        def read_list(text: str) -> list[Any] | None:
            values = [one(value) for value in text.split(",")]
            return None if all(value is None for value in values) else values

        return read_list
    if kind in FLOATS:
        return _float
    if kind.startswith(("int", "uint")):
        return _int
    return _encoded_text if encoded else _text


def _encoded_text(text: str) -> str | None:
    return None if text == "." else unquote(text)


def _text(text: str) -> str | None:
    return None if text == "." or not text.strip(".,") else text


def _int(text: str) -> int | None:
    return None if text == "." else int(text)


def _float(text: str) -> float | None:
    value = None if text == "." else float(text)
    return None if value is None or value != value or abs(value) == float("inf") else value
