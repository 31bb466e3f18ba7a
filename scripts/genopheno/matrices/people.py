"""People of the matrices: their tables, and the groups by which variants are counted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genopheno import fields
from genopheno.fields import Field
from genopheno.files import read_json, writing
from genopheno.matrices.counts import Groups
from genopheno.problems import fail

UNKNOWN = "unknown"
KINDS = {"double": "float64", "float": "float32"}  # Arrow's own names of types


@dataclass
class People:
    """Kept samples in the order of the cohort table, with what is known of their people.

    Attributes
    ----------
    samples : table ``cohort_samples`` with the columns of the groups (text, missing: None).
    groups : columns, of participants, by which is counted besides sex.
    """

    samples: pd.DataFrame
    groups: list[str]


def read_people(
    cohort_samples: Path,
    phenotypes: Path,
    groups: Sequence[str],
    vcf_samples: Sequence[str],
    vcf: Path,
) -> People:
    """Kept samples of the cohort and the groups they are in.

    Parameters
    ----------
    groups : columns of the phenotype table, or sex, which is always one.

    Raises
    ------
    StageError : no sample, samples that the VCF does not hold, or a group that is no column.
    """
    samples = fields.read(cohort_samples)
    there = set(vcf_samples)
    missing = sorted(set(samples["sample"]) - there)
    if missing or not len(samples):
        raise fail(
            "samples-differ",
            cohort_samples,
            f"samples that {vcf} does not hold: {', '.join(missing[:20])}"
            if missing
            else "it holds no sample",
            "Run the stages from the calls on again",
        )
    own = [group for group in groups if group != "sex"]
    told = pq.read_schema(phenotypes).names
    if unknown := [group for group in own if group not in told]:
        raise fail(
            "groups-unknown",
            phenotypes,
            f"it has no columns {', '.join(unknown)}",
            "Set summaries.groups to columns that 'genopheno phenotypes' wrote",
        )
    table = fields.read(phenotypes, ["participant", *own]).set_index("participant")
    for group in own:
        values = samples["participant"].map(table[group])
        samples[group] = [None if pd.isna(value) else str(value) for value in values]
    return People(samples, own)


def memberships(people: People, order: Sequence[str]) -> tuple[Groups, dict[str, tuple[str, str]]]:
    """Groups of the samples in `order`, and group and level of each column's name.

    Raises
    ------
    StageError : two levels give one column name.
    """
    table = people.samples.set_index("sample").loc[list(order)]
    levels: dict[str, np.ndarray] = {}
    told: dict[str, tuple[str, str]] = {}
    for group in ["sex", *people.groups]:
        values = table[group].fillna(UNKNOWN).to_numpy()
        for level in sorted(set(values)):
            # A column's name is a word in every language that reads the table.
            name = f"{group}_{re.sub(r'[^0-9A-Za-z]+', '_', level).strip('_')}"
            if name in told:
                raise fail(
                    "groups-same-name",
                    group,
                    f"the levels {told[name][1]!r} and {level!r} both make columns '…_{name}'",
                    "Name them apart in the participant table",
                )
            told[name], levels[name] = (group, level), values == level
    return Groups(levels, len(table)), told


def write_samples(people: People, components: Path | None, out: Path) -> int:
    """Write ``matrix_samples``; return how many samples have principal components.

    Parameters
    ----------
    components : table ``components``; None: not computed.
    """
    table = people.samples.copy()
    extra = [fields.member("matrix_samples", "{group}", group=group) for group in people.groups]
    table["unrelated"] = pd.array([None] * len(table), dtype="boolean")
    n = 0
    if components is not None:
        scores = fields.read(components).set_index("sample")
        there = table["sample"].isin(scores.index)
        n = int(there.sum())
        table["unrelated"] = table["sample"].map(scores["unrelated"]).astype("boolean")
        width = len(scores["scores"].iloc[0]) if len(scores) else 0
        for number in range(width):
            name = f"pc{number + 1}"
            table[name] = table["sample"].map(scores["scores"].str[number])
            extra.append(fields.member("matrix_samples", "pc{number}", number=str(number + 1)))
    fields.write(out, table, "matrix_samples", extra=extra)
    return n


def write_phenotypes(source: Path, traits: Path | None, participants: set[str], out: Path) -> int:
    """Write the phenotypes of the cohort's people; return how many.

    Parameters
    ----------
    source : what ``genopheno phenotypes`` wrote: each column tells its meaning and unit.
    traits : its declared traits (JSON), for what the columns do not say; None: not given.
    """
    table = pq.read_table(source)
    kept = pc.is_in(table["participant"], value_set=pa.array(sorted(participants), pa.string()))
    table = table.filter(kept)
    declared = {t["name"]: t for t in read_json(traits)["traits"]} if traits else {}
    own = fields.names("phenotypes")
    extra = [_phenotype(f, declared) for f in fields.fields_of(table.schema) if f.name not in own]
    schema = fields.schema("phenotypes", extra=extra)
    with writing(out) as beside:
        pq.write_table(table.select(schema.names).cast(schema), beside, compression="zstd")
    return table.num_rows


def _phenotype(column: Field, declared: dict[str, dict]) -> Field:
    """Member of the family of phenotypes: type, unit and description are the column's own."""
    family = fields.member("phenotypes", "{trait}", trait=column.name)
    trait = declared.get(column.name, {})
    return replace(
        column,
        type=KINDS.get(column.type, column.type),
        unit=column.unit or trait.get("unit") or "",
        description=column.description or family.description,
        tier=family.tier,
    )
