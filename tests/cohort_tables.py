"""What the stage `matrices` reads, made from a VCF by another reader (cyvcf2)."""

from __future__ import annotations

from pathlib import Path

import cyvcf2
import numpy as np
import pandas as pd

from genopheno import fields


def counts(genotypes: np.ndarray) -> dict[str, int]:
    """Counts of one variant as the cohort has them: a call with a missing allele is none.

    genotypes : (samples, ploidy), -1 missing, -2 the end of a haploid call.
    """
    called = ~(genotypes == -1).any(axis=1)
    alternate, alleles = (genotypes > 0).sum(axis=1), (genotypes >= 0).sum(axis=1)
    return {
        "called": int(called.sum()),
        "allele_count": int(alternate[called].sum()),
        "allele_number": int(alleles[called].sum()),
        "n_hom_ref": int((alternate == 0)[called].sum()),
        "n_het": int(((alternate == 1) & (alleles == 2))[called].sum()),
        "n_hom_alt": int(((alternate == alleles) & (alternate > 0))[called].sum()),
    }


def write(
    folder: Path,
    vcf: Path,
    keep: list[str],
    passes: np.ndarray | None = None,
    sex: dict[str, str] | None = None,
    min_quality: int = 0,
) -> list[str]:
    """Write sites, variants, samples and phenotypes (Parquet) into `folder`.

    Parameters
    ----------
    keep : samples of the cohort. passes : (records,) bool; None: all with two alleles.
    sex : of samples; others are unknown. min_quality : of GQ, below which no call counts.

    Returns
    -------
    variant_id of those that pass, in the order of the VCF.
    """
    reader = cyvcf2.VCF(str(vcf))
    chosen = [reader.samples.index(name) for name in keep]
    sites, variants = [], []
    for record in reader:
        alternate = ",".join(record.ALT)
        site = {
            "variant_id": f"{record.CHROM}:{record.POS}:{record.REF}:{alternate}",
            "contig": record.CHROM,
            "position": record.POS,
            "reference": record.REF,
            "alternate": alternate,
        }
        genotypes = record.genotype.array()[chosen, :-1]
        if min_quality:
            quality = record.format("GQ")[chosen, 0]
            poor = (quality >= 0) & (quality < min_quality)
            genotypes[poor] = np.where(genotypes[poor] == -2, -2, -1)
        counted = counts(genotypes)
        called = counted.pop("called")
        number = counted["allele_number"]
        frequency = counted["allele_count"] / number if number else np.nan
        rate = {"call_rate": called / len(keep), "allele_frequency": frequency}
        sites.append(site | {"rsid": record.ID, "quality": record.QUAL})
        variants.append(site | counted | rate | {"passes": len(record.ALT) == 1})
    site_table, variant_table = pd.DataFrame(sites), pd.DataFrame(variants)
    if passes is not None:
        variant_table["passes"] = passes
    for table, frame in (("sites", site_table), ("cohort_variants", variant_table)):
        for name in fields.names(table):
            if name not in frame:
                frame[name] = None
    variant_table["reasons"] = ""
    fields.write(folder / "sites.parquet", site_table, "sites")
    fields.write(folder / "variants.parquet", variant_table, "cohort_variants")
    people = pd.DataFrame({f.name: 1 for f in fields.TABLES["cohort_samples"]}, index=keep)
    people["sample"], people["participant"] = keep, [f"p-{name}" for name in keep]
    people["sex"] = [(sex or {}).get(name, "unknown") for name in keep]
    people["verdict"] = "pass"
    fields.write(folder / "samples.parquet", people, "cohort_samples")
    phenotypes = people[["participant", "sex"]][:9].assign(trait=1.0)
    phenotypes.to_parquet(folder / "phenotypes.parquet", index=False)
    return list(variant_table.loc[variant_table["passes"], "variant_id"])


def inputs(folder: Path, vcf: Path) -> dict[str, Path]:
    """The files of `write`, by the names that `genopheno.matrices.build.matrices` gives them."""
    return {
        "annotated_vcf": vcf,
        "cohort_samples_parquet": folder / "samples.parquet",
        "cohort_variants_parquet": folder / "variants.parquet",
        "sites_parquet": folder / "sites.parquet",
        "phenotypes_parquet": folder / "phenotypes.parquet",
        "out_dir": folder / "out",
    }
