"""The stage `structure`: kinship, the unrelated set and principal components, into files."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genopheno import fields
from genopheno.files import write_json
from genopheno.genotypes import Genotypes
from genopheno.problems import fail
from genopheno.structure.ancestry import Ancestry, ancestry, read_labels
from genopheno.structure.engine import Engine, NumPy
from genopheno.structure.groups import UNASSIGNED
from genopheno.structure.kinship import MIN_KINSHIP, relationship
from genopheno.structure.loadings import UNNAMED, write_loadings
from genopheno.structure.outliers import isolation
from genopheno.structure.pruning import prune
from genopheno.structure.unrelated import families, unrelated
from genopheno.structure.variants import APART, choose, independent

MIN_PEOPLE_LD = 50  # among fewer, correlations between variants are mostly noise (as plink2 says)


@dataclass(frozen=True)
class Pruning:
    """How variants are pruned; see `pruning.prune`. r2 1: not at all."""

    r2: float = 0.2
    window_kb: float = 1000
    window_variants: int | None = None


@dataclass(frozen=True)
class Panel:
    """Reference panel: fileset, TSV of labels, and what decides; see `ancestry.ancestry`."""

    prefix: Path
    labels: Path
    min_probability: float = 0.9
    components: int = 4
    min_shared_variants: int = 1000


def run(
    genotypes_prefix: str | Path,
    out_dir: str | Path,
    *,
    components: int,
    min_allele_frequency: float,
    max_kinship: float,
    pruning: Pruning = Pruning(),
    weights: Mapping[str, float] | None = None,
    prefer: Container[str] = (),
    min_independent_variants: int = 1000,
    max_isolation: float = 6,
    panel: Panel | None = None,
    build: str = UNNAMED,
    threads: int = 1,
    engine: Engine | None = None,
) -> dict[str, Any]:
    """Write what there is to know into `out_dir`.

    ``components.parquet``, ``loadings.parquet``, ``kinship.parquet``, ``samples.parquet``
    (table `structure_samples`) and ``structure.json``.

    Parameters
    ----------
    genotypes_prefix : PLINK fileset, without ``.bed``.
    components : principal components wanted.
    min_allele_frequency : variants below this minor allele frequency are not used.
    max_kinship : of pairs above this KING kinship, one leaves the unrelated set.
    pruning : of the variants for the components.
    weights : worth of keeping a sample in the unrelated set, where all else is equal.
    prefer : samples that stay in it wherever possible: cases, say.
    min_independent_variants : nobody is dropped if fewer variants than this remain 50 kb
        apart. In a short stretch of the genome strangers often share haplotypes, and
        kinship there says nothing about the people. On m independent variants the kinship of
        strangers has a standard deviation near 1/√m (0.031 at 1000 in HapMap 3, where 1 in
        10,000 pairs of strangers then passes for second-degree). 0: always drop.
    max_isolation : above this, a sample is flagged; see `outliers`.
    panel : of ancestry groups; None: there are none.
    build : name of the genome build, kept with the loadings.
    threads : they change no answer.
    engine : who computes kinship and components; None: NumPy.

    Returns
    -------
    What is in ``structure.json``.

    Raises
    ------
    StageError : there is no genotype, or no variant fit for use; or the panel does not fit.
    """
    genotypes, out_dir = Genotypes.open(genotypes_prefix), Path(out_dir)
    engine = engine or NumPy(threads)
    keep, left_out, frequency = choose(genotypes, min_allele_frequency)
    if not keep.any():
        reasons = ", ".join(f"{reason}: {n}" for reason, n in left_out.items() if n)
        raise fail(
            "structure-no-variants",
            genotypes_prefix,
            f"none of the {genotypes.n_variants} variants can be used ({reasons})",
            "Lower structure.min_allele_frequency, or look at why the variants are lost",
        )
    notes: list[str] = []
    pairs, undefined = engine.pairs(genotypes, keep)
    n_independent = independent(genotypes, keep)
    reliable = n_independent >= min_independent_variants
    dropped: list[tuple[str, str, float]] = []
    kept, family = genotypes.samples, [""] * genotypes.n_samples
    close = pairs[pairs["kinship"] > max_kinship]
    if reliable:
        columns = ["sample_1", "sample_2", "kinship"]
        close_pairs = list(close[columns].itertuples(index=False, name=None))
        kept, dropped = unrelated(kept, close_pairs, weights, prefer)
        family = families(genotypes.samples, pairs[columns].itertuples(index=False, name=None))
    else:
        notes.append(
            f"kinship rests on {n_independent} variants at least {APART // 1000} kb apart, fewer "
            f"than {min_independent_variants}: it shows shared stretches rather than relatives, "
            f"and nobody was dropped for it ({len(close)} pairs are above {max_kinship:g})"
        )
    if undefined:
        notes.append(f"{undefined} pairs have no kinship: one of the two is never heterozygous")

    within = set(kept)
    free = np.array([sample in within for sample in genotypes.samples])
    spaced, pruned = keep, pruning.r2 < 1
    if pruned and genotypes.n_samples < MIN_PEOPLE_LD:
        pruned = False
        notes.append(
            f"variants were not pruned: correlations among {genotypes.n_samples} people, fewer "
            f"than {MIN_PEOPLE_LD}, are mostly noise"
        )
    if pruned:
        spaced = prune(
            genotypes,
            keep,
            frequency,
            r2=pruning.r2,
            window_kb=pruning.window_kb,
            window_variants=pruning.window_variants,
            threads=threads,
        )
    left_out["correlated with another (components only)"] = int(keep.sum() - spaced.sum())
    result = engine.components(genotypes, spaced, np.flatnonzero(free), components)
    left_out["does not vary among the unrelated (components only)"] = result.n_constant
    computed = len(result.eigenvalues)
    if computed < components:
        notes.append(
            f"{computed} of {components} components: {int(free.sum())} unrelated samples and "
            f"{result.n_variants} variants have no more"
        )
    if not reliable:
        notes.append(
            "components of so short a stretch show its haplotypes besides ancestry; as covariates "
            "they can hide an association there"
        )

    groups = None
    if panel is not None:
        reference = Genotypes.open(panel.prefix)
        labels, lost = read_labels(panel.labels, reference.samples)
        groups = ancestry(
            genotypes,
            reference,
            labels,
            min_allele_frequency=min_allele_frequency,
            n_components=panel.components,
            min_probability=panel.min_probability,
            min_shared_variants=panel.min_shared_variants,
            ld_r2=pruning.r2,
            ld_window_kb=pruning.window_kb,
            threads=threads,
        )
        groups = replace(groups, facts=groups.facts | lost)
    alone = isolation(result.scores)
    with np.errstate(invalid="ignore"):
        outlier = alone > max_isolation

    summary = {
        "engine": engine.name,
        "n_samples": genotypes.n_samples,
        "n_unrelated": int(free.sum()),
        "n_variants_given": genotypes.n_variants,
        "n_variants": int(keep.sum()),
        "n_variants_components": result.n_variants,
        "n_variants_independent": n_independent,
        "variants_left_out": left_out,
        "min_allele_frequency": min_allele_frequency,
        "ld_pruned": pruned,
        "ld_r2": pruning.r2 if pruned else None,
        "build": build,
        "shrinkage": [float(v) for v in result.shrinkage],
        "n_families": len(set(family) - {""}),
        "n_preferred": sum(sample in prefer for sample in genotypes.samples),
        "n_preferred_dropped": sum(sample in prefer for sample, *_ in dropped),
        "max_isolation": max_isolation,
        "n_outliers": int(outlier.sum()),
        "ancestry": groups.facts if groups else None,
        "components_requested": components,
        "components": computed,
        "eigenvalues": [float(v) for v in result.eigenvalues],
        "variance_fraction": [float(v) for v in result.fraction],
        "min_kinship": MIN_KINSHIP,
        "max_kinship": max_kinship,
        "kinship_reliable": reliable,
        "n_pairs": len(pairs),
        "pairs_by_relationship": {
            str(k): int(v) for k, v in pairs["relationship"].value_counts().items()
        },
        "n_pairs_undefined": undefined,
        "relatives_dropped": [
            {
                "sample": sample,
                "relative": other,
                "kinship": float(value),
                "relationship": relationship(value),
            }
            for sample, other, value in dropped
        ],
        "notes": notes,
    }
    table = pd.DataFrame(
        {"sample": genotypes.samples, "unrelated": free, "scores": list(result.scores)}
    )
    fields.write(out_dir / "components.parquet", table, "components")
    write_loadings(out_dir / "loadings.parquet", genotypes, result, int(free.sum()), build)
    fields.write(out_dir / "kinship.parquet", pairs, "kinship")
    write_samples(
        out_dir / "samples.parquet", genotypes.samples, family, free, alone, outlier, groups
    )
    write_json(out_dir / "structure.json", summary)
    return summary


def write_samples(
    path: Path,
    samples: list[str],
    family: list[str],
    free: np.ndarray,
    alone: np.ndarray,
    outlier: np.ndarray,
    groups: Ancestry | None,
) -> None:
    """Write table `structure_samples`; the arrays are (samples,)."""
    reasons = [
        [f"{value:.1f} robust standard deviations from the nearest others"] if far else []
        for value, far in zip(alone, outlier, strict=True)
    ]
    table = pd.DataFrame(
        {
            "sample": samples,
            "family": [name or None for name in family],
            "unrelated": free,
            "group": None,
            "group_probability": np.nan,
            "isolation": alone,
            "outlier": outlier,
        }
    )
    extra = []
    if groups is not None:
        table["group"] = groups.group
        table["group_probability"] = groups.probability.max(axis=1)
        for name, values in zip(groups.names, groups.probability.T, strict=True):
            extra.append(fields.member("structure_samples", "probability_{group}", group=name))
            table[extra[-1].name] = values
        for said, why in zip(reasons, groups.reason, strict=True):
            if why:
                said.insert(0, f"{UNASSIGNED}: {why}")
    table["reasons"] = ["; ".join(said) for said in reasons]
    fields.write(path, table, "structure_samples", extra=extra)
