"""Structure by either engine: the edge between the rooms `structure` and `cohort`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from genopheno.genotypes import Genotypes
from genopheno.problems import fail

if TYPE_CHECKING:
    import pandas as pd

    from genopheno.cohort.relatedness import Relatedness
    from genopheno.structure.components import Components


class HailStructure:
    """Engine of the stage `structure`: Hail's kinship and components, in the stage's own form.

    n_variants and ibs0 of the related pairs, which Hail does not give, are counted from the
    fileset.
    """

    name = "hail"

    def __init__(self, hail: Relatedness):
        self.hail = hail

    def pairs(self, genotypes: Genotypes, keep: np.ndarray) -> tuple[pd.DataFrame, int]:
        from genopheno.structure.kinship import MIN_KINSHIP, pair_table, shared_counts

        pairs, undefined = self.hail.king(genotypes.variants[keep], MIN_KINSHIP)
        both, ibs0 = shared_counts(genotypes, keep, pairs["i"].to_numpy(), pairs["j"].to_numpy())
        pairs.insert(2, "n_variants", both)
        pairs.insert(3, "ibs0", ibs0 / both)
        return pair_table(genotypes, pairs), undefined

    def components(
        self, genotypes: Genotypes, keep: np.ndarray, reference: np.ndarray, number: int
    ) -> Components:
        from genopheno.structure.components import Components, components, signs

        number = min(number, len(reference) - 1, int(keep.sum()))
        if number < 1:
            return components(genotypes, keep, reference, 0)  # nothing to compute
        variants = genotypes.variants[keep]
        found = self.hail.components(variants, reference, number)
        names = variants[["contig", "position", "other_allele", "effect_allele"]].astype(str)
        places = dict(zip(names.agg(":".join, axis=1), np.flatnonzero(keep), strict=True))
        table = found.loadings.assign(row=found.loadings["variant_id"].map(places))
        table = table.sort_values("row")
        # Hail's scores have the eigenvalue as their squared norm, ours have norm 1.
        size = np.sqrt(found.eigenvalues)
        scores = found.scores / size
        turn = signs(scores[reference])
        loadings = table.filter(regex=r"^l\d+$").to_numpy() / (size * np.sqrt(len(table)))
        return Components(
            scores * turn,
            found.eigenvalues,
            found.eigenvalues / found.total,
            table["row"].to_numpy(),
            table["frequency"].to_numpy(),
            loadings * turn,
            1 - found.total / len(reference) / found.eigenvalues,
            int(keep.sum()) - len(table),
        )


def structure(
    genotypes: Path,
    out_dir: Path,
    *,
    engine: Literal["numpy", "hail"],
    cohort: Path | None,
    threads: int,
    memory_mb: int,
    **options: Any,
) -> None:
    """Kinship, unrelated people, components and ancestry groups.

    Parameters
    ----------
    cohort : Hail matrix that `join` wrote with the fileset `genotypes`, for engine hail.
    options : of `genopheno.structure.run.run`.
    """
    from genopheno.structure.run import run

    if engine == "numpy":
        run(genotypes, out_dir, threads=threads, **options)
        return
    if cohort is None:
        raise fail("cohort-missing", "--cohort", "engine hail reads it", "Give the Hail matrix")
    from genopheno.cohort.relatedness import opened

    out_dir.mkdir(parents=True, exist_ok=True)
    samples = Genotypes.open(genotypes).samples
    with (
        tempfile.TemporaryDirectory(dir=out_dir, prefix=".hail-") as scratch,
        opened(
            cohort, samples, Path(scratch) / "tmp", threads=threads, memory_mb=memory_mb
        ) as hail,
    ):
        run(genotypes, out_dir, threads=threads, engine=HailStructure(hail), **options)
