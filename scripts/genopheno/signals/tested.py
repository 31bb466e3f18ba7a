"""The results of a scan on the variants of the genotypes that they were made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genopheno.genotypes import Genotypes
from genopheno.problems import Problems

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

COLUMNS = [
    "variant_id", "rsid", "effect_allele", "other_allele", "effect_allele_frequency", "beta",
    "standard_error", "neg_log10_p_value", "n", "test",
]  # fmt: skip
MOST_UNKNOWN = 0.05  # share of tested variants that the genotypes may lack


@dataclass(frozen=True)
class Tested:
    """Results by row of the genotypes.

    Attributes
    ----------
    table : `COLUMNS`, contig and position of all variants of the genotypes (Arrow); null
        statistics where there is no result.
    contig : (variants,) number of the contig, in the order of the file.
    contigs : their names.
    position : (variants,) int32, 1-based.
    neg_log10_p : (variants,) float64; NaN: not tested.
    counts : variants of the results: with p, without, and absent from the genotypes.
    """

    table: pa.Table
    contig: np.ndarray
    contigs: list[str]
    position: np.ndarray
    neg_log10_p: np.ndarray
    counts: dict[str, int]

    def rows(self, rows: np.ndarray) -> pd.DataFrame:
        """Some variants, as a data frame; contig and position under their published names."""
        names = {"contig": "chromosome", "position": "base_pair_location"}
        return self.table.take(np.asarray(rows, dtype=np.int64)).to_pandas().rename(columns=names)

    def numbers(self, name: str, rows: np.ndarray) -> np.ndarray:
        """A column of some variants, NaN where null."""
        taken = self.table[name].take(np.asarray(rows, dtype=np.int64))
        return taken.to_numpy().astype(float)


def read(path: str | Path, genotypes: Genotypes) -> Tested:
    """Read ``{trait}.parquet`` of a scan.

    Raises
    ------
    StageError : it has not the columns, a variant twice, a p of 0 or below, or too many of its
        variants are not among the genotypes; or these are not sorted by position. All of it.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    problems = Problems()
    have = pq.read_schema(path).names
    absent = [name for name in COLUMNS if name not in have]
    if absent:
        problems.add(
            "signals-columns", path, f"columns are absent: {', '.join(absent)}",
            "Give results of 'genopheno associate'",
        )  # fmt: skip
        problems.raise_if_any()
    table = pq.read_table(path, columns=COLUMNS).combine_chunks()
    ids = table["variant_id"].combine_chunks()
    p = table["neg_log10_p_value"].to_numpy().astype(float)
    wrong = np.flatnonzero(np.isinf(p) | (p < 0))
    if wrong.size:
        problems.add(
            "signals-p-out-of-range", path,
            f"{wrong.size} variants have a p of 0 or above 1, such as {ids[wrong[0]]}: they cannot "
            "be ranked", "Give -log10 p that did not underflow", column="neg_log10_p_value",
        )  # fmt: skip
    repeated = len(ids) - pc.count_distinct(ids).as_py()
    if repeated:
        counts = ids.value_counts()
        first = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")[0]
        problems.add(
            "variant-duplicate", path, f"{repeated} variants occur again, such as {first}",
            "Give one result for each variant", column="variant_id",
        )  # fmt: skip
    own = genotypes.table.select(["contig", "position"])
    named = genotypes.table["variant_id"].combine_chunks()
    unknown = pc.is_null(pc.index_in(ids, value_set=named)).to_numpy(zero_copy_only=False)
    if unknown.sum() > MOST_UNKNOWN * len(ids):
        problems.add(
            "signals-variants-unknown", path,
            f"{int(unknown.sum())} of {len(ids)} variants are not among the genotypes, such as "
            f"{ids[int(unknown.argmax())]}", "Give the genotypes that were scanned",
            column="variant_id",
        )  # fmt: skip
    position = own["position"].to_numpy()
    runs = genotypes.contigs()
    for name, start, stop in runs:
        if (np.diff(position[start:stop]) < 0).any():
            problems.add(
                "genotypes-unsorted", genotypes.prefix, f"{name} is not sorted by position",
                "Sort it (plink2 --sort-vars)",
            )  # fmt: skip
    names = [name for name, _, _ in runs]
    if len(set(names)) < len(names):
        problems.add(
            "genotypes-unsorted", genotypes.prefix, "a contig is in two places",
            "Sort it (plink2 --sort-vars)",
        )  # fmt: skip
    problems.raise_if_any()
    place = pc.index_in(named, value_set=ids)
    whole = table.drop_columns("variant_id").take(place)
    for column in ("position", "contig"):
        whole = whole.add_column(0, column, own[column])
    whole = whole.add_column(0, "variant_id", named)
    counts = {
        "tested": int((~unknown & ~np.isnan(p)).sum()),
        "without_p": int((~unknown & np.isnan(p)).sum()),
        "not_among_genotypes": int(unknown.sum()),
    }
    assert sum(counts.values()) == len(ids)
    return Tested(
        whole,
        np.repeat(np.arange(len(runs)), [stop - start for _, start, stop in runs]),
        names,
        position,
        whole["neg_log10_p_value"].to_numpy().astype(float),
        counts,
    )
