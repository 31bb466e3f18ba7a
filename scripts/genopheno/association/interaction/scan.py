"""The scan of one trait with one covariate: every variant, block by block.

Leaves ``{trait}.{covariate}.parquet``, ``.tsv.gz`` and ``.json``. Tables are independent of each
other: each is a job of its own, with the same numbers whatever else is run. A part of the
variants can be scanned alone, too; it has the numbers of the whole scan where it starts at a
multiple of the block (`scan.block_size`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from genopheno.association import coding, left_out
from genopheno.association.block import read_block
from genopheno.association.coding import Codings, Stretch
from genopheno.association.design import LMM, WGR, Design, TraitDesign
from genopheno.association.dosages import Dosages
from genopheno.association.interaction.files import Rows, Table, write_summary
from genopheno.association.interaction.models import Models
from genopheno.association.ordered import in_order
from genopheno.association.scan import block_size
from genopheno.association.subset import among
from genopheno.association.wgr import loco as predictions
from genopheno.genotypes import Genotypes
from genopheno.problems import fail

if TYPE_CHECKING:
    import pandas as pd

    from genopheno.chromosomes import SexChromosomes

ROWS = 8_192  # variants of a piece of work, about
RARE_AT_A_LEVEL = f"{left_out.RARE} at a level of the covariate"


def run(
    genotypes_prefix: str | Path,
    design: Design,
    trait: str,
    covariate: str,
    *,
    out: str | Path,
    min_allele_count: int,
    firth_below: float,
    threads: int,
    loco: str | Path | None = None,
    chromosomes: SexChromosomes | None = None,
    x_male_dosage: int = 2,
    dosages: str | Path | None = None,
    min_imputation_quality: float = 0.0,
    rsids: pd.DataFrame | None = None,
    span: tuple[int, int] | None = None,
) -> dict:
    """Test the interaction of every variant with one covariate on one trait.

    A trait or a covariate for which this cannot be done leaves a table without rows, and the
    reason in the JSON.

    Parameters
    ----------
    genotypes_prefix : PLINK fileset, the prefix of ``.bed``.
    design : made with this covariate among its interactions.
    out : Parquet file; ``.tsv.gz`` and ``.json`` are written beside it.
    min_allele_count : variants with fewer copies of the rarer allele among the people of the
        trait, or among those at a level of the covariate, are left out.
    firth_below : p-value at which fits of binary traits are refined (`logistic`).
    threads : workers; set the linear algebra library to one thread.
    loco : predictions of step 1, where the trait is tested by whole-genome regression.
    chromosomes, x_male_dosage, dosages, min_imputation_quality : as of `association.scan.run`.
    rsids : variant_id, rsid; None: no identifiers.
    span : first variant and the one past the last; None: all.

    Returns
    -------
    What the JSON holds.

    Raises
    ------
    StageError : the genotypes are faulty, the design has no such trait or covariate, or there
        are variants on contigs named like X, Y or MT and `chromosomes` is None.
    """
    genotypes = Genotypes.open(genotypes_prefix)
    design = design.aligned(genotypes.samples)
    found = [t for t in design.traits if t.name == trait]
    if not found or covariate not in found[0].info.get("interactions", {}):
        raise fail(
            "interaction-unknown",
            "design",
            f"it has no interaction of {trait} with {covariate}",
            "Make the design with this trait and 'genopheno design --interaction'",
        )
    source = genotypes if dosages is None else Dosages.of(dosages, genotypes.samples)
    codings = Codings(coding.checked(chromosomes, source.table), genotypes.sex, x_male_dosage)
    stretches = codings.stretches(source.table)
    known = predictions.read(loco, genotypes.samples) if loco else None
    asked = found[0].info["interactions"][covariate]
    reason = _reason(found[0], asked, known)
    tested = found[0]
    if dosages is not None and reason is None:
        tested = _covered(found[0], source.covered)
    scan, not_fitted = None, []
    if reason is None:
        models = Models(tested, asked["terms"], known, firth_below=firth_below)
        # Without a model for those who have two copies there is no table.
        plain = models.of(Stretch(stretches[0].contig, 0, 0))
        reason = plain if isinstance(plain, str) else None
        not_fitted = [] if reason else models.not_fitted(stretches)
        scan = _Scan(source, models, min_allele_count, min_imputation_quality)
    low, high = span or (0, source.n_variants)
    pieces = [] if reason else _pieces(stretches, low, high, block_size(source.n_samples))
    table = Table(source.table, rsids, asked["terms"], found[0], covariate)
    reasons: Counter[str] = Counter()
    with table.writing(out) as write, ThreadPoolExecutor(threads) as pool:

        def work(blocks: list[tuple[Stretch, int, int]]):
            parts = [scan.block(*block) for block in blocks]
            source.release(blocks[0][1], blocks[-1][2])
            finished = [table.rows(rows) for rows, _ in parts if rows is not None]
            return finished, [why for _, why in parts]

        for finished, why in in_order(pool, work, pieces, threads + 1):
            if finished:
                write(pa.concat_tables(finished))
            for counts in why:
                reasons.update(counts)
    return write_summary(
        out,
        tested,
        covariate,
        asked,
        reason=reason,
        n_variants=0 if reason else high - low,
        left_out=reasons,
        coding={**codings.summary(stretches), "not_fitted": not_fitted},
        parameters={
            "min_allele_count": min_allele_count,
            "firth_below": firth_below,
            "min_imputation_quality": None if dosages is None else min_imputation_quality,
        },
    )


def _reason(trait: TraitDesign, asked: dict, loco: predictions.Loco | None) -> str | None:
    """Why there is no test; None: there is one."""
    if trait.reason is not None:
        return trait.reason
    if asked["reason"] is not None:
        return f"no interaction: {asked['reason']}"
    if trait.type not in ("quantitative", "binary"):
        return f"there is no interaction test for a {trait.type} trait"
    if trait.model == LMM:
        return (
            "the mixed model has no interaction test here: association.model wgr has, and "
            "regression of unrelated people (association.relatives: drop)"
        )
    return predictions.missing(loco, trait) if trait.model == WGR else None


def _covered(trait: TraitDesign, covered: np.ndarray) -> TraitDesign:
    """The trait among the people who have dosages, with a notice of the others."""
    made = among(trait, covered)
    gone = trait.n - made.n
    if gone:
        said = f"{gone} people of the trait have no dosages: not tested"
        made.info = {**made.info, "notices": [*made.info["notices"], said]}
    return made


def _pieces(
    stretches: list[Stretch], low: int, high: int, step: int
) -> Iterator[list[tuple[Stretch, int, int]]]:
    """Blocks (stretch, start, stop) from `low` to `high`, about `ROWS` variants at a time."""
    piece: list[tuple[Stretch, int, int]] = []
    for stretch in stretches:
        for first in range(stretch.start, stretch.stop, step):
            begin, end = max(first, low), min(first + step, stretch.stop, high)
            if begin >= end:
                continue
            piece.append((stretch, begin, end))
            if end - piece[0][1] >= ROWS:
                yield piece
                piece = []
    if piece:
        yield piece


class _Scan:
    """Tests blocks of variants, with the null model of their stretch."""

    def __init__(
        self,
        source: Genotypes | Dosages,
        models: Models,
        min_allele_count: int,
        min_quality: float,
    ):
        self.source, self.models = source, models
        self.least = max(1, min_allele_count)
        self.poor = np.zeros(source.n_variants, dtype=bool)
        if isinstance(source, Dosages):
            self.poor = source.info < min_quality  # False where it is not known

    def block(self, stretch: Stretch, start: int, stop: int) -> tuple[Rows | None, dict[str, int]]:
        """The variants that are tested, None without a model; and how many are not, by reason."""
        fitted = self.models.of(stretch)
        if isinstance(fitted, str):
            return None, {left_out.NOT_FITTED: stop - start}
        block = read_block(self.source, start, stop, stretch.coding)
        counts = block.count(fitted.mask, fitted.design.n)
        poor = self.poor[start:stop]
        wanted = (counts.minor >= self.least) & ~poor
        codes = left_out.reason_codes(counts, wanted, np.ones_like(wanted), poor)
        fewest = fitted.terms.fewest(block)
        rare = np.zeros_like(wanted) if fewest is None else wanted & (fewest < self.least)
        reasons = {
            why: int((codes == code).sum())
            for code, why in enumerate(left_out.REASONS)
            if why != left_out.TESTED
        }
        at = np.flatnonzero(wanted & ~rare)
        cases = None
        if fitted.case_mask is not None:
            cases = block.count(fitted.case_mask, fitted.design.n_cases).called[at]
        rows = Rows(
            start + at,
            fitted.model.test(block, at, counts.called[at]),
            counts.called[at],
            counts.frequency[at],
            cases,
        )
        return rows, {**reasons, RARE_AT_A_LEVEL: int(rare.sum())}
