"""Which rows of several studies are the same variant: pure functions on arrays of rows.

Arrays named alike hold the same everywhere: `position`; `effect` and `other`, codes of
`alleles.codes`; `texts`, numbers of `text_codes`; `kind`, of `classes`; `group`, the number of the
variant; `study`, the number of the study, -1 for a reference; `sign`, +1 or -1 against the row that
leads the variant. Sorted rows are in the order of position, kind and study.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from genopheno.sumstats import alleles

SIGNED = ("beta", "z_score")  # numbers that turn with the effect allele


def text_codes(rows: pa.Table, long: np.ndarray) -> np.ndarray:
    """[rows × 2] numbers of the alleles' texts, where one is of several bases; else -1."""
    codes = np.full((rows.num_rows, 2), -1, dtype=np.int64)
    which = np.flatnonzero(long)
    if which.size:
        take = pa.array(which)
        both = pa.concat_arrays(
            [
                rows[name].take(take).combine_chunks().cast(pa.string())
                for name in ("effect_allele", "other_allele")
            ]
        ).dictionary_encode()
        codes[which] = both.indices.to_numpy().reshape(2, -1).T
    return codes


def classes(effect: np.ndarray, other: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """[rows] int64, equal for pairs of alleles that may be the same variant."""
    low, high = texts.min(axis=1), texts.max(axis=1)
    # Even numbers, so that the two ways round of a pair can be told apart by 1.
    return np.where(low < 0, alleles.pair_class(effect, other), 16 + 2 * ((low << 31) + high))


def groups(position: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Number of the variant of each sorted row, from 0."""
    if not len(position):
        return np.zeros(0, dtype=np.int64)
    new = (np.diff(position) != 0) | (np.diff(kind) != 0)
    return np.concatenate([[0], np.cumsum(new)])


def starts(group: np.ndarray) -> np.ndarray:
    """Of sorted rows, the first of each variant."""
    return np.flatnonzero(np.diff(group, prepend=-1))


def orientation(effect, other, texts, rows, lead) -> tuple[np.ndarray, np.ndarray]:
    """Sign (+1, -1) of each row against its leading row, and whether it is on the other strand.

    Parameters
    ----------
    rows, lead : [any] rows, and the row that says the alleles of each.
    """
    e, o, e0, o0 = effect[rows], other[rows], effect[lead], other[lead]
    long = texts[rows, 0] >= 0
    # Read as they are named first, so that A/T and C/G keep their strand.
    same = np.where(long, texts[rows, 0] == texts[lead, 0], (e == e0) & (o == o0))
    swapped = np.where(long, ~same, (e == o0) & (o == e0) & ~same)
    flipped = ~same & ~swapped
    sign = np.where(same | (flipped & (3 - e == e0)), 1.0, -1.0)
    return sign, flipped


def duplicates(group, study, sign, value, order) -> tuple[np.ndarray, np.ndarray]:
    """Of sorted rows, those of a variant that its study has more than once.

    Parameters
    ----------
    value : name of a number → [all rows]. order : the sorted rows.

    Returns
    -------
    repeated : [sorted rows] bool, all but the first of those with the same numbers.
    conflicting : [sorted rows] bool, all of those with other numbers.
    """
    none = np.zeros(len(order), bool)
    if not len(order):
        return none, none
    new = (np.diff(group, prepend=-1) != 0) | (np.diff(study, prepend=-2) != 0)
    if new.all():
        return none, none
    starts, run = np.flatnonzero(new), np.cumsum(new) - 1
    differs = np.zeros(len(starts), bool)
    for name in ("beta", "standard_error", "z_score"):
        numbers = np.nan_to_num(value[name][order]) * (sign if name in SIGNED else 1)
        low, high = np.minimum.reduceat(numbers, starts), np.maximum.reduceat(numbers, starts)
        differs |= high - low > 1e-9 * np.maximum(np.abs(low), np.abs(high))
    several = np.diff(np.append(starts, len(order))) > 1
    conflicting = (differs & several)[run]
    return ~new & ~conflicting, conflicting


def both_ways(group, study, sign, long) -> np.ndarray:
    """[rows] bool: pairs of longer alleles that a study has both ways round at one place.

    A>AT and AT>A there are an insertion and a deletion, not one variant with alleles swapped.
    """
    if not long.any():
        return np.zeros(len(group), bool)
    runs = np.flatnonzero((np.diff(group, prepend=-1) != 0) | (np.diff(study, prepend=-2) != 0))
    differs = np.minimum.reduceat(sign, runs) < np.maximum.reduceat(sign, runs)
    differing = np.zeros(group[-1] + 1, bool)
    differing[group[runs][differs]] = True
    return long & differing[group]


def common_places(position: np.ndarray, study: np.ndarray, n_studies: int) -> np.ndarray:
    """[studies] rows at a position where another study has a row; rows sorted by position."""
    mine = study >= 0
    position, study = position[mine], study[mine]
    if not len(position):
        return np.zeros(n_studies, dtype=np.int64)
    starts = np.flatnonzero(np.diff(position, prepend=-1))
    apart = np.minimum.reduceat(study, starts) < np.maximum.reduceat(study, starts)
    common = np.repeat(apart, np.diff(np.append(starts, len(position))))
    return np.bincount(study[common], minlength=n_studies)
