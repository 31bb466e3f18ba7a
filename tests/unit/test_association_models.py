"""The models against independent oracles: statsmodels, scipy's optimiser, exact arithmetic."""

from __future__ import annotations

from decimal import Decimal, getcontext
from itertools import product

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

from genopheno import pvalues
from genopheno.association import firth, firth_single, small
from genopheno.association.block import Block
from genopheno.association.linear import Linear
from genopheno.association.logistic import Logistic
from genopheno.association.projection import Projected, Space
from genopheno.genotypes import Genotypes, write_bed


def cohort(tmp_path, n_variants=60, n_samples=203, missing=0.05, seed=3):
    rng = np.random.default_rng(seed)
    share = rng.uniform(0.02, 0.5, (n_variants, 1))
    dosages = rng.binomial(2, share, (n_variants, n_samples)).astype(np.int8)
    gaps = rng.random(dosages.shape) < missing
    gaps[::3] = False
    dosages[gaps] = -1
    position = np.arange(1, n_variants + 1)
    variants = pd.DataFrame(
        {
            "variant_id": [f"1:{p}:G:A" for p in position],
            "contig": "1",
            "position": position,
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    write_bed(tmp_path / "g", dosages, variants, [f"s{i}" for i in range(n_samples)])
    used = rng.random(n_samples) < 0.9
    x = np.column_stack([np.ones(n_samples), rng.normal(50, 9, n_samples), used * 1.0])
    x[:, 2] = rng.random(n_samples) < 0.4
    block = Block(Genotypes.open(tmp_path / "g"), 0, n_variants)
    return block, np.where(dosages < 0, np.nan, dosages), x, used, rng


def test_counts(tmp_path):
    block, dosages, _, used, _ = cohort(tmp_path)
    space = Space(np.ones((len(used), 1)), used)
    counts = block.count(space.mask, space.n)
    inside = dosages[:, used]
    np.testing.assert_array_equal(counts.called, (~np.isnan(inside)).sum(1))
    np.testing.assert_array_equal(counts.copies, 2 * (~np.isnan(inside)).sum(1))
    np.testing.assert_array_equal(counts.total, np.nansum(inside, 1))
    np.testing.assert_array_equal(counts.alleles, np.nansum(inside, 1))
    np.testing.assert_array_equal(counts.squares, np.nansum(inside**2, 1))


@pytest.mark.parametrize("missing", [0.05, 0.004])
def test_linear_is_least_squares_on_the_complete_cases(tmp_path, missing):
    """Many missing genotypes are summed as a matrix product, few as a list."""
    block, dosages, x, used, rng = cohort(tmp_path, missing=missing)
    y = x @ [3, 0.2, -1] + np.nan_to_num(dosages[5]) + rng.normal(size=len(used)) + 1000
    y[~used] = np.nan
    model = Linear(y, Space(x, used))
    ours = model.test(block, Projected(model.space, block))
    assert ours.converged.all()
    for j, g in enumerate(dosages):
        keep = used & ~np.isnan(g)
        fit = sm.OLS(y[keep], np.column_stack([x, g])[keep]).fit()
        np.testing.assert_allclose(ours.beta[j], fit.params[-1], rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(ours.standard_error[j], fit.bse[-1], rtol=1e-9)
        np.testing.assert_allclose(ours.neg_log10_p[j], -np.log10(fit.pvalues[-1]), rtol=1e-7)


def test_a_genotype_that_is_a_covariate_has_no_estimate(tmp_path):
    block, dosages, x, used, rng = cohort(tmp_path, missing=0)
    x[:, 1] = dosages[7]
    model = Linear(rng.normal(size=len(used)), Space(x, used))
    ours = model.test(block, Projected(model.space, block))
    assert list(np.flatnonzero(~ours.converged)) == [7]
    assert np.isnan([ours.beta[7], ours.standard_error[7], ours.neg_log10_p[7]]).all()


def test_a_covariate_that_vanishes_with_the_missing_people(tmp_path):
    """The only people of a level have no genotype: no estimate, and no harm to the others."""
    block, dosages, x, used, rng = cohort(tmp_path)
    g = np.flatnonzero(np.isnan(dosages[4]) & used)
    x[:, 2] = 0
    x[g, 2] = 1
    y = rng.normal(size=len(used))
    model = Linear(y, Space(x, used))
    ours = model.test(block, Projected(model.space, block))
    assert not ours.converged[4]
    keep = used & ~np.isnan(dosages[5])
    fit = sm.OLS(y[keep], np.column_stack([x, dosages[5]])[keep]).fit()
    np.testing.assert_allclose(ours.beta[5], fit.params[-1], rtol=1e-8)


def binary(tmp_path, **options):
    block, dosages, x, used, rng = cohort(tmp_path, **options)
    eta = 0.05 * (x[:, 1] - 50) + x[:, 2] - 1
    y = (rng.random(len(used)) < 1 / (1 + np.exp(-eta))) * 1.0
    return block, dosages, x, used, y


def test_score_is_raos_without_missing_genotypes(tmp_path):
    block, dosages, x, used, y = binary(tmp_path, missing=0)
    model = Logistic(y, x, used, firth_below=0, exact_firth_below=0)
    ours = model.test(block, Projected(model.space, block), np.ones(len(dosages), bool))
    null = sm.GLM(y[used], x[used], family=sm.families.Binomial()).fit(tol=1e-14)
    for j, g in enumerate(dosages):
        statistic, p = null.score_test(exog_extra=g[used][:, None])[:2]
        np.testing.assert_allclose(ours.neg_log10_p[j], -np.log10(np.squeeze(p)), rtol=1e-7)
        assert np.isclose((ours.beta[j] / ours.standard_error[j]) ** 2, np.squeeze(statistic))


def test_score_with_missing_genotypes_is_near_the_refitted_one(tmp_path):
    block, dosages, x, used, y = binary(tmp_path, n_samples=800)
    model = Logistic(y, x, used, firth_below=0, exact_firth_below=0)
    ours = model.test(block, Projected(model.space, block), np.ones(len(dosages), bool))
    worst = 0.0
    for j, g in enumerate(dosages):
        keep = used & ~np.isnan(g)
        null = sm.GLM(y[keep], x[keep], family=sm.families.Binomial()).fit(tol=1e-14)
        statistic = float(np.squeeze(null.score_test(exog_extra=g[keep][:, None])[0]))
        worst = max(worst, abs((ours.beta[j] / ours.standard_error[j]) ** 2 - statistic))
    assert worst < 0.03


def penalised(beta, x, y):
    eta = x @ beta
    p = 1 / (1 + np.exp(-eta))
    information = x.T @ (x * (p * (1 - p))[:, None])
    return np.sum(y * eta - np.logaddexp(0, eta)) + np.linalg.slogdet(information)[1] / 2


def firth_oracle(x, y):
    """Effect of the last column and twice the gain, by a general maximiser."""

    def maximum(columns):
        out = optimize.minimize(
            lambda b: -penalised(np.pad(b, (0, x.shape[1] - columns)), x, y),
            np.zeros(columns), method="BFGS", options={"gtol": 1e-9},
        )  # fmt: skip
        out = optimize.minimize(
            lambda b: -penalised(np.pad(b, (0, x.shape[1] - columns)), x, y),
            out.x, method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 20000, "maxfev": 20000},
        )  # fmt: skip
        return out.x, -out.fun

    full, value = maximum(x.shape[1])
    return full[-1], 2 * (value - maximum(x.shape[1] - 1)[1])


@pytest.mark.parametrize("case", ["common", "singleton case", "singleton control", "separated"])
def test_exact_firth_is_the_maximum(case):
    rng = np.random.default_rng(11)
    n = 150
    x = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = (rng.random(n) < 0.3) * 1.0
    g = np.zeros(n)
    cases, controls = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    if case == "common":
        g = rng.binomial(2, 0.3, n) * 1.0
    elif case == "singleton case":
        g[cases[0]] = 1
    elif case == "singleton control":
        g[controls[0]] = 1
    else:
        g[cases[:9]] = 1
        g[cases[3]] = 2
    fit = firth.exact(small.orthonormal(x), g[None], y)
    beta, statistic = firth_oracle(np.column_stack([x, g]), y)
    assert fit.converged.all()
    np.testing.assert_allclose(fit.beta[0], beta, atol=2e-5)
    np.testing.assert_allclose(fit.statistic[0], statistic, atol=1e-7)


@pytest.mark.parametrize("case", ["common", "one carrier", "only cases", "far offset"])
def test_approximate_firth_is_the_maximum(case):
    """One coefficient: the slope of the penalised likelihood is 0, and the gain is its own."""
    rng = np.random.default_rng(13)
    n = 400
    offset = -1 + rng.normal(size=n) * (6 if case == "far offset" else 1)
    y = (rng.random(n) < 1 / (1 + np.exp(-offset))) * 1.0
    g = rng.binomial(2, 0.3, n) * 1.0
    if case != "common" and case != "far offset":
        g = np.zeros(n)
        g[np.flatnonzero(y == 1)[: 1 if case == "one carrier" else 7]] = 1
    g -= 0.03 * rng.normal(size=n)

    def value(b):
        eta = offset + g * b
        p = 1 / (1 + np.exp(-eta))
        return np.sum(y * eta - np.logaddexp(0, eta)) + np.log(np.sum(p * (1 - p) * g * g)) / 2

    fit = firth_single.approximate(np.stack([g, -g]), y, offset)
    best = optimize.minimize_scalar(lambda b: -value(b), (-1, 1), options={"xtol": 1e-12})
    assert fit.converged.all()
    np.testing.assert_allclose(fit.beta, [best.x, -best.x], atol=1e-6)
    np.testing.assert_allclose(fit.statistic, 2 * (-best.fun - value(0.0)), atol=1e-9)
    p = 1 / (1 + np.exp(-offset - g * best.x))
    np.testing.assert_allclose(fit.standard_error, np.sum(p * (1 - p) * g * g) ** -0.5, rtol=1e-6)


def test_firth_leaves_out_people_without_genotype():
    rng = np.random.default_rng(12)
    n = 200
    x = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = (rng.random(n) < 0.3) * 1.0
    g = rng.binomial(2, 0.2, (5, n)) * 1.0
    present = (rng.random((5, n)) < 0.9) * 1.0
    fit = firth.exact(small.orthonormal(x), g * present, y, present)
    for j in range(5):
        keep = present[j] == 1
        alone = firth.exact(small.orthonormal(x[keep]), g[j : j + 1, keep], y[keep])
        np.testing.assert_allclose(fit.beta[j], alone.beta[0], rtol=1e-6)
        np.testing.assert_allclose(fit.standard_error[j], alone.standard_error[0], rtol=1e-6)
        np.testing.assert_allclose(fit.statistic[j], alone.statistic[0], rtol=1e-6)


def test_refinement_follows_the_thresholds_and_approximates_the_exact_fit(tmp_path):
    block, dosages, x, used, y = binary(tmp_path, n_samples=1001)
    carriers = np.nan_to_num(dosages[9]) > 0
    y[carriers] = np.random.default_rng(1).random(carriers.sum()) < 0.8
    every = np.ones(len(dosages), bool)

    def fit(firth_below, exact):
        model = Logistic(y, x, used, firth_below=firth_below, exact_firth_below=exact)
        return model.test(block, Projected(model.space, block), every)

    score, near, exact, mixed = fit(0, 0), fit(1, 0), fit(1, 1), fit(0.05, 1e-4)
    assert set(score.test) == {1}
    assert set(near.test) == {2}
    assert set(exact.test) == {3}
    p = 10**-score.neg_log10_p
    np.testing.assert_array_equal(mixed.test == 1, p >= 0.05)
    assert mixed.test[9] == 3
    assert (near.test[every] == 2).all()
    small_effects = np.abs(exact.beta) < 1
    np.testing.assert_allclose(near.beta[small_effects], exact.beta[small_effects], atol=0.02)
    np.testing.assert_allclose(near.neg_log10_p, exact.neg_log10_p, atol=0.05, rtol=0.05)


def test_separable_variants_are_finite(tmp_path):
    block, dosages, x, used, y = binary(tmp_path, missing=0)
    y[dosages[6] > 0] = 1
    model = Logistic(y, x, used, firth_below=1, exact_firth_below=1)
    ours = model.test(block, Projected(model.space, block), np.ones(len(dosages), bool))
    assert ours.converged[6]
    assert 0 < ours.beta[6] < 10
    assert np.isfinite(ours.neg_log10_p[6])


def test_separating_covariates_give_a_firth_null(tmp_path):
    block, dosages, x, used, y = binary(tmp_path, missing=0.02)
    x[:, 2] = y
    x[np.flatnonzero(used)[:2], 2] = 0
    y[np.flatnonzero(used)[:2]] = 0
    model = Logistic(y, x, used, firth_below=0.05, exact_firth_below=1e-4)
    assert model.null == "firth"
    ours = model.test(block, Projected(model.space, block), np.ones(len(dosages), bool))
    assert np.isfinite(ours.beta).all()


def test_neg_log10_p_of_normal_and_chi2():
    z = np.array([0, 0.5, 1.96, 5, 37.0])
    np.testing.assert_allclose(
        pvalues.from_normal(-z), -np.log10(2 * stats.norm.sf(z)), rtol=1e-12, atol=1e-15
    )
    # Mills' ratio: the tail of a normal far out, to eight digits.
    far = 1e4
    mills = far**2 / 2 / np.log(10) + np.log10(far * np.sqrt(2 * np.pi) / 2)
    np.testing.assert_allclose(pvalues.from_normal(np.array([far])), mills, rtol=1e-8)
    np.testing.assert_allclose(pvalues.from_chi2(z**2), pvalues.from_normal(z), rtol=1e-14)
    assert np.isnan(pvalues.from_chi2(np.array([np.nan]))).all()


def exact_t(t: float, df: int) -> float:
    """-log10 of the two-sided p by the finite sum for even df, in as many digits as p has zeros."""
    getcontext().prec = 100 + int(df / 2 * np.log10(1 + t**2 / df))
    cos2 = Decimal(df) / (Decimal(df) + Decimal(t) ** 2)
    sin = (1 - cos2).sqrt()
    total = term = Decimal(1)
    for i in range(1, df // 2):
        term *= Decimal(2 * i - 1) / Decimal(2 * i) * cos2
        total += term
    return float(-(1 - sin * total).log10())


@pytest.mark.parametrize(
    ("t", "df"),
    # The far end takes as many digits as p has zeros: seconds at 2,000 degrees of freedom.
    [*product([0.3, 2.0, 12.0, 45.0], [2, 10, 100, 500, 2000]), (400.0, 500), (1e5, 2), (1e5, 100)],
)
def test_neg_log10_p_of_t_is_exact(t, df):
    ours = pvalues.from_t(np.array([t, -t]), df)
    np.testing.assert_allclose(ours, exact_t(t, df), rtol=1e-10)


def test_neg_log10_p_of_t_far_out():
    """Continuous across the change of method, increasing, and near the leading term at 1e5."""
    for df in (30, 1994, 500_000):
        t = np.geomspace(1, 1e5, 4000)
        out = pvalues.from_t(t, df)
        assert np.isfinite(out).all()
        assert (np.diff(out) > 0).all()
        second = np.diff(out, 2)
        assert np.abs(second).max() < 0.02 * out.max()
    assert pvalues.from_t(np.array([1e5]), 1994)[0] > 3000
    assert np.isnan(pvalues.from_t(np.array([np.nan]), 10)[0])


def test_lambda_gc():
    rng = np.random.default_rng(0)
    chi2 = rng.chisquare(1, 20_001) * 1.1
    expected = np.median(chi2) / stats.chi2.ppf(0.5, 1)
    assert np.isclose(pvalues.lambda_gc(pvalues.from_chi2(chi2)), expected, rtol=1e-9)
    assert pvalues.lambda_gc(np.array([np.nan])) is None


@pytest.mark.parametrize("far", [0.0, 400.0])  # in bins, and all in the last one
@pytest.mark.parametrize("n", [1, 2, 999, 1000])
def test_lambda_gc_of_chunks_is_that_of_the_whole(n, far):
    values = np.random.default_rng(n).exponential(0.4, n) + far
    whole = pvalues.chi2_from_neg_log10(np.median(values)) / stats.chi2.ppf(0.5, 1)
    gappy = np.insert(values, n // 2, np.nan)
    chunks = [gappy[:1], gappy[1:1], gappy[1:]]
    np.testing.assert_allclose(pvalues.lambda_gc_of(lambda: chunks), whole, rtol=1e-12)


def test_small_systems():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(7, 4, 4))
    a = a @ a.transpose(0, 2, 1)
    a[3, 2] = a[3, 1]
    a[3, :, 2] = a[3, :, 1]
    batch_last = np.ascontiguousarray(a.transpose(1, 2, 0))
    factor, regular = small.cholesky(batch_last)
    assert list(np.flatnonzero(~regular)) == [3]
    right = rng.normal(size=(4, 2, 7))
    x = small.solve(factor, right)
    for j in np.flatnonzero(regular):
        np.testing.assert_allclose(a[j] @ x[:, :, j], right[:, :, j], atol=1e-8)
        assert np.isclose(small.log_determinant(factor)[j], np.linalg.slogdet(a[j])[1])
