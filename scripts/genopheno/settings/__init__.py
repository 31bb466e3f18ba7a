"""The configuration: every name, default, unit and explanation, once.

The commented ``config.yaml`` of a new project and the JSON Schema under
``config/schemas`` are printed from these models. Only the science is configured
here; threads, memory and run time belong to the Snakemake profile.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from genopheno.assays import ASSAYS, Assay
from genopheno.problems import Problem, StageError
from genopheno.settings.base import Section
from genopheno.settings.calling import Calling, Reads
from genopheno.settings.cohort import (
    Association,
    Matrices,
    Scores,
    Signals,
    Structure,
    Summaries,
    VariantQC,
)
from genopheno.settings.inputs import Annotation, Database, Reference, TruthSet
from genopheno.settings.samples import Identity, SampleQC
from genopheno.strata import ANCESTRY


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
    signals: Signals = Signals()
    """What stands behind significant variants: clumps, independent signals, credible sets."""
    scores: Scores = Scores()
    """Polygenic scores."""
    summaries: Summaries = Summaries()
    """Cohort summaries."""
    matrices: Matrices = Matrices()
    """What researchers download."""

    @model_validator(mode="after")
    def _ancestry_needs_a_panel(self) -> Settings:
        asked = [name for name, columns in self.association.strata.items() if ANCESTRY in columns]
        if asked and self.structure.ancestry is None:
            raise ValueError(
                f"association.strata: {', '.join(asked)} asks for the ancestry group, which needs "
                "a labelled panel: set structure.ancestry"
            )
        return self


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
