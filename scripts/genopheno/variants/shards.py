"""The reference cut into regions of equal work, in order."""

from __future__ import annotations

from pathlib import Path

from genopheno.files import write_text
from genopheno.problems import fail

Region = tuple[str, int, int]


def contig_lengths(fai: Path) -> dict[str, int]:
    """Contigs of a FASTA index, in order, with their lengths (bp)."""
    rows = (line.split("\t") for line in fai.read_text().splitlines() if line)
    return {row[0]: int(row[1]) for row in rows}


def cut(lengths: dict[str, int], n: int) -> list[list[Region]]:
    """Cut contigs into `n` runs of bases, equal to within one base, in order.

    Returns
    -------
    n lists of (contig, start, end), 0-based and half-open; together every base once.
    """
    total = sum(lengths.values())
    ends = [total * (i + 1) // n for i in range(n)]
    shards: list[list[Region]] = [[] for _ in range(n)]
    shard, passed = 0, 0
    for contig, length in lengths.items():
        start = 0
        while start < length:
            end = min(length, ends[shard] - passed)
            shards[shard].append((contig, start, end))
            start = end
            if passed + end == ends[shard]:
                shard += 1
        passed += length
    return shards


def write_shards(fai: Path, n: int, out_dir: Path) -> list[Path]:
    """Write ``1.bed`` to ``{n}.bed``.

    Raises
    ------
    StageError : the reference has no base, or fewer bases than shards are asked for.
    """
    lengths = contig_lengths(fai)
    total = sum(lengths.values())
    if n < 1 or total < n:
        raise fail(
            "shards-too-many",
            fai,
            f"{n} shards were asked for, the reference has {total} bases",
            "Set calling.shards between 1 and the number of bases",
        )
    paths = []
    for number, regions in enumerate(cut(lengths, n), start=1):
        path = out_dir / f"{number}.bed"
        write_text(path, "".join(f"{c}\t{start}\t{end}\n" for c, start, end in regions))
        paths.append(path)
    return paths
