"""Association by either engine on one design: the edge between two rooms that never meet."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from genopheno import fields
from genopheno.files import read_json
from genopheno.genotypes import Genotypes
from genopheno.problems import fail
from genopheno.strata import Stratum


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
    strata: Sequence[Stratum] = (),
    structure: Path | None = None,
    condition_on: Sequence[str] = (),
    variants: Path | None = None,
    interactions: Sequence[str] = (),
) -> None:
    """Write who is tested for which trait, with which numbers and by which model."""
    from genopheno.association import build, condition
    from genopheno.association.choice import Chooser

    if engine == "hail":
        if model not in ("auto", "regression"):
            raise fail(
                "model-not-of-engine",
                "association.model",
                f"{model}, and engine hail has plain regression only",
                "Set association.engine to numpy, or association.model to regression",
            )
        if condition_on:
            # It gives numbers to variants that their covariates determine.
            raise fail(
                "conditions-not-of-engine",
                "association.condition_on",
                f"{', '.join(condition_on)}, and engine hail has no conditional analysis",
                "Set association.engine to numpy, or association.condition_on to []",
            )
        if interactions:
            raise fail(
                "interactions-not-of-engine",
                "association.interactions",
                f"{', '.join(interactions)}, and engine hail has no interaction tests",
                "Set association.engine to numpy, or association.interactions to []",
            )
        model = "regression"
    opened = Genotypes.open(genotypes)
    conditions = None
    if condition_on:
        named = fields.read(variants, ["variant_id", "rsid"]) if variants else None
        conditions = condition.dosages(opened, condition_on, named)
    design = build.design(
        fields.read(samples),
        fields.read(phenotypes),
        read_json(traits),
        fields.read(components) if components else None,
        n_components=n_components,
        relatives=relatives,
        choose=Chooser(model, opened),
        strata=strata,
        structure=fields.read(structure) if structure else None,
        conditions=conditions,
        interactions=interactions,
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


def interact(
    *,
    genotypes: Path,
    design: Path,
    trait: str,
    covariate: str,
    out: Path,
    loco: Path | None,
    variants: Path | None,
    min_allele_count: int,
    firth_below: float,
    threads: int,
) -> None:
    """Test the interaction of every variant with one covariate on one trait of the design."""
    from genopheno.association import design as designs
    from genopheno.association.interaction import scan

    scan.run(
        genotypes,
        designs.read(design),
        trait,
        covariate,
        out=out,
        min_allele_count=min_allele_count,
        firth_below=firth_below,
        threads=threads,
        loco=loco,
        rsids=fields.read(variants, ["variant_id", "rsid"]) if variants else None,
    )
