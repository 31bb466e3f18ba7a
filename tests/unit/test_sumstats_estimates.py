"""Estimates of a meta-analysis and their p-values against statsmodels and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_ndtr
from statsmodels.stats.meta_analysis import combine_effects

from genopheno import pvalues
from genopheno.sumstats import estimates


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # its own, of such a tau²
def test_effects_against_statsmodels() -> None:
    draw = np.random.default_rng(1)
    beta, error = draw.normal(0.1, 0.2, (5, 40)), draw.uniform(0.02, 0.2, (5, 40))
    beta[draw.random((5, 40)) < 0.3] = np.nan
    beta[0, 0], beta[1:, 0] = 0.1, np.nan
    apart = estimates.heterogeneity(beta, error)
    fixed, random = estimates.fixed(beta, error), estimates.random(beta, error, apart.tau2)
    truncated = 0
    for i in range(1, beta.shape[1]):
        there = ~np.isnan(beta[:, i])
        if there.sum() < 2:
            continue
        # It lets tau² be below 0, which DerSimonian and Laird do not.
        told = combine_effects(beta[there, i], error[there, i] ** 2, method_re="chi2")
        ours = [
            (fixed.beta[i], fixed.standard_error[i]),
            (random.beta[i], random.standard_error[i]),
        ]
        of_fixed = told.mean_effect_fe, told.sd_eff_w_fe
        of_random = told.mean_effect_re, told.sd_eff_w_re
        theirs = [of_fixed, of_random if told.tau2 > 0 else of_fixed]
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)
        truncated += told.tau2 < 0
        q, p, df = told.test_homogeneity().statistic, told.test_homogeneity().pvalue, apart.df[i]
        np.testing.assert_allclose([apart.q[i], 10 ** -apart.neg_log10_p[i]], [q, p], rtol=1e-9)
        np.testing.assert_allclose(apart.i2[i], max(0, (q - df) / q), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(apart.tau2[i], max(0, told.tau2), rtol=1e-9, atol=1e-12)
    assert 0 < truncated < 20
    assert (apart.q[0], apart.df[0], apart.tau2[0]) == (0, 0, 0)
    assert (fixed.beta[0], random.standard_error[0]) == (0.1, error[0, 0])


def test_p_values_of_q_beyond_what_a_double_holds() -> None:
    x = np.array([3.0, 1280.0, 1300.0, 9000.0])
    # Two and four degrees of freedom have closed tails: exp(-x/2) and (1 + x/2) exp(-x/2).
    half = x / 2 / np.log(10)
    np.testing.assert_allclose(pvalues.from_chi2_of(x, 2), half, rtol=1e-13)
    four = half - np.log10(1 + x / 2)
    np.testing.assert_allclose(pvalues.from_chi2_of(x, 4), four, rtol=1e-13)
    # One: twice the normal tail, which scipy has on the log scale.
    one = -(log_ndtr(-np.sqrt(x)) + np.log(2)) / np.log(10)
    np.testing.assert_allclose(pvalues.from_chi2_of(x, 1), one, rtol=1e-13)
    # Three: that of one, and sqrt(2 x / π) exp(-x/2) beside it.
    three = np.logaddexp(-one * np.log(10), np.log(2 * x / np.pi) / 2 - x / 2) / -np.log(10)
    np.testing.assert_allclose(pvalues.from_chi2_of(x, 3), three, rtol=1e-13)
