"""Variants in approximate linkage equilibrium, as plink2 ``--indep-pairwise`` chooses them.

A window slides over the variants of a contig, one variant at a step. In each window, pairs
whose squared correlation of dosages is above the threshold are gone through in order, and of
each pair the variant with the higher major allele frequency leaves (at equal frequencies the
later), until no such pair is left. This is the order of PLINK 1.9 and of plink2 before
``--indep-order 2``. Correlations are over the people who have both genotypes. Their sums are
whole numbers, counted as bits (see `kernels`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from genopheno.genotypes import Genotypes
from genopheno.problems import StageError, fail


def prune(
    genotypes: Genotypes,
    keep: np.ndarray,
    frequency: np.ndarray,
    *,
    r2: float,
    window_kb: float | None = 1000,
    window_variants: int | None = None,
    threads: int = 1,
) -> np.ndarray:
    """Choose variants none of which are correlated above `r2` within a window.

    Parameters
    ----------
    keep : (n_variants,) bool, variants to choose from; others are as if not there.
    frequency : (n_variants,) float64 of the effect allele, among all samples.
    r2 : pairs of variants with a squared correlation above this lose one.
    window_kb : reach of a window; both its ends count.
    window_variants : reach in variants (of `keep`) instead of kilobases.
    threads : contigs are shared out among them.

    Returns
    -------
    (n_variants,) bool: a part of `keep`. Variants at which all are heterozygous go, too.

    Raises
    ------
    StageError : the positions of a contig are not ascending, or its variants not together.
    """
    from genopheno.structure.kernels import prune_contig

    major = np.maximum(frequency, 1 - frequency)
    places = np.from_dlpack(genotypes.table["position"].combine_chunks()).astype(np.int64)
    packed = genotypes.packed(0, genotypes.n_variants)
    tasks: list[tuple[np.ndarray, np.ndarray]] = []
    seen: set[str] = set()
    for contig, start, stop in genotypes.contigs():
        rows = start + np.flatnonzero(keep[start:stop])
        if not len(rows):
            continue
        if contig in seen:
            raise _unsorted(genotypes, "the variants of a contig do not stand together")
        seen.add(contig)
        place, number = places[rows], np.arange(len(rows))
        if (np.diff(place) < 0).any():
            raise _unsorted(genotypes, f"positions of {contig} are not ascending")
        if window_variants is not None:
            ends = np.minimum(number + window_variants, len(rows))
        else:
            ends = np.searchsorted(place, place + int(window_kb * 1000), side="right")
        tasks.append((rows, ends))

    alive = np.zeros(genotypes.n_variants, dtype=bool)

    def one(task: tuple[np.ndarray, np.ndarray]) -> None:
        rows, ends = task
        kept = np.zeros(len(rows), dtype=bool)
        prune_contig(packed, rows, genotypes.n_samples, ends, major[rows], r2, kept)
        alive[rows] = kept

    with ThreadPoolExecutor(threads) as workers:
        # The longest first, so that no thread is left with one at the end.
        list(workers.map(one, sorted(tasks, key=lambda task: -len(task[0]))))
    return alive


def _unsorted(genotypes: Genotypes, found: str) -> StageError:
    mend = "Sort them (plink2 --make-bed does after --make-pgen --sort-vars)"
    return fail("genotypes-unsorted", genotypes.prefix, found, mend)
