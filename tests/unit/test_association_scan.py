"""Design, scan and files: who is tested, what is left out and said of it."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import statsmodels.api as sm

from genopheno import fields, ssf
from genopheno.association import build, covariates, design, left_out, results, scan
from genopheno.chromosomes import SexChromosomes
from genopheno.genotypes import Genotypes, write_bed
from genopheno.problems import StageError

N, M = 150, 700


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Genotypes with every kind of awkward variant, people with every kind of gap."""
    folder = tmp_path_factory.mktemp("cohort")
    rng = np.random.default_rng(8)
    dosages = rng.binomial(2, rng.uniform(0.1, 0.5, (M, 1)), (M, N)).astype(np.int8)
    dosages[1::2][rng.random(dosages[1::2].shape) < 0.03] = -1
    dosages[10] = -1
    dosages[11] = 0
    dosages[12] = 2
    dosages[13] = 1
    dosages[14] = 0
    dosages[14, :3] = 1
    position = np.arange(1, M + 1) * 10
    variants = pd.DataFrame(
        {
            "variant_id": [f"chrX:{p}:G:A" for p in position],
            "contig": "chrX",
            "position": position,
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    names = [f"s{i}" for i in range(N)]
    write_bed(folder / "g", dosages, variants, names)
    samples = pd.DataFrame({"sample": names, "participant": [f"p{i}" for i in range(N)]})
    order = rng.permutation(N)
    people = pd.DataFrame(
        {
            "participant": [f"p{i}" for i in range(N)],
            "sex": np.where(rng.random(N) < 0.5, "female", "male"),
            "age": rng.normal(50, 9, N),
            "site": rng.choice(["seoul", "oslo", "lima"], N),
        }
    )
    people["height"] = people.age * 0.1 + dosages[20] * 1.5 + rng.normal(size=N)
    people["weight"] = np.exp(rng.normal(4, 0.2, N))
    people["case"] = (rng.random(N) < 0.3) * 1.0
    people.loc[3, "height"] = np.nan
    people.loc[4:9, "weight"] = np.nan
    people.loc[10, "weight"] = -1.0
    people.loc[11:13, "case"] = np.nan
    people.loc[14, "age"] = np.nan
    people.loc[15, "sex"] = "unknown"
    people["same"] = 7.0
    people["lone"] = np.nan
    people.loc[20, "lone"] = 1.0
    return folder / "g", samples, people.iloc[order].reset_index(drop=True), dosages


def trait(name, kind="quantitative", covariates=(), **more):
    return {"name": name, "type": kind, "covariates": list(covariates), **more}


TRAITS = [
    trait("height", covariates=["age", "sex"]),
    trait("weight", covariates=["age", "sex", "site"], transform="log"),
    trait("weight2", covariates=["age"], transform="inverse-normal", column="weight"),
    trait("case", "binary", ["age", "sex"]),
]


def designed(cohort, traits, components=None, n_components=0, relatives="keep", **covariates):
    _, samples, people, _ = cohort
    return build.design(
        samples,
        people,
        {"traits": traits, "covariates": covariates},
        components,
        n_components=n_components,
        relatives=relatives,
    )


def run(cohort, made, out, **options):
    options = {"min_allele_count": 1, "firth_below": 0.05, "exact_firth_below": 0.01} | options
    options = {"chromosomes": SexChromosomes()} | options  # none: all have two copies of all
    scan.run(cohort[0], made, threads=options.pop("threads", 2), out_dir=out, **options)
    summary = json.loads((out / "scan.json").read_text())
    return {t["name"]: t for t in summary["traits"]}


def test_each_trait_has_its_own_people(cohort):
    made = designed(cohort, TRAITS)
    by_name = {t.name: t for t in made.traits}
    assert {t.name: t.reason for t in made.traits} == dict.fromkeys(by_name)
    assert by_name["height"].n == N - 3
    assert by_name["height"].info["left_out"] == {
        "trait missing": 1,
        "covariate age missing": 1,
        "covariate sex missing": 1,
    }
    assert by_name["weight"].info["left_out"] == {
        "trait missing": 6,
        "log of a value that is not above zero": 1,
        "covariate age missing": 1,
        "covariate sex missing": 1,
    }
    assert by_name["case"].n_cases + by_name["case"].n_controls == by_name["case"].n == N - 5
    assert by_name["height"].covariates == ["age", "sex=male"]
    assert by_name["weight"].covariates == ["age", "sex=male", "site=oslo", "site=seoul"]
    people = cohort[2].set_index("participant")
    weight = people.weight.reindex([f"p{i}" for i in range(N)]).to_numpy()
    used = by_name["weight"].used
    np.testing.assert_array_equal(by_name["weight"].y[used], np.log(weight[used]))


def test_inverse_normal_is_bloms():
    from scipy import stats

    values = np.array([3.0, 1.0, 2.0, 2.0, 50.0])
    rank = stats.rankdata(values)
    np.testing.assert_allclose(
        covariates.inverse_normal(values), stats.norm.ppf((rank - 3 / 8) / (5 - 2 * 3 / 8 + 1))
    )


def test_covariates_that_say_nothing_new_are_dropped_with_a_notice(cohort):
    _, samples, people, _ = cohort
    people = people.assign(months=people.age * 12 + 5)
    made = designed(
        (None, samples, people, None),
        [trait("height", covariates=["age", "months", "same", "sex"])],
    )
    assert made.traits[0].covariates == ["age", "sex=male"]
    assert "months was dropped: covariates before it determine it" in made.traits[0].info["notices"]
    assert "same was dropped: it is constant" in made.traits[0].info["notices"]


def test_what_cannot_be_fitted_is_set_aside_with_its_reason(cohort, tmp_path):
    _, samples, people, _ = cohort
    people = people.assign(
        one_case=(np.arange(N) == 60) * 1.0,
        three=np.arange(N) % 3.0,
        age10=people.age * 10,
        male=(people.sex == "male") * 1.0,
        nothing=np.nan,
    )
    world = (cohort[0], samples, people, None)
    bad = [
        trait("same"),
        trait("lone"),
        trait("one_case", "binary"),
        trait("three", "binary"),
        trait("age10", covariates=["age"]),
        trait("male", "binary", ["age", "sex"]),
        trait("nothing", covariates=["age"]),
    ]
    told = run(world, designed(world, [*bad, trait("height")]), tmp_path)
    assert {name: told[name]["reason"] for name in told} == {
        "same": "it is constant among the people with all covariates",
        "lone": "too few people: 1 for 0 covariates, the intercept and the variant",
        "one_case": f"too few people: 1 cases and {N - 1} controls",
        "three": "it has values other than 0 and 1",
        "age10": "its covariates explain it wholly",
        "male": "its covariates explain it wholly",
        "nothing": "nobody has a value of it and all of its covariates",
        "height": None,
    }
    assert len(fields.read(tmp_path / "same.parquet")) == 0
    assert (tmp_path / "same.tsv.gz").exists()
    with pytest.raises(StageError, match="no trait can be fitted"):
        run(world, designed(world, bad), tmp_path / "none")
    assert not (tmp_path / "none" / "scan.json").exists()


def components(unrelated):
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "sample": [f"s{i}" for i in range(N)],
            "unrelated": unrelated,
            "scores": list(rng.normal(size=(N, 3))),
        }
    )


