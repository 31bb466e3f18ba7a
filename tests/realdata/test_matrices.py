"""Matrices of real cohorts hold what other tools read and count in the same VCF."""

import csv
import json
import subprocess

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from genopheno import calls, fields
from genopheno.matrices.build import matrices
from genopheno.vcf import samples_of
from tests import cohort_tables
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


def texts(folder):
    """Samples, and per variant its genotypes as VCF writes them, from the genotype table."""
    table = pq.read_table(folder / "genotypes.parquet")
    samples = json.loads(table.schema.metadata[b"samples"])
    shape = (table.num_rows, len(samples))
    codes = calls.codes(table["dosages"].combine_chunks().flatten().to_numpy().reshape(shape))
    exact = table["calls"].combine_chunks()
    there = exact.is_valid().to_numpy(zero_copy_only=False)
    codes[there] = exact.drop_null().flatten().to_numpy().reshape(-1, len(samples))
    words = np.array(calls.TEXT)[codes]
    return samples, dict(zip(table["variant_id"].to_pylist(), words.tolist(), strict=True))


@pytest.mark.parametrize(
    ("dataset", "file"),
    [
        ("kgp_chr21", "kgp_chr21.vcf.gz"),
        ("hail_sample_vcf", "sample.vcf.gz"),
        ("hail_sample_vcf", "x_chromosome.vcf.gz"),
        ("ashkenazi_trio_vcf", "*.vcf.gz"),
    ],
)
def test_genotypes_as_bcftools_prints_them(data, tmp_path, dataset, file):
    """Every other sample, two of three variants: phase, missing and half calls and all."""
    source = next(iter(sorted(data(dataset).glob(file))))
    vcf = split(source, tmp_path / "cohort.vcf.gz")
    keep = samples_of(vcf)[::2]
    n = len(query(vcf, "%POS\n"))
    passing = cohort_tables.write(tmp_path, vcf, keep[::-1], np.arange(n) % 3 > 0)
    counts = matrices(**cohort_tables.inputs(tmp_path, vcf))
    out = tmp_path / "out"
    assert (counts["variants"], counts["records"]) == (len(passing), n)
    samples, found = texts(out)
    assert (samples, list(found)) == (keep, passing)
    assert list(fields.read(out / "sites.parquet")["variant_id"]) == passing

    (tmp_path / "keep.txt").write_text("\n".join(keep) + "\n")
    cut = tmp_path / "cut.bcf"
    subprocess.run(
        ["bcftools", "view", "-S", tmp_path / "keep.txt", "-Ob", "-o", cut, vcf], check=True
    )
    subprocess.run(["bcftools", "index", cut], check=True)
    form = "%CHROM:%POS:%REF:%ALT %AC %AN[ %GT]\n"
    truth = {line.split(" ")[0]: line.split(" ")[1:] for line in query(cut, form)}
    assert all(found[name] == truth[name][2:] for name in passing)
    # And the VCF that was written: the same genotypes, and counts to match.
    written = [line.split(" ") for line in query(out / "annotated.vcf.gz", form)]
    assert [line[0] for line in written] == passing
    assert all(line[1:] == truth[line[0]] for line in written)


