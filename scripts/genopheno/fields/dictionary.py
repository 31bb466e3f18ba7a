"""The data dictionary: what every column of every table is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genopheno.fields.registry import TABLES

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("table", "column", "type", "unit", "tier", "description", "source")


def dictionary(tables: list[str] | None = None) -> pd.DataFrame:
    """The data dictionary of declared tables, a row a column (see `COLUMNS`)."""
    import pandas as pd

    return pd.DataFrame(
        [
            (table, f.name, f.type, f.unit, f.tier, f.description, f.source)
            for table in (tables or TABLES)
            for f in TABLES[table]
        ],
        columns=list(COLUMNS),
    )
