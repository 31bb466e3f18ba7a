"""One walk over the calls: the common SNPs that tell people apart, and Mendelian errors.

Memory does not grow with the genome. Of the SNPs that qualify those are kept whose position
hashes lowest, so that two batches, or one batch before and after it grew, keep the same ones.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genopheno.chromosomes import SexChromosomes
from genopheno.problems import fail

Site = tuple[str, int, str, str]
HASHES = 2**32


@dataclass
class Genotypes:
    """Genotypes and allele depths of some biallelic SNPs.

    Attributes
    ----------
    samples : (n,) names.
    sites : (m,) contig, position, reference and alternate allele, in file order.
    dosage : (m, n) int8, alternate alleles of the called genotype; -1 missing, haploid
        genotypes counted as homozygous.
    quality : (m, n) int16, GQ; -1: the calls have none.
    depth : (m, n, 2) uint16, reads with the reference and the alternate allele; both zero
        where there are none, or where the calls do not give them (`has_depth`).
    haploid : (m, n) bool, genotypes of one allele.
    has_depth : the calls give allele depths.
    """

    samples: list[str]
    sites: list[Site]
    dosage: np.ndarray
    quality: np.ndarray
    depth: np.ndarray
    haploid: np.ndarray
    has_depth: bool


@dataclass
class Thinned:
    """At most `most` rows: those whose site hashes lowest."""

    most: int
    rows: dict[Site, tuple] = field(default_factory=dict)
    below: int = HASHES
    seen: int = 0

    def wants(self, contig: str, position: int) -> bool:
        return zlib.crc32(f"{contig.removeprefix('chr')}:{position}".encode()) < self.below

    def add(self, site: Site, row: tuple) -> None:
        self.rows[site] = row
        while len(self.rows) > self.most:
            self.below //= 2
            self.rows = {s: row for s, row in self.rows.items() if self.wants(s[0], s[1])}


def read_calls(
    path: Path,
    sex: SexChromosomes,
    *,
    max_sites: int,
    min_frequency: float,
    min_call_rate: float,
    each: Callable[[str, np.ndarray], None] | None = None,
) -> tuple[Genotypes, Genotypes, dict[str, int]]:
    """Read the common SNPs of the autosomes, and those that only X has.

    Parameters
    ----------
    path : VCF or BCF of the cohort.
    max_sites : at most so many SNPs of the autosomes are kept, and a quarter of it of X.
    min_frequency : of the rarer allele, among called genotypes; half an allele is added to
        each side, so that a site where few people all carry the alternate allele counts.
    min_call_rate : genotypes that must be there.
    each : told contig and genotypes (n, 2) int16 (-1 missing; a haploid call is -2 in the
        second column) of every record, whatever its kind.

    Returns
    -------
    autosomes, x, and how many records there were, what was left out and why.
    """
    from cyvcf2 import VCF

    vcf = VCF(str(path))
    samples = list(vcf.samples)
    if not samples:
        raise fail("samples-none", path, "the calls hold no sample", "Call variants again")
    with_depth, with_quality = (_has(vcf, name) for name in ("AD", "GQ"))
    kept = {False: Thinned(max_sites), True: Thinned(max(1, max_sites // 4))}
    counts: Counter[str] = Counter()
    for record in vcf:
        counts["records"] += 1
        contig = record.CHROM
        if each is not None:
            each(contig, _pairs(record.genotype.array()))
        if record.FILTER is not None:
            counts["filtered"] += 1
            continue
        if not record.is_snp or len(record.ALT) != 1 or record.ALT[0] not in "ACGT":
            counts["not_biallelic_snp"] += 1
            continue
        on_x = contig == sex.x and not sex.shared(contig, record.POS)
        if contig == sex.y or (not on_x and sex.shared(contig, record.POS)):
            counts["on_y_or_pseudoautosomal"] += 1
            continue
        held = kept[on_x]
        if not held.wants(contig, record.POS):
            counts["thinned"] += 1
            continue
        pairs = _pairs(record.genotype.array())
        dosage = _dosage(pairs)
        called = dosage >= 0
        if called.sum() < min_call_rate * len(samples) or not called.any():
            counts["few_genotypes"] += 1
            continue
        frequency = (dosage[called].sum() + 0.5) / (2 * called.sum() + 1)
        if min(frequency, 1 - frequency) < min_frequency:
            counts["rare"] += 1
            continue
        site = (contig, record.POS, record.REF, record.ALT[0])
        if site in held.rows:
            counts["given_twice"] += 1
            continue
        depth = _depth(record) if with_depth else None
        quality = _quality(record) if with_quality else None
        held.seen += 1
        held.add(site, (dosage, quality, depth, pairs[:, 1] == -2))
    vcf.close()
    made = [_stack(samples, held, with_depth) for held in (kept[False], kept[True])]
    counts["thinned"] += sum(held.seen - len(held.rows) for held in kept.values())
    report = {"records": 0, "filtered": 0, "rare": 0, "thinned": 0, **counts}
    report |= {"autosomal_snps": len(made[0].sites), "x_snps": len(made[1].sites)}
    left_out = report["records"] - report["autosomal_snps"] - report["x_snps"]
    reasons = sum(counts.values()) - counts["records"]
    if left_out != reasons:
        raise fail(
            "records-lost",
            path,
            f"of {report['records']} records {left_out} were not kept, with {reasons} reasons",
            "Report this with the calls: it is a fault of the program",
        )
    return made[0], made[1], report


def _has(vcf, name: str) -> bool:
    return any(
        f.info().get("ID") == name and f.info().get("HeaderType") == "FORMAT"
        for f in vcf.header_iter()
    )


def _pairs(array: np.ndarray) -> np.ndarray:
    """Alleles (n, 2) of cyvcf2's genotype array; polyploid calls become missing."""
    alleles = array[:, :-1]
    if alleles.shape[1] == 1:
        return np.column_stack([alleles[:, 0], np.full(len(alleles), -2, alleles.dtype)])
    if alleles.shape[1] > 2:
        alleles = np.where((alleles[:, 2:] == -2).all(axis=1)[:, None], alleles[:, :2], -1)
    return alleles


