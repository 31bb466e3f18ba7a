"""Cohort, structure, association, and what researchers download."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from genopheno.settings.base import Fraction, Positive, Section


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
    engine: Literal["numpy", "hail"] = "numpy"
    """Who computes kinship and components. numpy: kernels on genotype blocks, one machine. hail:
    Hail (Spark), which puts the mean in the place of missing genotypes in the components."""
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
    """Binary or time-to-event trait whose cases (events) stay in the unrelated set where either
    of two relatives may."""
    max_isolation: Annotated[float, Field(gt=0)] = 6
    """People are flagged as outliers whose distance to the nearest others on the components
    is so many robust standard deviations (log scale) above the median. Nobody is dropped."""
    ancestry: Ancestry | None = None
    """Ancestry groups by a labelled reference panel: panel, labels, min_probability,
    components, min_shared_variants. null: none."""


def _values(value: Any) -> Any:
    """One value or several, as texts; YAML reads a bare yes as a truth value."""
    listed = value if isinstance(value, list) else [value]
    if any(isinstance(v, bool) for v in listed):
        raise ValueError("a truth value: put yes, no, true and false in quotes")
    return [
        v if isinstance(v, str) else f"{v:.15g}" if isinstance(v, float) else str(v) for v in listed
    ]


# It becomes a part of file names, after the trait's name and a dot.
StratumName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,49}$")]
Values = Annotated[list[str], BeforeValidator(_values), Field(min_length=1)]
Conditions = Annotated[dict[str, Values], Field(min_length=1)]


class WholeGenomeRegression(Section):
    block_size: Positive = 1000
    """Variants per block of level 0."""
    min_allele_frequency: Fraction = 0.01
    """Variants below this minor allele frequency are not used for the predictions."""


class Calibration(Section):
    replicates: Annotated[int, Field(ge=2)] = 20
    """Null traits per null, model and case fraction."""
    variants: Positive = 1000
    """Variants drawn at random that each null trait is tested with."""
    case_fractions: list[Annotated[float, Field(gt=0, lt=1)]] = [0.5, 0.1, 0.01]
    """Shares of cases of simulated binary traits; a share with fewer than 5 cases is skipped."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Seed of variants and traits."""
    ld_scores: Path | None = None
    """LD scores for the LD-score intercept (columns CHR, SNP, BP, L2, as ldsc writes them); null:
    those of the cohort's own genotypes, where it has enough people and variants."""


class GeneMask(Section):
    consequences: list[str] = []
    """Sequence Ontology terms that are in, as the most severe of the variant in the gene."""
    impacts: list[Literal["HIGH", "MODERATE", "LOW", "MODIFIER"]] = []
    """Impacts that are in, beside the consequences."""
    min_score: dict[str, float] = {}
    """Least value by field of a database, as database_field; a variant without it is out."""
    also: list[str] = []
    """Other masks whose variants are in, too, whatever their scores."""


MaskName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]
FrequencyLimit = Annotated[float, Field(gt=0, le=1)]


class GeneTests(Section):
    masks: dict[MaskName, GeneMask] = {
        "pLoF": GeneMask(impacts=["HIGH"]),
        "pLoF_missense": GeneMask(impacts=["HIGH"], consequences=["missense_variant"]),
    }
    """Sets of variants of each gene that are tested together, by name. {}: no gene tests."""
    max_frequency: Annotated[list[FrequencyLimit], Field(min_length=1)] = [0.01, 0.001]
    """Largest frequencies of the alternate allele among the people of a trait; each mask is tested
    with each."""
    burden: Literal["max", "sum"] = "max"
    """Burden of a person: the largest dosage of the variants, or their sum."""
    ultra_rare_allele_count: Annotated[int, Field(ge=0)] = 10
    """Variants with so few rarer alleles among the people of a trait are taken as one in SKAT,
    SKAT-O and ACAT-V. 0: none are."""
    weights: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2, max_length=2)] = [
        1,
        25,
    ]
    """Parameters of the beta density that weighs variants by their frequency in those three."""
    min_allele_count: Positive = 10
    """Masks with fewer rarer alleles among the people of a trait are left out for it."""
    min_variants: Positive = 2
    """Masks with fewer variants are left out: the scan of variants has them."""
    follow_up: Annotated[int, Field(ge=0)] = 10
    """Genes of each trait, by p-value, whose variants are listed with carriers and left out one by
    one; significant genes are in any case."""

    @model_validator(mode="after")
    def _masks_name_each_other(self) -> GeneTests:
        for name, mask in self.masks.items():
            for other in mask.also:
                if other not in self.masks or other == name:
                    raise ValueError(f"mask {name}: also names {other}, which is no other mask")
            if not (mask.consequences or mask.impacts or mask.also):
                raise ValueError(f"mask {name} takes nothing")
        return self


