"""What is printed from the settings model: commented config.yaml, JSON Schema, docs.

``python -m genopheno.schema`` rewrites the files of the checkout; a test holds them true.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from genopheno.settings import Settings

# Keys without a default, as a new project starts with them.
EXAMPLES: dict[str, Any] = {
    "reference.fasta": "reference/genome.fa",
    "reference.genes": "reference/genes.gff3",
}
COMMENTED = {
    "databases": """\
# databases:
#   clinvar:
#     file: databases/clinvar.vcf.gz
#     fields: [CLNSIG, CLNREVSTAT]   # INFO fields to take, allele by allele
#     source: ClinVar
#     version: "2024-06-03"
#   gnomad:
#     file: databases/gnomad.vcf.gz
#     fields: [AF, AF_eas]
#   dbsnp:
#     file: databases/dbsnp.vcf.gz
#     rsid: true                     # take the ID column as rsid
#   cadd:
#     file: databases/cadd.tsv.gz      # a table with a header, or a BED
#     fields: [PHRED]
""",
    "truth_sets": """\
# truth_sets:
#   HG002_v4.2.1:                      # as in the column control of the sample sheet
#     calls: truth/HG002_v4.2.1.vcf.gz
#     regions: truth/HG002_v4.2.1.bed  # confident regions
""",
    "sample_qc.limits": """\
  # limits:
  #   mean_coverage: {fail_below: 4, warn_below: 10}
  #   mapped_fraction: {fail_below: 0.8, warn_below: 0.95}
""",
}
HEADER = """\
# Configuration of a genopheno project: the science only. Threads, memory and run time
# belong to the Snakemake profile. Paths are relative to the project folder.
# Every key but those of the reference may be left out; what is shown is the default.
"""


def _section(info: FieldInfo) -> type[BaseModel] | None:
    kind = info.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _default(info: FieldInfo, path: str) -> Any:
    if path in EXAMPLES:
        return EXAMPLES[path]
    value = info.get_default(call_default_factory=True)
    return str(value) if isinstance(value, Path) else value


def _plain(value: Any) -> Any:
    """A default without models: of those, what differs from their own defaults."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    return {key: _plain(v) for key, v in value.items()} if isinstance(value, dict) else value


def _scalar(value: Any) -> str:
    text = yaml.safe_dump(_plain(value), default_flow_style=True, width=1000).strip()
    return text.removesuffix("\n...").removesuffix("...").strip()


def config_yaml() -> str:
    """The commented configuration of a new project."""
    lines = [HEADER]

    def emit(model: type[BaseModel], prefix: str, indent: int) -> None:
        pad = "  " * indent
        for name, info in model.model_fields.items():
            path = f"{prefix}{name}"
            comment = " ".join((info.description or "").split())
            if path in COMMENTED:
                gap = "" if indent else "\n"
                lines.append(f"{gap}{pad}# {comment}\n{COMMENTED[path]}".rstrip("\n"))
                continue
            section = _section(info)
            if indent == 0:
                lines.append("")
            lines.append(f"{pad}# {comment}")
            if section:
                lines.append(f"{pad}{name}:")
                emit(section, f"{path}.", indent + 1)
            else:
                lines.append(f"{pad}{name}: {_scalar(_default(info, path))}")

    emit(Settings, "", 0)
    return "\n".join(lines) + "\n"


def config_schema() -> str:
    """The JSON Schema of the configuration."""
    return json.dumps(Settings.model_json_schema(), indent=2) + "\n"


def config_markdown() -> str:
    """The table of every key, for the documentation."""
    lines = [
        "# Configuration",
        "",
        "Printed from the settings model (`python -m genopheno.schema`). Paths are relative to",
        "the project folder. The JSON Schema is `config/schemas/config.schema.json`.",
        "",
        "| key | default | meaning |",
        "|---|---|---|",
    ]

    def emit(model: type[BaseModel], prefix: str) -> None:
        for name, info in model.model_fields.items():
            path, meaning = f"{prefix}{name}", " ".join((info.description or "").split())
            if section := _section(info):
                lines.append(f"| `{path}` | | {meaning} |")
                emit(section, f"{path}.")
                continue
            default = info.get_default(call_default_factory=True)
            if default is PydanticUndefined:
                shown = "required"
            elif path == "sample_qc.limits":
                shown = "by assay, see below"
            else:
                shown = f"`{_scalar(_default(info, path))}`"
            lines.append(f"| `{path}` | {shown} | {meaning} |")

    emit(Settings, "")
    from genopheno.assays import ASSAYS
    from genopheno.settings import Database, TruthSet
    from genopheno.settings.cohort import GeneMask

    sections = (("database", Database), ("truth set", TruthSet), ("gene mask", GeneMask))
    for what, model in sections:
        lines += ["", f"Each {what} has:", "", "| key | default | meaning |", "|---|---|---|"]
        for name, info in model.model_fields.items():
            default = info.get_default(call_default_factory=True)
            shown = "required" if default is PydanticUndefined else f"`{_scalar(default)}`"
            lines.append(f"| `{name}` | {shown} | {' '.join((info.description or '').split())} |")
    lines += [
        "",
        "Default bounds of `sample_qc.limits`, by `assay` (a measure that is given replaces its",
        "line):",
        "",
        "| assay | measure | fail below | warn below | warn above | fail above | source |",
        "|---|---|---|---|---|---|---|",
    ]
    sides = ("fail_below", "warn_below", "warn_above", "fail_above")
    for assay, measures in ASSAYS.items():
        for name, (bounds, source) in measures.items():
            cells = (f"{bounds[side]:g}" if side in bounds else "" for side in sides)
            lines.append(f"| {assay} | `{name}` | " + " | ".join([*cells, source]) + " |")
    return "\n".join(lines) + "\n"


def columns_markdown() -> str:
    """Every published table and column, for the documentation."""
    from genopheno.fields import DESCRIPTIONS, FAMILIES, TABLES

    lines = [
        "# Columns",
        "",
        "Printed from the registry (`genopheno.fields`). Missing is null in Parquet, `NA` in",
        "summary statistics, empty elsewhere. Tier `controlled`: one row or value per person, or",
        "per few. Names with `{}` stand for columns that depend on the configuration or the data.",
        "Every Parquet file carries what is said here in the metadata of its schema.",
    ]
    for table, columns in TABLES.items():
        lines += ["", f"## {table}", "", f"{DESCRIPTIONS[table]}.", ""]
        lines += ["| column | type | unit | tier | meaning | source |", "|---|---|---|---|---|---|"]
        lines += [
            f"| `{f.name}` | {f.type} | {f.unit} | {f.tier} | {meaning} | {f.source} |"
            for f in (*columns, *FAMILIES.get(table, ()))
            for meaning in [f.description.replace("|", "\\|")]
        ]
    return "\n".join(lines) + "\n"


FILES = {
    "config/config.yaml": config_yaml,
    "config/schemas/config.schema.json": config_schema,
    "docs/configuration.md": config_markdown,
    "docs/columns.md": columns_markdown,
}


def main() -> None:
    root = Path(__file__).resolve().parents[2]
    for name, text in FILES.items():
        (root / name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
