"""The points of a Manhattan plot: where they stand and what is told of each, packed small."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genopheno.report.blocks import packed
from genopheno.report.read import Results

COLUMNS = (
    "chromosome",
    "base_pair_location",
    "effect_allele",
    "other_allele",
    "beta",
    "standard_error",
    "effect_allele_frequency",
    "neg_log10_p_value",
    "rsid",
    "n",
    "variant_id",
)


class Codebook:
    """Strings of all traits, each held once in the page and named by its number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def codes(self, values: Any) -> np.ndarray:
        codes, levels = pd.factorize(pd.Series(values, dtype=object).fillna(""))
        book = [self.numbers.setdefault(str(v), len(self.numbers)) for v in levels]
        return np.array(book, dtype=np.int64)[codes] if len(codes) else np.empty(0, np.int64)

    def array(self, codes: np.ndarray) -> dict[str, str]:
        return packed(codes, "u2" if len(self.numbers) < 65536 else "u4")


class Annotation:
    """Gene and consequence of variants, looked up by variant_id."""

    def __init__(self, results: Results):
        wanted = ["variant_id", "rsid", "gene_symbol", "consequence"]
        self.table = results.arrow("cohort/variants.parquet", wanted)
        if self.table is None:
            self.table = results.arrow("annotated/sites.parquet", wanted)

    def of(self, variant_id: Any) -> pd.DataFrame:
        """gene_symbol, consequence, rsid of some variants; '' where unknown."""
        import pyarrow as pa
        import pyarrow.compute as pc

        names = ["gene_symbol", "consequence", "rsid"]
        blank = pd.DataFrame("", index=range(len(variant_id)), columns=names)
        if self.table is None or "variant_id" not in self.table.column_names:
            return blank
        ids = pa.array(variant_id, type=pa.string())
        keys = self.table["variant_id"].cast(pa.string()).combine_chunks()
        place = pc.index_in(ids, value_set=keys)
        for name in names:
            if name in self.table.column_names:
                blank[name] = self.table[name].take(place).to_pandas().fillna("").to_numpy()
        return blank


def contig_names(arrow: Any, contig: Any, code: np.ndarray) -> list[str]:
    """Contig names as in the reference, which variant_id keeps (GWAS-SSF has 1 to 25)."""
    names = [str(name) for name in contig.dictionary.to_pylist()]
    for i in range(len(names)):
        variant = str(arrow["variant_id"][int(np.argmax(code == i))].as_py())
        if variant.count(":") >= 3:
            names[i] = variant.rsplit(":", 3)[0]
    return names


def offsets_of(
    code: np.ndarray, position: np.ndarray, contigs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where each contig begins on the plot, in the order of the file, with small gaps.

    Returns
    -------
    offsets : (contigs,) to add to positions.
    starts : (contigs + 1,) places where contigs begin, and the end.
    """
    low, high = np.zeros(contigs), np.zeros(contigs)
    for c in range(contigs):
        here = position[code == c]
        low[c], high[c] = here.min(), here.max()
    length = high - low + 1
    gap = length.sum() * (0.004 if contigs < 60 else 0)
    starts = np.concatenate([[0], np.cumsum(length + gap)])
    # One contig keeps its own coordinates, so that the axis can be read as positions.
    return (
        (np.zeros(1), np.array([low[0], high[0]])) if contigs == 1 else (starts[:-1] - low, starts)
    )


def points_of(
    arrow: Any,
    kept: np.ndarray,
    y: np.ndarray,
    position: np.ndarray,
    code: np.ndarray,
    annotation: Annotation,
    books: tuple[Codebook, Codebook, Codebook],
) -> dict[str, Any]:
    """What is drawn and told of each point, packed; coded columns are packed by the caller."""
    part = arrow.select([c for c in COLUMNS if c in arrow.column_names]).take(kept).to_pandas()
    known = annotation.of(part["variant_id"].tolist())
    rsid = part["rsid"].fillna("") if "rsid" in part else pd.Series("", index=part.index)
    rsid = rsid.where(rsid != "", known["rsid"]).astype(str)
    number = rsid.str.extract(r"^rs(\d{1,9})$", expand=False)
    others = {int(i): rsid[i] for i in np.flatnonzero((rsid != "") & number.isna())}
    genes, consequences, alleles = books
    people, levels = pd.factorize(part["n"])
    frequency = part["effect_allele_frequency"].to_numpy(dtype=float)
    return {
        "count": len(part),
        "position": packed(position[kept], "i4"),
        "contig": packed(code[kept], "u2"),
        "y": packed(y[kept], "f4"),
        "beta": packed(part["beta"].to_numpy(dtype=float), "f4"),
        "frequency": packed(np.nan_to_num(frequency * 65535).round(), "u2"),
        "n": packed(people, "u2"),
        "n_levels": [int(v) for v in levels],
        "rsid": packed(number.fillna("0").astype(np.int64).to_numpy(), "u4"),
        "rsid_others": others,
        "gene": genes.codes(known["gene_symbol"]),
        "consequence": consequences.codes(known["consequence"]),
        "alleles": alleles.codes(part["other_allele"] + ":" + part["effect_allele"]),
    }
