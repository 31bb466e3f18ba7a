"""The project folder: what is known of it before the first job runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from genopheno.project import copies_depend_on_sex

X = 155_270_560  # of GRCh37


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(">1\nACGT\n>X\nACGTACGT\n")
    os.utime(path, (100, 100))
    return path


def index(path: Path, contigs: dict[str, int], time: int) -> Path:
    path.write_text("".join(f"{name}\t{n}\t3\t60\t61\n" for name, n in contigs.items()))
    os.utime(path, (time, time))
    return path


def test_the_fasta_is_read_where_it_has_no_index(fasta: Path) -> None:
    absent = fasta.with_name("prepared.fai")
    assert not copies_depend_on_sex(fasta, absent, "toy", None)
    assert copies_depend_on_sex(fasta, absent, "toy", {"x": "X"})


def test_an_index_is_taken_unless_the_fasta_is_newer(fasta: Path) -> None:
    prepared = index(fasta.with_name("prepared.fai"), {"X": X}, 200)
    assert copies_depend_on_sex(fasta, prepared, "toy", None)
    index(prepared, {"X": X}, 50)
    assert not copies_depend_on_sex(fasta, prepared, "toy", None)
    index(Path(f"{fasta}.fai"), {"X": X}, 100)
    assert copies_depend_on_sex(fasta, prepared, "toy", None)


def test_the_index_that_is_left_is_taken_where_the_fasta_is_gone(fasta: Path) -> None:
    prepared = index(fasta.with_name("prepared.fai"), {"1": 100}, 50)
    fasta.unlink()
    assert not copies_depend_on_sex(fasta, prepared, "toy", None)


def test_a_faulty_reference_is_left_to_its_own_step(fasta: Path) -> None:
    absent = fasta.with_name("prepared.fai")
    assert copies_depend_on_sex(fasta, absent, "toy", {"x": "no such contig"})
    fasta.write_text("no FASTA")
    assert copies_depend_on_sex(fasta, absent, "toy", None)
