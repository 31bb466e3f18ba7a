"""NA12878's real reads through every entry point of reads: one and the same set of records."""

from __future__ import annotations

from pathlib import Path

import pytest

from genopheno.reads.align import align, read_group
from genopheno.reads.aligners import FAST, make_index
from genopheno.reads.duplicates import mark_duplicates
from genopheno.reads.import_alignment import import_alignment
from genopheno.tools import run

from .truth import plain_reference

NAMES = {
    "sample": "NA12878", "unit_id": "NA12878.lib1.1", "library": "lib1", "platform": "ILLUMINA",
    "platform_unit": "1.lib1",
}  # fmt: skip
GROUP = read_group(
    *(NAMES[k] for k in ("unit_id", "sample", "library", "platform", "platform_unit"))
)
COPIES = 0x400


@pytest.fixture(scope="module")
def tiny(data, tmp_path_factory) -> tuple[Path, list[Path]]:
    """Reference and FASTQ: 40x over 12 kb, 2 x 151 bp, adapters and poor ends as they came."""
    source = data("giab_tiny")
    reference = plain_reference(source / "ref/q.fa.gz", tmp_path_factory.mktemp("tiny"))
    return reference, [source / f"fastq/NA12878_R{mate}.fastq.gz" for mate in (1, 2)]


def through(reference: Path, folder: Path, *fastqs: Path | None, **options) -> Path:
    """The CRAM that reads become."""
    folder.mkdir()
    align(
        *(fastqs or [None]),
        reference=reference,
        bam=folder / "u.bam",
        fastp_json=folder / "u.json",
        fastp_html=folder / "u.html",
        threads=2,
        **NAMES,
        **options,
    )
    cram = folder / "NA12878.cram"
    mark_duplicates(
        [("lib1", folder / "u.bam")],
        reference=reference,
        cram=cram,
        md5=folder / "NA12878.cram.md5",
        markdup_report=folder / "markdup.json",
        threads=2,
    )
    return cram


def taken(reference: Path, folder: Path, alignment: Path) -> Path:
    folder.mkdir()
    cram = folder / "NA12878.cram"
    import_alignment(
        alignment,
        reference=reference,
        cram=cram,
        md5=folder / "NA12878.cram.md5",
        report=folder / "import.json",
        sample="NA12878",
        read_group=GROUP,
        threads=2,
    )
    return cram


def records(path: Path, reference: Path) -> list[tuple]:
    """Primary records: name, flags, place, CIGAR, bases and qualities."""
    lines = run(["samtools", "view", "-F", "0x900", "-T", reference, path]).splitlines()
    return sorted(tuple(line.split("\t")[:11]) for line in lines)


def test_every_entry_point_gives_the_same_primary_records(tiny, tmp_path):
    reference, fastqs = tiny
    ours = through(reference, tmp_path / "fastq", *fastqs)
    expected = records(ours, reference)
    assert len(expected) > 2400  # of 3,266; the poor ones go
    assert any(int(row[1]) & COPIES for row in expected)

    unaligned = tmp_path / "unaligned.bam"
    run(["samtools", "import", "-1", fastqs[0], "-2", fastqs[1], "-o", unaligned])
    bam = tmp_path / "lab.bam"
    run(["samtools", "view", "-b", "-T", reference, "-o", bam, ours])
    assert records(through(reference, tmp_path / "u", alignment=unaligned), reference) == expected
    assert records(taken(reference, tmp_path / "b", bam), reference) == expected
    assert records(taken(reference, tmp_path / "c", ours), reference) == expected

    # Aligned again, untrimmed, from a sorted CRAM: the reads that fastp had passed. Mates meet in
    # another order, and bwa draws lots among equal places by it, so the bases are compared.
    again = records(through(reference, tmp_path / "r", alignment=ours, trim=False), reference)
    names = [(row[0], int(row[1]) & 0xC0) for row in again]
    assert sorted(names) == sorted((row[0], int(row[1]) & 0xC0) for row in expected)
    same = len(set(again) & set(expected)) / len(expected)
    assert same > 0.99, same


def test_the_fast_aligner_keeps_every_read_and_agrees_with_bwa(tiny, tmp_path):
    reference, fastqs = tiny
    make_index(FAST, reference)
    bwa = records(through(reference, tmp_path / "bwa", *fastqs), reference)
    fast = records(through(reference, tmp_path / "fast", *fastqs, aligner=FAST), reference)
    mates = [{(row[0], int(row[1]) & 0xC0): row[2:4] for row in rows} for rows in (bwa, fast)]
    assert mates[0].keys() == mates[1].keys()
    assert len(mates[0]) == len(bwa) == len(fast)
    near = [abs(int(mates[0][k][1]) - int(mates[1][k][1])) <= 30 for k in mates[0]]
    assert sum(near) > 0.97 * len(near)
