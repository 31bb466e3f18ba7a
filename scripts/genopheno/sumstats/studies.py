"""The studies of a meta-analysis: declared in a YAML file, or by name and path."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from genopheno.problems import Problem, Problems, StageError, fail

DOCS = "See docs/meta.md for the keys of a study"
TAKEN = {"fixed", "random", "sample-size", "without"}  # in names of columns and rows of the result


class Study(BaseModel):
    """One study: its file, and what the file does not say itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    path: Path
    columns: dict[str, str] = {}
    """Role → column, where a header is misunderstood; '' for a column not to be used."""
    n: float | None = Field(None, gt=0)
    """People, where no column says so."""
    n_cases: float | None = Field(None, gt=0)
    n_controls: float | None = Field(None, gt=0)
    numbered_alleles: bool = False
    """Alleles 1, 2, 3, 4 are A, C, G, T."""
    genomic_control: bool | None = None
    """Divide its statistics by its own lambda; missing: as the whole analysis."""
    min_frequency: float = Field(0, ge=0, le=0.5)
    """Least frequency of the rarer allele; variants without a frequency stay."""
    min_info: float = Field(0, ge=0, le=1)
    """Least imputation quality, likewise."""

    @field_validator("columns", mode="before")
    @classmethod
    def _blank(cls, value: dict | None) -> dict:
        return {key: "" if name is None else name for key, name in (value or {}).items()}


def read_studies(path: Path) -> list[Study]:
    """Read the list ``studies`` of a YAML file; paths are relative to the folder of the file.

    Raises
    ------
    StageError : it is absent, no YAML, or has faulty keys; all faults at once.
    """
    import yaml

    if not path.is_file():
        raise fail("meta-config-missing", path, "there is no such file", "Give its path")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise fail("meta-config-invalid", path, f"it is no YAML: {error}", DOCS) from None
    listed = values.get("studies") if isinstance(values, dict) else None
    strange = sorted(set(values) - {"studies"}) if isinstance(values, dict) else []
    if not isinstance(listed, list) or strange:
        what = f"strange keys {strange}" if strange else "it has no list 'studies'"
        raise fail("meta-config-invalid", path, what, DOCS)
    studies, found = [], Problems()
    for number, entry in enumerate(listed, start=1):
        try:
            study = Study.model_validate(entry)
        except ValidationError as error:
            for fault in error.errors():
                where = ".".join(map(str, ("studies", number, *fault["loc"])))
                what = f"{fault['msg']} (found {str(fault.get('input'))[:60]!r})"
                found.items.append(
                    Problem("meta-config-invalid", str(path), None, where, what, DOCS)
                )
        else:
            studies.append(study.model_copy(update={"path": path.parent / study.path}))
    found.raise_if_any()
    return studies


def named(pairs: Iterable[tuple[str, Path]]) -> list[Study]:
    """Studies of which nothing but name and path is said.

    Raises
    ------
    StageError : a name that is none.
    """
    try:
        return [Study(name=name, path=path) for name, path in pairs]
    except ValidationError as error:
        fault = error.errors()[0]
        what = f"{fault['msg']} (found {str(fault.get('input'))[:60]!r})"
        raise StageError(Problem("meta-config-invalid", "--study", found=what, mend=DOCS)) from None


def check_names(studies: list[Study]) -> None:
    """Raise unless every study has a name of its own that is free, and there are two at least."""
    names = [study.name for study in studies]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise fail("meta-studies", "studies", f"the name {twice[0]!r} is there twice", "Rename one")
    if taken := sorted(TAKEN & set(names)):
        what = f"the name {taken[0]!r} is that of a way of combining"
        raise fail("meta-studies", "studies", what, "Rename it")
    if len(names) < 2:
        what = f"there are {len(names)} studies, at least two are needed"
        raise fail("meta-studies", "studies", what, "Give --study NAME=PATH twice, or --config")
