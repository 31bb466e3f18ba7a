"""Verdicts from measures, and the table of samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cyvcf2 import VCF

from genopheno import fields
from genopheno.files import write_json
from genopheno.problems import StageError
from genopheno.samples.table import genotype_measures, write
from genopheno.samples.verdict import check_limits, verdict
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
    assert verdict(GOOD | change, LIMITS) == expected


def test_measures_without_bounds_do_not_count():
    assert verdict({**GOOD, "ti_tv": None}, {**LIMITS, "ti_tv": {}}) == ("pass", [])
    assert verdict(GOOD, {}) == ("pass", [])


def test_small_bounds_are_shown_as_set():
    limits = {"mismatch_rate": {"warn_above": 0.005}}
    assert verdict({"mismatch_rate": 0.02}, limits)[1] == ["mismatch rate 0.020 is above 0.005"]


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


def test_table_has_every_column_and_all_samples_in_order(calls, tmp_path):
    files = []
    for sample, mapped in (("s2", 0.99), ("s1", 0.5), ("s3", 0.9)):
        files.append(tmp_path / f"{sample}.json")
        write_json(files[-1], read_measures(sample, mapped_fraction=mapped, reads=2000))
    outs = [tmp_path / name for name in ("s.parquet", "s.tsv", "samples_mqc.json")]
    write(files, calls, LIMITS, *outs)

    frame = fields.read(outs[0])
    assert list(frame.columns) == fields.names("sample_qc")
    assert list(frame["sample"]) == ["s2", "s1", "s3"]
    assert list(frame["verdict"]) == ["fail", "fail", "fail"]  # duplicate_fraction 1 here
    assert "mapped fraction 0.50 is below 0.80" in frame["reasons"][1]
    assert frame["insert_size_sd"].isna().all()
    text = pd.read_csv(outs[1], sep="\t")
    assert list(text["n_het"]) == list(frame["n_het"]) == [1, 3, 1]
    section = json.loads(outs[2].read_text())
    assert section["plot_type"] == "table"
    assert section["data"]["s1"]["verdict"] == "fail"
    assert section["data"]["s1"]["insert_size_sd"] is None


def test_samples_must_be_those_of_the_calls(calls, tmp_path):
    files = []
    for sample in ("s1", "s2", "s4", "s1"):
        files.append(tmp_path / f"{len(files)}.json")
        write_json(files[-1], read_measures(sample))
    with pytest.raises(StageError) as caught:
        write(files, calls, {}, *(tmp_path / name for name in ("a.parquet", "a.tsv", "a.json")))
    message = str(caught.value)
    assert "without genotypes: s4" in message
    assert "without measures: s3" in message
    assert "given twice: s1" in message
    assert not (tmp_path / "a.parquet").exists()


def test_every_unreadable_measures_file_is_named(calls, tmp_path):
    (tmp_path / "bad.json").write_text("{")
    write_json(tmp_path / "short.json", {"sample": "s1"})
    files = [tmp_path / "bad.json", tmp_path / "short.json", tmp_path / "absent.json"]
    with pytest.raises(StageError) as caught:
        write(files, calls, {}, *(tmp_path / name for name in ("a.parquet", "a.tsv", "a.json")))
    assert [Path(p.file).name for p in caught.value.problems] == [f.name for f in files]
