"""Interaction tests against statsmodels, and what is left out and said of it."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from genopheno import fields, pvalues
from genopheno.association import build
from genopheno.association.interaction import scan
from genopheno.association.wgr import loco as predictions
from genopheno.genotypes import write_bed
from genopheno.problems import StageError

N, M = 300, 40


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interaction")
    rng = np.random.default_rng(4)
    dosages = rng.binomial(2, rng.uniform(0.15, 0.5, (M, 1)), (M, N)).astype(np.int8)
    dosages[1::2][rng.random((M // 2, N)) < 0.04] = -1
    dosages[10], dosages[11] = -1, 0
    sex = rng.random(N) < 0.5
    dosages[12] = np.where(sex, dosages[12], 0)  # no carrier among the women
    dosages[13] = 0
    dosages[13, :3] = 1
    position = np.arange(1, M + 1) * 10
    names = [f"s{i}" for i in range(N)]
    variants = pd.DataFrame(
        {
            "variant_id": [f"{'1' if p <= 200 else '2'}:{p}:G:A" for p in position],
            "contig": np.where(position <= 200, "1", "2"),
            "position": position,
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    write_bed(folder / "g", dosages, variants, names)
    samples = pd.DataFrame({"sample": names, "participant": names})
    people = pd.DataFrame(
        {
            "participant": names,
            "sex": np.where(sex, "male", "female"),
            "age": rng.normal(50, 9, N),
            "site": rng.choice(["lima", "oslo", "seoul"], N),
        }
    )
    g = np.where(dosages < 0, 0, dosages)
    spread = np.exp((people.age - 50) / 15)
    people["height"] = 0.04 * (people.age - 50) * g[20] + spread * rng.normal(size=N)
    people["case"] = (rng.random(N) < 1 / (1 + np.exp(1 - 0.9 * sex * g[20]))) * 1.0
    people.loc[5, "height"] = np.nan
    people.loc[6, "age"] = np.nan
    return folder / "g", samples, people, dosages


def trait(name, kind="quantitative", covariates=("age", "sex"), **more):
    return {"name": name, "type": kind, "covariates": list(covariates), **more}


TRAITS = [trait("height"), trait("case", "binary")]


def designed(cohort, traits, interactions, **more):
    _, samples, people, _ = cohort
    return build.design(
        samples, people, {"traits": traits}, None, n_components=0, relatives="keep",
        interactions=interactions, **more,
    )  # fmt: skip


def run(cohort, made, name, covariate, out, **options):
    options = {"min_allele_count": 5, "firth_below": 0.0, "threads": 2} | options
    path = out / f"{name}.{covariate}.parquet"
    told = scan.run(cohort[0], made, name, covariate, out=path, **options)
    assert told == json.loads(path.with_suffix(".json").read_text())
    return fields.read(path).set_index("base_pair_location"), told


def model(cohort, made, name, covariate, j):
    """y, and the columns intercept, covariates, variant, products of one variant's people."""
    (one,) = (t for t in made.traits if t.name == name)
    there = one.used & (cohort[3][j] >= 0)
    x = one.x[there]
    g = cohort[3][j][there].astype(float)
    at = [i for i, c in enumerate(one.covariates) if c.split("=")[0] == covariate]
    columns = np.column_stack([np.ones(len(g)), x, g, *(g * x[:, i] for i in at)])
    return one.y[there], columns, 1 + len(at)


def test_least_squares_and_hc3_against_statsmodels(cohort, tmp_path):
    made = designed(cohort, [trait("height", covariates=["age", "sex", "site"])], ["age", "site"])
    for covariate, terms in (("age", ["age"]), ("site", ["site=oslo", "site=seoul"])):
        table, told = run(cohort, made, "height", covariate, tmp_path)
        assert told["terms"] == terms
        for j in (0, 1, 20, 21, M - 1):
            y, columns, m = model(cohort, made, "height", covariate, j)
            row = table.loc[(j + 1) * 10]
            assert row.n == len(y)
            for prefix, fit in (
                ("", sm.OLS(y, columns).fit()),
                ("robust_", sm.OLS(y, columns).fit(cov_type="HC3", use_t=True)),
            ):
                names = ["", *(f":{term}" for term in terms)]
                for name, at in zip(names, range(-m, 0), strict=True):
                    se, p = fit.bse[at], -np.log10(fit.pvalues[at])
                    np.testing.assert_allclose(row[f"beta{name}"], fit.params[at], rtol=1e-8)
                    np.testing.assert_allclose(row[f"{prefix}standard_error{name}"], se, rtol=1e-8)
                    np.testing.assert_allclose(
                        row[f"{prefix}neg_log10_p_value{name}"], p, rtol=1e-7
                    )
                for what, q in (("interaction", m - 1), ("joint", m)):
                    p = fit.f_test(np.eye(columns.shape[1])[-q:]).pvalue
                    found = row[f"{prefix}neg_log10_p_value_{what}"]
                    np.testing.assert_allclose(found, -np.log10(p), rtol=1e-7)
    assert table.test.eq("linear").all()


