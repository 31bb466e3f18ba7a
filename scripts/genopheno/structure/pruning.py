"""Variants in approximate linkage equilibrium, as plink2 ``--indep-pairwise`` chooses them.

A window slides over the variants of a contig, one variant at a step. In each window, pairs
whose squared correlation of dosages is above the threshold are gone through in order, and of
each pair the variant with the higher major allele frequency leaves (at equal frequencies the
later), until no such pair is left. This is the order of PLINK 1.9 and of plink2 before
``--indep-order 2``. Correlations are over the people who have both genotypes. All sums are
whole numbers below 2²⁴ in single precision, hence exact, and so are the comparisons.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from genopheno.genotypes import Genotypes, byte_table
from genopheno.problems import StageError, fail

BLOCK = 128  # variants that join at a time; wider products waste work on far and pruned ones
TIE = 2.0**-44  # frequencies closer than this, relatively, are equal

CENTRED = (1, 0, 0, -1)  # dosage − 1; missing is 0
MISSING = (False, True, False, False)
# Of the four genotypes of a byte: sum of the above, of its squares, and missing ones.
SUMS = [byte_table(v, np.int16).sum(axis=1) for v in (CENTRED, (1, 0, 0, 1), (0, 1, 0, 0))]


class Correlations:
    """Which pairs of variants are correlated, for the live variants of a contig.

    Holds the centred dosages (variants, people) float32 of those in reach, with their sums,
    sums of squares and missing genotypes, so that each genotype is decoded once.
    """

    def __init__(self, genotypes: Genotypes, r2: float):
        self.genotypes, self.r2 = genotypes, r2
        self.rows = np.zeros(0, np.int64)
        self._parts: list[np.ndarray] = []

    @property
    def homozygous(self) -> np.ndarray:
        """(held variants,) people who are homozygous for either allele."""
        return self._parts[2]

    def drop(self, keep: np.ndarray) -> None:
        """Forget the variants where `keep` (held variants,) is False."""
        if not keep.all():
            self.rows = self.rows[keep]
            self._parts = [part[keep] for part in self._parts]

    def add(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take in more variants.

        Returns
        -------
        first, second : variants (as in `rows`) of each correlated pair, first < second,
            second among the new ones; ordered by second, then first.
        """
        n = self.genotypes.n_samples
        x = self.genotypes.decode_rows(rows, CENTRED, np.float32)
        total, square, missing = self._sums(rows)
        gone = sparse.csr_matrix((len(rows), n), dtype=np.float32)
        if missing.any():
            row, person = np.nonzero(self.genotypes.decode_rows(rows, MISSING, np.bool_))
            ones = np.ones(len(row), np.float32)
            gone = sparse.csr_matrix((ones, (row, person)), shape=(len(rows), n))
        new = [x, total, square, gone, missing]
        if len(self.rows):
            held = [
                sparse.vstack([a, b], format="csr")
                if sparse.issparse(a)
                else np.concatenate([a, b])
                for a, b in zip(self._parts, new, strict=True)
            ]
        else:
            held = new
        self.rows, self._parts = np.concatenate([self.rows, rows]), held

        product = (held[0] @ x.T).astype(np.float64)  # (held, new)
        sums, sums_new = held[1][:, None], new[1][None, :]
        squares, squares_new = held[2][:, None], new[2][None, :]
        called = np.float64(n)
        if held[3].nnz:
            # Sums over the people who have both: without those whom the other lacks.
            lacks, lacks_new = held[3], new[3]
            both_gone = (lacks @ lacks_new.T).toarray()
            called = n - held[4][:, None] - new[4][None, :] + both_gone
            sums = sums - (lacks_new @ held[0].T).T
            sums_new = sums_new - lacks @ x.T
            squares = squares - (lacks_new @ (held[0] ** 2).T).T
            squares_new = squares_new - lacks @ (x**2).T
        covariance = product * called - sums * sums_new
        spread = (squares * called - sums**2) * (squares_new * called - sums_new**2)
        close = covariance**2 > self.r2 * spread
        close &= self.rows[:, None] < rows[None, :]
        second, first = np.nonzero(close.T)
        return self.rows[first], rows[second]

    def _sums(self, rows: np.ndarray) -> list[np.ndarray]:
        """Per variant (rows,) float64: sum, sum of squares and missing genotypes."""
        packed = self.genotypes.packed(0, self.genotypes.n_variants)[rows]
        unused = -self.genotypes.n_samples % 4  # they read as two copies: 1, 1 and 0
        return [
            table[packed].sum(axis=1, dtype=np.int64) - float(unused * (k < 2))
            for k, table in enumerate(SUMS)
        ]


