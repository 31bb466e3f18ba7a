"""What a section of the page is made of: plain values, whose looks the template knows."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup


@dataclass
class Section:
    """One numbered part of the page; `missing` says why there is nothing in it."""

    id: str
    title: str
    lead: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)
    missing: str = ""

    def add(self, *blocks: dict[str, Any] | None) -> None:
        self.blocks.extend(block for block in blocks if block)


def figure(
    id: str,
    title: str,
    spec: dict[str, Any],
    *,
    alt: str,
    caption: str = "",
    height: int = 320,
    draw: str = "plain",
    wide: bool = False,
) -> dict[str, Any]:
    """A plot: `spec` holds Plotly traces and layout, or the data of the drawer `draw`.

    Colours are written ``var:name``; the page replaces them by those of its theme.
    """
    return {
        "kind": "figure",
        "id": id,
        "title": title,
        "spec": spec,
        "alt": alt,
        "caption": caption,
        "height": height,
        "draw": draw,
        "wide": wide,
    }


def table(
    id: str,
    title: str,
    columns: list[dict[str, Any]],
    rows: dict[str, list[Any]],
    *,
    caption: str = "",
    page: int = 15,
    file: str = "",
    sort: str = "",
    zoom: str = "",
    opens: str = "",
) -> dict[str, Any]:
    """A sortable table. `columns` are made by `column`, `rows` holds a list per key.

    file : name of the CSV that the reader can save; '' for no button.
    sort : key to sort by at first, with a leading '-' for descending.
    zoom : id of the Manhattan plot that a click on a row zooms; needs the key ``x``.
    opens : id of the tabs of which a click on a row opens one; needs the key ``tab``.
    """
    length = max((len(v) for v in rows.values()), default=0)
    return {
        "kind": "table",
        "id": id,
        "title": title,
        "caption": caption,
        "data": {
            "columns": columns,
            "rows": rows,
            "length": length,
            "page": page,
            "file": file,
            "sort": sort,
            "zoom": zoom,
            "opens": opens,
        },
    }


def column(key: str, label: str, type: str = "text", *, digits: int = 3, help: str = ""):
    """Type: text, code, int, num, frac (shown as %), p (given as -log10 p), verdict."""
    return {"key": key, "label": label, "type": type, "digits": digits, "help": help}


def facts(title: str, pairs: list[tuple[str, Any]], *, caption: str = "") -> dict[str, Any]:
    """Names and values; a value that is None is shown as not available."""
    return {
        "kind": "facts",
        "title": title,
        "caption": caption,
        "pairs": [(k, shown(v)) for k, v in pairs],
    }


def cards(items: list[dict[str, Any]], *, title: str = "", small: bool = False) -> dict[str, Any]:
    """Numbers at a glance: dicts of label, value, note, tone."""
    return {"kind": "cards", "title": title, "items": items, "small": small}


def card(label: str, value: Any, note: str = "", tone: str = "", link: str = "") -> dict[str, Any]:
    return {"label": label, "value": shown(value), "note": note, "tone": tone, "link": link}


def note(text: str, tone: str = "info") -> dict[str, Any]:
    return {"kind": "note", "text": text, "tone": tone}


def grid(*blocks: dict[str, Any] | None) -> dict[str, Any] | None:
    """Blocks side by side where the window is wide enough."""
    held = [block for block in blocks if block]
    figures = [block for block in held if block["kind"] == "figure"]
    for block in figures:
        block["height"] = max(other["height"] for other in figures)
    return {"kind": "grid", "blocks": held} if held else None


def tabs(id: str, label: str, panels: list[dict[str, Any]]) -> dict[str, Any]:
    """Panels of which one is seen: dicts of id, title, note, blocks."""
    return {"kind": "tabs", "id": id, "label": label, "panels": panels}


def shown(value: Any) -> str:
    """A value as people read it: thousands apart, None as not available."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "not available"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{int(value):,}"
    if isinstance(value, float | np.floating):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, list | tuple):
        return ", ".join(shown(v) for v in value) if value else "none"
    return str(value)


def p_text(neg_log10: float | None) -> str:
    """A p-value written from -log10 p, also where p itself underflows."""
    if neg_log10 is None or not math.isfinite(neg_log10):
        return "not available"
    if neg_log10 < 3:
        return f"{10**-neg_log10:.2g}"
    exponent = math.ceil(neg_log10)
    mantissa = 10 ** (exponent - neg_log10)
    if round(mantissa, 1) >= 10:
        mantissa, exponent = 1.0, exponent - 1
    return f"{mantissa:.1f}e-{exponent}"


def plain(value: Any) -> Any:
    """NumPy scalars and arrays, and values that JSON lacks (NaN), as JSON has them."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    if value != value:  # pandas.NA and NaT
        return None
    return str(value)


def embed(value: Any) -> Markup:
    """JSON that is safe inside a script element, whatever names it holds."""
    text = json.dumps(plain(value), separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def packed(values: np.ndarray, dtype: str) -> dict[str, str]:
    """A numeric array as base64 of its little-endian bytes (dtype f4, i4, u4, u2 or u1)."""
    return {
        "dtype": dtype,
        "data": base64.b64encode(np.ascontiguousarray(values, "<" + dtype).tobytes()).decode(),
    }


def markup_free(name: Any) -> str:
    """A name for Plotly, which reads a few tags in labels: with its '<' as an entity."""
    return str(name).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def numbers(values: Any, digits: int = 5) -> list[float | None]:
    """Floats to so many significant digits, so that the page stays small; NaN is None."""
    return [
        float(f"{v:.{digits}g}") if np.isfinite(v) else None
        for v in np.asarray(values, dtype=float).tolist()
    ]
