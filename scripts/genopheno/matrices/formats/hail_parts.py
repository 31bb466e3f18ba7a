"""What Hail takes in: the calls as VCF; sites and samples as JSON lines, with their types."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from genopheno.files import write_json
from genopheno.matrices.formats import vcf
from genopheno.matrices.formats.plan import Block, Plan

if TYPE_CHECKING:
    import pyarrow as pa


def write(folder: Path, name: str, plan: Plan, blocks: Iterable[Block]) -> list[Path]:
    """Write the directory ``name``: calls.vcf.gz, sites.jsonl, samples.jsonl and parts.json.

    parts.json has the build, the contigs with their lengths, and the Arrow types of the
    columns of sites, samples and phenotypes.
    """
    target = folder / name
    target.mkdir()
    with open(target / "sites.jsonl", "w", encoding="utf-8") as handle:

        def passing() -> Iterator[Block]:
            for block in blocks:
                _lines(handle, block.sites.to_pylist())
                yield block

        vcf.write_file(target / "calls.vcf.gz", plan, passing(), annotated=False)
    people = {row["participant"]: row for row in plan.phenotypes.to_pylist()}
    with open(target / "samples.jsonl", "w", encoding="utf-8") as handle:
        _lines(
            handle,
            (r | {"phenotypes": people.get(r["participant"])} for r in plan.samples.to_pylist()),
        )
    types = {
        "sites": plan.schemas["sites"],
        "samples": plan.samples.schema,
        "phenotypes": plan.phenotypes.schema,
    }
    parts = {"build": plan.told["build"], "contigs": plan.contigs, "order": list(plan.contigs)}
    write_json(target / "parts.json", parts | {t: _types(s) for t, s in types.items()})
    return [target]


def _types(schema: pa.Schema) -> list[tuple[str, str]]:
    return [(column.name, str(column.type)) for column in schema]


def _lines(handle, rows: Iterable[dict]) -> None:
    for row in rows:
        handle.write(json.dumps(_finite(row), allow_nan=False) + "\n")


def _finite(value: object) -> object:
    """JSON has no NaN: it is missing."""
    if isinstance(value, dict):
        return {name: _finite(cell) for name, cell in value.items()}
    return None if isinstance(value, float) and value != value else value
