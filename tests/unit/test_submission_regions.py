"""Targets of an exome or panel against the reference."""

from __future__ import annotations

import gzip

import pytest

from genopheno.bed import merge
from genopheno.files import read_json
from genopheno.problems import StageError
from genopheno.submission.regions import check_targets, write_targets

LENGTHS = {"1": 1000, "2": 500, "X": 300}


def check(tmp_path, text: str):
    path = tmp_path / "targets.bed"
    path.write_text(text)
    return check_targets(path, LENGTHS)


def test_targets_are_sorted_as_the_reference_and_merged_with_a_note(tmp_path):
    regions, problems, notes = check(
        tmp_path,
        "browser position chr1\ntrack name=kit\n#contig\tstart\tend\n"
        "X\t10\t20\n1\t50\t60\tGENE1\n1\t5\t15\r\n1\t15\t30\n1\t40\t55\n\n2 0 500\n",
    )
    assert problems == []
    assert regions == [("1", 5, 30), ("1", 40, 60), ("2", 0, 500), ("X", 10, 20)]
    assert len(notes) == 1
    assert "6 targets overlap or touch and are taken as 4" in notes[0]
    assert check(tmp_path, "1\t5\t15\n1\t16\t30\n")[2] == []


def test_gzip_is_read_too(tmp_path):
    path = tmp_path / "targets.bed.gz"
    path.write_bytes(gzip.compress(b"1\t5\t15\n"))
    assert check_targets(path, LENGTHS)[0] == [("1", 5, 15)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("bed-empty", None)]),
        ("#contig\tstart\tend\ntrack x\n", [("bed-empty", None)]),
        ("1\t5\n1\t5\tx\n1\t-1\t5\n1\t7\t7\n", [("bed-record", n) for n in (1, 2, 3, 4)]),
        ("1\t5\t10\n1\t990\t1001\n9\t5\t10\n", [("bed-outside", 2), ("bed-outside", 3)]),
        ("chr1\t5\t10\nchrX\t5\t10\n", [("contig-names", 1), ("contig-names", 2)]),
    ],
)
def test_each_fault_has_its_code_and_line(tmp_path, text, expected):
    _, problems, _ = check(tmp_path, text)
    assert [(p.code, p.row) for p in problems] == expected
    with pytest.raises(StageError, match=expected[0][0]):
        write_targets(tmp_path / "targets.bed", LENGTHS, tmp_path / "o.bed", tmp_path / "o.json")
    assert not (tmp_path / "o.bed").exists()


def test_the_message_says_how_the_reference_calls_it(tmp_path):
    _, [problem], _ = check(tmp_path, "chr1\t5\t10\n")
    assert "contig 'chr1' is called '1' in the reference" in problem.found


def test_a_bed_of_another_build_is_not_told_line_by_line(tmp_path):
    _, problems, _ = check(tmp_path, "".join(f"1\t{2000 + i}\t{2001 + i}\n" for i in range(500)))
    assert len(problems) == 21
    assert "480 more lines" in problems[-1].found


def test_absent_file(tmp_path):
    _, [problem], _ = check_targets(tmp_path / "none.bed", LENGTHS)
    assert problem.code == "missing-file"


def test_padding_within_the_contig_then_merged(tmp_path):
    (tmp_path / "t.bed").write_text("1\t50\t60\n1\t120\t130\n1\t900\t990\n")
    counts = write_targets(
        tmp_path / "t.bed", LENGTHS, tmp_path / "o.bed", tmp_path / "o.json", padding=60
    )
    assert (tmp_path / "o.bed").read_text() == "1\t0\t190\n1\t840\t1000\n"
    assert counts == read_json(tmp_path / "o.json")
    assert (counts["regions"], counts["bases"]) == (3, 110)
    assert (counts["regions_padded"], counts["bases_padded"]) == (2, 350)


def test_merge_keeps_what_does_not_touch():
    assert merge([("a", 0, 5), ("a", 5, 7), ("a", 8, 9), ("b", 8, 9)]) == [
        ("a", 0, 7),
        ("a", 8, 9),
        ("b", 8, 9),
    ]
