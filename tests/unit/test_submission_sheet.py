"""The sample sheet: what is understood, and every fault with its code, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from genopheno import fields
from genopheno.problems import StageError
from genopheno.submission.names import file_fault, name_fault
from genopheno.submission.sheet import (
    people,
    read_sheet,
    read_units,
    read_with_files,
    write_units,
)
from genopheno.submission.unit import COLUMNS_OF_UNITS

HEADER = "sample,participant,sex,library,lane,platform,fastq_1,fastq_2"


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A folder with files 1.fq … 9.fq, all different; it is the working folder."""
    for i in range(1, 10):
        (tmp_path / f"{i}.fq").write_text(f"content {i}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def faults(text: str | bytes, name: str = "samples.csv") -> list[tuple]:
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    _, problems, _ = read_with_files(name)
    assert all(p.file == name and p.found and p.mend for p in problems)
    return [(p.code, p.row, p.column) for p in problems]


def sheet(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


GOOD = "S1,P1,female,lib,L1,ILLUMINA,1.fq,2.fq"


def test_all_columns(project):
    Path("s.csv").write_text(sheet("S1,P1,XX,libA,L7,illumina,1.fq,2.fq"))
    (unit,), problems = read_sheet("s.csv")
    assert problems == []
    assert (unit.sample, unit.participant, unit.sex) == ("S1", "P1", "female")
    assert (unit.unit, unit.library, unit.lane) == ("libA.L7", "libA", "L7")
    assert (unit.platform, unit.fastq_1, unit.fastq_2) == ("ILLUMINA", "1.fq", "2.fq")
    assert unit.row == 2 and unit.read_group_id == "S1.libA.L7"


def test_columns_of_units_are_the_registry_s():
    assert list(COLUMNS_OF_UNITS) == fields.names("units")


def test_absent_columns_get_their_defaults_and_are_told(project):
    Path("s.csv").write_text(sheet("S1,P1,1.fq,2.fq", header="sample,participant,fastq_1,fastq_2"))
    (unit,), problems, notes = read_with_files("s.csv")
    assert problems == []
    assert (unit.sex, unit.library, unit.lane, unit.platform) == ("unknown", "S1", "L1", "ILLUMINA")
    assert len(notes) == 4


def test_a_sarek_sheet_is_understood(project):
    Path("s.csv").write_text(
        "patient,sex,status,sample,lane,fastq_1,fastq_2\n"
        "P1,XX,0,S1,lane_1,1.fq,2.fq\nP1,XX,0,S1,lane_2,3.fq,4.fq\nP2,XY,0,S2,lane_1,5.fq,6.fq\n"
        "P3,NA,0,S3,lane_1,7.fq,8.fq\n"
    )
    units, problems, notes = read_with_files("s.csv")
    assert problems == []
    assert people(units) == {"P1": "female", "P2": "male", "P3": "unknown"}
    assert [unit.read_group_id for unit in units[:2]] == ["S1.S1.lane_1", "S1.S1.lane_2"]
    assert any("'status'" in note for note in notes)


def test_a_tumour_of_a_sarek_sheet_is_refused(project):
    text = "patient,status,sample,lane,fastq_1,fastq_2\nP1,1,S1,L1,1.fq,2.fq\n"
    assert faults(text) == [("tumour-sample", 2, "status")]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + sheet(GOOD),
        sheet(GOOD).replace("\n", "\r\n"),
        sheet(GOOD).replace("\n", "\r"),
        sheet(GOOD).replace(",", "\t"),
        sheet(GOOD).replace(",", ";"),
        sheet(GOOD).replace(",", " , "),
        sheet(GOOD).replace("\n", ",,,\n") + ",,,\n\n  \n",
        "\n" + sheet(GOOD) + "\n\n",
        sheet(GOOD).rstrip("\n"),
        sheet(GOOD).replace("sample,", "Sample,"),
        sheet(GOOD).replace("S1", '"S1"'),
    ],
    ids=[
        "BOM", "CRLF", "CR", "TSV", "semicolons", "blanks", "trailing cells", "blank lines",
        "no last newline", "capitals", "quotes",
    ],
)  # fmt: skip
def test_spellings_of_a_table(project, text):
    Path("s.csv").write_bytes(text.encode())
    (unit,), problems = read_sheet("s.csv")
    assert problems == []
    assert (unit.sample, unit.sex, unit.fastq_2) == ("S1", "female", "2.fq")


