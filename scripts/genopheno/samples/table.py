"""The table of samples: measures of reads and of genotypes, one verdict each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from genopheno import fields
from genopheno.files import read_json, write_json, writing
from genopheno.problems import Problem, StageError, fail
from genopheno.samples.verdict import Limits, check_limits, verdict
from genopheno.tools import run

GENOTYPE_MEASURES = (
    *("call_rate", "n_het", "n_hom_alt"),
    *("het_hom_ratio", "ti_tv", "n_singletons"),
)
NOT_MEASURES = ("sample", "participant", "verdict", "reasons")
COLOURS = {"pass": "#4c9f70", "warn": "#e0a526", "fail": "#c8553d"}


def write(
    metrics_files: Sequence[Path],
    cohort_bcf: Path,
    limits: Limits,
    parquet: Path,
    tsv: Path,
    mqc_json: Path,
) -> pd.DataFrame:
    """Join the measures of all samples, judge each, and write table ``sample_qc``.

    Parameters
    ----------
    metrics_files : ``metrics.json`` of each sample.
    cohort_bcf : calls of all samples; records that PASS are counted.
    limits : bounds per measure, see `genopheno.samples.verdict.verdict`.
    parquet, tsv : the table, twice.
    mqc_json : the table as MultiQC custom content.

    Returns
    -------
    The table, samples in the order of `metrics_files`.

    Raises
    ------
    StageError : unknown measures in `limits`, a measures file that is not one, a sample
        given twice, or samples with reads but no genotypes (or the reverse).
    """
    measures = [name for name in fields.names("sample_qc") if name not in NOT_MEASURES]
    check_limits(limits, measures)
    rows = _read_measures(metrics_files)
    genotypes = genotype_measures(run(["bcftools", "stats", "-s", "-", "-f", "PASS,.", cohort_bcf]))
    names = [row["sample"] for row in rows]
    if len(set(names)) < len(names) or set(names) != set(genotypes):
        raise fail(
            "samples-differ",
            cohort_bcf,
            f"{len(names)} samples have measures of reads and {len(genotypes)} have genotypes; "
            f"without genotypes: {_some(set(names) - set(genotypes))}; without measures: "
            f"{_some(set(genotypes) - set(names))}; given twice: "
            f"{_some({name for name in names if names.count(name) > 1})}",
            "Run the reads of these samples, then the calling, again",
        )
    for row in rows:
        row |= genotypes[row["sample"]]
        row["verdict"], reasons = verdict(row, limits)
        row["reasons"] = "; ".join(reasons)

    frame = pd.DataFrame(rows, columns=fields.names("sample_qc"))
    fields.write(parquet, frame, "sample_qc")
    with writing(tsv) as beside:
        frame.to_csv(beside, sep="\t", index=False, float_format="%.6g")
    write_json(mqc_json, multiqc_section(frame))
    return frame


def _read_measures(paths: Sequence[Path]) -> list[dict[str, Any]]:
    expected = set(fields.names("sample_qc")) - {"verdict", "reasons", *GENOTYPE_MEASURES}
    rows, problems = [], []
    for path in paths:
        try:
            row = read_json(path)
            found = f"its keys differ from those of a measures file: {sorted(expected ^ set(row))}"
        except (OSError, ValueError, TypeError) as error:
            row, found = {}, f"it cannot be read: {error}"
        if set(row) != expected:
            mend = "Delete it and run again: the sample is measured anew"
            problems.append(Problem("measures-unreadable", str(path), found=found, mend=mend))
        rows.append(row)
    if problems:
        raise StageError(*problems)
    return rows


def genotype_measures(stats: str) -> dict[str, dict[str, float | int | None]]:
    """Measures per sample from the text of ``bcftools stats -s -``.

    Its PSC lines count heterozygous and homozygous calls at SNPs only, the PSI lines those
    at indels; here they are added. Missing genotypes and singletons are of both kinds,
    transitions and transversions are those carried by the sample.
    """
    records = 0
    per_sample: dict[str, dict[str, float | int | None]] = {}
    for line in stats.splitlines():
        cells = line.split("\t")
        if cells[0] == "SN" and cells[2] == "number of records:":
            records = int(cells[3])
        elif cells[0] == "PSC":
            per_sample[cells[2]] = {
                "call_rate": 1 - int(cells[13]) / records if records else None,
                "n_het": int(cells[5]),
                "n_hom_alt": int(cells[4]),
                "ti_tv": _ratio(int(cells[6]), int(cells[7])),
                "n_singletons": int(cells[10]),
            }
        elif cells[0] == "PSI":
            row = per_sample[cells[2]]
            row["n_het"] += int(cells[7]) + int(cells[8])
            row["n_hom_alt"] += int(cells[9]) + int(cells[10])
    for row in per_sample.values():
        row["het_hom_ratio"] = _ratio(row["n_het"], row["n_hom_alt"])
    return per_sample


def multiqc_section(frame: pd.DataFrame) -> dict[str, Any]:
    """The table as MultiQC custom content: verdicts in colour, measures in the field's terms."""
    described = {f.name: f for f in fields.TABLES["sample_qc"]}
    headers = {}
    for name in frame.columns.drop(["sample", "participant"]):
        headers[name] = {
            "title": name.replace("_", " "),
            "description": described[name].description,
        }
        if name == "verdict":
            headers[name] |= {
                "cond_formatting_rules": {word: [{"s_eq": word}] for word in COLOURS},
                "cond_formatting_colours": [{word: colour} for word, colour in COLOURS.items()],
            }
        elif described[name].type == "int64":
            headers[name] |= {"format": "{:,.0f}"}
        elif described[name].type == "float64":
            headers[name] |= {"format": "{:,.3f}"}
    rows = frame.set_index("sample").drop(columns="participant").to_json(orient="index")
    return {
        "id": "genopheno_samples",
        "section_name": "Sample verdicts",
        "description": "Measures of reads and genotypes, and the verdict they give. A sample "
        "that fails stays out of the cohort.",
        "plot_type": "table",
        "pconfig": {"id": "genopheno_samples_table", "title": "Sample verdicts", "namespace": ""},
        "headers": headers,
        "data": json.loads(rows),
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _some(names: set[str]) -> str:
    return ", ".join(sorted(names)[:20]) or "none"