def one_copy(source, target, men):
    """The calls of these samples made haploid: of each, the first allele."""
    lines = subprocess.run(
        ["bcftools", "view", source], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    header = next(line for line in lines if line.startswith("#CHROM")).split("\t")
    columns = [header.index(name) for name in men]
    out = []
    for line in lines:
        cells = line.split("\t")
        if not line.startswith("#"):
            for at in columns:
                cells[at] = cells[at][0] + cells[at][3:]
        out.append("\t".join(cells))
    text = "\n".join(out) + "\n"
    subprocess.run(["bcftools", "view", "-Oz", "-o", target], input=text.encode(), check=True)
    subprocess.run(["bcftools", "index", "-t", target], check=True)
    return target


def labels(path):
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


@pytest.fixture(scope="module")
def mixed(data, tmp_path_factory):
    """2,504 people, men haploid as on X; sites with counts by sex and super-population."""
    folder = tmp_path_factory.mktemp("mixed")
    people = labels(data("kgp_chr21") / "samples.tsv")
    sexes = {p["sample"]: p["sex"] for p in people}
    men = [sample for sample, told in sexes.items() if told == "male"]
    vcf = one_copy(data("kgp_chr21") / "kgp_chr21.vcf.gz", folder / "cohort.vcf.gz", men)
    cohort_tables.write(folder, vcf, list(sexes), sex=sexes)
    told = pd.DataFrame(
        {"participant": [f"p-{s}" for s in sexes], "region": [p["superpopulation"] for p in people]}
    )
    told.to_parquet(folder / "phenotypes.parquet")
    matrices(**cohort_tables.inputs(folder, vcf), groups=["region"], with_vcf=False)
    regions = {p["sample"]: p["superpopulation"] for p in people}
    return vcf, fields.read(folder / "out" / "sites.parquet"), sexes, regions


def test_haploid_calls_survive(mixed):
    vcf = mixed[0]
    _, found = texts(vcf.parent / "out")
    printed = [line.split(" ") for line in query(vcf, "%CHROM:%POS:%REF:%ALT[ %GT]\n")]
    assert all(found[name] == words for name, *words in printed)
    assert {len(word) for words in found.values() for word in words} == {1, 3}


def test_counts_by_group_are_bcftools_own(mixed, tmp_path):
    vcf, sites, sexes, regions = mixed
    lines = [f"{s}\tsex_{sexes[s]},region_{regions[s]}" for s in sexes]
    (tmp_path / "groups.txt").write_text("\n".join(lines) + "\n")
    tagged = tmp_path / "tagged.bcf"
    tags = ["--", "-t", "AN,AC,AF,AC_Hom,AC_Hemi", "-S", tmp_path / "groups.txt"]
    subprocess.run(
        ["bcftools", "+fill-tags", vcf, "-Ob", "-o", tagged, *tags],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    names = ["", *sorted({f"_sex_{s}" for s in sexes.values()})]
    names += sorted({f"_region_{r}" for r in regions.values()})
    assert len(names) == 8
    form = " ".join(f"%AC{n} %AN{n} %AC_Hom{n} %AC_Hemi{n}" for n in names)
    truth = np.array([line.split(" ") for line in query(tagged, f"{form}\n")], int)
    for number, name in enumerate(names):
        count, alleles, homozygous, haploid = truth[:, 4 * number : 4 * number + 4].T
        assert np.array_equal(sites[f"allele_count{name}"], count)
        assert np.array_equal(sites[f"allele_number{name}"], alleles)
        # bcftools counts alleles in homozygotes; a haploid call is a homozygote here.
        assert np.array_equal(sites[f"n_hom_alt{name}"], homozygous // 2 + haploid)


def test_hardy_weinberg_and_counts_are_plink2_s(data, tmp_path):
    """hail_sample_vcf has missing calls; kgp_chr7_eas 504 people at 27,443 variants."""
    for number, (dataset, file) in enumerate(
        [("hail_sample_vcf", "sample.vcf.gz"), ("kgp_chr7_eas", "kgp_chr7_eas.vcf.gz")]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        vcf = data(dataset) / file
        cohort_tables.write(folder, vcf, samples_of(vcf))
        matrices(**cohort_tables.inputs(folder, vcf), with_vcf=False)
        sites = fields.read(folder / "out" / "sites.parquet")
        subprocess.run(
            [
                *("plink2", "--vcf", vcf, "--double-id", "--vcf-half-call", "missing"),
                *("--set-all-var-ids", "@:#:$r:$a", "--new-id-max-allele-len", "500"),
                *("--freq", "--geno-counts", "--hardy", "midp", "--missing", "variant-only"),
                *("--out", folder / "peer"),
            ],
            check=True,
            capture_output=True,
        )

        def peer(ending, folder=folder):
            return pd.read_csv(folder / f"peer.{ending}", sep="\t").reset_index(drop=True)

        frequencies, genotypes, hardy = peer("afreq"), peer("gcount"), peer("hardy")
        assert list(frequencies["ID"]) == list(sites["variant_id"])
        assert np.array_equal(frequencies["OBS_CT"], sites["allele_number"])
        assert np.allclose(
            frequencies["ALT_FREQS"], sites["allele_frequency"], rtol=1e-5, atol=1e-12
        )
        assert np.array_equal(genotypes["HOM_REF_CT"], sites["n_hom_ref"])
        assert np.array_equal(genotypes["HET_REF_ALT_CTS"], sites["n_het"])
        assert np.array_equal(genotypes["TWO_ALT_GENO_CTS"], sites["n_hom_alt"])
        assert np.allclose(1 - peer("vmiss")["F_MISS"], sites["call_rate"], rtol=1e-5)
        assert list(hardy["ID"]) == list(sites["variant_id"])
        # plink2 prints six digits.
        assert np.allclose(hardy["MIDP"], sites["hwe_p_value"], rtol=1e-5, atol=1e-300)
