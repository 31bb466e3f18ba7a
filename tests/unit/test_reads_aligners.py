"""Every aligner behind the one interface: same reads, same read group, same guarantees."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from genopheno.files import read_json
from genopheno.problems import StageError
from genopheno.reads.aligners import ALIGNERS, index_files, make_index
from genopheno.tools import run

from .simulated import cram, reads, reference, sequence, unit
from .test_reads import records, renamed

BASES = {"chrA": sequence(20_000, 1), "chrB": sequence(5_000, 2)}
GROUP = "@RG\tID:s1.lib1.1\tSM:s1\tLB:lib1\tPL:ILLUMINA\tPU:1.lib1"


@pytest.fixture(scope="module", params=sorted(ALIGNERS))
def aligner(request) -> str:
    if not shutil.which(ALIGNERS[request.param].program):
        pytest.skip(f"{ALIGNERS[request.param].program} is not installed")
    return request.param


@pytest.fixture(scope="module")
def genome(aligner, tmp_path_factory) -> Path:
    return reference(tmp_path_factory.mktemp("genome"), BASES, (aligner,))


@pytest.fixture(scope="module")
def fastqs(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("reads")
    return reads(folder, {"chrA": BASES["chrA"]}, pairs=1000, seed=3, prefix="a")


def where_from(row: list[str]) -> bool:
    """The read lies where wgsim took its fragment from, which its name tells."""
    _, first, last, *_ = row[0].split("_")
    return row[2] == "chrA" and int(first) - 5 <= int(row[3]) <= int(last) + 5


def test_pairs_keep_every_read_the_read_group_and_their_mates(aligner, genome, fastqs, tmp_path):
    made = unit(fastqs, genome, tmp_path, aligner=aligner, threads=2)
    header = run(["samtools", "view", "-H", made.bam])
    assert "SO:coordinate" in header
    assert [line for line in header.splitlines() if line.startswith("@RG")] == [GROUP]
    rows = [line.split("\t") for line in run(["samtools", "view", made.bam]).splitlines()]
    primary = [row for row in rows if not int(row[1]) & 0x900]
    assert len(primary) == 2000
    assert len({(row[0], int(row[1]) & 0xC0) for row in primary}) == 2000
    assert all("RG:Z:s1.lib1.1" in row for row in rows)
    assert all(any(tag.startswith("ms:i:") for tag in row[11:]) for row in primary)
    assert sum(int(row[1]) & 2 > 0 for row in primary) > 1980
    assert sum(where_from(row) for row in primary) > 1980


def test_single_reads_keep_every_read_and_their_duplicates_are_found(
    aligner, genome, fastqs, tmp_path
):
    """Reads under one name that follow each other are not mates where single reads are meant."""
    one = unit(fastqs[:1], genome, tmp_path / "one", aligner=aligner)
    again = unit(renamed(fastqs, tmp_path, "copy")[:1], genome, tmp_path, aligner=aligner, lane="2")
    rows = [line.split("\t") for line in run(["samtools", "view", one.bam]).splitlines()]
    assert len(rows) == 1000
    assert not any(int(row[1]) & 0x1 for row in rows)
    assert sum(where_from(row) for row in rows) > 990
    both = cram([("lib1", one), ("lib1", again)], genome, tmp_path / "s1.cram")
    assert len(records(both, genome)) == 2000
    assert len(records(both, genome, "-f", "0x400")) >= 1000


def test_alignments_do_not_depend_on_threads(aligner, genome, fastqs, tmp_path):
    bodies = [
        run(["samtools", "view", unit(fastqs, genome, tmp_path / str(n), aligner=aligner,
                                      threads=n).bam]).splitlines()
        for n in (1, 3)
    ]  # fmt: skip
    if aligner == "snap":  # its threads write in turn: records at one place change theirs
        bodies = [sorted(body) for body in bodies]
    assert bodies[0] == bodies[1]


def test_duplicates_across_lanes(aligner, genome, fastqs, tmp_path):
    one = unit(fastqs, genome, tmp_path / "one", aligner=aligner)
    two = unit(renamed(fastqs, tmp_path, "copy"), genome, tmp_path, aligner=aligner, lane="2")
    path = cram([("lib1", one), ("lib1", two)], genome, tmp_path / "s1.cram")
    assert 2000 <= len(records(path, genome, "-f", "0x400", "-F", "0x900")) <= 2040
    counts = read_json(tmp_path / "s1.markdup.json")
    assert counts["READ"] == counts["WRITTEN"] == len(records(path, genome))


def test_an_absent_index_is_named_with_the_command_that_makes_it(aligner, fastqs, tmp_path):
    genome = reference(tmp_path / "genome", BASES, ())
    with pytest.raises(StageError, match=f"index-missing.*genopheno index .* --aligner {aligner}"):
        unit(fastqs, genome, tmp_path / "out", aligner=aligner)
    make_index(aligner, genome)
    assert all(Path(path).is_file() for path in index_files(aligner, genome))
    assert not [path for path in genome.parent.iterdir() if path.name.startswith(".")]
