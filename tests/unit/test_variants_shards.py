"""What is called, cut into shards of equal work."""

from __future__ import annotations

import pytest

from genopheno.problems import StageError
from genopheno.tools import run
from genopheno.variants.shards import common, cut, pad, read_bed, sequenced, write_shards


@pytest.mark.parametrize("n", [1, 2, 3, 7, 24])
def test_shards_hold_every_base_once_in_order(n):
    regions = [("a", 0, 10), ("b", 5, 6), ("c", 2, 5), ("c", 20, 30)]
    shards = cut(regions, n)
    sizes = [sum(end - start for _, start, end in shard) for shard in shards]
    assert len(shards) == n
    assert max(sizes) - min(sizes) <= 1
    bases = [(c, i) for shard in shards for c, start, end in shard for i in range(start, end)]
    assert bases == [(c, i) for c, start, end in regions for i in range(start, end)]


@pytest.fixture
def genome(tmp_path):
    """12,000 bases, of which 6,999 are in runs of N of 1,000 and more."""
    fasta = tmp_path / "g.fa"
    contigs = {
        "a": "N" * 2000 + "ACGT" * 500 + "n" * 3000 + "ACGT" * 250,
        "b": "AC" * 500 + "N" * 999 + "G" * 1001,
        "c": "N" * 1000,
    }
    fasta.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
    run(["samtools", "faidx", fasta])
    return fasta


def test_long_runs_of_n_are_no_work(genome, tmp_path):
    assert sequenced(genome) == [("a", 2000, 4000), ("a", 7000, 8000), ("b", 0, 3000)]
    paths = write_shards(genome, 2, tmp_path / "out")
    assert [read_bed(path) for path in paths] == [
        [("a", 2000, 4000), ("a", 7000, 8000)],
        [("b", 0, 3000)],
    ]


def test_targets_limit_the_work(genome, tmp_path):
    targets = tmp_path / "targets.bed"
    targets.write_text("a\t1900\t2100\na\t3990\t7010\nb\t500\t690\nc\t0\t1000\n")
    regions = [read_bed(path) for path in write_shards(genome, 2, tmp_path, targets=targets)]
    assert regions == [
        [("a", 2000, 2100), ("a", 3990, 4000), ("a", 7000, 7010), ("b", 500, 535)],
        [("b", 535, 690)],
    ]
    targets.write_text("c\t0\t1000\n")
    with pytest.raises(StageError, match=r"shards-too-many.*0 bases to call in"):
        write_shards(genome, 2, tmp_path / "none", targets=targets)
    assert not (tmp_path / "none").exists()


def test_common_bases():
    first = [("a", 0, 10), ("a", 20, 30), ("b", 5, 9)]
    second = [("a", 5, 25), ("a", 29, 40), ("c", 0, 9)]
    bases = {
        (c, i)
        for c, start, end in first
        for i in range(start, end)
        if any(c == d and low <= i < high for d, low, high in second)
    }
    found = common(first, second)
    assert {(c, i) for c, start, end in found for i in range(start, end)} == bases
    assert found == [("a", 5, 10), ("a", 20, 25), ("a", 29, 30)]


def test_more_shards_than_bases_are_refused(genome, tmp_path):
    for n in (0, 6001):
        with pytest.raises(StageError, match=r"shards-too-many.*6000 bases"):
            write_shards(genome, n, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_padding_stays_on_the_contig_and_joins_neighbours():
    lengths = {"a": 10_000, "b": 500}
    assert pad([("a", 3000, 4000), ("a", 4300, 9900), ("b", 0, 500)], lengths, 200) == [
        ("a", 2800, 10_000),
        ("b", 0, 500),
    ]
