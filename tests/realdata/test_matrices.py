"""Genotype matrices of real cohorts are the genotypes of the VCF, read by another reader."""

import subprocess

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.annotation.consequences import Genes
from genopheno.annotation.sites import write_sites
from genopheno.matrices.build import matrices, read_dosages
from tests.unit.small_genome import query


def split(source, target):
    """One alternate allele per record, exact duplicates gone, as the street's calls are."""
    norm = ["bcftools", "norm"]
    with subprocess.Popen(
        [*norm, "-m", "-any", "-Ou", source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as first:
        subprocess.run(
            [*norm, "-d", "exact", "-Oz", "-o", target],
            stdin=first.stdout,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    assert first.returncode == 0
    subprocess.run(["bcftools", "index", "-t", target], check=True)
    return target


def tables(folder, vcf):
    """Cohort tables: every other sample, two of three variants."""
    write_sites(vcf, folder / "sites.parquet", genes=Genes(), databases=[])
    sites = fields.read(folder / "sites.parquet")
    variants = pd.DataFrame(
        {
            f.name: sites.get(f.name, 0.5 if f.type == "float64" else 1)
            for f in fields.TABLES["cohort_variants"]
        }
    )
    variants["passes"], variants["reasons"] = np.arange(len(sites)) % 3 > 0, ""
    fields.write(folder / "variants.parquet", variants, "cohort_variants")
    listed = subprocess.run(
        ["bcftools", "query", "-l", vcf], check=True, capture_output=True, text=True
    )
    keep = listed.stdout.split()[::2]
    people = pd.DataFrame(
        {f.name: 1 for f in fields.TABLES["cohort_samples"]}, index=range(len(keep))
    )
    people["sample"] = people["participant"] = keep[::-1]
    people["sex"], people["verdict"] = "unknown", "pass"
    fields.write(folder / "samples.parquet", people, "cohort_samples")
    pd.DataFrame({"participant": keep[:9], "trait": 1.0}).to_parquet(folder / "traits.parquet")
    return list(variants.loc[variants["passes"], "variant_id"]), keep


def dosage(genotype):
    alleles = genotype.replace("|", "/").split("/")
    return -1 if "." in alleles else sum(map(int, alleles))


@pytest.mark.parametrize(
    ("dataset", "file"),
    [
        ("kgp_chr21", "kgp_chr21.vcf.gz"),
        ("hail_sample_vcf", "sample.vcf.gz"),
        ("hail_sample_vcf", "x_chromosome.vcf.gz"),
        ("ashkenazi_trio_vcf", "*.vcf.gz"),
    ],
)
def test_round_trip(data, tmp_path, dataset, file):
    source = next(iter(sorted(data(dataset).glob(file))))
    vcf = split(source, tmp_path / "cohort.vcf.gz")
    passing, keep = tables(tmp_path, vcf)
    out = tmp_path / "out"
    counts = matrices(
        vcf,
        tmp_path / "samples.parquet",
        tmp_path / "variants.parquet",
        tmp_path / "sites.parquet",
        tmp_path / "traits.parquet",
        out,
    )
    assert counts["variants"] == len(passing)
    assert counts["participants_with_phenotypes"] == min(9, len(keep))
    samples, ids, found = read_dosages(out / "genotypes.parquet")
    assert (samples, ids) == (keep, passing)
    assert list(fields.read(out / "sites.parquet")["variant_id"]) == passing

    # The matrix against the VCF that went in, by bcftools.
    (tmp_path / "keep.txt").write_text("\n".join(keep) + "\n")
    cut = tmp_path / "cut.bcf"
    subprocess.run(
        ["bcftools", "view", "-S", tmp_path / "keep.txt", "-Ob", "-o", cut, vcf], check=True
    )
    subprocess.run(["bcftools", "index", cut], check=True)
    form = "%CHROM:%POS:%REF:%ALT %AC %AN[ %GT]\n"
    truth = {line.split(" ")[0]: line.split(" ")[1:] for line in query(cut, form)}
    expected = np.array([[dosage(g) for g in truth[v][2:]] for v in passing])
    assert np.array_equal(found, expected)
    # And the VCF that was written: the same genotypes, phase and all, and counts to match.
    written = [line.split(" ") for line in query(out / "annotated.vcf.gz", form)]
    assert [line[0] for line in written] == passing
    assert all(line[1:] == truth[line[0]] for line in written)
