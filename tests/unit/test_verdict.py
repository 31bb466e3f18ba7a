"""Verdicts from measures, and the table of samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cyvcf2 import VCF
from scipy import stats

from genopheno import fields
from genopheno.assays import ASSAYS
from genopheno.files import write_json
from genopheno.problems import StageError
from genopheno.samples.outliers import robust_z
from genopheno.samples.table import Policy, genotype_measures, write
from genopheno.samples.verdict import check_limits, crossed, verdict
from genopheno.settings import limits, parse
from genopheno.tools import run

LIMITS = {
    "mapped_fraction": {"fail_below": 0.8, "warn_below": 0.95},
    "duplicate_fraction": {"warn_above": 0.25, "fail_above": 0.6},
    "reads": {"fail_below": 1000},
}
GOOD = {"mapped_fraction": 0.99, "duplicate_fraction": 0.1, "reads": 5000}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ("pass", [])),
        ({"mapped_fraction": 0.41}, ("fail", ["mapped fraction 0.41 is below 0.80"])),
        ({"mapped_fraction": 0.9}, ("warn", ["mapped fraction 0.90 is below 0.95"])),
        # On the bound is within it; just beyond it is not, and the numbers show it.
        ({"mapped_fraction": 0.8}, ("warn", ["mapped fraction 0.80 is below 0.95"])),
        ({"mapped_fraction": 0.79996}, ("fail", ["mapped fraction 0.79996 is below 0.80000"])),
        ({"duplicate_fraction": 0.6}, ("warn", ["duplicate fraction 0.60 is above 0.25"])),
        ({"reads": 12}, ("fail", ["reads 12 is below 1,000"])),
        ({"mapped_fraction": None}, ("warn", ["mapped fraction could not be measured"])),
        (
            {"mapped_fraction": 0.9, "duplicate_fraction": 0.7, "reads": 0},
            (
                "fail",
                [
                    "duplicate fraction 0.70 is above 0.60",
                    "reads 0 is below 1,000",
                    "mapped fraction 0.90 is below 0.95",
                ],
            ),
        ),
    ],
)
def test_verdict(change, expected):
    assert judged(GOOD | change, LIMITS) == expected


def judged(metrics, limits, optional=()):
    word, reasons = verdict(crossed(metrics, limits, optional))
    return word, [reason.text for reason in reasons]


def test_measures_without_bounds_do_not_count():
    assert judged({**GOOD, "ti_tv": None}, {**LIMITS, "ti_tv": {}}) == ("pass", [])
    assert judged(GOOD, {}) == ("pass", [])


def test_a_measure_that_does_not_apply_is_no_warning():
    assert judged({**GOOD, "reads": None}, LIMITS, {"reads"}) == ("pass", [])


def test_a_reason_keeps_its_numbers():
    _, (reason,) = verdict(crossed({**GOOD, "reads": 12}, LIMITS))
    assert (reason.measure, reason.value, reason.bound, reason.limit) == (
        *("reads", 12),
        *("fail_below", 1000),
    )


@pytest.mark.parametrize("assay", ["genome", "exome", "panel", "low-pass"])
def test_bounds_of_every_assay_are_of_numeric_measures_and_say_their_source(assay):
    numbers = [f.name for f in fields.TABLES["sample_qc"] if f.type != "string"]
    chosen = limits(settings(assay=assay))
    check_limits(chosen, numbers)
    assert all(source for _, source in ASSAYS[assay].values())
    assert judged({"contamination_low": 0.05, "mapped_fraction": 0.7}, chosen, numbers) == (
        "fail",
        ["mapped fraction 0.70 is below 0.80", "contamination low 0.05 is above 0.04"],
    )


def test_the_assay_chooses_the_bounds_and_the_config_replaces_single_measures():
    shallow = {"median_coverage": 1, "mean_coverage": 1.0}
    numbers = set(shallow)
    assert judged(shallow, limits(settings()), {*GOOD, *LIMITS, "breadth_1x"})[0] == "fail"
    low = limits(settings(assay="low-pass", sample_qc={"limits": {"mean_coverage": {}}}))
    assert low["mean_coverage"] == {} and "median_coverage" not in low
    assert not numbers & {reason.measure for reason in crossed(shallow, low)}


def settings(**given):
    return parse({"reference": {"fasta": "a.fa", "genes": "a.gff3"}, **given}, "config")


def test_robust_z_is_the_distance_from_the_median_in_scaled_mads():
    values = np.array([1.0, 2, 3, 4, 5, 100, np.nan])
    z = robust_z(values)
    assert z[5] == pytest.approx((100 - 3.5) / (1.4826 * 1.5))
    assert np.isnan(z[6])
    # A normal sample has z like its own standard scores (scipy's scaled MAD).
    drawn = np.random.default_rng(1).normal(10, 2, 500)
    scale = stats.median_abs_deviation(drawn, scale="normal")
    assert robust_z(drawn) == pytest.approx((drawn - np.median(drawn)) / scale, rel=1e-4)


def test_a_batch_without_spread_has_no_outliers():
    assert np.abs(robust_z(np.array([0.99] * 30 + [0.991]))).max() < 1
    assert (robust_z(np.zeros(5)) == 0).all()


def test_small_bounds_are_shown_as_set():
    bounds = {"mismatch_rate": {"warn_above": 0.005}}
    assert judged({"mismatch_rate": 0.02}, bounds)[1] == ["mismatch rate 0.020 is above 0.005"]


def test_unknown_measures_and_bounds_are_named_together_with_the_known_ones():
    with pytest.raises(StageError) as caught:
        check_limits({"coverage": {"fail_below": 4}, "reads": {"below": 1}}, ["reads", "bases"])
    assert [p.column for p in caught.value.problems] == ["coverage", "reads.below"]
    assert "Use one of: reads, bases" in caught.value.problems[0].mend
    assert "fail_below" in caught.value.problems[1].mend


VCF_TEXT = """##fileformat=VCFv4.2
##contig=<ID=c,length=1000>
##FILTER=<ID=LowQual,Description="low">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	s1	s2	s3
c	10	.	A	G	50	PASS	.	GT	0/1	0/0	./.
c	20	.	A	C	50	PASS	.	GT	1/1	0/1	0/0
c	30	.	C	CT	50	PASS	.	GT	0/1	1/1	./.
c	40	.	GAA	G	50	PASS	.	GT	0/1	0/0	0/0
c	50	.	C	T	50	PASS	.	GT	1/1	1/1	0/1
c	60	.	C	G	5	LowQual	.	GT	1/1	1/1	1/1
"""


@pytest.fixture
def calls(tmp_path) -> Path:
    (tmp_path / "calls.vcf").write_text(VCF_TEXT)
    run(["bcftools", "view", "-Ob", "-o", tmp_path / "calls.bcf", tmp_path / "calls.vcf"])
    return tmp_path / "calls.bcf"


def read_measures(sample: str, **change) -> dict:
    names = fields.names("sample_qc")
    row = dict.fromkeys(names[: names.index("call_rate")], 1)
    del row["verdict"], row["reasons"]
    return row | {"sample": sample, "participant": f"p_{sample}", "insert_size_sd": None} | change


def test_genotype_measures_count_snps_and_indels_of_sites_that_pass(calls):
    measures = genotype_measures(run(["bcftools", "stats", "-s", "-", "-f", "PASS,.", calls]))
    # The same counts, genotype by genotype.
    passing = [record for record in VCF(str(calls)) if record.FILTER is None]
    types = np.array([record.gt_types for record in passing])
    alone = np.array([record.num_het + 2 * record.num_hom_alt == 1 for record in passing])
    for i, sample in enumerate(("s1", "s2", "s3")):
        row = measures[sample]
        assert row["n_het"] == (types[:, i] == 1).sum()
        assert row["n_hom_alt"] == (types[:, i] == 3).sum()
        assert row["call_rate"] == pytest.approx((types[:, i] != 2).mean())
        assert row["n_singletons"] == ((types[:, i] == 1) & alone).sum()
    assert measures["s1"]["het_hom_ratio"] == 1.5
    assert measures["s3"]["het_hom_ratio"] is None
    assert measures["s1"]["ti_tv"] == 2.0  # G and T against C
    assert measures["s3"]["ti_tv"] is None


def checks(folder: Path, **change: dict) -> Path:
    """Table identity_measures of s1, s2, s3, where everything agrees but for `change`."""
    rows = []
    for sample in ("s1", "s2", "s3"):
        row = dict.fromkeys(fields.names("identity_measures"))
        row |= {"sample": sample, "participant": f"p_{sample}", "sex": "female"}
        row |= {f"{check}_check": "agrees" for check in ("sex", "identity", "pedigree")}
        row |= {f"{check}_reasons": "" for check in ("sex", "identity", "pedigree")}
        rows.append(row | change.get(sample, {}))
    fields.write(folder / "measures.parquet", pd.DataFrame(rows), "identity_measures")
    return folder / "measures.parquet"


SHEET = {name: f"p_{name}" for name in ("s2", "s1", "s3")}
FAULTS = {"sex": "fail", "identity": "fail", "pedigree": "warn"}


def test_table_has_every_column_and_all_samples_in_order(calls, tmp_path):
    files = []
    for sample, mapped in (("s2", 0.99), ("s1", 0.5), ("s3", 0.9)):
        files.append(tmp_path / f"{sample}.json")
        write_json(files[-1], read_measures(sample, mapped_fraction=mapped, reads=2000))
    write(SHEET, files, calls, checks(tmp_path), Policy(LIMITS, FAULTS), out_dir=tmp_path)

    frame = fields.read(tmp_path / "samples.parquet")
    assert list(frame.columns) == fields.names("sample_qc")
    assert list(frame["sample"]) == ["s2", "s1", "s3"]
    assert list(frame["verdict"]) == ["fail", "fail", "fail"]  # duplicate_fraction 1 here
    assert "mapped fraction 0.50 is below 0.80" in frame["reasons"][1]
    assert frame["insert_size_sd"].isna().all()
    text = pd.read_csv(tmp_path / "samples.tsv", sep="\t")
    assert list(text["n_het"]) == list(frame["n_het"]) == [1, 3, 1]
    section = json.loads((tmp_path / "samples_mqc.json").read_text())
    assert section["plot_type"] == "table"
    assert section["data"]["s1"]["verdict"] == "fail"
    assert section["data"]["s1"]["insert_size_sd"] is None
    told = json.loads((tmp_path / "samples.json").read_text())
    assert told["counts"] == {"pass": 0, "warn": 0, "fail": 3}
    first = told["samples"][1]["reasons"][0]
    assert (first["measure"], first["value"], first["limit"]) == ("mapped_fraction", 0.5, 0.8)


def test_a_sample_without_reads_is_judged_by_its_calls_alone(calls, tmp_path):
    policy = Policy(LIMITS | {"call_rate": {"warn_below": 0.9}}, FAULTS)
    frame = write(SHEET, [], calls, checks(tmp_path), policy, out_dir=tmp_path)
    assert list(frame["verdict"]) == ["pass", "pass", "warn"]  # s3 misses two of five
    assert frame["reads"].isna().all()
    assert frame["reasons"][2] == "call rate 0.60 is below 0.90"


def test_faults_of_checks_have_the_outcome_of_the_config(calls, tmp_path):
    differs = {"pedigree_check": "differs", "pedigree_reasons": "declared parent-child of s2"}
    told = checks(
        tmp_path,
        s1={"identity_check": "differs", "identity_reasons": "same genotypes as x"},
        s2={"sex_check": "unclear", "sex_reasons": "declared female, sex unclear"},
        s3=differs,
    )
    frame = write(SHEET, [], calls, told, Policy({}, FAULTS), out_dir=tmp_path)
    frame = frame.set_index("sample")
    assert dict(frame["verdict"]) == {"s1": "fail", "s2": "warn", "s3": "warn"}
    assert frame["reasons"]["s1"] == "same genotypes as x"
    frame = write(
        SHEET, [], calls, told, Policy({}, FAULTS | {"identity": "warn"}), out_dir=tmp_path
    )
    assert set(frame["verdict"]) == {"warn"}


def test_outliers_warn_only_in_batches_large_enough(calls, tmp_path):
    files = []
    for sample, rate in (("s1", 0.01), ("s2", 0.0101), ("s3", 0.5)):
        files.append(tmp_path / f"{sample}.json")
        write_json(files[-1], read_measures(sample, mismatch_rate=rate))
    told = checks(tmp_path)
    frame = write(SHEET, files, calls, told, Policy({}, FAULTS, 6, 3), out_dir=tmp_path)
    frame = frame.set_index("sample")
    assert "mismatch_rate" in frame["outliers"]["s3"]
    assert "mismatch rate 0.5 is an outlier of the batch (median 0.0101" in frame["reasons"]["s3"]
    # Less of a fault than the others have is none.
    for sample, rate in (("s1", 0.5), ("s2", 0.51), ("s3", 0.01)):
        write_json(tmp_path / f"{sample}.json", read_measures(sample, mismatch_rate=rate))
    frame = write(SHEET, files, calls, told, Policy({}, FAULTS, 6, 3), out_dir=tmp_path)
    assert "mismatch_rate" not in ", ".join(frame["outliers"])
    frame = write(SHEET, files, calls, told, Policy({}, FAULTS, 6, 4), out_dir=tmp_path)
    assert set(frame["verdict"]) == {"pass"}


def test_charr_is_joined(calls, tmp_path):
    table = pd.DataFrame({"sample": ["s1", "s3"], "charr": [0.05, None]})
    table.to_parquet(tmp_path / "charr.parquet")
    policy = Policy({"charr": {"warn_above": 0.04}}, FAULTS)
    frame = write(
        SHEET, [], calls, checks(tmp_path), policy,
        out_dir=tmp_path, charr=tmp_path / "charr.parquet",
    ).set_index("sample")  # fmt: skip
    assert dict(frame["verdict"]) == {"s1": "warn", "s2": "pass", "s3": "pass"}


def test_samples_must_be_those_of_the_calls(calls, tmp_path):
    files = []
    for sample in ("s1", "s2", "s4", "s1"):
        files.append(tmp_path / f"{len(files)}.json")
        write_json(files[-1], read_measures(sample))
    sheet = dict.fromkeys(("s1", "s2", "s3", "s5"), "p")
    with pytest.raises(StageError) as caught:
        write(sheet, files, calls, checks(tmp_path), Policy({}, FAULTS), out_dir=tmp_path / "out")
    message = str(caught.value)
    assert "without genotypes: s5" in message
    assert "not in the sheet: s4" in message
    assert "not checked for identity: s5" in message
    assert "measured twice: s1" in message
    assert not (tmp_path / "out").exists()


def test_every_unreadable_measures_file_is_named(calls, tmp_path):
    (tmp_path / "bad.json").write_text("{")
    write_json(tmp_path / "short.json", {"sample": "s1"})
    files = [tmp_path / "bad.json", tmp_path / "short.json", tmp_path / "absent.json"]
    with pytest.raises(StageError) as caught:
        write(SHEET, files, calls, checks(tmp_path), Policy({}, FAULTS), out_dir=tmp_path)
    assert [Path(p.file).name for p in caught.value.problems] == [f.name for f in files]