def test_components_and_relatives(cohort):
    unrelated = np.arange(N) % 5 > 0
    table = components(unrelated)
    made = designed(cohort, TRAITS[:1], table, n_components=2, relatives="drop")
    assert made.traits[0].covariates == ["age", "sex=male", "PC1", "PC2"]
    assert made.info["left_out"] == {"a relative is tested in its place": N // 5}
    assert not made.traits[0].used[::5].any()
    keep = designed(cohort, TRAITS[:1], table, n_components=9, relatives="keep")
    assert keep.info["components"] == 3
    assert keep.info["notices"] == ["only 3 of 9 components are there"]
    short = designed(cohort, TRAITS[:1], table.iloc[7:], n_components=1, relatives="drop")
    assert short.info["left_out"]["no components"] == 7
    without = designed(cohort, TRAITS[:1], None, n_components=2, relatives="drop")
    assert len(without.info["notices"]) == 2


def test_faulty_tables_are_told_at_once(cohort):
    _, samples, people, _ = cohort
    with pytest.raises(StageError) as caught:
        build.design(
            pd.concat([samples, samples.iloc[:1]]),
            people,
            {"traits": [trait("nothing", covariates=["neither"])]},
            pd.concat([components(True), components(True).iloc[:2]]),
            n_components=0,
            relatives="keep",
        )
    assert [p.code for p in caught.value.problems] == [
        "sample-duplicate",
        "participant-duplicate",
        "sample-duplicate",
        "column-missing",
        "column-missing",
    ]
    assert [p.file for p in caught.value.problems][2] == "components"
    with pytest.raises(StageError, match="none of 150 samples can be tested"):
        designed((None, samples, people.assign(participant=people.participant + "x"), None), TRAITS)


def test_a_design_survives_the_file(cohort, tmp_path):
    made = designed(cohort, TRAITS, components(True), n_components=2, relatives="drop")
    made.write(tmp_path / "design.parquet")
    again = design.read(tmp_path / "design.parquet")
    assert again.samples == made.samples
    assert again.info == made.info
    for a, b in zip(again.traits, made.traits, strict=True):
        np.testing.assert_array_equal(a.y, b.y)
        np.testing.assert_array_equal(a.x, b.x)
        assert (a.name, a.type, a.covariates, a.reason, a.info) == (
            b.name,
            b.type,
            b.covariates,
            b.reason,
            b.info,
        )


def test_every_file_has_an_order_of_its_own(cohort, tmp_path):
    """Genotypes, samples, phenotypes and components shuffled: the same people, the same numbers."""
    prefix, samples, people, dosages = cohort
    names = [f"s{i}" for i in range(N)]
    samples = samples.iloc[: N - 20]
    table = components(np.arange(N) % 7 > 0)
    some = {"n_components": 2, "relatives": "drop"}
    run(cohort, designed((prefix, samples, people, None), TRAITS, table, **some), tmp_path / "a")

    rng = np.random.default_rng(4)
    order = rng.permutation(N)
    moved = tmp_path / "g"
    variants = Genotypes.open(prefix).variants
    write_bed(moved, dosages[:, order], variants, [names[i] for i in order])
    world = (moved, samples.sample(frac=1, random_state=5), people.iloc[rng.permutation(N)], None)
    made = designed(world, TRAITS, table.sample(frac=1, random_state=6), **some)
    assert made.samples != [s for s in Genotypes.open(moved).samples if s in made.samples]
    run(world, made, tmp_path / "b")
    for one in TRAITS:
        a, b = (fields.read(tmp_path / d / f"{one['name']}.parquet") for d in "ab")
        assert len(a) > 600
        pd.testing.assert_frame_equal(a, b, rtol=1e-7, atol=1e-10)

    stranger = samples.assign(sample=samples["sample"].replace("s5", "zz"))
    with pytest.raises(StageError, match="1 samples have no genotypes, such as zz"):
        run(cohort, designed((prefix, stranger, people, None), TRAITS[:1]), tmp_path / "c")


def test_numbers_of_the_whole_scan_against_statsmodels(cohort, tmp_path):
    _, _, people, dosages = cohort
    told = run(cohort, designed(cohort, TRAITS), tmp_path)["height"]
    table = fields.read(tmp_path / "height.parquet").set_index("base_pair_location")
    people = people.set_index("participant").reindex([f"p{i}" for i in range(N)])
    known = people[["height", "age"]].notna().all(axis=1) & people.sex.ne("unknown")
    x = np.column_stack([np.ones(N), people.age, people.sex == "male"]).astype(float)
    for j in [0, 1, 14, 20, 21, M - 1]:
        keep = known.to_numpy() & (dosages[j] >= 0)
        g = dosages[j][keep]
        fit = sm.OLS(people.height[keep].to_numpy(), np.column_stack([x[keep], g])).fit()
        row = table.loc[(j + 1) * 10]
        assert row.n == keep.sum()
        np.testing.assert_allclose(row.beta, fit.params[-1], rtol=1e-9)
        np.testing.assert_allclose(row.standard_error, fit.bse[-1], rtol=1e-9)
        np.testing.assert_allclose(row.neg_log10_p_value, -np.log10(fit.pvalues[-1]), rtol=1e-8)
        np.testing.assert_allclose(row.effect_allele_frequency, g.mean() / 2, rtol=1e-12)
    assert table.neg_log10_p_value.idxmax() == 210
    assert told["variants_left_out"] == {"all missing": 1, "monomorphic": 2, "not converged": 1}
    assert told["n_variants"] == M - 4
    constant = table.loc[140]  # everyone heterozygous
    assert not constant.converged
    assert constant[["beta", "standard_error", "neg_log10_p_value"]].isna().all()
    assert 0.5 < told["lambda_gc"] < 2


def test_cases_and_controls_are_counted_by_variant(cohort, tmp_path):
    _, _, people, dosages = cohort
    told = run(cohort, designed(cohort, TRAITS), tmp_path, min_allele_count=10)["case"]
    table = fields.read(tmp_path / "case.parquet")
    people = people.set_index("participant").reindex([f"p{i}" for i in range(N)])
    known = people[["case", "age"]].notna().all(axis=1) & people.sex.ne("unknown")
    assert told["variants_left_out"] == {
        "all missing": 1,
        "monomorphic": 2,
        "min allele count": 1,
        "not converged": 1,
    }
    without = fields.read(tmp_path / "left_out" / "case.parquet")
    reasons = dict(zip(without.base_pair_location // 10 - 1, without.reason, strict=True))
    assert reasons == {
        10: "all missing",
        11: "monomorphic",
        12: "monomorphic",
        13: "not converged",  # everyone heterozygous
        14: "min allele count",
    }
    used = known.to_numpy()
    there = dosages[10:15][:, used]
    np.testing.assert_array_equal(without.n, (there >= 0).sum(1))
    assert list(without.minor_allele_count) == [0, 0, 0, used.sum(), (there[4] > 0).sum()]
    assert list(without.columns) == fields.names("association_left_out")

    rows = table.base_pair_location.to_numpy() // 10 - 1
    there = (dosages[rows] >= 0) & known.to_numpy()
    cases = people["case"].to_numpy() == 1
    np.testing.assert_array_equal(table.n, there.sum(1))
    np.testing.assert_array_equal(table.n_cases, (there & cases).sum(1))
    np.testing.assert_array_equal(table.n_controls, (there & ~cases).sum(1))
    assert set(told["tests"]) == {"score", "firth-approximate", "firth"}
    assert told["null_model"] == "logistic"


def test_who_is_left_out_of_another_engines_results(cohort, tmp_path):
    made = designed(cohort, TRAITS)
    run(cohort, made, tmp_path, min_allele_count=10)
    genotypes = Genotypes.open(cohort[0])
    expected = fields.read(tmp_path / "left_out" / "height.parquet")
    found = pq.read_table(tmp_path / "height.parquet", columns=["variant_id", "converged"])
    shuffled = found.take(np.random.default_rng(1).permutation(len(found)))
    used = made.traits[0].used
    diploid = np.zeros(genotypes.n_variants, bool)
    table = left_out.beside_results(genotypes, used, shuffled, 10, diploid)
    pd.testing.assert_frame_equal(table.to_pandas(), expected)
    common = {left_out.ALL_MISSING, left_out.MONOMORPHIC, left_out.RARE, left_out.NOT_CONVERGED}
    assert set(expected.reason) == common
    with pytest.raises(StageError, match=r"association-variants-lost.* 2 of the variants"):
        left_out.beside_results(genotypes, used, found.slice(2), 10, diploid)
    lost = np.arange(genotypes.n_variants) < genotypes.n_variants // 2
    named = left_out.beside_results(genotypes, used, shuffled, 10, lost)["reason"].to_pylist()
    assert named.count(left_out.NUMPY_ONLY) == lost.sum()


def test_summary_statistics_file(cohort, tmp_path):
    rsids = pd.DataFrame({"variant_id": ["chrX:20:G:A", "chrX:10:G:A"], "rsid": ["rs2", "rs1"]})
    run(cohort, designed(cohort, TRAITS), tmp_path, rsids=rsids)
    text = gzip.open(tmp_path / "height.tsv.gz", "rt").read().splitlines()
    header = text[0].split("\t")
    assert header[:8] == [
        "chromosome",
        "base_pair_location",
        "effect_allele",
        "other_allele",
        "beta",
        "standard_error",
        "effect_allele_frequency",
        "neg_log_10_p_value",
    ]
    first = dict(zip(header, text[1].split("\t"), strict=True))
    assert (first["chromosome"], first["rsid"], first["n_cases"]) == ("23", "rs1", "#NA")
    table = fields.read(tmp_path / "height.parquet")
    assert len(text) == len(table) + 1
    read = pd.read_csv(tmp_path / "height.tsv.gz", sep="\t", float_precision="round_trip")
    np.testing.assert_array_equal(read.beta, table.beta)
    assert list(table.rsid[:3]) == ["rs1", "rs2", None]
    assert list(table.chromosome[:1]) == ["chrX"]
    frame = table.rename(columns={})
    results.write_results(tmp_path / "again", "height", frame)
    results.write_results(tmp_path / "third", "height", tmp_path / "again" / "height.parquet")
    for other in ("again", "third"):
        pd.testing.assert_frame_equal(fields.read(tmp_path / other / "height.parquet"), table)
        assert gzip.open(tmp_path / other / "height.tsv.gz", "rt").read().splitlines() == text


def test_statistics_of_another_engine_become_p_values(cohort, tmp_path):
    run(cohort, designed(cohort, TRAITS), tmp_path)
    for name, degrees in (("height", 4), ("case", None)):
        table = fields.read(tmp_path / f"{name}.parquet")
        t = table.beta / table.standard_error
        other = table.drop(columns="neg_log10_p_value").assign(
            statistic=t if degrees else t**2, df=table.n - degrees if degrees else np.nan
        )
        results.write_results(tmp_path / "other", name, other)
        again = fields.read(tmp_path / "other" / f"{name}.parquet")
        same = table.test.isin(["linear", "score"])
        np.testing.assert_allclose(
            again.neg_log10_p_value[same], table.neg_log10_p_value[same], rtol=1e-9, atol=1e-12
        )


@pytest.mark.parametrize(
    ("contig", "expected"),
    [("chr1", "1"), ("22", "22"), ("chrX", "23"), ("Y", "24"), ("chrM", "25"), ("MT", "25"),
     ("chr20s", "chr20s"), ("demo1", "demo1"), ("30", "30")],
)  # fmt: skip
def test_chromosome_names(contig, expected):
    assert ssf.chromosome(contig) == expected


def test_nothing_left_to_test_is_an_error(cohort, tmp_path):
    with pytest.raises(StageError, match="of 700 variants none could be tested"):
        run(cohort, designed(cohort, TRAITS[:1]), tmp_path, min_allele_count=1000)
    assert not (tmp_path / "scan.json").exists()


def test_p_beyond_the_smallest_double(tmp_path):
    """A trait that is all but the genotype: -log10 p in the thousands, not infinite."""
    rng = np.random.default_rng(1)
    n = 2000
    dosages = rng.binomial(2, 0.4, (3, n)).astype(np.int8)
    variants = pd.DataFrame(
        {
            "variant_id": list("abc"),
            "contig": "1",
            "position": [1, 2, 3],
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    names = [f"s{i}" for i in range(n)]
    write_bed(tmp_path / "g", dosages, variants, names)
    samples = pd.DataFrame({"sample": names, "participant": names})
    people = pd.DataFrame({"participant": names, "y": dosages[1] + rng.normal(0, 0.01, n)})
    made = build.design(
        samples, people, {"traits": [trait("y")]}, None, n_components=0, relatives="keep"
    )
    run((tmp_path / "g", None, None, None), made, tmp_path / "out")
    table = fields.read(tmp_path / "out" / "y.parquet")
    assert 2000 < table.neg_log10_p_value[1] < 6000
    assert np.isclose(table.beta[1], 1, atol=1e-3)
    assert table.converged.all()


def test_progress_and_threads(cohort, tmp_path):
    seen = []
    made = designed(cohort, TRAITS)
    run(cohort, made, tmp_path, threads=3, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (M, M)
    assert Genotypes.open(cohort[0]).n_variants == M