def prune(
    genotypes: Genotypes,
    keep: np.ndarray,
    frequency: np.ndarray,
    *,
    r2: float,
    window_kb: float | None = 1000,
    window_variants: int | None = None,
) -> np.ndarray:
    """Choose variants none of which are correlated above `r2` within a window.

    Parameters
    ----------
    keep : (n_variants,) bool, variants to choose from; others are as if not there.
    frequency : (n_variants,) float64 of the effect allele, among all samples.
    r2 : pairs of variants with a squared correlation above this lose one.
    window_kb : reach of a window; both its ends count.
    window_variants : reach in variants (of `keep`) instead of kilobases.

    Returns
    -------
    (n_variants,) bool: a part of `keep`. Variants at which all are heterozygous go, too.

    Raises
    ------
    StageError : the positions of a contig are not ascending, or its variants not together.
    """
    chosen = np.flatnonzero(keep)
    major = np.maximum(frequency, 1 - frequency)
    contigs = genotypes.variants["contig"].to_numpy()[chosen]
    positions = genotypes.variants["position"].to_numpy(np.int64)[chosen]
    starts = np.flatnonzero(np.r_[True, contigs[1:] != contigs[:-1]]) if len(chosen) else []
    if len(starts) != len(set(contigs)):
        raise _unsorted(genotypes, "the variants of a contig do not stand together")
    alive = np.zeros(genotypes.n_variants, dtype=bool)
    for start, stop in zip(starts, [*starts[1:], len(chosen)], strict=True):
        place = positions[start:stop]
        if (np.diff(place) < 0).any():
            raise _unsorted(genotypes, f"positions of {contigs[start]} are not ascending")
        number = np.arange(stop - start)
        if window_variants is not None:
            ends = np.minimum(number + window_variants, stop - start)
        else:
            ends = np.searchsorted(place, place + int(window_kb * 1000), side="right")
        rows = chosen[start:stop]
        alive[rows] = _prune_contig(genotypes, rows, major[rows], ends, r2)
    return alive


def _unsorted(genotypes: Genotypes, found: str) -> StageError:
    mend = "Sort them (plink2 --make-bed does after --make-pgen --sort-vars)"
    return fail("genotypes-unsorted", genotypes.prefix, found, mend)


def _prune_contig(
    genotypes: Genotypes, rows: np.ndarray, major: np.ndarray, ends: np.ndarray, r2: float
) -> np.ndarray:
    """(variants,) bool. `ends`: first variant beyond the window that starts at each."""
    size = len(rows)
    alive = np.ones(size, dtype=bool)
    place = np.full(int(rows[-1]) + 1, -1)
    place[rows] = np.arange(size)
    held = Correlations(genotypes, r2)
    # A window brings something new only where it reaches further than the one before.
    # `opens[j]`: the first window that holds variant j; pairs before its start are too far.
    opens = np.searchsorted(ends, np.arange(size), side="right")
    pending: dict[int, list[tuple[int, int]]] = {}
    for begin in range(0, size, BLOCK):
        end = min(begin + BLOCK, size)
        current = place[held.rows]
        held.drop(alive[current] & (current >= opens[begin]))
        first, second = held.add(rows[begin:end])
        first, second = place[first], place[second]
        near = first >= opens[second]
        flat = held.homozygous[-(end - begin) :] == 0
        alive[begin:end][flat] = False
        for i, j in zip(first[near].tolist(), second[near].tolist(), strict=True):
            pending.setdefault(int(opens[j]), []).append((i, j))
        # A window may go on in the next block; it is judged when it is whole.
        whole = [window for window in pending if ends[window] <= end]
        for window in sorted(whole):
            _settle(pending.pop(window), major, alive)
    return alive


def _settle(pairs: list[tuple[int, int]], major: np.ndarray, alive: np.ndarray) -> None:
    """Prune until none of the pairs that a window brings is left.

    In each round every variant meets the first one after it with which it is correlated.
    """
    after: dict[int, list[int]] = {}
    for i, j in pairs:
        after.setdefault(i, []).append(j)
    for others in after.values():
        others.sort(reverse=True)  # the next is at the end
    pruned = True
    while pruned:
        pruned = False
        for i in sorted(after):
            others = after[i]
            while others and not alive[others[-1]]:
                others.pop()
            if not alive[i] or not others:
                del after[i]
                continue
            other = others[-1]
            alive[i if major[i] > major[other] * (1 + TIE) else other] = False
            pruned = True
