"""Records of gVCFs: padded, merged, settled; and files that are refused, with the reason."""

from __future__ import annotations

import gzip
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from genopheno.files import read_json
from genopheno.problems import StageError
from genopheno.tools import run
from genopheno.variants.gvcf import BGZF_END, normalise
from genopheno.variants.gvcf_calling import _with_copies
from genopheno.variants.gvcf_records import Unfit, merge, parse, settle

BASES = "ACGTTGCAAC" * 20
HEADER = """\
##fileformat=VCFv4.2
##contig=<ID={contig},length={length}>
##ALT=<ID=*,Description="Any">
##INFO=<ID=DP,Number=1,Type=Integer,Description="Reads">
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
##INFO=<ID=MinDP,Number=1,Type=Integer,Description="Fewest reads">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
##bcftools_callCommand=call -m -g 5
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tinside
"""


def line(pos: int, alt: str, info: str, keys: str, call: str, ref: str = "", qual="50") -> str:
    ref = ref or BASES[pos - 1]
    return f"c\t{pos}\t.\t{ref}\t{alt}\t{qual}\t.\t{info}\t{keys}\t{call}"


def block(pos: int, end: int, depth: int = 20) -> str:
    return line(pos, ".", f"END={end};MinDP={depth}", "GT:DP", f"0/0:{depth}")


def record(*words, **more):
    return parse(line(*words, **more), Counter())


def test_likelihoods_of_alleles_not_named():
    """A homozygote has no read of another allele: as with the reference, one is half as likely."""
    snp = record(11, "G", ".", "GT:PL:AD", "1/1:255,60,0:0,20")
    assert snp.alts == ["G", "<NON_REF>"]
    assert snp.call["PL"] == "255,60,0,255,60,255"
    assert snp.call["AD"] == "0,20,0"
    assert snp.call["GQ"] == "60"
    assert record(11, "G", ".", "GT:PL", "0/1:99,0,80").call["PL"] == "99,0,80,99,80,99"
    three = record(11, "G,T", ".", "GT:PL", "1/2:200,150,120,140,0,110")
    assert three.call["PL"] == "200,150,120,140,0,110,200,120,110,200"
    assert record(11, "G", ".", "GT:PL", "1:70,0").call["PL"] == "70,0,70"
    with pytest.raises(Unfit, match="4 PL for 2 alleles"):
        record(11, "G", ".", "GT:PL", "0/1:99,0,80,1")


def test_likelihoods_that_the_caller_gave_stay():
    text = line(11, "G,<NON_REF>", "DP=9", "GT:PL", "0/1:99,0,80,120,95,300")
    assert parse(text, Counter()).line() == text
    other = parse(text.replace("NON_REF", "*"), Counter())
    assert other.line() == text
    before = dict(other.call)
    assert before == other.call


def test_a_block_says_what_its_lowest_depth_says():
    counts = Counter()
    ten = parse(block(11, 20, 10), counts)
    assert ten.call == {"GT": "0/0", "GQ": "30", "DP": "10", "MIN_DP": "10"}
    assert parse(block(11, 20, 400), counts).call["GQ"] == "99"
    alone = parse(line(11, ".", "MinDP=3", "GT:DP", "0/0:3"), counts)
    assert alone.end == 11 and alone.line().split("\t")[7] == "END=11"
    assert counts["blocks_without_end"] == 1
    assert parse(line(11, ".", ".", "GT:DP", "0/0:3", ref="ACG"), counts) is None
    assert counts["absent_indels_dropped"] == 1
    deep = parse(line(11, "<*>", "END=15", "GT:GQ:MIN_DP:PL", "0/0:50:19:0,60,599"), counts)
    assert deep.call["DP"] == "19" and deep.alts == ["<NON_REF>"]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("gvcf-without-gt", line(11, "<NON_REF>", "END=12", "DP", "3")),
        ("gvcf-symbolic-allele", line(11, "<DEL>,<*>", "END=12", "GT", "0/1")),
        ("gvcf-symbolic-allele", line(11, "<*>,A", "END=12", "GT", "0/1")),
        ("gvcf-block-genotype", line(11, "<*>", "END=12", "GT", "0/1")),
        ("gvcf-damaged", line(11, "<*>", "END=9", "GT", "0/0")),
        ("gvcf-damaged", line(11, "<*>", "END=12", "GT", "0/0\t0/0")),
    ],
)
def test_records_that_cannot_be_combined(code, text):
    with pytest.raises(Unfit) as error:
        parse(text, Counter())
    assert error.value.code == code


