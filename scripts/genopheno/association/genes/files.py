"""Gene results as files: the tables ``gene_tests``, ``genes_left_out`` and ``gene_variants``."""

from __future__ import annotations

import io
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from genopheno import fields
from genopheno.association.results import gzipped
from genopheno.files import writing

TESTS = ("burden", "skat", "skat-o", "acat-v", "acat-o")


def table_path(out_dir: str | Path, trait: str) -> Path:
    return Path(out_dir) / f"{trait}.parquet"


def text_path(out_dir: str | Path, trait: str) -> Path:
    return Path(out_dir) / f"{trait}.tsv.gz"


def left_out_path(out_dir: str | Path, trait: str) -> Path:
    return Path(out_dir) / "left_out" / f"{trait}.parquet"


def variants_path(out_dir: str | Path, trait: str) -> Path:
    return Path(out_dir) / "variants" / f"{trait}.parquet"


class Rows:
    """Rows of a declared table, column by column."""

    def __init__(self, table: str):
        self.schema = fields.schema(table)
        self.columns: dict[str, list[Any]] = {name: [] for name in self.schema.names}

    def add(self, **values: Any) -> None:
        """Add a row; what is not given is null, and so is NaN."""
        for name, column in self.columns.items():
            value = values.pop(name, None)
            column.append(None if isinstance(value, float) and np.isnan(value) else value)
        if values:
            raise ValueError(f"no columns of the table: {sorted(values)}")

    def table(self) -> pa.Table:
        return pa.table(self.columns, schema=self.schema)


class TraitFiles:
    """``{trait}.parquet``, ``{trait}.tsv.gz`` and ``left_out/{trait}.parquet``, batch by batch.

    Attributes
    ----------
    left_out : masks of genes that were not tested, by reason.
    burden_alone : masks of genes of which only the burden was, by reason.
    p : -log10 p of the tests, by test; that of whole genes is ``gene``.
    """

    def __init__(self, out_dir: str | Path, trait: str):
        self._out_dir, self._trait = out_dir, trait
        self._stack = ExitStack()
        self.left_out: Counter[str] = Counter()
        self.burden_alone: Counter[str] = Counter()
        self.p: dict[str, list[float]] = {name: [] for name in (*TESTS, "gene")}

    def __enter__(self) -> TraitFiles:
        def parquet(path: Path, table: str) -> pq.ParquetWriter:
            beside = self._stack.enter_context(writing(path))
            return self._stack.enter_context(
                pq.ParquetWriter(beside, fields.schema(table), compression="zstd")
            )

        self._tests = parquet(table_path(self._out_dir, self._trait), "gene_tests")
        self._rest = parquet(left_out_path(self._out_dir, self._trait), "genes_left_out")
        text = self._stack.enter_context(writing(text_path(self._out_dir, self._trait)))
        self._text = self._stack.enter_context(open(text, "wb"))
        self._text.write(gzipped(("\t".join(fields.names("gene_tests")) + "\n").encode()))
        return self

    def __exit__(self, *exception) -> bool | None:
        return self._stack.__exit__(*exception)

    def write(self, tests: pa.Table, rest: pa.Table, burden_alone: Counter[str]) -> None:
        """Append rows of the tables ``gene_tests`` and ``genes_left_out``, and counts."""
        self.burden_alone.update(burden_alone)
        if tests.num_rows:
            self._tests.write_table(tests)
            self._text.write(gzipped(_lines(tests)))
            for name, mask, p in zip(
                tests["test"].to_pylist(),
                tests["mask"].to_pylist(),
                tests["neg_log10_p_value"].to_pylist(),
                strict=True,
            ):
                if p is not None:
                    self.p["gene" if mask is None else name].append(p)
        if rest.num_rows:
            self._rest.write_table(rest)
            self.left_out.update(rest["reason"].to_pylist())


def _lines(table: pa.Table) -> bytes:
    """Lines without the header; missing is empty."""
    sink = io.BytesIO()
    options = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    csv.write_csv(table, sink, options)
    return sink.getvalue()


def write_variants(out_dir: str | Path, trait: str, rows: Rows) -> None:
    """Write ``variants/{trait}.parquet``."""
    with writing(variants_path(out_dir, trait)) as beside:
        pq.write_table(rows.table(), beside, compression="zstd")
