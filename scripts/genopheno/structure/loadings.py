"""The table of loadings, and new people on it: ``genopheno project``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genopheno import fields
from genopheno.files import write_json
from genopheno.genotypes import Genotypes
from genopheno.problems import fail
from genopheno.structure.components import Components
from genopheno.structure.projection import project, shared_variants

UNNAMED = "unnamed"  # a build that nobody named: nothing to compare


def write_loadings(
    path: str | Path, genotypes: Genotypes, result: Components, n_people: int, build: str
) -> None:
    """Write table `loadings`; its metadata say the build and what the axes are worth."""
    table = genotypes.variants.iloc[result.rows].reset_index(drop=True)
    table["frequency"] = result.frequency
    table["loadings"] = list(result.loadings)
    about = {
        "build": build,
        "n_people": n_people,
        "eigenvalues": result.eigenvalues.tolist(),
        "shrinkage": result.shrinkage.tolist(),
    }
    fields.write(path, table, "loadings", {"axes": json.dumps(about)})


def read_loadings(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Table `loadings` and what its metadata say.

    Raises
    ------
    StageError : it is not such a table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        fields.check_columns(table.column_names, "loadings")
        about = json.loads((table.schema.metadata or {})[b"axes"])
    except (pa.ArrowInvalid, KeyError, ValueError) as error:
        raise fail(
            "loadings-malformed",
            path,
            f"it is no table of loadings: {error}",
            "Give the loadings.parquet that 'genopheno structure' wrote",
        ) from None
    return table.to_pandas(), about


def project_batch(
    genotypes_prefix: str | Path,
    loadings_path: str | Path,
    output: str | Path,
    *,
    build: str = UNNAMED,
    min_shared: float = 0.8,
    min_called: float = 0.5,
) -> dict[str, Any]:
    """Write table `projected` and, beside it, a JSON of the same name with the counts.

    Parameters
    ----------
    genotypes_prefix : PLINK fileset of the new people, without ``.bed``.
    build : genome build of their positions.
    min_shared : fraction of the loadings' variants that the fileset must have.
    min_called : fraction of them that a person must have called to get scores.

    Returns
    -------
    What is in the JSON. ``shrinkage``: factor by which scores of new people are expected to
    be closer to 0 than those of the people who made the axes; the scores are not corrected.

    Raises
    ------
    StageError : the builds differ, or too few variants are shared.
    """
    genotypes = Genotypes.open(genotypes_prefix)
    table, about = read_loadings(loadings_path)
    if UNNAMED not in (build, about["build"]) and build != about["build"]:
        raise fail(
            "loadings-build",
            loadings_path,
            f"they are of build {about['build']}, the genotypes of {build}",
            "Bring the genotypes to the build of the loadings",
        )
    shared = shared_variants(genotypes.variants, table)
    part = len(shared) / len(table) if len(table) else 0.0
    if not len(shared) or part < min_shared:
        raise fail(
            "loadings-few-shared-variants" if len(shared) else "loadings-no-shared-variants",
            loadings_path,
            f"{len(shared)} of its {len(table)} variants are in {genotypes_prefix}; "
            f"{min_shared:.0%} are needed",
            "Are both of the same build? Else give genotypes with more of the variants",
        )
    axes = np.stack(table["loadings"]) if len(table) else np.zeros((0, 0))
    found = project(genotypes, shared, table["frequency"].to_numpy(), axes)
    unfit = found.called < min_called
    scores = [None if bad else row for bad, row in zip(unfit, found.scores, strict=True)]
    projected = pd.DataFrame(
        {"sample": genotypes.samples, "called": found.called, "scores": scores}
    )
    summary = {
        "loadings": str(loadings_path),
        "build": about["build"],
        "n_samples": genotypes.n_samples,
        "n_samples_too_few_called": int(unfit.sum()),
        "min_called": min_called,
        "n_variants_loadings": len(table),
        "n_variants_shared": len(shared),
        "n_variants_missing": len(table) - len(shared),
        "n_turned": shared.n_turned,
        "n_other_strand": shared.n_strand,
        "n_strand_unknown": shared.n_ambiguous,
        "shrinkage": about["shrinkage"],
    }
    output = Path(output)
    fields.write(output, projected, "projected")
    write_json(output.with_suffix(".json"), summary)
    return summary
