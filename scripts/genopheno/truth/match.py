"""Every call and every truth gets a level: genotype, allele, or nothing in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from genopheno.truth.haplotypes import MAX_STATES, TooLarge, agree
from genopheno.truth.variants import Variant, span

# Variants that are left over within twice this distance are compared together, with the
# matched ones this near (bp, beyond the stretch along which an indel can be moved).
REACH = 15


class Level(IntEnum):
    """What a variant has in common with the other side (Krusche 2019)."""

    NONE = 0
    ALLELE = 1  # the allele, in another number of copies
    GENOTYPE = 2


@dataclass
class Matched:
    """Calls and truths with their levels.

    Attributes
    ----------
    calls, truth : the variants, in their order.
    call_levels, truth_levels : a `Level` for each.
    truth_quality : QUAL of the call of the same allele, else the lowest of the calls that
        make the truth; None where there are none.
    by_haplotype : truths that are matched although no call has the same allele.
    too_large : pieces with too many phasings, where the matches by allele stand.
    """

    calls: list[Variant]
    truth: list[Variant]
    call_levels: list[Level] = field(default_factory=list)
    truth_levels: list[Level] = field(default_factory=list)
    truth_quality: list[float | None] = field(default_factory=list)
    by_haplotype: int = 0
    too_large: int = 0

    def __post_init__(self) -> None:
        self.call_levels = [Level.NONE] * len(self.calls)
        self.truth_levels = [Level.NONE] * len(self.truth)
        self.truth_quality = [None] * len(self.truth)

    def join(self, level: Level, calls: Sequence[int], truth: Sequence[int]) -> None:
        """Say that these calls and these truths are the same."""
        known = [self.calls[i].quality for i in calls]
        lowest = min((q for q in known if q is not None), default=None)
        for i in calls:
            self.call_levels[i] = level
        for j in truth:
            self.truth_levels[j] = level
            self.truth_quality[j] = lowest


@dataclass(frozen=True)
class Near:
    """A variant of a cluster: where it can be written (0-based, half-open), side and index."""

    start: int
    end: int
    side: str
    index: int


Cluster = list[Near]


def match(
    calls: Sequence[Variant],
    truth: Sequence[Variant],
    bases: str,
    *,
    haplotypes: bool = True,
    max_states: int = MAX_STATES,
) -> Matched:
    """Compare the variants of two samples on one contig.

    First by allele and number of copies. What is left over is clustered with what lies near
    and compared by the sequences it makes (`haplotypes`): with the right copies, then, for
    what still has no partner, on one chromosome, which finds right alleles in wrong
    genotypes however they are written.

    Parameters
    ----------
    calls, truth : variants, each allele once.
    bases : sequence of the contig, upper case.
    haplotypes : False: alleles only.
    max_states : see `genopheno.truth.haplotypes`.
    """
    matched = Matched(list(calls), list(truth))
    _exact(matched, Level.GENOTYPE)
    if haplotypes:
        for cluster in clusters(matched, bases):
            _compare(matched, cluster, lambda part: _by_sequence(matched, part, bases, max_states))
        # What a better explanation of its cluster has left over on both sides alike.
        _exact(matched, Level.GENOTYPE)
    _exact(matched, Level.ALLELE)
    if haplotypes:
        for cluster in clusters(matched, bases, neighbours=False):
            _compare(matched, cluster, lambda part: _by_allele(matched, part, bases, max_states))
    return matched


def _exact(matched: Matched, level: Level) -> None:
    """Join what has the same allele (and, for a genotype, the same copies) and no level yet."""

    def key(variant: Variant) -> tuple:
        copies = variant.copies if level is Level.GENOTYPE else 0
        return variant.edit, copies

    free = {
        key(variant): i
        for i, variant in enumerate(matched.calls)
        if matched.call_levels[i] is Level.NONE
    }
    for j, variant in enumerate(matched.truth):
        if matched.truth_levels[j] is Level.NONE and key(variant) in free:
            matched.join(level, [free.pop(key(variant))], [j])


def clusters(matched: Matched, bases: str, *, neighbours: bool = True) -> list[Cluster]:
    """Group the variants without a partner, where the other side has something as well.

    Parameters
    ----------
    neighbours : take the matched variants near them into the clusters.
    """
    spans = [
        (Near(*span(variant.edit, bases), side, i), levels[i] is Level.NONE)
        for side, variants, levels in (
            ("calls", matched.calls, matched.call_levels),
            ("truth", matched.truth, matched.truth_levels),
        )
        for i, variant in enumerate(variants)
        if neighbours or levels[i] is Level.NONE
    ]
    spans.sort(key=lambda item: (item[0].start, item[0].end, item[0].side, item[0].index))
    windows: list[list[int]] = []
    for near, left_over in spans:
        if left_over:
            if windows and near.start - REACH <= windows[-1][1]:
                windows[-1][1] = max(windows[-1][1], near.end + REACH)
            else:
                windows.append([near.start - REACH, near.end + REACH])
    found: list[Cluster] = [[] for _ in windows]
    at = 0
    for near, _ in spans:
        while at < len(windows) and windows[at][1] < near.start:
            at += 1
        if at < len(windows) and near.end >= windows[at][0]:
            found[at].append(near)
    return [cluster for cluster in found if len({near.side for near in cluster}) == 2]


def halves(cluster: Cluster) -> tuple[Cluster, Cluster] | None:
    """Cut a cluster in two at its widest gap; None where all of it hangs together."""
    reach, widest, place = cluster[0].end, -1, 0
    for i, near in enumerate(cluster):
        if i and near.start - reach > widest:
            widest, place = near.start - reach, i
        reach = max(reach, near.end)
    return (cluster[:place], cluster[place:]) if widest >= 0 else None


def _compare(matched: Matched, cluster: Cluster, join: Callable[[Cluster], None]) -> None:
    """Join what agrees in a cluster; one with too many phasings is cut until it can be done."""
    if len({near.side for near in cluster}) < 2:
        return
    try:
        join(cluster)
    except TooLarge:
        pieces = halves(cluster)
        if pieces is None:
            matched.too_large += 1
            return
        for piece in pieces:
            _compare(matched, piece, join)


def _sides(matched: Matched, cluster: Cluster) -> tuple[list[int], list[int], int, int]:
    """Calls and truths of a cluster, and the window of the reference that they change."""
    calls = [near.index for near in cluster if near.side == "calls"]
    truth = [near.index for near in cluster if near.side == "truth"]
    edits = [matched.calls[i].edit for i in calls] + [matched.truth[j].edit for j in truth]
    return calls, truth, min(e.start for e in edits), max(e.end for e in edits)


def _by_sequence(matched: Matched, cluster: Cluster, bases: str, max_states: int) -> None:
    """Join the calls and truths of a cluster that make the same pair of sequences."""
    calls, truth, start, end = _sides(matched, cluster)
    ours, theirs = agree(
        bases[start:end],
        start,
        [(matched.calls[i].edit, matched.calls[i].copies) for i in calls],
        [(matched.truth[j].edit, matched.truth[j].copies) for j in truth],
        max_states=max_states,
    )
    exact = sum(matched.truth_levels[j] is Level.GENOTYPE for j in truth)
    if len(ours) + len(theirs) <= exact + sum(
        matched.call_levels[i] is Level.GENOTYPE for i in calls
    ):
        return  # nothing that matching by allele did not find
    for i in calls:
        matched.call_levels[i] = Level.NONE
    for j in truth:
        matched.truth_levels[j], matched.truth_quality[j] = Level.NONE, None
    matched.join(Level.GENOTYPE, [calls[i] for i in ours], [truth[j] for j in theirs])
    own = {matched.calls[calls[i]].edit: matched.calls[calls[i]].quality for i in ours}
    for j in (truth[k] for k in theirs):
        edit = matched.truth[j].edit
        matched.truth_quality[j] = own.get(edit, matched.truth_quality[j])
    matched.by_haplotype += len(theirs) - exact


def _by_allele(matched: Matched, cluster: Cluster, bases: str, max_states: int) -> None:
    """Join what makes the same single sequence: right alleles in wrong genotypes."""
    calls, truth, start, end = _sides(matched, cluster)
    ours, theirs = agree(
        bases[start:end],
        start,
        [(matched.calls[i].edit, 1) for i in calls],
        [(matched.truth[j].edit, 1) for j in truth],
        chromosomes=1,
        max_states=max_states,
    )
    matched.join(Level.ALLELE, [calls[i] for i in ours], [truth[j] for j in theirs])
