"""Tables of variants as Parquet and as GWAS-SSF text with a tabix index, piece by piece."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from genopheno import ssf
from genopheno.fields.arrow import ROW_GROUP
from genopheno.files import remove, writing

# Columns of the text, as far as a table has them; the first ones are those that GWAS-SSF asks for.
SSF_COLUMNS = (
    "chromosome", "base_pair_location", "effect_allele", "other_allele", "beta", "standard_error",
    "effect_allele_frequency", "neg_log10_p_value", "variant_id", "rsid", "n", "n_studies",
    "direction", "z_score", "heterogeneity_i2", "heterogeneity_neg_log10_p_value",
)  # fmt: skip
# Few distinct values, or texts: stored as a dictionary.
REPEATED = ("chromosome", "effect_allele", "other_allele", "direction", "leave_one_out_study")
FAST = "w1"  # level of bgzip: half the size of the text at a fifth of the time that level 6 takes


def tsv_path(parquet: Path) -> Path:
    """The text beside a Parquet file."""
    return parquet.with_suffix(".tsv.gz")


class Tables:
    """``{out}.parquet`` and ``{out}.tsv.gz`` with ``.tbi``, beside and renamed.

    Rows come in order. Row groups hold `ROW_GROUP` rows, each of one stretch of the genome, so that
    a region is read without the rest (`genopheno.sumstats.region`).

    Parameters
    ----------
    out : the Parquet file. schema : of its rows.
    """

    def __init__(self, out: Path, schema: pa.Schema):
        self._out, self._schema = out, schema
        self._names = [name for name in SSF_COLUMNS if name in schema.names]
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._stack = ExitStack()
        # Compression runs beside the analysis, one piece at a time.
        self._worker = ThreadPoolExecutor(1)
        self._running: Future | None = None

    def __enter__(self) -> Tables:
        import pysam

        parquet = self._stack.enter_context(writing(self._out))
        self._text_path = self._stack.enter_context(writing(tsv_path(self._out)))
        self._parquet = self._stack.enter_context(
            pq.ParquetWriter(
                parquet,
                self._schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=[name for name in REPEATED if name in self._schema.names],
            )
        )
        self._text = pysam.BGZFile(str(self._text_path), FAST)
        self._text.write(ssf.header(self._names))
        return self

    def __exit__(self, kind, error, trace) -> bool | None:
        import pysam

        try:
            if kind is None:
                self._flush(1)
            self._wait()
            self._text.close()
            if kind is None:
                index = Path(f"{self._text_path}.tbi")
                # Chromosome and position are the first two columns; the header is one line.
                pysam.tabix_index(
                    str(self._text_path), force=True, seq_col=0, start_col=1, end_col=1,
                    line_skip=1, index=str(index),
                )  # fmt: skip
                index.replace(f"{tsv_path(self._out)}.tbi")
        finally:
            self._worker.shutdown()
            remove(Path(f"{self._text_path}.tbi"))
            self._stack.__exit__(kind, error, trace)
        return None

    def write(self, table: pa.Table) -> None:
        """Append rows that come after all those before in the genome."""
        self._waiting.append(table)
        self._rows += table.num_rows
        self._flush(ROW_GROUP)

    def _flush(self, at_least: int) -> None:
        if self._rows < at_least:
            return
        table = pa.concat_tables(self._waiting).combine_chunks()
        whole = table.num_rows if at_least == 1 else table.num_rows // ROW_GROUP * ROW_GROUP
        for start in range(0, whole, ROW_GROUP):
            piece = table.slice(start, min(ROW_GROUP, whole - start))
            self._wait()
            self._running = self._worker.submit(self._write, piece)
        rest = table.slice(whole)
        self._waiting, self._rows = ([rest], rest.num_rows) if rest.num_rows else ([], 0)

    def _write(self, piece: pa.Table) -> None:
        self._parquet.write_table(piece)
        self._text.write(ssf.lines(piece, self._names))

    def _wait(self) -> None:
        """Let the piece before finish; raises what it raised."""
        running, self._running = self._running, None
        if running:
            running.result()
