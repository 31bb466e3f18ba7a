"""The scan: every variant against every trait, block by block, in one pass over the genotypes.

A block is decoded once and tested for all traits. Workers make whole pieces of the two
output files of each trait; the main thread puts them one after the other. Neither memory
nor the numbers depend on how many variants there are, and a trait's numbers do not depend
on the other traits nor on the number of threads (`projection`), given that the linear
algebra library itself runs single-threaded (``OPENBLAS_NUM_THREADS=1``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genopheno import fields
from genopheno.association import results
from genopheno.association.design import Design
from genopheno.association.estimates import TESTS, Estimates
from genopheno.association.projection import Block, Counts, Projected
from genopheno.association.tasks import Task, Tasks
from genopheno.association.wgr import loco as predictions
from genopheno.genotypes import Genotypes
from genopheno.problems import fail

if TYPE_CHECKING:
    import pandas as pd

ALL_MISSING, MONOMORPHIC, RARE = "all missing", "monomorphic", "min allele count"
ROWS_IN_FLIGHT = 200_000  # rows of results, over all traits, that one worker holds


def block_size(n_samples: int) -> int:
    """Variants per block: about 4 MiB of dosages, which a core's cache holds in part."""
    return int(np.clip(2**19 // n_samples // 16 * 16, 16, 512))


def run(
    genotypes_prefix: str | Path,
    design: Design,
    *,
    min_allele_count: int,
    firth_below: float,
    exact_firth_below: float,
    threads: int,
    out_dir: str | Path,
    correction: Literal["firth", "spa"] = "firth",
    loco: str | Path | None = None,
    rsids: pd.DataFrame | pa.Table | None = None,
    progress: results.ProgressCallback | None = None,
) -> None:
    """Scan all variants for all traits of a design.

    Parameters
    ----------
    genotypes_prefix : PLINK fileset, the prefix of ``.bed``.
    design : who and what; its samples must be among those of the genotypes.
    min_allele_count : variants with fewer copies of the rarer allele among the people of a
        trait with a genotype are left out for that trait.
    firth_below, exact_firth_below, correction : p-values at which binary traits are
        refined, and how (`logistic`).
    threads : workers; set the linear algebra library to one thread.
    out_dir : gets ``{trait}.parquet``, ``{trait}.tsv.gz`` and ``scan.json``.
    loco : predictions of step 1 (`wgr.loco`), for the traits that need them.
    rsids : variant_id, rsid; None: no identifiers.
    progress : called with variants done and variants in all.

    Raises
    ------
    StageError : the genotypes are faulty, no trait can be fitted, or no variant tested.
    """
    genotypes = Genotypes.open(genotypes_prefix)
    design = design.aligned(genotypes.samples)
    tasks = Tasks(
        genotypes,
        design,
        loco=predictions.read(loco, genotypes.samples) if loco else None,
        firth_below=firth_below,
        exact_firth_below=exact_firth_below,
        correction=correction,
        threads=threads,
    )
    if not tasks.traits:
        raise fail(
            "association-no-trait",
            "design",
            "no trait can be fitted: "
            + "; ".join(f"{trait.name}: {trait.reason}" for trait in design.traits),
            "Look at the traits' declarations and the people that have genotypes",
        )
    scanner = _Scanner(genotypes, tasks, min_allele_count, _rsid_table(rsids))
    left_out: dict[str, dict[str, int]] = {trait.name: {} for trait in tasks.traits}
    with ExitStack() as stack:
        files = {
            trait.name: stack.enter_context(results.TraitFiles(out_dir, trait.name))
            for trait in tasks.traits
        }
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        done = 0
        for piece in _in_order(pool, scanner.piece, scanner.pieces(), threads + 1):
            for name, (table, member, reasons) in piece.traits.items():
                files[name].write(table, member)
                for reason, n in reasons.items():
                    left_out[name][reason] = left_out[name].get(reason, 0) + n
            done += piece.n_variants
            if progress:
                progress(done, genotypes.n_variants)
    results.scan_summary(
        out_dir,
        design,
        engine="numpy",
        n_variants=genotypes.n_variants,
        left_out=left_out,
        parameters={
            "min_allele_count": min_allele_count,
            "firth_below": firth_below,
            "exact_firth_below": exact_firth_below,
            "correction": correction,
        },
        models=tasks.null_models(),
    )


def _in_order(pool: ThreadPoolExecutor, work, pieces, ahead: int):
    """Results of `work` on each piece, in order, with at most `ahead` of them under way."""
    waiting: deque = deque()
    try:
        for piece in pieces:
            waiting.append(pool.submit(work, piece))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _rsid_table(rsids: pd.DataFrame | pa.Table | None) -> pa.Table | None:
    if rsids is None or isinstance(rsids, pa.Table):
        return rsids
    return pa.Table.from_pandas(rsids[["variant_id", "rsid"]], preserve_index=False)


@dataclass
class _Piece:
    """Finished pieces of the files: per trait the rows, their text, and who was left out."""

    n_variants: int
    traits: dict[str, tuple[pa.Table, bytes, dict[str, int]]] = field(default_factory=dict)


class _Scanner:
    """Turns neighbouring blocks of variants into finished pieces of the output files."""

    def __init__(
        self,
        genotypes: Genotypes,
        tasks: Tasks,
        min_allele_count: int,
        rsids: pa.Table | None,
    ):
        self.genotypes, self.tasks, self.min_allele_count = genotypes, tasks, min_allele_count
        self.block = block_size(genotypes.n_samples)
        self.rows = min(8192, ROWS_IN_FLIGHT // len(tasks.traits))
        self.rsids = None
        if rsids is not None:
            place = pc.index_in(genotypes.table["variant_id"], rsids["variant_id"])
            self.rsids = rsids["rsid"].take(place).cast(pa.string())

    def pieces(self) -> Iterator[list[tuple[str, int, int]]]:
        """Blocks (contig, start, stop), about `rows` variants at a time.

        Blocks start at the same variants however many traits there are, and hold variants of
        one contig.
        """
        piece: list[tuple[str, int, int]] = []
        size = 0
        for contig, start, stop in self.genotypes.contigs():
            for first in range(start, stop, self.block):
                last = min(first + self.block, stop)
                piece.append((contig, first, last))
                size += last - first
                if size >= self.rows:
                    yield piece
                    piece, size = [], 0
        if piece:
            yield piece

    def piece(self, blocks: list[tuple[str, int, int]]) -> _Piece:
        start, stop = blocks[0][1], blocks[-1][2]
        traits = self.tasks.traits
        pieces: list[list[_Rows]] = [[] for _ in traits]
        memory = None
        for contig, first, last in blocks:
            block = Block(self.genotypes, first, last, memory)
            memory = block.memory
            projected: dict[int, Projected] = {}
            for task, rows in zip(self.tasks.of(contig), pieces, strict=True):
                key = id(task.space)
                if key not in projected:
                    projected[key] = Projected(task.space, block)
                rows.append(self._rows(task, block, projected[key]))
        self.genotypes.release(start, stop)
        variants = self.genotypes.table.slice(start, stop - start)
        rsids = None if self.rsids is None else self.rsids.slice(start, stop - start)
        out = _Piece(stop - start)
        for trait, rows in zip(traits, pieces, strict=True):
            table, reasons = _finish(rows, variants, rsids)
            member = results.gzipped(results.ssf_lines(table)) if table.num_rows else b""
            out.traits[trait.name] = table, member, reasons
        return out

    def _rows(self, task: Task, block: Block, projected: Projected) -> _Rows:
        counts = projected.counts
        wanted = counts.minor >= max(1, self.min_allele_count)
        return _Rows(counts, wanted, task.test(block, projected, wanted), task.cases(block))


@dataclass
class _Rows:
    counts: Counts
    wanted: np.ndarray
    estimates: Estimates
    cases: np.ndarray | None


def _finish(
    rows: list[_Rows], variants: pa.Table, rsids: pa.ChunkedArray | None
) -> tuple[pa.Table, dict[str, int]]:
    """Rows of the table ``association``, and how many variants were left out, by reason."""

    def joined(get) -> np.ndarray:
        return np.concatenate([get(r) for r in rows])

    wanted = joined(lambda r: r.wanted)
    called = joined(lambda r: r.counts.called)
    minor = joined(lambda r: r.counts.minor)
    reasons = {
        ALL_MISSING: int((called == 0).sum()),
        MONOMORPHIC: int(((called > 0) & (minor == 0)).sum()),
        RARE: int(((minor > 0) & ~wanted).sum()),
    }
    called = called[wanted]

    def numbers(get) -> pa.Array:
        return pa.array(joined(get)[wanted], from_pandas=True)  # NaN is null

    whole = bool(wanted.all())
    if not whole:
        mask = pa.array(wanted)
        variants = variants.filter(mask)
        rsids = None if rsids is None else rsids.filter(mask)
    n = len(called)
    if rows[0].cases is None:
        cases = controls = pa.nulls(n, pa.int32())
    else:
        with_genotype = joined(lambda r: r.cases)[wanted]
        cases, controls = pa.array(with_genotype), pa.array(called - with_genotype)
    names = pa.array(TESTS, pa.string())
    alleles = joined(lambda r: r.counts.alleles)[wanted]
    columns = {
        "chromosome": variants["contig"],
        "base_pair_location": variants["position"],
        "effect_allele": variants["effect_allele"],
        "other_allele": variants["other_allele"],
        "beta": numbers(lambda r: r.estimates.beta),
        "standard_error": numbers(lambda r: r.estimates.standard_error),
        "effect_allele_frequency": pa.array(alleles / (2 * called)),
        "neg_log10_p_value": numbers(lambda r: r.estimates.neg_log10_p),
        "variant_id": variants["variant_id"],
        "rsid": pa.nulls(n, pa.string()) if rsids is None else rsids,
        "n": pa.array(called),
        "n_cases": cases,
        "n_controls": controls,
        "test": names.take(pa.array(joined(lambda r: r.estimates.test)[wanted])),
        "converged": pa.array(joined(lambda r: r.estimates.converged)[wanted]),
    }
    schema = fields.schema("association")
    return pa.table(columns).select(schema.names).cast(schema), reasons
