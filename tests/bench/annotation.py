"""Annotation against bare bcftools csq: the same calls, gene models, output type and threads.

Run: ``python tests/bench/annotation.py [--people N] [--variants N] [--threads N] [--rounds N]``,
with the shared data set annotation_ensembl_chr21, over whose real genes calls are simulated.
``genopheno annotate`` runs with three databases (frequencies and counts of most alleles, a
significance of few, rsids of most) and writes the VCF with its index and both tables; the
bcftools of PATH runs ``csq --local-csq -Oz`` and writes a VCF. Prints the ratios of wall and
CPU time, with genotypes and, as information, for sites alone, and the memory of the largest
process. Ends with 1 where the ratio by wall is above 1.3, or the memory above 1.5 GiB.
The annotated VCF is compressed at level 5, that of csq at bcftools' own, 6; the ratio at the
same level is printed, too.
"""

from __future__ import annotations

import argparse
import gzip
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from genopheno.annotation.annotate import LEVEL

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GENOPHENO_DATA", ROOT.parent / "shared" / "data"))
CHR21 = DATA / "annotation_ensembl_chr21"
LIMIT, MEMORY_GIB = 1.3, 1.5
GENOTYPES = np.array(["0/0", "0/1", "1/1", "./."])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=2500)
    parser.add_argument("--variants", type=int, default=50_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not CHR21.is_dir():
        print("annotation: skipped, shared data set annotation_ensembl_chr21 is absent")
        return 0
    with tempfile.TemporaryDirectory(prefix="genopheno-bench-") as name:
        folder = Path(name)
        fasta, genes = folder / "21.fa", CHR21 / "ensembl84_chr21_10mb.gff3.gz"
        fasta.write_bytes(gzip.decompress((CHR21 / "grch38_chr21_10mb.fa.gz").read_bytes()))
        subprocess.run(["samtools", "faidx", fasta], check=True)
        calls = simulate(folder, fasta, options.people, options.variants)
        sites = indexed(folder / "sites.bcf", ["bcftools", "view", "-G", calls])
        databases = prepare(folder, sites, fasta)
        good = True
        for what, path in (("with genotypes", calls), ("sites alone", sites)):
            ours = [
                *("genopheno", "annotate", "--calls", path, "--reference", fasta),
                *("--genes", genes, *databases, "--threads", options.threads),
                *("--output", folder / "out.vcf.gz", "--sites", folder / "sites.parquet"),
                *("--consequences", folder / "consequences.parquet"),
                *("--report", folder / "annotation.json"),
            ]
            bare = [
                *("bcftools", "csq", "--local-csq", "--ncsq", 64, "-f", fasta, "-g", genes),
                *("--threads", options.threads, "-Oz", "-o", folder / "bare.vcf.gz", path),
            ]
            wall, cpu = compare(ours, bare, options.rounds)
            goal = f" (at most {LIMIT} wanted)" if path == calls else " (for information)"
            print(f"{what}: {path.stat().st_size / 2**20:.0f} MiB, {options.variants:,} variants")
            for kind, (a, b) in (("wall", wall), ("CPU", cpu)):
                print(f"  {kind}: annotate {a:.2f} s, csq {b:.2f} s, ratio {a / b:.2f}{goal}")
            if path == calls:
                good = wall[0] / wall[1] <= LIMIT
                same = [f"-Oz{LEVEL}" if word == "-Oz" else word for word in bare]
                (a, b), _ = compare(ours, same, options.rounds)
                print(f"  wall, csq at our compression: {b:.2f} s, ratio {a / b:.2f}")
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"memory of the largest process: {largest:.2f} GiB (at most {MEMORY_GIB} wanted)")
    return 0 if good and largest <= MEMORY_GIB else 1


