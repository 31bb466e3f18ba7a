"""The engine against published and peer answers: plink2, REGENIE, EPACTS, R."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.association import build, scan
from genopheno.association.dosages import Dosages
from genopheno.chromosomes import SexChromosomes
from genopheno.dosages.prepare import prepare
from genopheno.genotypes import Genotypes, write_bed


def to_bed(vcf: Path, out: Path) -> Path:
    """The VCF's genotypes, the alternate allele counted."""
    subprocess.run(
        ["plink2", "--vcf", vcf, "--double-id", "--max-alleles", "2", "--make-bed", "--out", out],
        check=True, capture_output=True,
    )  # fmt: skip
    bim = pd.read_csv(out.with_suffix(".bim"), sep="\t", header=None, dtype=str)
    bim[1] = bim[0] + ":" + bim[3] + ":" + bim[5] + ":" + bim[4] + ":" + bim.index.astype(str)
    bim.to_csv(out.with_suffix(".bim"), sep="\t", header=False, index=False)
    return out


def associate(
    prefix, phenotypes, traits, out, *, min_allele_count=1, firth=0.05, exact=1e-4, dosages=None
):
    """Scan; gives the table of each trait."""
    samples = Genotypes.open(prefix).samples
    table = pd.DataFrame({"sample": samples, "participant": samples})
    made = build.design(
        table, phenotypes, {"traits": traits}, None, n_components=0, relatives="keep"
    )
    scan.run(
        prefix,
        made,
        min_allele_count=min_allele_count,
        firth_below=firth,
        exact_firth_below=exact,
        threads=2,
        out_dir=out,
        dosages=dosages,
    )
    return {t["name"]: fields.read(out / f"{t['name']}.parquet") for t in traits}


def quantitative(names, covariates=()):
    return [{"name": n, "type": "quantitative", "covariates": list(covariates)} for n in names]


def read_people(path):
    return pd.read_csv(path, sep=r"\s+", dtype={"FID": str, "IID": str}).rename(
        columns={"IID": "participant"}
    )


