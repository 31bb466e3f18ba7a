"""Reads of a diploid person, simulated from a reference and the person's known variants.

Run: ``python tests/bench/simulate.py --reference FASTA --truth VCF --contig NAME --end BP
--depth X --out DIR``; benches import `simulate`. The genome is two haplotypes (variants without
a phase get a random one) made by ``bcftools consensus``; fragments are drawn evenly from both.
Qualities fall along the read, in the four bins of current Illumina machines, and a base is wrong
as often as its quality says. Not simulated: repeats beyond the stretch, GC bias, duplicates,
chimeras, contamination.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from isal import igzip

LETTERS = np.frombuffer(b"ACGT", np.uint8)
# Quality bins of two-colour Illumina machines, and how often each occurs in the first and in
# the last cycle (linear between): about 0.25 % wrong bases, as in HiSeq X and NovaSeq runs.
BINS = np.array([37, 25, 12, 2], np.uint8)
FIRST_CYCLE = np.array([0.975, 0.02, 0.005, 0.0])
LAST_CYCLE = np.array([0.90, 0.07, 0.027, 0.003])
CHUNK = 100_000  # fragments held in memory at a time


@dataclass(frozen=True)
class Simulated:
    """Files of one simulated person.

    Attributes
    ----------
    reference : the stretch of the reference as plain FASTA (.fai beside it).
    truth : its variants (VCF, bgzip, indexed), phased as they were simulated.
    fastq_1, fastq_2 : read pairs, gzip.
    pairs : number of pairs.
    applied : variants that are in each of the two haplotypes.
    skipped : variants left out of a haplotype because they overlap another one.
    """

    reference: Path
    truth: Path
    fastq_1: Path
    fastq_2: Path
    pairs: int
    applied: tuple[int, int]
    skipped: int


def simulate(
    reference: Path,
    truth: Path,
    folder: Path,
    *,
    contig: str,
    start: int = 1,
    end: int,
    depth: float,
    length: int = 150,
    insert: tuple[float, float] = (400.0, 80.0),
    seed: int = 1,
    name: str = "r",
) -> Simulated:
    """Simulate read pairs of one person over a stretch of one contig.

    Parameters
    ----------
    reference : FASTA with .fai, plain or bgzip. The stretch keeps the contig's name and
        coordinates: it is the contig up to `end`, reads are drawn from `start` on.
    truth : VCF or BCF of the person, indexed, with GT.
    start, end : 1-based, both inside (bp).
    depth : mean coverage of the stretch over both haplotypes, N left out.
    insert : mean and standard deviation of the fragments' length (bp).
    name : prefix of the read names, which tell haplotype and number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fasta = folder / "reference.fa"
    _to(fasta, "samtools", "faidx", reference, f"{contig}:1-{end}")
    text = fasta.read_text().split("\n", 1)[1]
    fasta.write_text(f">{contig}\n{text.upper()}")
    _run("samtools", "faidx", fasta)
    generator = np.random.default_rng(seed)
    phased = _phased(truth, f"{contig}:1-{end}", folder / "truth.vcf.gz", generator)

    files = [folder / f"{name}_R{mate}.fastq.gz" for mate in (1, 2)]
    applied, skipped, pairs = [], 0, 0
    with igzip.open(files[0], "wb", 1) as out_1, igzip.open(files[1], "wb", 1) as out_2:
        for haplotype in (1, 2):
            sequence, made, left = _haplotype(fasta, phased, haplotype)
            applied.append(made)
            skipped += left
            known = int((sequence[start - 1 :] < 4).sum())
            wanted = round(depth / 2 * known / (2 * length))
            for first in range(0, wanted, CHUNK):
                n = min(CHUNK, wanted - first)
                fragments = _fragments(sequence, start - 1, n, length, insert, generator)
                title = f"{name}{haplotype}."
                for reads, out in zip(fragments, (out_1, out_2), strict=True):
                    out.write(_fastq(*_with_errors(reads, generator), title, first))
            pairs += wanted
    return Simulated(fasta, phased, *files, pairs, (applied[0], applied[1]), skipped)


