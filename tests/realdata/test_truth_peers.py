"""The comparison with a truth set beside GATK's Concordance, on the HG002 benchmark."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

from genopheno.tools import run
from genopheno.truth.benchmark import benchmark

CALLS, REGIONS = "HG002_giab_v4.2.1.vcf.gz", "HG002_giab_v4.2.1.confident.bed"


def spoil(lines: list[str], rng: random.Random) -> tuple[list[str], dict[str, int]]:
    """Take calls away, change genotypes and put false alleles in; tell how many of each."""
    kept, done = [], {"gone": 0, "genotype": 0, "allele": 0}
    for line in lines:
        cells = line.split("\t")
        chance = rng.random()
        if chance < 0.02:
            done["gone"] += 1
            continue
        if chance < 0.04:
            cells[9] = "0/1" if cells[9].count("1") == 2 else "1/1"
            done["genotype"] += 1
        elif chance < 0.06 and len(cells[3]) == len(cells[4]) == 1:
            cells[4] = next(b for b in "ACGT" if b not in cells[3:5])
            done["allele"] += 1
        kept.append("\t".join(cells))
    return kept, done


def test_counts_by_allele_are_those_of_gatk_concordance(
    data: Callable[[str], Path], gatk: list[str], tmp_path: Path
) -> None:
    source = data("grch38_chr20_10mb")
    fasta = tmp_path / "g.fa"
    run(["bgzip", "-dc", source / "grch38_chr20_10mb.fa.gz"], stdout=fasta)
    run(["samtools", "faidx", fasta])
    run(["samtools", "dict", "-o", tmp_path / "g.dict", fasta])
    # One allele a place: Concordance pairs records by their position.
    text = run(
        ["bcftools", "view", "-m2", "-M2", source / CALLS],
        ["bcftools", "norm", "-f", fasta, "-"],
        ["bcftools", "norm", "-d", "all", "-"],
    ).splitlines()
    header = [line for line in text if line.startswith("#")]
    body = text[len(header) :]
    spoiled, done = spoil(body, random.Random(3))
    files = {}
    for name, lines in (("truth", body), ("calls", spoiled)):
        plain, files[name] = tmp_path / f"{name}.vcf", tmp_path / f"{name}.vcf.gz"
        plain.write_text("\n".join([*header, *lines]) + "\n")
        run(["bcftools", "view", "-Oz", "-o", files[name], plain])
        run(["bcftools", "index", "-t", files[name]])
    summary = tmp_path / "summary.tsv"
    subprocess.run(
        [
            *(*gatk, "Concordance", "-R", fasta, "-L", source / REGIONS, "--summary", summary),
            *("-eval", files["calls"], "-truth", files["truth"], "--verbosity", "ERROR"),
        ],
        check=True,
        capture_output=True,
    )
    rows = [line.split("\t") for line in summary.read_text().splitlines()[1:]]
    theirs = {row[0].lower(): tuple(map(int, row[1:4])) for row in rows}
    report = benchmark(
        files["calls"],
        files["truth"],
        regions=source / REGIONS,
        reference=fasta,
        engine="alleles",
    )
    ours = {}
    for kind, found in report["types"].items():
        wrong = found["genotype_errors"]
        ours[kind] = (found["tp"] + wrong, found["fp"] - wrong, found["fn"] - wrong)
    print(theirs, ours, done)
    assert ours == theirs