@pytest.mark.parametrize(
    ("said", "sex"),
    [(s, "female") for s in ("female", "F", "XX", "Female", "f")]
    + [(s, "male") for s in ("male", "M", "XY", "xy")]
    + [(s, "unknown") for s in ("unknown", "NA", "", "na")],
)
def test_sex(project, said, sex):
    Path("s.csv").write_text(sheet(GOOD.replace("female", said)))
    (unit,), problems = read_sheet("s.csv")
    assert (unit.sex, problems) == (sex, [])


def test_an_unknown_sex_takes_the_known_one_of_the_same_person(project):
    Path("s.csv").write_text(
        sheet("S1,P1,NA,lib,L1,ILLUMINA,1.fq,2.fq", "S1,P1,F,lib,L2,ILLUMINA,3.fq,4.fq")
    )
    units, problems = read_sheet("s.csv")
    assert problems == [] and [unit.sex for unit in units] == ["female", "female"]


OTHER = "S2,P2,male,lib,L1,ILLUMINA,3.fq,4.fq"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("sheet-empty", None, None)]),
        ("\n\n", [("sheet-empty", None, None)]),
        (HEADER + "\n", [("sheet-empty", None, None)]),
        (b"\xff\xfes\0a\0", [("sheet-unreadable", None, None)]),
        (b"PK\x03\x04\0\0", [("sheet-unreadable", None, None)]),
        (sheet('S1,"P1', GOOD), [("sheet-unreadable", 3, None)]),
        (
            sheet("S1,L1", header="sample,lane"),
            [("missing-column", 1, "participant"), ("missing-column", 1, "fastq_1")],
        ),
        (sheet(GOOD, header=HEADER + ",sample"), [("duplicate-column", 1, "sample")]),
        (sheet(GOOD, header=HEADER + ",patient"), [("duplicate-column", 1, "patient")]),
        (sheet(GOOD + ",more"), [("extra-cells", 2, None)]),
        (sheet(",P1,female,lib,L1,ILLUMINA,1.fq,2.fq"), [("missing-value", 2, "sample")]),
        (sheet("S1,,female,lib,L1,ILLUMINA,1.fq,2.fq"), [("missing-value", 2, "participant")]),
        (sheet("S1,P1,female,,L1,ILLUMINA,1.fq,2.fq"), [("missing-value", 2, "library")]),
        (sheet("S1,P1,female,lib,,ILLUMINA,1.fq,2.fq"), [("missing-value", 2, "lane")]),
        (sheet("S1,P1,female,lib,L1,,1.fq,2.fq"), [("missing-value", 2, "platform")]),
        (sheet("S1,P1,female,lib,L1,ILLUMINA,,2.fq"), [("missing-value", 2, "fastq_1")]),
        (sheet(GOOD + ",1.bam", header=HEADER + ",bam"), [("several-entries", 2, "bam")]),
        (sheet(GOOD.replace("female", "woman")), [("unknown-sex", 2, "sex")]),
        (sheet(GOOD.replace("ILLUMINA", "NovaSeq")), [("unknown-platform", 2, "platform")]),
        (sheet(GOOD, OTHER.replace("S2,P2", "S1,P1").replace("male", "female")),
         [("unit-twice", 3, "lane")]),
        (sheet(GOOD, "", GOOD), [("unit-twice", 4, "lane")]),
        (sheet("S1,P1,F,a.b,c,ILLUMINA,1.fq,2.fq", "S1,P1,F,a,b.c,ILLUMINA,3.fq,4.fq"),
         [("unit-twice", 3, "lane")]),
        (sheet(GOOD, "S1,P2,female,lib,L2,ILLUMINA,3.fq,4.fq"),
         [("sample-in-two-participants", 3, "participant")]),
        (sheet(GOOD, "S2,P1,male,lib,L1,ILLUMINA,3.fq,4.fq"),
         [("participant-with-two-sexes", 3, "sex")]),
        (sheet(GOOD.replace("2.fq", "1.fq")), [("file-twice", 2, "fastq_2")]),
        (sheet(GOOD, OTHER.replace("3.fq", "./1.fq")), [("file-twice", 3, "fastq_1")]),
        (sheet(GOOD, OTHER.replace("3.fq,4.fq", "1.fq,2.fq")),
         [("file-twice", 3, "fastq_1"), ("file-twice", 3, "fastq_2")]),
        (sheet(GOOD.replace("1.fq", "0.fq")), [("missing-file", 2, "fastq_1")]),
        (sheet(GOOD.replace("1.fq", "s3://bucket/0.fq")), [("missing-file", 2, "fastq_1")]),
        (sheet(GOOD.replace("1.fq", "folder")), [("missing-file", 2, "fastq_1")]),
        (sheet(GOOD.replace("2.fq", "empty.fq")), [("empty-file", 2, "fastq_2")]),
        (sheet(GOOD.replace("2.fq", "a;b.fq")), [("illegal-path", 2, "fastq_2")]),
        (sheet(GOOD.replace("2.fq", "-o.fq")), [("illegal-path", 2, "fastq_2")]),
    ],
)  # fmt: skip
def test_faults(project, text, expected):
    Path("empty.fq").touch()
    Path("folder").mkdir()
    assert faults(text) == expected


