"""The configuration: every name, default, unit and explanation, once.

The commented ``config.yaml`` of a new project and the JSON Schema under
``config/schemas`` are printed from these models. Only the science is configured
here; threads, memory and run time belong to the Snakemake profile.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from genopheno.assays import ASSAYS, Assay
from genopheno.problems import Problem, StageError


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
# YAML reads 4.1 as a number and 2024-06-03 as a date.
Text = Annotated[str, BeforeValidator(str)]


class SexChromosomes(Section):
    """Contigs whose copies depend on the sex."""

    x: str | None = None
    y: str | None = None
    mitochondrion: str | None = None
    pseudoautosomal: list[str] = []


class Reference(Section):
    fasta: Path
    """Reference sequence, FASTA (plain, gzip or bgzip)."""
    genes: Path
    """Gene models in Ensembl-style GFF3 (plain or gzip)."""
    build: str = "unnamed"
    """Name of the genome build, written into every result."""
    targets: Path | None = None
    """BED of exome or panel targets: calling is limited to them. null: the whole reference."""
    target_padding: Annotated[int, Field(ge=0)] = 100
    """Bases called beside each target, too (bp): splice sites and well-read flanks."""
    sex_chromosomes: SexChromosomes | None = None
    """Contigs x, y, mitochondrion and regions pseudoautosomal (contig:start-end, from 1), which
    decide how many copies each sex has. null: known for GRCh37 and GRCh38, by the lengths of
    X and Y or by the name of the build; for other references all is diploid."""


class Database(Section):
    file: Path
    """VCF, BED or table (TSV with a header), plain or gzip; contigs with or without 'chr'."""
    fields: list[str] = []
    """INFO fields of a VCF, or columns of a BED or table, to take; none: only whether it is found.
    BED: names of its header or name, score, strand; else its columns from the fourth, in order."""
    match: Literal["allele", "region"] | None = None
    """allele: the same allele after left alignment. region: the bases of REF overlap the place of
    the record. null: region for BED and tables without alleles, else allele."""
    combine: Literal["max", "min", "mean"] = "max"
    """Which number is taken where several regions overlap a variant; texts are all kept."""
    rsid: bool = False
    """Take the ID column as the identifier of the variant (dbSNP)."""
    source: str = ""
    """Who publishes it; stands in the data dictionary."""
    version: Text = ""
    """Its release; stands in the data dictionary."""
    min_fraction: Fraction | None = 0
    """Fraction of the called alleles that must be found in it, or the run stops. 0: at least one
    of them; null: none has to be."""


class Vep(Section):
    """Ensembl VEP; the command has not been run by us."""

    cache: Path | None = None
    """Folder of the offline cache, as VEP's INSTALL.pl fetches it."""
    species: str = "homo_sapiens"
    """Species of the cache."""
    assembly: str | None = None
    """Assembly of the cache; null: reference.build."""
    cache_version: Positive | None = None
    """Release of the cache; null: that of VEP."""
    container: str | None = None
    """Image that holds VEP, run by Apptainer; null: VEP on PATH or by conda."""


class Annotation(Section):
    engine: Literal["csq", "snpeff", "vep"] = "csq"
    """Who predicts consequences: csq, bcftools csq; snpeff, SnpEff with a database built from
    reference.fasta and reference.genes; vep, Ensembl VEP with its cache (not run by us)."""
    vep: Vep = Vep()
    """How Ensembl VEP is started."""


class Matrices(Section):
    formats: list[Literal["plink2", "zarr", "hail"]] = ["plink2", "zarr", "hail"]
    """Written beside the Parquet tables and the annotated VCF: PLINK 2, VCF Zarr, Hail
    MatrixTable. 'genopheno extract' writes any of them later, too."""
    entry_fields: list[Literal["DP", "GQ", "DS"]] = []
    """FORMAT fields that the genotype table takes beside the genotypes."""
    carriers_max_frequency: Fraction = 0.01
    """Alternate alleles up to this frequency are listed with their carriers."""


class TruthSet(Section):
    calls: Path
    """VCF or BCF of what is known to be true of the sample."""
    regions: Path
    """BED of the regions in which everything is known."""


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


class VariantQC(Section):
    min_call_rate: Fraction = 0.9
    """Variants with fewer called genotypes stay out of the cohort's genotype blocks."""
    min_hwe_p_value: Fraction = 1e-10
    """Variants further from Hardy-Weinberg equilibrium stay out; 0: no test."""
    min_genotype_quality: Annotated[int, Field(ge=0)] = 0
    """Genotypes below this GQ become missing (Phred); 0: keep all."""


class Ancestry(Section):
    panel: Path
    """Genotypes of the reference panel: PLINK fileset, without .bed."""
    labels: Path
    """TSV with the columns sample and group: the group of each of the panel's samples."""
    min_probability: Fraction = 0.9
    """People whose most probable group is less probable than this are unassigned."""
    components: Positive = 4
    """Principal components of the panel to use."""
    min_shared_variants: Positive = 1000
    """Common variants that panel and cohort must share."""


