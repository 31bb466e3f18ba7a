"""Tables for spreadsheets: the sites, who carries them, and the samples with their traits."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genopheno import calls
from genopheno.matrices.formats.plan import Block, Plan
from genopheno.matrices.formats.vcf import N_ALTERNATE
from genopheno.matrices.tables import ENTRY_COLUMNS, VARIANT

if TYPE_CHECKING:
    import pyarrow as pa

CARRIER = ("sample", "genotype", "alternate_alleles")
OF_ENTRIES = {"read_depth": "DP", "genotype_quality": "GQ"}


def write(folder: Path, name: str, plan: Plan, blocks: Iterable[Block]) -> list[Path]:
    """Write the directory ``name`` with sites.tsv, carriers.tsv and samples.tsv.

    The carriers are the samples with an alternate allele of a variant, rare or not.
    """
    target = folder / name
    target.mkdir()
    there = plan.schemas["genotypes"].names
    entries = [name for name, field in OF_ENTRIES.items() if ENTRY_COLUMNS[field][0] in there]
    names = np.array(plan.sample_names, dtype=object)
    with (
        _table(target / "sites.tsv", plan.schemas["sites"].names) as sites,
        _table(target / "carriers.tsv", [*VARIANT, *CARRIER, *entries]) as carriers,
    ):
        for block in blocks:
            sites.writerows(_rows(block.sites))
            carriers.writerows(_carriers(block, names, entries))
    traits = [n for n in plan.phenotypes.column_names if n not in plan.samples.column_names]
    people = {row["participant"]: row for row in plan.phenotypes.to_pylist()}
    with _table(target / "samples.tsv", [*plan.samples.column_names, *traits]) as samples:
        for row in plan.samples.to_pylist():
            own = people.get(row["participant"], {})
            samples.writerow(map(_cell, [*row.values(), *(own.get(t) for t in traits)]))
    return [target]


@contextmanager
def _table(path: Path, columns: Iterable[str]) -> Iterator[Any]:
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        yield writer


def _rows(table: pa.Table) -> Iterator[tuple]:
    columns = (map(_cell, _short(column).to_pylist()) for column in table.columns)
    return zip(*columns, strict=True)


def _short(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Single precision as text, with the digits it has: 0.015, not 0.014999999664723873."""
    import pyarrow as pa

    if pa.types.is_float32(column.type):
        return column.cast(pa.string())
    if pa.types.is_list(column.type) and pa.types.is_float32(column.type.value_type):
        return column.cast(pa.list_(pa.string()))
    return column


def _cell(value: object) -> object:
    """Missing is empty; lists have ',' between."""
    if value is None or value != value:
        return ""
    if isinstance(value, list):
        return ",".join(str(_cell(item)) for item in value)
    return str(value).lower() if isinstance(value, bool) else value


def _carriers(block: Block, names: np.ndarray, entries: list[str]) -> Iterator[tuple]:
    """A row for each sample with an alternate allele."""
    row, column = np.nonzero(N_ALTERNATE[block.codes])
    codes = block.codes[row, column]
    told = [
        ["" if value < 0 else value for value in block.entries[OF_ENTRIES[name]][row, column]]
        for name in entries
    ]
    return zip(
        *_keys(block.sites, row),
        names[column],
        np.array(calls.TEXT, dtype=object)[codes],
        N_ALTERNATE[codes].tolist(),
        *told,
        strict=True,
    )


def _keys(sites: pa.Table, row: np.ndarray) -> Iterator[np.ndarray]:
    return (sites[name].to_numpy()[row] for name in VARIANT)
