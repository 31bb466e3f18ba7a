"""What a genotype counts as where not everybody has two copies: X, Y and the mitochondrion.

The dosage is the number of effect alleles on autosomes and in the pseudoautosomal regions
(PAR). Elsewhere, with one allele of a man's X counting `x_male_dosage`:

======  =======  =========================  ================
region  women    men                        unknown sex
======  =======  =========================  ================
X       0, 1, 2  0, x_male_dosage           left out
Y       left out 0, 1                       left out
MT      0, 1     0, 1                       0, 1
======  =======  =========================  ================

`x_male_dosage` 2 says that the one active X of a man does as much as both of a woman do, of
which one is silent in each cell (full dosage compensation; plink2 ``--xchr-model 2``); 1 says
that every copy counts by itself (``--xchr-model 1``). Beta is the effect of one dosage.

Who has one copy cannot be heterozygous: such a call is a wrong one, a wrong sex, or of several
mitochondria (heteroplasmy), and counts as missing. A fractional dosage is no such call.

PLINK filesets hold the single allele twice (0 or 2), and so do dosages that were prepared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from genopheno import fields
from genopheno.chromosomes import SexChromosomes, contig_runs, copies_of
from genopheno.genotypes import Genotypes
from genopheno.problems import fail

if TYPE_CHECKING:
    import pyarrow as pa

SEXES = {"female": 2, "male": 1, "unknown": 0}
NAMED_SO = re.compile(r"(chr)?(X|Y|M|MT|2[3-6])", re.IGNORECASE)
CHUNK = 512  # variants looked at at a time
WORST = 10  # samples that are named


@dataclass(frozen=True)
class Coding:
    """How the genotypes of X (without PAR), Y or the mitochondrion count.

    Attributes
    ----------
    region : 'X', 'Y' or 'MT'.
    copies : (samples,) int8, chromosome copies: 2, 1, or 0 where a person is left out.
    haploid_dosage : what the single allele of people with one copy counts.
    """

    region: str
    copies: np.ndarray
    haploid_dosage: float

    @cached_property
    def haploid(self) -> np.ndarray:
        """(n,) indices of the people with one copy."""
        return np.flatnonzero(self.copies == 1)

    @cached_property
    def scale(self) -> np.ndarray:
        """(samples,) what the dosages of a fileset (0 to 2) are multiplied by."""
        return np.choose(self.copies, (0.0, self.haploid_dosage / 2, 1.0))

    @cached_property
    def alleles(self) -> np.ndarray:
        """(samples,) alleles that a dosage of 1 is, after the scaling."""
        return np.choose(self.copies, (0.0, 1 / self.haploid_dosage, 1.0))


@dataclass(frozen=True)
class Stretch:
    """Neighbouring variants that are coded alike; `coding` None: everybody has two copies."""

    contig: str
    start: int
    stop: int
    coding: Coding | None = None


class Codings:
    """Which variants are coded how.

    Parameters
    ----------
    chromosomes : sex chromosomes of the reference.
    sex : (samples,) 1 male, 2 female, 0 unknown.
    x_male_dosage : 1 or 2, see the module.
    """

    def __init__(self, chromosomes: SexChromosomes, sex: np.ndarray, x_male_dosage: int = 2):
        self.chromosomes, self.sex, self.x_male_dosage = chromosomes, sex, x_male_dosage
        self._contigs = {chromosomes.x, chromosomes.y, chromosomes.mitochondrion}
        dosages = {"X": float(x_male_dosage), "Y": 1.0, "MT": 1.0}
        self._known = {
            region: Coding(region, copies_of(region, sex), dosage)
            for region, dosage in dosages.items()
        }

    def stretches(self, table: pa.Table) -> list[Stretch]:
        """The variants of a table (contig, position), cut where contig or coding changes."""
        out = []
        for contig, start, stop in contig_runs(table):
            position = fields.numbers(table["position"].slice(start, stop - start))
            region = self.chromosomes.regions(contig, position)
            cuts = np.concatenate([[0], np.flatnonzero(region[1:] != region[:-1]) + 1])
            for a, b in zip(cuts, np.append(cuts[1:], len(region)), strict=True):
                coding = self._known.get(str(region[a]))
                out.append(Stretch(contig, start + int(a), start + int(b), coding))
        return out

    def summary(self, stretches: list[Stretch]) -> dict[str, Any]:
        """What ``scan.json`` says of the coding: rules, variants and people by region."""
        variants: dict[str, int] = {}
        for stretch in stretches:
            name = stretch.coding.region if stretch.coding else "diploid"
            variants[name] = variants.get(name, 0) + stretch.stop - stretch.start
        return {
            "sex_chromosomes": self.chromosomes.source,
            "x_male_dosage": self.x_male_dosage,
            "samples": {name: int((self.sex == code).sum()) for name, code in SEXES.items()},
            "variants": variants,
            # Named like one of these, and not known to be: coded as everybody having two.
            "not_recognised": sorted(
                {s.contig for s in stretches if NAMED_SO.fullmatch(s.contig)} - self._contigs
            ),
            "samples_left_out": {
                name: int((self._known[name].copies == 0).sum())
                for name in variants
                if name != "diploid"
            },
        }


def checked(chromosomes: SexChromosomes | None, table: pa.Table) -> SexChromosomes:
    """The sex chromosomes, which must have been told where variants seem to lie on one.

    Raises
    ------
    StageError : they are None, and a contig is named like X, Y or the mitochondrion.
    """
    if chromosomes is not None:
        return chromosomes
    named = sorted({name for name, _, _ in contig_runs(table) if NAMED_SO.fullmatch(name)})
    if named:
        raise fail(
            "sex-chromosomes-unknown",
            "--chromosomes",
            f"there are variants on {', '.join(named)}, and nothing says where X, its "
            "pseudoautosomal regions, Y and the mitochondrion are",
            "Give chromosomes.json of 'genopheno ploidy'",
        )
    return SexChromosomes()


def haploid(chromosomes: SexChromosomes, table: pa.Table) -> np.ndarray:
    """(variants,) bool: those that lie where not everybody has two copies."""
    out = np.zeros(table.num_rows, bool)
    for each in Codings(chromosomes, np.empty(0, np.int8)).stretches(table):
        out[each.start : each.stop] = each.coding is not None
    return out


def heterozygous(genotypes: Genotypes, stretches: list[Stretch]) -> dict[str, dict[str, Any]]:
    """Heterozygous calls of people with one copy, by region: how many, and of whom.

    Returns
    -------
    region -> genotypes, variants and samples that are affected, and the samples with most of
    them (`worst`); 0 where there are none.
    """
    found: dict[str, dict[str, Any]] = {}
    each: dict[str, np.ndarray] = {}
    for stretch in stretches:
        if stretch.coding is None:
            continue
        region, haploid = stretch.coding.region, stretch.coding.haploid
        told = found.setdefault(region, {"genotypes": 0, "variants": 0})
        sums = each.setdefault(region, np.zeros(genotypes.n_samples, np.int64))
        for start in range(stretch.start, stretch.stop, CHUNK):
            stop = min(start + CHUNK, stretch.stop)
            het = genotypes.decode(start, stop, (0, 0, 1, 0), np.int8)[:, haploid]
            sums[haploid] += het.sum(0, dtype=np.int64)
            told["variants"] += int(het.any(1).sum())
            genotypes.release(start, stop)
    for region, sums in each.items():
        order = np.argsort(-sums, kind="stable")[:WORST]
        found[region] |= {
            "genotypes": int(sums.sum()),
            "samples": int((sums > 0).sum()),
            "worst": {genotypes.samples[i]: int(sums[i]) for i in order if sums[i]},
        }
    return found
