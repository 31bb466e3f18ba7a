"""The stage `structure`: kinship, the unrelated set and principal components, into files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genopheno import fields
from genopheno.files import write_json
from genopheno.genotypes import Genotypes
from genopheno.problems import fail
from genopheno.structure.components import components as principal_components
from genopheno.structure.kinship import MIN_KINSHIP, related_pairs, relationship
from genopheno.structure.unrelated import unrelated
from genopheno.structure.variants import APART, choose, independent


def run(
    genotypes_prefix: str | Path,
    out_dir: str | Path,
    *,
    components: int,
    min_allele_frequency: float,
    max_kinship: float,
    weights: Mapping[str, float] | None = None,
    min_independent_variants: int = 1000,
) -> dict[str, Any]:
    """Write ``components.parquet``, ``kinship.parquet`` and ``structure.json`` into `out_dir`.

    Parameters
    ----------
    genotypes_prefix : PLINK fileset, without ``.bed``.
    components : principal components wanted.
    min_allele_frequency : variants below this minor allele frequency are not used.
    max_kinship : of pairs above this KING kinship, one leaves the unrelated set.
    weights : worth of keeping a sample in the unrelated set.
    min_independent_variants : nobody is dropped if fewer variants than this remain 50 kb
        apart. In a short stretch of the genome strangers often share haplotypes, and
        kinship there says nothing about the people. On m independent variants the kinship of
        strangers has a standard deviation near 1/√m (0.031 at 1000 in HapMap 3, where 1 in
        10,000 pairs of strangers then passes for second-degree). 0: always drop.

    Returns
    -------
    What is in ``structure.json``.

    Raises
    ------
    StageError : there is no genotype, or no variant fit for use.
    """
    genotypes, out_dir = Genotypes.open(genotypes_prefix), Path(out_dir)
    keep, left_out, _ = choose(genotypes, min_allele_frequency)
    if not keep.any():
        reasons = ", ".join(f"{reason}: {n}" for reason, n in left_out.items() if n)
        raise fail(
            "structure-no-variants",
            genotypes_prefix,
            f"none of the {genotypes.n_variants} variants can be used ({reasons})",
            "Lower structure.min_allele_frequency, or look at why the variants are lost",
        )
    notes: list[str] = []
    pairs, undefined = related_pairs(genotypes, keep)
    n_independent = independent(genotypes, keep)
    reliable = n_independent >= min_independent_variants
    dropped: list[tuple[str, str, float]] = []
    kept = genotypes.samples
    close = pairs[pairs["kinship"] > max_kinship]
    if reliable:
        columns = ["sample_1", "sample_2", "kinship"]
        kept, dropped = unrelated(kept, close[columns].itertuples(index=False, name=None), weights)
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
    result = principal_components(genotypes, keep, np.flatnonzero(free), components)
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

    summary = {
        "n_samples": genotypes.n_samples,
        "n_unrelated": int(free.sum()),
        "n_variants_given": genotypes.n_variants,
        "n_variants": int(keep.sum()),
        "n_variants_components": result.n_variants,
        "n_variants_independent": n_independent,
        "variants_left_out": left_out,
        "min_allele_frequency": min_allele_frequency,
        "ld_pruned": False,
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
    fields.write(out_dir / "kinship.parquet", pairs, "kinship")
    write_json(out_dir / "structure.json", summary)
    return summary
