"""Small genomes and reads with a known answer, made with wgsim."""

from __future__ import annotations

import gzip
import random
from dataclasses import dataclass
from pathlib import Path

from genopheno.reads.align import align
from genopheno.reads.aligners import make_index
from genopheno.reads.duplicates import mark_duplicates
from genopheno.tools import run

Edit = tuple[int, str, str]  # 0-based position, reference, alternate


@dataclass(frozen=True)
class Unit:
    """Files of one aligned unit."""

    bam: Path
    json: Path
    html: Path


def sequence(length: int, seed: int) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def reference(folder: Path, contigs: dict[str, str], aligners: tuple[str, ...] = ("bwa",)) -> Path:
    """FASTA of contigs with its samtools index and those of aligners."""
    folder.mkdir(parents=True, exist_ok=True)
    fasta = folder / "genome.fa"
    fasta.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
    run(["samtools", "faidx", fasta])
    for name in aligners:
        make_index(name, fasta)
    return fasta


def edited(bases: str, edits: list[Edit]) -> str:
    """A haplotype: `bases` with the edits made, from the right."""
    for position, old, new in sorted(edits, reverse=True):
        assert bases[position : position + len(old)] == old
        bases = bases[:position] + new + bases[position + len(old) :]
    return bases


def reads(
    folder: Path,
    contigs: dict[str, str],
    *,
    pairs: int,
    seed: int,
    prefix: str = "",
    length: int = 100,
) -> tuple[Path, Path]:
    """Read pairs from sequences as gzip FASTQ, 0.2 % errors, insert 300 ± 40, quality 'I'."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"source{seed}.fa"
    source.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
    raw = [folder / f"raw{seed}_{i}.fq" for i in (1, 2)]
    run(
        [
            *("wgsim", "-S", seed, "-N", pairs, "-1", length, "-2", length, "-d", 300, "-s", 40),
            *("-r", 0, "-R", 0, "-X", 0, "-e", 0.002, source, *raw),
        ]
    )
    packed = []
    for i, path in enumerate(raw, start=1):
        lines = path.read_text().splitlines()
        for row in range(0, len(lines), 4):
            lines[row] = f"@{prefix}{lines[row][1:].removesuffix(f'/{i}')}"
            lines[row + 3] = "I" * len(lines[row + 1])
        packed.append(folder / f"{prefix}s{seed}_R{i}.fastq.gz")
        with gzip.open(packed[-1], "wt", compresslevel=1) as out:
            out.write("\n".join(lines) + "\n")
        path.unlink()
    return packed[0], packed[1]


def unit(
    fastqs: tuple[Path, ...],
    genome: Path,
    folder: Path,
    *,
    sample: str = "s1",
    library: str = "lib1",
    lane: str = "1",
    **options,
) -> Unit:
    """One unit through `align`, with the names that the pipeline gives; without FASTQ, give
    `alignment`."""
    made = Unit(
        *(folder / f"{library}.{lane}.{end}" for end in ("bam", "fastp.json", "fastp.html"))
    )
    align(
        *(fastqs or [None]),
        reference=genome,
        bam=made.bam,
        fastp_json=made.json,
        fastp_html=made.html,
        sample=sample,
        unit_id=f"{sample}.{library}.{lane}",
        library=library,
        platform="ILLUMINA",
        platform_unit=f"{lane}.{library}",
        **{"threads": 1, **options},
    )
    return made


def cram(units: list[tuple[str, Unit]], genome: Path, path: Path) -> Path:
    """Units through `mark_duplicates`."""
    mark_duplicates(
        [(library, unit.bam) for library, unit in units],
        reference=genome,
        cram=path,
        md5=path.with_name(path.name + ".md5"),
        markdup_report=path.with_suffix(".markdup.json"),
        threads=1,
    )
    return path
