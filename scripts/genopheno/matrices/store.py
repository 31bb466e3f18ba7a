"""A folder of matrices as it is read: a contig and a row group at a time, by row or by variant.

Tables of variants are directories with a Parquet file per contig, sorted by position; row
*i* of the sites is row *i* of the genotypes. One row group of a table is held at a time, so
that memory does not grow with the number of variants.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import numpy as np

from genopheno import calls, fields
from genopheno.files import read_json
from genopheno.problems import Problems

if TYPE_CHECKING:
    import pyarrow as pa

VARIANT_TABLES = ("sites", "genotypes", "carriers", "consequences")
PEOPLE_TABLES = ("samples", "phenotypes")


class Part:
    """The rows of one table on one contig.

    Attributes
    ----------
    starts : number of the first row of each row group, and of all rows at the end.
    first, last : smallest and largest position in each row group; of an empty one, such that
        no position lies between them.
    """

    def __init__(self, path: Path, columns: list[str] | None = None):
        import pyarrow.parquet as pq

        self.file = pq.ParquetFile(path)
        self.columns = columns
        metadata = self.file.metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        self.starts = np.cumsum([0, *(group.num_rows for group in groups)])
        at = metadata.schema.names.index("position")
        stats = [group.column(at).statistics if group.num_rows else None for group in groups]
        self.first = np.array([s.min if s else np.iinfo(np.int32).max for s in stats], np.int64)
        self.last = np.array([s.max if s else -1 for s in stats], np.int64)
        self._held: tuple[int, pa.Table] | None = None

    def __len__(self) -> int:
        return int(self.starts[-1])

    def group(self, number: int) -> pa.Table:
        """One row group; the last one read is kept."""
        if self._held is None or self._held[0] != number:
            self._held = None  # two are never held at once
            self._held = number, self.file.read_row_group(number, columns=self.columns)
        return self._held[1]

    def split(self, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Row numbers (sorted) by the row groups that hold them: group, rows within it."""
        groups = np.searchsorted(self.starts, rows, side="right") - 1
        for number in np.unique(groups):
            yield int(number), rows[groups == number] - self.starts[number]

    def rows(self, rows: np.ndarray) -> pa.Table:
        """Rows by their numbers (sorted)."""
        import pyarrow as pa

        parts = [self.group(number).take(within) for number, within in self.split(rows)]
        return pa.concat_tables(parts) if parts else self.empty()

    def between(self, first: int, last: int) -> pa.Table:
        """Rows of all row groups that reach into positions `first` to `last`."""
        import pyarrow as pa

        numbers = np.flatnonzero((self.first <= last) & (self.last >= first))
        parts = [self.group(int(number)) for number in numbers]
        return pa.concat_tables(parts) if parts else self.empty()

    def of(self, variant_ids: pa.Array, first: int, last: int) -> pa.Table:
        """Rows of variants, which lie at positions `first` to `last`."""
        import pyarrow.compute as pc

        table = self.between(first, last)
        return table.filter(pc.is_in(table["variant_id"], value_set=variant_ids))

    def empty(self) -> pa.Table:
        schema = self.file.schema_arrow
        if self.columns is not None:
            import pyarrow as pa

            schema = pa.schema([schema.field(name) for name in self.columns])
        return schema.empty_table()


@dataclass(frozen=True)
class Store:
    """A folder of matrices.

    Attributes
    ----------
    contigs : those with variants, in the order of the reference; length in bp, None: not told.
    samples : in the order of the genotypes.
    """

    folder: Path
    contigs: dict[str, int | None]
    samples: list[str]
    told: dict = field(default_factory=dict)  # matrices.json

    def path(self, table: str, contig: str) -> Path:
        return self.folder / f"{table}.parquet" / file_name(contig)

    def part(self, table: str, contig: str, columns: list[str] | None = None) -> Part | None:
        """Rows of a table on a contig; None: it has none there."""
        path = self.path(table, contig)
        return Part(path, columns) if path.is_file() else None

    def schema(self, table: str) -> pa.Schema | None:
        """Schema of a table of variants; None: there is no such table."""
        import pyarrow.parquet as pq

        files = sorted((self.folder / f"{table}.parquet").glob("*.parquet"))
        return pq.read_schema(files[0]) if files else None

    def read(self, table: str) -> pa.Table:
        """A table that is one file: genes (none without consequences), samples, phenotypes."""
        import pyarrow.parquet as pq

        path = self.folder / f"{table}.parquet"
        if table == "genes" and not path.is_file():
            return fields.schema("matrix_genes").empty_table()
        return pq.ParquetFile(path).read()

    def n_variants(self) -> int:
        import pyarrow.parquet as pq

        paths = (self.path("sites", contig) for contig in self.contigs)
        return sum(pq.read_metadata(path).num_rows for path in paths if path.is_file())


