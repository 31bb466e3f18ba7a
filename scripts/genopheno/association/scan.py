"""The scan: every variant against every trait, block by block, in one pass over the genotypes.

A block is decoded once and tested for all traits. Workers make whole pieces of the output
files of each trait; the main thread puts them one after the other. Neither memory
nor the numbers depend on how many variants there are, and a trait's numbers do not depend
on the other traits nor on the number of threads (`projection`), given that the linear
algebra library itself runs single-threaded (``OPENBLAS_NUM_THREADS=1``).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from genopheno import fields
from genopheno.association import coding, left_out, parts, results, summary
from genopheno.association.block import Block, Counts, read_block
from genopheno.association.coding import Codings, Stretch
from genopheno.association.design import LMM, Design
from genopheno.association.dosages import Dosages
from genopheno.association.estimates import TESTS, Estimates
from genopheno.association.ordered import in_order
from genopheno.association.projection import Projected
from genopheno.association.tasks import Task, Tasks
from genopheno.association.wgr import loco as predictions
from genopheno.genotypes import Genotypes
from genopheno.problems import fail

if TYPE_CHECKING:
    import pandas as pd

    from genopheno.chromosomes import SexChromosomes

BY_STATUS = (
    "n_cases",
    "n_controls",
    "effect_allele_frequency_cases",
    "effect_allele_frequency_controls",
)
PIECE, SLOW_PIECE = 8_192, 2_048  # variants; those of mixed models take seconds
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
    chromosomes: SexChromosomes | None = None,
    x_male_dosage: int = 2,
    dosages: str | Path | None = None,
    min_imputation_quality: float = 0.0,
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
    chromosomes, x_male_dosage : where not everybody has two copies, and how they count
        (`coding`); None: there are none, and no contig may be named as if there were.
    dosages : prepared fileset (`dosages`) to scan in place of the hard calls.
    min_imputation_quality : variants of `dosages` below it are left out.
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
    source = genotypes
    if dosages is not None:
        source = Dosages.of(dosages, genotypes.samples)
        if not source.covered.all():
            said = f"{int((~source.covered).sum())} people have no dosages: tested for nothing"
            info = {**design.info, "notices": [*design.info.get("notices", []), said]}
            design = Design(design.samples, design.traits, info)
    codings = Codings(coding.checked(chromosomes, source.table), genotypes.sex, x_male_dosage)
    stretches = codings.stretches(source.table)
    told = codings.summary(stretches)
    if dosages is None:
        told["heterozygous"] = coding.heterozygous(genotypes, stretches)
    tasks = Tasks(
        genotypes,
        design,
        list(dict.fromkeys(stretch.contig for stretch in stretches)),
        covered=None if dosages is None else source.covered,
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
    told["not_fitted"] = tasks.not_fitted(stretches)
    scanner = _Scanner(source, stretches, tasks, min_allele_count, min_imputation_quality, rsids)
    pieces, start, stop = list(scanner.pieces()), 0, source.n_variants
    if part:
        first, last = part.bounds(len(pieces))
        starts = [blocks[0][1] for blocks in pieces] + [source.n_variants]
        pieces, start, stop = pieces[first:last], starts[first], starts[last]
    header = part is None or part.number == 1
    with ExitStack() as stack:
        files = {
            trait.name: stack.enter_context(results.TraitFiles(out_dir, trait.name, header))
            for trait in tasks.traits
        }
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        done = 0
        for piece in in_order(pool, scanner.piece, pieces, threads + 1):
            for name, rows in piece.traits.items():
                files[name].write(*rows)
            done += piece.n_variants
            if progress:
                progress(done, stop - start)
    facts = summary.scan_facts(
        design,
        engine="numpy",
        n_variants=source.n_variants,
        parameters={
            "min_allele_count": min_allele_count,
            "firth_below": firth_below,
            "exact_firth_below": exact_firth_below,
            "correction": correction,
            "min_imputation_quality": None if dosages is None else min_imputation_quality,
        },
        coding=told,
        models=tasks.null_models(),
    )
    if part:
        parts.write(out_dir, part, start, stop, facts)
    else:
        summary.scan_summary(out_dir, facts)


@dataclass
class _Piece:
    """Finished pieces of the files: per trait the rows, their text, and the rows left out."""

    n_variants: int
    traits: dict[str, tuple[pa.Table, bytes, pa.Table]] = field(default_factory=dict)


class _Scanner:
    """Turns neighbouring blocks of variants into finished pieces of the output files."""

    def __init__(
        self,
        source: Genotypes | Dosages,
        stretches: list[Stretch],
        tasks: Tasks,
        min_allele_count: int,
        min_quality: float,
        rsids: pd.DataFrame | pa.Table | None,
    ):
        self.source, self.stretches, self.tasks = source, stretches, tasks
        self.min_allele_count = min_allele_count
        self.poor = np.zeros(source.n_variants, dtype=bool)
        if isinstance(source, Dosages):
            self.poor = source.info < min_quality  # False where it is not known
        self.block = block_size(source.n_samples)
        slow = any(trait.model == LMM for trait in tasks.traits)
        self.rows = min(SLOW_PIECE if slow else PIECE, ROWS_IN_FLIGHT // len(tasks.traits))
        self.rsids = results.rsids_of(source.table, rsids)

    def pieces(self) -> Iterator[list[tuple[Stretch, int, int]]]:
        """Blocks (stretch, start, stop), about `rows` variants at a time.

        Blocks start at the same variants however many traits there are, and hold variants of
        one stretch.
        """
        piece: list[tuple[Stretch, int, int]] = []
        size = 0
        for stretch in self.stretches:
            for first in range(stretch.start, stretch.stop, self.block):
                last = min(first + self.block, stretch.stop)
                piece.append((stretch, first, last))
                size += last - first
                if size >= self.rows:
                    yield piece
                    piece, size = [], 0
        if piece:
            yield piece

    def piece(self, blocks: list[tuple[Stretch, int, int]]) -> _Piece:
        start, stop = blocks[0][1], blocks[-1][2]
        traits = self.tasks.traits
        pieces: list[list[_Rows]] = [[] for _ in traits]
        memory = None
        for stretch, first, last in blocks:
            block = read_block(self.source, first, last, stretch.coding, memory)
            memory = block.memory
            projected: dict[int, Projected] = {}
            for task, rows in zip(self.tasks.of(stretch), pieces, strict=True):
                rows.append(self._rows(task, block, self.poor[first:last], projected))
        self.source.release(start, stop)
        variants = self.source.table.slice(start, stop - start)
        rsids = None if self.rsids is None else self.rsids.slice(start, stop - start)
        out = _Piece(stop - start)
        for trait, rows in zip(traits, pieces, strict=True):
            table, without = _finish(rows, variants, rsids)
            member = results.gzipped(results.ssf_lines(table)) if table.num_rows else b""
            out.traits[trait.name] = table, member, without
        return out

    def _rows(
        self, task: Task, block: Block, poor: np.ndarray, projected: dict[int, Projected]
    ) -> _Rows:
        cases = task.cases(block)
        if task.model is None:
            counts = task.count(block)
            nobody = np.zeros(len(poor), bool)
            return _Rows(counts, poor, nobody, Estimates.none(len(poor)), cases, fitted=False)
        key = id(task.space)
        if key not in projected:
            projected[key] = Projected(task.space, block)
        counts = projected[key].counts
        wanted = (counts.minor >= max(1, self.min_allele_count)) & ~poor
        return _Rows(counts, poor, wanted, task.test(block, projected[key], wanted), cases)


@dataclass
class _Rows:
    counts: Counts
    poor: np.ndarray
    wanted: np.ndarray
    estimates: Estimates
    cases: Counts | None
    fitted: bool = True  # there is a model for the people who have this chromosome

    @property
    def codes(self) -> np.ndarray:
        return left_out.reason_codes(
            self.counts, self.wanted, self.estimates.converged, self.poor, self.fitted
        )


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
        joined(lambda r: r.codes),
    )

    def taken(get) -> np.ndarray:
        return joined(get)[wanted]

    def numbers(get) -> pa.Array:
        return fields.column(taken(get))

    if not wanted.all():
        mask = fields.column(wanted)
        variants = variants.filter(mask)
        rsids = None if rsids is None else rsids.filter(mask)
    called = taken(lambda r: r.counts.called)
    n = len(called)
    columns = {
        "chromosome": variants["contig"],
        "base_pair_location": variants["position"],
        "effect_allele": variants["effect_allele"],
        "other_allele": variants["other_allele"],
        "beta": numbers(lambda r: r.estimates.beta),
        "standard_error": numbers(lambda r: r.estimates.standard_error),
        "effect_allele_frequency": numbers(lambda r: r.counts.frequency),
        "neg_log10_p_value": numbers(lambda r: r.estimates.neg_log10_p),
        "variant_id": variants["variant_id"],
        "rsid": pa.nulls(n, pa.string()) if rsids is None else rsids,
        "n": fields.column(called),
        "info": variants["info"] if "info" in variants.column_names else pa.nulls(n, pa.float64()),
        "test": fields.words(TESTS).take(fields.column(taken(lambda r: r.estimates.test))),
        "converged": fields.column(taken(lambda r: r.estimates.converged)),
    }
    if rows[0].cases is None:
        columns |= {name: pa.nulls(n) for name in BY_STATUS}
    else:
        cases = taken(lambda r: r.cases.called)
        by_status = (
            fields.column(cases),
            fields.column(called - cases),
            numbers(lambda r: r.cases.frequency),
            numbers(lambda r: r.counts.without(r.cases).frequency),
        )
        columns |= dict(zip(BY_STATUS, by_status, strict=True))
    schema = fields.schema("association")
    return pa.table(columns).select(schema.names).cast(schema), without
