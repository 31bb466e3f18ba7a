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
    low, width = _window(*np.maximum(distinct, [1, 0, 0]).T)
    # By width, so that variants of one batch need as many columns.
    order = np.argsort(width, kind="stable")
    order = order[distinct[order, 0] > 0]
    log_factorial = np.array([math.lgamma(k + 1) for k in range(base)])
    start = 0
    while start < len(order):
        stop = len(order)
        while stop - start > 1 and (stop - start) * int(width[order[stop - 1]]) > CELLS:
            stop = start + max(1, (stop - start) // 2)
        part = order[start:stop]
        widest = int(width[order[stop - 1]])
        answer[part] = _batch(*distinct[part].T, low[part], widest, log_factorial)
        start = stop
    return answer[inverse]


def _window(people: np.ndarray, rare: np.ndarray, het: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of heterozygotes to look at: the smallest, and how many (every second one).

    Those beyond ten standard deviations weigh less than 1e-20 of the whole. They are left out
    where the number seen is within five, so that its p-value is far larger than that.
    """
    common = 2 * people - rare
    expected = rare * common / (2 * people - 1)
    half = 10 * rare * common / (2 * people**1.5) + 20
    near = np.abs(het - expected) < half / 2
    odd = rare % 2
    low = np.where(near, np.maximum(expected - half, 0), 0).astype(np.int64) // 2 * 2 + odd
    high = np.where(near, np.minimum(expected + half, rare), rare).astype(np.int64)
    return low, (high - low) // 2 + 1


def _batch(
    people: np.ndarray,
    rare: np.ndarray,
    het: np.ndarray,
    low: np.ndarray,
    width: int,
    log_factorial: np.ndarray,
) -> np.ndarray:
    """Mid-p of variants (m,) over `width` numbers of heterozygotes from `low` on."""
    numbers = low[:, None] + 2 * np.arange(width)
    possible = numbers <= rare[:, None]
    numbers = np.where(possible, numbers, low[:, None])
    rare_pairs = (rare[:, None] - numbers) // 2
    common_pairs = people[:, None] - numbers - rare_pairs
    logs = (
        numbers * math.log(2)
        - log_factorial[numbers]
        - log_factorial[rare_pairs]
        - log_factorial[common_pairs]
    )
    logs[~possible] = -np.inf
    logs -= logs.max(axis=1, keepdims=True)
    chance = np.exp(logs)
    seen = logs[np.arange(len(rare)), (het - low) // 2][:, None]
    less = np.where(logs < seen - TIE, chance, 0).sum(axis=1)
    equal = np.where(np.abs(logs - seen) <= TIE, chance, 0).sum(axis=1)
    return (less + equal / 2) / chance.sum(axis=1)
