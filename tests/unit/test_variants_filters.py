"""Each reason in FILTER, against the same threshold worked out by hand or by SciPy."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from genopheno.tools import run
from genopheno.variants.filters import expressions
from genopheno.variants.gather import count_filters, filtering

HEADER = """##fileformat=VCFv4.2
##contig=<ID=1,length=1000>
##INFO=<ID=DP4,Number=4,Type=Integer,Description="x">
##INFO=<ID=MQ,Number=1,Type=Integer,Description="x">
##INFO=<ID=MQM,Number=A,Type=Float,Description="x">
##INFO=<ID=RO,Number=1,Type=Integer,Description="x">
##INFO=<ID=SAP,Number=A,Type=Float,Description="x">
##INFO=<ID=SRP,Number=1,Type=Float,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb
"""
LIMITS = {
    "min_quality": 20,
    "min_depth": 5,
    "min_mapping_quality": 30,
    "min_allele_fraction": 0.2,
    "max_strand_bias": 60,
}
GOOD = ("0/1:10,10:20", "0/0:20,0:20")


def filters(tmp_path, caller: str, records: list[tuple]) -> list[str]:
    """FILTER of records (QUAL, INFO, sample a, sample b)."""
    path = tmp_path / "in.vcf"
    lines = [
        f"1\t{i}\t.\tA\tC\t{quality}\t.\t{info}\tGT:AD:DP\t{a}\t{b}\n"
        for i, (quality, info, a, b) in enumerate(records, start=1)
    ]
    path.write_text(HEADER + "".join(lines))
    rules = expressions(caller, LIMITS)
    out = tmp_path / "out.bcf"
    run(
        ["bcftools", "view", "-Ou", path],
        *filtering(rules),
        ["bcftools", "view", "-Ob", "-o", out, "-"],
    )
    found = run(["bcftools", "query", "-f", "%FILTER\n", out]).split()
    passing, per_filter = count_filters(out, rules)
    assert passing == found.count("PASS")
    assert per_filter == {name: sum(name in f.split(";") for f in found) for name in rules}
    return found


@pytest.mark.parametrize(("caller", "sound"), [("bcftools", "MQ=60"), ("freebayes", "MQM=60")])
def test_quality_depth_balance_and_mapping(tmp_path, caller, sound):
    poor = sound.replace("60", "29")
    found = filters(
        tmp_path,
        caller,
        [
            (20, sound, *GOOD),
            (19.9, sound, *GOOD),
            (50, poor, *GOOD),
            # One sample with enough reads, or enough of the allele, is enough.
            (50, sound, "0/1:2,2:4", "0/0:4,0:4"),
            (50, sound, "0/1:2,2:4", "0/1:3,2:5"),
            (50, sound, "0/1:17,3:20", "0/1:19,1:20"),
            (50, sound, "0/1:17,3:20", "0/1:16,4:20"),
            # A haploid call, and samples without reads or without any value.
            (50, sound, "1:0,9:9", "0/0:0,0:0"),
            (50, sound, "1/1:0,9:9", ".:.:."),
            (5, poor, "0/1:3,0:3", "0/0:0,0:0"),
        ],
    )
    assert found == [
        *("PASS", "LowQual", "LowMapQ", "LowDepth", "PASS", "AlleleBalance"),
        *("PASS", "PASS", "PASS", "LowQual;LowDepth;LowMapQ;AlleleBalance"),
    ]


def test_strand_bias_of_bcftools_is_the_binomial_test(tmp_path):
    counts = [
        *((10, 10, 20, 0), (10, 10, 21, 1), (10, 10, 0, 30), (10, 10, 16, 14)),
        *((20, 0, 30, 0), (0, 0, 30, 0), (7, 12, 25, 1), (10, 10, 19, 0)),
    ]
    found = filters(
        tmp_path,
        "bcftools",
        [(50, f"MQ=60;DP4={','.join(map(str, four))}", *GOOD) for four in counts],
    )
    expected = []
    for ref_forward, ref_reverse, forward, reverse in counts:
        reference = ref_forward + ref_reverse
        even = reference and binomtest(ref_forward, reference).pvalue > 0.05
        biased = binomtest(forward, forward + reverse).pvalue < 1e-6
        expected.append("StrandBias" if biased and even else "PASS")
    assert found == expected
    assert {"StrandBias", "PASS"} == set(expected)


def test_strand_bias_of_freebayes_takes_its_own_phred_values(tmp_path):
    values = [(60.5, 3, 9), (59.5, 3, 9), (90, 13.5, 9), (90, 12.5, 9), (90, 0, 0)]
    found = filters(
        tmp_path,
        "freebayes",
        [(50, f"MQM=60;SAP={sap};SRP={srp};RO={ro}", *GOOD) for sap, srp, ro in values],
    )
    assert found == ["StrandBias", "PASS", "PASS", "StrandBias", "PASS"]


def test_what_is_not_given_or_not_known_is_not_applied():
    assert expressions("bcftools", {"min_quality": 20, "min_depth": None}) == {"LowQual": "QUAL<20"}
    # Calls of another program have QUAL and FORMAT only.
    assert set(expressions("gatk", LIMITS)) == {"LowQual", "LowDepth", "AlleleBalance"}
