"""The declaration, the participant table, and what they say about each other."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from genopheno import fields
from genopheno.clinical.check import check
from genopheno.clinical.declaration import read_declaration, trait_names
from genopheno.clinical.participants import read_table
from genopheno.clinical.phenotypes import write
from genopheno.problems import StageError
from genopheno.strata import parse

DECLARATION = """\
participant: participant
missing: ["", NA, -9]
covariates: [age, sex]
traits:
  ldl:
    column: ldl_mmol
    type: quantitative
    unit: mmol/L
    transform: inverse-normal
  t2d:
    column: diabetes
    type: binary
    case: [1, yes]
    control: [0, NO]
    covariates: [age, sex, bmi]
"""

TABLE = """\
participant,sex,age,bmi,ldl_mmol,diabetes,centre
p3,female,41,22.5,3.1,yes,a
p1,male,50,NA,2.5,0,b
p2,female,62,31,-9,1.0,a
p4,male,39,28,4.25,NO,
"""


FOLLOW_UP = """\
covariates: [age]
traits:
  ill:
    column: status
    type: time-to-event
    time: years
    entry: start
    unit: years
    case: [1]
    control: [0]
"""


@pytest.fixture
def files(tmp_path: Path):
    def make(table: str | bytes = TABLE, declaration: str = DECLARATION, name="people.csv"):
        people, traits = tmp_path / name, tmp_path / "phenotypes.yaml"
        people.write_bytes(table if isinstance(table, bytes) else table.encode())
        traits.write_text(declaration)
        return people, traits

    return make


def codes(problems):
    return sorted(p.code for p in problems)


def test_traits_covariates_and_groups_are_typed(files, tmp_path):
    clinical, problems, _ = check(*files(), groups=["sex", "centre"])
    assert problems == []
    frame = clinical.frame
    assert list(frame) == ["participant", "sex", "ldl", "t2d", "age", "bmi", "centre"]
    assert frame.participant.tolist() == ["p1", "p2", "p3", "p4"]
    assert frame.ldl.tolist()[0] == 2.5
    assert math.isnan(frame.ldl[1])
    assert frame.t2d.tolist() == [0, 1, 1, 0]  # '1.0' is 1; NO is the word, not a truth value
    assert frame.centre.tolist() == ["b", "a", "a", None]
    ldl, t2d = clinical.traits
    assert (ldl["n_observed"], ldl["n_missing"], ldl["missing_values"]) == (3, 1, {"-9": 1})
    assert (ldl["min"], ldl["max"]) == (2.5, 4.25)
    assert ldl["sd"] == pytest.approx(pd.Series([3.1, 2.5, 4.25]).std())
    assert (t2d["n_cases"], t2d["n_controls"]) == (2, 2)
    assert ldl["covariates"] == ["age", "sex"]
    assert clinical.covariates["sex"] == {
        "kind": "categorical",
        "levels": ["female", "male"],
        "n_missing": 0,
        "missing_values": {},
    }
    assert clinical.covariates["bmi"]["kind"] == "numeric"

    first, second = tmp_path / "1", tmp_path / "2"
    write(clinical, first / "phenotypes.parquet", first / "traits.json")
    lines = TABLE.splitlines()
    shuffled = "\n".join([lines[0], *reversed(lines[1:])])
    again, _, _ = check(*files(shuffled), groups=["sex", "centre"])
    write(again, second / "phenotypes.parquet", second / "traits.json")
    for name in ("phenotypes.parquet", "traits.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    table = pq.read_table(first / "phenotypes.parquet")
    assert table.schema.field("ldl").metadata[b"unit"] == b"mmol/L"
    assert table["ldl"].null_count == 1
    assert fields.check_tables(first) == []
    told = {f.name: f for f in fields.fields_of(table.schema)}
    assert told["t2d"].codes == ("0", "1") and told["sex"].codes == ("female", "male", "unknown")
    assert told["t2d"].description.endswith("1 case, 0 control")
    assert told["bmi"].description == "covariate bmi, numeric" and told["bmi"].unit == ""
    assert told["centre"].description == "group by which the cohort is summarised"
    assert [str(t) for t in table.schema.types] == [*["string"] * 2, *["double"] * 4, "string"]
    assert [t["name"] for t in json.loads((first / "traits.json").read_text())["traits"]] == [
        "ldl",
        "t2d",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bom and crlf", b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode()),
        ("trailing blanks", TABLE.replace(",", " , ").replace("\n", "  \n").encode()),
        ("empty end columns and lines", TABLE.replace("\n", ",,\n").encode() + b"\n,,,,,,,,\n"),
        ("tabs", TABLE.replace(",", "\t").encode()),
        ("semicolons", TABLE.replace(",", ";").encode()),
        ("quoted", TABLE.replace("a\n", '"a"\n').encode()),
        ("utf-16", TABLE.encode("utf-16")),
        ("no last newline", TABLE.rstrip("\n").encode()),
    ],
)
def test_one_table_in_many_dresses(files, name, content):
    expected, _, _ = check(*files())
    clinical, problems, _ = check(*files(content))
    assert problems == [], name
    pd.testing.assert_frame_equal(clinical.frame, expected.frame)


def test_parquet_with_typed_columns_reads_the_same(files, tmp_path):
    people, traits = files()
    expected, _, _ = check(people, traits)
    frame = pd.read_csv(people, na_values=["NA", -9], dtype={"diabetes": str})
    frame.to_parquet(tmp_path / "people.parquet")
    clinical, problems, _ = check(tmp_path / "people.parquet", traits)
    assert problems == []
    pd.testing.assert_frame_equal(clinical.frame, expected.frame)


def test_lines_are_those_of_the_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('participant,note\n\np1,"two\nlines"\n\np2,x\n')
    table, problems = read_table(path)
    assert problems == []
    assert table.lines.tolist() == [3, 6]


@pytest.mark.parametrize(
    ("content", "code", "row"),
    [
        (b"", "table-empty", None),
        (b" \n \n", "table-empty", None),
        (b"participant,age\n", "table-empty", None),
        (b"\x1f\x8b\x08", "table-unreadable", None),
        (b"PK\x03\x04", "table-unreadable", None),
        (b"participant,age\np1,\xff\xe9\n", "table-unreadable", 2),
        (b"participant,age\np1,\0\n", "table-unreadable", 2),
        (b"PAR1 and no more", "table-unreadable", None),
        (b'participant,age\np1,4\np2,"5\n', "table-unreadable", 3),
        (b"participant,age\np1,4\np2,5,1\n", "table-row", 3),
        (b"participant,age\np1\n", "table-row", 2),
    ],
)
def test_unreadable_tables(tmp_path, content, code, row):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    table, problems = read_table(path)
    assert table is None
    assert [(p.code, p.row) for p in problems] == [(code, row)]


def test_absent_table_and_declaration_are_both_told(tmp_path):
    clinical, problems, _ = check(tmp_path / "a.csv", tmp_path / "b.yaml")
    assert clinical is None
    assert codes(problems) == ["phenotypes-missing", "table-missing"]


def test_every_fault_of_the_table_at_once(files):
    table = """\
