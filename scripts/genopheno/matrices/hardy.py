"""The exact test of Hardy-Weinberg equilibrium with the mid-p correction, many variants at once.

Given the counts of both alleles, the number of heterozygotes has a known distribution; the
p-value is the probability of all numbers that are less probable than the observed one, and half
that of those as probable.

Wigginton, Cutler, Abecasis (2005) Am J Hum Genet 76:887; mid-p: Graffelman, Moreno (2013)
Stat Appl Genet Mol Biol 12:433. The same as ``plink2 --hardy midp`` and Hail's
``hardy_weinberg_test``.
"""

from __future__ import annotations

import math

import numpy as np

CELLS = 1 << 21  # probabilities held at once
TIE = 1e-7  # relative difference below which two probabilities count as equal


def mid_p(hom_ref: np.ndarray, het: np.ndarray, hom_alt: np.ndarray) -> np.ndarray:
    """Two-sided mid-p of each variant.

    Parameters
    ----------
    hom_ref, het, hom_alt : (variants,) int, people by genotype (diploid calls).

    Returns
    -------
    (variants,) float64; NaN where nobody has a call.
    """
    hom_ref, het, hom_alt = (np.asarray(n, np.int64) for n in (hom_ref, het, hom_alt))
    rare = 2 * np.minimum(hom_ref, hom_alt) + het
    people = hom_ref + het + hom_alt
    # Many variants of a cohort have the same counts: one number stands for the three.
    base = 2 * int(people.max(initial=0)) + 1
    keys, inverse = np.unique((people * base + rare) * base + het, return_inverse=True)
    distinct = np.stack([keys // base // base, keys // base % base, keys % base], axis=1)
    answer = np.full(len(distinct), np.nan)
    if len(distinct):
        # By the number of rare alleles, so that variants of one batch need as many columns.
        order = np.argsort(distinct[:, 1], kind="stable")
        order = order[distinct[order, 0] > 0]
        log_factorial = np.array(
            [math.lgamma(k + 1) for k in range(2 * int(distinct[:, 0].max()) + 1)]
        )
        start = 0
        while start < len(order):
            stop = len(order)
            width = int(distinct[order[stop - 1], 1]) // 2 + 1
            while stop - start > 1 and (stop - start) * width > CELLS:
                stop = start + max(1, (stop - start) // 2)
                width = int(distinct[order[stop - 1], 1]) // 2 + 1
            part = order[start:stop]
            answer[part] = _batch(*distinct[part].T, width, log_factorial)
            start = stop
    return answer[inverse]


def _batch(
    people: np.ndarray, rare: np.ndarray, het: np.ndarray, width: int, log_factorial: np.ndarray
) -> np.ndarray:
    """Mid-p of variants (m,) with at most ``2 * width - 1`` rare alleles."""
    # Heterozygotes that are possible: as odd or even as the number of rare alleles.
    numbers = (rare % 2)[:, None] + 2 * np.arange(width)
    possible = numbers <= rare[:, None]
    numbers = np.where(possible, numbers, 0)
    rare_pairs = np.maximum(rare[:, None] - numbers, 0) // 2
    common_pairs = people[:, None] - numbers - rare_pairs
    common_pairs = np.where(possible, common_pairs, 0)
    logs = (
        numbers * math.log(2)
        - log_factorial[numbers]
        - log_factorial[rare_pairs]
        - log_factorial[common_pairs]
    )
    logs[~possible] = -np.inf
    logs -= logs.max(axis=1, keepdims=True)
    chance = np.exp(logs)
    rows = np.arange(len(rare))
    seen = logs[rows, (het - rare % 2) // 2][:, None]
    less = np.where(logs < seen - TIE, chance, 0).sum(axis=1)
    equal = np.where(np.abs(logs - seen) <= TIE, chance, 0).sum(axis=1)
    return (less + equal / 2) / chance.sum(axis=1)
