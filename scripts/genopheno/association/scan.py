"""The scan: every variant against every trait, block by block, in one pass over the genotypes.

A block is decoded once and tested for all traits. Workers make whole pieces of the output
files of each trait; the main thread puts them one after the other. Neither memory
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
from genopheno.association import left_out, parts, results, summary
from genopheno.association.design import LMM, Design
from genopheno.association.estimates import TESTS, Estimates
from genopheno.association.projection import Block, Counts, Projected
from genopheno.association.tasks import Task, Tasks
from genopheno.association.wgr import loco as predictions
from genopheno.genotypes import Genotypes
from genopheno.problems import fail

if TYPE_CHECKING:
    import pandas as pd

BY_STATUS = (
    "n_cases",
    "n_controls",
    "effect_allele_frequency_cases",
    "effect_allele_frequency_controls",
)
PIECE, SLOW_PIECE = 16_384, 2_048  # variants; those of mixed models take seconds
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
    part: parts.Part | None = None,
    progress: results.ProgressCallback | None = None,
) -> None:
    """Scan all variants for all traits of a design, or one part of the variants.

    Parameters
    ----------
    genotypes_prefix : PLINK fileset, the prefix of ``.bed``.
    design : who and what; its samples must be among those of the genotypes.
    min_allele_count : variants with fewer copies of the rarer allele among the people of a
        trait with a genotype are left out for that trait.
    firth_below, exact_firth_below, correction : p-values at which binary traits are
        refined, and how (`logistic`).
    threads : workers; set the linear algebra library to one thread.
    out_dir : gets ``{trait}.parquet``, ``{trait}.tsv.gz``, ``left_out/{trait}.parquet`` and
        ``scan.json``, or ``part.json`` in its place.
    loco : predictions of step 1 (`wgr.loco`), for the traits that need them.
    rsids : variant_id, rsid; None: no identifiers.
    part : the part to do, which `gather` puts together with the others; None: all.
    progress : called with variants done and variants in all.

    Raises
    ------
    StageError : the genotypes are faulty, no trait can be fitted, or, of all variants, none
        can be tested.
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
    pieces, start, stop = list(scanner.pieces()), 0, genotypes.n_variants
    if part:
        first, last = part.bounds(len(pieces))
        starts = [blocks[0][1] for blocks in pieces] + [genotypes.n_variants]
        pieces, start, stop = pieces[first:last], starts[first], starts[last]
    header = part is None or part.number == 1
    with ExitStack() as stack:
        files = {
            trait.name: stack.enter_context(results.TraitFiles(out_dir, trait.name, header))
            for trait in tasks.traits
        }
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        done = 0
        for piece in _in_order(pool, scanner.piece, pieces, threads + 1):
            for name, rows in piece.traits.items():
                files[name].write(*rows)
            done += piece.n_variants
            if progress:
                progress(done, stop - start)
    facts = summary.scan_facts(
        design,
        engine="numpy",
        n_variants=genotypes.n_variants,
        parameters={
            "min_allele_count": min_allele_count,
            "firth_below": firth_below,
            "exact_firth_below": exact_firth_below,
            "correction": correction,
        },
        models=tasks.null_models(),
    )
    if part:
        parts.write(out_dir, part, start, stop, facts)
    else:
        summary.scan_summary(out_dir, facts)


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
    """Finished pieces of the files: per trait the rows, their text, and the rows left out."""

    n_variants: int
    traits: dict[str, tuple[pa.Table, bytes, pa.Table]] = field(default_factory=dict)


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
        slow = any(trait.model == LMM for trait in tasks.traits)
        self.rows = min(SLOW_PIECE if slow else PIECE, ROWS_IN_FLIGHT // len(tasks.traits))
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
        for contig, first, last in blocks:
            block = Block(self.genotypes, first, last)
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
            table, without = _finish(rows, variants, rsids)
            member = results.gzipped(results.ssf_lines(table)) if table.num_rows else b""
            out.traits[trait.name] = table, member, without
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
    cases: Counts | None


def _finish(
    rows: list[_Rows], variants: pa.Table, rsids: pa.ChunkedArray | None
) -> tuple[pa.Table, pa.Table]:
    """Rows of the tables ``association`` and ``association_left_out``."""

    def joined(get) -> np.ndarray:
        return np.concatenate([get(r) for r in rows])

    wanted = joined(lambda r: r.wanted)
    without = left_out.rows(
        variants,
        joined(lambda r: r.counts.called),
        joined(lambda r: r.counts.minor),
        joined(lambda r: left_out.reason_codes(r.counts, r.wanted, r.estimates.converged)),
    )

    def taken(get) -> np.ndarray:
        return joined(get)[wanted]

    def numbers(get) -> pa.Array:
        return pa.array(taken(get), from_pandas=True)  # NaN is null

    if not wanted.all():
        mask = pa.array(wanted)
        variants = variants.filter(mask)
        rsids = None if rsids is None else rsids.filter(mask)
    called, alleles = taken(lambda r: r.counts.called), taken(lambda r: r.counts.alleles)
    n = len(called)
    columns = {
        "chromosome": variants["contig"],
        "base_pair_location": variants["position"],
        "effect_allele": variants["effect_allele"],
        "other_allele": variants["other_allele"],
        "beta": numbers(lambda r: r.estimates.beta),
        "standard_error": numbers(lambda r: r.estimates.standard_error),
        "effect_allele_frequency": _frequency(alleles, called),
        "neg_log10_p_value": numbers(lambda r: r.estimates.neg_log10_p),
        "variant_id": variants["variant_id"],
        "rsid": pa.nulls(n, pa.string()) if rsids is None else rsids,
        "n": pa.array(called),
        "test": pa.array(TESTS, pa.string()).take(pa.array(taken(lambda r: r.estimates.test))),
        "converged": pa.array(taken(lambda r: r.estimates.converged)),
    }
    if rows[0].cases is None:
        columns |= {name: pa.nulls(n) for name in BY_STATUS}
    else:
        cases, copies = taken(lambda r: r.cases.called), taken(lambda r: r.cases.alleles)
        by_status = (
            pa.array(cases),
            pa.array(called - cases),
            _frequency(copies, cases),
            _frequency(alleles - copies, called - cases),
        )
        columns |= dict(zip(BY_STATUS, by_status, strict=True))
    schema = fields.schema("association")
    return pa.table(columns).select(schema.names).cast(schema), without


def _frequency(alleles: np.ndarray, called: np.ndarray) -> pa.Array:
    """Share of the effect allele; null where nobody has a genotype."""
    with np.errstate(invalid="ignore"):
        return pa.array(alleles / (2 * called), from_pandas=True)
