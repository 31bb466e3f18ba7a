"""Real reads with faults planted among them, called together in one go.

All reads of a cohort are aligned as one stream; the read group says whose each pair is, so a
fault is a pair of reads with another name.
"""

from __future__ import annotations

import csv
import gzip
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from genopheno.tools import run

Pair = tuple[list[str], list[str]]
GOLDEN = 0.6180339887  # multiples of it, modulo 1, pick a share of the pairs evenly


def pairs(first: Path, second: Path) -> Iterator[Pair]:
    """Read pairs of two FASTQ files, four lines each."""
    with gzip.open(first, "rt") as one, gzip.open(second, "rt") as two:
        while lines := [one.readline() for _ in range(4)]:
            if not lines[0]:
                return
            yield lines, [two.readline() for _ in range(4)]


def call(folder: Path, reference: Path, named: Iterable[tuple[str, Pair]]) -> Path:
    """Align pairs, each with the name of its sample, and call all samples together.

    Parameters
    ----------
    reference : block-gzipped FASTA.
    named : sample and read pair.

    Returns
    -------
    BCF with AD and GQ, split, with FILTER.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fasta, reads, header = folder / "ref.fa", folder / "reads.fq", folder / "header.txt"
    with gzip.open(reference) as packed, open(fasta, "wb") as out:
        shutil.copyfileobj(packed, out)
    samples = {}
    with open(reads, "w") as out:
        for number, (sample, pair) in enumerate(named):
            samples[sample] = None
            for _, bases, _, qualities in pair:
                out.write(f"@{number} RG:Z:{sample}\n{bases}+\n{qualities}")
    header.write_text("".join(f"@RG\tID:{name}\tSM:{name}\n" for name in samples))
    run(["samtools", "faidx", fasta])
    run(["bwa", "index", fasta])
    run(
        ["bwa", "mem", "-p", "-C", "-t", "2", "-H", header, fasta, reads],
        ["samtools", "sort", "-o", folder / "all.bam", "-"],
    )
    reads.unlink()
    run(["samtools", "index", folder / "all.bam"])
    run(
        [
            *("bcftools", "mpileup", "-Ou", "-f", fasta, "-q", "20", "-Q", "13", "-p"),
            *("-d", "1000", "-L", "1000", "-a", "FORMAT/AD,FORMAT/DP", folder / "all.bam"),
        ],
        ["bcftools", "call", "-m", "-v", "-P", "0.005", "--ploidy", "2", "-a", "GQ", "-Ou"],
        ["bcftools", "norm", "-f", fasta, "-m", "-any", "-Ou"],
        ["bcftools", "filter", "-s", "LowQual", "-e", "QUAL<20", "-Ob", "-o", folder / "calls.bcf"],
    )
    return folder / "calls.bcf"


def ceu(data: Path, rename: Callable[[str, int], list[str]]) -> Iterator[tuple[str, Pair]]:
    """Reads of the 38 people; `rename` gives the samples that a pair of a person goes to.

    Parameters
    ----------
    rename : told the person and the number of the pair.
    """
    with open(data / "samples.tsv", newline="") as handle:
        people = list(csv.DictReader(handle, delimiter="\t"))
    for person in people:
        for number, pair in enumerate(pairs(data / person["fastq_1"], data / person["fastq_2"])):
            for sample in rename(person["sample"], number):
                yield sample, pair


def share(number: int, fraction: float) -> bool:
    """Whether a pair belongs to a share of all pairs."""
    return (number * GOLDEN) % 1 < fraction
