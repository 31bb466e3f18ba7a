"""Structure and association by either engine: the edge between rooms that never meet."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from genopheno import fields
from genopheno.files import read_json
from genopheno.genotypes import Genotypes
from genopheno.problems import fail

if TYPE_CHECKING:
    import pandas as pd

    from genopheno.cohort.relatedness import Relatedness
    from genopheno.structure.components import Components


def make_design(
    *,
    engine: Literal["numpy", "hail"],
    genotypes: Path,
    samples: Path,
    phenotypes: Path,
    traits: Path,
    components: Path | None,
    n_components: int,
    relatives: Literal["drop", "keep"],
    model: Literal["auto", "regression", "wgr", "lmm"],
    out: Path,
) -> None:
    """Write who is tested for which trait, with which numbers and by which model."""
    from genopheno.association import build
    from genopheno.association.choice import Chooser

    if engine == "hail":
        if model not in ("auto", "regression"):
            raise fail(
                "model-not-of-engine",
                "association.model",
                f"{model}, and engine hail has plain regression only",
                "Set association.engine to numpy, or association.model to regression",
            )
        model = "regression"
    design = build.design(
        fields.read(samples),
        fields.read(phenotypes),
        read_json(traits),
        fields.read(components) if components else None,
        n_components=n_components,
        relatives=relatives,
        choose=Chooser(model, Genotypes.open(genotypes)),
    )
    design.write(out)


def predict(
    *,
    genotypes: Path,
    design: Path,
    out: Path,
    regenie_dir: Path | None,
    block_size: int,
    min_allele_frequency: float,
    threads: int,
) -> None:
    """Step 1 of whole-genome regression for the traits of a design that ask for it."""
    from genopheno.association import design as designs
    from genopheno.association.wgr import fit

    made = designs.read(design)
    out.parent.mkdir(parents=True, exist_ok=True)
    loco = fit.run(
        genotypes,
        made,
        [trait.name for trait in made.fitted if trait.model == designs.WGR],
        block_size=block_size,
        min_allele_frequency=min_allele_frequency,
        threads=threads,
        scratch=out.parent,
    )
    loco.write(out)
    if regenie_dir:
        loco.write_regenie(regenie_dir, genotypes.with_name(f"{genotypes.name}.fam"))


def associate(
    *,
    engine: Literal["numpy", "hail"],
    genotypes: Path,
    design: Path,
    loco: Path | None,
    out_dir: Path,
    cohort: Path | None,
    variants: Path | None,
    min_allele_count: int,
    firth_below: float,
    exact_firth_below: float,
    correction: Literal["firth", "spa"],
    threads: int,
    memory_mb: int,
) -> None:
    """Test every variant against every trait of the design.

    Both engines read the numbers of the same ``design.parquet`` and leave the same files:
    ``{trait}.parquet``, ``{trait}.tsv.gz`` and ``scan.json``.
    """
    from genopheno.association import design as designs

    made = designs.read(design)
    if engine == "numpy":
        from genopheno.association import scan

        scan.run(
            genotypes,
            made,
            loco=loco,
            min_allele_count=min_allele_count,
            firth_below=firth_below,
            exact_firth_below=exact_firth_below,
            correction=correction,
            threads=threads,
            out_dir=out_dir,
            rsids=fields.read(variants, ["variant_id", "rsid"]) if variants else None,
        )
        return

    if correction == "spa":
        raise fail(
            "correction-not-of-engine",
            "association.correction",
            "spa, and engine hail has Firth only",
            "Set association.engine to numpy, or association.correction to firth",
        )
    if cohort is None:
        raise fail("cohort-missing", "--cohort", "engine hail reads it", "Give the Hail matrix")
    from genopheno.association import results
    from genopheno.cohort import regression

    n_variants = Genotypes.open(genotypes).n_variants
    left_out: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".hail-") as scratch:
        found = regression.run(
            cohort,
            design,
            scratch,
            min_allele_count=min_allele_count,
            firth_below=firth_below,
            threads=threads,
            memory_mb=memory_mb,
        )
        for trait, frame in found:
            results.write_results(out_dir, trait, frame)
            left_out[trait] = {"min allele count": n_variants - len(frame)}
    results.scan_summary(
        out_dir,
        made,
        engine="hail",
        n_variants=n_variants,
        left_out=left_out,
        parameters={"min_allele_count": min_allele_count, "firth_below": firth_below},
    )


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
