"""Verdicts and identity of samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from genopheno.settings.base import Fraction, Positive, Section


class Limit(Section):
    """Bounds of one measure; a bound that is absent is not applied."""

    fail_below: float | None = None
    warn_below: float | None = None
    warn_above: float | None = None
    fail_above: float | None = None


Outcome = Literal["fail", "warn"]


class SampleQC(Section):
    limits: dict[str, Limit] = {}
    """Bounds per measure (names as in the sample QC table), in the place of the defaults of the
    assay. What is given replaces the bounds of that measure and leaves the others."""
    on_sex: Outcome = "fail"
    """What a sample gets whose reads show another sex than the declared one."""
    on_identity: Outcome = "fail"
    """What samples get that are one person under two names, or differ where they should not."""
    on_pedigree: Outcome = "fail"
    """What both of a pair get whose genotypes contradict the pedigree."""
    outlier_z: Annotated[float, Field(ge=0)] = 6
    """Warn of a measure so many robust standard deviations (1.4826 MAD) off the batch's median;
    0: never. gnomAD drops samples at 4; this only warns, and looks at a dozen measures."""
    outlier_min_samples: Positive = 20
    """Outliers are looked for in batches of at least so many samples."""


class Identity(Section):
    earlier: list[Path] = []
    """Files `fingerprints.bcf` of earlier batches, whose samples are compared with this one's."""
    max_sites: Positive = 10000
    """Common SNPs that are used (a quarter as many of X); VerifyBamID2 takes as many."""
    min_frequency: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    """Frequency of the rarer allele in the batch that makes a SNP common."""
    min_call_rate: Fraction = 0.5
    """Genotypes of the batch that a SNP must have."""
    min_sites: Positive = 100
    """SNPs at which a sample (or both of a pair) must have reads to be judged."""
    min_independent_sites: Annotated[int, Field(ge=0)] = 1000
    """Kinship is told only from so many SNPs 50 kb apart; with fewer, only duplicates, swaps,
    and declared parents and children are judged."""
