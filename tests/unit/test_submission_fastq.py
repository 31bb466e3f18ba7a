"""Read pairs: what is accepted, what is counted, and every fault."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest

from genopheno.files import md5
from genopheno.submission.fastq import check_pair

Records = list[list[str]]


def records(n: int = 50, mate: int = 1, seed: int = 1, longest: int = 80) -> Records:
    draw = random.Random(seed + mate)
    made = []
    for i in range(n):
        length = draw.randint(20, longest)
        bases = "".join(draw.choices("ACGTN", k=length))
        marks = "".join(draw.choices("#,:AFJ", k=length))
        made.append([f"@run:1:{i} {mate}:N:0", bases, "+", marks])
    return made


def text(made: Records, end: str = "\n") -> bytes:
    return "".join(end.join(record) + end for record in made).encode()


def pair(folder: Path, one: bytes, two: bytes) -> dict:
    paths = folder / "R1.fastq", folder / "R2.fastq"
    for path, content in zip(paths, (one, two), strict=True):
        path.write_bytes(content)
    return check_pair(*paths)


def codes(result: dict) -> list[tuple[str, str]]:
    return [(column, code) for column, code, _, _ in result["faults"]]


def spoil(folder: Path, change: Callable[[Records], None], mate: int = 1) -> dict:
    made = [records(mate=1), records(mate=2)]
    change(made[mate - 1])
    return pair(folder, *(text(m) for m in made))


def test_counts_and_checksums_are_those_of_pysam_and_md5sum(tmp_path):
    """Blocks of reading end anywhere: files of several blocks against an independent reader."""
    made = [records(40_000, mate, longest=150) for mate in (1, 2)]
    result = pair(tmp_path, *(gzip.compress(text(m), 1) for m in made))
    assert result["faults"] == []
    for side in result["sides"]:
        with pysam.FastxFile(side["path"]) as peer:
            lengths = [len(read.sequence) for read in peer]
        assert side["reads"] == len(lengths)
        assert side["bases"] == sum(lengths)
        assert (side["min_length"], side["max_length"]) == (min(lengths), max(lengths))
        assert side["md5"] == md5(side["path"])
        assert side["size"] == Path(side["path"]).stat().st_size


def bgzip(content: bytes, folder: Path) -> bytes:
    path = folder / "packed.gz"
    with pysam.BGZFile(str(path), "wb") as handle:
        handle.write(content)
    return path.read_bytes()


@pytest.mark.parametrize("form", ["plain", "gzip", "members", "bgzip", "padded", "crlf", "blank"])
def test_forms_of_fastq(tmp_path, form):
    made = [records(9_000, mate) for mate in (1, 2)]
    change = {
        "plain": text,
        "gzip": lambda m: gzip.compress(text(m)),
        "members": lambda m: b"".join(gzip.compress(text(m[i : i + 7])) for i in range(0, 9000, 7)),
        "bgzip": lambda m: bgzip(text(m), tmp_path),
        "padded": lambda m: gzip.compress(text(m)) + b"\0" * 700,
        "crlf": lambda m: text(m, "\r\n"),
        "blank": lambda m: text(m) + b"\n",
    }[form]
    result = pair(tmp_path, *map(change, made))
    assert result["faults"] == []
    assert [side["reads"] for side in result["sides"]] == [9000, 9000]
    assert result["sides"][0]["bases"] == sum(len(r[1]) for r in made[0])


def test_no_newline_at_the_end(tmp_path):
    made = [text(records(mate=mate)).rstrip(b"\n") for mate in (1, 2)]
    result = pair(tmp_path, *made)
    assert result["faults"] == [] and result["sides"][0]["reads"] == 50


@pytest.mark.parametrize(
    "names",
    [
        ("@a/1", "@a/2"),
        ("@a 1:N:0:ACGT", "@a 2:N:0:ACGT"),
        ("@a\t1", "@a\t2"),
        ("@a/1 x", "@a/2 y"),
        ("@a", "@a"),
        ("@a.1 1 length=9", "@a.1 1 length=8"),
    ],
)
def test_names_of_mates_that_agree(tmp_path, names):
    one, two = (text([[name, "ACGT", "+", "FF#F"]]) for name in names)
    assert pair(tmp_path, one, two)["faults"] == []


@pytest.mark.parametrize(
    "names", [("@a/1", "@b/2"), ("@a", "@a.1"), ("@a1", "@a2"), ("@a b", "@b")]
)
def test_names_of_mates_that_differ(tmp_path, names):
    one, two = (text([[name, "ACGT", "+", "FF#F"]]) for name in names)
    assert codes(pair(tmp_path, one, two)) == [("fastq_2", "read-names")]


def test_the_first_read_out_of_step_is_named_even_far_in_the_file(tmp_path):
    made = [records(30_000, mate) for mate in (1, 2)]
    del made[1][23_456]
    result = pair(tmp_path, *(gzip.compress(text(m), 1) for m in made))
    assert codes(result) == [("fastq_2", "read-names")]
    found = result["faults"][0][2]
    assert "read 23457 (line 93825) is 'run:1:23456'" in found
    assert "'run:1:23457'" in found and "30000 and 29999 reads" in found


@pytest.mark.parametrize("mate", [1, 2])
def test_another_number_of_reads(tmp_path, mate):
    result = spoil(tmp_path, lambda m: m.__delitem__(slice(-5, None)), mate)
    assert codes(result) == [("fastq_2", "read-count")]
    assert f"R{mate}.fastq has 45" in result["faults"][0][2]
    assert f"R{3 - mate}.fastq has 50" in result["faults"][0][2]


def test_mates_of_very_different_length_stay_in_step(tmp_path):
    short = [[f"@{i}", "A", "+", "#"] for i in range(20_000)]
    long = [[f"@{i}", "A" * 300, "+", "#" * 300] for i in range(20_000)]
    assert pair(tmp_path, text(short), text(long))["faults"] == []


@pytest.mark.parametrize("mate", [1, 2])
@pytest.mark.parametrize(
    ("place", "line", "value", "code", "words"),
    [
        (3, 0, "run:1:3", "fastq-record", "read 4 (line 13): its first line begins with 'r'"),
        (3, 0, "", "fastq-record", "begins with nothing"),
        (4, 2, "-", "fastq-record", "read 5 (line 17): its third line begins with '-'"),
        (5, 3, "##", "fastq-record", "but 2 qualities"),
        (0, 3, "", "fastq-record", "read 1 (line 1)"),
        (49, 1, "A", "fastq-record", "read 50 (line 197): it has 1 bases"),
        (2, 1, "X", "illegal-base", "read 3 (line 9): 'X' is not a base"),
        (2, 3, " ", "quality-encoding", "read 3 (line 9): ' ' is not a quality"),
        (2, 3, "\x7f", "quality-encoding", "is not a quality"),
    ],
)
def test_records(tmp_path, mate, place, line, value, code, words):
    def change(made: Records) -> None:
        if code in ("illegal-base", "quality-encoding"):
            value_of_length = made[place][line]
            made[place][line] = value + value_of_length[1:]
        else:
            made[place][line] = value

    result = spoil(tmp_path, change, mate)
    assert codes(result) == [(f"fastq_{mate}", code)]
    assert words in result["faults"][0][2]


@pytest.mark.parametrize("shift", [31, 33])
def test_phred_64_is_recognised(tmp_path, shift):
    def change(made: Records) -> None:
        for record in made:
            record[3] = "".join(chr(ord(mark) + shift) for mark in record[3])

    result = spoil(tmp_path, change, 2)
    assert codes(result) == [("fastq_2", "quality-encoding")]
    assert "Phred+64" in result["faults"][0][2]


@pytest.mark.parametrize("mark", ["I", "J", "F", "?", "!", ";"])
def test_one_constant_quality_of_phred_33_is_fine(tmp_path, mark):
    made = [[["@r", "ACGT", "+", mark * 4]] for _ in (1, 2)]
    assert pair(tmp_path, *map(text, made))["faults"] == []


def test_both_files_are_told_of(tmp_path):
    packed = gzip.compress(text(records()))
    result = pair(tmp_path, packed[:-9], b"no reads\n")
    assert sorted(codes(result)) == [("fastq_1", "gzip-truncated"), ("fastq_2", "fastq-record")]


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 100, 2000])
def test_gzip_that_is_cut_off(tmp_path, cut):
    made = [gzip.compress(text(records(200, mate))) for mate in (1, 2)]
    assert codes(pair(tmp_path, made[0][:-cut], made[1])) == [("fastq_1", "gzip-truncated")]


def test_bgzip_that_is_cut_off_in_its_header(tmp_path):
    made = [bgzip(text(records(4000, mate)), tmp_path) for mate in (1, 2)]
    second = made[0].index(b"\x1f\x8b\x08\x04", 100)
    assert codes(pair(tmp_path, made[0][: second + 5], made[1])) == [("fastq_1", "gzip-truncated")]


def test_plain_text_that_is_cut_off(tmp_path):
    one, two = (text(records(mate=mate)) for mate in (1, 2))
    result = pair(tmp_path, one, two[:-100])
    assert codes(result) == [("fastq_2", "fastq-record")]


@pytest.mark.parametrize("place", [-6, -2, 300])
def test_gzip_that_is_damaged(tmp_path, place):
    made = [bytearray(gzip.compress(text(records(200, mate)))) for mate in (1, 2)]
    made[1][place] ^= 0xFF
    (result,) = codes(pair(tmp_path, *map(bytes, made)))
    assert result[0] == "fastq_2" and result[1].startswith("gzip-")


def test_gzip_with_something_else_behind(tmp_path):
    made = [gzip.compress(text(records(mate=mate))) for mate in (1, 2)]
    assert codes(pair(tmp_path, made[0] + b"<html>", made[1])) == [("fastq_1", "gzip-damaged")]


@pytest.mark.parametrize("content", [gzip.compress(b""), b"\n"], ids=["no bytes", "a line"])
def test_no_reads(tmp_path, content):
    result = pair(tmp_path, content, text(records()))
    assert [column for column, _ in codes(result)] == ["fastq_1"]


def test_a_bam_is_named_as_such(tmp_path):
    with pysam.AlignmentFile(str(tmp_path / "x.bam"), "wb", header={"SQ": [{"SN": "1", "LN": 9}]}):
        pass
    result = pair(tmp_path, (tmp_path / "x.bam").read_bytes(), text(records()))
    assert "BAM" in result["faults"][0][2]


def test_a_file_that_cannot_be_opened(tmp_path):
    (tmp_path / "R1.fastq").mkdir()
    (tmp_path / "R2.fastq").write_bytes(text(records()))
    result = check_pair(tmp_path / "R1.fastq", tmp_path / "R2.fastq")
    assert codes(result) == [("fastq_1", "unreadable-file")]


def test_one_file_alone(tmp_path):
    (tmp_path / "R1.fastq").write_bytes(text(records()))
    result = check_pair(tmp_path / "R1.fastq", None)
    assert result["faults"] == [] and [s["reads"] for s in result["sides"]] == [50]


def test_real_reads(data):
    folder = data("giab_tiny") / "fastq"
    result = check_pair(folder / "NA12878_R1.fastq.gz", folder / "NA12878_R2.fastq.gz")
    assert result["faults"] == []
    for side in result["sides"]:
        assert (side["reads"], side["max_length"]) == (1633, 151)
        assert side["bases"] == sum(len(r.sequence) for r in pysam.FastxFile(side["path"]))
