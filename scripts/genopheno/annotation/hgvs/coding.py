"""The change of a transcript: which bases are replaced, and its c. or n. description."""

from __future__ import annotations

from typing import NamedTuple

from genopheno.annotation.hgvs.codons import mirror
from genopheno.annotation.hgvs.coordinates import Spliced
from genopheno.annotation.hgvs.sequence import Sequence


class Change(NamedTuple):
    """Bases of a contig that are replaced, on its plus strand.

    Attributes
    ----------
    position : 1-based position of the first removed base; if none is, of the base that
        the added ones come before.
    removed, added : bases; either may be empty.
    """

    position: int
    removed: str
    added: str

    @property
    def last(self) -> int:
        """Position of the last removed base; one less than `position` if none is."""
        return self.position + len(self.removed) - 1


def normalised(change: Change, spliced: Spliced, sequence: Sequence) -> Change | None:
    """The same change, trimmed and moved as far as possible in the direction of transcription.

    The 3' rule is applied on the genome: a change may pass from an exon into the intron
    behind it and from an intron into the exon, yet never from one exon to the next (HGVS,
    DNA deletion: c.1704+1del, c.1813del, c.3921del). It ends at the end of the transcript.

    Returns
    -------
    None where nothing is changed, or the removed bases are not those of the reference.
    """
    position, removed, added = change
    if sequence.fetch(spliced.contig, position, change.last) != removed:
        return None
    shorter = min(len(removed), len(added))
    n = 0
    while n < shorter and removed[-1 - n] == added[-1 - n]:
        n += 1
    if n:
        removed, added, shorter = removed[:-n], added[:-n], shorter - n
    n = 0
    while n < shorter and removed[n] == added[n]:
        n += 1
    position, removed, added = position + n, removed[n:], added[n:]
    if removed and added:
        return Change(position, removed, added)
    unit = removed or added
    if not unit:
        return None
    contig = spliced.contig
    if spliced.strand > 0:
        start = position + len(removed)
        moved = sequence.shift(contig, unit, start, spliced.ends[-1], 1)
        turn = moved % len(unit)
        unit = unit[turn:] + unit[:turn]
        position += moved
    else:
        moved = sequence.shift(contig, unit[::-1], position - 1, spliced.starts[0], -1)
        turn = len(unit) - moved % len(unit)
        unit = unit[turn:] + unit[:turn]
        position -= moved
    return Change(position, unit, "") if removed else Change(position, "", unit)


def coding_change(change: Change, spliced: Spliced, sequence: Sequence) -> str | None:
    """c. or n. description of a normalised change; None: it reaches beyond the transcript."""
    position, removed, added = change
    if removed:
        where = _span(position, change.last, spliced)
        if where is None:
            return None
        return f"{spliced.prefix}{where}del" + (f"ins{_along(added, spliced)}" if added else "")
    size = len(added)
    if spliced.strand > 0:
        copied = position - size, position - 1
    else:
        copied = position, position + size - 1
    if sequence.fetch(spliced.contig, *copied) == added:
        where = _span(*copied, spliced)
        if where is not None:
            return f"{spliced.prefix}{where}dup"
    # Moved behind the last base it has no right neighbour: it is named one step before.
    if spliced.strand > 0 and position == spliced.ends[-1] + 1:
        turned = Change(position - 1, "", added[-1] + added[:-1])
        passed = turned.added[0], turned.position
    elif spliced.strand < 0 and position == spliced.starts[0]:
        turned = Change(position + 1, "", added[1:] + added[0])
        passed = turned.added[-1], position
    else:
        turned, passed = change, None
    if passed:
        if sequence.fetch(spliced.contig, passed[1], passed[1]) != passed[0]:
            return None
        position, added = turned.position, turned.added
    where = _span(position - 1, position, spliced)
    return f"{spliced.prefix}{where}ins{_along(added, spliced)}" if where else None


def _along(bases: str, spliced: Spliced) -> str:
    return bases if spliced.strand > 0 else mirror(bases)


def _span(first: int, last: int, spliced: Spliced) -> str | None:
    """Names of the first and last base, in the direction of transcription."""
    if spliced.strand < 0:
        first, last = last, first
    name = spliced.name(first)
    if first == last or name is None:
        return name
    other = spliced.name(last)
    return f"{name}_{other}" if other else None
