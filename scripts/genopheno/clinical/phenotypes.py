"""The phenotype table and the description of its traits, written for the stages that follow."""

from __future__ import annotations

from pathlib import Path

from genopheno.clinical.check import Clinical
from genopheno.files import write_json, writing


def write(clinical: Clinical, phenotypes_path: str | Path, traits_path: str | Path) -> None:
    """Write ``phenotypes.parquet`` (one row per participant) and ``traits.json``.

    The same participants and declaration give the same bytes, whatever the order of rows.
    Raw units and 1/0 are written: transforms belong to the people actually tested.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    traits = {trait["name"]: trait for trait in clinical.traits}
    fields, columns = [], []
    for name, values in clinical.frame.items():
        numeric = values.dtype.kind == "f"
        if name in traits:
            trait = traits[name]
            meaning = f"trait {name}, from column {trait['column']}"
            meaning += "; 1 case, 0 control" if trait["type"] == "binary" else ""
            unit = trait["unit"]
        else:
            meaning, unit = _meaning(name, clinical), ""
        kind = pa.float64() if numeric else pa.string()
        metadata = {"description": meaning, "unit": unit, "tier": "controlled"}
        fields.append(pa.field(name, kind, metadata=metadata))
        columns.append(pa.array(values, type=kind, from_pandas=True))
    table = pa.Table.from_arrays(columns, schema=pa.schema(fields))
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


def _meaning(name: str, clinical: Clinical) -> str:
    if name == "participant":
        return "person"
    if name == "sex":
        return "declared sex: female, male or unknown"
    if name in clinical.covariates:
        return f"covariate, {clinical.covariates[name]['kind']}"
    return "group by which the cohort is summarised"