participant,sex,age,bmi,ldl_mmol,diabetes
p1,female,41,22.5,"3,1",yes
p1,male,50,22,2.5,maybe
,female,62,31,inf,1
p4,male,39,28,#REF!,No
p5,female,x,28,#REF!,1
extra,male,40,20,2,0
"""
    people = {"p1": "male", "p4": "male", "p5": "unknown", "lost": "female"}
    rows = {"p1": 2, "p4": 5, "p5": 6, "lost": 9}
    table_path, traits = files(table)
    clinical, problems, _ = check(table_path, traits, people, rows, "samples.csv", ["sex"])
    assert clinical is None
    assert sorted((p.code, p.row, p.column) for p in problems) == [
        ("covariate-value", 6, "age"),
        ("participant-missing", 4, "participant"),
        ("participant-repeated", 3, "participant"),
        ("participant-without-sample", 7, "participant"),
        ("phenotype-value", 2, "ldl_mmol"),
        ("phenotype-value", 3, "diabetes"),
        ("phenotype-value", 4, "ldl_mmol"),
        ("phenotype-value", 5, "diabetes"),
        ("phenotype-value", 5, "ldl_mmol"),
        ("sample-without-participant", 9, "participant"),
        ("sex-differs", 2, "sex"),
    ]
    said = {(p.row, p.column): p for p in problems}
    assert "point" in said[2, "ldl_mmol"].mend
    assert "2 rows: 5, 6" in said[5, "ldl_mmol"].found
    assert "'#REF!' to 'missing'" in said[5, "ldl_mmol"].mend
    assert "'NO' is listed; case matters" in said[5, "diabetes"].found
    assert said[9, "participant"].file == "samples.csv"
    assert "'lost'" in said[9, "participant"].found


def test_a_column_of_faults_is_told_briefly(files):
    rows = "".join(f"p{i},male,40,20,d{i},0\n" for i in range(500))
    _, problems, _ = check(*files("participant,sex,age,bmi,ldl_mmol,diabetes\n" + rows))
    assert len(problems) == 21
    assert "480 further cells" in problems[-1].found


def test_absent_and_repeated_columns(files):
    _, problems, _ = check(*files("participant,age,age,LDL_mmol,diabetes\np1,1,1,2,1\n"))
    found = {(p.code, p.row, p.column): p for p in problems}
    assert ("column-repeated", 1, "age") in found
    assert "'LDL_mmol' meant" in found["column-absent", 6, "ldl.column"].found
    assert ("column-absent", 15, "t2d.covariates") in found
    assert ("covariate-missing", None, "sex") in found
    assert len(problems) == 4


def test_sex_comes_from_the_sheet_where_the_table_has_none(files):
    table = "\n".join(
        ",".join(cell for i, cell in enumerate(line.split(",")) if i != 1)
        for line in TABLE.splitlines()
    )
    people = {"p1": "male", "p2": "female", "p3": "female", "p4": "unknown"}
    clinical, problems, _ = check(*files(table), people)
    assert problems == []
    assert clinical.frame.sex.tolist() == ["male", "female", "female", "unknown"]
    assert clinical.covariates["sex"]["missing_values"] == {"unknown": 1}


@pytest.mark.parametrize(
    ("female", "male", "understood"),
    [("2", "1", True), ("F", "M", True), ("XX", "XY", True), ("0", "1", False), ("x", "y", False)],
)
def test_ways_to_write_sex(files, female, male, understood):
    table = TABLE.replace(",female,", f",{female},").replace(",male,", f",{male},")
    people = {"p1": "male", "p2": "female", "p3": "female", "p4": "male"}
    _, problems, notes = check(*files(table), people)
    assert problems == []
    assert any("cannot be read as a sex" in note for note in notes) != understood
    swapped = {name: {"male": "female"}.get(sex, "male") for name, sex in people.items()}
    _, problems, _ = check(*files(table), swapped)
    assert codes(problems) == ["sex-differs"] * (4 if understood else 0)


def test_a_hopeless_trait_is_noted_and_stops_nothing(files):
    table = """\
