"""Follow-up of the people of a time-to-event trait, from the phenotype table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def follow_up_columns(trait: dict) -> list[str]:
    """Columns of the phenotype table that hold the follow-up; none for other types of trait."""
    if trait["type"] != "time-to-event":
        return []
    return [f"{part}:{trait['name']}" for part in ("time", "entry") if _declared(trait, part)]


def follow_up(
    trait: dict, people: pd.DataFrame, leave: Callable[[np.ndarray, str], None]
) -> tuple[np.ndarray, np.ndarray | None]:
    """End and start (None: 0 for all) of follow-up, each (people,).

    `leave` is told who cannot be used (people,) bool, and why.
    """

    def column(part: str) -> np.ndarray:
        return people[f"{part}:{trait['name']}"].to_numpy(dtype=float, na_value=np.nan)

    time = column("time")
    leave(~np.isfinite(time), "follow-up time missing")
    leave(~(time > 0), "follow-up time not above zero")
    if not _declared(trait, "entry"):
        return time, None
    entry = column("entry")
    leave(~np.isfinite(entry), "entry missing")
    leave(~(entry < time), "entry not before the end of follow-up")
    return time, entry


def _declared(trait: dict, part: str) -> bool:
    return part == "time" or bool(trait.get(part))
