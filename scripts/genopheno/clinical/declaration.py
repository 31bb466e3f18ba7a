"""``phenotypes.yaml``: which columns are traits, of which type, and with which covariates.

YAML is read without its guesses (every scalar stays the text that was written), so that
``case: [yes]`` means the word *yes* and ``NO`` is not a truth value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic import ValidationError as Invalid

from genopheno.clinical.values import key
from genopheno.clinical.yamlfile import DOCS, Lines, line_of, load, shown
from genopheno.problems import Problem, Problems, StageError

TRAIT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")  # it becomes a file name
# Columns of the phenotype table and files beside the results that a trait must not replace.
RESERVED = re.compile(r"participant|sample|sex|design|scan|calibration|pc\d+", re.IGNORECASE)
DEFAULT_MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null"]

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[Text], BeforeValidator(_listed)]
Values = Annotated[list[str], BeforeValidator(_listed)]


class Trait(BaseModel):
    """One trait as declared.

    `case` and `control` are of binary and time-to-event traits (event, censored), `time` and
    `entry` (columns of the end and the start of follow-up) of the latter.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    column: Text
    type: Literal["quantitative", "binary", "time-to-event"]
    unit: str = ""
    transform: Literal["none", "log", "inverse-normal"] = "none"
    case: Values = []
    control: Values = []
    time: Text | None = None
    entry: Text | None = None
    missing: Values = []
    covariates: Names = []
    own_covariates: bool = False


class General(BaseModel):
    """The keys beside `traits`."""

    model_config = ConfigDict(extra="forbid")

    participant: Text = "participant"
    missing: Values = DEFAULT_MISSING
    covariates: Names = []
    categorical: Names = []


@dataclass(frozen=True)
class Declaration:
    """A checked declaration.

    Attributes
    ----------
    path : the file it came from.
    participant : column that names the person.
    missing : texts that mean missing in every column; the empty cell always does.
    covariates : default covariates, and every one that a trait names, in first-seen order.
    categorical : covariates that are categories although they look like numbers.
    traits : traits in the order of the file, each with its resolved covariates.
    lines : line in the file of each key, such as ``("traits", "ldl", "column")``.
    """

    path: str
    participant: str
    missing: tuple[str, ...]
    covariates: tuple[str, ...]
    categorical: tuple[str, ...]
    traits: tuple[Trait, ...]
    lines: Lines

    def line(self, *where: str) -> int | None:
        """Line of the deepest key on the way `where` that is in the file."""
        return line_of(self.lines, where)


def trait_names(path: str | Path) -> list[str]:
    """Names of the declared traits, in order; reads nothing but the YAML file.

    Raises
    ------
    StageError : the file is absent, is not YAML, declares no trait, or a name is unfit
        for a file name.
    """
    values, lines, found = load(Path(path))
    traits = values.get("traits")
    names = list(traits) if isinstance(traits, dict) else []
    if not found and not names:
        found.add("phenotypes-invalid", path, "it declares no trait", DOCS, column="traits")
    for name in names:
        found.extend(_name_problems(str(path), name, lines))
    found.raise_if_any()
    return names


def _name_problems(path: str, name: str, lines: Lines) -> list[Problem]:
    line = line_of(lines, ("traits", name))
    if not TRAIT_NAME.fullmatch(name):
        mend = (
            "Start with a letter; then only letters, digits, '_', '.' and '-', "
            "100 characters at most: the name becomes a file name"
        )
        return [Problem("trait-name", path, line, name, f"the trait name {name!r}", mend)]
    if RESERVED.fullmatch(name):
        mend = "Choose another name; this one is taken by the tables of the results"
        return [Problem("trait-name", path, line, name, f"the trait name {name!r}", mend)]
    return []


def _model_problems(
    path: str, error: Invalid, where: tuple[str, ...], lines: Lines
) -> list[Problem]:
    out = []
    for fault in error.errors():
        place = (*where, *(str(part) for part in fault["loc"]))
        out.append(
            Problem(
                "phenotypes-invalid",
                path,
                line_of(lines, place),
                shown(place),
                f"{fault['msg']} (found {str(fault.get('input'))[:60]!r})",
                DOCS,
            )
        )
    return out


