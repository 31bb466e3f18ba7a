"""Who is a case: the people whom the unrelated set keeps where it can choose."""

from __future__ import annotations

from pathlib import Path

from genopheno import fields
from genopheno.files import read_json
from genopheno.problems import fail

KINDS = ("binary", "time-to-event")


def cases(
    trait: str, samples: str | Path, phenotypes: str | Path, traits: str | Path
) -> frozenset[str]:
    """Samples of the people who are cases of a binary trait, or had the event of another.

    Parameters
    ----------
    samples : Parquet with the columns sample and participant (the cohort's samples).
    phenotypes : Parquet with participant and a column per trait; 1 is a case.
    traits : JSON with ``traits``: name and type.

    Raises
    ------
    StageError : the trait is not declared, or is quantitative.
    """
    types = {t["name"]: t["type"] for t in read_json(traits)["traits"]}
    if types.get(trait) not in KINDS:
        found = f"it is {types[trait]}" if trait in types else "it is not declared"
        possible = ", ".join(n for n, kind in types.items() if kind in KINDS) or "none"
        raise fail(
            "trait-not-binary",
            traits,
            f"cases of {trait!r} are to be kept, but {found} (traits with cases: {possible})",
            "Mend structure.keep_cases_of",
        )
    people = fields.read(phenotypes, ["participant", trait])
    ill = set(people["participant"][people[trait] == 1])
    table = fields.read(samples, ["sample", "participant"])
    return frozenset(table["sample"][table["participant"].isin(ill)])
