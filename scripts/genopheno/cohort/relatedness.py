"""Kinship and principal components through Hail (``structure.engine: hail``).

Differs from the NumPy engine
    Kinship (`hl.king`) is the same estimator over the same genotypes. Components
    (`hl.hwe_normalized_pca`) put the mean where a genotype is missing and divide by all
    variants, where the NumPy engine divides each pair by the variants that both have. Without
    missing genotypes the two are to agree.
    `hl.ld_prune` keeps another set than plink2, so which variants are used is decided outside.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from genopheno.cohort import exchange
from genopheno.cohort.session import SMALL, hail_session
from genopheno.problems import fail

if TYPE_CHECKING:
    import hail as hl


@dataclass
class Decomposition:
    """Components as Hail has them, of m variants; M is standardised dosages over √m.

    Attributes
    ----------
    eigenvalues : (k,) of the relationship matrix M Mᵀ. total : the sum of all of them.
    scores : (samples, k), M times the loadings, also of those who took no part.
    loadings : table of variant_id (contig:position:reference:alternate), frequency (of the
        alternate allele) and l0, l1, …, of unit norm, for the variants that vary.
    """

    eigenvalues: np.ndarray
    total: float
    scores: np.ndarray
    loadings: pd.DataFrame


@contextmanager
def opened(
    cohort_mt: str | Path,
    samples: Sequence[str],
    tmp_dir: str | Path,
    *,
    threads: int = 1,
    memory_mb: int = 4000,
    spark_conf: dict[str, str] | None = None,
) -> Iterator[Relatedness]:
    """Start Hail on a matrix that `join` wrote.

    Parameters
    ----------
    samples : those to look at, in the order in which answers come.
    tmp_dir : folder for temporary files; removed at the end.

    Raises
    ------
    StageError : a sample is not in the matrix; or Hail fails.
    """
    size = sum(file.stat().st_size for file in Path(cohort_mt).rglob("*") if file.is_file())
    with hail_session(
        tmp_dir,
        memory_mb=memory_mb,
        threads=threads,
        small=size < SMALL,
        spark_conf=spark_conf,
    ) as hl:
        mt = hl.read_matrix_table(exchange.uri(cohort_mt)).select_entries("GT")
        place = {name: i for i, name in enumerate(mt.s.collect())}
        if absent := sorted(set(samples) - place.keys()):
            raise fail(
                "structure-sample-unknown",
                cohort_mt,
                f"{len(absent)} samples of the fileset are not in it, such as "
                f"{', '.join(absent[:5])}",
                "Give fileset and matrix of the same join",
            )
        mt = mt.choose_cols([place[name] for name in samples]).select_cols().select_globals()
        yield Relatedness(mt, Path(cohort_mt), list(samples), Path(tmp_dir))


class Relatedness:
    """What `opened` gives. Samples are named by their index.

    Variants are given as tables with contig, position, effect_allele (the alternate) and
    other_allele (the reference); all must be in the matrix.
    """

    def __init__(self, mt: hl.MatrixTable, path: Path, samples: list[str], tmp_dir: Path):
        self._mt, self._path, self._samples, self._tmp = mt, path, samples, tmp_dir

    def king(self, variants: pd.DataFrame, min_kinship: float) -> tuple[pd.DataFrame, int]:
        """KING-robust kinship.

        Returns
        -------
        pairs : i, j, kinship of the pairs above `min_kinship`, i < j.
        undefined : pairs without a kinship: one of the two is never heterozygous.
        """
        import hail as hl

        mt = self._only(variants, "kinship")
        table = hl.king(mt.GT).entries().key_by()
        place = hl.literal({name: i for i, name in enumerate(self._samples)})
        table = table.select(i=place[table.s_1], j=place[table.s], kinship=table.phi)
        table = table.filter(
            (table.i < table.j) & ((table.kinship > min_kinship) | ~hl.is_finite(table.kinship))
        )
        pairs = self._frame(table)
        defined = np.isfinite(pairs["kinship"])
        return pairs[defined].sort_values(["i", "j"], ignore_index=True), int((~defined).sum())

    def components(
        self, variants: pd.DataFrame, reference: np.ndarray, number: int
    ) -> Decomposition:
        """Principal components of the samples `reference` (indices); the others are projected."""
        import hail as hl

        mt = self._only(variants, "components")
        free = mt.choose_cols([int(i) for i in reference])
        eigenvalues, scores, weights = hl.hwe_normalized_pca(
            free.GT, k=number, compute_loadings=True
        )
        alleles = free.GT.n_alt_alleles()
        rows = free.annotate_rows(
            af=hl.agg.mean(alleles) / 2,
            called=hl.agg.count_where(hl.is_defined(free.GT)),
            one=hl.agg.count_where(alleles == 1),
            two=hl.agg.count_where(alleles == 2),
        ).rows()
        weights = weights.annotate(**rows[weights.key].select("af", "called", "one", "two"))
        weights = weights.checkpoint(exchange.uri(self._tmp / "loadings.ht"))
        flat = weights.annotate(**exchange.variant_columns(weights)).key_by()
        loadings = self._frame(
            _spread(flat, "variant_id", "loadings", len(eigenvalues), "af", "called", "one", "two")
        )
        p, called, one, two = (loadings.pop(name) for name in ("af", "called", "one", "two"))
        loadings["frequency"] = p
        zero = called - one - two
        squares = zero * (2 * p) ** 2 + one * (1 - 2 * p) ** 2 + two * (2 - 2 * p) ** 2
        total = (squares / (2 * p * (1 - p))).mean()

        out = np.full((len(self._samples), len(eigenvalues)), np.nan)
        others = np.setdiff1d(np.arange(len(self._samples)), reference)
        place = {name: i for i, name in enumerate(self._samples)}
        tables = [scores]
        if len(others):
            rest = mt.choose_cols([int(i) for i in others])
            tables.append(hl.experimental.pc_project(rest.GT, weights.loadings, weights.af))
        for table in tables:
            frame = self._frame(_spread(table.key_by(), "s", "scores", len(eigenvalues)))
            at = [place[name] for name in frame.pop("s")]
            out[at] = frame.to_numpy()
        return Decomposition(np.array(eigenvalues), float(total), out, loadings)

    def _only(self, variants: pd.DataFrame, name: str) -> hl.MatrixTable:
        """The matrix with these variants only."""
        import hail as hl

        path = self._tmp / f"{name}.variants.tsv"
        order = ["contig", "position", "other_allele", "effect_allele"]
        variants[order].to_csv(path, sep="\t", header=False, index=False)
        table = hl.import_table(exchange.uri(path), no_header=True, types={"f1": hl.tint32})
        genome = self._mt.locus.dtype.reference_genome
        table = table.key_by(
            locus=hl.locus(table.f0, table.f1, genome), alleles=[table.f2, table.f3]
        )
        mt = self._mt.select_rows().semi_join_rows(table)
        if (found := mt.count_rows()) != len(variants):
            raise fail(
                "structure-variants-unknown",
                self._path,
                f"it has {found} of {len(variants)} variants of the fileset",
                "Give fileset and matrix of the same join",
            )
        return mt

    def _frame(self, table: hl.Table) -> pd.DataFrame:
        """A table by way of a text file, which loses nothing: collecting rows is slow."""
        path = self._tmp / "table.tsv"
        numbers = [name for name, kind in table.row.dtype.items() if str(kind) != "str"]
        table.select(**{name: exchange.as_text(table[name]) for name in table.row}).export(
            exchange.uri(path)
        )
        frame = pd.read_csv(
            path,
            sep="\t",
            quoting=csv.QUOTE_NONE,
            dtype={name: str for name in table.row if name not in numbers},
            keep_default_na=False,
            na_values={name: ["", exchange.MISSING, "NaN"] for name in numbers},
            float_precision="round_trip",
        )
        path.unlink()
        return frame


def _spread(table: hl.Table, name: str, values: str, number: int, *others: str) -> hl.Table:
    """A table of `name`, the elements of the array `values` as l0, l1, …, and other columns."""
    columns: dict[str, Any] = {name: table[name]}
    columns |= {f"l{i}": table[values][i] for i in range(number)}
    return table.select(**columns, **{other: table[other] for other in others})
