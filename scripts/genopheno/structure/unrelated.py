"""A maximal set of samples without relatives."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence, Set

Pair = tuple[str, str, float]


def unrelated(
    samples: Iterable[str],
    pairs: Iterable[Pair],
    weights: Mapping[str, float] | None = None,
    prefer: Container[str] = (),
) -> tuple[list[str], list[tuple[str, str, float]]]:
    """Leave out as few samples as a greedy search finds, until no pair is left.

    The sample with most relatives goes first; among equals the one with the smallest
    weight (say, phenotypes known, or being a case), then the last by name. Whoever ends up
    with no relative in the set comes back, so that the set is maximal.

    With `prefer`, as many of these (cases, say) as the search finds stay, whoever else has to
    go: they are settled among themselves first, then the relatives of those who stay leave,
    then the others are settled.

    Parameters
    ----------
    samples : everyone, in any order.
    pairs : related pairs with their kinship.
    weights : worth of keeping a sample; absent means 0.

    Returns
    -------
    kept : samples in the order given.
    dropped : (sample, the kept relative closest to it, their kinship), by sample name.
    """
    samples, weights = list(samples), weights or {}
    relatives: dict[str, dict[str, float]] = {}
    for one, other, kinship in pairs:
        relatives.setdefault(one, {})[other] = kinship
        relatives.setdefault(other, {})[one] = kinship
    # Ranks make name order independent of the order of rows: 0 is the first to go.
    going = sorted(sorted(relatives, reverse=True), key=lambda s: weights.get(s, 0.0))
    rank = {sample: i for i, sample in enumerate(going)}

    first = {sample for sample in relatives if sample in prefer}
    gone = _settled(first, relatives, rank)
    gone |= {o for sample in first - gone for o in relatives[sample]} - first
    gone |= _settled(relatives.keys() - first - gone, relatives, rank)
    # Settled apart, a sample may have lost the relative for whom it went.
    for sample in sorted(gone, key=lambda s: (s in first, rank[s]), reverse=True):
        if gone.issuperset(relatives[sample]):
            gone.remove(sample)

    dropped = []
    for sample in sorted(gone):
        kept = {o: k for o, k in relatives[sample].items() if o not in gone}
        closest = min(kept, key=lambda o: (-kept[o], o))
        dropped.append((sample, closest, kept[closest]))
    return [sample for sample in samples if sample not in gone], dropped


def _settled(
    among: Set[str], relatives: Mapping[str, Mapping[str, float]], rank: Mapping[str, int]
) -> set[str]:
    """Who leaves, so that no two of `among` that stay are relatives."""
    degree = {sample: sum(o in among for o in relatives[sample]) for sample in among}
    by_degree: dict[int, set[str]] = {}
    for sample, d in degree.items():
        by_degree.setdefault(d, set()).add(sample)
    gone: set[str] = set()
    top = max(by_degree, default=0)
    while top > 0:
        if not by_degree.get(top):
            top -= 1
            continue
        sample = min(by_degree[top], key=rank.__getitem__)
        by_degree[top].remove(sample)
        gone.add(sample)
        for other in relatives[sample]:
            if other in among and other not in gone:
                by_degree[degree[other]].remove(other)
                degree[other] -= 1
                by_degree.setdefault(degree[other], set()).add(other)
    for sample in sorted(gone, key=rank.__getitem__, reverse=True):
        if not (relatives[sample].keys() & among) - gone:
            gone.remove(sample)
    return gone


def families(samples: Sequence[str], pairs: Iterable[Pair]) -> list[str]:
    """Family of each sample: the connected component of the related pairs that it is in.

    Returns
    -------
    The family's name, that of its first sample by name; for someone without relatives ''.
    """
    root = {sample: sample for sample in samples}

    def top(sample: str) -> str:
        while root[sample] != sample:
            root[sample] = root[root[sample]]
            sample = root[sample]
        return sample

    related = set()
    for one, other, _ in pairs:
        related |= {one, other}
        a, b = top(one), top(other)
        root[max(a, b)] = min(a, b)
    return [top(sample) if sample in related else "" for sample in samples]
