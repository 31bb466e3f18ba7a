"""The scan of genes against plain formulas, statsmodels, and itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from genopheno.association.design import Design
from genopheno.association.genes import null, scan
from genopheno.association.genes.gene import Options
from genopheno.association.genes.mixture import log_upper_tail
from genopheno.files import read_json
from tests.unit import genes_cohort

OPTIONS = Options(max_frequency=(1.0, 0.02), ultra_rare_allele_count=0, min_allele_count=3)


def run(cohort, out, design=None, options=OPTIONS, **more):
    more = {"firth_below": 0.0, "exact_firth_below": 0.0} | more
    return scan.run(
        cohort.prefix, design or cohort.design, cohort.sets, options=options, out_dir=out, **more
    )


def table(out, trait: str, **wanted) -> pd.DataFrame:
    frame = pd.read_parquet(out / f"{trait}.parquet")
    for name, value in wanted.items():
        frame = frame[frame[name] == value]
    return frame


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return genes_cohort.make(tmp_path_factory.mktemp("genes"))


@pytest.fixture(scope="module")
def found(cohort, tmp_path_factory):
    out = tmp_path_factory.mktemp("found")
    return out, run(cohort, out, threads=2)


def chosen(cohort, gene: str, mask: str, used: np.ndarray, most: float):
    """Genotypes (people, variants) of a mask, and their frequencies."""
    g = cohort.genotype(cohort.rows(gene, mask), used)
    f = g.mean(0) / 2
    keep = (f > 0) & (f <= most)
    return g[:, keep], f[keep]


@pytest.mark.parametrize("most", [1.0, 0.02])
@pytest.mark.parametrize("mask", genes_cohort.MASKS)
def test_burden_of_a_quantitative_trait_is_plain_regression(cohort, found, mask, most) -> None:
    trait = cohort.design.traits[0]
    used = trait.used
    for gene in ("G0", "G3"):
        g, _ = chosen(cohort, gene, mask, used, most)
        x = np.column_stack([g.max(1), np.ones(used.sum()), trait.x[used]])
        fit = sm.OLS(trait.y[used], x).fit()
        (row,) = table(
            found[0], "q", gene_id=gene, mask=mask, max_frequency=most, test="burden"
        ).itertuples()
        assert row.beta == pytest.approx(fit.params[0], rel=1e-9)
        assert row.standard_error == pytest.approx(fit.bse[0], rel=1e-9)
        assert row.neg_log10_p_value == pytest.approx(-np.log10(fit.pvalues[0]), rel=1e-8)
        assert row.n_variants == g.shape[1]
        carriers = (cohort.dosages[cohort.rows(gene, mask)][:, used] > 0).T
        assert most < 1 or row.n_carriers == carriers.any(1).sum()


def test_burden_of_a_binary_trait_is_the_score_test_of_statsmodels(cohort, found) -> None:
    trait = cohort.design.traits[1]
    g, _ = chosen(cohort, "G0", "lof", trait.used, 1.0)
    x = np.column_stack([np.ones(len(g)), trait.x])
    statistic = (
        sm.GLM(trait.y, x, family=sm.families.Binomial())
        .fit(tol=1e-12)
        .score_test(exog_extra=g.max(1)[:, None])[0]
    )
    (row,) = table(
        found[0], "b", gene_id="G0", mask="lof", max_frequency=1.0, test="burden"
    ).itertuples()
    expected = -np.log10(stats.chi2.sf(float(np.squeeze(statistic)), 1))
    assert row.neg_log10_p_value == pytest.approx(expected, rel=1e-6)
    assert row.n_carriers_cases + row.n_carriers_controls == row.n_carriers


def plain_skat(g, f, y, x, binary: bool) -> float:
    """-log10 p of SKAT by the n x n matrices of Wu et al. 2011."""
    x = np.column_stack([np.ones(len(y)), x])
    if binary:
        mean = sm.GLM(y, x, family=sm.families.Binomial()).fit(tol=1e-12).fittedvalues
        v = np.diag(mean * (1 - mean))
    else:
        mean = x @ np.linalg.lstsq(x, y, rcond=None)[0]
        v = np.eye(len(y)) * (np.square(y - mean).sum() / (len(y) - x.shape[1]))
    inside = np.linalg.inv(x.T @ (v if binary else np.linalg.inv(v)) @ x)
    weights = np.diag(stats.beta.pdf(np.minimum(f, 1 - f), 1, 25))
    if binary:
        p = v - v @ x @ inside @ x.T @ v
        half = weights @ g.T
        q = np.square(half @ (y - mean)).sum()
        values = np.linalg.eigvalsh(half @ p @ half.T)
    else:
        w = np.linalg.inv(v)
        p = w - w @ x @ inside @ x.T @ w
        half = weights @ g.T
        q = np.square(half @ w @ (y - mean)).sum()
        values = np.linalg.eigvalsh(half @ p @ half.T)
    return -log_upper_tail(q, values[values > values.max() * 1e-9])[0] / np.log(10)


@pytest.mark.parametrize("trait", ["q", "b"])
def test_skat_is_that_of_the_paper(cohort, tmp_path, monkeypatch, trait: str) -> None:
    monkeypatch.setattr(null, "REFINED", np.inf)  # no saddlepoint, which the paper has not
    made = next(t for t in cohort.design.traits if t.name == trait)
    used = made.used
    run(cohort, tmp_path, threads=1)
    for gene in ("G0", "G2"):
        g, f = chosen(cohort, gene, "both", used, 1.0)
        expected = plain_skat(g, f, made.y[used], made.x[used], trait == "b")
        (row,) = table(
            tmp_path, trait, gene_id=gene, mask="both", max_frequency=1.0, test="skat"
        ).itertuples()
        assert row.neg_log10_p_value == pytest.approx(expected, rel=1e-6)


def test_every_mask_is_tested_or_left_out(found) -> None:
    _, told = found
    for trait in told["traits"]:
        assert trait["n_tests"]["acat-o"] + sum(trait["left_out"].values()) == 4 * 2 * 2
        assert trait["n_genes_tested"] == trait["n_tests"]["gene"] == 4


def test_a_trait_gets_the_same_bytes_alone_and_on_any_number_of_threads(
    cohort, found, tmp_path
) -> None:
    for trait in cohort.design.traits:
        alone = Design(cohort.design.samples, [replace(trait)])
        run(cohort, tmp_path / trait.name, alone, threads=1)
        for name in (f"{trait.name}.tsv.gz", f"left_out/{trait.name}.parquet"):
            assert (tmp_path / trait.name / name).read_bytes() == (found[0] / name).read_bytes()
        one, other = (pd.read_parquet(f / f"variants/{trait.name}.parquet")
                      for f in (found[0], tmp_path / trait.name))  # fmt: skip
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_ultra_rare_variants_are_taken_as_one(cohort, tmp_path) -> None:
    options = replace(OPTIONS, ultra_rare_allele_count=10)
    run(cohort, tmp_path, options=options)
    trait = cohort.design.traits[0]
    g, f = chosen(cohort, "G1", "both", trait.used, 1.0)
    raw = cohort.dosages[cohort.rows("G1", "both")][:, trait.used]
    minor = np.where(raw > 0, raw, 0).sum(1)
    minor = minor[minor > 0]
    few = minor <= 10
    assert 1 < few.sum() < len(few)
    one = g[:, few].max(1)
    together = np.column_stack([g[:, ~few], one])
    weights = np.append(f[~few], one.mean() / 2)
    expected = plain_skat(together, weights, trait.y[trait.used], trait.x[trait.used], False)
    (row,) = table(
        tmp_path, "q", gene_id="G1", mask="both", max_frequency=1.0, test="skat"
    ).itertuples()
    assert row.neg_log10_p_value == pytest.approx(expected, rel=1e-6)
    assert row.n_ultra_rare == few.sum()


def test_a_sum_has_the_effect_of_one_allele(cohort, tmp_path) -> None:
    run(cohort, tmp_path, options=replace(OPTIONS, collapse="sum"))
    trait = cohort.design.traits[0]
    g, _ = chosen(cohort, "G0", "both", trait.used, 1.0)
    x = np.column_stack([g.sum(1), np.ones(len(g)), trait.x[trait.used]])
    fit = sm.OLS(trait.y[trait.used], x).fit()
    (row,) = table(
        tmp_path, "q", gene_id="G0", mask="both", max_frequency=1.0, test="burden"
    ).itertuples()
    assert row.beta == pytest.approx(fit.params[0], rel=1e-9)
    assert row.neg_log10_p_value == pytest.approx(-np.log10(fit.pvalues[0]), rel=1e-8)


def test_leaving_a_variant_out_is_testing_without_it(cohort, found, tmp_path) -> None:
    """The planted gene comes first; its mask without a variant is that of sets without it."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    variants = pd.read_parquet(found[0] / "variants/q.parquet")
    assert variants.gene_id.iloc[0] == "G0"
    here = variants[variants.gene_id == "G0"]
    out = here.variant_id.iloc[0]
    sets = pq.read_table(cohort.sets)
    smaller = tmp_path / "sets.parquet"
    pq.write_table(sets.filter(pc.not_equal(sets["variant_id"], out)), smaller)
    (tmp_path / "sets.json").write_text(cohort.sets.with_suffix(".json").read_text())
    scan.run(
        cohort.prefix, cohort.design, smaller, options=OPTIONS, out_dir=tmp_path,
        firth_below=0.0, exact_firth_below=0.0,
    )  # fmt: skip
    (row,) = table(
        tmp_path, "q", gene_id="G0", mask=here["mask"].iloc[0],
        max_frequency=here.max_frequency.iloc[0], test="acat-o",
    ).itertuples()  # fmt: skip
    assert here.neg_log10_p_value_without.iloc[0] == pytest.approx(row.neg_log10_p_value, rel=1e-9)
    assert (here.n_carriers <= here.allele_count).all()


def test_the_summary_is_the_file(found) -> None:
    out, told = found
    assert read_json(out / "genes.json") == told
    assert [t["name"] for t in told["traits"]] == ["q", "b", "r"]
    q = told["traits"][0]
    assert q["threshold"] == pytest.approx(-np.log10(0.05 / 4))
    whole = pd.read_parquet(out / "q.parquet")
    whole = whole[whole["mask"].isna()].set_index("gene_id").neg_log10_p_value
    assert whole.idxmax() == "G0"
    assert q["n_significant"] == (whole >= q["threshold"]).sum() >= 1