SNP = (21, "C", ".", "GT:PL:AD:DP:GQ")
INDEL = (21, "A", ".", "GT:PL:AD:DP:GQ")


def two(snp: str, indel: str):
    return merge(record(*SNP, snp), record(*INDEL, indel, ref="ACG"))


def test_snp_and_indel_of_one_base_become_one_record():
    both = two("0/1:90,0,80:9,8,:17:80".replace("8,:", "8:"), "0/1:70,0,60:10,7:17:60")
    assert (both.ref, both.alts) == ("ACG", ["CCG", "A", "<NON_REF>"])
    assert both.call["GT"] == "1/2"
    assert both.call["GQ"] == "60"
    assert both.call["AD"] == "9,8,7,0"
    # 00, 01, 11, 02, 12, 22: sums of the doses' likelihoods, the best of them 0.
    assert both.call["PL"].split(",")[:6] == ["160", "70", "150", "90", "0", "150"]
    hom = two("0/0:0,30,200:17,0:17:30", "1/1:200,40,0:0,15:15:40")
    assert hom.call["GT"] == "2/2" and hom.call["PL"].split(",")[5] == "0"


def test_what_needs_three_chromosomes_is_not_told_in_one():
    assert two("1/1:90,20,0:0,8:8:20", "0/1:70,0,60:10,7:17:60") is None
    assert two("1:90,0:0,8:8:20", "1:70,0:0,7:7:60") is None


def settled(*lines: str) -> tuple[list[tuple], Counter]:
    counts = Counter()
    records = settle((parse(text, counts) for text in lines), lambda _, pos: BASES[pos - 1], counts)
    return [(r.pos, r.end, r.ref) for r in records], counts


VARIANT = line(25, "A", ".", "GT:PL", "0/1:99,0,80")


def test_no_two_records_tell_of_one_position():
    places, counts = settled(block(11, 40), VARIANT, block(41, 50))
    assert places == [
        (11, 24, "A"),
        (25, None, "T"),
        (26, 40, "G"),
        (41, 50, "A"),
    ]
    assert counts["blocks_cut"] == counts["blocks_split"] == 1
    places, counts = settled(block(11, 25), VARIANT, block(25, 30), block(28, 29), block(30, 33))
    assert [p[:2] for p in places] == [(11, 24), (25, None), (26, 30), (31, 33)]
    assert counts["blocks_covered"] == 1
    places, counts = settled(block(25, 25), VARIANT, block(26, 30))
    assert [p[:2] for p in places] == [(25, None), (26, 30)]
    assert counts["blocks_covered"] == 1
    places, counts = settled(block(11, 30), VARIANT, VARIANT.replace("\t50\t", "\t60\t"))
    assert [p[:2] for p in places] == [(11, 24), (25, None), (26, 30)]
    assert counts["variants_merged"] == 1


def test_records_out_of_order_are_refused():
    with pytest.raises(Unfit, match="c:11 comes after c:25"):
        settled(VARIANT, block(11, 20))
    with pytest.raises(Unfit, match="contig c comes a second time"):
        settled(block(11, 20), block(1, 20).replace("c\t", "d\t", 1), VARIANT)


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "g.fa"
    path.write_text(f">c\n{BASES}\n")
    run(["samtools", "faidx", path])
    return path


GOOD = [block(11, 20), line(21, "C", "DP=9", "GT:PL:AD", "0/1:99,0,80:9,9"), block(22, 60)]


def handed_in(path: Path, records: list[str], *, contig="c", length=200) -> Path:
    text = HEADER.format(contig=contig, length=length) + "".join(f"{r}\n" for r in records)
    if path.suffix == ".gz":
        plain = path.with_suffix("")
        plain.write_text(text)
        run(["bgzip", "-f", plain])
    else:
        path.write_text(text)
    return path


