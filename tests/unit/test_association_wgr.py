"""Whole-genome regression: awkward input, files, choice of the model."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from genopheno import fields
from genopheno.association import build, choice, design, scan
from genopheno.association.wgr import blocks, fit, level1, loco
from genopheno.genotypes import Genotypes, write_bed
from genopheno.problems import StageError

N, PER_CONTIG = 160, 120


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """As the commands do it: the workers are ours, not those of the linear algebra library."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Three contigs, the last of one variant; missing genotypes; traits of every awkward kind."""
    folder = tmp_path_factory.mktemp("wgr")
    rng = np.random.default_rng(3)
    contig = np.repeat(["1", "2", "3"], [PER_CONTIG, PER_CONTIG, 1])
    dosages = rng.binomial(2, rng.uniform(0.1, 0.5, (len(contig), 1)), (len(contig), N))
    dosages = dosages.astype(np.int8)
    dosages[::3][rng.random(dosages[::3].shape) < 0.05] = -1
    dosages[5] = -1
    dosages[6] = 2
    dosages[7] = 1  # everyone heterozygous
    position = np.arange(len(contig)) + 1
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
    value = np.where(dosages < 0, 0, dosages)[20:60:4].sum(0)
    table = pd.DataFrame({"participant": names, "age": rng.normal(50, 9, N)})
    table["copy"] = table.age * 2
    table["value"] = value
    table["q1"] = value + rng.normal(size=N) * 2
    table["q2"] = rng.normal(size=N)
    table["q3"] = table.q1 * 3 + 7
    table["case"] = (value + rng.normal(size=N) * 2 > np.median(value)) * 1.0
    table["constant"] = 4.0
    table["empty"] = np.nan
    table["one"] = (np.arange(N) == 9) * 1.0
    table["same"] = table.age
    table.loc[:7, "q2"] = np.nan
    table.loc[20:22, "q3"] = np.nan
    table.loc[100, "case"] = np.nan
    return folder / "g", table


def trait(name, kind="quantitative", covariates=("age",)):
    return {"name": name, "type": kind, "covariates": list(covariates)}


GOOD = [trait("q1"), trait("q2"), trait("q3"), trait("case", "binary")]
BAD = [trait("constant"), trait("empty"), trait("one", "binary"), trait("same")]


def designed(cohort, traits, model="wgr", table=None):
    prefix, people = cohort
    names = Genotypes.open(prefix).samples
    return build.design(
        pd.DataFrame({"sample": names, "participant": names}),
        people if table is None else table,
        {"traits": traits},
        None,
        n_components=0,
        relatives="keep",
        choose=lambda trait: (model, "test"),
    )


def predict(cohort, made, scratch, threads=2, **options):
    options = {"block_size": 25, "min_allele_frequency": 0.01} | options
    names = [t.name for t in made.traits]
    return fit.run(cohort[0], made, names, threads=threads, scratch=scratch, **options)


def run(cohort, made, predictions, out, threads=2):
    predictions.write(out / "p.parquet")
    scan.run(
        cohort[0],
        made,
        min_allele_count=1,
        firth_below=0.05,
        exact_firth_below=0.01,
        threads=threads,
        out_dir=out,
        loco=out / "p.parquet",
    )
    return {t.name: fields.read(out / f"{t.name}.parquet") for t in made.traits}


def test_level_0_on_disk_has_the_same_bits(cohort, tmp_path, monkeypatch):
    made = designed(cohort, GOOD)
    in_memory = predict(cohort, made, tmp_path)
    monkeypatch.setattr(fit, "ON_DISK", 0)
    on_disk = predict(cohort, made, tmp_path)
    for name, contigs in in_memory.predictions.items():
        for contig, values in contigs.items():
            np.testing.assert_array_equal(values, on_disk.predictions[name][contig])
    assert not list(tmp_path.iterdir())


def test_traits_with_few_missing_values_share_their_genotypes(cohort):
    """Up to a fifth missing; the people without the trait stand at its mean."""
    table = cohort[1].assign(few=cohort[1].q1.where(cohort[1].index % 4 > 0))
    table.loc[5, "age"] = np.nan
    made = designed(cohort, [*GOOD, trait("few"), trait("q1", covariates=[])], table=table)
    shared = {}
    prepared = {t.name: fit._prepare(t, shared)[1] for t in made.traits}
    together = {id(prepared[name].people) for name in ("q2", "q3", "case")}
    assert len(together) == 1
    assert len(shared) == 3  # with the covariate, without, and the trait with a quarter missing
    assert [prepared[name].people.n for name in ("q2", "few", "q1")] == [N - 1, 119, N]
    q2 = prepared["q2"]
    assert not q2.y[~q2.known].any()
    assert q2.notices == ["7 people without the trait stand at its mean in step 1"]
    np.testing.assert_allclose(np.square(q2.y).sum(), q2.known.sum() - 2)


