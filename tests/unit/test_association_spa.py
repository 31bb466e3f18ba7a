"""The saddlepoint against distributions that are known exactly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from genopheno import fields, pvalues
from genopheno.association import build, scan, spa
from genopheno.association.firth import logistic
from genopheno.genotypes import write_bed


def exact_two_sided(n, carriers, share, cases_among_carriers, cases):
    """P(|S| >= |s|) of independent Bernoulli people, by the two binomials of which S is made."""
    a = np.arange(carriers + 1)
    b = np.arange(n - carriers + 1)
    pa, pb = stats.binom.pmf(a, carriers, share), stats.binom.pmf(b, n - carriers, share)
    score = a[:, None] - carriers / n * (a[:, None] + b)
    seen = abs(cases_among_carriers - carriers / n * cases)
    return (pa[:, None] * pb)[np.abs(score) >= seen - 1e-9].sum()


@pytest.mark.parametrize(
    ("n", "carriers", "cases", "among"),
    [
        (4000, 60, 40, 4),
        (4000, 60, 40, 7),
        (4000, 300, 40, 11),
        (4000, 300, 400, 55),
        (2000, 500, 1000, 310),
        (4000, 2000, 60, 45),
    ],
)
def test_against_the_exact_distribution(n, carriers, cases, among):
    """One binary genotype, cases from 1 in 100 to half: where the normal tail is far off."""
    g = (np.arange(n) < carriers) * 1.0
    y = np.zeros(n)
    y[:among] = 1
    y[carriers : carriers + cases - among] = 1
    share = cases / n
    eta = np.full(n, np.log(share / (1 - share)))
    found = spa.neg_log10_p((g - g.mean())[None], y, eta)[0]
    exact = -np.log10(exact_two_sided(n, carriers, share, among, cases))
    carried = spa.neg_log10_p((g - g.mean())[None], y, eta, (g > 0)[None])[0]
    assert abs(carried - found) < 2e-3
    # S sits on a lattice, which the approximation smooths: some 0.1 in the far tail.
    assert abs(found - exact) < 0.15 * max(1, exact / 5)
    if cases <= 60 and carriers < 1000:
        variance = share * (1 - share) * np.square(g - g.mean()).sum()
        normal = pvalues.from_chi2(np.square((g - g.mean()) @ y) / variance)
        assert normal - exact > 1


def test_against_inversion_of_the_characteristic_function():
    """Covariates make p differ from person to person, and S continuous."""
    rng = np.random.default_rng(6)
    n = 300
    eta = -3 + rng.normal(size=n) * 0.7
    p = logistic(eta)
    for _ in range(2):
        g = rng.exponential(size=n) ** 2
        g -= (p * (1 - p) * g).sum() / (p * (1 - p)).sum()
        y = (rng.random(n) < logistic(eta + 0.12 * g)) * 1.0
        s = abs(g @ (y - p))

        def survival(x, g=g):
            def integrand(t):
                log = np.log(1 - p + p * np.exp(1j * g * t)).sum() - 1j * t * (g @ p)
                return (np.exp(log - 1j * t * x)).imag / t

            return 0.5 + integrate.quad(integrand, 1e-9, 40, limit=1000)[0] / np.pi

        exact = survival(s) + 1 - survival(-s)
        found = 10 ** -spa.neg_log10_p(g[None], y, eta)[0]
        assert 1e-6 < exact < 0.6
        away = abs(np.log(found / exact))
        assert away < 0.2
        normal = 10 ** -pvalues.from_chi2(s**2 / (p * (1 - p) * g**2).sum())
        assert away < abs(np.log(normal / exact)) or away < 0.02


@pytest.mark.parametrize(("share", "spread"), [(0.01, 1.0), (0.01, 0.2), (0.1, 1.0), (0.5, 0.5)])
def test_carriers_and_a_series_of_the_others_are_the_full_sum(share, spread):
    """Rare and less rare variants, some associated, with covariates; common ones are summed."""
    rng = np.random.default_rng(8)
    n, m = 2000, 150
    g = rng.binomial(2, np.repeat([0.003, 0.03, 0.3], m // 3)[:, None], (m, n)) * 1.0
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    eta = np.log(share / (1 - share)) + spread * x[:, 1]
    y = (rng.random(n) < logistic(eta)) * 1.0
    g[::4, y > 0] += rng.random((len(g[::4]), int(y.sum()))) < 0.2
    w = logistic(eta) * (1 - logistic(eta))
    free = g - (g * w) @ x @ np.linalg.inv(x.T @ (x * w[:, None])) @ x.T
    free[:, :5] = 0  # without a genotype
    full = spa.neg_log10_p(free, y, eta)
    carriers = spa.neg_log10_p(free, y, eta, (g > 0) & (np.arange(n) >= 5))
    assert np.isfinite(full).all()
    assert full.max() > 5
    np.testing.assert_allclose(carriers, full, rtol=1e-4, atol=1e-3)
    assert (carriers[: 2 * m // 3] != full[: 2 * m // 3]).any()


def test_far_tails_do_not_underflow_and_the_largest_score_is_exact():
    n = 40_000
    g = np.zeros((2, n))
    g[0, :3000] = 1
    g[1, :5] = 1
    y = np.zeros(n)
    y[:1500] = 1
    eta = np.full(n, np.log(0.05 / 0.95))
    found = spa.neg_log10_p(g, y, eta)
    assert 400 < found[0] < 2000
    # All five carriers are cases: there is nothing beyond, and no other tail.
    np.testing.assert_allclose(found[1], -5 * np.log10(0.05), rtol=1e-9)


def test_one_binary_trait_through_the_scan(tmp_path):
    """Few cases: calibrated where the plain score test is not."""
    rng = np.random.default_rng(2)
    n, m = 3000, 600
    dosages = rng.binomial(2, rng.uniform(0.005, 0.05, (m, 1)), (m, n)).astype(np.int8)
    dosages[::4][rng.random(dosages[::4].shape) < 0.01] = -1
    names = [f"s{i}" for i in range(n)]
    people = pd.DataFrame({"participant": names, "age": rng.normal(size=n)})
    people["case"] = (rng.random(n) < 0.015) * 1.0
    dosages[0] = 0
    dosages[0, np.flatnonzero(people.case)[:12]] = 1  # carried by cases only
    variants = pd.DataFrame(
        {
            "variant_id": [f"v{i}" for i in range(m)],
            "contig": "1",
            "position": range(1, m + 1),
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    write_bed(tmp_path / "g", dosages, variants, names)
    traits = [{"name": "case", "type": "binary", "covariates": ["age"]}]
    tables = {}
    for correction, below in (("spa", 1.0), ("firth", 0.0)):
        made = build.design(
            pd.DataFrame({"sample": names, "participant": names}),
            people,
            {"traits": traits},
            None,
            n_components=0,
            relatives="keep",
        )
        scan.run(
            tmp_path / "g", made, min_allele_count=10, firth_below=below, exact_firth_below=0.0,
            correction=correction, threads=1, out_dir=tmp_path / correction,
        )  # fmt: skip
        tables[correction] = fields.read(tmp_path / correction / "case.parquet")
    ours, score = tables["spa"], tables["firth"]
    assert set(ours.test) <= {"spa", "firth-approximate"}
    assert set(score.test) == {"score"}
    assert (ours.test == "spa").mean() > 0.99
    assert 5 < ours.neg_log10_p_value[0] < score.neg_log10_p_value[0]
    same = ours.test == "spa"
    np.testing.assert_array_equal(ours.beta[same], score.beta[same])
    chi2 = np.square(ours.beta / ours.standard_error)[same]
    np.testing.assert_allclose(pvalues.from_chi2(chi2), ours.neg_log10_p_value[same], rtol=1e-6)
    null_ours, null_score = (t.neg_log10_p_value[1:] > 3 for t in (ours, score))
    assert null_ours.sum() <= 3
    assert null_score.sum() >= 5
