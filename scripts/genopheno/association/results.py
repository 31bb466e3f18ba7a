"""Association results as files: Parquet, GWAS-SSF, and the summary of a scan.

Every engine writes its results through here, so that what researchers read does not
depend on what computed it.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from genopheno import fields
from genopheno.association.design import Design, TraitDesign
from genopheno.files import write_json, writing
from genopheno.problems import fail

if TYPE_CHECKING:
    import pandas as pd

SSF_MISSING = "#NA"  # GWAS-SSF 1.0
SSF_NAMES = {"neg_log10_p_value": "neg_log_10_p_value"}  # GWAS-SSF 1.0 spells it so
SSF_CHROMOSOMES = {"X": "23", "Y": "24", "MT": "25", "M": "25"}
GZIP_LEVEL = 1  # half the size of the text at a fifth of the time that level 6 takes
ROWS = 65_536
# Few distinct values: stored as a dictionary. The numbers are not worth the look-up.
REPEATED = ["chromosome", "effect_allele", "other_allele", "test", "n", "n_cases", "n_controls"]


def chromosome(contig: str) -> str:
    """Chromosome as GWAS-SSF has it: 1 to 25; contigs without such a number keep their name."""
    bare = contig.removeprefix("chr").removeprefix("Chr")
    bare = SSF_CHROMOSOMES.get(bare.upper(), bare)
    return bare if bare.isdecimal() and 1 <= int(bare) <= 25 else contig


def ssf_header() -> bytes:
    """First line of a GWAS-SSF file."""
    return ("\t".join(SSF_NAMES.get(n, n) for n in fields.names("association")) + "\n").encode()


def ssf_lines(table: pa.Table) -> bytes:
    """Lines of a GWAS-SSF file, without the header; numbers are written in full."""
    columns = []
    for name in fields.names("association"):
        column = table[name]
        if name == "chromosome":
            names = pc.unique(column)
            column = pa.array([chromosome(c) for c in names.to_pylist()], pa.string()).take(
                pc.index_in(column, names)
            )
        if pa.types.is_boolean(column.type):
            column = pc.if_else(column, "true", "false")
        if column.null_count:
            column = pc.fill_null(pc.cast(column, pa.string()), SSF_MISSING)
        columns.append(column)
    sink = io.BytesIO()
    csv.write_csv(
        pa.table(columns, names=fields.names("association")),
        sink,
        csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none"),
    )
    return sink.getvalue()


def gzipped(text: bytes) -> bytes:
    """A gzip member; members one after the other are a gzip file."""
    return zlib.compress(text, GZIP_LEVEL, wbits=31)


class TraitFiles:
    """``{trait}.parquet`` and ``{trait}.tsv.gz``, written piece by piece, beside and renamed.

    Parameters
    ----------
    out_dir : folder of the results.
    trait : name of the trait.
    """

    def __init__(self, out_dir: str | Path, trait: str):
        self._paths = parquet_path(out_dir, trait), tsv_path(out_dir, trait)
        self._stack = ExitStack()

    def __enter__(self) -> TraitFiles:
        parquet, tsv = (self._stack.enter_context(writing(path)) for path in self._paths)
        self._parquet = self._stack.enter_context(
            pq.ParquetWriter(
                parquet,
                fields.schema("association"),
                compression="zstd",
                compression_level=1,
                use_dictionary=REPEATED,
            )
        )
        self._tsv = self._stack.enter_context(open(tsv, "wb"))
        self._tsv.write(gzipped(ssf_header()))
        return self

    def __exit__(self, *exception) -> bool | None:
        return self._stack.__exit__(*exception)

    def write(self, table: pa.Table, member: bytes | None = None) -> None:
        """Append rows of the table ``association``.

        `member` is their text, ``gzipped(ssf_lines(table))``, if it was made already.
        """
        if table.num_rows:
            self._parquet.write_table(table)
            self._tsv.write(gzipped(ssf_lines(table)) if member is None else member)


def parquet_path(out_dir: str | Path, trait: str) -> Path:
    return Path(out_dir) / f"{trait}.parquet"


def tsv_path(out_dir: str | Path, trait: str) -> Path:
    return Path(out_dir) / f"{trait}.tsv.gz"


def write_results(
    out_dir: str | Path, trait: str, source: pa.Table | pd.DataFrame | str | Path
) -> None:
    """Write the two files of a trait from a whole table.

    Parameters
    ----------
    source : the columns of the table ``association``: a data frame, an Arrow table, or
        the path of a Parquet file, which is read piece by piece. A data frame may have
        `statistic` and `df` in place of `neg_log10_p_value` (`with_p_values`).
    """
    with TraitFiles(out_dir, trait) as out:
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
    from genopheno.association import pvalues

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


def trait_summary(
    trait: TraitDesign, out_dir: str | Path, left_out: dict[str, int], model: dict | None = None
) -> dict:
    """What ``scan.json`` says of one trait, from its design and its Parquet file."""
    from genopheno.association import inflation

    table = pq.read_table(
        parquet_path(out_dir, trait.name),
        columns=["neg_log10_p_value", "effect_allele_frequency", "test", "converged"],
    )
    neg_log10_p, frequency = (
        np.asarray(table[name].to_numpy(), dtype=float)
        for name in ("neg_log10_p_value", "effect_allele_frequency")
    )
    tests = {
        entry["values"]: entry["counts"] for entry in pc.value_counts(table["test"]).to_pylist()
    }
    variants_left_out = {reason: int(n) for reason, n in left_out.items() if n}
    not_converged = table.num_rows - (pc.sum(table["converged"]).as_py() or 0)
    if not_converged:
        variants_left_out["not converged"] = not_converged
    reason = trait.reason
    if reason is None and not table.num_rows:
        reason = "no variant is left to test"
    return {
        "name": trait.name,
        "type": trait.type,
        "unit": trait.info.get("unit", ""),
        "transform": trait.info.get("transform", "none"),
        "model": trait.model,
        "model_reason": trait.info.get("model_reason", ""),
        "covariates": trait.covariates,
        "notices": trait.info.get("notices", []),
        "n": trait.n,
        "n_cases": trait.n_cases,
        "n_controls": trait.n_controls,
        "samples_left_out": trait.info.get("left_out", {}),
        "n_variants": table.num_rows - not_converged,
        "variants_left_out": variants_left_out,
        "tests": tests,
        **inflation.summary(neg_log10_p, frequency, trait.n_cases, trait.n_controls),
        "max_neg_log10_p_value": (pc.max(table["neg_log10_p_value"]).as_py()),
        "reason": reason,
        **(model or {}),
    }


def scan_summary(
    out_dir: str | Path,
    design: Design,
    *,
    engine: str,
    n_variants: int,
    left_out: dict[str, dict[str, int]],
    parameters: dict,
    models: dict[str, dict] | None = None,
) -> dict:
    """Write ``scan.json`` once the files of every trait are there, and return it.

    Traits that were not fitted get files without rows.

    Parameters
    ----------
    engine : 'numpy' or 'hail'.
    n_variants : variants that were looked at.
    left_out : per trait, variants left out by reason.
    parameters : thresholds of the scan, written as they are.
    models : per trait, more to say, such as how the null model was fitted.

    Raises
    ------
    StageError : not one variant was tested for any trait.
    """
    for trait in design.traits:
        if trait.reason is not None:
            with TraitFiles(out_dir, trait.name):
                pass
    traits = [
        trait_summary(t, out_dir, left_out.get(t.name, {}), (models or {}).get(t.name))
        for t in design.traits
    ]
    if not any(trait["n_variants"] for trait in traits):
        raise fail(
            "association-empty",
            out_dir,
            f"of {n_variants} variants none could be tested: "
            + "; ".join(f"{t['name']}: {t['reason'] or t['variants_left_out']}" for t in traits),
            "Look at the traits' declarations and at min_allele_count",
        )
    summary = {
        "engine": engine,
        "n_variants": n_variants,
        "parameters": parameters,
        "samples": design.info,
        "traits": traits,
    }
    write_json(Path(out_dir) / "scan.json", summary)
    return summary


ProgressCallback = Callable[[int, int], None]
