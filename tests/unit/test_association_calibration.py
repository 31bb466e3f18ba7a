"""Null traits, the counting of rejections, and that they are the scan's own tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from threadpoolctl import threadpool_limits

from genopheno import fields
from genopheno.association import build, scan
from genopheno.association.calibration import nulls, plan, tally
from genopheno.association.calibration.run import Options, _Series, run
from genopheno.association.design import Design
from genopheno.genotypes import Genotypes, write_bed

N, M, CONTIGS = 150, 600, 3


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """As the command does it: the workers are ours, not those of the linear algebra library."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    rng = np.random.default_rng(4)
    share = np.where(np.arange(M) % 4 == 0, 0.03, rng.uniform(0.05, 0.5, M))
    dosages = rng.binomial(2, share[:, None], (M, N)).astype(np.int8)
    dosages[::5][rng.random(dosages[::5].shape) < 0.03] = -1
    contig = np.repeat([str(i + 1) for i in range(CONTIGS)], M // CONTIGS)
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
    folder = tmp_path_factory.mktemp("calibration")
    write_bed(folder / "g", dosages, variants, [f"s{i}" for i in range(N)])
    return folder / "g"


def designed(prefix, model="regression", related=0):
    names = Genotypes.open(prefix).samples
    rng = np.random.default_rng(5)
    people = pd.DataFrame(
        {
            "participant": names,
            "sex": "female",
            "age": rng.normal(50, 9, N),
            "q": rng.gamma(2, 1, N),
        }
    )
    people["b"] = (rng.random(N) < 0.2) * 1.0
    people.loc[:9, "q"] = np.nan
    people.loc[5:7, "age"] = np.nan
    made = build.design(
        pd.DataFrame({"sample": names, "participant": names}),
        people,
        {
            "traits": [
                {"name": "q", "type": "quantitative", "covariates": ["age"]},
                {"name": "b", "type": "binary", "covariates": ["age"]},
            ]
        },
        None,
        n_components=0,
        relatives="keep",
        choose=lambda trait: (model, "test"),
    )
    for trait in made.traits:
        trait.info["n_related"] = related
    return made


OPTIONS = Options(
    replicates=3,
    variants=200,
    case_fractions=(0.3, 0.01),
    seed=7,
    min_allele_count=5,
    firth_below=0.2,
    exact_firth_below=0.01,
    correction="firth",
    block_size=100,
    min_allele_frequency=0.01,
)


def test_a_permutation_moves_trait_and_covariates_together(prefix):
    trait = designed(prefix).traits[0]
    made = nulls.permuted(trait, "p", np.random.default_rng(1))
    assert made.name == "p"
    np.testing.assert_array_equal(made.used, trait.used)
    assert not np.array_equal(made.y[made.used], trait.y[trait.used])
    pairs = [sorted(zip(t.y[t.used], t.x[t.used, 0], strict=True)) for t in (made, trait)]
    assert pairs[0] == pairs[1]
    assert np.isnan(made.x[~made.used]).all()


def test_simulated_traits_have_the_share_and_the_heritable_part_that_were_asked_for(prefix):
    trait = designed(prefix).traits[0]
    trait = replace(
        trait, x=np.resize(trait.x, (40 * N, 1)), y=np.resize(trait.y, 40 * N)
    )  # many people: shares are measured
    rng = np.random.default_rng(2)
    binary = nulls.simulated(trait, "b", 0.1, rng)
    assert binary.type == "binary"
    assert binary.n_cases / binary.n == pytest.approx(0.1, abs=0.015)
    np.testing.assert_array_equal(binary.used, trait.used)
    genetic = rng.normal(size=len(trait.y)) * 7 + 3
    for share in (None, 0.25):
        made = nulls.simulated(trait, "g", share, rng, genetic)
        linear = np.polyfit(trait.x[trait.used, 0], made.y[made.used], 1)
        rest = made.y[made.used] - np.polyval(linear, trait.x[trait.used, 0])
        if share is None:
            assert np.corrcoef(rest, genetic[made.used])[0, 1] ** 2 == pytest.approx(0.5, abs=0.04)
            assert rest.var() == pytest.approx(1, abs=0.05)
        else:
            assert made.n_cases / made.n == pytest.approx(share, abs=0.001)
            assert np.corrcoef(rest, genetic[made.used])[0, 1] > 0.3


def test_bins_are_by_count_first_then_by_frequency():
    minor, called = (
        np.array([19, 20, 20, 100, 101, 900]),
        np.array([100, 1000, 900, 1000, 1000, 1000]),
    )
    names = [tally.BINS[i] for i in tally.bins_of(minor, called)]
    assert names == [
        "count < 20", "0-0.01", "0.01-0.05", "0.01-0.05", "0.05-0.5", "0.05-0.5",
    ]  # fmt: skip


def counted(p):
    """Tally of p (replicates, variants), all of one bin."""
    made = tally.Tally()
    for row in p:
        made.add(-np.log10(row), np.full(len(row), 4))
    return made


def test_the_interval_is_clopper_and_pearson_s_where_tests_are_independent():
    low, high = tally.interval(37, 5000, 1.0, 10**7, 0.95)
    exact = stats.binomtest(37, 5000).proportion_ci(0.95, "exact")
    assert (low, high) == pytest.approx((exact.low, exact.high), rel=1e-5)
    assert tally.interval(0, 100, 1.0, 10**7, 0.95)[0] == 0
    # With few replicates it is wider: their spread is an estimate.
    assert tally.interval(37, 5000, 1.0, 5, 0.95)[1] > high


def test_the_interval_covers_the_rate_although_tests_are_correlated():
    """Blocks of ten equal p-values: a binomial interval misses far more often than it says."""
    rng = np.random.default_rng(3)
    covered = np.zeros(2)
    times = 150
    for _ in range(times):
        row = counted(np.repeat(rng.random((30, 60)), 10, axis=1)).rows()[0]
        assert row["alpha"] == 0.01
        covered[0] += row["ratio_low"] <= 1 <= row["ratio_high"]
        plain = stats.binomtest(row["n_rejected"], row["n_tests"]).proportion_ci(0.95, "exact")
        covered[1] += plain.low <= 0.01 <= plain.high
    assert covered[0] / times > 0.92
    assert covered[1] / times < 0.7


def test_verdicts_tell_inflated_conservative_fine_and_too_few():
    rng = np.random.default_rng(6)
    u = rng.random((50, 4000))
    rows = [
        dict(row, kind=kind)
        for kind, p in (("fine", u), ("inflated", u**1.06), ("conservative", u**0.8))
        for row in counted(p).rows()
        if row["frequency_bin"] == "all" and row["alpha"] in (1e-3, 1e-5)
    ]
    tally.judge(rows)
    for row in rows:
        assert row["verdict"] == (row["kind"] if row["alpha"] == 1e-3 else "too few tests")
    # Far too many rejections are not explained by there being few tests.
    rows = counted(u[:, :200] ** 4).rows()
    tally.judge(rows)
    assert {row["verdict"] for row in rows} == {"inflated"}


def test_rows_count_what_was_tested_and_leave_out_what_has_no_p():
    made = tally.Tally()
    made.add(np.array([0.5, 2.5, np.nan, 3.5]), np.array([1, 2, 2, 4]))
    made.add(np.array([0.1, 0.2, 4.5, 0.3]), np.array([1, 2, 2, 4]))
    assert made.failed == 1
    rows = {(r["frequency_bin"], r["alpha"]): (r["n_rejected"], r["n_tests"]) for r in made.rows()}
    assert rows["all", 1e-2] == (3, 7)
    assert rows["all", 1e-4] == (1, 7)
    assert rows["0-0.01", 1e-3] == (1, 3)
    assert rows["count < 20", 1e-2] == (0, 2)
    assert ("0.01-0.05", 1e-2) not in rows


def test_quantiles_of_uniform_p_are_on_the_diagonal_and_lambda_is_one():
    p = (np.arange(100_000) + 0.5) / 100_000
    made = counted(np.random.default_rng(1).permutation(p).reshape(20, 5000))
    found = {key: np.array(value) for key, value in made.quantiles().items()}
    inner = found["expected"] < 4
    np.testing.assert_allclose(found["observed"][inner], found["expected"][inner], atol=0.02)
    assert (found["low"] <= found["expected"] + 0.01).all()
    assert (found["high"] >= found["expected"] - 0.01).all()
    assert made.lambda_gc == pytest.approx(1, abs=0.01)


def test_variants_are_drawn_among_those_that_qualify_and_are_read_as_they_are(prefix):
    genotypes = Genotypes.open(prefix)
    used = np.arange(N) % 3 > 0
    rows = plan.pick(genotypes, used, 50, 1, min_count=20, contigs={"2"})
    assert len(rows) == 50
    assert (np.diff(rows) > 0).all()
    dosages = genotypes.dosages(0, M)
    here = dosages[rows][:, used]
    assert np.minimum(np.nansum(here, 1), np.nansum(2 - here, 1)).min() >= 20
    assert set(genotypes.variants["contig"].iloc[rows]) == {"2"}
    np.testing.assert_array_equal(
        plan.pick(genotypes, used, 50, 1, min_count=20, contigs={"2"}), rows
    )
    assert len(plan.pick(genotypes, used, 10**6, 1)) == M
    held = plan.subset(genotypes, rows)
    np.testing.assert_array_equal(held.dosages(0, 50), dosages[rows])
    assert (
        held.variants["variant_id"].tolist() == genotypes.variants["variant_id"].iloc[rows].tolist()
    )


@pytest.mark.parametrize(
    ("model", "trait", "null"),
    [("regression", 0, "permuted"), ("regression", 1, "simulated"), ("lmm", 1, "polygenic"),
     ("wgr", 0, "polygenic"), ("wgr", 1, "permuted")],
)  # fmt: skip
def test_a_null_trait_is_tested_as_the_scan_tests_it(prefix, tmp_path, model, trait, null):
    """The same trait through step 1 and the scan, over the whole file: the same p-values."""
    from genopheno.association.wgr import fit

    genotypes = Genotypes.open(prefix)
    frame = designed(prefix, model).traits[trait]
    share = 0.3 if trait == 1 and null != "permuted" else None
    work = _Series(genotypes, plan.Series(null, frame, share), OPTIONS, {}, 1, tmp_path)
    _, found = work.replicate(2)
    design = Design(genotypes.samples, [replace(work.traits[2], name="t")])
    if model == "wgr":
        loco = fit.run(
            prefix, design, ["t"], block_size=100, min_allele_frequency=0.01, threads=1,
            scratch=tmp_path,
        )  # fmt: skip
        loco.write(tmp_path / "loco.parquet")
    scan.run(
        prefix,
        design,
        min_allele_count=5,
        firth_below=0.2,
        exact_firth_below=0.01,
        threads=1,
        out_dir=tmp_path,
        loco=tmp_path / "loco.parquet" if model == "wgr" else None,
    )
    whole = fields.read(tmp_path / "t.parquet").set_index("variant_id")["neg_log10_p_value"]
    names = work.genotypes.variants["variant_id"]
    final = {"lmm": "lmm"}.get(model, "firth" if trait == 1 else "linear")
    assert set(found) == ({"score", "firth"} if final == "firth" else {final})
    np.testing.assert_allclose(found[final], whole.reindex(names).dropna(), rtol=1e-9)
    if null == "polygenic":
        assert set(work.genotypes.variants["contig"]) == {"1", "3"}


def test_numbers_depend_on_neither_threads_nor_other_nulls(prefix, tmp_path):
    design = designed(prefix)
    rows, told = run(prefix, design, OPTIONS, threads=1, scratch=tmp_path)
    again, _ = run(prefix, design, OPTIONS, threads=3, scratch=tmp_path)
    assert again == rows
    alone, _ = run(
        prefix, Design(design.samples, design.traits[1:]), OPTIONS, threads=1, scratch=tmp_path
    )
    both = [row for row in rows if row["null"] == "permuted" and row["trait"] == "b"]
    mine = [row for row in alone if row["null"] == "permuted"]
    assert [dict(r, verdict="") for r in mine] == [dict(r, verdict="") for r in both]
    kinds = {(r["null"], r["test"], r["case_fraction"]) for r in rows}
    share = design.traits[1].n_cases / design.traits[1].n
    assert kinds == {
        ("permuted", "linear", None), ("permuted", "score", share), ("permuted", "firth", share),
        ("simulated", "linear", None), ("simulated", "score", 0.3), ("simulated", "firth", 0.3),
    }  # fmt: skip
    assert told["skipped"] == [
        {
            "what": "simulated:regression:b:0.01",
            "reason": "too few cases or controls: 0.01 of 147 people",
        }
    ]
    assert all(n["replicates"] == 3 and n["n_variants"] == 200 for n in told["nulls"])


def test_what_is_not_simulated_is_told(prefix, tmp_path):
    design = designed(prefix, "wgr")
    design.traits[0] = replace(design.traits[0], type="time-to-event")
    _, told = run(prefix, design, replace(OPTIONS, genotypes=1e5), threads=1, scratch=tmp_path)
    reasons = {entry["what"]: entry["reason"] for entry in told["skipped"]}
    assert reasons["permuted:wgr:q"] == "the trait is time-to-event"
    assert reasons["permuted:wgr:b"].startswith(
        "too dear for every run: 147 people × 600 variants × 3 replicates"
    )
    assert {n["null"] for n in told["nulls"]} == {"simulated", "polygenic"}
    series, skipped = plan.series(
        designed(prefix, related=3), case_fractions=(), n_contigs=1, affordable=lambda *_: None
    )
    assert [s.null for s in series] == ["permuted", "permuted", "simulated"]
    assert "all variants are on one contig" in skipped[0]["reason"]
