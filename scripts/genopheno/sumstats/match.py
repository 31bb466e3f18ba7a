"""The same variant in several studies: found by place and alleles, put on one allele and strand.

Two rows are the same variant where position and pair of alleles agree up to order and, for single
bases, strand; where a study has an insertion and the deletion of the same bases at one place, up to
neither. The first study that has a variant (or the reference) says which allele is the
effect allele. A/T and C/G read the same on both strands; what is done with them is a choice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genopheno.sumstats import alleles

Ambiguous = Literal["frequency", "keep", "drop"]
VALUES = ("beta", "standard_error", "z_score", "frequency", "n", "weight")
SIGNED = ("beta", "z_score")

DUPLICATE = "a variant twice with the same numbers: one is kept"
CONFLICTING = "a variant twice with other numbers: none is kept"
NOT_THERE = "not in the reference"
OTHER_ALLELES = "other alleles than the reference has there"
AS_NAMED = "an insertion and a deletion of the same bases at a place: matched as named"
AMBIGUOUS = "A/T or C/G, left out by choice"
UNDECIDED = "A/T or C/G, whose frequency does not tell the strand"


@dataclass(frozen=True)
class Policy:
    """What is done with A/T and C/G.

    Attributes
    ----------
    ambiguous : ``frequency``: the strand on which the allele is on the same side of 0.5 as in the
        first study; ``keep``: strand as named; ``drop``.
    max_frequency : of the rarer allele, in both, above which the frequency does not tell.
    """

    ambiguous: Ambiguous = "frequency"
    max_frequency: float = 0.4


BY_FREQUENCY = Policy()


@dataclass
class Matched:
    """Variants of one window, ordered by position and alleles.

    Attributes
    ----------
    position : [variants]. effect_allele, other_allele, rsid : [variants] texts.
    numbers : name of `VALUES` → [studies × variants], NaN where a study lacks the variant.
    present : [studies × variants] bool.
    places : [studies] rows of each at a position where another study has a row, too.
    """

    position: np.ndarray
    effect_allele: pa.Array
    other_allele: pa.Array
    rsid: pa.Array
    numbers: dict[str, np.ndarray]
    present: np.ndarray
    places: np.ndarray


def match(
    studies: Sequence[pa.Table],
    policy: Policy,
    counts: Sequence[Counter],
    reference: pa.Table | None = None,
) -> Matched:
    """Match the rows of one window.

    Parameters
    ----------
    studies : rows of each study. counts : of each; what is done with rows is added.
    reference : rows (position, alleles, frequency) that say what the variants are; variants that
        it lacks are dropped.
    """
    first = 0 if reference is None else 1
    tables = [*([] if reference is None else [reference]), *studies]
    rows = pa.concat_tables(tables, promote_options="default").combine_chunks()
    study = np.repeat(np.arange(len(tables)), [t.num_rows for t in tables]) - first
    position = rows["position"].to_numpy()
    effect, other = (alleles.codes(rows[name]) for name in ("effect_allele", "other_allele"))
    texts = _text_codes(rows, (effect < 0) | (other < 0))
    kind = _classes(effect, other, texts)
    order = np.lexsort((study, kind, position))
    places = _common_places(position[order], study[order], len(studies))
    value = {
        name: rows[name].to_numpy() if name in rows.column_names else np.full(len(order), np.nan)
        for name in VALUES
    }

    def oriented(order: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lead = order[_starts(group)][group]
        return _orientation(effect, other, texts, order, lead)

    group = _groups(position[order], kind[order])
    sign, _ = oriented(order, group)
    both = _both_ways(group, study[order], sign, texts[order, 0] >= 0)
    if both.any():
        _count(counts, study[order][both], AS_NAMED)
        rows_both = order[both]
        kind[rows_both] += texts[rows_both, 0] > texts[rows_both, 1]
        order = np.lexsort((study, kind, position))
        group = _groups(position[order], kind[order])
        sign, _ = oriented(order, group)
    repeated, conflicting = _duplicates(group, study[order], sign, value, order)
    for rows_dropped, reason in ((repeated, DUPLICATE), (conflicting, CONFLICTING)):
        _count(counts, study[order][rows_dropped], reason)
    order = order[~(repeated | conflicting)]
    if reference is not None:
        order = _in_reference(order, position, kind, study, counts)
    ambiguous = alleles.is_ambiguous(effect, other)
    if policy.ambiguous == "drop":
        gone = ambiguous[order]
        _count(counts, study[order][gone], AMBIGUOUS)
        order = order[~gone]
    group = _groups(position[order], kind[order])
    sign, flipped = oriented(order, group)
    if policy.ambiguous == "frequency" and len(order):
        lead = order[_starts(group)][group]
        f, f0 = value["frequency"][order], value["frequency"][lead]
        f = np.where(sign < 0, 1 - f, f)
        asked = ambiguous[order] & (lead != order)
        with np.errstate(invalid="ignore"):
            told = np.maximum(np.minimum(f, 1 - f), np.minimum(f0, 1 - f0)) <= policy.max_frequency
            turned = asked & told & ((f - 0.5) * (f0 - 0.5) < 0)
        sign, flipped = np.where(turned, -sign, sign), flipped | turned
        undecided = asked & ~told
        _count(counts, study[order][undecided], UNDECIDED)
        order, sign, flipped = order[~undecided], sign[~undecided], flipped[~undecided]
        group = _groups(position[order], kind[order])
    for what, which in {
        "as in the first": (sign > 0) & ~flipped,
        "alleles swapped": (sign < 0) & ~flipped,
        "strand flipped": (sign > 0) & flipped,
        "alleles swapped and strand flipped": (sign < 0) & flipped,
    }.items():
        _count(counts, study[order][which], what)
    return _dense(rows, order, group, sign, study, value, places)


def _dense(rows, order, group, sign, study, value, places: np.ndarray) -> Matched:
    """Numbers as studies × variants; a variant that only the reference has is left out."""
    lead = order[_starts(group)]
    mine = study[order] >= 0
    there = np.zeros(len(lead), bool)
    there[group[mine]] = True
    place = (np.cumsum(there) - 1)[group[mine]]
    shape = len(places), int(there.sum())
    present = np.zeros(shape, bool)
    present[study[order][mine], place] = True
    values = {}
    for name in VALUES:
        numbers = value[name][order]
        if name in SIGNED:
            numbers = numbers * sign
        elif name == "frequency":
            numbers = np.where(sign < 0, 1 - numbers, numbers)
        values[name] = np.full(shape, np.nan)
        values[name][study[order][mine], place] = numbers[mine]
    lead = lead[there]
    take = pa.array(lead)
    return Matched(
        rows["position"].take(take).to_numpy(),
        rows["effect_allele"].take(take).combine_chunks(),
        rows["other_allele"].take(take).combine_chunks(),
        _rsids(rows, order[mine], place, lead, shape[1]),
        values,
        present,
        places,
    )


def _common_places(position: np.ndarray, study: np.ndarray, n_studies: int) -> np.ndarray:
    """[studies] rows at a position where another study has a row; rows sorted by position."""
    mine = study >= 0
    position, study = position[mine], study[mine]
    if not len(position):
        return np.zeros(n_studies, dtype=np.int64)
    starts = np.flatnonzero(np.diff(position, prepend=-1))
    apart = np.minimum.reduceat(study, starts) < np.maximum.reduceat(study, starts)
    common = np.repeat(apart, np.diff(np.append(starts, len(position))))
    return np.bincount(study[common], minlength=n_studies)


def _rsids(rows: pa.Table, order: np.ndarray, place: np.ndarray, lead, variants: int) -> pa.Array:
    """Of each variant, the first name that a study (or the reference) gives."""
    known = pc.is_valid(rows["rsid"]).to_numpy()
    source = np.full(variants, -1)
    at, first = np.unique(place[known[order]], return_index=True)
    source[at] = order[known[order]][first]
    source[known[lead]] = lead[known[lead]]
    index = pa.array(np.where(source < 0, 0, source), mask=source < 0)
    return rows["rsid"].take(index).combine_chunks() if len(rows) else pa.nulls(0, pa.string())


def _text_codes(rows: pa.Table, long: np.ndarray) -> np.ndarray:
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


def _classes(effect: np.ndarray, other: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """[rows] int64, equal for pairs of alleles that may be the same variant."""
    low, high = texts.min(axis=1), texts.max(axis=1)
    # Even numbers, so that the two ways round of a pair can be told apart by 1.
    return np.where(low < 0, alleles.pair_class(effect, other), 16 + 2 * ((low << 31) + high))


def _groups(position: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Number of the variant of each sorted row, from 0."""
    if not len(position):
        return np.zeros(0, dtype=np.int64)
    new = (np.diff(position) != 0) | (np.diff(kind) != 0)
    return np.concatenate([[0], np.cumsum(new)])