class Structure(Section):
    components: Positive = 10
    """Principal components to compute."""
    ld_r2: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Components: of two variants in a window with a squared correlation above this, one is
    left out. 1: no pruning. Kinship uses all common variants."""
    ld_window_kb: Annotated[float, Field(gt=0)] = 1000
    """Reach of the window (kb)."""
    ld_window_variants: Positive | None = None
    """Reach of the window in variants, instead of kb."""
    min_allele_frequency: Fraction = 0.05
    """Variants below this minor allele frequency are not used for components and kinship."""
    max_kinship: float = 0.0884
    """Pairs above this KING kinship are relatives: one of them leaves the unrelated set
    (0.354 duplicates, 0.177 first, 0.0884 second, 0.0442 third degree)."""
    min_independent_variants: Annotated[int, Field(ge=0)] = 1000
    """Kinship from a short stretch of the genome says little about people: with fewer variants
    50 kb apart than this, pairs are reported and nobody is dropped. 0: always drop."""
    keep_cases_of: str | None = None
    """Binary trait whose cases stay in the unrelated set where either of two relatives may."""
    max_isolation: Annotated[float, Field(gt=0)] = 6
    """People are flagged as outliers whose distance to the nearest others on the components
    is so many robust standard deviations (log scale) above the median. Nobody is dropped."""
    ancestry: Ancestry | None = None
    """Ancestry groups by a labelled reference panel: panel, labels, min_probability,
    components, min_shared_variants. null: none."""


class WholeGenomeRegression(Section):
    block_size: Positive = 1000
    """Variants per block of level 0."""
    min_allele_frequency: Fraction = 0.01
    """Variants below this minor allele frequency are not used for the predictions."""


class Association(Section):
    engine: Literal["numpy", "hail"] = "numpy"
    """numpy: kernels on genotype blocks, one machine. hail: the same through Hail (Spark)."""
    model: Literal["auto", "regression", "wgr", "lmm"] = "auto"
    """regression: variant by variant, for unrelated people. lmm: exact linear mixed model, for
    few and related people. wgr: whole-genome regression in two steps, as REGENIE. auto: chosen
    for each trait by its people (docs/association.md); scan.json and the report say why."""
    wgr: WholeGenomeRegression = WholeGenomeRegression()
    """Step 1 of whole-genome regression."""
    components: Annotated[int, Field(ge=0)] = 4
    """Principal components that join every trait's covariates."""
    relatives: Literal["drop", "keep"] = "drop"
    """drop: test only the unrelated set, as plain regression asks for. keep: test everyone."""
    min_allele_count: Positive = 10
    """Variants with fewer minor alleles among the people of a trait are left out for it."""
    correction: Literal["firth", "spa"] = "firth"
    """Binary traits: how score tests are refined where cases, controls or carriers are few. firth:
    penalised likelihood. spa: the score's p-value from the saddlepoint, as SAIGE."""
    firth_below: Fraction = 0.05
    """Binary traits: score tests with p below this are refined (approximate Firth, or spa)."""
    exact_firth_below: Fraction = 1e-4
    """Binary traits: approximate Firth with p below this is refitted by exact Firth."""


class Summaries(Section):
    groups: list[str] = ["sex"]
    """Participant columns by which counts and allele frequencies are given."""


class Settings(Section):
    samples: Path = Path("config/samples.csv")
    """Sample sheet: FASTQ, BAM, CRAM, gVCF or VCF (CSV or TSV; nf-core/sarek sheets too)."""
    participants: Path = Path("config/participants.csv")
    """Participant table (CSV, TSV or Parquet), one row per person."""
    phenotypes: Path = Path("config/phenotypes.yaml")
    """Declaration of the traits and covariates."""
    reference: Reference
    """Reference sequence and gene models."""
    databases: dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")], Database] = {}
    """Site databases by name, such as clinvar, gnomad, dbsnp."""
    annotation: Annotation = Annotation()
    """Consequences on genes."""
    truth_sets: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")], TruthSet] = {}
    """Truth sets by name. A sample of the sheet whose column `control` names one is compared
    with it on every run, and stays out of the cohort."""
    reads: Reads = Reads()
    """Read trimming, and what is done with aligned files."""
    aligner: Literal["bwa", "bwa-mem2", "minimap2", "snap"] = "bwa"
    """Read aligner; docs/aligners.md compares them."""
    fast: bool = False
    """Use an aligner at least 3 times as fast as bwa whose calls are about as good (SNAP; for
    a human genome it is given 48 GB of memory), whatever `aligner` says."""
    calling: Calling = Calling()
    """Variant calling."""
    assay: Assay = "genome"
    """What was sequenced; chooses the default bounds of the sample measures."""
    pedigree: Path | None = None
    """PED (or FAM) file of declared relatives, by participant or by sample; null: none."""
    identity: Identity = Identity()
    """Contamination, sex and identity from the calls."""
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
    matrices: Matrices = Matrices()
    """What researchers download."""


def limits(settings: Settings) -> dict[str, dict[str, float]]:
    """Bounds per measure: those of the assay, each replaced by what the config gives."""
    given = {
        name: limit.model_dump(exclude_none=True)
        for name, limit in settings.sample_qc.limits.items()
    }
    return {name: bounds for name, (bounds, _) in ASSAYS[settings.assay].items()} | given


def filter_limits(settings: Settings) -> dict[str, float | None]:
    """Thresholds of the filters for the caller that is chosen."""
    calling = settings.calling
    chosen = getattr(calling.filters, calling.caller).model_dump()
    return {"min_quality": calling.min_quality, **chosen}


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
