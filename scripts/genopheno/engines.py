"""Association by either engine on one design: the edge between two rooms that never meet."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

from genopheno import fields
from genopheno.files import read_json
from genopheno.genotypes import Genotypes


def associate(
    *,
    engine: Literal["numpy", "hail"],
    genotypes: Path,
    samples: Path,
    phenotypes: Path,
    traits: Path,
    out_dir: Path,
    cohort: Path | None,
    variants: Path | None,
    components: Path | None,
    n_components: int,
    relatives: Literal["drop", "keep"],
    min_allele_count: int,
    firth_below: float,
    exact_firth_below: float,
    threads: int,
    memory_mb: int,
) -> None:
    """Make the design, write it, and test every variant against every trait of it.

    Both engines read the numbers of the same ``design.parquet`` and leave the same files:
    ``{trait}.parquet``, ``{trait}.tsv.gz`` and ``scan.json``.
    """
    from genopheno.association import design as designs

    design = designs.build(
        fields.read(samples),
        fields.read(phenotypes),
        read_json(traits),
        fields.read(components) if components else None,
        n_components=n_components,
        relatives=relatives,
    )
    design.write(out_dir / "design.parquet")
    if engine == "numpy":
        from genopheno.association import scan

        scan.run(
            genotypes,
            design,
            min_allele_count=min_allele_count,
            firth_below=firth_below,
            exact_firth_below=exact_firth_below,
            threads=threads,
            out_dir=out_dir,
            rsids=fields.read(variants, ["variant_id", "rsid"]) if variants else None,
        )
        return

    if cohort is None:
        from genopheno.problems import fail

        raise fail("cohort-missing", "--cohort", "engine hail reads it", "Give the Hail matrix")
    from genopheno.association import results
    from genopheno.cohort import regression

    n_variants = Genotypes.open(genotypes).n_variants
    left_out: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".hail-") as scratch:
        found = regression.run(
            cohort,
            out_dir / "design.parquet",
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
        design,
        engine="hail",
        n_variants=n_variants,
        left_out=left_out,
        parameters={"min_allele_count": min_allele_count, "firth_below": firth_below},
    )
