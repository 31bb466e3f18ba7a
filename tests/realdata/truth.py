"""Comparison of calls with published truths."""

from __future__ import annotations

import gzip
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from genopheno.tools import run
from genopheno.truth.benchmark import benchmark

Allele = tuple[str, int, str, str]
Alleles = dict[Allele, list[tuple[int, ...] | None]]


@dataclass(frozen=True)
class Score:
    """True positives, false positives and false negatives of one kind of variant."""

    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 1.0

    @property
    def recall(self) -> float:
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else 1.0

    @property
    def f1(self) -> float:
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn)

    def __str__(self) -> str:
        return (
            f"TP {self.tp} FP {self.fp} FN {self.fn} precision {self.precision:.4f} "
            f"recall {self.recall:.4f} F1 {self.f1:.4f}"
        )


def plain_reference(source: Path, folder: Path) -> Path:
    """A block-gzipped reference as plain FASTA in a folder, indexed for samtools and bwa."""
    folder.mkdir(parents=True, exist_ok=True)
    fasta = folder / source.name.removesuffix(".gz")
    with gzip.open(source) as packed, open(fasta, "wb") as out:
        shutil.copyfileobj(packed, out)
    run(["samtools", "faidx", fasta])
    run(["bwa", "index", fasta])
    return fasta


def alleles(vcf: Path, reference: Path, *, sample: str | None = None) -> Alleles:
    """Left-aligned, split alternate alleles of a VCF or BCF that PASS or have no filter.

    Of one sample, or of all.

    Returns
    -------
    Genotypes (sorted allele numbers, None: missing) by allele; alleles that no genotype
    carries are left out where there are genotypes.
    """
    text = run(
        ["bcftools", "view", "-f", "PASS,.", *(["-s", sample] if sample else []), "-Ou", vcf],
        ["bcftools", "norm", "-f", reference, "-m", "-any", "-Ou", "-"],
        ["bcftools", "query", "-f", "%CHROM\t%POS\t%REF\t%ALT[\t%GT]\n"],
    )
    found: Alleles = {}
    for line in text.splitlines():
        contig, position, ref, alt, *genotypes = line.split("\t")
        values = [_genotype(genotype) for genotype in genotypes]
        if alt != "." and (not values or any(value and 1 in value for value in values)):
            found[contig, int(position), ref.upper(), alt.upper()] = values
    return found


def _genotype(text: str) -> tuple[int, ...] | None:
    parts = re.split(r"[/|]", text)
    return None if "." in parts else tuple(sorted(int(part) for part in parts))


def f1(
    calls: Path,
    truth: Path,
    bed: Path,
    reference: Path,
    *,
    sample: str | None = None,
    engine: str = "alleles",
) -> dict[str, Score]:
    """Score the PASS calls of one sample in confident regions.

    Parameters
    ----------
    engine : alleles, the strictest; or haplotypes, which forgives what is only written
        differently.

    Returns
    -------
    ``snp`` and ``indel`` (anything else) as alleles found at all; ``snp_genotype`` and
    ``indel_genotype`` with a wrong genotype counted as both missed and false.
    """
    report = benchmark(calls, truth, regions=bed, reference=reference, sample=sample, engine=engine)
    scores = {}
    for kind, found in report["types"].items():
        wrong = found["genotype_errors"]
        scores[kind] = Score(found["tp"] + wrong, found["fp"] - wrong, found["fn"] - wrong)
        scores[f"{kind}_genotype"] = Score(found["tp"], found["fp"], found["fn"])
    return scores


def omni_found(calls: Path, data_dir: Path, reference: Path) -> tuple[int, int]:
    """Omni array sites that vary in the refined calls of `ceu_chr20`: (found here, all)."""
    sites = set(alleles(data_dir / "truth/omni25_sites.vcf.gz", reference))
    refined = alleles(data_dir / "truth/gotcloud_snp_phased.vcf.gz", reference)
    mine = alleles(calls, reference)
    vary = sites & set(refined)
    return len(vary & set(mine)), len(vary)


def genotype_agreement(calls: Path, data_dir: Path, reference: Path) -> tuple[float, int]:
    """Share of genotypes equal to the refined calls of `ceu_chr20`, at alleles in both.

    Returns
    -------
    (share, genotypes compared): samples in both files, genotypes called in both.
    """
    path = data_dir / "truth/gotcloud_snp_phased.vcf.gz"
    names, true_names = ([*run(["bcftools", "query", "-l", p]).split()] for p in (calls, path))
    mine, true = alleles(calls, reference), alleles(path, reference)
    pairs = [(names.index(name), true_names.index(name)) for name in names if name in true_names]
    same = compared = 0
    for allele in mine.keys() & true.keys():
        for i, j in pairs:
            a, b = mine[allele][i], true[allele][j]
            if a is not None and b is not None:
                compared += 1
                same += a == b
    return same / compared, compared
