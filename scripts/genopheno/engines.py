"""Association by either engine on one design: the edge between two rooms that never meet."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from genopheno import fields
from genopheno.chromosomes import SexChromosomes
from genopheno.files import read_json, writing
from genopheno.genotypes import Genotypes
from genopheno.problems import fail
from genopheno.strata import Stratum

if TYPE_CHECKING:
    import pyarrow as pa

    from genopheno.association.design import Design
    from genopheno.association.parts import Part


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
    dosages: Path | None = None,
    chromosomes: Path | None = None,
    x_male_dosage: int = 2,
    interactions: Sequence[str] = (),
) -> None:
    """Write who is tested for which trait, with which numbers and by which model.

    `variants`, `dosages`, `chromosomes` and `x_male_dosage` are for `condition_on` alone.
    """
    from genopheno.association import build, condition
    from genopheno.association.choice import Chooser
    from genopheno.association.dosages import Dosages

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
        conditions = condition.dosages(
            opened,
            condition_on,
            named,
            imputed=Dosages.of(dosages, opened.samples) if dosages else None,
            chromosomes=SexChromosomes.read(chromosomes) if chromosomes else None,
            x_male_dosage=x_male_dosage,
        )
    design = build.design(
        fields.read(samples),
        fields.read(phenotypes),
        read_json(traits),
        fields.read(components) if components else None,
        n_components=n_components,
        relatives=relatives,
        choose=Chooser(model, opened, engine),
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
    part: str | None,
    chromosomes: Path | None,
    x_male_dosage: int,
    dosages: Path | None,
    min_imputation_quality: float,
    min_allele_count: int,
    firth_below: float,
    exact_firth_below: float,
    correction: Literal["firth", "spa"],
    threads: int,
    memory_mb: int,
) -> None:
    """Test every variant, or those of one part, against every trait of the design.

    Both engines read the numbers of the same ``design.parquet`` and leave the same files:
    ``{trait}.parquet``, ``{trait}.tsv.gz``, ``left_out/{trait}.parquet`` and ``scan.json``. A
    part has ``part.json`` in the place of that, and its folder appears when it is whole.
    """
    from genopheno.association import design as designs
    from genopheno.association import parts

    wanted = None
    if part is not None:
        wanted = parts.parse(part)
        inputs = {"design": design, "loco": loco, "variants": variants, "chromosomes": chromosomes}
        if dosages:
            inputs["dosages"] = dosages.with_name(f"{dosages.name}.pgen")
        wanted = replace(wanted, origin=parts.digests(genotypes, **inputs))
    made = designs.read(design)
    known = SexChromosomes.read(chromosomes) if chromosomes else None
    options = {
        "chromosomes": known,
        "min_allele_count": min_allele_count,
        "firth_below": firth_below,
        "threads": threads,
        "part": wanted,
    }
    with writing(out_dir) if wanted else nullcontext(out_dir) as folder:
        if engine == "hail":
            if correction == "spa":
                raise fail(
                    "correction-not-of-engine",
                    "association.correction",
                    "spa, and engine hail has Firth only",
                    "Set association.engine to numpy, or association.correction to firth",
                )
            if dosages is not None:
                raise fail(
                    "dosages-not-of-engine",
                    "association.dosages",
                    "engine hail tests hard calls only",
                    "Set association.engine to numpy, or association.dosages to null",
                )
            _through_hail(genotypes, made, design, cohort, folder, memory_mb, **options)
            return
        from genopheno.association import scan

        scan.run(
            genotypes,
            made,
            loco=loco,
            x_male_dosage=x_male_dosage,
            dosages=dosages,
            min_imputation_quality=min_imputation_quality,
            exact_firth_below=exact_firth_below,
            correction=correction,
            out_dir=folder,
            rsids=_rsids(variants),
            **options,
        )


def _rsids(variants: Path | None) -> pa.Table | None:
    """variant_id and rsid; None: there is no table of variants."""
    import pyarrow.parquet as pq

    # A data frame would import pandas, which the scan does without.
    return pq.ParquetFile(variants).read(["variant_id", "rsid"]) if variants else None


def _through_hail(
    prefix: Path,
    made: Design,
    design: Path,
    cohort: Path | None,
    out_dir: Path,
    memory_mb: int,
    *,
    chromosomes: SexChromosomes | None,
    min_allele_count: int,
    firth_below: float,
    threads: int,
    part: Part | None,
) -> None:
    if part and part.of > 1:
        raise fail(
            "part-not-of-engine",
            "--part",
            f"{part.number}/{part.of}, and engine hail scans all variants in one job",
            "Give 1/1, or no part; Spark shares out the work itself",
        )
    if cohort is None:
        raise fail("cohort-missing", "--cohort", "engine hail reads it", "Give the Hail matrix")
    import pyarrow as pa

    from genopheno.association import coding, left_out, parts, results, summary
    from genopheno.cohort import regression

    genotypes = Genotypes.open(prefix)
    chromosomes = coding.checked(chromosomes, genotypes.table)
    haploid = coding.haploid(chromosomes, genotypes.table)
    traits = {trait.name: trait for trait in made.aligned(genotypes.samples).traits}
    out_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".hail-") as scratch:
        found = regression.run(
            cohort,
            design,
            scratch,
            chromosomes=chromosomes,
            min_allele_count=min_allele_count,
            firth_below=firth_below,
            threads=threads,
            memory_mb=memory_mb,
        )
        for trait, frame in found:
            rest = left_out.beside_results(
                genotypes,
                traits[trait].used,
                pa.Table.from_pandas(frame[["variant_id", "converged"]], preserve_index=False),
                min_allele_count,
                haploid,
            )
            results.write_results(out_dir, trait, frame, rest)
    facts = summary.scan_facts(
        made,
        engine="hail",
        n_variants=genotypes.n_variants,
        parameters={"min_allele_count": min_allele_count, "firth_below": firth_below},
    )
    if part:
        parts.write(out_dir, part, 0, genotypes.n_variants, facts)
    else:
        summary.scan_summary(out_dir, facts)


def interact(
    *,
    genotypes: Path,
    design: Path,
    trait: str,
    covariate: str,
    out: Path,
    loco: Path | None,
    variants: Path | None,
    chromosomes: Path | None,
    x_male_dosage: int,
    dosages: Path | None,
    min_imputation_quality: float,
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
        chromosomes=SexChromosomes.read(chromosomes) if chromosomes else None,
        x_male_dosage=x_male_dosage,
        dosages=dosages,
        min_imputation_quality=min_imputation_quality,
        rsids=_rsids(variants),
    )
