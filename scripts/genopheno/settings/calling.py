"""Reads and variant calling."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from genopheno.settings.base import Fraction, Positive, Section


class Reads(Section):
    trim: bool = True
    """Trim adapters and poor ends with fastp; false: only measure."""
    min_base_quality: Annotated[int, Field(ge=0, le=60)] = 15
    """fastp: a base below this quality is unqualified (Phred)."""
    min_length: Positive = 30
    """fastp: shorter reads are dropped with their mate (bp)."""
    realign: bool = False
    """Align the reads of aligned BAM and CRAM files anew; false: take them as they are."""


class Filters(Section):
    """Thresholds below or above which a record gets a FILTER; null: not applied."""

    min_depth: int | None = 2
    """LowDepth: no sample has this many reads."""
    min_mapping_quality: float | None = 30
    """LowMapQ: the mean mapping quality of the reads is lower (Phred)."""
    min_allele_fraction: Fraction | None = 0.2
    """AlleleBalance: in no sample does this share of the reads carry the allele."""
    max_strand_bias: float | None = 100
    """StrandBias: the allele's reads lean to one strand with a p-value beyond this, those of
    the reference do not (Phred)."""


class CallerFilters(Section):
    bcftools: Filters = Filters()
    """Records called by bcftools."""
    freebayes: Filters = Filters()
    """Records called by freebayes."""


class Calling(Section):
    strategy: Literal["joint", "gvcf"] = "joint"
    """joint: all samples are called together, anew with every batch. gvcf: each sample is called
    once, and a cohort grows by combining (docs/cohorts.md); gVCFs can be handed in as well."""
    gvcf_caller: Literal["bcftools", "gatk", "deepvariant"] = "bcftools"
    """Strategy gvcf: what calls a sample. gatk: HaplotypeCaller. deepvariant: by container."""
    caller: Literal["bcftools", "freebayes"] = "bcftools"
    """Caller of all samples together. freebayes is slower, and finds less at a few reads a
    person."""
    shards: Positive = 4
    """Regions of equal work that are called side by side; raise it for large genomes."""
    min_mapping_quality: Annotated[int, Field(ge=0)] = 20
    """Reads below this mapping quality are not used (Phred)."""
    min_base_quality: Annotated[int, Field(ge=0)] = 13
    """Bases below this quality are not used (Phred)."""
    max_depth: Positive = 1000
    """Reads per sample and position that are looked at."""
    min_quality: Annotated[float, Field(ge=0)] = 20
    """Sites below this QUAL are kept with FILTER LowQual and left out of the cohort (Phred)."""
    filters: CallerFilters = CallerFilters()
    """Further thresholds, by caller; what crosses one is kept with the reason in FILTER and left
    out of the cohort. What is given replaces that threshold and leaves the others."""
