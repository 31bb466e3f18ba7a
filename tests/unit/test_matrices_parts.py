"""Parts of the matrices: the exact test in whole numbers, BCF that bcftools does not write."""

import io
import struct
from fractions import Fraction
from math import factorial

import numpy as np
import pytest

from genopheno import calls
from genopheno.matrices import bcf
from genopheno.matrices.hardy import mid_p
from genopheno.problems import StageError


def exact(hom_ref, het, hom_alt):
    """Mid-p by the definition, in fractions: every number of heterozygotes that is possible."""
    people, rare = hom_ref + het + hom_alt, 2 * min(hom_ref, hom_alt) + het

    def weight(n):
        few = (rare - n) // 2
        many = people - n - few
        return Fraction(2**n, factorial(n) * factorial(few) * factorial(many))

    weights = {n: weight(n) for n in range(rare % 2, rare + 1, 2)}
    seen = weights[het]
    less = sum(w for w in weights.values() if w < seen)
    equal = sum(w for w in weights.values() if w == seen)
    return float((less + equal / 2) / sum(weights.values()))


def test_mid_p_is_that_of_the_definition_for_all_counts_of_up_to_eleven_people():
    triples = [
        (a, b, n - a - b) for n in range(1, 12) for a in range(n + 1) for b in range(n - a + 1)
    ]
    found = mid_p(*np.array(triples).T)
    assert found == pytest.approx([exact(*triple) for triple in triples], rel=1e-12)


def test_mid_p_far_from_equilibrium_and_without_anybody():
    found = mid_p(np.array([120, 0, 0]), np.array([2, 90, 0]), np.array([100, 0, 0]))
    assert found[:2] == pytest.approx([exact(120, 2, 100), exact(0, 90, 0)], rel=1e-9)
    assert found[0] < 1e-55 and np.isnan(found[2])


@pytest.mark.parametrize("het", [150, 181, 201, 231, 287, 289, 291, 301, 361, 401])
def test_mid_p_of_a_common_variant_near_and_far(het):
    """Near its expectation only part of the possible numbers is looked at."""
    counts = ((401 - het) // 2, het, 700 - het - (401 - het) // 2)
    if het % 2 == 0:
        counts = ((400 - het) // 2, het, 700 - het - (400 - het) // 2)
    found = mid_p(*(np.array([n]) for n in counts))
    assert found == pytest.approx([exact(*counts)], rel=1e-9)


HEADER = (
    "##fileformat=VCFv4.2\n"
    '##FILTER=<ID=PASS,Description="All, ID=x,IDX=7"{0}>\n'
    "##contig=<ID=1{0}>\n##contig=<ID=2,length=9{1}>\n"
    '##INFO=<ID=GT,Number=1,Type=String,Description="x"{1}>\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="x"{1}>\n'
    '##FORMAT=<ID=GQ,Number=1,Type=Float,Description="x"{2}>\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\tc\n"
)


def header(*numbers):
    text = HEADER.format(*numbers).encode() + b"\0"
    return bcf.parse_header(bcf.MAGIC + struct.pack("<I", len(text)) + text)


@pytest.mark.parametrize("numbers", [("", "", ""), (",IDX=0", ",IDX=1", ",IDX=2")])
def test_numbers_of_a_header_with_and_without_idx(numbers):
    found = header(*numbers)
    assert found.contigs == {0: "1", 1: "2"}
    assert found.keys == {"PASS": 0, "GT": 1, "GQ": 2}
    assert found.formats == {"GT": "String", "GQ": "Float"}
    assert found.samples == ("a", "b", "c")


def record(genotypes, kind, length):
    """One record 1:5 A>C, GT as values of a type."""
    shared = struct.pack("<iiifII", 0, 4, 1, 50.0, 2 << 16, 1 << 24 | 3)
    shared += b"\x07" + b"\x17A" + b"\x17C" + b"\x00"
    individual = bytes((0x11, 1, length << 4 | kind)) + genotypes
    return struct.pack("<II", len(shared), len(individual)) + shared + individual


WIDE = np.array([[2, 5], [4, -32767], [0, 0]], "<i2")  # 0|1, 1, ./.


@pytest.mark.parametrize(
    ("data", "kind", "length", "expected"),
    [
        (WIDE.tobytes(), 2, 2, ["0|1", "1", "./."]),
        (bytes([2, 4, 0]), 1, 1, ["0", "1", "."]),
        (b"", 1, 0, ["./.", "./.", "./."]),
    ],
    ids=["int16", "all haploid", "no values"],
)
def test_genotypes_of_other_widths(data, kind, length, expected):
    source = io.BytesIO(record(data, kind, length))
    (block,) = bcf.blocks(source, header("", "", ""), rows=9)
    pairs, _ = block.columns([0])
    assert [calls.TEXT[code] for code in calls.encode(pairs)[0]] == expected
    assert block.positions().tolist() == [5]
    assert block.has_alleles(0, b"A", b"C") and not block.has_alleles(0, b"A", b"G")
    if length:
        changed = pairs[0].copy()
        changed[0] = calls.decode(np.int8(8)) if length == 2 else calls.decode(np.int8(11))
        block.set_genotypes(0, changed)
        again, _ = block.columns([0])
        assert (again[0] == changed).all()
        assert len(block.raw([0])) == len(record(data, kind, length))


def test_a_stream_that_ends_within_a_record_is_refused():
    whole = record(WIDE.tobytes(), 2, 2)
    for end in (len(whole) - 1, len(whole) + 5):
        source = io.BytesIO((whole + whole)[:end])
        with pytest.raises(StageError, match="bcf-truncated"):
            list(bcf.blocks(source, header("", "", ""), rows=9))