def test_no_sheet(project):
    units, (problem,) = read_sheet("nowhere.csv")
    assert (units, problem.code) == ([], "sheet-missing")


def test_a_symlink_is_the_same_file(project):
    Path("link.fq").symlink_to("1.fq")
    text = sheet(GOOD, OTHER.replace("3.fq", "link.fq"))
    assert faults(text) == [("file-twice", 3, "fastq_1")]


@pytest.mark.parametrize("column", ["sample", "participant", "library", "lane"])
@pytest.mark.parametrize(
    "name", ["a;rm -rf x", "../x", "-n", "a b", "$(x)", "a/b", ".x", "a..b", "é", "x" * 65, "{a}"]
)
def test_names_that_would_be_dangerous_are_refused(project, column, name):
    values = dict(zip(HEADER.split(","), GOOD.split(","), strict=True))
    values[column] = name
    assert faults(sheet(",".join(values.values()))) == [("illegal-name", 2, column)]


@pytest.mark.parametrize("name", ["S1", "1", "a.b-c_D", "x" * 64, "NA12878"])
def test_ordinary_names_are_fine(name):
    assert name_fault(name) is None


def test_a_refused_name_is_told_once_where_the_library_is_the_sample(project):
    text = sheet("-n,P1,1.fq,2.fq", header="sample,participant,fastq_1,fastq_2")
    assert faults(text) == [("illegal-name", 2, "sample")]


def test_all_faults_are_told_at_once_in_the_order_of_the_rows(project):
    text = sheet(
        "a b,P1,x,lib,L1,ILLUMINA,1.fq,none.fq", GOOD.replace("1.fq", "3.fq"), OTHER, ",,,,,,x,"
    )
    assert [row for _, row, _ in faults(text)] == sorted(row for _, row, _ in faults(text))
    assert {row for _, row, _ in faults(text)} == {2, 4, 5}


def test_paths_start_at_the_project_else_at_the_sheet(project):
    Path("lab").mkdir()
    Path("lab/1.fq").write_text("beside the sheet")
    Path("lab/only.fq").write_text("beside the sheet")
    Path("lab/s.csv").write_text(sheet(GOOD.replace("2.fq", "only.fq")))
    (unit,), problems = read_sheet("lab/s.csv")
    assert problems == []
    assert (unit.fastq_1, unit.fastq_2) == ("1.fq", "lab/only.fq")


def test_a_path_with_blanks_is_fine(project):
    Path("my data").mkdir()
    Path("my data/1 (a).fq").write_text("x")
    assert file_fault("my data/1 (a).fq") is None


def test_people_leave_out_what_was_refused(project):
    Path("s.csv").write_text(
        sheet("S1,a b,F,lib,L1,ILLUMINA,1.fq,2.fq", GOOD, "S3,P1,M,lib,L1,ILLUMINA,5.fq,6.fq")
    )
    units, _ = read_sheet("s.csv")
    assert people(units) == {"P1": "unknown"}  # two sexes: neither is believed


def test_units_are_read_as_written(project):
    Path("s.csv").write_text(sheet(GOOD, OTHER))
    units, _ = read_sheet("s.csv")
    write_units("results/units.tsv", units)
    again = read_units("results/units.tsv")
    assert [(u.read_group_id, u.sex, u.fastq_1) for u in again] == [
        (u.read_group_id, u.sex, u.fastq_1) for u in units
    ]
    first = Path("results/units.tsv").read_bytes()
    write_units("results/units.tsv", again)
    assert Path("results/units.tsv").read_bytes() == first


@pytest.mark.parametrize("text", ["", "sample\n", "\t".join(COLUMNS_OF_UNITS) + "\n"])
def test_a_units_table_of_others_is_refused(project, text):
    Path("u.tsv").write_text(text)
    with pytest.raises(StageError):
        read_units("u.tsv")
