"""Reading what the stages left, without insisting on any of it.

The report is also made after a partial run, so a file that is absent is a fact to
show ("made by `genopheno join`"), not an error. A file that is there and cannot be
read is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from genopheno.files import read_json
from genopheno.problems import fail

if TYPE_CHECKING:
    import pandas as pd

# Folder or file below results/ -> the command that makes it, most specific first.
MAKERS = {
    "submission/units": "genopheno units",
    "submission/": "genopheno receive",
    "reads/": "genopheno align",
    "qc/samples": "genopheno verdicts",
    "qc/identity/": "genopheno identity",
    "qc/": "genopheno read-qc",
    "crams/": "genopheno mark-duplicates",
    "calls/merge": "genopheno merge-calls",
    "calls/": "genopheno gather",
    "truth/": "genopheno benchmark",
    "annotated/": "genopheno annotate",
    "phenotypes/": "genopheno phenotypes",
    "cohort/": "genopheno join",
    "structure/": "genopheno structure",
    "association/genes/": "genopheno gene-tests",
    "association/interactions/": "genopheno interact",
    "association/calibration": "genopheno calibrate",
    "association/": "genopheno associate",
    "signals/": "genopheno signals",
    "scores/": "genopheno score",
    "summaries/": "genopheno summarise",
    "matrices/": "genopheno matrices",
    "sheets/": "genopheno sheets",
    "report/multiqc": "multiqc",
}


class Results:
    """The results folder of a project, read file by file."""

    def __init__(self, root: Path):
        self.root = Path(root)

    def path(self, name: str) -> Path:
        return self.root / name

    def has(self, name: str) -> bool:
        return self.path(name).exists()

    def json(self, name: str) -> Any:
        """Content of a JSON file; an empty dict where the file is absent."""
        if not self.has(name):
            return {}
        try:
            return read_json(self.path(name))
        except ValueError as error:
            raise self._unreadable(name, error) from None

    def columns(self, name: str) -> list[str]:
        """Column names of a Parquet file or folder of such; empty where it is absent."""
        if not self.has(name):
            return []
        import pyarrow.dataset as ds

        try:
            return ds.dataset(self.path(name), format="parquet").schema.names
        except (OSError, ValueError) as error:
            raise self._unreadable(name, error) from None

    def table(self, name: str, columns: list[str] | None = None) -> pd.DataFrame | None:
        """A Parquet table, of `columns` those it has; None where the file is absent."""
        arrow = self.arrow(name, columns)
        return None if arrow is None else arrow.to_pandas()

    def arrow(self, name: str, columns: list[str] | None = None):
        """As `table`, an Arrow table."""
        if not self.has(name):
            return None
        import pyarrow as pa
        import pyarrow.parquet as pq

        have = self.columns(name)
        take = None if columns is None else [c for c in columns if c in have]
        try:
            table = pq.read_table(self.path(name), columns=take)
        except (OSError, ValueError) as error:
            raise self._unreadable(name, error) from None
        for i, column in enumerate(table.schema):
            if pa.types.is_dictionary(column.type):  # plain strings are easier to handle
                plain = table.column(i).cast(column.type.value_type)
                table = table.set_column(i, column.name, plain)
        return table

    def rows(self, name: str) -> int | None:
        """Number of rows of a Parquet file or folder, from footers; None where it is absent."""
        if not self.has(name):
            return None
        import pyarrow.dataset as ds

        return ds.dataset(self.path(name), format="parquet").count_rows()

    def why(self, *names: str) -> str:
        """One sentence for a part of the page whose files are absent."""
        absent = [name for name in names if not self.has(name)]
        if not absent:
            return ""
        files = " and ".join(f"{self.root.name}/{name}" for name in absent)
        makers = dict.fromkeys(
            next((m for start, m in MAKERS.items() if name.startswith(start)), "genopheno run")
            for name in absent
        )
        verb = "is" if len(absent) == 1 else "are"
        commands = ", ".join(f"`{maker}`" for maker in makers)
        return f"Not available: {files} {verb} not there (made by {commands})."

    def _unreadable(self, name: str, error: Exception) -> Exception:
        return fail(
            "result-unreadable",
            self.path(name),
            f"it cannot be read: {error}",
            "Remove the file and run 'genopheno run' again; it is made anew",
        )


def first(value: Any, *keys: str, default: Any = None) -> Any:
    """The first of several (dotted) keys that a nested dict has."""
    for key in keys:
        found = value
        for part in key.split("."):
            if not isinstance(found, dict) or part not in found:
                found = None
                break
            found = found[part]
        if found is not None:
            return found
    return default


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size


def count(value: Any) -> int | None:
    """A number as it is, the length of a list or dict, None of anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value)
    if isinstance(value, list | dict):
        return len(value)
    return None
