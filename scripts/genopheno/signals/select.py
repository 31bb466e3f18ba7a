"""Independent signals of a locus: forward selection with a joint model after each step.

The strongest variant comes first. Then, in turn, the variant with the smallest p given those
selected joins them while that p is small enough, and those whose p in the joint model is not
small any more leave: the steps of conditional and joint analysis (Yang et al. 2012, Nat Genet
44:369), with the people themselves in place of summary statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genopheno.genotypes import Genotypes
from genopheno.signals import conditional
from genopheno.signals.conditional import Estimates, Joint
from genopheno.signals.trait import BINARY, Trait

# A variant with less than this of its variance left by those selected is not tested given them
# (the threshold of GCTA-COJO).
UNIQUE = 0.1
NUMBERS = 2**21  # genotypes decoded at a time
DOSAGES = (2, np.nan, 1, 0)  # of the codes 00, 01, 10, 11


@dataclass(frozen=True)
class Locus:
    """Neighbouring variants that are looked at together.

    Attributes
    ----------
    contig : its name.
    start, stop : first and last position, 1-based, ends included.
    rows : (variants,) rows of the genotypes, by position.
    lead : index among `rows` of the variant with the smallest p.
    """

    contig: str
    start: int
    stop: int
    rows: np.ndarray
    lead: int


class Region:
    """Tests of the variants of a locus for one trait, given any of them."""

    def __init__(self, genotypes: Genotypes, locus: Locus, trait: Trait):
        self._genotypes, self._rows = genotypes, locus.rows
        self._binary = trait.type == BINARY
        self._given = trait.given(locus.contig)
        used = trait.used if self._given is None else trait.used & ~np.isnan(self._given)
        self.people = np.flatnonzero(used)
        self._y, self._x = trait.y, trait.x

    def _dosages(self, rows: np.ndarray, people: np.ndarray) -> np.ndarray:
        """(rows, people) float64, NaN where missing."""
        return self._genotypes.decode_rows(rows, DOSAGES, np.float64)[:, people]

    def _model(self, chosen: list[int]):
        """People with all genotypes `chosen`, (chosen, people) dosages, y, x and step 1."""
        held = self._dosages(self._rows[chosen], self.people)
        whole = ~np.isnan(held).any(0)
        people = self.people[whole]
        given = None if self._given is None else self._given[people]
        return people, held[:, whole], self._y[people], self._x[people], given

    def test(self, chosen: list[int]) -> Estimates | None:
        """Every variant given the `chosen` (indices); None: their model has no fit."""
        people, held, y, x, given = self._model(chosen)
        null = conditional.null_model(y, np.column_stack([x, held.T]), given, self._binary)
        if null is None:
            return None
        size = max(1, NUMBERS // len(people))
        parts = [
            conditional.test(
                null, self._dosages(self._rows[first : first + size], people), unique=UNIQUE
            )
            for first in range(0, len(self._rows), size)
        ]
        return Estimates(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("beta", "standard_error", "neg_log10_p")
            )
        )

    def joint(self, chosen: list[int]) -> Joint:
        _, held, y, x, given = self._model(chosen)
        return conditional.joint(y, x, held, given, self._binary)

    def n(self, chosen: list[int]) -> int:
        """People in the model of the `chosen`."""
        return len(self._model(chosen)[0])


def select(region: Region, lead: int, *, above: float) -> list[int]:
    """Select independent variants.

    Parameters
    ----------
    lead : index of the first.
    above : −log10 p that a variant needs, given the others, to be selected and to stay.

    Returns
    -------
    Indices in the order in which they were selected; at least one.
    """
    return _exchange(region, _forward(region, lead, above))


def _forward(region: Region, lead: int, above: float) -> list[int]:
    chosen, seen = [lead], {frozenset([lead])}
    while True:
        found = region.test(chosen)
        if found is None:
            return chosen
        p = np.nan_to_num(found.neg_log10_p, nan=-1.0)
        p[chosen] = -1.0
        best = int(p.argmax())
        if p[best] < above:
            return chosen
        fit = region.joint([*chosen, best])
        if not fit.converged:
            return chosen
        # The new one stays whatever its Wald test says: it was selected by its own test.
        stay = [c for c, q in zip(chosen, fit.neg_log10_p, strict=False) if q >= above]
        now = [*stay, best]
        if frozenset(now) in seen:
            return chosen
        seen.add(frozenset(now))
        chosen = now


def _exchange(region: Region, chosen: list[int]) -> list[int]:
    """Put the strongest variant given the others in the place of each, until none is stronger.

    Those selected first were selected when the later signals still were part of the noise.
    """
    seen = {frozenset(chosen)}
    while len(chosen) > 1:
        before = list(chosen)
        for i in range(len(chosen)):
            others = chosen[:i] + chosen[i + 1 :]
            found = region.test(others)
            if found is None:
                continue
            p = np.nan_to_num(found.neg_log10_p, nan=-1.0)
            best = int(p.argmax())
            if p[best] > p[chosen[i]]:
                chosen = [*chosen[:i], best, *chosen[i + 1 :]]
        if chosen == before or frozenset(chosen) in seen:
            break
        seen.add(frozenset(chosen))
    return chosen
