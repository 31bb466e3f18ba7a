"""A smaller folder of matrices: the same tables and columns, from which can be cut again.

What is counted over the whole cohort (allele counts and frequencies, call rate, Hardy-Weinberg)
stays as it is where samples are cut; the schema metadata of the sites say so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genopheno import calls, fields
from genopheno.files import write_json
from genopheno.matrices.formats.plan import Block, Plan
from genopheno.matrices.store import file_name

if TYPE_CHECKING:
    import pyarrow as pa


class Sink:
    """The file of one table on one contig: rows are kept back until a row group is full."""

    def __init__(self, path: Path, schema: pa.Schema, rows: int):
        import pyarrow.parquet as pq

        lists = [f.name for f in schema if str(f.type).startswith("fixed_size_list")]
        scalars = [f.name for f in schema if f.name not in lists]
        path.parent.mkdir(exist_ok=True)
        self.writer = pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            use_dictionary=[name for name in scalars if name != "variant_id"],
            write_statistics=scalars,
        )
        self.schema, self.rows, self.held, self.n = schema, rows, [], 0

    def write(self, table: pa.Table) -> None:
        self.held.append(table)
        self.n += len(table)
        if self.n >= self.rows:
            self._flush(self.n // self.rows * self.rows)

    def _flush(self, rows: int) -> None:
        import pyarrow as pa

        table = pa.concat_tables(self.held)
        for start in range(0, rows, self.rows):
            self.writer.write_table(table.slice(start, min(self.rows, rows - start)))
        self.held, self.n = [table.slice(rows)], self.n - rows

    def close(self) -> None:
        if self.n:
            self._flush(self.n)
        self.writer.close()


def write(folder: Path, name: str, plan: Plan, blocks: Iterable[Block]) -> list[Path]:
    """Write the directory ``name``."""
    import pyarrow.parquet as pq

    target = folder / name
    target.mkdir()
    schemas = _schemas(plan)
    genes = Genes(plan.schemas["genes"])
    for contig, own in _by_contig(blocks):
        with ExitStack() as stack:
            sinks = {}
            for table in schemas:
                path = target / f"{table}.parquet" / file_name(contig)
                sinks[table] = Sink(path, schemas[table], plan.rows[table])
                stack.callback(sinks[table].close)
            for block in own:
                consequences = block.consequences()
                genes.add(block.contig, consequences)
                tables = {
                    "sites": block.sites,
                    "genotypes": genotypes(block, schemas["genotypes"]),
                    "consequences": consequences,
                    "carriers": block.carriers(),
                }
                for table, sink in sinks.items():
                    sink.write(tables[table].replace_schema_metadata(schemas[table].metadata))
    if not plan.n_variants:  # one empty file, so that every table can be opened
        for table, schema in schemas.items():
            path = target / f"{table}.parquet" / file_name(next(iter(plan.contigs)))
            Sink(path, schema, 1).close()
    for table in ("carriers", "consequences"):
        (target / f"{table}.parquet").mkdir(exist_ok=True)
    for table, rows in (
        ("genes", genes.table()),
        ("samples", plan.samples),
        ("phenotypes", plan.phenotypes),
    ):
        pq.write_table(rows, target / f"{table}.parquet", compression="zstd")
    counts = {"variants": plan.n_variants, "samples": len(plan.samples)}
    write_json(target / "matrices.json", plan.told | counts)
    fields.write_dictionary(target)
    return [target]


def _by_contig(blocks: Iterable[Block]) -> Iterator[tuple[str, Iterator[Block]]]:
    from itertools import groupby

    return groupby(blocks, key=lambda block: block.contig)


def _schemas(plan: Plan) -> dict[str, pa.Schema]:
    """Schemas of the tables of variants: lists as long as there are samples, and who they are."""
    import pyarrow as pa

    schemas = {t: s for t, s in plan.schemas.items() if t != "genes"}
    told = schemas["genotypes"]
    size = len(plan.samples)
    fields = [
        f.with_type(pa.list_(f.type.value_type, size)) if pa.types.is_fixed_size_list(f.type) else f
        for f in told
    ]
    metadata = {**(told.metadata or {}), b"samples": json.dumps(plan.sample_names).encode()}
    schemas["genotypes"] = pa.schema(fields, metadata)
    counted = str(plan.told["samples_counted"])
    schemas["sites"] = schemas["sites"].with_metadata(
        {**(schemas["sites"].metadata or {}), b"samples_counted": counted.encode()}
    )
    return schemas


def genotypes(block: Block, schema: pa.Schema) -> pa.Table:
    """Rows of the genotype table of a block; `calls` only where dosages do not tell."""
    import pyarrow as pa

    size = block.codes.shape[1]
    plain = calls.plain(block.codes)

    def lists(values: np.ndarray, mask: np.ndarray | None = None) -> pa.Array:
        flat = pa.array(np.ascontiguousarray(values).ravel())
        return pa.FixedSizeListArray.from_arrays(
            flat, size, mask=None if mask is None else pa.array(mask)
        )

    columns = {
        "dosages": lists(calls.dosages(block.codes)),
        "calls": lists(block.codes, plain),
        **{name: lists(values) for name, values in block.entries.items()},
    }
    return pa.table(
        [columns[f.name] if f.name in columns else block.sites[f.name] for f in schema],
        schema=schema,
    )


class Genes:
    """Where each gene's variants are, gathered block by block."""

    def __init__(self, schema: pa.Schema):
        self.schema = schema
        self.found: dict[tuple[str, str], dict] = {}

    def add(self, contig: str, consequences: pa.Table) -> None:
        """Take in the consequences of a block; one row a variant and gene is its most severe."""
        rows = consequences.filter(consequences["most_severe_of_gene"])
        columns = ("gene_id", "gene_symbol", "position", "impact")
        for gene, symbol, position, impact in zip(
            *(rows[name].to_pylist() for name in columns), strict=True
        ):
            if gene is None:
                continue
            row = self.found.setdefault(
                (contig, gene),
                {
                    "gene_id": gene,
                    "gene_symbol": symbol,
                    "contig": contig,
                    "start": position,
                    "n_variants": 0,
                    "n_high": 0,
                    "n_moderate": 0,
                },
            )
            row["end"] = position
            row["n_variants"] += 1
            row["n_high"] += impact == "HIGH"
            row["n_moderate"] += impact == "MODERATE"

    def table(self) -> pa.Table:
        import pyarrow as pa

        return pa.Table.from_pylist(list(self.found.values()), schema=self.schema)