def test_logistic_regression_against_statsmodels(cohort, tmp_path):
    made = designed(cohort, TRAITS, ["sex", "age"])
    for covariate, term in (("sex", "sex=male"), ("age", "age")):
        table, _told = run(cohort, made, "case", covariate, tmp_path)
        for j in (0, 1, 20, 21):
            y, columns, _m = model(cohort, made, "case", covariate, j)
            fit = sm.Logit(y, columns).fit(disp=0, tol=1e-12)
            row = table.loc[(j + 1) * 10]
            assert (row.n, row.n_cases) == (len(y), y.sum())
            for name, at in (("", -2), (f":{term}", -1)):
                np.testing.assert_allclose(row[f"beta{name}"], fit.params[at], rtol=1e-6)
                np.testing.assert_allclose(row[f"standard_error{name}"], fit.bse[at], rtol=1e-6)
                p = -np.log10(fit.pvalues[at])
                np.testing.assert_allclose(row[f"neg_log10_p_value{name}"], p, rtol=1e-5)
            joint = fit.wald_test(np.eye(columns.shape[1])[-2:], scalar=True).pvalue
            np.testing.assert_allclose(row.neg_log10_p_value_joint, -np.log10(joint), rtol=1e-5)
            assert row.neg_log10_p_value_interaction == row[f"neg_log10_p_value:{term}"]
    assert table.robust_standard_error.isna().all()
    assert table.converged[table.index != 130].all()


def penalised(y, columns, free):
    """Largest penalised likelihood over the columns `free`, by SciPy, and where it is."""
    from scipy.optimize import minimize

    def negative(part):
        beta = np.zeros(columns.shape[1])
        beta[free] = part
        eta = columns @ beta
        p = 1 / (1 + np.exp(-eta))
        information = columns.T @ (columns * (p * (1 - p))[:, None])
        value = (y * eta - np.logaddexp(0, eta)).sum()
        return -(value + np.linalg.slogdet(information)[1] / 2)

    start = np.zeros(len(free))
    found = minimize(negative, start, method="BFGS", options={"gtol": 1e-7})
    return -found.fun, found.x


def test_firth_is_the_maximum_of_the_penalised_likelihood(cohort, tmp_path):
    made = designed(cohort, [trait("case", "binary", ["age", "sex"])], ["sex"])
    for one in made.traits:
        one.x[:, 0] -= 50  # SciPy's minimiser likes it centred
    table, told = run(cohort, made, "case", "sex", tmp_path, firth_below=1.0)
    assert set(told["tests"]) == {"firth"}
    for j in (1, 20):
        y, columns, _ = model(cohort, made, "case", "sex", j)
        k = columns.shape[1]
        best, at = penalised(y, columns, np.arange(k))
        row = table.loc[(j + 1) * 10]
        np.testing.assert_allclose([row.beta, row["beta:sex=male"]], at[-2:], rtol=1e-4)
        for name, out in (
            ("neg_log10_p_value", [k - 2]),
            ("neg_log10_p_value_interaction", [k - 1]),
            ("neg_log10_p_value_joint", [k - 2, k - 1]),
        ):
            null, _ = penalised(y, columns, np.setdiff1d(np.arange(k), out))
            p = stats.chi2.sf(2 * (best - null), len(out))
            np.testing.assert_allclose(row[name], -np.log10(p), rtol=1e-3, atol=1e-6)


