"""design, loco, associate and gather-scan, one after the other, as the rules run them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from genopheno import engines, fields
from genopheno.files import read_json
from genopheno.genotypes import write_bed
from genopheno.problems import StageError
from tests.filesets import variants_at
from tests.unit.imputed import Imputed

N, M = 120, 1200


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    rng = np.random.default_rng(1)
    dosages = rng.binomial(2, rng.uniform(0.1, 0.5, (M, 1)), (M, N)).astype(np.int8)
    contig = np.repeat(["1", "2"], M // 2)
    position = np.arange(M) + 1
    variants = variants_at(contig, position)
    names = [f"s{i}" for i in range(N)]
    write_bed(folder / "g", dosages, variants, names)
    pd.DataFrame({"sample": names, "participant": names}).to_parquet(folder / "samples.parquet")
    rsids = variants[["variant_id"]].assign(rsid=[f"rs{i}" if i % 3 else None for i in range(M)])
    rsids.to_parquet(folder / "variants.parquet")
    people = pd.DataFrame({"participant": names, "sex": "female", "y": rng.normal(size=N)})
    people["case"] = (np.arange(N) % 15 == 0) * 1.0
    people["ill"], people["time:ill"] = people["case"], rng.exponential(size=N)
    people["age"] = rng.normal(50, 9, N)
    people["site"] = np.where(np.arange(N) % 3, "oslo", "lima")
    people.to_parquet(folder / "phenotypes.parquet")
    pd.DataFrame(
        {
            "sample": names,
            "unrelated": np.arange(N) >= 10,
            "scores": list(rng.normal(size=(N, 2))),
        }
    ).to_parquet(folder / "components.parquet")
    traits = [{"name": "y", "type": "quantitative"}, {"name": "case", "type": "binary"}]
    traits.append({"name": "ill", "type": "time-to-event"})
    (folder / "traits.json").write_text(json.dumps({"traits": traits}))
    return folder


def design(genopheno, cohort, out, *more):
    return genopheno(
        "design", "--genotypes", cohort / "g", "--samples", cohort / "samples.parquet",
        "--phenotypes", cohort / "phenotypes.parquet", "--traits", cohort / "traits.json",
        "--components", cohort / "components.parquet", "--n-components", "1",
        "--out", out / "design.parquet", *more, cwd=out,
    )  # fmt: skip


def test_models_are_chosen_run_and_told(genopheno, cohort, tmp_path):
    design(
        genopheno, cohort, tmp_path, "--relatives", "keep", "--interaction", "age",
        "--stratum", "oslo:site=oslo", "--condition-on", "1:7:G:A",
    )  # fmt: skip
    genopheno(
        "loco", "--genotypes", cohort / "g", "--design", "design.parquet",
        "--out", "predictions/loco.parquet", "--block-size", "200", cwd=tmp_path,
    )  # fmt: skip
    genopheno(
        "associate", "--genotypes", cohort / "g", "--design", "design.parquet",
        "--loco", "predictions/loco.parquet", "--correction", "spa", "--part", "1-of-1",
        "--variants", cohort / "variants.parquet", "--out-dir", "parts/1-of-1", cwd=tmp_path,
    )  # fmt: skip
    genopheno("gather-scan", "parts/1-of-1", "--out-dir", ".", "--threads", "2", cwd=tmp_path)
    genopheno(
        "interact", "--genotypes", cohort / "g", "--design", "design.parquet",
        "--loco", "predictions/loco.parquet", "--trait", "case", "--covariate", "age",
        "--variants", cohort / "variants.parquet", "--out", "interactions/case.age.parquet",
        cwd=tmp_path,
    )  # fmt: skip
    genopheno(
        "signals", "--genotypes", cohort / "g", "--results", "case.parquet", "--trait", "case",
        "--design", "design.parquet", "--loco", "predictions/loco.parquet", "--p-value", "5e-3",
        "--out-dir", "signals", cwd=tmp_path,
    )  # fmt: skip
    behind = json.loads((tmp_path / "signals/case.json").read_text())
    assert (behind["type"], behind["model"], behind["notices"]) == ("binary", "wgr", [])
    found = fields.read(tmp_path / "signals/case.signals.parquet")
    assert len(found) == behind["n_signals"] > 0 and set(found["method"]) == {"conditional"}
    for path in ("case.parquet", "interactions/case.age.parquet"):
        table = fields.read(tmp_path / path)
        place = table["base_pair_location"] - 1  # positions count all variants
        assert [r or None for r in table["rsid"]] == [f"rs{i}" if i % 3 else None for i in place]
    products = json.loads((tmp_path / "interactions/case.age.json").read_text())
    assert (products["terms"], products["model"], products["reason"]) == (["age"], "wgr", None)
    assert len(fields.read(tmp_path / "interactions/case.age.parquet")) > M - 10
    told = {t["name"]: t for t in json.loads((tmp_path / "scan.json").read_text())["traits"]}
    assert list(told) == ["y", "case", "ill", "y.oslo", "case.oslo", "ill.oslo"]
    assert told["case.oslo"]["n"] == N * 2 // 3
    assert told["y"]["model"] == "lmm"
    assert told["y"]["model_reason"] == "120 people, 10 of them relatives: at most 5000"
    assert told["y"]["tests"] == {"lmm": M}
    assert 0 <= told["y"]["heritability"] <= 1
    assert told["case"]["model"] == "wgr"
    assert "too uneven for a linear model (6.7%)" in told["case"]["model_reason"]
    assert set(told["case"]["tests"]) == {"score", "spa"}
    assert told["ill"]["model"] == "regression"
    assert told["ill"]["model_reason"].endswith("10 relatives are taken for unrelated")
    assert set(told["ill"]["tests"]) <= {"cox-score", "cox-firth-approximate", "cox-firth"}
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
    assert [s["reason"] for s in told["skipped"]] == ["the trait is time-to-event"]
    assert told["parameters"]["replicates"] == 2
    assert sum(told["verdicts"].values()) == len(rows)
    assert [entry["trait"] for entry in told["ld_score"]] == ["y", "case", "ill", "y.oslo"]
    assert told["ld_score"][0]["reason"].startswith("120 people")


def test_unrelated_people_are_tested_by_regression(genopheno, cohort, tmp_path):
    design(genopheno, cohort, tmp_path)
    told = json.loads((tmp_path / "design.json").read_text())["traits"]
    assert [t["model"] for t in told] == ["regression"] * 3
    assert [t["n"] for t in told] == [110] * 3
    assert told[0]["model_reason"] == "110 people, unrelated: at most 5000"


def make_design(cohort, out, **options):
    given = {
        "engine": "numpy",
        "genotypes": cohort / "g",
        "samples": cohort / "samples.parquet",
        "phenotypes": cohort / "phenotypes.parquet",
        "traits": cohort / "traits.json",
        "components": None,
        "n_components": 0,
        "relatives": "keep",
        "model": "auto",
        "out": out,
    }
    engines.make_design(**(given | options))


def associate(cohort, folder, **options):
    given = {
        "engine": "numpy",
        "genotypes": cohort / "g",
        "design": folder / "design.parquet",
        "loco": None,
        "out_dir": folder,
        "cohort": None,
        "variants": None,
        "part": None,
        "chromosomes": None,
        "x_male_dosage": 2,
        "dosages": None,
        "min_imputation_quality": 0.3,
        "min_allele_count": 10,
        "firth_below": 0.05,
        "exact_firth_below": 1e-4,
        "correction": "firth",
        "threads": 1,
        "memory_mb": 1000,
    }
    engines.associate(**(given | options))


@pytest.mark.parametrize("model", ["wgr", "lmm"])
def test_hail_has_no_such_model(cohort, tmp_path, model):
    with pytest.raises(StageError, match=r"^model-not-of-engine"):
        make_design(cohort, tmp_path / "design.parquet", engine="hail", model=model)
    assert not (tmp_path / "design.parquet").exists()


def test_hail_has_no_saddlepoint_and_no_time_to_event(cohort, tmp_path):
    make_design(cohort, tmp_path / "design.parquet", engine="hail")
    told = {t["name"]: t["reason"] for t in read_json(tmp_path / "design.json")["traits"]}
    assert told["ill"] == "engine hail has no test of time-to-event traits"
    assert told["y"] is None
    with pytest.raises(StageError, match=r"^correction-not-of-engine"):
        associate(cohort, tmp_path, engine="hail", correction="spa")


def test_predictions_that_are_missing_are_asked_for(cohort, tmp_path):
    make_design(cohort, tmp_path / "design.parquet", model="wgr")
    with pytest.raises(StageError, match=r"^loco-missing"):
        associate(cohort, tmp_path)


def test_imputed_genotypes_are_scanned_in_place_of_the_calls(genopheno, cohort, tmp_path):
    """Of the people of the cohort but the first, on a contig that the calls have not."""
    samples = [f"s{i}" for i in range(1, N)]
    rng = np.random.default_rng(5)
    variants = pd.DataFrame(
        {"contig": "X", "position": [10, 20, 30], "reference": "G", "alternate": "A"}
    )
    dosage = np.clip(rng.binomial(2, 0.4, (3, N - 1)) + rng.normal(0, 0.1, (3, N - 1)), 0, 2)
    imputed = Imputed(variants, samples, dosage, quality=np.array([0.9, 0.2, 0.5]))
    imputed.vcf(tmp_path / "i.vcf.gz")
    held = {"x": None, "y": None, "mitochondrion": None, "pseudoautosomal": [], "source": "made up"}
    (tmp_path / "c.json").write_text(json.dumps(held))
    genopheno(
        "dosages", "i.vcf.gz", "--genotypes", cohort / "g", "--chromosomes", "c.json",
        "--out", "d/dosages", cwd=tmp_path,
    )  # fmt: skip
    told = json.loads((tmp_path / "d/dosages.json").read_text())
    assert told["samples_without_dosages"] == ["s0"]
    design(
        genopheno, cohort, tmp_path, "--relatives", "keep", "--model", "regression",
        "--condition-on", "X:30:G:A", "--dosages", "d/dosages", "--chromosomes", "c.json",
        "--x-male-dosage", "1", "--interaction", "age",
    )  # fmt: skip
    told = json.loads((tmp_path / "design.json").read_text())["traits"][0]
    assert told["covariates"] == ["age", "PC1", "X:30:G:A"]
    assert told["left_out"] == {"genotype of X:30:G:A missing": 1}
    scan = (
        "associate", "--genotypes", cohort / "g", "--design", "design.parquet", "--out-dir", ".",
        "--dosages", "d/dosages",
    )  # fmt: skip
    refused = genopheno(*scan, cwd=tmp_path, check=False)
    assert refused.returncode == 1 and "sex-chromosomes-unknown" in refused.stdout
    # Where the reference has no X that is known, everybody has two copies of it.
    genopheno(*scan, "--chromosomes", "c.json", cwd=tmp_path)
    found = fields.read(tmp_path / "y.parquet")
    assert list(found["info"]) == [0.9, 0.5]
    assert list(found.converged) == [True, False]
    assert set(found.n) == {N - 1}
    genopheno(
        "interact", "--genotypes", cohort / "g", "--design", "design.parquet", "--trait", "y",
        "--covariate", "age", "--out", "i/y.age.parquet", "--dosages", "d/dosages",
        "--chromosomes", "c.json", "--x-male-dosage", "1", "--min-imputation-quality", "0.4",
        cwd=tmp_path,
    )  # fmt: skip
    products = json.loads((tmp_path / "i/y.age.json").read_text())
    assert products["variants_left_out"] == {"min imputation quality": 1, "not converged": 1}
    assert products["coding"]["x_male_dosage"] == 1
    assert list(fields.read(tmp_path / "i/y.age.parquet")["info"]) == [0.9, 0.5]