def test_a_file_becomes_ready(reference, tmp_path):
    gvcf = handed_in(tmp_path / "in.g.vcf.gz", GOOD)
    out = tmp_path / "out" / "s1.g.vcf.gz"
    counts = normalise(
        gvcf, sample="s1", reference=reference, out_gvcf=out, report=tmp_path / "r.json"
    )
    assert counts == read_json(tmp_path / "r.json")
    assert (counts["records_in"], counts["records_out"], counts["variants"]) == (3, 3, 1)
    assert run(["bcftools", "query", "-l", out]).split() == ["s1"]
    rows = run(["bcftools", "query", "-r", "c", "-f", "%POS %END %ALT [%GT]\n", out]).splitlines()
    assert rows == ["11 20 <NON_REF> 0/0", "21 21 C,<NON_REF> 0/1", "22 60 <NON_REF> 0/0"]
    assert {p.name for p in out.parent.iterdir()} == {"s1.g.vcf.gz", "s1.g.vcf.gz.tbi"}


def refused(reference: Path, gvcf: Path, tmp_path: Path) -> str:
    with pytest.raises(StageError) as error:
        normalise(gvcf, sample="s1", reference=reference, out_gvcf=tmp_path / "o" / "s.g.vcf.gz")
    assert not list((tmp_path / "o").glob("*")) if (tmp_path / "o").exists() else True
    return str(error.value)


def test_a_file_that_is_cut_short(reference, tmp_path):
    whole = handed_in(tmp_path / "in.g.vcf.gz", GOOD).read_bytes()
    (tmp_path / "cut.g.vcf.gz").write_bytes(whole.removesuffix(BGZF_END))
    said = refused(reference, tmp_path / "cut.g.vcf.gz", tmp_path)
    assert said.startswith("gvcf-truncated") and "its last block is missing" in said
    # Of another caller: no tool reads it before us.
    text = handed_in(tmp_path / "plain.g.vcf", [GOOD[0], GOOD[2]]).read_text()
    text = text.replace("##bcftools_callCommand", "##DeepVariant_version")
    text = text.replace("\t.\t50", "\t<*>\t50")
    (tmp_path / "noend.g.vcf").write_text(text.removesuffix("\n"))
    said = refused(reference, tmp_path / "noend.g.vcf", tmp_path)
    assert said.startswith("gvcf-truncated") and "its last line has no end" in said


def test_a_gzip_that_is_cut_short_far_from_its_start(reference, tmp_path, data):
    source = next((data("kgp_gvcf_chr22") / "gvcf").glob("*.g.vcf.gz"))
    packed = gzip.compress(gzip.decompress(source.read_bytes()) * 1, 6)
    (tmp_path / "gz.g.vcf.gz").write_bytes(packed[:-300])
    said = refused(reference, tmp_path / "gz.g.vcf.gz", tmp_path)
    assert said.startswith(("gvcf-not-a-vcf", "gvcf-truncated"))


def test_a_file_of_another_reference(reference, tmp_path):
    with_chr = [row.replace("c\t", "chrc\t", 1) for row in GOOD]
    said = refused(reference, handed_in(tmp_path / "a.g.vcf", with_chr, contig="chrc"), tmp_path)
    assert (
        said.startswith("contig-names") and "(it has c)" in said and "with chr or without" in said
    )
    said = refused(reference, handed_in(tmp_path / "b.g.vcf", GOOD, length=999), tmp_path)
    assert said.startswith("reference-differs") and "999 and 200" in said
    other = [GOOD[0], line(21, "C", "DP=9", "GT:PL:AD", "0/1:99,0,80:9,9", ref="T"), GOOD[2]]
    said = refused(reference, handed_in(tmp_path / "c.g.vcf", other), tmp_path)
    assert said.startswith("reference-differs") and "c:21 has REF T" in said


def test_blocks_must_be_there_and_genotypes_too(reference, tmp_path):
    said = refused(reference, handed_in(tmp_path / "a.g.vcf", [GOOD[1]]), tmp_path)
    assert said.startswith("gvcf-without-blocks")
    bare = line(21, "C", "DP=9", "PL", "99,0,80")
    said = refused(reference, handed_in(tmp_path / "b.g.vcf", [GOOD[0], bare]), tmp_path)
    assert said.startswith("gvcf-without-gt")


def test_regions_by_copies():
    regions = [("x", 10, 20, 1), ("y", 0, 50, 0), ("x", 40, 50, 2)]
    lengths = {"a": 30, "x": 60, "y": 50}
    assert _with_copies(regions, lengths, 1) == [("x", 10, 20)]
    assert _with_copies(regions, lengths, 0) == [("y", 0, 50)]
    assert _with_copies(regions, lengths, 2) == [("a", 0, 30), ("x", 0, 10), ("x", 20, 60)]
    assert all(a < b for a, b in pairwise(_with_copies(regions, lengths, 2)))
