"""Variants that are conditioned on: found by name, and their dosages as covariates.

As PLINK 2 ``--condition-list``: the count of the effect allele joins the covariates, and a
person without the genotype is not tested. Variants in full linkage with them, and they
themselves, then have nothing left to be tested with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genopheno.association.block import Block
from genopheno.genotypes import Genotypes
from genopheno.problems import Problems

if TYPE_CHECKING:
    import pandas as pd

NEAR = 3  # like names that are told


def find(
    genotypes: Genotypes, wanted: Sequence[str], variants: pd.DataFrame | None = None
) -> list[int]:
    """Index of each wanted variant among the genotypes.

    Parameters
    ----------
    wanted : identifiers, or rsIDs.
    variants : variant_id and rsid of all variants called, passing or not; None: no rsIDs.

    Raises
    ------
    StageError : identifiers that are unknown, that several variants have, or that name one
        variant twice; all of them.
    """
    problems = Problems()
    ids = genotypes.table["variant_id"]
    called = set() if variants is None else set(variants["variant_id"])
    by_rsid = {}
    if variants is not None:
        asked = variants[variants["rsid"].isin(set(wanted))]
        by_rsid = {rsid: list(part) for rsid, part in asked.groupby("rsid")["variant_id"]}
    found: dict[int, str] = {}
    for name in dict.fromkeys(wanted):
        names = by_rsid.get(name, [name])
        places = [i for v in names if (i := pc.index(ids, pa.scalar(v)).as_py()) >= 0]
        if len(places) > 1:
            _add(problems, name, f"is {', '.join(names)}", "Name one of them")
        elif not places and (name in called or name in by_rsid):
            what = "is called and did not pass"
            _add(problems, name, what, "Look at it in results/cohort/variants.parquet")
        elif not places:
            near = _near(genotypes, name)
            hint = f"; near it are {', '.join(near)}" if near else ""
            mend = "Write contig:position:reference:alternate as in the results"
            _add(problems, name, f"is not among the genotypes{hint}", mend)
        elif places[0] in found:
            _add(problems, name, f"is {found[places[0]]} again", "Name a variant once")
        else:
            found[places[0]] = name
    problems.raise_if_any()
    return list(found)


def _add(problems: Problems, name: str, what: str, mend: str) -> None:
    problems.add("condition-unknown", "association.condition_on", f"{name} {what}", mend)


def _near(genotypes: Genotypes, name: str) -> list[str]:
    """Variants at the same place however the contig is written, or else the nearest."""
    contig, _, rest = name.partition(":")
    place = rest.partition(":")[0]
    if not place.isdecimal():
        return []
    bare = contig.removeprefix("chr")
    runs = [r for r in genotypes.contigs() if r[0].removeprefix("chr") == bare]
    near: list[tuple[int, str]] = []
    for _, start, stop in runs:
        position = genotypes.table["position"].slice(start, stop - start).to_numpy()
        away = np.abs(position - int(place))
        closest = np.argsort(away, kind="stable")[:NEAR]
        names = genotypes.table["variant_id"].take(pa.array(closest + start)).to_pylist()
        near += zip(away[closest].tolist(), names, strict=True)
    near.sort()
    same = [variant for distance, variant in near if distance == 0]
    return (same or [variant for _, variant in near])[:NEAR]


def dosages(
    genotypes: Genotypes, wanted: Sequence[str], variants: pd.DataFrame | None = None
) -> pd.DataFrame:
    """A row per sample (the index), a column per variant by its identifier; missing is NaN.

    Dosages are coded as those of the scan.
    """
    import pandas as pd

    columns = {}
    for at in find(genotypes, wanted, variants):
        block = Block(genotypes, at, at + 1)
        absent = block.absent(np.array([0]))[0] > 0
        name = genotypes.table["variant_id"][at].as_py()
        columns[name] = np.where(absent, np.nan, block.dosage[0])
    return pd.DataFrame(columns, index=genotypes.samples)
