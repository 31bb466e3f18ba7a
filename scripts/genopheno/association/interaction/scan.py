"""The scan of one trait with one covariate: every variant, block by block.

Leaves ``{trait}.{covariate}.parquet``, ``.tsv.gz`` and ``.json``. Tables are independent of each
other: each is a job of its own, with the same numbers whatever else is run. A part of the
variants can be scanned alone, too; it has the numbers of the whole scan where it starts at a
multiple of the block (`scan.block_size`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from genopheno.association.block import Block, mask_words
from genopheno.association.design import LMM, WGR, Design, TraitDesign
from genopheno.association.interaction.files import Table, write_summary
from genopheno.association.interaction.linear import LinearInteraction
from genopheno.association.interaction.logistic import LogisticInteraction
from genopheno.association.interaction.terms import Found, Terms
from genopheno.association.left_out import ALL_MISSING, MONOMORPHIC, RARE
from genopheno.association.ordered import in_order
from genopheno.association.projection import Space
from genopheno.association.scan import block_size
from genopheno.association.wgr import loco as predictions
from genopheno.genotypes import Genotypes
from genopheno.problems import fail

if TYPE_CHECKING:
    import pandas as pd

ROWS = 8_192  # variants of a piece of work, about
CONTIGS_HELD = 3  # contigs whose null models are kept
Model = LinearInteraction | LogisticInteraction


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
    rsids : variant_id, rsid; None: no identifiers.
    span : first variant and the one past the last; None: all.

    Returns
    -------
    What the JSON holds.

    Raises
    ------
    StageError : the genotypes are faulty, or the design has no such trait or covariate.
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
    known = predictions.read(loco, genotypes.samples) if loco else None
    asked = found[0].info["interactions"][covariate]
    reason = _reason(found[0], asked, known)
    scan = None
    if reason is None:
        try:
            scan = _Scan(genotypes, found[0], asked["terms"], known, min_allele_count, firth_below)
        except ValueError as error:
            reason = str(error)
    table = Table(genotypes, rsids, asked["terms"], found[0], covariate)
    left_out: dict[str, int] = {}
    n_variants = 0
    with table.writing(out) as write, ThreadPoolExecutor(threads) as pool:
        pieces = _pieces(genotypes, span) if scan else []

        def work(blocks: list[tuple[str, int, int]]):
            parts = [scan.block(*block) for block in blocks]
            genotypes.release(blocks[0][1], blocks[-1][2])
            finished = [table.rows(*part[:-1]) for part in parts]
            return finished, [part[-1] for part in parts], blocks[-1][2] - blocks[0][1]

        for finished, reasons, size in in_order(pool, work, pieces, threads + 1):
            write(pa.concat_tables(finished))
            n_variants += size
            for counts in reasons:
                for why, n in counts.items():
                    left_out[why] = left_out.get(why, 0) + n
    return write_summary(
        out,
        found[0],
        covariate,
        asked,
        reason=reason,
        n_variants=n_variants,
        left_out=left_out,
        parameters={"min_allele_count": min_allele_count, "firth_below": firth_below},
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


def _pieces(
    genotypes: Genotypes, span: tuple[int, int] | None
) -> Iterator[list[tuple[str, int, int]]]:
    """Blocks (contig, start, stop) of one contig each, about `ROWS` variants at a time."""
    low, high = span or (0, genotypes.n_variants)
    step = block_size(genotypes.n_samples)
    piece: list[tuple[str, int, int]] = []
    for contig, start, stop in genotypes.contigs():
        for first in range(start, stop, step):
            begin, end = max(first, low), min(first + step, stop, high)
            if begin >= end:
                continue
            piece.append((contig, begin, end))
            if end - piece[0][1] >= ROWS:
                yield piece
                piece = []
    if piece:
        yield piece


class _Scan:
    """Tests blocks of variants, with the null model of their contig."""

    def __init__(
        self,
        genotypes: Genotypes,
        trait: TraitDesign,
        terms: list[str],
        loco: predictions.Loco | None,
        min_allele_count: int,
        firth_below: float,
    ):
        self.genotypes, self.trait, self.loco = genotypes, trait, loco
        self.least, self.firth_below = max(1, min_allele_count), firth_below
        used = trait.used
        self.x = np.column_stack([np.ones(len(used)), np.where(used[:, None], trait.x, 0.0)])
        at = [trait.covariates.index(term) for term in terms]
        self.terms = Terms(trait.x[:, at], used)
        self.mask = mask_words(used)
        self.cases = mask_words(trait.y == 1) if trait.type == "binary" else None
        self.space = Space(self.x, used) if trait.type == "quantitative" else None
        self._models: OrderedDict[str | None, Model] = OrderedDict()
        self._lock = Lock()
        self.model(next(iter(genotypes.contigs()))[0])  # a trait without a null model says so

    def model(self, contig: str) -> Model:
        wgr = self.trait.model == WGR
        key = contig if wgr else None
        with self._lock:
            if key not in self._models:
                given = self.loco.of(self.trait.name, contig) if wgr else None
                self._models[key] = self._fit(given)
                if len(self._models) > CONTIGS_HELD:
                    self._models.popitem(last=False)
            return self._models[key]

    def _fit(self, given: np.ndarray | None) -> Model:
        y = self.trait.y
        if self.space is not None:
            return LinearInteraction(y if given is None else y - given, self.space, self.terms)
        return LogisticInteraction(
            y, self.x, self.trait.used, self.terms, firth_below=self.firth_below, given=given
        )

    def block(
        self, contig: str, start: int, stop: int
    ) -> tuple[np.ndarray, Found, np.ndarray, np.ndarray, np.ndarray | None, dict[str, int]]:
        """Indices of the variants that are tested, what was found, counts, and who is left out."""
        block = Block(self.genotypes, start, stop)
        counts = block.count(self.mask, self.trait.n)
        wanted = counts.minor >= self.least
        fewest = self.terms.fewest(block)
        rare = np.zeros_like(wanted) if fewest is None else wanted & (fewest < self.least)
        reasons = {
            ALL_MISSING: int((counts.called == 0).sum()),
            MONOMORPHIC: int(((counts.called > 0) & (counts.minor == 0)).sum()),
            RARE: int(((counts.minor > 0) & ~wanted).sum()),
            f"{RARE} at a level of the covariate": int(rare.sum()),
        }
        rows = np.flatnonzero(wanted & ~rare)
        found = self.model(contig).test(block, rows, counts.called[rows])
        cases = None
        if self.cases is not None:
            cases = block.count(self.cases, self.trait.n_cases).called[rows]
        frequency = counts.alleles[rows] / (2 * counts.called[rows])
        return start + rows, found, counts.called[rows], frequency, cases, reasons
