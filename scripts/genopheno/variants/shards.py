"""What is called, cut into shards of equal work, in order.

Work is bases of sequence: those of the targets where there are targets, else of the whole
reference; long runs of N are nobody's work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from genopheno import bed
from genopheno.bed import Region
from genopheno.files import write_text
from genopheno.problems import fail

GAP = re.compile("[Nn]{1000,}")


def read_bed(path: Path) -> list[Region]:
    """Regions of a BED file of our own, as they stand in it."""
    return [region for _, _, region in bed.rows(path) if region]


def sequenced(fasta: Path) -> list[Region]:
    """The reference without its long runs of N (1,000 bases and more), in order."""
    import pysam

    regions: list[Region] = []
    with pysam.FastaFile(str(fasta)) as reference:
        for contig, length in zip(reference.references, reference.lengths, strict=True):
            start = 0
            for gap in GAP.finditer(reference.fetch(contig)):
                regions.append((contig, start, gap.start()))
                start = gap.end()
            regions.append((contig, start, length))
    return [region for region in regions if region[1] < region[2]]


def common(regions: Iterable[Region], others: Sequence[Region]) -> list[Region]:
    """Parts of `regions` that lie in `others`, each sorted within its contig."""
    per_contig: dict[str, list[Region]] = {}
    for other in others:
        per_contig.setdefault(other[0], []).append(other)
    found = []
    for contig, start, end in regions:
        for _, low, high in per_contig.get(contig, ()):
            if low < end and start < high:
                found.append((contig, max(start, low), min(end, high)))
    return found


def cut(regions: Sequence[Region], n: int) -> list[list[Region]]:
    """Cut regions into `n` runs of bases, equal to within one base, in order.

    Returns
    -------
    n lists of (contig, start, end), 0-based and half-open; together every base once.
    """
    total = sum(end - start for _, start, end in regions)
    ends = [total * (i + 1) // n for i in range(n)]
    shards: list[list[Region]] = [[] for _ in range(n)]
    shard, passed = 0, 0
    for contig, start, end in regions:
        while start < end:
            here = min(end, start + ends[shard] - passed)
            shards[shard].append((contig, start, here))
            passed += here - start
            start = here
            if passed == ends[shard]:
                shard += 1
    return shards


def pad(regions: Sequence[Region], lengths: dict[str, int], by: int) -> list[Region]:
    """Widen regions (sorted) by bases, within their contigs, and join those that meet."""
    wide: list[Region] = []
    for contig, start, end in regions:
        start, end = max(0, start - by), min(lengths[contig], end + by)
        if wide and wide[-1][0] == contig and start <= wide[-1][2]:
            wide[-1] = (contig, wide[-1][1], max(end, wide[-1][2]))
        else:
            wide.append((contig, start, end))
    return wide


def write_shards(fasta: Path, n: int, out_dir: Path, *, targets: Path | None = None) -> list[Path]:
    """Write ``1.bed`` to ``{n}.bed``.

    Parameters
    ----------
    fasta : reference, ``.fai`` beside it.
    targets : BED to which calling is limited, sorted and merged; None: the whole reference.

    Raises
    ------
    StageError : there is no base to call in, or fewer than shards are asked for.
    """
    regions = sequenced(fasta)
    if targets:
        regions = common(read_bed(targets), regions)
    total = sum(end - start for _, start, end in regions)
    if n < 1 or total < n:
        raise fail(
            "shards-too-many",
            targets or fasta,
            f"{n} shards were asked for, there are {total} bases to call in",
            "Set calling.shards between 1 and the number of bases",
        )
    paths = []
    for number, shard in enumerate(cut(regions, n), start=1):
        path = out_dir / f"{number}.bed"
        write_text(path, "".join(f"{c}\t{start}\t{end}\n" for c, start, end in shard))
        paths.append(path)
    return paths