def test_separated_cases_are_fitted_by_firth(cohort, tmp_path):
    """All carriers among the men are cases: the product has no largest likelihood."""
    prefix, samples, people, dosages = cohort
    men = people.sex.eq("male").to_numpy()
    people = people.assign(case=np.where(men & (dosages[20] > 0), 1.0, people.case))
    world = (prefix, samples, people, dosages)
    made = designed(world, TRAITS, ["sex"])
    table, told = run(world, made, "case", "sex", tmp_path, firth_below=0.05)
    assert table.test[210] == "firth"
    assert table.converged[210]
    assert table.neg_log10_p_value_interaction[210] > 3
    assert set(told["tests"]) == {"wald", "firth"}


def test_step_one_is_taken_off_or_given(cohort, tmp_path):
    made = designed(cohort, TRAITS, ["age"], choose=lambda trait: ("wgr", "asked"))
    rng = np.random.default_rng(1)
    given = {}
    for one in made.traits:
        part = {c: np.where(one.used, rng.normal(0, 0.5, N), np.nan) for c in ("1", "2", None)}
        given[one.name] = part
    entries = [{"name": t.name, "reason": None, "notices": []} for t in made.traits]
    held = predictions.Loco(made.samples, given, {"traits": entries, "notices": []})
    held.write(tmp_path / "loco.parquet")
    with pytest.raises(StageError, match="loco-missing"):
        run(cohort, made, "height", "age", tmp_path)
    (height, _), (case, _) = (
        run(cohort, made, name, "age", tmp_path, loco=tmp_path / "loco.parquet")
        for name in ("height", "case")
    )
    for j, contig in ((1, "1"), (20, "2")):
        for name, table in (("height", height), ("case", case)):
            y, columns, _ = model(cohort, made, name, "age", j)
            (one,) = (t for t in made.traits if t.name == name)
            offset = given[name][contig][one.used & (cohort[3][j] >= 0)]
            if name == "height":
                fit = sm.OLS(y - offset, columns).fit()
            else:
                fit = sm.GLM(y, columns, sm.families.Binomial(), offset=offset).fit(tol=1e-13)
            row = table.loc[(j + 1) * 10]
            np.testing.assert_allclose(
                row[["beta", "beta:age"]].tolist(), fit.params[-2:], rtol=1e-6
            )
            np.testing.assert_allclose(row["standard_error:age"], fit.bse[-1], rtol=1e-5)


def test_what_is_left_out_and_why(cohort, tmp_path):
    made = designed(cohort, TRAITS, ["sex", "age"])
    table, told = run(cohort, made, "height", "sex", tmp_path)
    assert told["variants_left_out"] == {
        "all missing": 1,
        "monomorphic": 1,
        "min allele count": 1,
        "min allele count at a level of the covariate": 1,
    }
    assert told["n_variants"] == len(table) == M - 4
    assert told["reference"] == "female"
    by_age, _ = run(cohort, made, "height", "age", tmp_path)
    assert 130 in by_age.index  # no levels to ask for
    text = gzip.open(tmp_path / "height.sex.tsv.gz", "rt").read().splitlines()
    assert len(text) == len(table) + 1
    assert "beta:sex=male" in text[0].split("\t")


def test_no_test_leaves_a_reason_and_an_empty_table(cohort, tmp_path):
    _, samples, people, _ = cohort
    world = (cohort[0], samples, people.assign(same="x", late=people.age * 2), cohort[3])
    traits = [trait("height"), trait("years", covariates=["sex"], column="age")]
    made = designed(world, traits, ["same", "late", "age"])
    for name, covariate, reason in (
        ("height", "same", "no interaction: it is constant among the people of the trait"),
        ("height", "late", "no interaction: late was dropped from the covariates"),
        ("years", "late", "its covariates explain it wholly"),
    ):
        table, told = run(world, made, name, covariate, tmp_path)
        assert told["reason"] == reason
        assert not len(table)
        assert (tmp_path / f"{name}.{covariate}.tsv.gz").exists()
    made = designed(cohort, traits[1:], ["age"])
    told = run(cohort, made, "years", "age", tmp_path)[1]
    assert told["reason"] == "no interaction: it is the trait itself"
    made = designed(cohort, TRAITS, ["age"], choose=lambda trait: ("lmm", "asked"))
    assert (
        "mixed model has no interaction" in run(cohort, made, "case", "age", tmp_path)[1]["reason"]
    )
    ill = people.assign(ill=people.case, **{"time:ill": 1.0 + np.arange(N)})
    made = designed((None, samples, ill, None), [trait("ill", "time-to-event", ["sex"])], ["sex"])
    told = run(cohort, made, "ill", "sex", tmp_path)[1]
    assert told["reason"] == "there is no interaction test for a time-to-event trait"
    made = designed(cohort, TRAITS, ["age"])
    with pytest.raises(StageError, match="it has no interaction of height with site"):
        run(cohort, made, "height", "site", tmp_path)
    with pytest.raises(StageError, match="interaction-unknown"):
        designed(cohort, TRAITS, ["nothing"])