def _starts(group: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.diff(group, prepend=-1))


def _orientation(effect, other, texts, rows, lead) -> tuple[np.ndarray, np.ndarray]:
    """Sign (+1, -1) of each row against its leading row, and whether it is on the other strand."""
    e, o, e0 = effect[rows], other[rows], effect[lead]
    o0 = other[lead]
    long = texts[rows, 0] >= 0
    # Read as they are named first, so that A/T and C/G keep their strand.
    same = np.where(long, texts[rows, 0] == texts[lead, 0], (e == e0) & (o == o0))
    swapped = np.where(long, ~same, (e == o0) & (o == e0) & ~same)
    flipped = ~same & ~swapped
    sign = np.where(same | (flipped & (3 - e == e0)), 1.0, -1.0)
    return sign, flipped


def _duplicates(group, study, sign, value, order) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a variant that its study has already: repeated, and conflicting, [rows] bool."""
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


def _both_ways(group, study, sign, long) -> np.ndarray:
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


def _in_reference(order, position, kind, study, counts) -> np.ndarray:
    """Rows whose variant the reference has; the others are counted."""
    group = _groups(position[order], kind[order])
    known = (study[order[_starts(group)]] < 0)[group] if len(order) else np.zeros(0, bool)
    place = np.isin(position[order], position[study < 0])
    _count(counts, study[order][~known & ~place], NOT_THERE)
    _count(counts, study[order][~known & place], OTHER_ALLELES)
    return order[known]


def _count(counts: Sequence[Counter], study: np.ndarray, what: str) -> None:
    for index, n in enumerate(np.bincount(study[study >= 0], minlength=len(counts))):
        if n:
            counts[index][what] += int(n)
