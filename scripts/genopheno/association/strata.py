"""Who of the samples is in which stratum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from genopheno import strata as shared
from genopheno.problems import Problems
from genopheno.strata import ANCESTRY, Stratum

if TYPE_CHECKING:
    import pandas as pd

PROBABILITY = "probability_"  # the columns of structure_samples that name the panel's groups


@dataclass
class Placed:
    """The samples of a stratum.

    Attributes
    ----------
    name : name of the stratum.
    inside : (samples,) bool.
    missing : per column (samples,) bool, where it is not known whether a sample belongs.
    """

    name: str
    inside: np.ndarray
    missing: dict[str, np.ndarray]


def place(
    strata: Sequence[Stratum],
    samples: pd.DataFrame,
    phenotypes: pd.DataFrame,
    traits: Sequence[dict],
    structure: pd.DataFrame | None,
    problems: Problems,
) -> list[Placed]:
    """Place samples into strata; what is wrong goes to `problems`, and then nothing is placed.

    A value that no participant has is a fault. A stratum whose people did not reach the
    cohort, or an ancestry group that nobody was assigned to, is empty: its traits get the
    reason.

    Parameters
    ----------
    samples : sample, participant.
    phenotypes : participant and the columns that strata name.
    structure : table ``structure_samples``; None: no strata by ancestry.
    """
    before = len(problems)
    for stratum in strata:
        for column in stratum.columns:
            if column == ANCESTRY:
                _check_ancestry(stratum, structure, problems)
            elif column not in phenotypes.columns:
                problems.add(
                    "stratum-column",
                    "phenotypes",
                    f"the stratum {stratum.name} asks for it and it is not there",
                    "Name a column of the participant table, sex or ancestry",
                    column=column,
                )
    people = phenotypes.drop(columns=ANCESTRY, errors="ignore")
    problems.extend(shared.check(strata, [t["name"] for t in traits], people, "phenotypes"))
    if len(problems) > before:
        return []
    joined = samples[["sample", "participant"]].merge(people, on="participant", how="left")
    if structure is not None:
        group = structure.set_index("sample")["group"]
        joined[ANCESTRY] = joined["sample"].map(group).astype(object)
    return [Placed(stratum.name, *shared.members(stratum, joined)) for stratum in strata]


def _check_ancestry(stratum: Stratum, structure: pd.DataFrame | None, problems: Problems) -> None:
    known = set()
    if structure is not None:
        known = set(structure["group"].dropna())
        named = [name for name in structure.columns if name.startswith(PROBABILITY)]
        known |= {name.removeprefix(PROBABILITY) for name in named}
    if not known:
        problems.add(
            "stratum-ancestry",
            "--structure",
            f"the stratum {stratum.name} asks for an ancestry group and there are none",
            "Set structure.ancestry, so that 'genopheno structure' assigns groups",
            column=ANCESTRY,
        )
        return
    for value in stratum.columns[ANCESTRY]:
        if value not in known:
            problems.add(
                "stratum-value",
                "--structure",
                f"stratum {stratum.name}: there is no ancestry group {value!r}, but "
                f"{', '.join(sorted(known))}",
                "Name a group of the reference panel",
                column=ANCESTRY,
            )