def test_a_covariate_is_added_with_a_notice(cohort):
    made = designed(cohort, [trait("height", covariates=["sex"])], ["age"])
    assert made.traits[0].covariates == ["sex=male", "age"]
    told = made.traits[0].info["notices"]
    assert "age was added to the covariates: its interaction is tested" in told


def test_the_same_bits_alone_in_company_and_in_parts(cohort, tmp_path):
    alone = designed(cohort, TRAITS[1:], ["sex"])
    both = designed(
        cohort, [*TRAITS, trait("bad", covariates=["age"], column="age")], ["sex", "age"]
    )
    options = {"firth_below": 0.05}
    a, _ = run(cohort, alone, "case", "sex", tmp_path, threads=1, **options)
    # The design of both traits has one covariate more, but for this trait it is there already.
    b, _ = run(cohort, both, "case", "sex", tmp_path, threads=2, **options)
    pd.testing.assert_frame_equal(a, b, check_exact=True)
    parts = [
        run(cohort, alone, "case", "sex", tmp_path, span=span, **options)[0]
        for span in ((0, 20), (20, M))
    ]
    pd.testing.assert_frame_equal(a, pd.concat(parts), check_exact=True)


def test_tails_beyond_the_smallest_double():
    """Even degrees of freedom have tails in closed form."""
    ln10 = np.log(10)
    for x in (1.0, 1300.0, 9000.0):
        found = [pvalues.from_chi2_of(np.array([x]), q)[0] for q in (2, 4)]
        expected = [x / 2 / ln10, (x / 2 - np.log1p(x / 2)) / ln10]
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    for f, df in ((3.0, 20.0), (900.0, 1500.0), (4000.0, 300.0)):
        a, log_x = df / 2, [-np.log1p(q * f / df) for q in (2, 4)]
        found = [pvalues.from_f(np.array([f]), q, df)[0] for q in (2, 4)]
        second = a * log_x[1] + np.log1p(a * (1 - np.exp(log_x[1])))
        np.testing.assert_allclose(found, [-a * log_x[0] / ln10, -second / ln10], rtol=1e-9)
    np.testing.assert_allclose(
        pvalues.from_f(np.array([2.5]), 3, 40.0), -np.log10(stats.f.sf(2.5, 3, 40)), rtol=1e-12
    )


def test_hc3_keeps_its_size_where_the_spread_follows_the_covariate(tmp_path):
    """2,000 null variants; the trait's spread grows tenfold over the covariate's range."""
    rng = np.random.default_rng(7)
    n, m = 500, 2000
    dosages = rng.binomial(2, rng.uniform(0.1, 0.5, (m, 1)), (m, n)).astype(np.int8)
    names = [f"s{i}" for i in range(n)]
    variants = pd.DataFrame(
        {
            "variant_id": [f"1:{i}:G:A" for i in range(1, m + 1)],
            "contig": "1",
            "position": np.arange(1, m + 1),
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    write_bed(tmp_path / "g", dosages, variants, names)
    age = rng.normal(0, 1, n)
    people = pd.DataFrame({"participant": names, "sex": "female", "age": age})
    people["height"] = np.exp(0.5 * age) * rng.normal(size=n)
    world = (tmp_path / "g", pd.DataFrame({"sample": names, "participant": names}), people, dosages)
    made = designed(world, [trait("height")], ["age"])
    table, told = run(world, made, "height", "age", tmp_path)

    def wrong(column):
        return int((table[column] > -np.log10(0.05)).sum())

    low, high = stats.binom.ppf([0.001, 0.999], m, 0.05)
    assert wrong("neg_log10_p_value_interaction") > 2 * high
    assert low <= wrong("robust_neg_log10_p_value_interaction") <= high
    assert low <= wrong("robust_neg_log10_p_value_joint") <= high
    assert told["lambda_gc"]["neg_log10_p_value_interaction"] > 1.5
    assert 0.85 < told["lambda_gc"]["robust_neg_log10_p_value_interaction"] < 1.15
