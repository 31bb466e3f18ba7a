"""Interactions, conditions and times to events where not everybody has two copies, and imputed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg
from threadpoolctl import threadpool_limits

from genopheno import fields
from genopheno.association import condition, scan
from genopheno.association.dosages import Dosages
from genopheno.association.interaction import files
from genopheno.association.interaction import scan as interaction
from genopheno.association.wgr import fit
from genopheno.dosages.prepare import prepare
from genopheno.genotypes import Genotypes
from genopheno.problems import StageError
from genopheno.strata import parse
from genopheno.tools import run
from tests.unit.coded_cohort import GRCH38, HAPLOID_X, Cohort, N, designed, make_cohort
from tests.unit.imputed import Imputed

BY_SEX = [
    {"name": "height", "type": "quantitative", "covariates": ["age", "sex"]},
    {"name": "case", "type": "binary", "covariates": ["age", "sex"]},
]
ILL = {
    "name": "ill", "type": "time-to-event", "time": "t", "entry": "e", "covariates": ["age"],
}  # fmt: skip
SCAN = {"min_allele_count": 1, "firth_below": 0, "exact_firth_below": 0, "threads": 1}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """As the commands do it: the workers are ours, not those of the linear algebra library."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Cohort:
    """With follow-up; people of unknown sex have genotypes and no phenotypes."""
    made, rng = make_cohort(tmp_path_factory.mktemp("coded")), np.random.default_rng(8)
    made.people["ill"] = (rng.random(N) < 0.5) * 1.0
    start = rng.integers(0, 4, N) + 0.5  # statsmodels counts who enters at an event
    made.people["entry:ill"] = start
    made.people["time:ill"] = np.ceil(start + rng.exponential(12, N))
    return replace(made, people=made.people[made.sex != 0])


@pytest.fixture(scope="module")
def imputed(cohort, tmp_path_factory) -> Imputed:
    """The calls of all people but two as dosages; the first of Y is imputed poorly."""
    contig = cohort.variants.contig.to_numpy()
    on_x = cohort.rows("X")[HAPLOID_X]
    single = np.isin(contig, ("Y", "MT"))[:, None] & np.ones(N, bool)
    single[on_x] = cohort.sex == 1
    quality = np.full(len(contig), 0.9)
    quality[cohort.rows("Y")[0]] = 0.2
    whole = Imputed(
        cohort.variants[["contig", "position"]].assign(reference="G", alternate="A"),
        [f"s{i}" for i in range(N)],
        np.where(cohort.dosages < 0, np.nan, cohort.dosages),
        single,
        quality,
    )
    return whole.of(people=slice(2, None))


