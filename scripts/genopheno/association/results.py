"""Association results as files: Parquet, GWAS-SSF, and the variants left out.

Every engine writes its results through here, so that what researchers read does not
depend on what computed it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from isal import isal_zlib

from genopheno import fields, ssf
from genopheno.files import writing

if TYPE_CHECKING:
    import pandas as pd

GZIP_LEVEL = 1  # of isal: smaller than zlib's first level, in a third of the time
ROWS = 65_536
# Few distinct values: stored as a dictionary. The numbers are not worth the look-up.
REPEATED = ["chromosome", "effect_allele", "other_allele", "test", "n", "n_cases", "n_controls"]
REPEATED_LEFT_OUT = [*REPEATED[:3], "n", "minor_allele_count", "reason"]


def ssf_header() -> bytes:
    """First line of a GWAS-SSF file."""
    return ssf.header(fields.names("association"))


def ssf_lines(table: pa.Table) -> bytes:
    """Lines of a GWAS-SSF file, without the header; numbers are written in full."""
    return ssf.lines(table, fields.names("association"))


def gzipped(text: bytes) -> bytes:
    """A gzip member; members one after the other are a gzip file."""
    return isal_zlib.compress(text, GZIP_LEVEL, wbits=31)


def rsids_of(
    variants: pa.Table, named: pd.DataFrame | pa.Table | None
) -> pa.ChunkedArray | pa.Array | None:
    """The rsid of each variant; null where it has none. `named` (variant_id, rsid) None: None."""
    if named is None:
        return None
    if not isinstance(named, pa.Table):
        named = pa.Table.from_pandas(named[["variant_id", "rsid"]], preserve_index=False)
    place = pc.index_in(variants["variant_id"], named["variant_id"])
    return named["rsid"].take(place).cast(pa.string())


class TraitFiles:
    """``{trait}.parquet``, ``{trait}.tsv.gz`` and ``left_out/{trait}.parquet``.

    They are written piece by piece, beside and renamed.

    Parameters
    ----------
    out_dir : folder of the results.
    trait : name of the trait.
    header : whether the text begins with its header: False in all but the first of the parts
        that are put one after the other.
    """

    def __init__(self, out_dir: str | Path, trait: str, header: bool = True):
        self._out_dir, self._trait, self._header = out_dir, trait, header
        self._stack = ExitStack()

    def __enter__(self) -> TraitFiles:
        self._parquet = self._stack.enter_context(
            _parquet_writer(parquet_path(self._out_dir, self._trait), "association", REPEATED)
        )
        self._left_out = self._stack.enter_context(
            _parquet_writer(
                left_out_path(self._out_dir, self._trait),
                "association_left_out",
                REPEATED_LEFT_OUT,
            )
        )
        tsv = self._stack.enter_context(writing(tsv_path(self._out_dir, self._trait)))
        self._tsv = self._stack.enter_context(open(tsv, "wb"))
        if self._header:
            self._tsv.write(gzipped(ssf_header()))
        return self

    def __exit__(self, *exception) -> bool | None:
        return self._stack.__exit__(*exception)

    def write(
        self, table: pa.Table, member: bytes | None = None, left_out: pa.Table | None = None
    ) -> None:
        """Append rows of the tables ``association`` and ``association_left_out``.

        `member` is the text of the first, ``gzipped(ssf_lines(table))``, if it was made already.
        """
        if table.num_rows:
            self._parquet.write_table(table)
            self._tsv.write(gzipped(ssf_lines(table)) if member is None else member)
        if left_out is not None and left_out.num_rows:
            self._left_out.write_table(left_out)

    def append(self, folder: Path) -> None:
        """Append the files of another folder, a row group at a time, and its text as it is."""
        for source, out in (
            (parquet_path(folder, self._trait), self._parquet),
            (left_out_path(folder, self._trait), self._left_out),
        ):
            with pq.ParquetFile(source) as parquet:
                for group in range(parquet.num_row_groups):
                    out.write_table(parquet.read_row_group(group))
        with open(tsv_path(folder, self._trait), "rb") as text:
            shutil.copyfileobj(text, self._tsv)


@contextmanager
def _parquet_writer(path: Path, table: str, repeated: list[str]) -> Iterator[pq.ParquetWriter]:
    with (
        writing(path) as beside,
        pq.ParquetWriter(
            beside,
            fields.schema(table),
            compression="zstd",
            compression_level=1,
            use_dictionary=repeated,
        ) as writer,
    ):
        yield writer


def parquet_path(out_dir: str | Path, trait: str) -> Path:
    return Path(out_dir) / f"{trait}.parquet"


def tsv_path(out_dir: str | Path, trait: str) -> Path:
    return Path(out_dir) / f"{trait}.tsv.gz"


def left_out_path(out_dir: str | Path, trait: str) -> Path:
    return Path(out_dir) / "left_out" / f"{trait}.parquet"


def write_results(
    out_dir: str | Path,
    trait: str,
    source: pa.Table | pd.DataFrame | str | Path,
    left_out: pa.Table | None = None,
) -> None:
    """Write the files of a trait from a whole table.

    Parameters
    ----------
    source : the columns of the table ``association``: a data frame, an Arrow table, or
        the path of a Parquet file, which is read piece by piece. A data frame may have
        `statistic` and `df` in place of `neg_log10_p_value` (`with_p_values`).
    left_out : table ``association_left_out``; None: nothing was.
    """
    with TraitFiles(out_dir, trait) as out:
        if left_out is not None:
            out.write(fields.schema("association").empty_table(), left_out=left_out)
        if isinstance(source, (str, Path)):
            for batch in pq.ParquetFile(source).iter_batches(ROWS):
                out.write(_declared(pa.Table.from_batches([batch])))
            return
        if not isinstance(source, pa.Table):
            if "statistic" in source.columns:
                source = with_p_values(source)
            source = fields.to_arrow(source, "association")
        source = _declared(source)
        for start in range(0, max(source.num_rows, 1), ROWS):
            out.write(source.slice(start, ROWS))


def with_p_values(frame: pd.DataFrame) -> pd.DataFrame:
    """Put `neg_log10_p_value` in the place of `statistic` and `df`.

    The statistic is Student's t where `df` is known, else chi-squared with one degree of
    freedom; NaN stays NaN.
    """
    from genopheno import pvalues

    statistic, df = (
        frame[name].to_numpy(dtype=float, na_value=np.nan) for name in ("statistic", "df")
    )
    is_t = ~np.isnan(df)
    neg_log10_p = np.empty(len(frame))
    neg_log10_p[is_t] = pvalues.from_t(statistic[is_t], df[is_t])
    neg_log10_p[~is_t] = pvalues.from_chi2(statistic[~is_t])
    return frame.drop(columns=["statistic", "df"]).assign(neg_log10_p_value=neg_log10_p)


def _declared(table: pa.Table) -> pa.Table:
    fields.check_columns(table.column_names, "association")
    return table.select(fields.names("association")).cast(fields.schema("association"))


ProgressCallback = Callable[[int, int], None]
