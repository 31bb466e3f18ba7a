"""The predicted change of the protein, in HGVS p. nomenclature.

It is written without the parentheses that mark a prediction, as VEP and SnpEff write it.
"""

from __future__ import annotations

from genopheno.annotation.hgvs.coding import Change
from genopheno.annotation.hgvs.codons import NAMES, mirror, names, translate, translate_to_stop
from genopheno.annotation.hgvs.coordinates import Spliced


def residue_change(spliced: Spliced, index: int, base: str) -> str | None:
    """Change of the protein when one coding base becomes `base` (both on its strand)."""
    number = (index - spliced.frame) // 3
    begin = spliced.frame + 3 * number
    if number >= len(spliced.residues) or begin < spliced.cds[0]:
        return None
    codon = spliced.sequence[begin : begin + 3]
    within = index - begin
    found = spliced.code.get(codon[:within] + base + codon[within + 1 :], "X")
    residue = spliced.residues[number]
    if found == residue:
        return f"p.{NAMES[residue]}{number + 1}="
    if number == 0 and spliced.start_complete:
        return "p.Met1?"
    if residue == "*" and number + 1 == len(spliced.residues):
        tail = spliced.sequence[begin:index] + base + spliced.sequence[index + 1 :]
        return _by_tails(spliced, number, tail)
    return f"p.{NAMES[residue]}{number + 1}{NAMES[found]}"


def protein_change(change: Change, spliced: Spliced) -> str | None:
    """Change of the protein by a normalised change of the transcript; None: not predicted."""
    place = _exonic(change, spliced)
    if place is None:
        return None
    start, end = place
    first, stop = spliced.cds
    added = change.added if spliced.strand > 0 else mirror(change.added)
    if end <= first or start >= stop:
        return None
    grown = len(added) - (end - start)
    if start < first + 3 and spliced.start_complete:
        lost = _start(spliced, start, end, added, grown)
        if lost:
            return lost
    number = (start - spliced.frame) // 3
    begin = spliced.frame + 3 * number
    if begin < first or number >= len(spliced.residues):
        return None
    tail = spliced.sequence[begin:start] + added
    last = max(number, -((spliced.frame - end) // 3))  # end of the touched codons
    touches_stop = last >= len(spliced.residues) and spliced.residues.endswith("*")
    if grown % 3 or touches_stop:
        return _by_tails(spliced, number, tail + spliced.sequence[end:])
    if last > len(spliced.residues):
        return None
    tail += spliced.sequence[end : spliced.frame + 3 * last]
    found = translate(tail, spliced.code)
    return _in_frame(spliced.residues, number, last, found)


def _exonic(change: Change, spliced: Spliced) -> tuple[int, int] | None:
    """The removed bases on the transcript, half-open; None if an intron is touched.

    A copy of the last bases of an exon, put behind them, is taken as part of the exon.
    """
    if not change.removed:
        left, right = spliced.index(change.position - 1), spliced.index(change.position)
        if left is not None and right is not None:
            return (max(left, right),) * 2 if abs(left - right) == 1 else None
        last = left if spliced.strand > 0 else right
        if last is None:
            return None
        added = change.added if spliced.strand > 0 else mirror(change.added)
        size, step = len(added), spliced.strand
        first = (change.position - (step > 0)) - step * (size - 1)
        copied = spliced.index(first) == last + 1 - size
        return (last + 1,) * 2 if copied and spliced.sequence.endswith(added, 0, last + 1) else None
    ends = spliced.index(change.position), spliced.index(change.last)
    if None in ends:
        return None
    low, high = sorted(ends)
    return (low, high + 1) if high + 1 - low == len(change.removed) else None


def _start(spliced: Spliced, start: int, end: int, added: str, grown: int) -> str | None:
    """'p.Met1?' if the start codon is lost, 'p.Met1=' if only its place has changed."""
    first = spliced.cds[0]
    after = spliced.sequence[:start] + added + spliced.sequence[end : first + 3 + abs(grown)]
    if start >= first and spliced.code.get(after[first : first + 3]) == "M":
        return None
    copy = first + grown  # where the codon is, if all behind it is as before
    moved = end <= first + 3 and copy >= 0
    moved = moved and after[copy : copy + 3] == spliced.sequence[first : first + 3]
    return "p.Met1=" if moved else "p.Met1?"


def _by_tails(spliced: Spliced, number: int, tail: str) -> str | None:
    """Compare the two proteins from a residue on, to their ends.

    A frame shift, a stop codon at once, or a protein longer than before.
    """
    reference = spliced.residues[number:]
    found = translate_to_stop(tail, spliced.code)
    same = 0
    for before, after in zip(reference, found, strict=False):
        if before != after:
            break
        same += 1
    if same == len(reference) == len(found):
        return f"p.{NAMES[reference[0]]}{number + 1}="
    if same >= min(len(reference), len(found)):
        return None  # the known part of the frame ends before anything differs
    place, before, after = number + same + 1, reference[same], found[same]
    if after == "*":
        return f"p.{NAMES[before]}{place}Ter"
    ends = found.endswith("*")
    if before == "*" and same + 1 == len(reference):
        return f"p.Ter{place}{NAMES[after]}extTer{len(found) - 1 - same if ends else '?'}"
    return f"p.{NAMES[before]}{place}{NAMES[after]}fsTer{len(found) - same if ends else '?'}"


def _in_frame(residues: str, number: int, end: int, found: str) -> str | None:
    """Describe that residues `number` to `end` (half-open, 0-based) become `found`."""
    before = residues[number:end]
    if before == found:
        if len(before) < 2:
            return f"p.{names(before)}{number + 1}=" if before else None
        return f"p.{_residue(residues, number)}_{_residue(residues, end - 1)}="
    stop = found.find("*")
    if stop >= 0:
        found = found[: stop + 1]
    while before and found and before[0] == found[0]:
        before, found, number = before[1:], found[1:], number + 1
    if stop < 0:
        while before and found and before[-1] == found[-1]:
            before, found = before[:-1], found[:-1]
    if found[:1] == "*":
        return f"p.{_residue(residues, number)}Ter"
    if before and found:
        if len(before) == 1 == len(found):
            return f"p.{_residue(residues, number)}{NAMES[found]}"
        return f"p.{_range(residues, number, len(before))}delins{names(found)}"
    size = len(before)
    if before:
        while residues[number + size : number + size + 1] == residues[number]:
            number += 1
        return f"p.{_range(residues, number, size)}del"
    while number < len(residues) and found[0] == residues[number]:
        found, number = found[1:] + found[0], number + 1
    if not 0 < number < len(residues):
        return None
    size = len(found)
    if stop < 0 and residues[number] == "*" and number + 1 == len(residues):
        return f"p.Ter{number + 1}{NAMES[found[0]]}extTer{size}"
    if number >= size and residues[number - size : number] == found:
        return f"p.{_range(residues, number - size, size)}dup"
    return f"p.{_range(residues, number - 1, 2)}ins{names(found)}"


def _residue(residues: str, number: int) -> str:
    return f"{NAMES[residues[number]]}{number + 1}"


def _range(residues: str, number: int, size: int) -> str:
    first = _residue(residues, number)
    return first if size == 1 else f"{first}_{_residue(residues, number + size - 1)}"
