"""The table of samples: measures of reads and of genotypes, one verdict each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genopheno import fields
from genopheno.files import read_json, write_json, writing
from genopheno.problems import Problem, StageError, fail
from genopheno.samples import outliers
from genopheno.samples.verdict import Limits, Reason, check_limits, crossed, verdict
from genopheno.tools import run

GENOTYPE_MEASURES = (
    *("call_rate", "n_het", "n_hom_alt"),
    *("het_hom_ratio", "ti_tv", "n_singletons"),
)
# Taken from table identity_measures under the same name.
IDENTITY_MEASURES = (
    *("contamination", "contamination_low", "x_coverage_ratio", "y_coverage_ratio"),
    *("x_heterozygosity", "sex", "inferred_sex", "sex_check", "identity_check"),
    *("pedigree_check", "mendelian_errors"),
)
OTHERS = ("verdict", "reasons", "charr", "outliers")
# What every sample with reads must have; the absence of any other measure says nothing, since
# it does not apply to all (pairs, targets, sites enough).
REQUIRED = ("reads", "mapped_fraction", "mean_coverage", "median_coverage", "breadth_1x")
CHECKS = ("sex", "identity", "pedigree")
COLOURS = {"pass": "#4c9f70", "warn": "#e0a526", "fail": "#c8553d"}


@dataclass(frozen=True)
class Policy:
    """What is judged how: settings `assay` and `sample_qc`.

    Attributes
    ----------
    limits : bounds per measure, see `genopheno.samples.verdict.crossed`.
    on_fault : fail or warn for a check (sex, identity, pedigree) that differs.
    outlier_z, outlier_min_samples : robust z beyond which a measure warns (0: never), and the
        samples that a batch must have for that.
    """

    limits: Limits
    on_fault: Mapping[str, str]
    outlier_z: float = 0
    outlier_min_samples: int = 20


def write(
    samples: Mapping[str, str],
    metrics_files: Sequence[Path],
    cohort_bcf: Path,
    identity: Path,
    policy: Policy,
    *,
    out_dir: Path,
    charr: Path | None = None,
) -> pd.DataFrame:
    """Join the measures of all samples, judge each, and write table ``sample_qc``.

    Parameters
    ----------
    samples : participant of each sample, in the order of the table.
    metrics_files : ``metrics.json`` of each sample that has reads.
    cohort_bcf : calls of all samples; records that PASS are counted.
    identity : table ``identity_measures``.
    out_dir : gets ``samples.parquet``, ``samples.tsv``, ``samples.json`` (verdicts with the
        numbers behind each reason) and ``samples_mqc.json`` (MultiQC custom content).
    charr : table ``charr``, where there is one.

    Raises
    ------
    StageError : unknown measures in the limits, a measures file that is not one, a sample
        given twice, or samples that differ between the sheet, reads, calls and identity.
    """
    numbers = [f.name for f in fields.TABLES["sample_qc"] if f.type != "string"]
    check_limits(policy.limits, numbers)
    measured = _read_measures(metrics_files)
    genotypes = genotype_measures(run(["bcftools", "stats", "-s", "-", "-f", "PASS,.", cohort_bcf]))
    checks = fields.read(identity).set_index("sample")
    _same_samples(samples, measured, genotypes, list(checks.index), cohort_bcf)
    with_reads = {row["sample"]: row for row in measured}
    contaminated = fields.read(charr).set_index("sample")["charr"] if charr else {}

    rows, reasons = [], []
    for sample, participant in samples.items():
        row = dict.fromkeys(fields.names("sample_qc"))
        row |= {"sample": sample, "participant": participant}
        row |= with_reads.get(sample, {}) | genotypes[sample]
        row |= {name: _value(checks.at[sample, name]) for name in IDENTITY_MEASURES}
        row["charr"] = _value(contaminated.get(sample))
        rows.append(row)
        optional = set(numbers) - set(REQUIRED if sample in with_reads else ())
        reasons.append(
            [*crossed(row, policy.limits, optional), *_faults(checks.loc[sample], policy)]
        )
    for told, found in zip(reasons, _outliers(rows, policy), strict=True):
        known = {reason.measure for reason in told}
        told += [reason for reason in found if reason.measure not in known]
    judged = []
    for row, told in zip(rows, reasons, strict=True):
        row["verdict"], told = verdict(told)
        row["reasons"] = "; ".join(reason.text for reason in told)
        judged.append(told)

    frame = pd.DataFrame(rows, columns=fields.names("sample_qc"))
    fields.write(out_dir / "samples.parquet", frame, "sample_qc")
    with writing(out_dir / "samples.tsv") as beside:
        frame.to_csv(beside, sep="\t", index=False, float_format="%.6g")
    write_json(out_dir / "samples.json", as_json(rows, judged, policy))
    write_json(out_dir / "samples_mqc.json", multiqc_section(frame))
    return frame


def as_json(
    rows: Sequence[Mapping[str, Any]], reasons: Sequence[Sequence[Reason]], policy: Policy
) -> dict[str, Any]:
    """Verdicts for programs: per sample its measures and each reason with its numbers."""
    verdicts = [row["verdict"] for row in rows]
    return {
        "counts": {word: verdicts.count(word) for word in COLOURS},
        "limits": {name: dict(bounds) for name, bounds in policy.limits.items()},
        "on_fault": dict(policy.on_fault),
        "outlier_z": policy.outlier_z,
        "samples": [
            {
                "sample": row["sample"],
                "participant": row["participant"],
                "verdict": row["verdict"],
                "reasons": [asdict(reason) for reason in told],
                "measures": {
                    name: value
                    for name, value in row.items()
                    if name not in ("sample", "participant", "verdict", "reasons")
                },
            }
            for row, told in zip(rows, reasons, strict=True)
        ],
    }


def _faults(checks: pd.Series, policy: Policy) -> list[Reason]:
    """Reasons from the checks of sex, identity and pedigree; what is unclear only warns."""
    reasons = []
    for check in CHECKS:
        state, text = checks[f"{check}_check"], checks[f"{check}_reasons"]
        if state in ("differs", "unclear"):
            outcome = policy.on_fault[check] if state == "differs" else "warn"
            reasons.append(Reason(outcome, f"{check}_check", text))
    return reasons


def _outliers(rows: Sequence[dict[str, Any]], policy: Policy) -> list[list[Reason]]:
    """Per sample a warning for each measure that is an outlier; sets column `outliers`."""
    found: list[list[Reason]] = [[] for _ in rows]
    if not policy.outlier_z or len(rows) < policy.outlier_min_samples:
        return found
    for measure, sides in outliers.MEASURES.items():
        values = np.array([row[measure] for row in rows], dtype=float)
        if np.isfinite(values).sum() < policy.outlier_min_samples:
            continue
        median = np.nanmedian(values)
        for i, z in enumerate(outliers.robust_z(values)):
            if max(side * z for side in sides) > policy.outlier_z:
                name = measure.replace("_", " ")
                text = (
                    f"{name} {values[i]:.4g} is an outlier of the batch "
                    f"(median {median:.4g}, robust z {z:+.1f})"
                )
                found[i].append(Reason("warn", measure, text, float(values[i]), "outlier_z", z))
    for row, told in zip(rows, found, strict=True):
        row["outliers"] = ", ".join(reason.measure for reason in told)
    return found


def _same_samples(
    samples: Mapping[str, str],
    measured: Sequence[Mapping[str, Any]],
    genotypes: Mapping[str, Any],
    checked: Sequence[str],
    calls: Path,
) -> None:
    names = [row["sample"] for row in measured]
    twice = {name for name in names if names.count(name) > 1}
    if not twice and set(samples) == set(genotypes) == set(checked) and set(names) <= set(samples):
        return
    raise fail(
        "samples-differ",
        calls,
        f"{len(samples)} samples are in the sheet, {len(genotypes)} have genotypes; without "
        f"genotypes: {_some(set(samples) - set(genotypes))}; not in the sheet: "
        f"{_some((set(genotypes) | set(names)) - set(samples))}; not checked for identity: "
        f"{_some(set(samples) - set(checked))}; measured twice: {_some(twice)}",
        "Run the reads of these samples, the calling and 'genopheno identity' again",
    )


def _value(value: Any) -> Any:
    """A cell of a table as Python has it; None where it is missing."""
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA:
        return None
    return value.item() if isinstance(value, np.generic) else value


def _read_measures(paths: Sequence[Path]) -> list[dict[str, Any]]:
    expected = set(fields.names("sample_qc")) - set(GENOTYPE_MEASURES + IDENTITY_MEASURES + OTHERS)
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
