"""The mixing fraction of simulated allele counts is found again."""

from __future__ import annotations

import numpy as np
import pytest

from genopheno.samples.contamination import estimate


def drawn(fraction: float, *, sites: int, depth: float, error: float = 0.005, seed: int = 1):
    """Allele depths (sites, 2) of a sample with `fraction` of another person, and frequencies."""
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(0.05, 0.95, sites)
    own, other = rng.binomial(2, frequency), rng.binomial(2, frequency)
    share = ((1 - fraction) * own + fraction * other) / 2
    total = rng.poisson(depth, sites)
    alternate = rng.binomial(total, share * (1 - error) + (1 - share) * error)
    return np.column_stack([total - alternate, alternate]), frequency


@pytest.mark.parametrize("fraction", [0.0, 0.02, 0.05, 0.3])
def test_the_planted_fraction_is_inside_a_narrow_interval(fraction):
    found = estimate(*drawn(fraction, sites=2000, depth=30), min_sites=100)
    assert found.low <= fraction <= found.high
    assert abs(found.fraction - fraction) < 0.01 + 0.02 * fraction
    assert found.high - found.low < 0.05
    assert (found.low > 0) == (fraction > 0)
    assert found.error == pytest.approx(0.005, abs=0.003)


@pytest.mark.parametrize("fraction", [0.0, 0.3])
def test_low_depth_widens_the_interval(fraction):
    found = estimate(*drawn(fraction, sites=600, depth=4), min_sites=100)
    assert found.low <= fraction <= found.high
    assert (found.low > 0.04) == (fraction > 0)


def test_a_clean_sample_that_is_heterozygous_at_most_sites_is_no_mixture():
    rng = np.random.default_rng(3)
    frequency = rng.uniform(0.05, 0.95, 600)
    own = np.where(rng.random(600) < 0.7, 1, rng.binomial(2, frequency))
    total = rng.poisson(4, 600)
    alternate = rng.binomial(total, np.clip(own / 2, 0.005, 0.995))
    depth = np.column_stack([total - alternate, alternate])
    assert estimate(depth, frequency, min_sites=100).low == 0


def test_too_few_sites_with_two_reads_give_no_estimate():
    depth, frequency = drawn(0.3, sites=99, depth=30)
    assert estimate(depth, frequency, min_sites=100) is None
    shallow = np.zeros((500, 2), dtype=int)
    shallow[:, 0] = 1
    assert estimate(shallow, np.full(500, 0.3), min_sites=100) is None


def test_very_deep_sites_do_not_overflow():
    depth, frequency = drawn(0.05, sites=300, depth=60)
    found = estimate((depth * 500).astype(np.uint16), frequency, min_sites=100)
    assert 0.03 < found.fraction < 0.07
