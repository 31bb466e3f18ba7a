"""Which calls and which truths make the same pair of sequences.

The same two chromosomes can be written as different variants, so alleles that differ may
still be the same answer. Two sets of variants agree if, for some phasing of each, they turn
the reference into the same pair of sequences (Cleary 2015, doi:10.1101/023754; Krusche 2019,
doi:10.1038/s41587-019-0054-x). Here every phasing of every subset is built, for a cluster of
few variants at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from genopheno.truth.variants import Edit

# Half-built pairs of sequences that are held at once; a cluster that needs more is too large.
MAX_STATES = 10_000


class Copy(NamedTuple):
    """One chromosome, built from the left: its bases, and the reference position reached."""

    bases: str
    end: int
    inserted: int = -1  # where the last pure insertion stands: the order of two would be open


Pair = tuple[str, ...]
Found = tuple[tuple[int, ...], tuple[int, ...]]


class TooLarge(Exception):
    """A cluster has more phasings than are looked at."""


def pairs_of_sequences(
    reference: str,
    offset: int,
    edits: Sequence[tuple[Edit, int]],
    *,
    chromosomes: int = 2,
    max_states: int = MAX_STATES,
) -> dict[Pair, tuple[int, ...]]:
    """Build every pair of sequences that some of the variants can make.

    Parameters
    ----------
    reference : bases of the window.
    offset : 0-based position of its first base.
    edits : (change, copies 1 or 2) of each variant, inside the window. One copy may lie on
        either chromosome; two lie on both.
    chromosomes : 2; or 1: copies do not matter, every variant is on it or is left out.
    max_states : see `MAX_STATES`.

    Returns
    -------
    Indices of the fewest variants that make it, by pair of sequences (sorted, so that the
    two chromosomes are not told apart). Fewest, so that an insertion and a deletion that
    undo each other count as nothing rather than as two true variants. The untouched
    reference is always among them, made by no variant.

    Raises
    ------
    TooLarge : more than `max_states` half-built pairs.
    """
    order = sorted(range(len(edits)), key=lambda i: edits[i][0])
    empty = Copy("", offset)
    states: dict[tuple[Copy, ...], tuple[int, ...]] = {(empty,) * chromosomes: ()}
    for i in order:
        edit, copies = edits[i]
        grown = dict(states)
        for built, used in states.items():
            for carriers in _carriers(copies, chromosomes):
                made = list(built)
                for c in carriers:
                    copy = _applied(made[c], edit, reference, offset)
                    if copy is None:
                        break
                    made[c] = copy
                else:
                    key = tuple(sorted(made))
                    if key not in grown or len(grown[key]) > len(used) + 1:
                        grown[key] = (*used, i)
        if len(grown) > max_states:
            raise TooLarge
        states = grown
    finished: dict[Pair, tuple[int, ...]] = {}
    for built, used in states.items():
        pair = tuple(sorted(copy.bases + reference[copy.end - offset :] for copy in built))
        if pair not in finished or len(finished[pair]) > len(used):
            finished[pair] = used
    return finished


def _carriers(copies: int, chromosomes: int) -> list[tuple[int, ...]]:
    if chromosomes == 1:
        return [(0,)]
    return [(0, 1)] if copies == 2 else [(0,), (1,)]


def _applied(copy: Copy, edit: Edit, reference: str, offset: int) -> Copy | None:
    """The chromosome with one more change; None where it overlaps an earlier one."""
    insertion = edit.start == edit.end
    if edit.start < copy.end or (insertion and edit.start == copy.inserted):
        return None
    between = reference[copy.end - offset : edit.start - offset]
    return Copy(copy.bases + between + edit.bases, edit.end, edit.start if insertion else -1)


def agree(
    reference: str,
    offset: int,
    calls: Sequence[tuple[Edit, int]],
    truth: Sequence[tuple[Edit, int]],
    *,
    chromosomes: int = 2,
    max_states: int = MAX_STATES,
) -> Found:
    """Find the most calls and truths that make the same sequences.

    Returns
    -------
    Indices into `calls` and into `truth`: of all pairs of sequences that both sides can
    make, the one made by most variants of both sides together (of equals, by most truths).
    Both are empty where only the reference is common.

    Raises
    ------
    TooLarge : see `pairs_of_sequences`.
    """
    common = {"chromosomes": chromosomes, "max_states": max_states}
    theirs = pairs_of_sequences(reference, offset, truth, **common)
    ours = pairs_of_sequences(reference, offset, calls, **common)
    best: Found = ((), ())
    for pair, used in ours.items():
        if pair in theirs:
            found = used, theirs[pair]
            if _size(found) > _size(best):
                best = found
    return tuple(sorted(best[0])), tuple(sorted(best[1]))


def _size(found: Found) -> tuple[int, int]:
    return len(found[0]) + len(found[1]), len(found[1])
