"""What is simulated: which nulls for which models of the scan, and which variants are tested."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from genopheno.association.block import Counts, code_bits, count_bits, mask_words
from genopheno.association.calibration.nulls import (
    PERMUTED,
    POLYGENIC,
    SIMULATED,
    permuted,
    simulated,
)
from genopheno.association.design import LMM, REGRESSION, WGR, Design, TraitDesign
from genopheno.chromosomes import autosomal
from genopheno.genotypes import MAGIC, Genotypes

TYPES = ("quantitative", "binary")
FEWEST = 5  # cases (or controls) to be expected of a simulated trait
CAUSAL = 1000  # variants with an effect on a polygenic trait
COMMON = 0.01  # minor allele frequency of these


@dataclass(frozen=True)
class Series:
    """One null, replicated.

    Attributes
    ----------
    null : of `nulls.NULLS`.
    trait : the trait that is permuted, or whose people and covariates are used.
    case_fraction : asked for, of a simulated binary trait; None: quantitative, or permuted.
    """

    null: str
    trait: TraitDesign
    case_fraction: float | None = None

    @property
    def name(self) -> str:
        """No two series of a plan have the same, and seeds are made of it."""
        share = "" if self.case_fraction is None else f":{self.case_fraction:g}"
        return f"{self.null}:{self.trait.model}:{self.trait.name}{share}"

    @property
    def type(self) -> str:
        if self.null == PERMUTED:
            return self.trait.type
        return "quantitative" if self.case_fraction is None else "binary"

    @property
    def observed_case_fraction(self) -> float | None:
        """Share of cases that its traits have or are drawn with."""
        if self.null == PERMUTED and self.type == "binary":
            return self.trait.n_cases / self.trait.n
        return self.case_fraction

    def draw(
        self, name: str, rng: np.random.Generator, genetic: np.ndarray | None = None
    ) -> TraitDesign:
        """One null trait."""
        if self.null == PERMUTED:
            return permuted(self.trait, name, rng)
        return simulated(self.trait, name, self.case_fraction, rng, genetic)


def series(
    design: Design,
    *,
    case_fractions: tuple[float, ...],
    n_contigs: int,
    affordable: Callable[[TraitDesign, str], str | None],
) -> tuple[list[Series], list[dict]]:
    """The nulls for the models that a scan of `design` uses, and what is skipped and why.

    Every trait is permuted. For each model, simulated traits have the people and covariates
    of its trait with the most people, quantitative and binary where the scan has such; with
    relatives among the people, or a model for relatives, polygenic ones too.

    Parameters
    ----------
    n_contigs : polygenic traits ask for two.
    affordable : why a null of a trait's people would take too long, or None.
    """
    made: list[Series] = []
    skipped: list[dict] = []

    def add(one: Series, reason: str | None) -> None:
        if reason is None:
            made.append(one)
        else:
            skipped.append({"what": one.name, "reason": reason})

    traits = [trait for trait in design.fitted if trait.type in TYPES]
    skipped += [
        {"what": f"{PERMUTED}:{trait.model}:{trait.name}", "reason": f"the trait is {trait.type}"}
        for trait in design.fitted
        if trait.type not in TYPES
    ]
    for trait in traits:
        add(Series(PERMUTED, trait), affordable(trait, PERMUTED))
    for model in (REGRESSION, LMM, WGR):
        own = [trait for trait in traits if trait.model == model]
        if not own:
            continue
        frame = max(own, key=lambda trait: trait.n)
        kinship = model != REGRESSION or any(t.info.get("n_related", 0) for t in own)
        shares: list[float | None] = []
        if any(trait.type == "quantitative" for trait in own):
            shares.append(None)
        if any(trait.type == "binary" for trait in own):
            shares += case_fractions
        for null in (SIMULATED, POLYGENIC) if kinship else (SIMULATED,):
            for share in shares:
                reason = affordable(frame, null)
                if share is not None and min(share, 1 - share) * frame.n < FEWEST:
                    reason = f"too few cases or controls: {share:g} of {frame.n} people"
                elif null == POLYGENIC and n_contigs < 2:
                    reason = (
                        "all variants are on one contig: none would be left that has nothing "
                        "to do with the trait"
                    )
                add(Series(null, frame, share), reason)
    return made, skipped


def causal_contigs(genotypes: Genotypes) -> set[str]:
    """Every other contig, in the order of the file: those that polygenic traits come from."""
    names = list(dict.fromkeys(name for name, _, _ in genotypes.contigs()))
    return set(names[1::2])


def pick(
    genotypes: Genotypes,
    used: np.ndarray,
    size: int,
    seed: int,
    *,
    min_count: float = 1,
    min_frequency: float = 0.0,
    contigs: set[str] | None = None,
) -> np.ndarray:
    """At most `size` variants of the autosomes drawn at random, in the order of the file.

    Parameters
    ----------
    used : (samples,) bool; the counts are of these people.
    min_count, min_frequency : of the rarer allele.
    contigs : only of these; None: of all.
    """
    mask, n = mask_words(used), int(used.sum())
    order = np.random.default_rng(seed).permutation(genotypes.n_variants)
    runs = genotypes.contigs()
    autosome = autosomal(np.array([name for name, _, _ in runs]))
    inside = np.zeros(genotypes.n_variants, dtype=bool)
    for (name, start, stop), there in zip(runs, autosome, strict=True):
        inside[start:stop] = there and (contigs is None or name in contigs)
    order = order[inside[order]]
    found = np.empty(0, dtype=np.int64)
    # Most draws will do, so few more than are wanted are looked at.
    for at in range(0, len(order), 2 * size):
        rows = np.sort(order[at : at + 2 * size])
        counts = _counts(genotypes, rows, mask, n)
        good = (counts.minor >= max(1, min_count)) & (
            counts.minor >= min_frequency * 2 * counts.called
        )
        found = np.concatenate([found, rows[good]])
        if len(found) >= size:
            break
    return np.sort(np.random.default_rng(seed).permutation(found)[:size])


def _counts(genotypes: Genotypes, rows: np.ndarray, mask: np.ndarray, n: int) -> Counts:
    packed = np.concatenate([genotypes.packed(row, row + 1) for row in rows])
    return count_bits(code_bits(packed), mask, n)


def subset(genotypes: Genotypes, rows: np.ndarray) -> Genotypes:
    """The variants `rows` in memory, for all samples, as a fileset of their own."""
    packed = np.concatenate([genotypes.packed(row, row + 1) for row in rows])
    held = mmap.mmap(-1, len(MAGIC) + packed.nbytes)
    held.write(MAGIC + packed.tobytes())
    table = genotypes.table.take(pa.array(rows))
    return Genotypes(genotypes.prefix, genotypes.samples, genotypes.sex, table, held)


def genetic_values(
    genotypes: Genotypes, used: np.ndarray, seed: int, rngs: list[np.random.Generator]
) -> np.ndarray | None:
    """Heritable parts (replicates, samples) from variants of the causal contigs; None: no variant.

    Effects are drawn per replicate for variants in standard units, so that each explains as
    much; missing genotypes count as the mean.
    """
    rows = pick(
        genotypes,
        used,
        CAUSAL,
        seed,
        min_frequency=COMMON,
        contigs=causal_contigs(genotypes),
    )
    if not rows.size:
        return None
    effects = np.stack([rng.normal(size=len(rows)) for rng in rngs])
    values = np.zeros((len(rngs), genotypes.n_samples))
    for at in range(0, len(rows), 128):
        dosage = genotypes.decode_rows(rows[at : at + 128], (2, np.nan, 1, 0), np.float64)
        mean = np.nanmean(dosage[:, used], axis=1, keepdims=True)
        dosage = np.where(np.isnan(dosage), 0.0, dosage - mean)
        spread = dosage[:, used].std(1, keepdims=True)
        values += effects[:, at : at + 128] @ (dosage / np.where(spread > 0, spread, 1.0))
    return values
