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
    """Passing variants of the cohort (table ``cohort_variants``), in whatever order they are.

    Of its row groups those are held that reach to where the walk is: a few, if it is sorted.
    """

    def __init__(self, cohort_variants: Path):
        self.path = cohort_variants
        table, passes = ds.dataset(cohort_variants), ds.field("passes")
        self.n = table.count_rows(filter=passes)
        if not self.n:
            raise fail(
                "variants-none",
                cohort_variants,
                "no variant passes the variant QC",
                "Look at its column 'reasons', and at variant_qc in the configuration",
            )
        self._file = pq.ParquetFile(cohort_variants, pre_buffer=False)
        self._held: dict[tuple[str, int], pa.Table] = {}

    def on(self, contig: str) -> int:
        """How many are on a contig."""
        wanted = ds.field("passes") & (ds.field("contig") == contig)
        return ds.dataset(self.path).count_rows(filter=wanted)

    def between(self, contig: str, first: int, last: int) -> pa.Table:
        """variant_id, position and `COUNTS` of those whose position is from `first` to `last`."""
        groups = groups_in_reach(self._file, contig, first, last)
        self._held = {
            (contig, n): self._held[contig, n]
            if (contig, n) in self._held
            else self._read(contig, n)
            for n in groups
        }
        inside = (ds.field("position") >= first) & (ds.field("position") <= last)
        tables = list(self._held.values()) or [self._file.schema_arrow.empty_table()]
        return pa.concat_tables(tables).filter(inside)

    def _read(self, contig: str, group: int) -> pa.Table:
        columns = ["variant_id", "position", *COUNTS]
        rows = self._file.read_row_group(
            group, columns=[*columns, "contig", "passes"], use_threads=False
        )
        wanted = (ds.field("contig") == contig) & ds.field("passes")
        return rows.filter(wanted).select(columns)

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
        with pq.ParquetFile(self.path, pre_buffer=False) as file:
            groups = groups_in_reach(file, self.contig)
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


def groups_in_reach(
    file: pq.ParquetFile, contig: str, first: int | None = None, last: int | None = None
) -> list[int]:
    """Row groups that may hold rows of a contig, from position `first` to `last`."""
    names = file.schema_arrow.names
    bounds = {"contig": (contig, contig)}
    if first is not None:
        bounds["position"] = (first, last)
    columns = [(names.index(name), low, high) for name, (low, high) in bounds.items()]
    groups = []
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        for column, low, high in columns:
            known = group.column(column).statistics
            if known and known.has_min_max and (known.min > high or known.max < low):
                break
        else:
            groups.append(number)
    return groups
