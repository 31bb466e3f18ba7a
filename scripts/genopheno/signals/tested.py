"""The results of a scan on the variants of the genotypes that they were made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from genopheno.genotypes import Genotypes
from genopheno.problems import Problems

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
    table : `COLUMNS`, contig and position of all variants of the genotypes; null statistics
        where there is no result.
    counts : variants of the results: with p, without, and absent from the genotypes.
    """

    table: pd.DataFrame
    counts: dict[str, int]

    @property
    def neg_log10_p(self) -> np.ndarray:
        """(variants,) float64; NaN: not tested."""
        return self.table["neg_log10_p_value"].to_numpy(float)


def read(path: str | Path, genotypes: Genotypes) -> Tested:
    """Read ``{trait}.parquet`` of a scan.

    Raises
    ------
    StageError : it has not the columns, a variant twice, a p of 0 or below, or too many of its
        variants are not among the genotypes; or these are not sorted by position. All of it.
    """
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
    frame = pq.read_table(path, columns=COLUMNS).to_pandas()
    p = frame["neg_log10_p_value"].to_numpy(float)
    wrong = np.isinf(p) | (p < 0)
    if wrong.any():
        named = ", ".join(frame["variant_id"][wrong].head(3))
        problems.add(
            "signals-p-out-of-range", path,
            f"{int(wrong.sum())} variants have a p of 0 or above 1, such as {named}: they cannot "
            "be ranked", "Give -log10 p that did not underflow", column="neg_log10_p_value",
        )  # fmt: skip
    if frame["variant_id"].duplicated().any():
        twice = frame["variant_id"][frame["variant_id"].duplicated()]
        problems.add(
            "variant-duplicate", path,
            f"{len(twice)} variants occur again, such as {twice.iloc[0]}",
            "Give one result for each variant", column="variant_id",
        )  # fmt: skip
    variants = genotypes.variants
    unknown = ~frame["variant_id"].isin(variants["variant_id"])
    if unknown.sum() > MOST_UNKNOWN * len(frame):
        problems.add(
            "signals-variants-unknown", path,
            f"{int(unknown.sum())} of {len(frame)} variants are not among the genotypes, such as "
            f"{frame['variant_id'][unknown].iloc[0]}",
            "Give the genotypes that were scanned", column="variant_id",
        )  # fmt: skip
    for contig, start, stop in genotypes.contigs():
        if (np.diff(variants["position"].to_numpy()[start:stop]) < 0).any():
            problems.add(
                "genotypes-unsorted", genotypes.prefix, f"{contig} is not sorted by position",
                "Sort it (plink2 --sort-vars)",
            )  # fmt: skip
    runs = [contig for contig, _, _ in genotypes.contigs()]
    if len(set(runs)) < len(runs):
        problems.add(
            "genotypes-unsorted", genotypes.prefix, "a contig is in two places",
            "Sort it (plink2 --sort-vars)",
        )  # fmt: skip
    problems.raise_if_any()
    own = variants[["variant_id", "contig", "position"]]
    table = own.merge(frame, how="left", on="variant_id", validate="one_to_one")
    counts = {
        "tested": int((~unknown & ~np.isnan(p)).sum()),
        "without_p": int((~unknown & np.isnan(p)).sum()),
        "not_among_genotypes": int(unknown.sum()),
    }
    assert sum(counts.values()) == len(frame)
    return Tested(table, counts)
