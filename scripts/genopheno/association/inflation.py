"""Lambda of a trait: of all variants, by frequency, and as for 1,000 cases and controls."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from genopheno import pvalues

EDGES = (0.0, 0.01, 0.05, 0.5)  # of the minor allele frequency
FEWEST = 20  # variants of a bin that has a lambda
TOLERATED = 0.1
# A sample median of n χ²₁ has the error 1 / (2 f √n), f the density there; over the median itself.
ERROR = 2.33
ERRORS = 3


Chunks = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]


def summary(chunks: Chunks, n_cases: int | None, n_controls: int | None) -> dict:
    """Entries of a trait in ``scan.json``.

    Parameters
    ----------
    chunks : gives −log10 p (NaN is left out) and the frequency of the effect allele of some
        variants after the others; it is asked several times.
    n_cases, n_controls : None: a quantitative trait.

    Returns
    -------
    ``lambda_gc``, ``lambda_1000`` (de Bakker 2008; None for a quantitative trait),
    ``lambda_off`` (`off`) and ``lambda_by_frequency``: for each bin of the minor allele
    frequency with variants its bounds, ``n_variants``, ``lambda_gc`` (None below `FEWEST`)
    and ``off``.
    """

    def within(low: float, high: float) -> Iterator[np.ndarray]:
        for neg_log10_p, frequency in chunks():
            minor = np.minimum(frequency, 1 - frequency)
            yield neg_log10_p[(minor > low) & (minor <= high) & ~np.isnan(neg_log10_p)]

    overall = pvalues.lambda_gc_of(lambda: (values for values, _ in chunks()))
    known = sum(int((~np.isnan(values)).sum()) for values, _ in chunks())
    bins = []
    for low, high in itertools.pairwise(EDGES):
        n = sum(map(len, within(low, high)))
        if n:
            value = None
            if n >= FEWEST:
                value = pvalues.lambda_gc_of(lambda low=low, high=high: within(low, high))
            bins.append(
                {"min": low, "max": high, "n_variants": n, "lambda_gc": value, "off": off(value, n)}
            )
    return {
        "lambda_gc": overall,
        "lambda_1000": lambda_1000(overall, n_cases, n_controls),
        "lambda_off": off(overall, known),
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
