"""What reads and calls say about a genotype: likelihoods, sure genotypes, allele frequencies."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from genopheno.samples.calls import Genotypes

READ_ERROR = 0.01  # a read shows the other allele
CALL_ERROR = 0.01  # a genotype without reads is another one
STRAY = 0.01  # a site of a sample says nothing, whatever the reads: artefacts
SURE = 100.0  # times as likely as the next genotype, GQ 20


def likelihoods(genotypes: Genotypes) -> np.ndarray:
    """Likelihood of 0, 1 and 2 alternate alleles, each row scaled to a maximum of 1.

    From the allele depths where there are any (binomial, error `READ_ERROR`); else from the
    called genotype with its GQ, or with `CALL_ERROR`; flat where there is neither.

    Returns
    -------
    (m, n, 3) float32.
    """
    m, n = genotypes.dosage.shape
    made = np.empty((m, n, 3), dtype=np.float32)
    share = np.array([READ_ERROR, 0.5, 1 - READ_ERROR])
    for rows in blocks(m, n):
        depth = genotypes.depth[rows].astype(np.float32)
        log = depth[..., 1:] * np.log(share) + depth[..., :1] * np.log(1 - share)
        dosage, quality = genotypes.dosage[rows], genotypes.quality[rows]
        wrong = np.where(quality > 0, 10.0 ** (-quality / 10), CALL_ERROR)
        wrong = np.clip(wrong, CALL_ERROR, 2 / 3)[..., None]
        told = (depth.sum(axis=-1) == 0) & (dosage >= 0)
        if genotypes.has_depth:
            # A genotype of a sample without a read is a guess from the other samples.
            told &= quality > 0
        by_call = np.where(np.arange(3) == dosage[..., None], 1 - wrong, wrong / 2)
        log[told] = np.log(by_call[told])
        made[rows] = np.exp(log - log.max(axis=-1, keepdims=True))
    return made


def blocks(m: int, n: int) -> Iterator[slice]:
    """Rows at a time so that a block of (rows, n, 3) stays small."""
    step = max(1, 2_000_000 // max(n, 1))
    return (slice(start, start + step) for start in range(0, m, step))


def sure_genotypes(likelihood: np.ndarray) -> np.ndarray:
    """(m, k) int8: the genotype that is `SURE` times as likely as any other; -1: none is."""
    ordered = np.sort(likelihood, axis=-1)
    best = likelihood.argmax(axis=-1).astype(np.int8)
    with np.errstate(divide="ignore"):
        sure = ordered[..., 2] >= SURE * 0.98 * ordered[..., 1]
    return np.where(sure, best, np.int8(-1))


def frequencies(likelihood: np.ndarray, rounds: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Allele frequency per site by expectation maximisation, without calling genotypes.

    As in ANGSD and samtools (Li 2011, Bioinformatics 27:2987, eq. 5): the expected dosage of
    every sample given the reads and the frequency, under Hardy-Weinberg proportions.

    Returns
    -------
    frequency : (m,) of the alternate allele, half an allele added to each side.
    expected : (m, k) float32, expected dosage of each sample; NaN where nothing is known.
    """
    m, k = likelihood.shape[:2]
    frequency = np.full(m, 0.5)
    expected = np.full((m, k), np.nan, dtype=np.float32)
    for rows in blocks(m, k):
        part = likelihood[rows].astype(np.float64)
        known = ~np.isclose(part.min(axis=-1), part.max(axis=-1))  # reads say something
        n = known.sum(axis=1)
        p = np.full(len(part), 0.5)
        for _ in range(rounds):
            weight = part * hardy_weinberg(p)[:, None, :]
            weight /= weight.sum(axis=-1, keepdims=True)
            dosage = weight[..., 1] + 2 * weight[..., 2]
            p = ((dosage * known).sum(axis=1) + 0.5) / (2 * n + 1)
        frequency[rows] = p
        expected[rows] = np.where(known, dosage, np.nan)
    return frequency, expected


def hardy_weinberg(frequency: np.ndarray) -> np.ndarray:
    """(..., 3) probability of 0, 1 and 2 alternate alleles at a frequency (...)."""
    p = np.asarray(frequency, dtype=float)
    return np.stack([(1 - p) ** 2, 2 * p * (1 - p), p**2], axis=-1)
