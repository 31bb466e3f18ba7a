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

from genopheno.sumstats import alleles, identity
from genopheno.sumstats.identity import SIGNED

Ambiguous = Literal["frequency", "keep", "drop"]
VALUES = ("beta", "standard_error", "z_score", "frequency", "n", "weight")

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
    rows = _Rows(studies, reference, counts)
    places = identity.common_places(rows.position[rows.order], rows.by, len(studies))
    rows.tell_ways_apart()
    rows.drop_duplicates()
    if reference is not None:
        rows.keep_known()
    if policy.ambiguous == "drop":
        rows.drop(rows.ambiguous[rows.order], AMBIGUOUS)
    sign, flipped = rows.oriented()
    if policy.ambiguous == "frequency":
        sign, flipped = rows.by_frequency(sign, flipped, policy.max_frequency)
    for what, which in {
        "as in the first": (sign > 0) & ~flipped,
        "alleles swapped": (sign < 0) & ~flipped,
        "strand flipped": (sign > 0) & flipped,
        "alleles swapped and strand flipped": (sign < 0) & flipped,
    }.items():
        rows.count(which, what)
    return rows.dense(sign, places)


class _Rows:
    """Rows of all studies together, and those of them that are left, sorted by variant.

    Attributes
    ----------
    study : [rows] number of the study; -1: the reference. order : rows that are left, by position,
        kind of alleles and study.
    """

    def __init__(
        self, studies: Sequence[pa.Table], reference: pa.Table | None, counts: Sequence[Counter]
    ):
        first = 0 if reference is None else 1
        tables = [*([] if reference is None else [reference]), *studies]
        self.table = pa.concat_tables(tables, promote_options="default").combine_chunks()
        self.counts = counts
        self.study = np.repeat(np.arange(len(tables)), [t.num_rows for t in tables]) - first
        self.position = self.table["position"].to_numpy()
        self.effect, self.other = (
            alleles.codes(self.table[name]) for name in ("effect_allele", "other_allele")
        )
        self.texts = identity.text_codes(self.table, (self.effect < 0) | (self.other < 0))
        self.kind = identity.classes(self.effect, self.other, self.texts)
        self.ambiguous = alleles.is_ambiguous(self.effect, self.other)
        there = self.table.column_names
        self.numbers = {
            name: self.table[name].to_numpy()
            if name in there
            else np.full(self.table.num_rows, np.nan)
            for name in VALUES
        }
        self.sort()

    def sort(self) -> None:
        self.order = np.lexsort((self.study, self.kind, self.position))

    @property
    def by(self) -> np.ndarray:
        """Study of each row that is left."""
        return self.study[self.order]

    @property
    def group(self) -> np.ndarray:
        """Number of the variant of each row that is left, from 0."""
        return identity.groups(self.position[self.order], self.kind[self.order])

    @property
    def lead(self) -> np.ndarray:
        """The row that says the alleles, of each row that is left."""
        group = self.group
        return self.order[identity.starts(group)][group]

    def oriented(self) -> tuple[np.ndarray, np.ndarray]:
        """Sign of each row that is left against its lead, and whether its strand is the other."""
        return identity.orientation(self.effect, self.other, self.texts, self.order, self.lead)

    def count(self, which: np.ndarray, what: str) -> None:
        study = self.by[which]
        number = np.bincount(study[study >= 0], minlength=len(self.counts))
        for counts, n in zip(self.counts, number, strict=True):
            if n:
                counts[what] += int(n)

    def drop(self, which: np.ndarray, reason: str) -> None:
        self.count(which, reason)
        self.order = self.order[~which]

    def tell_ways_apart(self) -> None:
        """Give an insertion and the deletion of the same bases kinds of their own."""
        sign, _ = self.oriented()
        long = self.texts[self.order, 0] >= 0
        both = identity.both_ways(self.group, self.by, sign, long)
        if both.any():
            self.count(both, AS_NAMED)
            rows = self.order[both]
            self.kind[rows] += self.texts[rows, 0] > self.texts[rows, 1]
            self.sort()

    def drop_duplicates(self) -> None:
        sign, _ = self.oriented()
        repeated, conflicting = identity.duplicates(
            self.group, self.by, sign, self.numbers, self.order
        )
        self.count(repeated, DUPLICATE)
        self.count(conflicting, CONFLICTING)
        self.order = self.order[~(repeated | conflicting)]

    def keep_known(self) -> None:
        """Drop rows whose variant the reference lacks."""
        known = self.study[self.lead] < 0
        position = self.position[self.order]
        place = np.isin(position, self.position[self.study < 0])
        self.count(~known & ~place, NOT_THERE)
        self.count(~known & place, OTHER_ALLELES)
        self.order = self.order[known]

    def by_frequency(
        self, sign: np.ndarray, flipped: np.ndarray, most: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Turn A/T and C/G whose frequency is on the other side of 0.5; drop the undecided."""
        lead = self.lead
        f, f0 = self.numbers["frequency"][self.order], self.numbers["frequency"][lead]
        f = np.where(sign < 0, 1 - f, f)
        asked = self.ambiguous[self.order] & (lead != self.order)
        with np.errstate(invalid="ignore"):
            told = np.maximum(np.minimum(f, 1 - f), np.minimum(f0, 1 - f0)) <= most
            turned = asked & told & ((f - 0.5) * (f0 - 0.5) < 0)
        left = ~asked | told
        self.drop(~left, UNDECIDED)
        return np.where(turned, -sign, sign)[left], (flipped | turned)[left]

    def dense(self, sign: np.ndarray, places: np.ndarray) -> Matched:
        """Numbers as studies × variants; a variant that only the reference has is left out."""
        group, mine = self.group, self.by >= 0
        lead = self.order[identity.starts(group)]
        there = np.zeros(len(lead), bool)
        there[group[mine]] = True
        at = self.by[mine], (np.cumsum(there) - 1)[group[mine]]
        present = np.zeros((len(places), int(there.sum())), bool)
        present[at] = True
        numbers = {}
        for name in VALUES:
            values = self.numbers[name][self.order]
            if name in SIGNED:
                values = values * sign
            elif name == "frequency":
                values = np.where(sign < 0, 1 - values, values)
            numbers[name] = np.full(present.shape, np.nan)
            numbers[name][at] = values[mine]
        lead = lead[there]
        said = self.table.select(["position", "effect_allele", "other_allele"]).take(pa.array(lead))
        return Matched(
            said["position"].to_numpy(),
            said["effect_allele"].combine_chunks(),
            said["other_allele"].combine_chunks(),
            self._rsids(self.order[mine], at[1], lead),
            numbers,
            present,
            places,
        )

    def _rsids(self, rows: np.ndarray, variant: np.ndarray, lead: np.ndarray) -> pa.Array:
        """Of each variant, the name that its lead gives, or else the first that a study gives."""
        if not len(self.table):
            return pa.nulls(0, pa.string())
        known = pc.is_valid(self.table["rsid"]).to_numpy()
        source = np.full(len(lead), -1)
        named = known[rows]
        at, first = np.unique(variant[named], return_index=True)
        source[at] = rows[named][first]
        source[known[lead]] = lead[known[lead]]
        index = pa.array(np.where(source < 0, 0, source), mask=source < 0)
        return self.table["rsid"].take(index).combine_chunks()
