"""Whether the exons and coding parts of one transcript make sense together."""

from __future__ import annotations

from collections.abc import Sequence


def fault(
    exons: Sequence[Sequence[int]], cds: Sequence[Sequence[int]], strand: int
) -> tuple[str, str] | None:
    """The first thing that is wrong with a transcript, as (code, words); None: nothing.

    Parameters
    ----------
    exons : (start, end), 1-based and inclusive, ascending by start.
    cds : (start, end, phase) likewise; phase -1: not told.
    strand : +1, -1, or 0 where there is none.

    Notes
    -----
    A reading frame may begin or end inside a codon where the transcript itself begins or
    ends there: then only a part of the messenger is known. With untranslated bases beyond
    it, the length or the phase is wrong.
    """
    if not strand:
        return "strand-missing", "the transcript has no strand"
    if not exons:
        return "exons-missing", f"{len(cds)} CDS but no exon"
    for parts, kind in ((exons, "exons"), (cds, "cds")):
        previous = 0
        for start, end, *_ in parts:
            if end < start:
                return f"{kind}-reversed", f"a part ends at {end:,}, before its start {start:,}"
            if start <= previous:
                return f"{kind}-overlap", f"two parts overlap at {start:,}"
            previous = end
    return _cds_fault(exons, cds, strand) if cds else None


def _cds_fault(
    exons: Sequence[Sequence[int]], cds: Sequence[Sequence[int]], strand: int
) -> tuple[str, str] | None:
    index = 0
    within = []  # exon of each part
    for start, end, _ in cds:
        while index < len(exons) and exons[index][1] < start:
            index += 1
        if index == len(exons) or start < exons[index][0] or end > exons[index][1]:
            return "cds-outside-exons", f"CDS {start:,}-{end:,} is not inside one exon"
        within.append(index)
    for n in range(1, len(cds)):
        before, after = within[n - 1], within[n]
        if after != before + 1 or cds[n - 1][1] != exons[before][1] or cds[n][0] != exons[after][0]:
            return "cds-gap", f"transcribed bases between CDS parts before {cds[n][0]:,}"
    order = cds if strand > 0 else cds[::-1]
    first_phase = max(0, order[0][2])
    length = 0
    for start, end, phase in order:
        expected = (first_phase - length) % 3
        if phase not in (-1, expected):
            return "cds-phase", f"CDS {start:,}-{end:,} has phase {phase}, not {expected}"
        length += end - start + 1
    ends = (cds[0][0] == exons[0][0], cds[-1][1] == exons[-1][1])
    at_start, at_end = ends if strand > 0 else ends[::-1]
    if first_phase and not at_start:
        return "cds-start", f"the first codon lacks bases, with {first_phase} left, behind a 5' UTR"
    if (length - first_phase) % 3 and not at_end:
        return "cds-length", f"{length:,} coding bases are no whole codons, before a 3' UTR"
    return None
