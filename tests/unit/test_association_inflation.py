"""Lambda by frequency, and LD-score regression against plain formulas."""

from __future__ import annotations

import gzip
import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from threadpoolctl import threadpool_limits

from genopheno import pvalues
from genopheno.association import inflation
from genopheno.association.calibration import ldscore
from genopheno.genotypes import Genotypes, write_bed
from genopheno.problems import StageError


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """As the command does it: the workers are ours, not those of the linear algebra library."""
    with threadpool_limits(1):
        yield


def test_lambda_is_told_for_each_bin_and_flagged_where_it_is_off():
    rng = np.random.default_rng(1)
    frequency = np.concatenate([np.full(20_000, 0.005), np.full(20_000, 0.8), np.full(10, 0.03)])
    chi2 = rng.chisquare(1, len(frequency)) * np.where(frequency == 0.005, 1.3, 1)
    y = pvalues.from_chi2(chi2)
    y[3] = np.nan
    said = inflation.summary(lambda: [(y, frequency)], 500, 2000)
    rare, low, common = said["lambda_by_frequency"]
    assert (rare["min"], rare["max"], rare["n_variants"]) == (0, 0.01, 19_999)
    assert rare["lambda_gc"] == pytest.approx(1.3, abs=0.04)
    assert common["lambda_gc"] == pytest.approx(1, abs=0.04)
    assert (low["n_variants"], low["lambda_gc"]) == (10, None)
    assert [b["off"] for b in said["lambda_by_frequency"]] == [True, False, False]
    # de Bakker 2008: the excess is proportional to 1 / cases + 1 / controls.
    assert said["lambda_1000"] == pytest.approx(1 + (said["lambda_gc"] - 1) * 0.0025 / 0.002)
    assert inflation.summary(lambda: [(y, frequency)], None, None)["lambda_1000"] is None
    nothing = inflation.summary(list, 3, 4)
    assert nothing == {
        "lambda_gc": None, "lambda_1000": None, "lambda_off": False, "lambda_by_frequency": [],
    }  # fmt: skip