def file_name(contig: str) -> str:
    """Name of a contig's file; names such as ``HLA-A*01:01`` are no file names everywhere."""
    return f"{quote(contig, safe='')}.parquet"


def open_store(folder: Path) -> Store:
    """Open a folder of matrices.

    Raises
    ------
    StageError : tables that are not there.
    """
    import pyarrow.parquet as pq

    problems = Problems()
    for table in (*VARIANT_TABLES, *PEOPLE_TABLES):
        path = folder / f"{table}.parquet"
        parts = list(path.glob("*.parquet")) if path.is_dir() else []
        needed = table in ("sites", "genotypes")
        if (needed and not parts) or (table in PEOPLE_TABLES and not path.is_file()):
            problems.add(
                "matrices-incomplete",
                path,
                "there is no such table",
                "Give the folder that 'genopheno matrices' or 'genopheno extract --to parquet' "
                "wrote",
            )
    problems.raise_if_any()
    report = folder / "matrices.json"
    told = read_json(report) if report.is_file() else {}
    first = sorted((folder / "genotypes.parquet").glob("*.parquet"))[0]
    samples = json.loads(pq.read_schema(first).metadata[b"samples"])
    return Store(folder, _contigs(folder, told), samples, told)


def _contigs(folder: Path, told: dict) -> dict[str, int | None]:
    """Contigs with variants; order and lengths as the folder tells them."""
    vcf = folder / "annotated.vcf.gz"
    if "reference_contigs" in told:  # an extraction, which has no VCF beside it
        known = dict(told["reference_contigs"])
    else:
        known = header_contigs(vcf) if vcf.is_file() else {}
    files = {path.name: path for path in (folder / "sites.parquet").glob("*.parquet")}
    named = {file_name(contig): contig for contig in known}
    there: dict[str, int | None] = {
        contig: known[contig] for contig in known if file_name(contig) in files
    }
    for name in sorted(set(files) - set(named), key=_natural):
        there[_contig_of(files[name])] = None
    return there


def _contig_of(path: Path) -> str:
    return unquote(path.name.removesuffix(".parquet"))


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(n or 0), text) for n, text in re.findall(r"(\d*)(\D*)", name)]


def header_contigs(vcf: Path) -> dict[str, int | None]:
    """Contigs of the header of a VCF (gzip or bgzip), with lengths where they are told."""
    contigs: dict[str, int | None] = {}
    with gzip.open(vcf, "rt", encoding="utf-8") as handle:
        for line in handle:
            if not line.startswith("##"):
                break
            if line.startswith("##contig=") and (name := re.search(r"[<,]ID=([^,>]+)", line)):
                length = re.search(r"[<,]length=(\d+)", line)
                contigs[name[1]] = int(length[1]) if length else None
    return contigs


def matrix(lists: pa.Array, size: int) -> np.ndarray:
    """Fixed-size lists, none missing, as (rows, size)."""
    return lists.flatten().to_numpy().reshape(len(lists), size)


def exact_codes(table: pa.Table, size: int) -> np.ndarray:
    """Codes of calls (rows, size) int8 of the genotype table's `dosages` and `calls`."""
    codes = calls.codes(matrix(table["dosages"].combine_chunks(), size))
    told = table["calls"].combine_chunks()
    exact = told.is_valid().to_numpy(zero_copy_only=False)
    if exact.any():
        codes[exact] = matrix(told.drop_null(), size)
    return codes
