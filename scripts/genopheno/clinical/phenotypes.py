"""The phenotype table and the description of its traits, written for the stages that follow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from genopheno import fields
from genopheno.clinical.check import Clinical
from genopheno.clinical.followup import PARTS
from genopheno.fields import Field
from genopheno.files import write_json, writing

SEXES = ("female", "male", "unknown")


def write(clinical: Clinical, phenotypes_path: str | Path, traits_path: str | Path) -> None:
    """Write ``phenotypes.parquet`` (one row per participant) and ``traits.json``.

    The same participants and declaration give the same bytes, whatever the order of rows.
    Raw units and 1/0 are written: transforms belong to the people actually tested.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    own = fields.names("phenotypes")
    extra = [_field(name, clinical) for name in clinical.frame if name not in own]
    told = fields.schema("phenotypes", extra=extra)
    table = pa.Table.from_arrays(
        [pa.array(clinical.frame[f.name], type=f.type, from_pandas=True) for f in told],
        schema=told,
    )
    with writing(phenotypes_path) as beside:
        pq.write_table(table, beside, compression="zstd")
    write_json(
        traits_path,
        {
            "participants": len(clinical.frame),
            "traits": clinical.traits,
            "covariates": clinical.covariates,
            "groups": clinical.groups,
            "notes": clinical.notes,
        },
    )


def _field(name: str, clinical: Clinical) -> Field:
    """What is known of the column of a trait, a covariate, a group, or of sex."""
    told = fields.member("phenotypes", "{trait}", trait=name)
    if name == "sex":
        meaning = "declared sex: female, male or unknown"
        return replace(told, type="string", description=meaning, codes=SEXES)
    traits = {trait["name"]: trait for trait in clinical.traits}
    part, _, timed = name.partition(":")
    if timed in traits and part in PARTS:
        told = fields.member("phenotypes", f"{part}:{{trait}}", trait=timed)
        return replace(told, unit=traits[timed]["unit"])
    if name in traits:
        trait = traits[name]
        meaning = f"trait {name}, from column {trait['column']}"
        if trait["type"] == "binary":
            return replace(told, description=f"{meaning}; 1 case, 0 control", codes=("0", "1"))
        if trait["type"] == "time-to-event":
            return replace(told, description=f"{meaning}; 1 event, 0 censored", codes=("0", "1"))
        return replace(told, description=meaning, unit=trait["unit"])
    kind = "double" if clinical.frame[name].dtype.kind == "f" else "string"
    if name not in clinical.covariates:
        use = "by which the cohort is summarised" if name in clinical.groups else "of strata"
        return replace(told, type=kind, description=f"group {use}")
    covariate = clinical.covariates[name]
    meaning = f"covariate {name}, {covariate['kind']}"
    return replace(
        told, type=kind, description=meaning, codes=tuple(map(str, covariate.get("levels", ())))
    )
