"""Time-to-event traits through design and scan: who is tested, isolation, what is told."""

from __future__ import annotations

import numpy as np
import pytest

from genopheno import fields
from genopheno.association import build, design, scan
from genopheno.association.choice import Chooser
from genopheno.files import read_json
from genopheno.genotypes import Genotypes
from tests.unit.followed import N, write_cohort


def declared(name, **more):
    return {"name": name, "type": "time-to-event", "time": "t", "unit": "months", **more}


TRAITS = [
    declared("ill", entry="e", covariates=["age", "male"]),
    declared("early", covariates=["age"]),
    declared("none", covariates=["age"]),
    {"name": "height", "type": "quantitative", "covariates": ["age"]},
]


def run(prefix, people, traits, out, **choice):
    made = build.design(
        people[["participant"]].assign(sample=people.participant),
        people,
        {"traits": traits},
        None,
        n_components=0,
        relatives="keep",
        choose=Chooser(choice.get("model", "auto"), Genotypes.open(prefix), **choice.get("by", {})),
    )
    out.mkdir()
    made.write(out / "design.parquet")
    made = design.read(out / "design.parquet")
    scan.run(
        prefix, made, min_allele_count=5, firth_below=0.5, exact_firth_below=0.05,
        threads=1 if len(traits) > 1 else 2, out_dir=out,
    )  # fmt: skip
    return made, {t["name"]: t for t in read_json(out / "scan.json")["traits"]}


@pytest.fixture(scope="module")
def people_with_gaps(tmp_path_factory):
    prefix, people, _ = write_cohort(tmp_path_factory.mktemp("cox"))
    rng = np.random.default_rng(5)
    people = people.sample(frac=1, random_state=1)
    people["early"], people["none"] = people.ill, 0.0
    people["time:early"] = people["time:none"] = people["time:ill"].round(-1) + 1
    people["height"] = rng.normal(size=N)
    for column in ("ill", "time:ill", "entry:ill", "early", "time:early", "height"):
        people.loc[rng.choice(people.index, 9, replace=False), column] = np.nan
    return prefix, people


def test_traits_through_the_scan_one_by_one_and_together(people_with_gaps, tmp_path):
    """The same bits alone (by two threads) and among others; what cannot be fitted is told."""
    prefix, people = people_with_gaps
    made, told = run(prefix, people, TRAITS, tmp_path / "all")
    ill = made.traits[0]
    assert ill.n == people[["ill", "time:ill", "entry:ill"]].notna().all(axis=1).sum() < N
    assert set(ill.info["left_out"]) == {
        "trait missing", "follow-up time missing", "entry missing"
    }  # fmt: skip
    assert np.array_equal(np.isnan(ill.time), ~ill.used) and made.traits[1].entry is None
    assert told["none"]["reason"] == "too few events: 0"
    assert told["ill"]["null_model"] == "cox"
    assert told["ill"]["model_reason"] == "the model of time-to-event traits"
    assert told["ill"]["n_cases"] == int(np.nansum(ill.y))
    assert set(told["ill"]["tests"]) == {"cox-score", "cox-firth-approximate", "cox-firth"}
    for trait in TRAITS[:2]:
        _, alone = run(prefix, people, [trait], tmp_path / trait["name"])
        assert alone[trait["name"]] == told[trait["name"]]
        for ending in ("parquet", "tsv.gz"):
            name = f"{trait['name']}.{ending}"
            ours, theirs = (tmp_path / f / name for f in ("all", trait["name"]))
            assert ours.read_bytes() == theirs.read_bytes()
    table = fields.read(tmp_path / "all/ill.parquet")
    assert (table.n == table.n_cases + table.n_controls).all()
    best = table.loc[table.neg_log10_p_value.idxmax()]
    assert best.test == "cox-firth" and best.beta > 0
    assert told["height"]["tests"] == {"linear": len(fields.read(tmp_path / "all/height.parquet"))}


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"model": "lmm"}, "model lmm is not for time-to-event traits"),
        ({"by": {"engine": "hail"}}, "engine hail has no test of time-to-event traits"),
    ],
)
def test_models_and_engines_without_it_test_the_other_traits(
    people_with_gaps, tmp_path, choice, reason
):
    prefix, people = people_with_gaps
    _, told = run(prefix, people, [TRAITS[1], TRAITS[3]], tmp_path / "out", **choice)
    assert told["early"]["reason"] == reason
    assert told["height"]["reason"] is None and told["height"]["n_variants"] > 30


def test_relatives_are_told(people_with_gaps):
    prefix, _ = people_with_gaps
    trait = design.TraitDesign("t", "time-to-event", np.zeros(9), np.empty((9, 0)), [])
    trait.info["n_related"] = 4
    assert Chooser("auto", Genotypes.open(prefix))(trait) == (
        "regression",
        "the model of time-to-event traits; 4 relatives are taken for unrelated",
    )
