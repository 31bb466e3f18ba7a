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

from genopheno import calls, fields
from genopheno.files import write_json
from genopheno.matrices import tables
from genopheno.matrices.formats.plan import Block, Plan
from genopheno.matrices.store import file_name

if TYPE_CHECKING:
    import pyarrow as pa


def write(folder: Path, name: str, plan: Plan, blocks: Iterable[Block]) -> list[Path]:
    """Write the directory ``name``."""
    import pyarrow.parquet as pq

    target = folder / name
    target.mkdir()
    schemas = _schemas(plan)
    genes = Genes(plan.schemas["genes"])
    rows = dict.fromkeys(schemas, tables.SMALL_ROWS)
    rows["genotypes"] = tables.genotype_rows(len(plan.samples))
    for contig, own in _by_contig(blocks):
        with ExitStack() as stack:
            sinks = {}
            for table in schemas:
                path = target / f"{table}.parquet" / file_name(contig)
                path.parent.mkdir(exist_ok=True)
                sinks[table] = tables.GroupedWriter(path, schemas[table], rows[table])
                stack.callback(sinks[table].close)
            for block in own:
                consequences = block.consequences()
                genes.add(block.contig, consequences)
                made = {
                    "sites": block.sites,
                    "genotypes": tables.genotypes(
                        block.sites,
                        block.codes,
                        calls.dosages(block.codes),
                        block.entries,
                        schemas["genotypes"],
                    ),
                    "consequences": consequences,
                    "carriers": block.carriers(),
                }
                for table, sink in sinks.items():
                    sink.add(made[table].replace_schema_metadata(schemas[table].metadata))
    if not plan.n_variants:  # one empty file, so that every table can be opened
        for table, schema in schemas.items():
            path = target / f"{table}.parquet" / file_name(next(iter(plan.contigs)))
            path.parent.mkdir()
            pq.write_table(schema.empty_table(), path)
    for table, own in (
        ("genes", genes.table()),
        ("samples", plan.samples),
        ("phenotypes", plan.phenotypes),
    ):
        pq.write_table(own, target / f"{table}.parquet", compression="zstd")
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
