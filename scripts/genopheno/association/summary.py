"""The summary of a scan, ``scan.json``: what was tested how, and what was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from genopheno import fields
from genopheno.association import inflation
from genopheno.association.design import Design, TraitDesign
from genopheno.association.results import ROWS, TraitFiles, left_out_path, parquet_path
from genopheno.files import write_json
from genopheno.problems import fail


def scan_facts(
    design: Design,
    *,
    engine: str,
    n_variants: int,
    parameters: dict,
    coding: dict | None = None,
    models: dict[str, dict] | None = None,
) -> dict:
    """What ``scan.json`` says beside what its files hold: the same for all parts of a scan.

    Parameters
    ----------
    engine : 'numpy' or 'hail'.
    n_variants : variants of the genotypes.
    parameters : thresholds of the scan, written as they are.
    coding : how X, Y and the mitochondrion were coded (`coding`); None: they were not tested.
    models : per trait, more to say, such as how the null model was fitted.
    """
    return {
        "engine": engine,
        "n_variants": n_variants,
        "parameters": parameters,
        "coding": coding,
        "samples": design.info,
        "notices": [],
        "traits": [_trait_facts(t, (models or {}).get(t.name)) for t in design.traits],
    }


def _trait_facts(trait: TraitDesign, model: dict | None) -> dict:
    return {
        "name": trait.name,
        "type": trait.type,
        "unit": trait.info.get("unit", ""),
        "transform": trait.info.get("transform", "none"),
        "stratum": trait.info.get("stratum"),
        "model": trait.model,
        "model_reason": trait.info.get("model_reason", ""),
        "covariates": trait.covariates,
        "notices": trait.info.get("notices", []),
        "n": trait.n,
        "n_cases": trait.n_cases,
        "n_controls": trait.n_controls,
        "samples_left_out": trait.info.get("left_out", {}),
        "reason": trait.reason,
        **(model or {}),
    }


def counted(
    out_dir: str | Path, trait: str, n_cases: int | None = None, n_controls: int | None = None
) -> dict:
    """What ``scan.json`` says of the files of one trait, which are read piece by piece."""
    tests: Counter[str] = Counter()
    converged, largest = 0, None
    for batch in _batches(parquet_path(out_dir, trait), ["test", "converged", "neg_log10_p_value"]):
        for entry in pc.value_counts(batch["test"]).to_pylist():
            tests[entry["values"]] += entry["counts"]
        converged += pc.sum(batch["converged"]).as_py() or 0
        top = pc.max(batch["neg_log10_p_value"]).as_py()
        largest = top if largest is None else max(largest, top or 0.0)
    reasons: Counter[str] = Counter()
    for batch in _batches(left_out_path(out_dir, trait), ["reason"]):
        for entry in pc.value_counts(batch["reason"]).to_pylist():
            reasons[entry["values"]] += entry["counts"]

    def values() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        names = ["neg_log10_p_value", "effect_allele_frequency"]
        for batch in _batches(parquet_path(out_dir, trait), names):
            yield tuple(fields.numbers(batch[name]) for name in names)

    return {
        "n_variants": converged,
        "variants_left_out": dict(reasons),
        "tests": dict(tests),
        **inflation.summary(values, n_cases, n_controls),
        "max_neg_log10_p_value": largest,
    }


def _batches(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path) as parquet:
        yield from parquet.iter_batches(ROWS, columns=columns)


def scan_summary(out_dir: str | Path, facts: dict) -> dict:
    """Write ``scan.json`` once the files of every trait are there, and return it.

    Traits that were not fitted get files without rows.

    Parameters
    ----------
    facts : see `scan_facts`.

    Raises
    ------
    StageError : not one variant was tested for any trait; or the files of a trait do not
        account for every variant.
    """
    n_variants = facts["n_variants"]
    traits = []
    for trait in facts["traits"]:
        name = trait["name"]
        if trait["reason"] is not None:
            with TraitFiles(out_dir, name):
                pass
        told = {**trait, **counted(out_dir, name, trait["n_cases"], trait["n_controls"])}
        if told["reason"] is None:
            there = told["n_variants"] + sum(told["variants_left_out"].values())
            if there != n_variants:
                raise fail(
                    "association-rows",
                    parquet_path(out_dir, name),
                    f"{there} variants are tested or left out, of {n_variants}",
                    "Run the scan again; where it comes back, this is a fault of genopheno",
                )
            if not told["tests"]:
                told["reason"] = "no variant is left to test"
        traits.append(told)
    if not any(trait["n_variants"] for trait in traits):
        raise fail(
            "association-empty",
            out_dir,
            f"of {n_variants} variants none could be tested: "
            + "; ".join(f"{t['name']}: {t['variants_left_out'] or t['reason']}" for t in traits),
            "Look at the traits' declarations and at min_allele_count",
        )
    summary = {**facts, "traits": traits}
    write_json(Path(out_dir) / "scan.json", summary)
    return summary