@pytest.fixture(scope="module")
def dosages(cohort, imputed, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dosages")
    prepare(
        [imputed.vcf(folder / "i.vcf.gz")], cohort.prefix, folder / "d", reference=None,
        chromosomes=GRCH38,
    )  # fmt: skip
    return folder / "d"


def interact(cohort, made, trait, covariate, out, **options):
    told = interaction.run(
        cohort.prefix, made, trait, covariate, out=out / "i.parquet",
        **{"chromosomes": GRCH38, "min_allele_count": 1, "firth_below": 0.0, "threads": 2}
        | options,
    )  # fmt: skip
    return fields.read(out / "i.parquet").set_index("variant_id"), told


def coded(cohort, row, x_male_dosage=2):
    """(samples,) what a genotype counts; NaN: missing."""
    g = np.where(cohort.dosages[row] < 0, np.nan, cohort.dosages[row])
    contig = cohort.variants.contig[row]
    if contig == "Y":
        return np.where(cohort.sex == 1, g / 2, np.nan)
    if contig == "MT":
        return g / 2
    haploid = row in cohort.rows("X")[HAPLOID_X]
    return np.where((cohort.sex == 1) & haploid, g / 2 * x_male_dosage, g)


def model(cohort, made, trait, covariate, g):
    """y, and the columns intercept, covariates, variant and product of the people with both."""
    (one,) = (t for t in made.aligned([f"s{i}" for i in range(N)]).traits if t.name == trait)
    there = one.used & ~np.isnan(g)
    x, g = one.x[there], g[there]
    e = x[:, [c.split("=")[0] for c in one.covariates].index(covariate)]
    varying = np.ptp(x, axis=0) > 0
    return one.y[there], np.column_stack([np.ones(len(g)), x[:, varying], g, g * e])


@pytest.mark.parametrize("x_male_dosage", [1, 2])
def test_interactions_on_x_against_statsmodels(cohort, tmp_path, x_male_dosage):
    """With sex, also in the pseudoautosomal region, where both have two copies."""
    made = designed(cohort, BY_SEX, interactions=["sex"])
    rows = [*cohort.rows("X")[:2], *cohort.rows("X")[HAPLOID_X][:6], cohort.rows("MT")[1]]
    for trait in ("height", "case"):
        table, told = interact(cohort, made, trait, "sex", tmp_path, x_male_dosage=x_male_dosage)
        for row in rows:
            g = coded(cohort, row, x_male_dosage)
            y, columns = model(cohort, made, trait, "sex", g)
            found = table.loc[cohort.variants.variant_id[row]]
            plain = sm.Logit(y, columns).fit(disp=0, tol=1e-12) if trait == "case" else None
            plain = plain or sm.OLS(y, columns).fit()
            assert found.n == len(y)
            assert trait == "height" or found.n_cases == y.sum()
            for name, at in (("", -2), (":sex=male", -1)):
                np.testing.assert_allclose(found[f"beta{name}"], plain.params[at], rtol=1e-6)
                np.testing.assert_allclose(found[f"standard_error{name}"], plain.bse[at], rtol=1e-6)
            if trait == "height":
                robust = sm.OLS(y, columns).fit(cov_type="HC3", use_t=True)
                p = found["robust_neg_log10_p_value:sex=male"]
                np.testing.assert_allclose(p, -np.log10(robust.pvalues[-1]), rtol=1e-7)
            seen = ~np.isnan(g)
            alleles, copies = np.where(cohort.dosages[row] < 0, 0, cohort.dosages[row]), 2.0
            if row in cohort.rows("X")[HAPLOID_X]:
                copies = np.where(cohort.sex == 1, 1.0, 2.0)
            seen &= cohort.sex != 0
            share = (alleles * copies / 2)[seen].sum() / np.broadcast_to(copies, N)[seen].sum()
            np.testing.assert_allclose(found.effect_allele_frequency, share, rtol=1e-12)
        # There is no sex among men alone.
        assert told["variants_left_out"] == {"no model on this chromosome": 12}
        assert told["coding"]["not_fitted"] == [
            "Y: sex=male was dropped from the covariates among the 110 people with genotypes"
        ]
        assert told["coding"]["variants"] == {"diploid": 40, "X": 24, "Y": 12, "MT": 12}
        assert told["n_looked_at"] == len(cohort.variants) == len(table) + 12


def test_interactions_on_y_are_of_men(cohort, tmp_path):
    made = designed(cohort, BY_SEX, interactions=["age"])
    table, told = interact(cohort, made, "height", "age", tmp_path)
    assert told["variants_left_out"] == {} and len(table) == len(cohort.variants)
    for row in cohort.rows("Y"):
        y, columns = model(cohort, made, "height", "age", coded(cohort, row))
        plain, found = sm.OLS(y, columns).fit(), table.loc[cohort.variants.variant_id[row]]
        assert found.n == len(y) <= 110
        np.testing.assert_allclose(found[["beta", "beta:age"]].tolist(), plain.params[-2:], 1e-7)
        np.testing.assert_allclose(found["standard_error:age"], plain.bse[-1], 1e-7)


def test_interactions_do_not_guess_from_the_name_of_a_contig(cohort, tmp_path):
    made = designed(cohort, BY_SEX, interactions=["age"])
    with pytest.raises(StageError, match=r"sex-chromosomes-unknown.*variants on MT, X, Y"):
        interact(cohort, made, "height", "age", tmp_path, chromosomes=None)


@pytest.mark.parametrize("name", ["regression", "wgr"])
def test_whole_dosages_give_interactions_the_bits_of_calls(cohort, dosages, tmp_path, name):
    """Among the people with dosages."""
    alone = replace(cohort, people=cohort.people[~cohort.people.participant.isin(["s0", "s1"])])
    options = {}
    if name == "wgr":
        fitted = fit.run(
            cohort.prefix, designed(alone, BY_SEX, name), ["height", "case"], scratch=tmp_path,
            block_size=100, min_allele_frequency=0.0, threads=1,
        )  # fmt: skip
        fitted.write(tmp_path / "loco.parquet")
        options["loco"] = tmp_path / "loco.parquet"
    for trait, covariate in (("height", "sex"), ("case", "age")):
        made = designed(alone, BY_SEX, name, interactions=[covariate])
        calls, _ = interact(cohort, made, trait, covariate, tmp_path, **options)
        if name == "regression":  # predictions are of the people whom they were made for
            made = designed(cohort, BY_SEX, interactions=[covariate])
        found, told = interact(cohort, made, trait, covariate, tmp_path, dosages=dosages, **options)
        assert found["info"].notna().all() and calls["info"].isna().all()
        pd.testing.assert_frame_equal(
            found.drop(columns="info"), calls.drop(columns="info"), check_exact=True
        )
        assert told["n"] == len(alone.people)


def test_people_without_dosages_and_poor_variants_are_told(cohort, dosages, tmp_path):
    made = designed(cohort, BY_SEX, interactions=["age", "sex"])
    options = {"dosages": dosages, "min_imputation_quality": 0.3}
    found, told = interact(cohort, made, "case", "age", tmp_path, **options)
    poor = cohort.variants.variant_id[cohort.rows("Y")[0]]
    assert set(cohort.variants.variant_id) - set(found.index) == {poor}
    assert told["variants_left_out"] == {"min imputation quality": 1}
    assert told["parameters"]["min_imputation_quality"] == 0.3
    gone = cohort.people.participant.isin(["s0", "s1"]).sum()
    assert gone and told["n"] == len(cohort.people) - gone
    assert told["notices"][-1] == f"{gone} people of the trait have no dosages: not tested"
    women = replace(cohort, people=cohort.people.assign(height=np.nan))
    women.people.loc[cohort.people.sex == "female", "height"] = 1.0 * np.arange(120)
    women.people.loc[women.people.participant.isin(["s0", "s1"]), ["sex", "height"]] = "male", 1.0
    made = designed(women, BY_SEX[:1], interactions=["sex"])
    found, told = interact(cohort, made, "height", "sex", tmp_path, **options)
    assert not len(found) and told["n_looked_at"] == 0
    assert told["reason"].startswith("sex=male was dropped from the covariates among the ")


def test_a_table_that_lost_variants_is_told(cohort, tmp_path):
    made = designed(cohort, BY_SEX, interactions=["age"])
    _, told = interact(cohort, made, "height", "age", tmp_path)
    trait = made.traits[0]
    with pytest.raises(StageError, match=r"interaction-rows.*88 variants are tested.*of 89"):
        files.write_summary(
            tmp_path / "i.parquet", trait, "age", trait.info["interactions"]["age"],
            reason=None, n_variants=89, left_out={}, coding=told["coding"], parameters={},
        )  # fmt: skip


def test_a_condition_on_x_as_plink2(cohort, dosages, tmp_path):
    """plink2 --condition --xchr-model 2; the same covariate from imputed dosages."""
    name = cohort.variants.variant_id[cohort.rows("X")[HAPLOID_X][3]]
    genotypes = Genotypes.open(cohort.prefix)
    given = condition.dosages(genotypes, [name], chromosomes=GRCH38)
    own = coded(cohort, cohort.rows("X")[HAPLOID_X][3])
    np.testing.assert_array_equal(given[name], np.where(cohort.sex == 0, np.nan, own))
    of_dosages = condition.dosages(
        genotypes, [name], chromosomes=GRCH38, imputed=Dosages.of(dosages, genotypes.samples)
    )
    assert of_dosages[name][:2].isna().all()
    pd.testing.assert_frame_equal(of_dosages[2:], given[2:])
    traits = [{"name": "height", "type": "quantitative", "covariates": ["age"]}]
    made = designed(cohort, traits, conditions=given)
    scan.run(cohort.prefix, made, chromosomes=GRCH38, out_dir=tmp_path, **SCAN)
    found = fields.read(tmp_path / "height.parquet").set_index("variant_id")
    table = cohort.people.rename(columns={"participant": "#IID"})
    table[["#IID", "height"]].to_csv(tmp_path / "y.txt", sep="\t", index=False)
    table[["#IID", "age"]].to_csv(tmp_path / "x.txt", sep="\t", index=False)
    run(
        [
            *("plink2", "--bfile", cohort.prefix, "--split-par", "b38", "--threads", 1),
            *("--remove-nosex", "--xchr-model", 2, "--condition", name),
            *("--pheno", tmp_path / "y.txt", "--covar", tmp_path / "x.txt"),
            *("--covar-variance-standardize", "--out", tmp_path / "p"),
            *("--glm", "omit-ref", "hide-covar", "no-x-sex", "cols=+beta"),
        ]
    )
    theirs = pd.read_csv(tmp_path / "p.height.glm.linear", sep="\t").set_index("ID")
    both = found.join(theirs, how="outer")
    assert not found.converged[name] and np.isnan(theirs.BETA[name])
    both = both.drop(index=name)
    assert len(both) == len(cohort.variants) - 1
    np.testing.assert_array_equal(both.n, both.OBS_CT)
    np.testing.assert_allclose(both.beta, both.BETA, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(both.standard_error, both.SE, rtol=1e-5)


def test_conditions_on_y_are_refused_and_those_on_mt_are_alleles(cohort, dosages):
    genotypes = Genotypes.open(cohort.prefix)
    y, mt = (cohort.rows(contig)[0] for contig in ("Y", "MT"))
    name = cohort.variants.variant_id
    given = condition.dosages(genotypes, [name[mt], name[0]], chromosomes=GRCH38, x_male_dosage=1)
    np.testing.assert_array_equal(given[name[mt]], coded(cohort, mt))
    with pytest.raises(StageError, match=r"condition-on-y.*is on Y, which women have not"):
        condition.dosages(genotypes, [name[y], name[0]], chromosomes=GRCH38)
    with pytest.raises(StageError, match=r"sex-chromosomes-unknown.*variants on MT"):
        condition.dosages(genotypes, [name[0], name[mt]])
    assert list(condition.dosages(genotypes, [name[0]])) == [name[0]]
    called = pd.DataFrame({"variant_id": ["1:1:G:A"], "rsid": ["rs1"]})
    imputed = Dosages.of(dosages, genotypes.samples)
    with pytest.raises(StageError, match="rs1 is called and is not among the imputed"):
        condition.dosages(genotypes, ["rs1"], called, imputed=imputed)


def score_test(cohort, rows, g):
    """-log10 p of the score test of PHReg with age, among the `rows` of people."""
    people = cohort.people[rows]
    columns = np.column_stack([people.age - people.age.mean(), g[rows]])
    given = {"status": people.ill, "entry": people["entry:ill"], "ties": "efron"}
    null = PHReg(people["time:ill"], columns[:, :1], **given).fit()
    full, at = PHReg(people["time:ill"], columns, **given), np.array([null.params[0], 0.0])
    score, information = full.score(at), -full.hessian(at)
    variance = information[1, 1] - information[0, 1] ** 2 / information[0, 0]
    return -np.log10(stats.chi2.sf(score[1] ** 2 / variance, 1))


def test_times_to_events_by_sex_and_on_x(cohort, tmp_path):
    """Strata carry the follow-up; women alone and men alone on X, PAR and Y; no interactions."""
    strata = parse(["women:sex=female", "men:sex=male"])
    made = designed(cohort, [ILL], strata=strata, interactions=["sex"])
    assert [t.name for t in made.traits] == ["ill", "ill.women", "ill.men"]
    for trait in made.traits:
        np.testing.assert_array_equal(np.isnan(trait.time), ~trait.used)
        np.testing.assert_array_equal(np.isnan(trait.entry), ~trait.used)
        _, told = interact(cohort, made, trait.name, "sex", tmp_path)
        assert told["reason"] in (
            "there is no interaction test for a time-to-event trait",
            "no interaction: it is constant among the people of the trait",
        )
    made = designed(cohort, [ILL], strata=strata)
    for dose in (1, 2):
        scan.run(
            cohort.prefix, made, chromosomes=GRCH38, x_male_dosage=dose,
            out_dir=tmp_path / str(dose), **SCAN,
        )  # fmt: skip
    one, two = (
        {t.name: fields.read(tmp_path / d / f"{t.name}.parquet").set_index("variant_id")
         for t in made.traits}
        for d in ("1", "2")
    )  # fmt: skip
    sex = cohort.sex[cohort.sex != 0]
    people = {"ill": sex > 0, "ill.women": sex == 2, "ill.men": sex == 1}
    whole = [r for r in range(len(cohort.variants)) if (cohort.dosages[r] >= 0).all()]
    on_x = cohort.rows("X")[HAPLOID_X]
    assert len(set(whole) & set(on_x)) > 10
    for name, rows in people.items():
        for row in whole[::4]:
            variant = cohort.variants.variant_id[row]
            if cohort.variants.contig[row] == "Y" and name == "ill.women":
                assert variant not in two[name].index
                continue
            g = coded(cohort, row)[cohort.sex != 0]
            p = score_test(cohort, rows & ~np.isnan(g), g)
            np.testing.assert_allclose(two[name].neg_log10_p_value[variant], p, rtol=1e-5)
    names = cohort.variants.variant_id[on_x]
    np.testing.assert_allclose(one["ill.men"].beta[names], 2 * two["ill.men"].beta[names], 1e-9)
    pd.testing.assert_frame_equal(one["ill.women"], two["ill.women"], check_exact=True)
    told = json.loads((tmp_path / "2" / "scan.json").read_text())
    left_out = {t["name"]: t["variants_left_out"] for t in told["traits"]}
    assert left_out == {"ill": {}, "ill.women": {"no model on this chromosome": 12}, "ill.men": {}}