def _phased(truth: Path, region: str, out: Path, generator: np.random.Generator) -> Path:
    """The variants of a region, each unphased genotype in a random order."""
    view = subprocess.run(
        ["bcftools", "view", "-r", region, "--regions-overlap", "0", truth],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    lines = []
    for line in view.stdout.splitlines():
        if not line.startswith("#"):
            *cells, sample = line.split("\t")
            genotype, *rest = sample.split(":")
            alleles = genotype.replace("|", "/").split("/")
            if "|" not in genotype and generator.random() < 0.5:
                alleles.reverse()
            line = "\t".join([*cells, ":".join(["|".join(alleles), *rest])])
        lines.append(line)
    text = "\n".join(lines) + "\n"
    subprocess.run(["bcftools", "view", "-Oz", "-o", out], input=text.encode(), check=True)
    _run("bcftools", "index", "-f", "-t", out)
    return out


def _haplotype(fasta: Path, phased: Path, number: int) -> tuple[np.ndarray, int, int]:
    """One haplotype as codes 0 to 3 (4: N), variants applied, variants skipped."""
    said = subprocess.run(
        ["bcftools", "consensus", "-H", str(number), "-f", fasta, phased],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    applied = re.search(r"Applied (\d+) variants", said.stderr)
    skipped = len(re.findall(r"overlaps with another variant", said.stderr))
    bases = "".join(said.stdout.split("\n")[1:]).encode()
    codes = np.full(256, 4, np.uint8)
    for code, letter in enumerate(LETTERS):
        codes[letter] = codes[letter + 32] = code
    return codes[np.frombuffer(bases, np.uint8)], int(applied[1]) if applied else 0, skipped


def _fragments(
    sequence: np.ndarray,
    start: int,
    n: int,
    length: int,
    insert: tuple[float, float],
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """First and second reads (n × length codes) of fragments that hold no N."""
    unknown = np.concatenate([[0], np.cumsum(sequence > 3)])
    left = np.empty(0, np.int64)
    size = np.empty(0, np.int64)
    while len(left) < n:
        new_size = np.rint(generator.normal(*insert, n)).astype(np.int64).clip(length)
        new_left = generator.integers(start, len(sequence) - new_size)
        good = unknown[new_left + new_size] == unknown[new_left]
        left = np.concatenate([left, new_left[good]])
        size = np.concatenate([size, new_size[good]])
    left, right = left[:n], (left + size)[:n]
    along = np.arange(length)
    forward = sequence[left[:, None] + along]
    backward = 3 - sequence[right[:, None] - 1 - along]
    flip = (generator.random(n) < 0.5)[:, None]  # the fragment of either strand
    return np.where(flip, backward, forward), np.where(flip, forward, backward)


def _with_errors(
    reads: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Reads with wrong bases, and their qualities (Phred), both n × length."""
    n, length = reads.shape
    share = np.linspace(FIRST_CYCLE, LAST_CYCLE, length)  # length × bins
    limits = np.cumsum(share, axis=1)[:, :-1]
    draw = generator.random((n, length), np.float32)
    qualities = BINS[(draw[:, :, None] > limits).sum(axis=2)]
    chance = 10 ** (-qualities.astype(np.float32) / 10)
    wrong = generator.random((n, length), np.float32) < np.minimum(chance, 0.75)
    shift = generator.integers(1, 4, (n, length), np.uint8)
    return np.where(wrong, (reads + shift) % 4, reads), qualities


def _fastq(codes: np.ndarray, qualities: np.ndarray, title: str, first: int) -> bytes:
    n, length = codes.shape
    names = [f"@{title}{first + i:08d}\n".encode() for i in range(n)]
    width = len(names[0])
    text = np.empty((n, width + 2 * length + 4), np.uint8)
    text[:, :width] = np.frombuffer(b"".join(names), np.uint8).reshape(n, width)
    text[:, width : width + length] = LETTERS[codes]
    text[:, width + length : width + length + 3] = np.frombuffer(b"\n+\n", np.uint8)
    text[:, width + length + 3 : -1] = qualities + 33
    text[:, -1] = ord("\n")
    return text.tobytes()


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _to(path: Path, *command: str | Path) -> None:
    with open(path, "wb") as out:
        subprocess.run(command, check=True, stdout=out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--contig", required=True)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--end", type=int, required=True)
    parser.add_argument("--depth", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    options = vars(parser.parse_args())
    made = simulate(options.pop("reference"), options.pop("truth"), options.pop("out"), **options)
    print(
        f"{made.pairs} pairs; variants in the haplotypes {made.applied[0]} and "
        f"{made.applied[1]}, left out as overlapping {made.skipped}"
    )


if __name__ == "__main__":
    main()