def _dosage(pairs: np.ndarray) -> np.ndarray:
    first, second = pairs[:, 0], np.where(pairs[:, 1] == -2, pairs[:, 0], pairs[:, 1])
    good = (first >= 0) & (second >= 0)
    return np.where(good, first + second, -1).astype(np.int8)


def _depth(record) -> np.ndarray | None:
    found = record.format("AD")
    if found is None or found.shape[1] < 2:
        return None
    # Missing values are the most negative numbers of BCF.
    return np.clip(found[:, :2], 0, 65535).astype(np.uint16)


def _quality(record) -> np.ndarray | None:
    found = record.format("GQ")
    if found is None:
        return None
    with np.errstate(invalid="ignore"):
        values = np.nan_to_num(found[:, 0].astype(float), nan=0, posinf=0, neginf=0)
    return np.clip(values, 0, 99).astype(np.int16)


def _stack(samples: Sequence[str], held: Thinned, with_depth: bool) -> Genotypes:
    m, n = len(held.rows), len(samples)
    dosage = np.full((m, n), -1, np.int8)
    quality = np.full((m, n), -1, np.int16)
    depth = np.zeros((m, n, 2), np.uint16)
    haploid = np.zeros((m, n), bool)
    any_depth = False
    for i, (calls, gq, ad, single) in enumerate(held.rows.values()):
        dosage[i], haploid[i] = calls, single
        if gq is not None:
            quality[i] = gq
        if ad is not None:
            depth[i] = ad
            any_depth = True
    return Genotypes(list(samples), list(held.rows), dosage, quality, depth, haploid, any_depth)
