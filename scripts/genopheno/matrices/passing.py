"""What the cohort says of its variants, and the annotated sites, read a stretch at a time.

No table of a genome is ever whole in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from genopheno.matrices.tables import SMALL_ROWS
from genopheno.problems import fail

# The cohort's counts that ours must equal.
COUNTS = ("allele_count", "allele_number", "n_hom_ref", "n_het", "n_hom_alt")


class Passing:
    """Passing variants of the cohort (table ``cohort_variants``)."""

    def __init__(self, cohort_variants: Path):
        self.path = cohort_variants
        self._table, self._passes = ds.dataset(cohort_variants), ds.field("passes")
        self.n = self._table.count_rows(filter=self._passes)
        if not self.n:
            raise fail(
                "variants-none",
                cohort_variants,
                "no variant passes the variant QC",
                "Look at its column 'reasons', and at variant_qc in the configuration",
            )

    def on(self, contig: str) -> int:
        """How many are on a contig."""
        return self._table.count_rows(filter=self._passes & (ds.field("contig") == contig))

    def between(self, contig: str, first: int, last: int) -> pa.Table:
        """variant_id and `COUNTS` of those whose position is from `first` to `last`."""
        position = ds.field("position")
        return self._table.to_table(
            columns=["variant_id", *COUNTS],
            filter=self._passes
            & (ds.field("contig") == contig)
            & (position >= first)
            & (position <= last),
            use_threads=False,
        )

    def check(self, found: pa.Table, named: pa.Table, index: pa.Array) -> None:
        """Refuse counts that are not the cohort's.

        Parameters
        ----------
        found : ours, columns variant_id and `COUNTS`. named : from `between`.
        index : row of `named` for each of `found`.
        """
        for column in COUNTS:
            theirs = named[column].take(index).combine_chunks()
            ours = found[column].combine_chunks()
            differ = np.flatnonzero(
                ~pc.equal(ours, theirs).fill_null(False).to_numpy(zero_copy_only=False)
            )
            if len(differ):
                row = int(differ[0])
                raise fail(
                    "counts-differ",
                    self.path,
                    f"{found['variant_id'][row]} has {column} {theirs[row]}, the genotypes give"
                    f" {ours[row]} ({len(differ)} such variants in this stretch)",
                    "The cohort was made of other calls, people or min_genotype_quality: run "
                    "'genopheno join' again",
                )


class Rows:
    """Rows of one contig of a table that is sorted by contig, in order, as many as asked for."""

    def __init__(self, path: Path, contig: str, columns: list[str] | None = None):
        self.path, self.contig = path, contig
        self._batches = self._read(columns)
        self._waiting: list[pa.Table] = []

    def _read(self, columns: list[str] | None) -> Iterator[pa.Table]:
        with pq.ParquetFile(self.path) as file:
            at = file.schema_arrow.names.index("contig")
            groups = []
            for number in range(file.num_row_groups):
                column = file.metadata.row_group(number).column(at)
                known = column.statistics
                if known is None or not known.has_min_max or known.min <= self.contig <= known.max:
                    groups.append(number)
            if not groups:
                return
            for batch in file.iter_batches(
                SMALL_ROWS, row_groups=groups, columns=columns, use_threads=False
            ):
                table = pa.Table.from_batches([batch])
                table = table.filter(pc.equal(table["contig"], self.contig))
                if table.num_rows:
                    yield table

    def __iter__(self) -> Iterator[pa.Table]:
        return self._batches

    def take(self, n: int) -> pa.Table | None:
        """The next `n` rows, or fewer where the contig ends; None: no more."""
        have = sum(table.num_rows for table in self._waiting)
        while have < n and (more := next(self._batches, None)) is not None:
            self._waiting.append(more)
            have += more.num_rows
        if not have:
            return None
        whole = pa.concat_tables(self._waiting)
        self._waiting = [whole.slice(n)] if have > n else []
        return whole.slice(0, n)
