"""``calibration.parquet`` and ``calibration.json``: null traits, and what the real ones say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from genopheno import fields, pvalues
from genopheno.association.calibration import ldscore
from genopheno.association.calibration.run import Options, run
from genopheno.association.design import Design, read
from genopheno.association.results import parquet_path
from genopheno.files import write_json
from genopheno.genotypes import Genotypes
from genopheno.problems import fail

Progress = Callable[[int, int], None]


def calibrate(
    *,
    genotypes: Path,
    design: Path,
    results_dir: Path | None,
    ld_scores: Path | None,
    out: Path,
    options: Options,
    threads: int,
    progress: Progress | None = None,
) -> None:
    """Write the table `out` and the JSON of the same name beside it.

    Parameters
    ----------
    results_dir : folder with the results of the scan, for LD-score regression; None: without.
    ld_scores : LD scores in a file; None: those of the cohort.
    """
    made = read(design)
    out.parent.mkdir(parents=True, exist_ok=True)
    rows, info = run(
        genotypes, made, options, threads=threads, scratch=out.parent, progress=progress
    )
    table = pd.DataFrame(rows, columns=fields.names("calibration"))
    fields.write(out, table, "calibration")
    write_json(
        out.with_suffix(".json"),
        {
            **info,
            "verdicts": dict(Counter(row["verdict"] for row in rows)),
            "ld_score": None
            if results_dir is None
            else intercepts(genotypes, made, results_dir, ld_scores, threads),
        },
    )


def intercepts(
    genotypes_prefix: Path,
    design: Design,
    results_dir: Path,
    ld_scores: Path | None,
    threads: int,
) -> list[dict]:
    """LD-score intercept of every fitted trait, or why it has none.

    The cohort's own scores are of the people of the trait that has the most.

    Raises
    ------
    StageError : a trait has no results, or the file of LD scores is faulty.
    """
    genotypes = Genotypes.open(genotypes_prefix)
    design = design.aligned(genotypes.samples)
    if not design.fitted:
        return []
    if ld_scores is None:
        frame = max(design.fitted, key=lambda trait: trait.n)
        scores = ldscore.of_cohort(genotypes, frame.used, threads)
    else:
        scores = ldscore.of_file(ld_scores)
    said = []
    for trait in design.fitted:
        if isinstance(scores, str):
            said.append({"trait": trait.name, "reason": scores})
            continue
        path = parquet_path(results_dir, trait.name)
        if not path.is_file():
            raise fail(
                "results-missing", path, "there is no such file", "Run 'genopheno associate'"
            )
        said.append({"trait": trait.name, **_intercept(path, trait.n, scores)})
    return said


def _intercept(path: Path, n_people: int, scores: ldscore.Scores) -> dict:
    columns = ["chromosome", "variant_id", "rsid", "neg_log10_p_value"]
    table = fields.read(path, columns).dropna(subset=["neg_log10_p_value"])
    named = ["rsid", "variant_id"] if scores.n_people == 0 else ["variant_id"]
    known = pd.Index(scores.variant_id)
    places = np.stack([known.get_indexer(table[name]) for name in named]).max(0)
    table, places = table[places >= 0], places[places >= 0]
    reason = ldscore.refusal(n_people, len(table), table["chromosome"].nunique())
    if reason:
        return {"reason": reason}
    fit = ldscore.regress(
        pvalues.chi2_from_neg_log10(table["neg_log10_p_value"].to_numpy()),
        scores.score[places],
        scores.weight[places],
    )
    return {
        "reason": None,
        "intercept": fit.intercept,
        "standard_error": fit.intercept_error,
        "ratio": fit.ratio,
        "mean_chi2": fit.mean_chi2,
        "n_variants": fit.n_variants,
        "source": scores.source,
    }
