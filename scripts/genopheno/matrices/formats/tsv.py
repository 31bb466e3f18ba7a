"""Tables for spreadsheets: the sites, who carries them, and the samples with their traits."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genopheno import calls
from genopheno.matrices.formats.plan import Block, Plan
from genopheno.matrices.formats.vcf import N_ALTERNATE
from genopheno.matrices.tables import ENTRY_COLUMNS, VARIANT

if TYPE_CHECKING:
    import pyarrow as pa

OF_ENTRIES = {"read_depth": "DP", "genotype_quality": "GQ"}


def write(folder: Path, name: str, plan: Plan, blocks: Iterable[Block]) -> list[Path]:
    """Write the directory ``name`` with sites.tsv, carriers.tsv and samples.tsv."""
    import pyarrow as pa
    import pyarrow.csv as csv

    target = folder / name
    target.mkdir()
    options = csv.WriteOptions(delimiter="\t", quoting_style="needed")
    sites = _flat(plan.schemas["sites"].empty_table()).schema
    carriers = _carriers_schema(plan)
    names = np.array(plan.sample_names, dtype=object)
    with (
        csv.CSVWriter(target / "sites.tsv", sites, write_options=options) as site_table,
        csv.CSVWriter(target / "carriers.tsv", carriers, write_options=options) as carrier_table,
    ):
        for block in blocks:
            site_table.write_table(_flat(block.sites).cast(sites))
            carrier_table.write_table(_carriers(block, names, carriers))
    people = plan.samples.join(
        plan.phenotypes.select(
            [n for n in plan.phenotypes.column_names if n not in set(plan.samples.column_names)]
            + ["participant"]
        ),
        "participant",
    )
    order = pa.compute.index_in(plan.samples["sample"], value_set=people["sample"].combine_chunks())
    csv.write_csv(_flat(people.take(order)), target / "samples.tsv", write_options=options)
    return [target]


def _flat(table: pa.Table) -> pa.Table:
    """Lists as text with ',' between."""
    import pyarrow as pa

    for number, column in enumerate(table.schema):
        if pa.types.is_nested(column.type):
            texts = [v if v is None else ",".join(map(str, v)) for v in table[number].to_pylist()]
            table = table.set_column(number, column.name, pa.array(texts, pa.string()))
    return table


def _carriers_schema(plan: Plan) -> pa.Schema:
    import pyarrow as pa

    sites = plan.schemas["sites"]
    there = plan.schemas["genotypes"].names
    entries = [name for name, field in OF_ENTRIES.items() if ENTRY_COLUMNS[field][0] in there]
    return pa.schema(
        [(name, sites.field(name).type) for name in VARIANT]
        + [("sample", pa.string()), ("genotype", pa.string()), ("alternate_alleles", pa.int8())]
        + [(name, pa.int32()) for name in entries]
    )


def _carriers(block: Block, names: np.ndarray, schema: pa.Schema) -> pa.Table:
    """A row for each sample with an alternate allele, rare or not."""
    import pyarrow as pa

    row, column = np.nonzero(N_ALTERNATE[block.codes])
    codes = block.codes[row, column]
    own = block.sites.select(list(VARIANT)).take(row)
    columns = {
        **{name: own[name] for name in VARIANT},
        "sample": pa.array(names[column], pa.string()),
        "genotype": pa.array(np.array(calls.TEXT, dtype=object)[codes], pa.string()),
        "alternate_alleles": N_ALTERNATE[codes],
    }
    for name in set(OF_ENTRIES) & set(schema.names):
        values = block.entries[OF_ENTRIES[name]][row, column].astype(np.int32)
        columns[name] = pa.array(values, mask=values < 0)
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)
