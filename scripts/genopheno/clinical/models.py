"""What the configuration asks of the association, held against the declared traits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genopheno.clinical.columns import nearest
from genopheno.clinical.declaration import Declaration
from genopheno.problems import Problems
from genopheno.strata import SEX, Stratum, run_names


def interaction_problems(
    declaration: Declaration,
    interactions: Sequence[str],
    strata: Sequence[Stratum],
    groups: Sequence[str],
    config_path: str | Path,
) -> Problems:
    """Covariates of `interactions` that nobody declared, and tables that would have one name."""
    found = Problems()
    known = list(dict.fromkeys([SEX, *declaration.covariates, *groups]))
    place = "association.interactions"
    for name in interactions:
        if name not in known:
            found.add(
                "interaction-unknown",
                config_path,
                f"{name!r} is not a covariate{nearest(name, known)}",
                f"Declare it as a covariate in {declaration.path}; known are {', '.join(known)}",
                column=place,
            )
    runs = run_names([t.name for t in declaration.traits], [s.name for s in strata])
    seen: dict[str, tuple[str, str]] = {}
    for pair in ((run, name) for run in runs for name in dict.fromkeys(interactions)):
        table = ".".join(pair).lower()
        other = seen.setdefault(table, pair)
        if other != pair:
            found.add(
                "interaction-name",
                config_path,
                f"trait {pair[0]} with covariate {pair[1]} and trait {other[0]} with covariate "
                f"{other[1]} would both be named {'.'.join(pair)}",
                "Rename a trait, a stratum or a covariate",
                column=place,
            )
    return found
