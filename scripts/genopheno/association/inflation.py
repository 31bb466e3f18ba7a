"""Lambda of a trait: of all variants, by frequency, and as for 1,000 cases and controls."""

from __future__ import annotations

import itertools

import numpy as np

from genopheno.association import pvalues

EDGES = (0.0, 0.01, 0.05, 0.5)  # of the minor allele frequency
FEWEST = 20  # variants of a bin that has a lambda
TOLERATED = 0.1
# A sample median of n χ²₁ has the error 1 / (2 f √n), f the density there; over the median itself.
ERROR = 2.33
ERRORS = 3


def summary(
    neg_log10_p: np.ndarray,
    frequency: np.ndarray,
    n_cases: int | None,
    n_controls: int | None,
) -> dict:
    """Entries of a trait in ``scan.json``.

    Parameters
    ----------
    neg_log10_p : (variants,); NaN is left out.
    frequency : (variants,) of the effect allele.
    n_cases, n_controls : None: a quantitative trait.

    Returns
    -------
    ``lambda_gc``, ``lambda_1000`` (de Bakker 2008; None for a quantitative trait),
    ``lambda_off`` (`off`) and ``lambda_by_frequency``: for each bin of the minor allele
    frequency with variants its bounds, ``n_variants``, ``lambda_gc`` (None below `FEWEST`)
    and ``off``.
    """
    overall = pvalues.lambda_gc(neg_log10_p)
    known = ~np.isnan(neg_log10_p)
    minor = np.minimum(frequency, 1 - frequency)
    bins = []
    for low, high in itertools.pairwise(EDGES):
        here = known & (minor > low) & (minor <= high)
        n = int(here.sum())
        if n:
            value = pvalues.lambda_gc(neg_log10_p[here]) if n >= FEWEST else None
            bins.append(
                {"min": low, "max": high, "n_variants": n, "lambda_gc": value, "off": off(value, n)}
            )
    return {
        "lambda_gc": overall,
        "lambda_1000": lambda_1000(overall, n_cases, n_controls),
        "lambda_off": off(overall, int(known.sum())),
        "lambda_by_frequency": bins,
    }


def lambda_1000(
    lambda_gc: float | None, n_cases: int | None, n_controls: int | None
) -> float | None:
    """Lambda as it would be with 1,000 cases and 1,000 controls (de Bakker 2008)."""
    if lambda_gc is None or not n_cases or not n_controls:
        return None
    return 1 + (lambda_gc - 1) * (1 / n_cases + 1 / n_controls) / (2 / 1000)


def off(lambda_gc: float | None, n_variants: int) -> bool:
    """Whether a lambda is worth a look: more than `TOLERATED` from 1, and than chance allows.

    Chance as for independent variants; linked ones scatter more.
    """
    if lambda_gc is None:
        return False
    return bool(abs(lambda_gc - 1) > TOLERATED + ERRORS * ERROR / np.sqrt(n_variants))
