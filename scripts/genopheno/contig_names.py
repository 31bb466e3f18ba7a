"""Names of contigs in two spellings: with 'chr' or without, M or MT."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

ALIKE = {"M": "MT", "MT": "M"}
SHOWN = 5  # names in a message


def other_spelling(name: str) -> set[str]:
    """How else a contig may be called: with or without 'chr', M or MT."""
    bare = name[3:] if name.lower().startswith("chr") else name
    bares = {bare, ALIKE.get(bare, bare)}
    return (bares | {"chr" + b for b in bares} | {"Chr" + b for b in bares}) - {name}


def match(
    theirs: Iterable[str], ours: Mapping[str, int], lengths: Mapping[str, int] | None = None
) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Pair contigs of a file with those of the reference.

    A contig that the reference has by the same name is that one. Another is the one that the
    reference has in another spelling, unless their known lengths differ: the mitochondrion of
    hg19 (chrM, 16,571 bp) is not the one of GRCh37 (MT, 16,569 bp).

    Parameters
    ----------
    theirs : contigs that the file has records on.
    ours : contig → length (bp) of the reference.
    lengths : contig → length (bp) as the file says; 0 or absent: not known.

    Returns
    -------
    names : theirs → ours. A contig that is absent here is not in the reference.
    ambiguous : contigs that could be several of the reference, or, of several contigs of the
        file, the one contig of the reference that they could be; with what they could be.
    """
    theirs, lengths = list(theirs), lengths or {}
    names = {name: name for name in theirs if name in ours}
    ambiguous: dict[str, set[str]] = {}
    for name in theirs:
        if name in names:
            continue
        found = {
            other
            for other in other_spelling(name) & ours.keys()
            if not lengths.get(name) or lengths[name] == ours[other]
        }
        if len(found) == 1 and not found & set(names.values()):
            names[name] = found.pop()
        elif found:
            ambiguous[name] = found
    return names, ambiguous


def some(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more
