"""Conditional analysis, strata and interactions against plink2 on REGENIE's example."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from genopheno import engines, fields
from genopheno.association import design, scan
from genopheno.association.interaction import scan as interaction
from genopheno.genotypes import Genotypes, write_bed
from genopheno.strata import Stratum


@pytest.fixture(scope="module")
def example(data, tmp_path_factory):
    """REGENIE's 500 people and the first 300 variants with holes, as files of the stages.

    The quantitative trait and a binary one, two covariates, and a site.
    """
    source = Genotypes.open(data("gwas_regenie") / "example")
    folder = tmp_path_factory.mktemp("example")
    rng = np.random.default_rng(3)
    dosages = source.dosages(0, 300, dtype=np.int8).copy()
    dosages[::2][rng.random(dosages[::2].shape) < 0.02] = -1
    variants = source.variants[:300].copy()
    variants["effect_allele"], variants["other_allele"] = "A", "G"
    variants["variant_id"] = [f"1:{p}:G:A" for p in variants.position]
    write_bed(folder / "g", dosages, variants, source.samples)

    def people(name):
        frame = pd.read_csv(data("gwas_regenie") / name, sep=r"\s+", dtype={"FID": str, "IID": str})
        return frame.drop(columns="FID").rename(columns={"IID": "participant"})

    table = people("phenotype.txt")[["participant", "Y1"]].merge(
        people("phenotype_bin.txt")[["participant", "Y1"]].rename(columns={"Y1": "B1"})
    )
    table = table.merge(people("covariates.txt")[["participant", "V1", "V2"]])
    table["site"] = np.where(rng.random(len(table)) < 0.6, "oslo", "lima")
    table["sex"] = "unknown"
    table.to_parquet(folder / "phenotypes.parquet")
    table.rename(columns={"participant": "sample"})[["sample"]].assign(
        participant=table.participant
    ).to_parquet(folder / "samples.parquet")
    traits = [
        {"name": "Y1", "type": "quantitative", "covariates": ["V1", "V2"]},
        {"name": "B1", "type": "binary", "covariates": ["V1", "V2"]},
    ]
    (folder / "traits.json").write_text(json.dumps({"traits": traits}))
    plink = table.rename(columns={"participant": "IID"}).assign(B1=table.B1 + 1)
    plink.to_csv(folder / "people.tsv", sep="\t", index=False)
    (folder / "oslo.txt").write_text("#IID\n" + "\n".join(plink.IID[plink.site == "oslo"]) + "\n")
    return folder


CONDITIONS = ["1:10:G:A", "1:101:G:A"]  # the second has holes


def plink2(example, out, *words):
    """Its result table; the covariates are V1 and V2."""
    subprocess.run(
        ["plink2", "--bfile", example / "g", "--pheno", example / "people.tsv",
         "--covar", example / "people.tsv", "--covar-name", "V1,V2", "--out", out, *words],
        check=True, capture_output=True,
    )  # fmt: skip
    (path,) = out.parent.glob(f"{out.name}.*.glm.*")
    return pd.read_csv(path, sep="\t", dtype={"A1": str})


def designed(example, out, **more):
    engines.make_design(
        engine="numpy",
        genotypes=example / "g",
        samples=example / "samples.parquet",
        phenotypes=example / "phenotypes.parquet",
        traits=example / "traits.json",
        components=None,
        n_components=0,
        relatives="keep",
        model="regression",
        out=out / "design.parquet",
        **more,
    )
    return design.read(out / "design.parquet")


def assert_equal(found, told, tolerance):
    """Within the tolerance, a number or one for each."""
    away = np.abs(np.asarray(found, float) - told) / np.maximum(tolerance, 1e-300)
    assert np.nanmax(away) <= 1, f"{np.nanmax(away)} times the tolerance"
    assert not np.isnan(away).any()


def test_conditional_analysis_and_strata(example, tmp_path):
    oslo = Stratum("oslo", {"site": ("oslo",)})
    made = designed(example, tmp_path, condition_on=CONDITIONS, strata=[oslo])
    scan.run(
        example / "g", made, min_allele_count=1, firth_below=0.05, exact_firth_below=1e-4,
        threads=1, out_dir=tmp_path,
    )  # fmt: skip
    (tmp_path / "conditions.txt").write_text("\n".join(CONDITIONS) + "\n")
    words = ["--pheno-name", "Y1", "--glm", "hide-covar", "--condition-list"]
    for trait, keep in (("Y1", ()), ("Y1.oslo", ("--keep", example / "oslo.txt"))):
        told = plink2(example, tmp_path / "p", *words, tmp_path / "conditions.txt", *keep)
        told = told.set_index("ID").loc[lambda t: t.A1 == "A"]
        ours = fields.read(tmp_path / f"{trait}.parquet").set_index("variant_id").loc[told.index]
        np.testing.assert_array_equal(ours.n, told.OBS_CT)
        fitted = told.BETA.notna() & ours.converged
        assert not ours.converged[CONDITIONS].any()
        assert told.BETA[CONDITIONS].isna().all()
        assert fitted.sum() > 250
        ours, told = ours[fitted], told[fitted]
        assert_equal((ours.beta - told.BETA) / told.SE, 0, 1e-5)
        assert_equal(ours.standard_error / told.SE, 1, 1e-5)
        assert_equal(10**-ours.neg_log10_p_value / told.P, 1, 1e-4)
    summary = json.loads((tmp_path / "scan.json").read_text())
    left = {t["name"]: t["samples_left_out"] for t in summary["traits"]}
    assert set(left["Y1"]) == {"genotype of 1:101:G:A missing"}
    assert set(left["Y1.oslo"]) == {"not in the stratum", "genotype of 1:101:G:A missing"}
    assert [t["stratum"] for t in summary["traits"]] == [None, None, "oslo", "oslo"]


@pytest.mark.parametrize("trait", ["Y1", "B1"])
def test_interactions(example, tmp_path, trait):
    made = designed(example, tmp_path, interactions=["V1"])
    interaction.run(
        example / "g", made, trait, "V1", out=tmp_path / "i.parquet", min_allele_count=10,
        firth_below=0, threads=1,
    )  # fmt: skip
    told = plink2(
        example, tmp_path / "p", "--pheno-name", trait, "--glm", "interaction", "no-firth",
        "--parameters", "1-4", "--tests", "1,4", "--mac", "10",
    )  # fmt: skip
    tests = {name: part.set_index("ID") for name, part in told.groupby("TEST")}
    effect = tests["ADD"][tests["ADD"].A1 == "A"]
    ours = fields.read(tmp_path / "i.parquet").set_index("variant_id").loc[effect.index]
    good = ours.converged & effect.ERRCODE.eq(".")
    assert good.sum() > 200
    ours, effect = ours[good], effect[good]
    product, both = (tests[name].loc[ours.index] for name in ("ADDxV1", "USER_2DF"))
    np.testing.assert_array_equal(ours.n, effect.OBS_CT)
    for name, part in (("", effect), (":V1", product)):
        if trait == "Y1":
            digits, beta, error = 2e-5, part.BETA, part.SE
        else:
            # Where genotypes are missing plink2 2.00a3 ends its logistic fits a step early: the
            # first such error here is 0.238429, and statsmodels', as ours, 0.238856.
            digits = np.where(part.OBS_CT == 500, 5e-5, 5e-3)
            beta, error = np.log(part.OR), part["LOG(OR)_SE"]
        assert_equal((ours[f"beta{name}"] - beta) / error, 0, digits)
        assert_equal(ours[f"standard_error{name}"] / error, 1, digits)
        assert_equal(10 ** -ours[f"neg_log10_p_value{name}"] / part.P, 1, digits * 10)
    # The statistics: plink2 counts one degree of freedom more for P, and takes Wald's for an F.
    if trait == "Y1":
        joint = stats.f.sf(both.T_OR_F_STAT, 2, both.OBS_CT - 5)
        assert_equal(10**-ours.neg_log10_p_value_joint / joint, 1, 1e-4)
    else:
        joint = stats.chi2.sf(2 * both.Z_OR_F_STAT, 2)
        digits = np.where(both.OBS_CT == 500, 1e-4, 0.05)
        assert_equal(10**-ours.neg_log10_p_value_joint / joint, 1, digits)
