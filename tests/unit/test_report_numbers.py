"""The arithmetic behind the plots of the report."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from genopheno.report import blocks, calibration, coverage, samples, variants


def test_inflation_of_uniform_and_inflated_p():
    p = (np.arange(1, 100_000) - 0.5) / 99_999
    assert calibration.genomic_inflation(-np.log10(p)) == pytest.approx(1, abs=1e-3)
    inflated = stats.chi2.sf(1.3 * stats.chi2.isf(p, 1), 1)
    assert calibration.genomic_inflation(-np.log10(inflated)) == pytest.approx(1.3, abs=2e-3)
    assert np.isnan(calibration.genomic_inflation(np.array([np.nan])))
    assert calibration.lambda_1000(1.2, 500, 500) == pytest.approx(1.4)


def test_qq_keeps_the_smallest_p_and_its_band_is_that_of_order_statistics():
    rng = np.random.default_rng(1)
    y = -np.log10(rng.random(50_000))
    found = calibration.qq(y)
    assert len(found["observed"]) < 1500
    np.testing.assert_allclose(found["observed"][-200:], np.sort(y)[-200:])
    assert (found["low"] < found["high"]).all()
    inside = (found["observed"] >= found["low"]) & (found["observed"] <= found["high"])
    assert inside.mean() > 0.8
    # The smallest of m uniforms: 97.5 % of the time above 1 - 0.975^(1/m).
    assert 10 ** -found["high"][-1] == pytest.approx(1 - 0.975 ** (1 / 50_000))


def test_thin_keeps_all_small_p_and_covers_every_cell():
    rng = np.random.default_rng(2)
    x = np.sort(rng.integers(0, 10**9, 400_000)).astype(float)
    y = -np.log10(rng.random(400_000))
    y[17] = np.nan
    kept = calibration.thin(x, y, columns=100, rows=40)
    assert set(np.flatnonzero(y > 3)) <= set(kept)
    assert 17 not in kept
    assert len(kept) < 8_000
    cell = lambda i: set(  # noqa: E731
        zip(
            ((x[i] - x[~np.isnan(y)].min()) / np.ptp(x) * 100).astype(int),
            (y[i] / max(np.nanmax(y), 8) * 40).astype(int),
            strict=True,
        )
    )
    low = np.flatnonzero(y <= 3)
    assert len(cell(low) - cell(kept)) <= 0.01 * len(cell(low))
    few = calibration.thin(x, np.full(x.size, 5.0) + x / 1e10, most=1000)
    assert len(few) <= 4000
    assert few[-1] == x.size - 1


def test_leads_are_the_best_of_each_locus():
    contig = np.array([0, 0, 0, 1, 1])
    position = np.array([100, 200, 5000, 100, 150])
    y = np.array([9.0, 12.0, 7.0, 8.0, np.nan])
    found = calibration.leads(contig, position, y, window=1000, above=5)
    assert found.tolist() == [1, 3, 2]


@pytest.mark.parametrize(
    ("y", "text"),
    [(0.0, "1"), (1.5, "0.032"), (7.30103, "5.0e-8"), (400.25, "5.6e-401"), (5.0, "1.0e-5")],
)
def test_p_is_written_from_its_logarithm(y, text):
    assert blocks.p_text(y) == text


def test_embedded_json_cannot_end_its_script():
    held = {"a": "</script><!--", "b": float("nan"), "c": np.int64(3), "d": "\u2028&"}
    text = blocks.embed(held)
    assert "<" not in text
    assert "&" not in text
    assert json.loads(text) == held | {"b": None}


def test_classes_and_ti_tv():
    ref = pd.Series(["A", "A", "AT", "C", "AC", "G"])
    alt = pd.Series(["G", "C", "A", "CTT", "GT", "<DEL>"])
    counts = variants.classes(ref, alt).to_dict()
    assert counts == {"SNV": 2, "deletion": 1, "insertion": 1, "MNV": 1, "symbolic": 1}
    assert variants.ti_tv(ref, alt) == 1.0
    assert variants.ti_tv(ref[2:], alt[2:]) is None


def test_cumulative_coverage_is_read_from_mosdepth(tmp_path):
    rows = ["chr1\t1\t0.5", *(f"total\t{d}\t{1 - d / 200:.2f}" for d in range(199, -1, -1))]
    (tmp_path / "a.mosdepth.global.dist.txt").write_text("\n".join(rows) + "\n")
    depth, covered = coverage.cumulative(tmp_path)
    assert depth[0] == 0
    assert covered[0] == 1
    assert len(depth) < 70
    assert (np.diff(covered) <= 0).all()
    assert coverage.cumulative(tmp_path / "absent") is None


def test_reasons_are_grouped_without_the_value_of_a_sample():
    said = samples.kind_of_reason("mean coverage 1.70 is below 4")
    assert said == "mean coverage below 4"