def assert_as_plink2(ours: pd.DataFrame, plink: pd.DataFrame, tolerance=1e-6):
    """`plink` has BETA of A1, SE and P as printed, six significant digits."""
    assert len(ours) == len(plink)
    assert (ours.base_pair_location.to_numpy() == plink.POS.to_numpy()).all()
    assert (ours.n.to_numpy() == plink.OBS_CT.to_numpy()).all()
    sign = np.where(ours.effect_allele.to_numpy() == plink.A1.astype(str).to_numpy(), 1, -1)
    # Half a unit of the sixth digit is what printing takes away.
    np.testing.assert_allclose(ours.beta * sign, plink.BETA, rtol=5e-6, atol=tolerance)
    np.testing.assert_allclose(ours.standard_error, plink.SE, rtol=5e-6, atol=tolerance)
    np.testing.assert_allclose(10**-ours.neg_log10_p_value, plink.P, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("covariates", [(), ("V1", "V2", "V3")])
def test_regenie_example_against_plink2(data, tmp_path, covariates):
    folder = data("gwas_regenie")
    people = read_people(folder / "phenotype.txt").merge(
        read_people(folder / "covariates.txt").drop(columns="FID"), on="participant"
    )
    tables = associate(
        folder / "example", people, quantitative(["Y1", "Y2"], covariates), tmp_path / "out"
    )
    model = "V1_V2_V3" if covariates else "no_covariates"
    for trait in ("Y1", "Y2"):
        plink = pd.read_csv(folder / f"expected/plink2_ols_{model}_{trait}.tsv.gz", sep="\t")
        # The answers were made from the copy with letters: 1 became A, 2 became C.
        plink["A1"] = plink.A1.map({"A": "1", "C": "2"})
        assert len(plink) == 1000
        assert_as_plink2(tables[trait], plink)


@pytest.mark.parametrize("source", ["calls", "example.bgen", "example.pgen"])
def test_regenie_example_against_regenie(data, tmp_path, source):
    folder = data("gwas_regenie")
    people = read_people(folder / "phenotype.txt")
    dosages = None
    if source != "calls":
        file = tmp_path / source if source.endswith("bgen") else folder / source
        if file.parent == tmp_path:  # the names in the BGEN itself are FID_IID
            file.symlink_to(folder / source)
            file.with_suffix(".sample").symlink_to(folder / "example_3chr.sample")
        dosages = tmp_path / "dosages"
        prepare([file], folder / "example", dosages, chromosomes=SexChromosomes())
    tables = associate(
        folder / "example", people, quantitative(["Y1", "Y2"]), tmp_path / "out", dosages=dosages
    )
    for trait, ours in tables.items():
        regenie = pd.read_csv(folder / f"expected/quantitative_{trait}.regenie.gz", sep=r"\s+")
        # The BGEN has the counted allele first.
        turned = source == "example.bgen"
        allele = ours.other_allele if turned else ours.effect_allele
        assert (allele == regenie.ALLELE1.astype(str)).all()
        np.testing.assert_allclose(
            ours.beta * (-1 if turned else 1), regenie.BETA, rtol=0, atol=1e-6
        )
        frequency = ours.effect_allele_frequency
        np.testing.assert_allclose(
            1 - frequency if turned else frequency, regenie.A1FREQ, rtol=5e-6, atol=1e-6
        )
        assert (ours.n == regenie.N).all()


def test_saige_s_bgen_holds_the_calls_of_its_bed(data, tmp_path):
    """10,000 people in a BGEN without names, all of them in the order of the .fam."""
    folder = data("gwas_saige")
    calls = Genotypes.open(folder / "genotype_100markers")
    bgen = tmp_path / "g.bgen"
    bgen.symlink_to(folder / "genotype_100markers.bgen")
    lines = ["ID_1 ID_2 missing", "0 0 0", *(f"{name} {name} 0" for name in calls.samples)]
    bgen.with_suffix(".sample").write_text("\n".join(lines) + "\n")
    prepare([bgen], calls.prefix, tmp_path / "d", chromosomes=SexChromosomes())
    found = Dosages.of(tmp_path / "d", calls.samples)
    assert (found.table["effect_allele"].to_numpy() == calls.variants.effect_allele).all()
    np.testing.assert_array_equal(found.read(0, 100), calls.dosages(0, 100))


def test_lpa_against_plink2(data, tmp_path):
    folder = data("gwas_lpa_hg38")
    people = read_people(folder / "phenotype.txt")
    tables = associate(
        folder / "lpa", people, quantitative(["Y1", "Y2"]), tmp_path / "out", min_allele_count=5
    )
    for trait, ours in tables.items():
        plink = pd.read_csv(folder / f"expected/plink2_linear_mac5_{trait}.tsv.gz", sep="\t")
        assert len(plink) == 376
        assert set(ours.n) == {157}
        assert_as_plink2(ours, plink)


@pytest.fixture(scope="module")
def epacts(data, tmp_path_factory):
    folder = data("gwas_hail_epacts")
    work = tmp_path_factory.mktemp("epacts")
    prefix = to_bed(folder / "g1k_chr22_5snps.vcf.gz", work / "g")
    fam = pd.read_csv(folder / "samples.fam", sep=r"\s+", header=None, dtype=str)
    people = pd.DataFrame(
        {
            "participant": fam[1],
            "female": (fam[4] == "2").astype(float),
            "case": fam[5].map({"1": 0.0, "2": 1.0}),
        }
    ).merge(
        pd.read_csv(folder / "covariates.tsv", sep="\t").rename(columns={"IND_ID": "participant"})
    )
    expected = pd.read_csv(folder / "expected_wald_firth.tsv", sep="\t")
    return prefix, people, expected[expected.test == "logistic_firth"], work


CASE = [{"name": "case", "type": "binary", "covariates": ["female", "PC1", "PC2"]}]


def test_exact_firth_against_epacts(epacts):
    prefix, people, expected, work = epacts
    ours = associate(prefix, people, CASE, work / "exact", firth=1, exact=1)["case"]
    assert set(ours.test) == {"firth"}
    assert ours.converged.all()
    assert (ours.n == 2535).all()
    assert (ours.n_cases == 1228).all()
    assert (ours.effect_allele.to_numpy() == expected.alt.to_numpy()).all()
    # Relative, as the source of the answers has it.
    np.testing.assert_allclose(ours.beta, expected.beta, rtol=1e-4)
    np.testing.assert_allclose(10**-ours.neg_log10_p_value, expected.p_value, rtol=1e-4)


def test_approximate_firth_is_near_epacts(epacts):
    prefix, people, expected, work = epacts
    ours = associate(prefix, people, CASE, work / "near", firth=1, exact=0)["case"]
    assert set(ours.test) == {"firth-approximate"}
    np.testing.assert_allclose(ours.beta, expected.beta, rtol=5e-3)
    np.testing.assert_allclose(10**-ours.neg_log10_p_value, expected.p_value, rtol=5e-3)


def toy(folder: Path, kind: str, work: Path):
    stem = {"toy_quantitative": "regressionLinear", "toy_binary": "regressionLogistic"}[kind]
    prefix = to_bed(folder / kind / f"{stem}.vcf", work / kind)
    people = pd.read_csv(folder / kind / f"{stem}.pheno", sep="\t", dtype=str)
    people.columns = ["participant", "y"]
    people["y"] = pd.to_numeric(people.y.replace({"0": np.nan}), errors="coerce")
    covariates = pd.read_csv(folder / kind / f"{stem}.cov", sep="\t", dtype=str)
    covariates.columns = ["participant", *covariates.columns[1:]]
    people = people.merge(covariates, on="participant", how="left")
    for column in covariates.columns[1:]:
        people[column] = people[column].astype(float)
    return prefix, people, list(covariates.columns[1:])


def test_toy_variants_without_variation_give_no_estimate(data, tmp_path):
    folder = data("gwas_hail_epacts")
    prefix, people, covariates = toy(folder, "toy_quantitative", tmp_path)
    ours = associate(prefix, people, quantitative(["y"], covariates), tmp_path / "out")["y"]
    usable = ours[ours.converged].base_pair_location
    assert not set(usable) & {6, 7, 8, 9, 10}
    bad = ours[~ours.converged]
    assert bad[["beta", "standard_error", "neg_log10_p_value"]].isna().all(axis=None)


@pytest.mark.parametrize("covariates", [[], ["V1", "V2", "V3"]])
def test_firth_effects_against_plink2(data, tmp_path, covariates):
    """Missing genotypes, rare variants, missing phenotypes: every variant, same effect."""
    folder = data("gwas_regenie")
    rng = np.random.default_rng(5)
    source = Genotypes.open(folder / "example")
    dosages = source.dosages(0, source.n_variants, dtype=np.int8)
    dosages[::3][rng.random(dosages[::3].shape) < 0.03] = -1
    rare = dosages[1::10]
    rare[(rare > 0) & (rng.random(rare.shape) < 0.95)] = 0
    write_bed(tmp_path / "g", dosages, source.variants, source.samples)
    people = read_people(folder / "phenotype_bin_wNA.txt").merge(
        read_people(folder / "covariates.txt").drop(columns="FID"), on="participant"
    )
    out = people[["participant"]].rename(columns={"participant": "#IID"})
    out["case"] = people["Y1"].map({0.0: "1", 1.0: "2"}).fillna("NA")
    out.to_csv(tmp_path / "pheno.txt", sep="\t", index=False)
    people[["participant", "V1", "V2", "V3"]].rename(columns={"participant": "#IID"}).to_csv(
        tmp_path / "covar.txt", sep="\t", index=False
    )
    command = ["plink2", "--bfile", tmp_path / "g", "--pheno", tmp_path / "pheno.txt",
               "--out", tmp_path / "p"]  # fmt: skip
    if covariates:
        command += ["--glm", "firth", "hide-covar", "cols=+beta,-orbeta", "--covar"]
        command += [tmp_path / "covar.txt"]
    else:
        command += ["--glm", "firth", "allow-no-covars", "cols=+beta,-orbeta"]
    subprocess.run(command, check=True, capture_output=True)
    plink = pd.read_csv(tmp_path / "p.case.glm.firth", sep="\t").set_index("ID")
    trait = [{"name": "Y1", "type": "binary", "covariates": covariates}]
    ours = associate(tmp_path / "g", people, trait, tmp_path / "out", firth=1, exact=1)["Y1"]
    ours = ours.set_index(ours.variant_id)
    both = plink[plink.ERRCODE == "."].index.astype(str)
    plink.index = plink.index.astype(str)
    plink, ours = plink.loc[both], ours.loc[both]
    assert len(both) > 950
    assert ours.converged.all()
    assert (ours.n == plink.OBS_CT).all()
    sign = np.where(ours.effect_allele == plink.A1.astype(str), 1, -1)
    beta = np.log(plink.OR) if "OR" in plink else plink.BETA
    difference = np.abs(ours.beta * sign - beta)
    frequency = ours.effect_allele_frequency
    minor = np.minimum(frequency, 1 - frequency) * 2 * ours.n
    # plink2 ends its iteration at steps near 1e-3, which shows where there are few carriers;
    # for those an independent maximiser is the oracle (tests/unit/test_association_models.py).
    assert difference[minor > 19].max() < 1e-3
    assert difference[(minor > 4) & (minor < 20)].max() < 5e-3
    assert (minor < 20).sum() > 50