def test_nobody_without_a_phenotype_gets_a_prediction(cohort, tmp_path):
    made = designed(cohort, GOOD)
    predictions = predict(cohort, made, tmp_path).predictions
    for t in made.traits:
        for values in predictions[t.name].values():
            np.testing.assert_array_equal(np.isnan(values), ~t.used)


def test_unit_and_place_of_a_trait_only_scale_its_prediction(cohort, tmp_path):
    table = cohort[1].assign(q3=cohort[1].q1 * -1000 + 5)
    found = predict(cohort, designed(cohort, GOOD[::2], table=table), tmp_path).predictions
    for contig in ("1", "2", None):
        np.testing.assert_allclose(found["q3"][contig], -1000 * found["q1"][contig], rtol=1e-7)


def test_the_left_out_chromosome_is_left_out(cohort, tmp_path):
    """The parts add up, and effects lie on contig 1: without it little is predicted."""
    made = designed(cohort, GOOD[:1])
    found = predict(cohort, made, tmp_path).predictions["q1"]
    whole = found[None]
    parts = sum(whole - found[contig] for contig in "123")
    np.testing.assert_allclose(parts, whole, atol=1e-12)
    value = cohort[1].value
    assert np.corrcoef(found["2"], value)[0, 1] > 0.5
    assert abs(np.corrcoef(found["1"], value)[0, 1]) < 0.2


def test_faulty_traits_have_a_reason_and_stop_nobody(cohort, tmp_path):
    made = designed(cohort, BAD + GOOD)
    tables = run(cohort, made, predict(cohort, made, tmp_path), tmp_path)
    reasons = {t.name: t.reason for t in made.traits}
    assert reasons["constant"] == "it is constant among the people with all covariates"
    assert reasons["same"] == "its covariates explain it wholly"
    assert reasons["one"] == f"too few people: 1 cases and {N - 1} controls"
    assert reasons["empty"] == "nobody has a value of it and all of its covariates"
    assert all(reasons[t["name"]] is None for t in GOOD)
    assert all(len(tables[t["name"]]) == 0 for t in BAD)


def test_collinear_covariates_are_dropped(cohort, tmp_path):
    plain = predict(cohort, designed(cohort, [trait("q1")]), tmp_path)
    double = predict(cohort, designed(cohort, [trait("q1", covariates=["age", "copy"])]), tmp_path)
    np.testing.assert_array_equal(plain.predictions["q1"]["1"], double.predictions["q1"]["1"])


def test_variants_without_variation_are_left_out(cohort, tmp_path):
    info = predict(cohort, designed(cohort, GOOD[:1]), tmp_path, min_allele_frequency=0.2).info
    entry = info["traits"][0]
    assert entry["variants_left_out"] | {"rare": 0} == {
        "all missing": 1,
        "monomorphic": 2,
        "rare": 0,
    }
    assert entry["n_variants"] + sum(entry["variants_left_out"].values()) == 2 * PER_CONTIG + 1
    nothing = predict(cohort, designed(cohort, GOOD[:1]), tmp_path, min_allele_frequency=0.6)
    assert nothing.reasons == {"q1": "no variant is left for step 1"}
    made = designed(cohort, GOOD[:1])
    with pytest.raises(StageError, match="step 1: no variant is left"):
        run(cohort, made, nothing, tmp_path)