def compare(ours: list, bare: list, rounds: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Medians of wall and of CPU seconds, (ours, bare) each; the two take turns."""
    taken: list[list[tuple[float, float]]] = [[], []]
    for _ in range(rounds):
        for words, times in zip((ours, bare), taken, strict=True):
            before, start = os.times(), time.perf_counter()
            subprocess.run(list(map(str, words)), check=True, stderr=subprocess.DEVNULL)
            wall, after = time.perf_counter() - start, os.times()
            cpu = after.children_user + after.children_system
            times.append((wall, cpu - before.children_user - before.children_system))
    medians = [[statistics.median(column) for column in zip(*t, strict=True)] for t in taken]
    return (medians[0][0], medians[1][0]), (medians[0][1], medians[1][1])


def indexed(path: Path, *commands: list) -> Path:
    """A BCF of what commands, joined by pipes, write."""
    line = " | ".join(" ".join(map(str, command)) for command in commands)
    quiet = {"shell": True, "check": True, "stderr": subprocess.DEVNULL}
    subprocess.run(f"{line} | bcftools view -Ob -o {path}", **quiet)
    subprocess.run(["bcftools", "index", "-f", path], check=True)
    return path


def simulate(folder: Path, fasta: Path, people: int, variants: int) -> Path:
    """Calls at random places of the real sequence: 85 % SNVs, the others short indels."""
    random = np.random.default_rng(21)
    sequence = "".join(fasta.read_text().splitlines()[1:]).upper()
    known = np.frombuffer(sequence.encode(), np.uint8) != ord("N")
    places = np.sort(random.choice(np.flatnonzero(known)[10:-20], variants, replace=False))
    vcf = folder / "simulated.vcf"
    with open(vcf, "w") as out:
        out.write(f"##fileformat=VCFv4.2\n##contig=<ID=21,length={len(sequence)}>\n")
        out.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        names = [f"s{n}" for n in range(people)]
        cells = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]
        out.write("\t".join(cells) + "\n")
        for place in places:
            base, kind = sequence[place], random.random()
            longer = int(random.integers(1, 10))
            ref = alt = base
            if kind < 0.85:
                alt = random.choice([b for b in "ACGT" if b != base])
            elif kind < 0.93:
                ref = sequence[place : place + longer + 1]
            else:
                alt = base + "".join(random.choice(list("ACGT"), longer))
            if "N" in ref:
                continue
            copies = random.binomial(2, random.beta(0.2, 2), people)
            copies[random.random(people) < 0.01] = 3
            start = f"21\t{place + 1}\t.\t{ref}\t{alt}\t50\tPASS\t.\tGT\t"
            out.write(start + "\t".join(GENOTYPES[copies]) + "\n")
    return indexed(
        folder / "calls.bcf",
        ["bcftools", "norm", "-f", fasta, "-Ou", vcf],
        ["bcftools", "norm", "-d", "exact", "-Ou"],
        ["bcftools", "sort", "-T", folder / "sort"],
    )


def prepare(folder: Path, sites: Path, fasta: Path) -> list[str]:
    """Options of three databases of some of the alleles."""
    random = np.random.default_rng(7)
    form = "%POS\t%REF\t%ALT\n"
    alleles = subprocess.run(
        ["bcftools", "query", "-f", form, sites], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    options = []
    for name, share, taken in (
        ("gnomad", 0.8, ["--field", "AF", "--field", "AC"]),
        ("clinvar", 0.05, ["--field", "SIG"]),
        ("dbsnp", 0.9, ["--rsid"]),
    ):
        vcf, table = folder / f"{name}.vcf", folder / f"{name}.tsv.gz"
        with open(vcf, "w") as out:
            out.write("##fileformat=VCFv4.2\n##contig=<ID=21>\n")
            for field, number, kind in (("AF", "A", "Float"), ("AC", "A", "Integer")):
                out.write(f'##INFO=<ID={field},Number={number},Type={kind},Description="d">\n')
            out.write('##INFO=<ID=SIG,Number=.,Type=String,Description="d">\n')
            out.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
            for number, allele in enumerate(alleles):
                if random.random() < share:
                    position, ref, alt = allele.split("\t")
                    info = f"AF={random.random():.4g};AC={number};SIG=Likely_benign"
                    out.write(f"21\t{position}\trs{number}\t{ref}\t{alt}\t.\t.\t{info}\n")
        command = ["genopheno", "database", name, "--file", vcf, "--reference", fasta]
        command += [*taken, "--output", table]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(list(map(str, command)), check=True, **quiet)
        options += ["--database", f"{name}={table}"]
    return options


if __name__ == "__main__":
    sys.exit(main())
