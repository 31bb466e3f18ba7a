"""A maximal set of samples without relatives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Pair = tuple[str, str, float]


def unrelated(
    samples: Iterable[str], pairs: Iterable[Pair], weights: Mapping[str, float] | None = None
) -> tuple[list[str], list[tuple[str, str, float]]]:
    """Leave out as few samples as a greedy search finds, until no pair is left.

    The sample with most relatives goes first; among equals the one with the smallest
    weight (say, phenotypes known, or being a case), then the last by name. Whoever ends up
    with no relative in the set comes back, so that the set is maximal.

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

    degree = {sample: len(others) for sample, others in relatives.items()}
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
            if other not in gone:
                by_degree[degree[other]].remove(other)
                degree[other] -= 1
                by_degree.setdefault(degree[other], set()).add(other)
    for sample in sorted(gone, key=rank.__getitem__, reverse=True):
        if gone.issuperset(relatives[sample]):
            gone.remove(sample)

    dropped = []
    for sample in sorted(gone):
        kept = {o: k for o, k in relatives[sample].items() if o not in gone}
        closest = min(kept, key=lambda o: (-kept[o], o))
        dropped.append((sample, closest, kept[closest]))
    return [sample for sample in samples if sample not in gone], dropped
