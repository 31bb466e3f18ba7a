"""The stage `score`: polygenic scores of everybody in the cohort, into files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genopheno import fields
from genopheno.files import write_json
from genopheno.genotypes import Genotypes
from genopheno.problems import Problem, Problems, StageError
from genopheno.scores import match as matching
from genopheno.scores import scoring_file
from genopheno.scores.sums import adjusted, standing, sums, with_components

HEADER_KEPT = (
    "pgs_id",
    "pgs_name",
    "trait_reported",
    "pgp_id",
    "citation",
    "weight_type",
    "license",
)


def run(
    genotypes_prefix: str | Path,
    files: Mapping[str, Path],
    out_dir: str | Path,
    *,
    build: str,
    min_match: float,
    keep_ambiguous: bool,
    components: pd.DataFrame | None = None,
    n_components: int = 4,
    rsids: pd.DataFrame | None = None,
    progress: Callable[[str], None] = lambda said: None,
) -> dict[str, Any]:
    """Write ``scores.parquet``, ``variants.parquet`` (every row of every scoring file and what
    became of it) and ``scores.json``.

    A score that cannot be had (another build, too few of its variants in the cohort) is told
    with its reason and the others go on.

    Parameters
    ----------
    genotypes_prefix : PLINK fileset, without ``.bed``.
    files : scoring file by name of the score.
    build : build of the cohort; where it is not compared (`scoring_file.other_build`), the
        share of variants found alone must tell.
    min_match : least share of a score's variants that the cohort must have.
    keep_ambiguous : see `match.match`.
    components : table ``components``, for scores adjusted for ancestry; None: none are made.
    n_components : leading components for that.
    rsids : variant_id, rsid; for scoring files without places. None: these match nothing.

    Raises
    ------
    StageError : a scoring file is faulty, or not one score can be had.
    """
    genotypes, out_dir = Genotypes.open(genotypes_prefix), Path(out_dir)
    problems, read = Problems(), []
    for name, path in files.items():
        try:
            read.append(scoring_file.read(name, path))
        except StageError as error:
            problems.extend(error.problems)
    problems.raise_if_any()
    named = None
    if rsids is not None:
        named = rsids.drop_duplicates("variant_id").set_index("variant_id")["rsid"]
        named = named.reindex(genotypes.variants["variant_id"])
    axes = None
    if components is not None and n_components:
        axes = with_components(genotypes.samples, components, n_components)

    people, variants, told, refused = [], [], [], []
    for file in read:
        progress(f"{file.name}: {len(file.variants)} variants")
        found = matching.match(
            file.variants, genotypes.variants, keep_ambiguous=keep_ambiguous, rsids=named
        )
        facts = _facts(file, found)
        problem = _refusal(file, facts, build=build, min_match=min_match)
        frequency = np.full(len(found), np.nan)
        if problem is None:
            used = (found["place"] >= 0).to_numpy()
            made = sums(
                genotypes,
                found.loc[used, "place"].to_numpy(),
                found.loc[used, "turned"].to_numpy(bool),
                file.variants.loc[used, "weight"].to_numpy(float),
                file.variants.loc[used, "coding"].to_numpy(object),
            )
            frequency[used] = made.frequency
            facts["n_genotypes_filled_in"] = int(used.sum()) * genotypes.n_samples - int(
                made.called.sum()
            )
            people.append(_people(file.name, genotypes.samples, made, axes))
        else:
            refused.append(problem)
            facts["reason"] = problem.found
        variants.append(_variants(file, found, frequency, genotypes))
        told.append(facts)
    if not people:
        raise StageError(*refused)
    summary = {
        "n_samples": genotypes.n_samples,
        "build": build,
        "min_match": min_match,
        "keep_ambiguous": keep_ambiguous,
        "n_components": 0 if axes is None else axes[0].shape[1],
        "scores": told,
    }
    fields.write(out_dir / "scores.parquet", pd.concat(people, ignore_index=True), "scores")
    fields.write(
        out_dir / "variants.parquet", pd.concat(variants, ignore_index=True), "score_variants"
    )
    write_json(out_dir / "scores.json", summary)
    return summary


def _facts(file: scoring_file.ScoringFile, found: pd.DataFrame) -> dict[str, Any]:
    used = found["status"].isin(matching.MATCHED).to_numpy()
    weight = file.variants["weight"].abs().to_numpy()
    status = found["status"].value_counts()
    total = weight.sum()
    return {
        "name": file.name,
        "file": str(file.path),
        "build": file.build,
        "about": {key: file.header[key] for key in HEADER_KEPT if file.header.get(key)},
        "n_given": file.n_given,
        "n_matched": int(used.sum()),
        "match_rate": float(used.sum() / file.n_given),
        "weight_matched": float(weight[used].sum() / total) if total else None,
        "left_out": file.left_out,
        "status": {name: int(status.get(name, 0)) for name in matching.STATUSES},
        "reason": None,
    }


def _refusal(
    file: scoring_file.ScoringFile, facts: dict[str, Any], *, build: str, min_match: float
) -> Problem | None:
    if problem := scoring_file.other_build(file, build):
        return problem
    if facts["match_rate"] < min_match or not facts["n_matched"]:
        lost = ", ".join(f"{n} {why}" for why, n in (facts["status"] | file.left_out).items() if n)
        return Problem(
            "score-match",
            str(file.path),
            found=f"the cohort has {facts['n_matched']} of its {file.n_given} variants "
            f"({facts['match_rate']:.1%}), below {min_match:.0%}: {lost}",
            mend="Look at variants.parquet; scores.min_match accepts less",
        )
    return None


def _people(name, samples, made, axes) -> pd.DataFrame:
    z, percentile = standing(made.score)
    frame = pd.DataFrame(
        {
            "score": name,
            "sample": samples,
            "value": made.score,
            "n_called": made.called,
            "z_score": z,
            "percentile": percentile,
            "z_score_adjusted": np.nan,
            "percentile_adjusted": np.nan,
        }
    )
    if axes is not None:
        z, percentile = standing(adjusted(made.score, *axes))
        frame["z_score_adjusted"], frame["percentile_adjusted"] = z, percentile
    return frame


def _variants(file, found, frequency, genotypes: Genotypes) -> pd.DataFrame:
    place = found["place"].to_numpy()
    ids = genotypes.variants["variant_id"].to_numpy(object)
    return pd.DataFrame(
        {
            "score": file.name,
            "row": file.variants["row"],
            "chromosome": file.variants["contig"].replace("", None),
            "base_pair_location": file.variants["position"].replace(0, pd.NA).astype("Int32"),
            "effect_allele": file.variants["effect_allele"],
            "other_allele": file.variants["other_allele"].replace("", None),
            "weight": file.variants["weight"],
            "coding": file.variants["coding"],
            "status": found["status"],
            "variant_id": np.where(place >= 0, ids[place], None),
            "effect_allele_frequency": frequency,
        }
    )
