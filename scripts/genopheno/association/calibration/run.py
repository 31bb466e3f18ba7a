"""Null traits through the models of the scan, counted by test and frequency.

A replicate is one null trait against the same random variants. The numbers depend on the
seed, not on threads, nor on which other nulls are made.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from genopheno.association.block import Block
from genopheno.association.calibration import plan
from genopheno.association.calibration.nulls import PERMUTED, POLYGENIC
from genopheno.association.calibration.plan import Series
from genopheno.association.calibration.tally import Tally, bins_of, judge
from genopheno.association.coding import Stretch
from genopheno.association.design import LMM, WGR, Design, TraitDesign
from genopheno.association.estimates import LINEAR, SCORE
from genopheno.association.logistic import Logistic
from genopheno.association.mixed import Relationship
from genopheno.association.projection import Projected
from genopheno.association.scan import block_size
from genopheno.association.tasks import Tasks
from genopheno.association.wgr import fit
from genopheno.association.wgr.loco import Loco
from genopheno.genotypes import Genotypes
from genopheno.problems import fail

GENOTYPES = 5e7  # people × variants up to which step 1 and mixed models are repeated in a run


@dataclass(frozen=True)
class Options:
    """How the scan tests, and how much is simulated.

    Attributes
    ----------
    replicates, variants : null traits per null; variants that each is tested with.
    case_fractions : of simulated binary traits.
    min_allele_count, firth_below, exact_firth_below, correction : as in the scan.
    block_size, min_allele_frequency : as in step 1.
    genotypes : people × variants up to which step 1 and mixed models are made.
    """

    replicates: int
    variants: int
    case_fractions: tuple[float, ...]
    seed: int
    min_allele_count: int
    firth_below: float
    exact_firth_below: float
    correction: Literal["firth", "spa"]
    block_size: int
    min_allele_frequency: float
    genotypes: float = GENOTYPES


def run(
    genotypes_prefix: str | Path,
    design: Design,
    options: Options,
    *,
    threads: int,
    scratch: str | Path,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[dict], dict]:
    """Type-I errors of the tests that a scan of `design` makes.

    Parameters
    ----------
    genotypes_prefix : PLINK fileset, the prefix of ``.bed``.
    threads : workers; set the linear algebra library to one thread.
    scratch : folder for step 1.
    progress : called with null traits done and null traits in all.

    Returns
    -------
    rows of the table ``calibration``, and what ``calibration.json`` says of the nulls.

    Raises
    ------
    StageError : the genotypes are faulty, or there is nothing to simulate.
    """
    genotypes = Genotypes.open(genotypes_prefix)
    design = design.aligned(genotypes.samples)
    n_contigs = len({name for name, _, _ in genotypes.contigs()})
    planned, skipped = plan.series(
        design,
        case_fractions=options.case_fractions,
        n_contigs=n_contigs,
        affordable=lambda trait, null: _dear(trait, null, genotypes.n_variants, options),
    )
    if not planned and not skipped:
        raise fail(
            "calibration-nothing",
            "design",
            "no trait can be fitted, so there is nothing to simulate",
            "Look at the traits' reasons in design.json",
        )
    done, total = 0, len(planned) * options.replicates
    relationships: dict[bytes, Relationship] = {}
    rows: list[dict] = []
    told: list[dict] = []
    with ThreadPoolExecutor(threads) as pool:
        for one in planned:
            try:
                work = _Series(genotypes, one, options, relationships, threads, scratch)
            except _Skipped as reason:
                skipped.append({"what": one.name, "reason": str(reason)})
                total -= options.replicates
                continue
            tallies: dict[str, Tally] = {}
            refused: list[str] = []
            for outcome in pool.map(work.replicate, range(options.replicates)):
                if isinstance(outcome, str):
                    refused.append(outcome)
                else:
                    place, found = outcome
                    for test, y in found.items():
                        tallies.setdefault(test, Tally()).add(y, place)
                done += 1
                if progress:
                    progress(done, total)
            if refused:
                what = f"{one.name}, {len(refused)} of {options.replicates} replicates"
                skipped.append({"what": what, "reason": refused[0]})
            for test, tally in tallies.items():
                said = {
                    "null": one.null,
                    "model": one.trait.model,
                    "test": test,
                    "trait": one.trait.name,
                    "type": one.type,
                    "case_fraction": one.observed_case_fraction,
                    "n": one.trait.n,
                }
                rows += [said | row for row in tally.rows()]
                told.append(
                    said
                    | {
                        "replicates": tally.replicates,
                        "n_variants": work.n_variants,
                        "n_not_converged": tally.failed,
                        "lambda_gc": tally.lambda_gc,
                        "quantiles": tally.quantiles(),
                    }
                )
    judge(rows)
    return rows, {"parameters": asdict(options), "skipped": skipped, "nulls": told}


def _dear(trait: TraitDesign, null: str, n_variants: int, options: Options) -> str | None:
    """Why nulls of a trait's people are not made: they would take longer than the scan itself."""
    size = trait.n * n_variants
    if trait.model == WGR and null == PERMUTED:
        size *= options.replicates  # covariates move with the trait: nothing is shared
    if trait.model in (LMM, WGR) and size > options.genotypes:
        times = f" × {options.replicates} replicates" if size > trait.n * n_variants else ""
        return (
            f"too dear for every run: {trait.n} people × {n_variants} variants{times}, and the "
            f"limit is {options.genotypes:g} (genopheno calibrate --max-genotypes)"
        )
    return None


