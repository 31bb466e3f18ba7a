"""Step 1 for every trait of a design: blocks, levels 0 and 1, and the predictions."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from genopheno.association import firth, small
from genopheno.association.design import Design, TraitDesign
from genopheno.association.logistic import fit_null
from genopheno.association.wgr import level0, level1
from genopheno.association.wgr.blocks import (
    FOLDS,
    GenomeBlock,
    People,
    cut,
    split,
    standardised,
)
from genopheno.association.wgr.loco import Loco
from genopheno.chromosomes import autosomal
from genopheno.genotypes import Genotypes

MEASURED = 0.8  # share of the people with all covariates that must have the trait to share them
ON_DISK = 2**28  # bytes of level 0 predictions of a group of traits beyond which they go to disk
PEOPLE_PER_FOLD = 2


@dataclass
class _Trait:
    """A trait in the order of its `People`, those without it included.

    Attributes
    ----------
    known : (n,) bool, has the trait.
    y : (n,) freed of the covariates, variance 1 over the degrees of freedom; 0 where not known.
    scale : standard deviation that was divided out.
    cases : (known,) 0 or 1; None: quantitative. offset : (known,) log odds of the covariates.
    """

    design: TraitDesign
    people: People
    known: np.ndarray
    y: np.ndarray
    scale: float
    cases: np.ndarray | None = None
    offset: np.ndarray | None = None
    notices: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.design.name

    @property
    def slices(self) -> list[slice]:
        """Those who have the trait, fold by fold."""
        ends = np.concatenate([[0], np.cumsum(self.known)])[self.people.bounds]
        return [slice(a, b) for a, b in pairwise(ends)]


class NotFitted(ValueError):
    """Step 1 cannot be done for a trait."""


def run(
    genotypes_prefix: str | Path,
    design: Design,
    traits: Sequence[str],
    *,
    block_size: int,
    min_allele_frequency: float,
    threads: int,
    scratch: str | Path,
    progress: Callable[[int, int], None] | None = None,
) -> Loco:
    """Leave-one-chromosome-out predictions of `traits`.

    Parameters
    ----------
    genotypes_prefix : PLINK fileset, the prefix of ``.bed``.
    design : its samples must be among those of the genotypes. Traits that have a reason
        not to be fitted are passed over.
    block_size : variants per block, at most.
    min_allele_frequency : of the variants used, among the people of a trait.
    threads : workers; set the linear algebra library to one thread.
    scratch : folder for level 0 predictions that are too large for memory.
    progress : called with blocks done and blocks in all, group of traits by group.

    Raises
    ------
    StageError : the genotypes are faulty or do not fit the design.
    """
    genotypes = Genotypes.open(genotypes_prefix)
    design = design.aligned(genotypes.samples)
    groups: dict[tuple[bytes, bytes, bytes], list[_Trait]] = {}
    people: dict[tuple[bytes, bytes, bytes], People] = {}
    entries: dict[str, dict] = {}
    predictions: dict[str, dict[str | None, np.ndarray]] = {}
    for trait in design.fitted:
        if trait.name not in traits:
            continue
        try:
            key, prepared = _prepare(trait, people)
            groups.setdefault(key, []).append(prepared)
        except NotFitted as error:
            entries[trait.name] = {"name": trait.name, "n": trait.n, "reason": str(error)}
    with ThreadPoolExecutor(threads) as pool:
        for group in groups.values():
            blocks, left_out = cut(
                genotypes,
                group[0].people.used,
                size=block_size,
                min_allele_frequency=min_allele_frequency,
            )
            with _level0(genotypes, group, blocks, pool, scratch, progress) as stacked:
                done = pool.map(lambda t, s, b=blocks: _finish(t, s, b), group, stacked)
                for trait, (found, entry) in zip(group, done, strict=True):
                    entries[trait.name] = entry | {"variants_left_out": left_out}
                    if found is not None:
                        predictions[trait.name] = _spread(found, trait, genotypes.n_samples)
    order = [t.name for t in design.traits]
    notices = []
    contigs = np.array(list(dict.fromkeys(name for name, _, _ in genotypes.contigs())))
    if autosomal(contigs).sum() == 1:
        notices.append(
            "all variants of step 1 are on one chromosome: with it left out nothing is left to "
            "predict from, and the predictions are 0"
        )
    info = {
        "parameters": {
            "block_size": block_size,
            "min_allele_frequency": min_allele_frequency,
            "folds": FOLDS,
            "heritabilities": list(level0.HERITABILITIES),
        },
        "notices": notices,
        "traits": [entries[name] for name in order if name in entries],
    }
    kept = {name: predictions[name] for name in order if name in predictions}
    return Loco(genotypes.samples, kept, info)


def _prepare(trait: TraitDesign, shared: dict) -> tuple[tuple, _Trait]:
    """The trait, freed of its covariates; `shared` holds the `People` made so far."""
    whole = trait.complete if trait.n >= MEASURED * trait.complete.sum() else trait.used
    x = np.column_stack([np.ones(len(whole)), np.where(whole[:, None], trait.x, 0.0)])
    binary = trait.type == "binary"
    folds, notice = split(trait.y[whole], binary, trait.info.get("n_related", 0) > 0)
    if np.bincount(folds[trait.used[whole]], minlength=FOLDS).min() < PEOPLE_PER_FOLD:
        raise NotFitted(f"too few people for step 1: {trait.n}")
    key = whole.tobytes(), x.tobytes(), folds.tobytes()
    people = shared.get(key) or shared.setdefault(key, People(whole, x, folds))
    known = trait.used[people.index]
    values, index = trait.y[people.index[known]], people.index[known]
    basis = people.basis if known.all() else small.orthonormal(x[index])
    free = values - values.mean()
    for _ in range(2):  # the second time for the rounding of the first
        free = free - basis @ (basis.T @ free)
    scale = float(np.linalg.norm(free) / np.sqrt(len(values) - people.k))
    y = np.zeros(people.n)
    y[known] = free / scale
    out = _Trait(trait, people, known, y, scale, notices=[notice] if notice else [])
    if not known.all():
        out.notices.append(
            f"{people.n - len(values)} people without the trait stand at its mean in step 1"
        )
    if binary:
        eta, converged = fit_null(basis, values)
        if not converged:
            eta, converged = firth.covariates_only(basis, values)
        if not converged:
            raise NotFitted("the model of the covariates alone does not converge")
        out.cases, out.offset, out.scale = values, eta, 1.0
    return key, out


@contextmanager
def _level0(
    genotypes: Genotypes,
    group: list[_Trait],
    blocks: list[GenomeBlock],
    pool: ThreadPoolExecutor,
    scratch: str | Path,
    progress: Callable[[int, int], None] | None,
) -> Iterator[list[np.ndarray]]:
    """Level 0 predictions (blocks x heritabilities, known) of each trait of a group."""
    people = group[0].people
    each = len(level0.HERITABILITIES)
    known = [trait.known for trait in group]
    shapes = [(len(blocks) * each, int(there.sum())) for there in known]
    lambdas = level0.shrinkage(sum(len(block.rows) for block in blocks))
    traits = [trait.y for trait in group]
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".level0-") as folder:
        if sum(rows * columns for rows, columns in shapes) * 8 > ON_DISK:
            stacked = [
                np.memmap(Path(folder, str(i)), np.float64, "w+", shape=shape)
                for i, shape in enumerate(shapes)
            ]
        else:
            stacked = [np.empty(shape) for shape in shapes]

        def work(at: int) -> None:
            block = standardised(genotypes, blocks[at].rows, people)
            found = level0.predictions(block, people, traits, known, lambdas)
            for whole, values in zip(stacked, found, strict=True):
                whole[at * each : (at + 1) * each] = values

        for done, _ in enumerate(pool.map(work, range(len(blocks))), 1):
            if progress:
                progress(done, len(blocks))
        yield stacked
        stacked.clear()


def _finish(
    trait: _Trait, stacked: np.ndarray, blocks: list[GenomeBlock]
) -> tuple[dict[str | None, np.ndarray] | None, dict]:
    """Predictions (n,) in units of the trait by left-out contig, and the entry of the JSON."""
    entry = {
        "name": trait.name,
        "n": trait.design.n,
        "n_variants": sum(len(block.rows) for block in blocks),
        "n_blocks": len(blocks),
        "scale": trait.scale,
        "notices": trait.notices,
        "reason": None,
    }
    if not blocks:
        return None, entry | {"reason": "no variant is left for step 1"}
    slices, n = trait.slices, trait.design.n
    try:
        if trait.cases is None:
            joined = level1.linear(stacked, trait.y[trait.known], slices)
        else:
            joined = level1.logistic_ridge(stacked, trait.cases, trait.offset, slices)
    except level1.NotConverged as error:
        return None, entry | {"reason": str(error)}
    entry["heritability"] = level0.HERITABILITIES[joined.chosen]
    entry["losses"] = [float(loss) for loss in joined.losses]
    each = len(level0.HERITABILITIES)
    parts: dict[str, np.ndarray] = {}
    for i, block in enumerate(blocks):
        columns = slice(i * each, (i + 1) * each)
        part = parts.setdefault(block.contig, np.zeros(n))
        for beta, fold in zip(joined.beta, slices, strict=True):
            part[fold] += beta[columns] @ stacked[columns, fold]
    nothing = np.zeros(n)
    # Summed, not taken off the whole: with one contig the rest is 0 and not rounding.
    return {
        out: sum((part for contig, part in parts.items() if contig != out), nothing) * trait.scale
        for out in (*parts, None)
    }, entry


def _spread(
    found: dict[str | None, np.ndarray], trait: _Trait, n_samples: int
) -> dict[str | None, np.ndarray]:
    """Predictions in the order of the samples; NaN for those not used."""
    out = {}
    for contig, values in found.items():
        out[contig] = np.full(n_samples, np.nan)
        out[contig][trait.people.index[trait.known]] = values
    return out