participant,sex,age,bmi,ldl_mmol,diabetes
p1,female,41,22.5,NA,yes
p2,male,50,22,NA,0
p3,male,51,23,NA,0
"""
    clinical, problems, notes = check(*files(table))
    assert problems == []
    assert [n for n in notes if n.startswith("trait")] == [
        "trait ldl: every value is missing",
        "trait t2d: 1 cases and 2 controls are too few to test",
    ]
    assert clinical.traits[0]["mean"] is None
    constant = table.replace("NA", "5")
    assert "trait ldl: all 3 values are 5" in check(*files(constant))[2]


def test_log_needs_positive_values(files):
    declaration = DECLARATION.replace("inverse-normal", "log")
    table = TABLE.replace("4.25", "0")
    _, problems, _ = check(*files(table, declaration))
    assert [(p.code, p.row, p.column) for p in problems] == [("phenotype-value", 5, "ldl_mmol")]
    assert "not positive" in problems[0].found


def test_numbers_as_categories_only_where_declared(files):
    table = TABLE.replace(",a\n", ",1\n").replace(",b\n", ",2\n")
    declaration = DECLARATION.replace("[age, sex]", "[age, sex, centre]", 1)
    assert check(*files(table, declaration))[0].covariates["centre"]["kind"] == "numeric"
    for extra, groups in (("categorical: [centre]\n", []), ("", ["centre"])):
        clinical, problems, _ = check(*files(table, extra + declaration), groups=groups)
        assert problems == []
        assert clinical.covariates["centre"]["levels"] == ["1", "2"]
        assert clinical.frame.centre.tolist() == ["2", "1", "1", None]


def test_a_covariate_of_dates_is_refused(files):
    rows = "".join(f"p{i},male,2001-01-{i},20,2,0\n" for i in range(90))
    _, problems, _ = check(*files("participant,sex,age,bmi,ldl_mmol,diabetes\n" + rows))
    assert [(p.code, p.column) for p in problems] == [("covariate-value", "age")]


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("", [("phenotypes-invalid", None, None)]),
        ("traits:\n  ldl: [\n", [("phenotypes-unreadable", 3, None)]),
        ("covariates: [age]\n", [("phenotypes-invalid", None, None)]),
        ("traits:\n  a:\n    column: x\n", [("phenotypes-invalid", 2, "a.type")]),
        (
            "traits:\n  a:\n    column: x\n    type: binary\n    case: 1\n",
            [("phenotypes-invalid", 2, "a.control")],
        ),
        (
            "traits:\n  a:\n    column: x\n    type: binary\n    case: [1, 2]\n    control: 1.0\n",
            [("phenotypes-invalid", 5, "a.case")],
        ),
        (
            "traits:\n  a:\n    column: x\n    type: quantitative\n    case: [1]\n",
            [("phenotypes-invalid", 5, "a.case")],
        ),
        (
            "traits:\n  a:\n    column: x\n    type: quantitative\n    transfrom: log\n",
            [("phenotypes-invalid", 5, "a.transfrom")],
        ),
        (
            "traits:\n  a:\n    column: x\n    column: y\n    type: quantitative\n",
            [("phenotypes-invalid", 4, "a.column")],
        ),
        (
            "covariates: [x]\ntraits:\n  a:\n    column: x\n    type: quantitative\n",
            [("phenotypes-invalid", 3, "a.covariates")],
        ),
        (
            "covariates: [a]\ntraits:\n  a: {column: x, type: quantitative}\n",
            [("phenotypes-invalid", 3, "a")],
        ),
        (
            "typo: 1\ntraits:\n  ../a: {column: x, type: quantitative}\n  b: {type: number}\n",
            [
                ("phenotypes-invalid", 1, "typo"),
                ("phenotypes-invalid", 4, "b.column"),
                ("phenotypes-invalid", 4, "b.type"),
                ("trait-name", 3, "../a"),
            ],
        ),
        (
            FOLLOW_UP.replace("    time: years\n", "    transform: log\n").replace("[0]", "[]"),
            [
                ("phenotypes-invalid", 3, "ill.time"),
                ("phenotypes-invalid", 6, "ill.transform"),
                ("phenotypes-invalid", 10, "ill.control"),
            ],
        ),
        (
            FOLLOW_UP.replace("start", "years").replace("[age]", "[years]"),
            [("phenotypes-invalid", 3, "ill.covariates"), ("phenotypes-invalid", 6, "ill.time")],
        ),
        (
            "traits:\n  a: {column: x, type: quantitative, time: t}\n",
            [("phenotypes-invalid", 2, "a.time")],
        ),
        ("traits:\n  design: {column: x, type: quantitative}\n", [("trait-name", 2, "design")]),
        (
            "traits:\n  a: {column: x, type: quantitative}\n  A: {column: y, type: quantitative}\n",
            [("trait-name", 3, "A")],
        ),
    ],
)
def test_every_fault_of_the_declaration(tmp_path, declaration, expected):
    path = tmp_path / "phenotypes.yaml"
    path.write_text(declaration)
    read, problems = read_declaration(path)
    assert read is None
    assert sorted((p.code, p.row, p.column) for p in problems) == expected


@pytest.mark.parametrize("name", ["a;rm -rf x", "../x", "-n", ".x", "1a", "a/b", "a b", "é", ""])
def test_names_that_cannot_be_files(tmp_path, name):
    path = tmp_path / "phenotypes.yaml"
    path.write_text(f"traits:\n  {json.dumps(name)}: {{column: x, type: quantitative}}\n")
    assert codes(read_declaration(path)[1]) == ["trait-name"]
    with pytest.raises(StageError, match="trait-name"):
        trait_names(path)


def test_trait_names_alone(tmp_path):
    path = tmp_path / "phenotypes.yaml"
    path.write_text(DECLARATION)
    assert trait_names(path) == ["ldl", "t2d"]
    with pytest.raises(StageError, match="phenotypes-missing"):
        trait_names(tmp_path / "none.yaml")


def test_a_time_to_event_trait_has_its_follow_up(files, tmp_path):
    table = (
        "participant,age,status,years,start\na,50,1,2.5,0\nb,51,0,4,1\nc,52,1,NA,0\nd,53,1,9,2\n"
    )
    clinical, problems, notes = check(*files(table, FOLLOW_UP))
    assert problems == []
    assert list(clinical.frame)[2:5] == ["ill", "time:ill", "entry:ill"]
    assert clinical.frame["time:ill"].tolist()[:2] == [2.5, 4]
    (told,) = clinical.traits
    assert (told["n_observed"], told["n_cases"], told["n_controls"]) == (3, 2, 1)
    assert (told["time"], told["entry"], told["n_missing"]) == ("years", "start", 1)
    assert told["follow_up"] == {"min": 2.5, "median": 3.0, "max": 7.0, "total": 12.5}
    assert notes == ["trait ill: 1 people with a status have no follow-up"]
    write(clinical, tmp_path / "phenotypes.parquet", tmp_path / "traits.json")
    told = {f.name: f for f in fields.fields_of(pq.read_schema(tmp_path / "phenotypes.parquet"))}
    assert told["time:ill"].unit == told["entry:ill"].unit == "years"
    assert told["ill"].description == "trait ill, from column status; 1 event, 0 censored"
    assert fields.check_tables(tmp_path) == []


def test_the_example_of_the_docs_is_sound(files):
    text = (Path(__file__).parents[2] / "docs/inputs.md").read_text(encoding="utf-8")
    (declaration,) = [b for b in text.split("```") if b.startswith("yaml") and "traits:" in b]
    table = """\