@pytest.fixture(scope="module")
def linked(tmp_path_factory):
    """20 contigs of neighbours that are alike, 4 Mb each; 600 people."""
    rng = np.random.default_rng(2)
    people, contigs, size = 600, 20, 60
    dosages = []
    for _ in range(contigs):
        ancestors = (rng.random((size, 40)) < rng.uniform(0.1, 0.5, (size, 1))).astype(np.int8)
        both = 0
        for _ in range(2):
            who = rng.integers(40, size=people)
            haplotype = np.empty((size, people), np.int8)
            for i in range(size):
                move = rng.random(people) < (0.5 if i % 20 == 0 else 0.02)
                who[move] = rng.integers(40, size=int(move.sum()))
                haplotype[i] = ancestors[i, who]
            both = both + haplotype
        dosages.append(both)
    dosages = np.concatenate(dosages)
    dosages[::7][rng.random(dosages[::7].shape) < 0.02] = -1
    dosages[5] = 0
    contig = np.repeat(np.arange(contigs) + 1, size).astype(str)
    position = np.tile(np.arange(size) * 66_000 + 1, contigs)
    variants = pd.DataFrame(
        {
            "variant_id": [f"{c}:{p}:G:A" for c, p in zip(contig, position, strict=True)],
            "contig": contig,
            "position": position,
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    folder = tmp_path_factory.mktemp("linked")
    write_bed(folder / "g", dosages, variants, [f"s{i}" for i in range(people)])
    return Genotypes.open(folder / "g")


def test_ld_scores_are_adjusted_r2_summed_over_the_window(linked, monkeypatch):
    monkeypatch.setattr(ldscore, "FEWEST_VARIANTS", 500)
    monkeypatch.setattr(ldscore, "MOST_VARIANTS", 400)
    monkeypatch.setattr(ldscore, "COUNTED", 37)
    monkeypatch.setattr(ldscore, "CHUNK", 11)
    used = np.arange(linked.n_samples) < 580
    made = ldscore.of_cohort(linked, used, threads=2)
    assert len(made.variant_id) == 400
    assert made.n_people == 580
    dosages = linked.dosages(0, linked.n_variants, dtype=np.float64)[:, used]
    filled = np.where(np.isnan(dosages), np.nanmean(dosages, 1, keepdims=True), dosages)
    kept = np.arange(len(filled)) != 5
    table = linked.variants
    place = pd.Index(table["variant_id"]).get_indexer(made.variant_id)
    chosen = np.isin(np.arange(len(filled)), place)
    for i in (0, 17, 133, 399):
        row = place[i]
        near = (
            (table["contig"] == table["contig"][row])
            & ((table["position"] - table["position"][row]).abs() <= 1_000_000)
        ).to_numpy() & kept
        r2 = np.square(np.corrcoef(filled[near], filled[row])[-1, :-1])
        r2 = r2 - (1 - r2) / (580 - 2)
        assert made.score[i] == pytest.approx(r2.sum(), rel=1e-4)
        assert made.weight[i] == pytest.approx(r2[chosen[near]].sum(), rel=1e-4)


def test_few_people_or_variants_are_refused_with_the_reason(linked):
    everyone = np.ones(linked.n_samples, dtype=bool)
    assert "1199 common variants on 20 contigs" in ldscore.of_cohort(linked, everyone, 1)
    assert ldscore.of_cohort(linked, everyone & (np.arange(600) < 400), 1).startswith("400 people")


def test_the_regression_is_weighted_least_squares_with_a_block_jackknife():
    """statsmodels' WLS with the weights of the module, iterated, refitted without each block."""
    rng = np.random.default_rng(4)
    m, blocks = 3000, 25
    score = rng.gamma(2, 20, m)
    weight = score * rng.uniform(0.3, 1, m)
    chi2 = stats.ncx2.rvs(1, 0.01 * score, random_state=rng) * 1.1
    chi2[7] = 55.0
    fit = ldscore.regress(chi2, score, weight, blocks)
    keep = chi2 < 30
    y, x, over = chi2[keep], score[keep], np.maximum(weight[keep], 1)
    line = [1, (chi2.mean() - 1) / score.mean()]
    for _ in range(3):
        w = 1 / (over * (line[0] + max(line[1], 0) * np.maximum(x, 1)) ** 2)
        line = sm.WLS(y, sm.add_constant(x), weights=w).fit().params
    assert fit.intercept == pytest.approx(line[0], rel=1e-9)
    assert fit.slope == pytest.approx(line[1], rel=1e-9)
    edges = np.floor(np.arange(blocks + 1) * len(y) / blocks).astype(int)
    left = []
    for a, b in itertools.pairwise(edges):
        out = np.r_[:a, b : len(y)]
        left.append(sm.WLS(y[out], sm.add_constant(x[out]), weights=w[out]).fit().params[0])
    error = np.sqrt((blocks - 1) / blocks * np.square(left - np.mean(left)).sum())
    assert fit.intercept_error == pytest.approx(error, rel=1e-6)
    assert fit.n_variants == keep.sum()
    assert fit.ratio == pytest.approx((fit.intercept - 1) / (chi2.mean() - 1))


def test_polygenicity_leaves_the_intercept_at_one_and_inflation_does_not(linked, monkeypatch):
    monkeypatch.setattr(ldscore, "FEWEST_VARIANTS", 500)
    scores = ldscore.of_cohort(linked, np.ones(linked.n_samples, dtype=bool), 1)
    dosages = linked.dosages(0, linked.n_variants, dtype=np.float64)
    g = np.where(np.isnan(dosages), np.nanmean(dosages, 1, keepdims=True), dosages)
    g = g[np.arange(len(g)) != 5]
    g = (g - g.mean(1, keepdims=True)) / g.std(1, keepdims=True)
    rng = np.random.default_rng(8)
    n = g.shape[1]
    intercepts = []
    for _ in range(40):
        genetic = rng.normal(size=len(g)) @ g
        y = genetic / genetic.std() * 0.8 + rng.normal(size=n) * 0.6
        r = g @ ((y - y.mean()) / y.std()) / n
        chi2 = (n - 2) * r**2 / (1 - r**2)
        fits = [ldscore.regress(c, scores.score, scores.weight, 40) for c in (chi2, 1.3 * chi2)]
        assert fits[0].mean_chi2 > 1.05
        intercepts.append([fit.intercept for fit in fits])
    mean = np.mean(intercepts, axis=0)
    error = np.std(intercepts, axis=0) / np.sqrt(40)
    assert abs(mean[0] - 1) < 3 * error[0] + 0.02
    assert abs(mean[1] - 1.3) < 3 * error[1] + 0.03


def test_scores_come_from_a_file_of_ldsc_too(tmp_path):
    path = tmp_path / "1.l2.ldscore.gz"
    with gzip.open(path, "wt") as out:
        out.write("CHR\tSNP\tBP\tL2\n2\trs2\t5\t3.5\n1\trs1\t9\t2.5\n1\trs1\t9\t2.5\n")
    scores = ldscore.of_file(path)
    assert scores.variant_id.tolist() == ["rs1", "rs2"]
    assert scores.score.tolist() == [2.5, 3.5]
    bad = tmp_path / "bad.txt"
    bad.write_text("SNP L2\nrs1 2\n")
    with pytest.raises(StageError, match=r"ld-scores-malformed.*CHR, BP"):
        ldscore.of_file(bad)
