"""The configuration: every name, default, unit and explanation, once.

The commented ``config.yaml`` of a new project and the JSON Schema under
``config/schemas`` are printed from these models. Only the science is configured
here; threads, memory and run time belong to the Snakemake profile.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from genopheno.problems import Problem, StageError


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


class Reference(Section):
    fasta: Path
    """Reference sequence, FASTA (plain, gzip or bgzip)."""
    genes: Path
    """Gene models in Ensembl-style GFF3 (plain or gzip)."""
    build: str = "unnamed"
    """Name of the genome build, written into every result."""


class Database(Section):
    file: Path
    """VCF of sites (plain or bgzip); contig names must be those of the reference."""
    fields: list[str] = []
    """INFO fields to take, allele by allele."""
    rsid: bool = False
    """Take the ID column as the identifier of the variant (dbSNP)."""


class Reads(Section):
    trim: bool = True
    """Trim adapters and poor ends with fastp; false: only measure."""
    min_base_quality: Annotated[int, Field(ge=0, le=60)] = 15
    """fastp: a base below this quality is unqualified (Phred)."""
    min_length: Positive = 30
    """fastp: shorter reads are dropped with their mate (bp)."""
    realign: bool = False
    """Align the reads of aligned BAM and CRAM files anew; false: take them as they are."""


class Calling(Section):
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


class Limit(Section):
    """Bounds of one measure; a bound that is absent is not applied."""

    fail_below: float | None = None
    warn_below: float | None = None
    warn_above: float | None = None
    fail_above: float | None = None


def _limits() -> dict[str, Limit]:
    return {
        "reads": Limit(fail_below=100),
        "q30_fraction": Limit(warn_below=0.7),
        "mapped_fraction": Limit(fail_below=0.8, warn_below=0.95),
        "properly_paired_fraction": Limit(warn_below=0.85),
        "duplicate_fraction": Limit(warn_above=0.25, fail_above=0.6),
        "mismatch_rate": Limit(warn_above=0.02),
        "mean_coverage": Limit(fail_below=4, warn_below=10),
        "breadth_1x": Limit(fail_below=0.5, warn_below=0.9),
        "call_rate": Limit(fail_below=0.5, warn_below=0.9),
    }


class SampleQC(Section):
    limits: dict[str, Limit] = Field(default_factory=_limits)
    """Bounds per measure (names as in the sample QC table). What is given replaces the
    bounds of that measure and leaves the others as they are."""


class VariantQC(Section):
    min_call_rate: Fraction = 0.9
    """Variants with fewer called genotypes stay out of the cohort's genotype blocks."""
    min_hwe_p_value: Fraction = 1e-10
    """Variants further from Hardy-Weinberg equilibrium stay out; 0: no test."""
    min_genotype_quality: Annotated[int, Field(ge=0)] = 0
    """Genotypes below this GQ become missing (Phred); 0: keep all."""


class Structure(Section):
    components: Positive = 10
    """Principal components to compute."""
    min_allele_frequency: Fraction = 0.05
    """Variants below this minor allele frequency are not used for components and kinship."""
    max_kinship: float = 0.0884
    """Pairs above this KING kinship are relatives: one of them leaves the unrelated set
    (0.354 duplicates, 0.177 first, 0.0884 second, 0.0442 third degree)."""
    min_independent_variants: Annotated[int, Field(ge=0)] = 1000
    """Kinship from a short stretch of the genome says little about people: with fewer variants
    50 kb apart than this, pairs are reported and nobody is dropped. 0: always drop."""


class Association(Section):
    engine: Literal["numpy", "hail"] = "numpy"
    """numpy: kernels on genotype blocks, one machine. hail: the same through Hail (Spark)."""
    components: Annotated[int, Field(ge=0)] = 4
    """Principal components that join every trait's covariates."""
    relatives: Literal["drop", "keep"] = "drop"
    """drop: test only the unrelated set, as plain regression asks for. keep: test everyone."""
    min_allele_count: Positive = 10
    """Variants with fewer minor alleles among the people of a trait are left out for it."""
    firth_below: Fraction = 0.05
    """Binary traits: score tests with p below this are refined by approximate Firth."""
    exact_firth_below: Fraction = 1e-4
    """Binary traits: those with p below this are refitted by exact Firth."""


class Summaries(Section):
    groups: list[str] = ["sex"]
    """Participant columns by which counts and allele frequencies are given."""


class Settings(Section):
    samples: Path = Path("config/samples.csv")
    """Sample sheet, one row per sequencing unit (CSV or TSV; nf-core/sarek sheets too)."""
    participants: Path = Path("config/participants.csv")
    """Participant table (CSV, TSV or Parquet), one row per person."""
    phenotypes: Path = Path("config/phenotypes.yaml")
    """Declaration of the traits and covariates."""
    reference: Reference
    """Reference sequence and gene models."""
    databases: dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")], Database] = {}
    """Site databases by name, such as clinvar, gnomad, dbsnp."""
    reads: Reads = Reads()
    """Read trimming, and what is done with aligned files."""
    aligner: Literal["bwa", "bwa-mem2", "minimap2", "snap"] = "bwa"
    """Read aligner; docs/aligners.md compares them."""
    fast: bool = False
    """Use an aligner at least 3 times as fast as bwa whose calls are about as good (SNAP; for
    a human genome it is given 48 GB of memory), whatever `aligner` says."""
    calling: Calling = Calling()
    """Variant calling with bcftools."""
    sample_qc: SampleQC = SampleQC()
    """Verdict per sample."""
    variant_qc: VariantQC = VariantQC()
    """Which variants enter the cohort."""
    structure: Structure = Structure()
    """Components and kinship."""
    association: Association = Association()
    """Association tests."""
    summaries: Summaries = Summaries()
    """Cohort summaries."""


def limits(settings: Settings) -> dict[str, dict[str, float]]:
    """Bounds per measure: the defaults, each replaced by what the config gives."""
    merged = {**_limits(), **settings.sample_qc.limits}
    return {name: limit.model_dump(exclude_none=True) for name, limit in merged.items()}


def parse(values: dict, source: str | Path) -> Settings:
    """Check a configuration that was already read.

    Raises
    ------
    StageError : one problem per faulty key, all at once.
    """
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise StageError(
            *(
                Problem(
                    "config-invalid",
                    str(source),
                    None,
                    ".".join(str(part) for part in fault["loc"]) or None,
                    f"{fault['msg']} (found {str(fault.get('input'))[:60]!r})",
                    "See docs/configuration.md for the name, type and range of each key",
                )
                for fault in error.errors()
            )
        ) from None


def load(path: str | Path) -> Settings:
    """Read ``config.yaml``. Paths in it are relative to the project folder.

    Raises
    ------
    StageError : the file is absent, is not YAML, or has faulty keys.
    """
    import yaml

    path = Path(path)
    if not path.is_file():
        raise StageError(
            Problem(
                "config-missing",
                str(path),
                found="there is no such file",
                mend="Run 'genopheno init DIR' for a new project, or give --directory",
            )
        )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise StageError(
            Problem(
                "config-unreadable",
                str(path),
                mark.line + 1 if mark else None,
                None,
                f"it is not valid YAML: {getattr(error, 'problem', error)}",
                "Mend the syntax; indentation is by spaces",
            )
        ) from None
    return parse(values, path)