class _Skipped(ValueError):
    """A null cannot be made."""


class _Series:
    """One null: its variants in memory, its traits, and what step 1 predicts of them."""

    def __init__(
        self,
        genotypes: Genotypes,
        series: Series,
        options: Options,
        relationships: dict[bytes, Relationship],
        threads: int,
        scratch: str | Path,
    ):
        self.series, self.options, self.relationships = series, options, relationships
        used = series.trait.used
        contigs = None
        if series.null == POLYGENIC:
            contigs = {name for name, _, _ in genotypes.contigs()} - plan.causal_contigs(genotypes)
        rows = plan.pick(
            genotypes,
            used,
            options.variants,
            options.seed,
            min_count=options.min_allele_count,
            contigs=contigs,
        )
        if not rows.size:
            raise _Skipped(f"no variant has {options.min_allele_count} minor alleles")
        self.genotypes = plan.subset(genotypes, rows)
        self.n_variants = len(rows)
        self.traits = self._draw(genotypes)
        self.loco: Loco | None = None
        if series.trait.model == WGR:
            self.loco = fit.run(
                genotypes.prefix,
                Design(genotypes.samples, self.traits),
                [trait.name for trait in self.traits],
                block_size=options.block_size,
                min_allele_frequency=options.min_allele_frequency,
                threads=threads,
                scratch=scratch,
            )
        if series.trait.model == LMM and used.tobytes() not in relationships:
            try:
                relationships[used.tobytes()] = Relationship(genotypes, used, threads)
            except ValueError as error:
                raise _Skipped(str(error)) from None

    def _draw(self, genotypes: Genotypes) -> list[TraitDesign]:
        name, seed = self.series.name, self.options.seed
        rngs = [
            np.random.default_rng([seed, zlib.crc32(name.encode()), replicate])
            for replicate in range(self.options.replicates)
        ]
        genetic: np.ndarray | list[None] = [None] * len(rngs)
        if self.series.null == POLYGENIC:
            found = plan.genetic_values(genotypes, self.series.trait.used, seed, rngs)
            if found is None:
                raise _Skipped("no common variant on the contigs that the trait would come from")
            genetic = found
        return [self.series.draw(f"{name}:{i}", rng, genetic[i]) for i, rng in enumerate(rngs)]

    def replicate(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]] | str:
        """Bin of each variant and -log10 p (variants,) by test; or why there is none."""
        options, trait = self.options, self.traits[index]
        if trait.type == "binary" and min(trait.n_cases, trait.n_controls) < 2:
            return f"{trait.n_cases} cases and {trait.n_controls} controls were drawn"
        tasks = Tasks(
            self.genotypes,
            Design(self.genotypes.samples, [trait]),
            list(dict.fromkeys(name for name, _, _ in self.genotypes.contigs())),
            loco=self.loco,
            firth_below=options.firth_below,
            exact_firth_below=options.exact_firth_below,
            correction=options.correction,
            threads=1,
            relationships=self.relationships,
        )
        if not tasks.traits:
            return str(trait.reason)
        places, parts = [], []
        size = block_size(self.genotypes.n_samples)
        for contig, start, stop in self.genotypes.contigs():
            (task,) = tasks.of(Stretch(contig, start, stop))
            for first in range(start, stop, size):
                block = Block(self.genotypes, first, min(first + size, stop))
                projected = Projected(task.space, block)
                counts = projected.counts
                wanted = counts.minor >= max(1, options.min_allele_count)
                found = {}
                if isinstance(task.model, Logistic):
                    plain = task.test(block, projected, np.zeros_like(wanted))
                    found[SCORE] = plain.neg_log10_p[wanted]
                    final = options.correction
                else:
                    final = LMM if trait.model == LMM else LINEAR
                found[final] = task.test(block, projected, wanted).neg_log10_p[wanted]
                places.append(bins_of(counts.minor[wanted], counts.called[wanted]))
                parts.append(found)
        joined = {test: np.concatenate([part[test] for part in parts]) for test in parts[0]}
        return np.concatenate(places), joined