def test_a_covariate_that_determines_a_variant_takes_it_away(cohort):
    genotypes = Genotypes.open(cohort[0])
    used = np.ones(N, dtype=bool)
    dosage = genotypes.dosages(1, 2)[0].astype(float)
    x = np.column_stack([np.ones(N), dosage])
    people = blocks.People(used, x, np.arange(N) * 5 // N)
    found = blocks.standardised(genotypes, np.array([1, 2]), people)
    assert not found[0].any()
    np.testing.assert_allclose(np.square(found[1]).sum(), N - 2)
    np.testing.assert_allclose(found @ x, 0, atol=1e-9)


def test_folds():
    n = 103
    rng = np.random.default_rng(0)
    y = rng.normal(size=n)
    folds, notice = blocks.split(y, False, False)
    assert notice is None
    assert (np.diff(folds) >= 0).all()
    for values, binary, related, word in (
        (np.sort(y), False, False, "sorted"),
        ((np.arange(n) < 20) * 1.0, True, False, "sorted"),
        (y, False, True, "relatives"),
    ):
        folds, notice = blocks.split(values, binary, related)
        assert word in notice
        assert np.ptp(np.bincount(folds)) <= 1
        if binary:
            assert np.ptp(np.bincount(folds, weights=values)) <= 1
        assert (folds == blocks.split(values, binary, related)[0]).all()


def test_separated_cases_end_in_a_reason_or_a_fit():
    """One predictor tells all cases: the penalty keeps the fit finite."""
    rng = np.random.default_rng(1)
    y = np.repeat([0.0, 1.0], 50)[rng.permutation(100)]
    x = np.vstack([y - 0.5, rng.normal(size=(4, 100))])
    slices = [slice(a, a + 20) for a in range(0, 100, 20)]
    joined = level1.logistic_ridge(x, y, np.zeros(100), slices)
    assert np.isfinite(joined.beta).all()
    assert joined.losses.min() < 0.2


def test_one_chromosome_is_plain_regression_and_says_so(cohort, tmp_path):
    source = Genotypes.open(cohort[0])
    dosages = source.dosages(0, source.n_variants, dtype=np.int8)
    variants = source.variants.assign(contig="7")
    write_bed(tmp_path / "g", dosages, variants, source.samples)
    one = tmp_path / "g", cohort[1]
    made = designed(one, GOOD)
    predictions = predict(one, made, tmp_path)
    assert not np.nanmax(np.abs(predictions.of("q1", "7")))
    assert np.nanmax(np.abs(predictions.of("q1", "8"))) > 0.1
    tables = run(one, made, predictions, tmp_path / "wgr")
    said = json.loads((tmp_path / "wgr/scan.json").read_text())["traits"]
    assert all(any("on one chromosome" in text for text in t["notices"]) for t in said)
    plain = run(one, designed(one, GOOD, "regression"), predictions, tmp_path / "plain")
    for name, table in plain.items():
        pd.testing.assert_frame_equal(table, tables[name], check_exact=True)


def test_predictions_survive_the_files(cohort, tmp_path):
    made = designed(cohort, GOOD)
    predictions = predict(cohort, made, tmp_path)
    predictions.write(tmp_path / "p.parquet")
    order = predictions.samples[::-1]
    again = loco.read(tmp_path / "p.parquet", order)
    assert again.info == predictions.info
    for name, contigs in predictions.predictions.items():
        assert list(again.predictions[name]) == list(contigs)
        for contig, values in contigs.items():
            np.testing.assert_array_equal(again.predictions[name][contig][::-1], values)
    table = fields.read(tmp_path / "p.parquet")
    assert len(table) == sum(4 * t.n for t in made.traits)
    predictions.write_regenie(tmp_path, f"{cohort[0]}.fam")
    text = pd.read_csv(tmp_path / "q2.loco", sep=" ", index_col=0)
    assert text.shape == (23, N)
    assert text.loc[1].isna().sum() == 8
    scale = predictions.info["traits"][1]["scale"]
    np.testing.assert_allclose(
        text.loc[2].to_numpy() * scale, predictions.predictions["q2"]["2"], rtol=1e-5
    )
    np.testing.assert_array_equal(text.loc[4], text.loc[23])
    with pytest.raises(StageError, match="1 samples have no genotypes, such as s0"):
        loco.read(tmp_path / "p.parquet", order[:-1])


def test_predictions_of_other_people_are_refused(cohort, tmp_path):
    predictions = predict(cohort, designed(cohort, GOOD[:1]), tmp_path)
    with pytest.raises(StageError, match="there are no predictions of it"):
        run(cohort, designed(cohort, GOOD[:2]), predictions, tmp_path)
    holes = cohort[1].assign(q1=cohort[1].q1.where(cohort[1].index > 3))
    with pytest.raises(StageError, match="160 people have predictions, 156 are tested"):
        run(cohort, designed(cohort, GOOD[:1], table=holes), predictions, tmp_path)


@pytest.mark.parametrize(
    ("kind", "n", "related", "cases", "genome", "model", "why"),
    [
        ("quantitative", 800, 0, None, (50_000, 22), "regression", "unrelated: at most 5000"),
        ("quantitative", 800, 12, None, (50_000, 22), "lmm", "12 of them relatives"),
        ("binary", 800, 12, 400, (50_000, 22), "lmm", "12 of them relatives"),
        ("binary", 800, 12, 20, (50_000, 22), "wgr", "too uneven"),
        ("quantitative", 9000, 0, None, (50_000, 22), "wgr", "more than 5000"),
        ("quantitative", 9000, 0, None, (50_000, 1), "regression", "and there are 50000 on 1"),
        ("binary", 9000, 5, 90, (300, 22), "regression", "and there are 300 on 22"),
    ],
)
def test_auto_chooses_by_the_people_of_the_trait(
    cohort, kind, n, related, cases, genome, model, why
):
    y = np.zeros(n) if cases is None else (np.arange(n) < cases) * 1.0
    made = design.TraitDesign("t", kind, y, np.empty((n, 0)), [], info={"n_related": related})
    chooser = choice.Chooser("auto", Genotypes.open(cohort[0]))
    assert (chooser.n_variants, chooser.n_contigs) == (2 * PER_CONTIG + 1, 3)
    chooser.n_variants, chooser.n_contigs = genome
    found, said = chooser(made)
    assert found == model
    assert why in said
    chooser.requested = "wgr"
    assert chooser(made)[0] == "wgr"