class Association(Section):
    engine: Literal["numpy", "hail"] = "numpy"
    """numpy: kernels on genotype blocks, one machine. hail: the same through Hail (Spark)."""
    model: Literal["auto", "regression", "wgr", "lmm"] = "auto"
    """regression: variant by variant, for unrelated people. lmm: exact linear mixed model, for
    few and related people. wgr: whole-genome regression in two steps, as REGENIE. auto: chosen
    for each trait by its people (docs/association.md); scan.json and the report say why."""
    jobs: Positive = 1
    """Jobs that share a scan of all variants, so that a cluster can do them side by side. The
    results are the same bits for any number. Engine hail always takes one."""
    wgr: WholeGenomeRegression = WholeGenomeRegression()
    """Step 1 of whole-genome regression."""
    components: Annotated[int, Field(ge=0)] = 4
    """Principal components that join every trait's covariates."""
    relatives: Literal["drop", "keep"] = "drop"
    """drop: test only the unrelated set, as plain regression asks for. keep: test everyone."""
    x_male_dosage: Literal[1, 2] = 2
    """What a man's allele of X (outside the pseudoautosomal regions) counts: 2, as both of a
    woman do (full dosage compensation; plink2 --xchr-model 2), or 1 (--xchr-model 1)."""
    dosages: Path | list[Path] | None = None
    """Imputed genotypes to scan in place of the cohort's calls: VCF or BCF with FORMAT/DS or GP,
    BGEN with its .sample, or PGEN; a list where each has some of the chromosomes. null: none."""
    min_imputation_quality: Fraction = 0.3
    """Variants of `dosages` below this imputation quality are left out (R2, DR2 or INFO of the
    file, else MaCH's r2 of the dosages)."""
    min_allele_count: Positive = 10
    """Variants with fewer minor alleles among the people of a trait are left out for it."""
    correction: Literal["firth", "spa"] = "firth"
    """Binary traits: how score tests are refined where cases, controls or carriers are few. firth:
    penalised likelihood. spa: the score's p-value from the saddlepoint, as SAIGE."""
    firth_below: Fraction = 0.05
    """Binary and time-to-event traits: score tests with p below this are refined (approximate
    Firth, or spa for binary traits)."""
    exact_firth_below: Fraction = 1e-4
    """Binary and time-to-event traits: approximate Firth with p below this is refitted by exact
    Firth; binary traits with fewer than ten cases or controls per covariate always are."""
    strata: dict[StratumName, Conditions] = {}
    """Parts of the cohort in which every trait is tested once more, as {trait}.{stratum}: a name,
    and the column and value, or list of values, that its people have. Columns: sex, ancestry
    (the group from structure.ancestry), or one of the participant table. Such as
    {female: {sex: female}, EUR: {ancestry: EUR}}."""
    condition_on: list[Annotated[str, Field(min_length=1)]] = []
    """Variants, as contig:position:reference:alternate or rsID, whose dosages become covariates
    of every trait: conditional analysis."""
    interactions: list[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$")]] = []
    """Covariates whose product with every variant is tested, trait by trait, beside the scan."""
    genes: GeneTests = GeneTests()
    """Tests of genes: burden, SKAT, SKAT-O, ACAT of rare variants."""

    calibration: Calibration = Calibration()
    """Null simulations on the cohort's own genotypes: how often each test errs
    (docs/calibration.md)."""

    @property
    def imputed(self) -> list[Path]:
        """Files of `dosages`, whether it is one, several or none."""
        given = self.dosages or []
        return given if isinstance(given, list) else [given]

    @model_validator(mode="after")
    def _of_the_engine(self) -> Association:
        if self.interactions and self.engine == "hail":
            raise ValueError("engine hail has no interaction tests: set engine to numpy")
        if self.condition_on and self.engine == "hail":
            raise ValueError("engine hail has no conditional analysis: set engine to numpy")
        return self


class Signals(Section):
    p_value: Annotated[float, Field(gt=0, le=1)] = 5e-8
    """Variants with p up to this may be the index of a clump, and join the independent signals."""
    r2: Fraction = 0.1
    """Least squared correlation of a variant with the index variant of its clump."""
    kb: Annotated[float, Field(gt=0)] = 500
    """Reach of a clump on either side of its index variant, and of a locus beyond its outermost
    ones, in 1,000 bp."""
    coverage: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Posterior probability that the variants of a credible set have together."""
    known: Path | None = None
    """Known associations in the cohort's build: the GWAS Catalog's file of associations (TSV), or
    a table with columns chromosome and base_pair_location; null: none, and novelty is not told."""
    known_kb: Annotated[float, Field(gt=0)] = 500
    """A signal with a known association within this reach, in 1,000 bp, is not novel."""


class Scores(Section):
    files: dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")], Path] = {}
    """Scoring files as the PGS Catalog has them, harmonised to the cohort's build, by name."""
    min_match: Fraction = 0.75
    """Least share of a score's variants that the cohort must have."""
    keep_ambiguous: bool = False
    """Take A/T and C/G variants, whose strand nothing tells, as they stand in the file."""
    components: Annotated[int, Field(ge=0)] = 4
    """Principal components whose share of a score is taken out of its adjusted z-score."""


class Summaries(Section):
    groups: list[str] = ["sex"]
    """Participant columns by which counts and allele frequencies are given."""


class Matrices(Section):
    formats: list[Literal["plink2", "zarr", "hail"]] = ["plink2", "zarr", "hail"]
    """Written beside the Parquet tables and the annotated VCF: PLINK 2, VCF Zarr, Hail
    MatrixTable. 'genopheno extract' writes any of them later, too."""
    entry_fields: list[Literal["DP", "GQ", "DS"]] = []
    """FORMAT fields that the genotype table takes beside the genotypes."""
    carriers_max_frequency: Fraction = 0.01
    """Alternate alleles up to this frequency are listed with their carriers."""
