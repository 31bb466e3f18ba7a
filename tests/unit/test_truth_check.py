"""Truth sets and controls, checked before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from genopheno.clinical import check as clinical
from genopheno.submission.controls import only_controls
from genopheno.submission.sheet import read_sheet
from genopheno.truth.check import check_truth_sets

VCF = """\
##fileformat=VCFv4.2
##contig=<ID={contig},length={length}>
##FORMAT=<ID=GT,Number=1,Type=String,Description="g">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}
{contig}\t5\t.\tA\tC\t.\t.\t.\tGT\t{row}
"""


@pytest.fixture
def one(tmp_path: Path):
    """Write a truth set and check it; the reference has contig 1 of 100 bp."""

    def check(samples=((2, "S1", "set"),), *, bed="1\t0\t50\n", **other):
        vcf, regions = tmp_path / "t.vcf", tmp_path / "t.bed"
        plain = {"contig": "1", "length": 100, "names": "S", "row": "0/1"}
        vcf.write_text(VCF.format(**{**plain, **other}))
        if bed is not None:
            regions.write_text(bed)
        found = check_truth_sets(
            {"set": (vcf, regions)}, {"1": 100}, samples=samples, sheet=Path("samples.csv")
        )
        return [(p.code, Path(p.file).name, p.row, p.column) for p in found]

    return check


def test_a_sound_truth_set(one) -> None:
    assert one() == []
    assert one([(2, "S1", ""), (3, "S2", "set"), (4, "S2", "set")]) == []


@pytest.mark.parametrize(
    ("options", "code", "file", "row"),
    [
        ({"bed": ""}, "bed-empty", "t.bed", None),
        ({"bed": None}, "missing-file", "t.bed", None),
        ({"bed": "1\t90\t101\n"}, "bed-outside", "t.bed", 1),
        ({"bed": "chr1\t0\t50\n"}, "contig-names", "t.bed", None),
        ({"contig": "chr1"}, "contig-names", "t.vcf", None),
        ({"length": 120}, "contig-lengths", "t.vcf", None),
        ({"names": "S\tT", "row": "0/1\t0/1"}, "sample-open", "t.vcf", None),
    ],
)
def test_a_truth_set_that_cannot_be_used(one, options: dict, code: str, file: str, row) -> None:
    assert one(**options) == [(code, file, row, None)]


def test_names_in_the_sheet(one) -> None:
    assert one([(2, "S1", "other"), (3, "S2", "set"), (4, "S2", "")]) == [
        ("unknown-truth-set", "samples.csv", 2, "control"),
        ("sample-with-two-truths", "samples.csv", 4, "control"),
    ]


def test_people_of_controls_need_no_row(tmp_path: Path) -> None:
    for i in range(1, 9):
        (tmp_path / f"{i}.fq").write_text(f"{i}")
    rows = ["sample,participant,control,fastq_1,fastq_2"]
    rows += ["C1,P1,set,1.fq,2.fq", "C2,P2,set,3.fq,4.fq", "S2,P2,,5.fq,6.fq", "S3,P3,,7.fq,8.fq"]
    (tmp_path / "samples.csv").write_text("\n".join(rows) + "\n")
    units, problems = read_sheet(tmp_path / "samples.csv")
    assert problems == []
    assert only_controls(units) == {"P1"}  # P2 has a sample of the study too
    (tmp_path / "people.csv").write_text("participant,x\nP3,1\nP4,2\n")
    (tmp_path / "phenotypes.yaml").write_text(
        "participant: participant\ntraits:\n  x: {column: x, type: quantitative}\n"
    )
    _, problems, _ = clinical.check(
        tmp_path / "people.csv",
        tmp_path / "phenotypes.yaml",
        people=dict.fromkeys(("P1", "P2", "P3"), "unknown"),
        exempt=only_controls(units),
    )
    assert [(p.code, p.found.split("'")[1]) for p in problems] == [
        ("participant-without-sample", "P4"),
        ("sample-without-participant", "P2"),
    ]