participant,sex,age,bmi,centre,ldl_mmol,diabetes,years_followed,years_at_enrolment
p1,male,50,22,1,2.5,0,12.5,0
p2,female,62,31,2,-9,1,3,0.5
p3,female,41,22.5,1,3.1,1,7,1
"""
    clinical, problems, _ = check(*files(table, declaration.removeprefix("yaml\n")))
    assert problems == []
    onset = clinical.traits[2]
    assert (onset["n_cases"], onset["n_controls"], onset["follow_up"]["total"]) == (2, 1, 21)


def test_every_fault_of_follow_up_at_once(files):
    table = """\
participant,age,status,years,start
a,50,1,0,0
b,51,2,-3,0
c,52,1,soon,0
d,53,0,4,-1
e,54,0,4,4
f,54,0,4,5
g,54,0,NA,5
"""
    _, problems, _ = check(*files(table, FOLLOW_UP))
    assert sorted((p.code, p.row, p.column) for p in problems) == [
        ("phenotype-value", 2, "years"),
        ("phenotype-value", 3, "status"),
        ("phenotype-value", 3, "years"),
        ("phenotype-value", 4, "years"),
        ("phenotype-value", 5, "start"),
        ("phenotype-value", 6, "start"),
        ("phenotype-value", 7, "start"),
    ]
    said = {(p.row, p.column): p.found for p in problems}
    assert said[7, "start"] == "trait ill: follow-up starts at 5 and ends at 4"
    one = "participant,age,status,years,start\na,50,1,3,0\nb,51,0,3,0\n"
    assert check(*files(one, FOLLOW_UP))[2] == ["trait ill: 1 events are too few to test"]
    absent = check(*files(one.replace("years", "Years"), FOLLOW_UP))[1]
    assert [(p.code, p.row, p.column) for p in absent] == [("column-absent", 6, "ill.time")]


def test_columns_of_strata_are_kept_and_their_people_known(files, tmp_path):
    strata = parse(["north:centre=a", "north:sex=male", "forty:age=50.0", "women:sex=female"])
    clinical, problems, _ = check(*files(), strata=strata[1:], kept=["centre"])
    assert problems == []
    assert clinical.frame.centre.tolist() == ["b", "a", "a", None]
    write(clinical, tmp_path / "p.parquet", tmp_path / "t.json")
    assert fields.read(tmp_path / "p.parquet").centre[0] == "b"
    assert json.loads((tmp_path / "t.json").read_text())["groups"] == []
    _, problems, _ = check(*files(), strata=strata)
    assert [(p.code, p.column) for p in problems] == [("stratum-empty", "association.strata.north")]
    declaration = DECLARATION.replace("  ldl:", "  centre:")
    _, problems, _ = check(*files(declaration=declaration), strata=strata[:1], kept=["centre"])
    assert {p.code for p in problems} >= {"stratum-column"}


@pytest.mark.parametrize("text", ["women", "women:sex", "women:=x", ":sex=x", "women:sex="])
def test_a_stratum_by_hand_has_one_form(text):
    with pytest.raises(ValueError, match="is not NAME:COLUMN=VALUE"):
        parse([text])


def test_interactions_are_of_declared_covariates(files):
    _, problems, _ = check(*files(), interactions=["bmi", "sex", "agee"])
    assert [p.code for p in problems] == ["interaction-unknown"]
    assert "is 'age' meant?" in problems[0].found
    two = DECLARATION + "  t2d.bmi: {column: ldl_mmol, type: quantitative}\n"
    two = two.replace("[age, sex, bmi]", "[age, sex, bmi, bmi.age]")
    table = TABLE.replace(",bmi,", ",bmi,bmi.age,").replace("22.5", "22.5,1").replace("NA", "NA,1")
    table = table.replace(",31,", ",31,2,").replace(",28,", ",28,2,")
    _, problems, _ = check(*files(table, two), interactions=["age", "bmi.age"])
    assert [p.code for p in problems] == ["interaction-name"]
