"""design, loco and associate, one after the other, as the rules run them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.genotypes import write_bed

N, M = 120, 1200


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    rng = np.random.default_rng(1)
    dosages = rng.binomial(2, rng.uniform(0.1, 0.5, (M, 1)), (M, N)).astype(np.int8)
    contig = np.repeat(["1", "2"], M // 2)
    position = np.arange(M) + 1
    variants = pd.DataFrame(
        {
            "variant_id": [f"{c}:{p}:G:A" for c, p in zip(contig, position, strict=True)],
            "contig": contig,
            "position": position,
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    names = [f"s{i}" for i in range(N)]
    write_bed(folder / "g", dosages, variants, names)
    pd.DataFrame({"sample": names, "participant": names}).to_parquet(folder / "samples.parquet")
    people = pd.DataFrame({"participant": names, "sex": "female", "y": rng.normal(size=N)})
    people["case"] = (np.arange(N) % 15 == 0) * 1.0
    people.to_parquet(folder / "phenotypes.parquet")
    pd.DataFrame(
        {
            "sample": names,
            "unrelated": np.arange(N) >= 10,
            "scores": list(rng.normal(size=(N, 2))),
        }
    ).to_parquet(folder / "components.parquet")
    traits = [{"name": "y", "type": "quantitative"}, {"name": "case", "type": "binary"}]
    (folder / "traits.json").write_text(json.dumps({"traits": traits}))
    return folder


def design(genopheno, cohort, out, *more, check=True):
    return genopheno(
        "design", "--genotypes", cohort / "g", "--samples", cohort / "samples.parquet",
        "--phenotypes", cohort / "phenotypes.parquet", "--traits", cohort / "traits.json",
        "--components", cohort / "components.parquet", "--n-components", "1",
        "--out", out / "design.parquet", *more, cwd=out, check=check,
    )  # fmt: skip


def test_models_are_chosen_run_and_told(genopheno, cohort, tmp_path):
    design(genopheno, cohort, tmp_path, "--relatives", "keep")
    genopheno(
        "loco", "--genotypes", cohort / "g", "--design", "design.parquet",
        "--out", "predictions/loco.parquet", "--block-size", "200", cwd=tmp_path,
    )  # fmt: skip
    genopheno(
        "associate", "--genotypes", cohort / "g", "--design", "design.parquet",
        "--loco", "predictions/loco.parquet", "--correction", "spa", "--out-dir", ".", cwd=tmp_path,
    )  # fmt: skip
    told = {t["name"]: t for t in json.loads((tmp_path / "scan.json").read_text())["traits"]}
    assert told["y"]["model"] == "lmm"
    assert told["y"]["model_reason"] == "120 people, 10 of them relatives: at most 5000"
    assert told["y"]["tests"] == {"lmm": M}
    assert 0 <= told["y"]["heritability"] <= 1
    assert told["case"]["model"] == "wgr"
    assert "too uneven for a linear model (6.7%)" in told["case"]["model_reason"]
    assert set(told["case"]["tests"]) == {"score", "spa"}
    predictions = fields.read(tmp_path / "predictions/loco.parquet")
    assert set(predictions.trait) == {"case"}
    assert len(predictions) == 3 * N
    assert len(fields.read(tmp_path / "case.parquet")) == M
    _calibrate(genopheno, cohort, tmp_path)


def _calibrate(genopheno, cohort, folder):
    """Null traits through the models that were just used, and the intercept that is refused."""
    genopheno(
        "calibrate", "--genotypes", cohort / "g", "--design", "design.parquet",
        "--results-dir", ".", "--replicates", "2", "--variants", "150", "--case-fraction", "0.1",
        "--correction", "spa", "--block-size", "200", "--out", "calibration.parquet", cwd=folder,
    )  # fmt: skip
    rows = fields.read(folder / "calibration.parquet")
    assert set(zip(rows.null, rows.model, rows.test, strict=True)) == {
        *((null, "lmm", "lmm") for null in ("permuted", "simulated", "polygenic")),
        *(
            (null, "wgr", test)
            for null in ("permuted", "simulated", "polygenic")
            for test in ("score", "spa")
        ),
    }
    assert set(rows[rows.frequency_bin == "all"].n_tests) == {300}
    told = json.loads((folder / "calibration.json").read_text())
    assert told["skipped"] == []
    assert told["parameters"]["replicates"] == 2
    assert sum(told["verdicts"].values()) == len(rows)
    assert [entry["trait"] for entry in told["ld_score"]] == ["y", "case"]
    assert told["ld_score"][0]["reason"].startswith("120 people")


def test_unrelated_people_are_tested_by_regression(genopheno, cohort, tmp_path):
    design(genopheno, cohort, tmp_path)
    told = json.loads((tmp_path / "design.json").read_text())["traits"]
    assert [t["model"] for t in told] == ["regression", "regression"]
    assert [t["n"] for t in told] == [110, 110]
    assert told[0]["model_reason"] == "110 people, unrelated: at most 5000"


@pytest.mark.parametrize("model", ["wgr", "lmm"])
def test_hail_has_no_such_model(genopheno, cohort, tmp_path, model):
    done = design(genopheno, cohort, tmp_path, "--engine", "hail", "--model", model, check=False)
    assert done.returncode == 1
    assert "model-not-of-engine" in done.stdout
    assert not (tmp_path / "design.parquet").exists()


def test_hail_has_no_saddlepoint(genopheno, cohort, tmp_path):
    design(genopheno, cohort, tmp_path, "--engine", "hail")
    done = genopheno(
        "associate", "--engine", "hail", "--genotypes", cohort / "g", "--design", "design.parquet",
        "--correction", "spa", "--out-dir", ".", cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "correction-not-of-engine" in done.stdout


def test_predictions_that_are_missing_are_asked_for(genopheno, cohort, tmp_path):
    design(genopheno, cohort, tmp_path, "--model", "wgr")
    done = genopheno(
        "associate", "--genotypes", cohort / "g", "--design", "design.parquet",
        "--out-dir", ".", cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "loco-missing" in done.stdout
