"""Tails of mixtures of chi-squared variables, SKAT, SKAT-O, and the Cauchy combination."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from genopheno.association.genes.combine import cauchy
from genopheno.association.genes.kernels import Kernel, skat, skat_o
from genopheno.association.genes.mixture import log_upper_tail, quantile

# Davies 1980, table 3: weights, degrees of freedom of each, q, P(Q < q).
DAVIES = [
    ((6, 3, 1), (1, 1, 1), 1, 0.0542),
    ((6, 3, 1), (1, 1, 1), 7, 0.4936),
    ((6, 3, 1), (1, 1, 1), 20, 0.8760),
    ((6, 3, 1), (2, 2, 2), 2, 0.0064),
    ((6, 3, 1), (2, 2, 2), 20, 0.6002),
    ((6, 3, 1), (2, 2, 2), 60, 0.9839),
    ((6, 3, 1), (6, 4, 2), 10, 0.0027),
    ((6, 3, 1), (6, 4, 2), 50, 0.5648),
    ((6, 3, 1), (6, 4, 2), 120, 0.9912),
]


@pytest.mark.parametrize(("weights", "df", "q", "below"), DAVIES)
def test_tails_are_those_of_davies_table(weights, df, q, below) -> None:
    found = log_upper_tail(q, np.repeat(weights, df).astype(float))
    assert -np.expm1(found[0]) == pytest.approx(below, abs=1e-4)


@pytest.mark.parametrize("df", [1, 2, 5, 60, 400])
def test_equal_weights_are_chi_squared(df: int) -> None:
    q = df * np.array([1e-4, 0.2, 0.7, 0.99, 1.01, 1.5, 3, 10])
    expected = stats.chi2.logsf(q, df)
    known = np.isfinite(expected)  # SciPy underflows
    found = log_upper_tail(q * 0.3, np.full(df, 0.3))
    np.testing.assert_allclose(found[known], expected[known], rtol=1e-7, atol=1e-7)
    assert np.all(np.diff(found) < 0)


def test_far_tails_keep_their_digits() -> None:
    """Pairs of equal weights have a closed form, here down to p of 1e-2000."""
    q = np.array([0.01, 1, 30, 1e3, 1e4])
    found = log_upper_tail(q, np.array([1, 1, 0.4, 0.4]))
    expected = -q / 2 + np.log((1 - 0.4 * np.exp(-q / 2 * (1 / 0.4 - 1))) / 0.6)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_zeros_fill_up_rows_and_quantiles_invert() -> None:
    random = np.random.default_rng(1)
    weights = random.gamma(0.7, size=(40, 7))
    log_p = -np.geomspace(0.01, 500, 40)
    q = quantile(log_p, weights)
    np.testing.assert_allclose(log_upper_tail(q, weights), log_p, rtol=2e-7, atol=2e-7)
    padded = np.hstack([weights, np.zeros((40, 3))])
    np.testing.assert_allclose(log_upper_tail(q, padded), log_upper_tail(q, weights), rtol=1e-9)
    assert np.isnan(log_upper_tail(np.nan, weights[0])[0])


def kernel(random, m: int, shift: float = 0.0) -> Kernel:
    mix = random.normal(size=(m, m + 3))
    variance = mix @ mix.T / m
    score = np.linalg.cholesky(variance) @ random.normal(size=m) + shift
    return Kernel(score, variance)


def test_skat_is_the_mixture_of_its_eigenvalues() -> None:
    """Against 200,000 draws of the statistic without an effect."""
    random = np.random.default_rng(5)
    one = kernel(random, 6, 1.2)
    draws = random.multivariate_normal(np.zeros(6), one.variance, 200_000)
    expected = (np.square(draws).sum(1) > one.score @ one.score).mean()
    found = 10 ** -skat([one])[0]
    assert found == pytest.approx(expected, abs=4 * np.sqrt(expected / 200_000))


def test_skat_o_without_an_effect_is_uniform() -> None:
    random = np.random.default_rng(8)
    one = kernel(random, 5)
    draws = random.multivariate_normal(np.zeros(5), one.variance, 2000)
    p = 10 ** -skat_o([Kernel(draw, one.variance) for draw in draws])
    for level in (0.5, 0.1, 0.02):
        allowed = 4 * np.sqrt(level * (1 - level) / len(p))
        assert (p < level).mean() == pytest.approx(level, abs=allowed)


def test_skat_o_lies_between_its_bounds_and_finds_what_either_finds() -> None:
    random = np.random.default_rng(3)
    m = 8
    alike = Kernel(np.full(m, 2.0), np.eye(m))  # one direction: the burden has it
    apart = Kernel(np.tile([2.6, -2.6], m // 2), np.eye(m))  # both: the burden has nothing
    for one in (alike, apart, kernel(random, m)):
        burden = -np.log10(stats.chi2.sf(one.score.sum() ** 2 / one.variance.sum(), 1))
        best = max(burden, skat([one])[0])
        assert best - np.log10(8) <= skat_o([one])[0] <= best + 0.05


def test_skat_o_for_independent_variants_by_plain_quadrature() -> None:
    """V = I: the part beside the burden is chi-squared with m - 1 degrees, in closed form."""
    from genopheno.association.genes.kernels import RHO

    m = 6
    one = Kernel(np.array([2.5, 0.3, 1.9, -0.2, 1.1, 0.4]), np.eye(m))
    q, b = one.score @ one.score, one.score.sum() ** 2
    values = [np.r_[np.full(m - 1, 1 - r), 1 - r + m * r] for r in RHO]
    logs = np.array(
        [log_upper_tail((1 - r) * q + r * b, v)[0] for r, v in zip(RHO, values, strict=True)]
    )
    limits = np.array([quantile(np.array([logs.min()]), v[None])[0] for v in values])
    tau = m * RHO + (1 - RHO)

    def density(z: float) -> float:
        least = np.min((limits - tau * z * z) / (1 - RHO))
        return 2 * stats.norm.pdf(z) * stats.chi2.sf(least, m - 1)

    expected = integrate.quad(density, 0, 12, limit=400, epsrel=1e-10)[0]
    assert 10 ** -skat_o([one])[0] == pytest.approx(expected, rel=1e-5)


def test_one_variant_is_its_own_score_test() -> None:
    one = Kernel(np.array([3.0]), np.array([[2.0]]))
    expected = -np.log10(stats.chi2.sf(4.5, 1))
    assert skat([one])[0] == pytest.approx(expected, rel=1e-9)
    assert skat_o([one])[0] == pytest.approx(expected, rel=1e-5)


def test_without_variance_there_is_no_p_value() -> None:
    nothing = Kernel(np.zeros(2), np.zeros((2, 2)))
    other = Kernel(np.array([1.0, 2]), np.eye(2))
    for test in (skat, skat_o):
        found = test([nothing, other])
        assert np.isnan(found[0]) and np.isfinite(found[1])


def test_cauchy_is_scipys_where_scipy_has_digits() -> None:
    random = np.random.default_rng(2)
    for _ in range(20):
        p, w = random.uniform(1e-6, 0.99, 5), random.uniform(0.1, 1, 5)
        total = (w / w.sum()) @ stats.cauchy.isf(p)
        assert 10 ** -cauchy(-np.log10(p), w) == pytest.approx(stats.cauchy.sf(total), rel=1e-6)


def test_cauchy_far_out_and_at_its_ends() -> None:
    assert cauchy(np.full(4, 1000.0)) == pytest.approx(1000)
    # The smaller p decides, at twice its size.
    assert cauchy(np.array([500.0, 0.1])) == pytest.approx(500 - np.log10(2))
    assert cauchy(np.array([0.0, 0.0])) == pytest.approx(-np.log10(0.999))
    assert cauchy(np.array([np.nan, 2.0])) == pytest.approx(2)
    # A small p of hardly any weight does not outvote the others.
    expected = stats.cauchy.sf(np.array([1, 1e-12]) / (1 + 1e-12) @ stats.cauchy.isf([0.9, 1e-9]))
    assert 10 ** -cauchy(np.array([-np.log10(0.9), 9]), np.array([1, 1e-12])) == pytest.approx(
        expected, rel=1e-6
    )
    assert np.isnan(cauchy(np.array([np.nan])))
    assert np.isnan(cauchy(np.array([1.0]), np.array([0.0])))
