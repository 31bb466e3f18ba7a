"""Signals on real haplotypes (504 people, 1 Mb) with planted causes: clumps, selection, sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.association import build, scan
from genopheno.genotypes import Genotypes
from genopheno.signals import conditional
from genopheno.signals.run import run
from genopheno.tools import run as tool

OPTIONS = {"p_value": 5e-8, "r2": 0.1, "kb": 500.0, "coverage": 0.95}
COVARIATES = ["age", "height"]


@dataclass(frozen=True)
class Cohort:
    prefix: Path
    genotypes: Genotypes
    dosage: np.ndarray
    causes: list[int]
    people: pd.DataFrame


def plant(dosage: np.ndarray, position: np.ndarray, rng: np.random.Generator) -> list[int]:
    """Two common variants, 50 to 300 kb from each other, hardly correlated."""
    frequency = dosage.mean(1) / 2
    common = np.flatnonzero((frequency > 0.1) & (frequency < 0.9))
    while True:
        a, b = sorted(rng.choice(common, 2, replace=False))
        near = 50_000 < position[b] - position[a] < 300_000
        if near and np.corrcoef(dosage[a], dosage[b])[0, 1] ** 2 < 0.05:
            return [int(a), int(b)]


@pytest.fixture(scope="module")
def cohort(data, tmp_path_factory):
    """The scan of a quantitative and a binary trait, 1.5 % of the genotypes missing in a third
    of the variants."""
    folder = tmp_path_factory.mktemp("signals")
    vcf = data("kgp_chr7_eas") / "kgp_chr7_eas.vcf.gz"
    plink2 = ("plink2", "--threads", 1, "--silent")
    tool([*plink2, "--vcf", vcf, "--mac", 5, "--set-all-var-ids", "@:#:$r:$a",
          "--new-id-max-allele-len", 99, "missing", "--rm-dup", "exclude-all", "--make-bed",
          "--out", folder / "g"])  # fmt: skip
    genotypes = Genotypes.open(folder / "g")
    dosage = genotypes.dosages(0, genotypes.n_variants, dtype=np.float64)
    rng = np.random.default_rng(5)
    causes = plant(dosage, genotypes.variants["position"].to_numpy(), rng)
    n = genotypes.n_samples
    people = pd.DataFrame({"participant": genotypes.samples, "sex": "unknown"})
    people[COVARIATES] = rng.normal(size=(n, 2))
    score = dosage[causes[0]] - 0.9 * dosage[causes[1]]
    people["level"] = score + 0.5 * people["age"] + rng.normal(scale=1.2, size=n)
    people["ill"] = (2 * score + rng.logistic(size=n) > 0) * 1.0
    people.loc[::40, "level"] = np.nan
    people.to_parquet(folder / "people.parquet")
    samples = pd.DataFrame({"sample": genotypes.samples, "participant": genotypes.samples})
    traits = [
        {"name": "level", "type": "quantitative", "covariates": COVARIATES},
        {"name": "ill", "type": "binary", "covariates": COVARIATES},
    ]
    design = build.design(
        samples, people, {"traits": traits}, None, n_components=0, relatives="keep"
    )
    design.write(folder / "design.parquet")
    scan.run(folder / "g", design, min_allele_count=5, firth_below=0.05, exact_firth_below=1e-4,
             threads=1, out_dir=folder)  # fmt: skip
    return Cohort(folder / "g", genotypes, dosage, causes, people)


def stage(cohort: Cohort, trait: str, out: Path, **more):
    folder = cohort.prefix.parent
    told = run(cohort.prefix, folder / f"{trait}.parquet", trait, out,
               design=folder / "design.parquet", **{**OPTIONS, **more})  # fmt: skip
    return told, {
        part: fields.read(out / f"{trait}.{part}.parquet")
        for part in ("clumps", "members", "signals", "credible", "loci")
    }


@pytest.mark.parametrize(("p1", "r2", "kb"), [(5e-8, 0.1, 500), (1e-3, 0.5, 50)])
def test_clumps_are_those_of_plink(cohort, tmp_path, p1, r2, kb):
    _, made = stage(cohort, "level", tmp_path, p_value=p1, r2=r2, kb=kb)
    folder = cohort.prefix.parent
    p = fields.read(folder / "level.parquet")[["variant_id", "neg_log10_p_value"]]
    p["P"] = (10 ** -p.pop("neg_log10_p_value")).map("{:.17g}".format)
    p.rename(columns={"variant_id": "SNP"}).to_csv(tmp_path / "p.txt", sep="\t", index=False)
    used = cohort.people["participant"][cohort.people["level"].notna()]
    (tmp_path / "keep.txt").write_text("".join(f"0\t{name}\n" for name in used))
    tool(["plink1.9", "--bfile", cohort.prefix, "--keep", tmp_path / "keep.txt", "--clump",
          tmp_path / "p.txt", "--clump-p1", p1, "--clump-p2", 1, "--clump-r2", r2,
          "--clump-kb", kb, "--silent", "--out", tmp_path / "c"])  # fmt: skip
    theirs = pd.read_csv(tmp_path / "c.clumped", sep=r"\s+", keep_default_na=False)
    ours = made["clumps"]
    assert len(ours) > 1
    names = {"variant_id": "SNP", "n_members": "TOTAL", "n_not_significant": "NSIG",
             "n_below_0_05": "S05", "n_below_0_01": "S01", "n_below_0_001": "S001",
             "n_below_0_0001": "S0001"}  # fmt: skip
    for mine, name in names.items():
        assert ours[mine].tolist() == theirs[name].tolist(), name
    members = made["members"].groupby("clump")["variant_id"].apply(list)
    listed = [[s.removesuffix("(1)") for s in cell.split(",")] for cell in theirs["SP2"]]
    assert [members.get(clump, ["NONE"]) for clump in ours["clump"]] == listed


def test_two_planted_signals_are_found(cohort, tmp_path):
    for trait in ("level", "ill"):
        told, made = stage(cohort, trait, tmp_path)
        signals = made["signals"]
        assert told["n_signals"] == len(signals) == 2 and told["n_loci"] == 1
        ids = cohort.genotypes.variants["variant_id"].tolist()
        leads = cohort.dosage[[ids.index(v) for v in signals["variant_id"]]]
        r2 = np.corrcoef(np.vstack([leads, cohort.dosage[cohort.causes]]))[:2, 2:] ** 2
        assert sorted(r2.argmax(1)) == [0, 1] and (r2.max(1) > 0.5).all()
        assert (signals["credible_probability"] >= 0.95).all()
        assert made["credible"].groupby("signal")["posterior"].sum().tolist() == pytest.approx(
            signals["credible_probability"].tolist()
        )


def test_joint_models_are_those_of_statsmodels(cohort, tmp_path):
    sm = pytest.importorskip("statsmodels.api")
    for trait, fit in (("level", sm.OLS), ("ill", sm.Logit)):
        _, made = stage(cohort, trait, tmp_path)
        ids = cohort.genotypes.variants["variant_id"].tolist()
        chosen = [cohort.dosage[ids.index(v)] for v in made["signals"]["variant_id"]]
        used = cohort.people[trait].notna()
        x = sm.add_constant(np.column_stack([cohort.people[COVARIATES], *chosen]))[used]
        options = {} if trait == "level" else {"disp": 0}
        theirs = fit(cohort.people[trait][used].to_numpy(), x).fit(**options)
        signals = made["signals"]
        np.testing.assert_allclose(signals["beta_joint"], theirs.params[-2:], rtol=1e-7)
        np.testing.assert_allclose(signals["standard_error_joint"], theirs.bse[-2:], rtol=1e-7)
        np.testing.assert_allclose(
            signals["neg_log10_p_value_joint"], -np.log10(theirs.pvalues[-2:]), rtol=1e-6
        )
        assert signals["n"].tolist() == [used.sum()] * 2


def test_conditional_tests_are_those_of_plink2(cohort, tmp_path):
    """plink2 --glm --condition, people without a genotype among them."""
    rng = np.random.default_rng(3)
    rows = [*cohort.causes, *rng.choice(cohort.genotypes.n_variants, 300, replace=False)]
    rows = sorted(set(rows))
    variants = cohort.genotypes.variants.iloc[rows]
    gappy = cohort.dosage[rows].astype(np.int8)
    gappy[rng.random(gappy.shape) < 0.015] = -1
    from genopheno.genotypes import write_bed

    write_bed(tmp_path / "h", gappy, variants, cohort.genotypes.samples)
    cohort.people[["participant", "level", *COVARIATES]].rename(
        columns={"participant": "#IID"}
    ).to_csv(tmp_path / "pheno.txt", sep="\t", index=False, na_rep="NA")
    given = rows.index(cohort.causes[0])
    tool(["plink2", "--bfile", tmp_path / "h", "--threads", 1, "--silent", "--pheno",
          tmp_path / "pheno.txt", "--pheno-name", "level", "--covar", tmp_path / "pheno.txt",
          "--covar-name", ",".join(COVARIATES), "--condition",
          variants["variant_id"].iloc[given], "--glm", "hide-covar", "allow-no-covars",
          "--out", tmp_path / "o"])  # fmt: skip
    theirs = pd.read_csv(tmp_path / "o.level.glm.linear", sep="\t")

    dosage = np.where(gappy < 0, np.nan, gappy.astype(float))
    y = cohort.people["level"].to_numpy()
    used = ~np.isnan(y) & ~np.isnan(dosage[given])
    x = np.column_stack([np.ones(len(y)), cohort.people[COVARIATES], dosage[given]])[used]
    null = conditional.null_model(y[used], x, None, False)
    ours = conditional.test(null, dosage[:, used], unique=0.1)
    sign = np.where(theirs["A1"] == variants["effect_allele"].to_numpy(), 1, -1)
    good = np.isfinite(ours.beta) & theirs["BETA"].notna().to_numpy()
    assert good.sum() > 250 and np.isnan(ours.beta[given])
    for mine, name in ((ours.beta * sign, "BETA"), (ours.standard_error, "SE")):
        np.testing.assert_allclose(mine[good], theirs[name][good], rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(
        10 ** -ours.neg_log10_p[good], theirs["P"][good].astype(float), rtol=1e-4
    )
