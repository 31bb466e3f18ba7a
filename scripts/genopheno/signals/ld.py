"""Squared correlation of one variant's alleles with those of others, in the cohort itself.

Of the alleles on chromosomes, not of allele counts: the haplotype frequencies of two variants are
estimated by maximum likelihood from unphased genotypes (only people heterozygous for both are in
doubt), as plink 1.9 does for ``--clump``. The likelihood's stationary points are the roots of a
cubic (Gaunt et al. 2007, BMC Bioinformatics 8:428).
"""

from __future__ import annotations

import numpy as np

from genopheno.genotypes import Genotypes

# Of the codes 00, 01, 10, 11 (two copies, missing, one copy, none).
ONE, TWO, PRESENT = (0, 0, 1, 0), (1, 0, 0, 0), (1, 0, 1, 1)
CHUNK = 2**23  # genotypes decoded at a time


def squared_correlation(
    genotypes: Genotypes, row: int, others: np.ndarray, keep: np.ndarray | None = None
) -> np.ndarray:
    """r² of variant `row` with each of `others`, over the people with both genotypes.

    NaN where either does not vary among them.

    Parameters
    ----------
    others : (variants,) rows of the genotypes.
    keep : (samples,) bool, people that count; None: all.

    Returns
    -------
    (variants,) float64.
    """
    given = np.stack(
        [genotypes.decode_rows(np.array([row]), v, np.float32)[0] for v in (ONE, TWO, PRESENT)]
    )
    if keep is not None:
        given *= keep
    out = np.empty(len(others))
    size = max(1, CHUNK // genotypes.n_samples)
    for first in range(0, len(others), size):
        part = others[first : first + size]
        # Sums of ones are exact in single precision below 2^24 people. (value, given, variant)
        counts = np.stack(
            [(genotypes.decode_rows(part, v, np.float32) @ given.T).T for v in (ONE, TWO, PRESENT)]
        ).astype(np.float64)
        out[first : first + size] = r2_of_counts(counts)
    return out


def r2_of_counts(counts: np.ndarray) -> np.ndarray:
    """r² between alleles, of people counted by two genotypes.

    Parameters
    ----------
    counts : (3, 3, pairs): people with one copy, two copies, any genotype of the one variant,
        by the same of the other.
    """
    (n11, n12, n1_), (n21, n22, n2_), (n_1, n_2, n) = counts
    with np.errstate(invalid="ignore", divide="ignore"):
        p, q = (n1_ + 2 * n2_) / (2 * n), (n_1 + 2 * n_2) / (2 * n)
        known = (2 * n22 + n12 + n21) / (2 * n)  # haplotypes with both alleles, beyond doubt
        doubt = n11 / (2 * n)  # haplotypes with both, if all in doubt were in coupling
        f = known + _coupled(known, p - known - doubt, q - known - doubt, doubt)
        r2 = (f - p * q) ** 2 / (p * (1 - p) * q * (1 - q))
    return np.where(np.isfinite(r2), r2, np.nan)


def _coupled(both: np.ndarray, one: np.ndarray, other: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    """The share of `doubt` that is in coupling, (pairs,): 0 to `doubt`.

    Known frequencies of haplotypes with both alleles, with `one`, with the `other`; the
    rest has neither. With x in coupling the haplotypes are both + x, one + d - x, other + d - x,
    neither + x, and at a stationary point x / d = AB / (AB + CD) of these four.
    """
    neither = 1 - both - one - other - 2 * doubt
    d, c0, e0 = doubt, one + doubt, other + doubt
    # x (AB + CD) - d AB = 0, by powers of x.
    s, t = both + neither, c0 + e0
    ab, cd = both * neither, c0 * e0
    coefficients = np.stack([np.full_like(d, 2.0), s - t - d, ab + cd - d * s, -d * ab])
    roots = _real_roots(coefficients)
    inside = np.clip(np.nan_to_num(roots, nan=0.0), 0, d)
    # With an empty haplotype an end of the range is stationary, too.
    tried = np.concatenate([inside, np.zeros((1, len(d))), d[None]])

    def log(count, value):
        return np.where(count > 0, count * np.log(np.maximum(value, 1e-300)), 0)

    a, b, c, e = both + tried, neither + tried, c0 - tried, e0 - tried
    likelihood = (
        log(both, a) + log(neither, b) + log(one, c) + log(other, e) + log(d, a * b + c * e)
    )
    return np.take_along_axis(tried, likelihood.argmax(axis=0)[None], axis=0)[0]


def _real_roots(coefficients: np.ndarray) -> np.ndarray:
    """Real roots of cubics (4, n), highest power first -> (3, n); NaN where there are fewer."""
    a, b, c, d = coefficients
    shift = b / (3 * a)
    p = (3 * a * c - b * b) / (3 * a * a)
    q = (2 * b**3 - 9 * a * b * c + 27 * a * a * d) / (27 * a**3)
    inner = q * q / 4 + p**3 / 27
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(np.maximum(inner, 0))
        single = np.cbrt(-q / 2 + root) + np.cbrt(-q / 2 - root)
        radius = 2 * np.sqrt(np.maximum(-p / 3, 0))
        angle = np.arccos(np.clip(np.where(radius > 0, 3 * q / (p * radius), 0), -1, 1)) / 3
        three = np.stack([radius * np.cos(angle - 2 * np.pi * k / 3) for k in range(3)])
    one = np.stack([single, *np.full((2, len(p)), np.nan)])
    return np.where(inner > 0, one, three) - shift