def _trait_problems(path: str, trait: Trait, missing: list[str], lines: Lines) -> Problems:
    """What types and names cannot say: values of binary traits and how they overlap."""
    found = Problems()

    def add(part: str, what: str, mend: str) -> None:
        found.add(
            "phenotypes-invalid",
            path,
            what,
            mend,
            row=line_of(lines, ("traits", trait.name, part)),
            column=f"{trait.name}.{part}",
        )

    lists = {"case": trait.case, "control": trait.control}
    meaning = {"case": "case", "control": "control"}
    if trait.type == "time-to-event":
        meaning = {"case": "that the event happened", "control": "censored"}
    if trait.type == "quantitative":
        for part in (p for p, values in lists.items() if values):
            add(part, f"a quantitative trait has {part} values", "Remove them, or say type: binary")
    else:
        for part in (p for p, values in lists.items() if not values):
            mend = f"List the values that mean {meaning[part]}"
            add(part, f"a {trait.type} trait has no {part} values", mend)
        if trait.transform != "none":
            add("transform", f"a {trait.type} trait has transform {trait.transform}", "Remove it")
    if trait.type != "time-to-event":
        for part in (p for p in ("time", "entry") if getattr(trait, p) is not None):
            add(part, f"a {trait.type} trait has {part}", "Remove it, or say type: time-to-event")
    elif trait.time is None:
        add("time", "a time-to-event trait has no time", "Name the column of follow-up times")
    else:
        columns = [trait.column, trait.time, *([trait.entry] if trait.entry else [])]
        if len(set(columns)) < len(columns):
            mend = "Name one column each for the event, time and entry"
            add("time", f"one column is named twice: {', '.join(columns)}", mend)
    case, control = {key(v) for v in trait.case}, {key(v) for v in trait.control}
    absent = {key(v) for v in [*missing, *trait.missing, ""]}
    for a, b, what in (
        (case, control, "both case and control"),
        (case, absent, "both case and missing"),
        (control, absent, "both control and missing"),
    ):
        if a & b:
            shown = ", ".join(repr(v) for v in sorted(map(str, a & b)))
            part = "case" if "case" in what else "control"
            add(part, f"{shown} means {what}", "Let each value mean one thing")
    for own in {trait.column, trait.time} & set(trait.covariates):
        add(
            "covariates",
            f"its own column {own!r} is among its covariates",
            "Give this trait its own covariates, without that column",
        )
    return found


def read_declaration(path: str | Path) -> tuple[Declaration | None, list[Problem]]:
    """Read and check ``phenotypes.yaml``; every fault is found at once.

    Returns
    -------
    The declaration (None if anything is wrong) and the problems; their row is the line in
    the file, their column ``trait.key``.
    """
    path = str(path)
    values, lines, found = load(Path(path))
    if found and not values:
        return None, list(found)
    traits = values.pop("traits", None)
    general = General()
    try:
        general = General.model_validate(values)
    except Invalid as error:
        found.extend(_model_problems(path, error, (), lines))
    if not isinstance(traits, dict) or not traits:
        line = line_of(lines, ("traits",))
        mend = "Under 'traits:' give each trait by its name. " + DOCS
        found.add("phenotypes-invalid", path, "it declares no trait", mend, row=line)
        return None, list(found)

    good: list[Trait] = []
    seen: dict[str, str] = {}
    for name, body in traits.items():
        where = ("traits", name)
        found.extend(_name_problems(path, name, lines))
        if name.lower() in seen and seen[name.lower()] != name:
            found.add(
                "trait-name",
                path,
                f"{name!r} and {seen[name.lower()]!r} differ only in case",
                "Make them differ; some file systems take them for one file",
                row=line_of(lines, where),
                column=name,
            )
        seen.setdefault(name.lower(), name)
        if not isinstance(body, dict):
            found.add(
                "phenotypes-invalid",
                path,
                "a trait needs at least column and type",
                DOCS,
                row=line_of(lines, where),
                column=name,
            )
            continue
        for hidden in {"name", "own_covariates"} & set(body):
            body.pop(hidden)
            found.add(
                "phenotypes-invalid",
                path,
                f"the key {hidden!r} is not known",
                DOCS,
                row=line_of(lines, (*where, hidden)),
                column=f"{name}.{hidden}",
            )
        own = "covariates" in body
        body = body if own else {**body, "covariates": general.covariates}
        try:
            trait = Trait.model_validate({**body, "name": name, "own_covariates": own})
        except Invalid as error:
            found.extend(_model_problems(path, error, where, lines))
            continue
        trait.covariates = list(dict.fromkeys(trait.covariates))
        found.extend(_trait_problems(path, trait, general.missing, lines))
        good.append(trait)

    covariates = tuple(
        dict.fromkeys([*general.covariates, *(c for trait in good for c in trait.covariates)])
    )
    found.extend(_clashes(path, good, covariates, lines))
    for name in general.categorical:
        if name not in covariates:
            found.add(
                "phenotypes-invalid",
                path,
                f"{name!r} is not a covariate",
                "List under 'categorical' only names that are among the covariates",
                row=line_of(lines, ("categorical",)),
                column="categorical",
            )
    if found:
        return None, list(found)
    return (
        Declaration(
            path,
            general.participant,
            tuple(dict.fromkeys([*general.missing, ""])),
            covariates,
            tuple(general.categorical),
            tuple(good),
            lines,
        ),
        [],
    )


def _clashes(
    path: str, traits: list[Trait], covariates: tuple[str, ...], lines: Lines
) -> list[Problem]:
    """A trait and a covariate of one name must be the same numbers: they share a column."""
    return [
        Problem(
            "phenotypes-invalid",
            path,
            line_of(lines, ("traits", trait.name)),
            trait.name,
            f"the trait {trait.name!r} (column {trait.column!r}) has the name of a covariate",
            "Rename the trait",
        )
        for trait in traits
        if trait.name in covariates
        and (trait.column != trait.name or trait.type != "quantitative" or trait.missing)
    ]


def require(path: str | Path) -> Declaration:
    """The declaration, or `StageError` with everything that is wrong with it."""
    declaration, problems = read_declaration(path)
    if declaration is None:
        raise StageError(*problems)
    return declaration
