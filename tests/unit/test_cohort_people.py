"""Who is in the cohort: pure tables."""

import pandas as pd
import pytest

from genopheno.cohort.people import select
from genopheno.problems import StageError

TRAITS = [{"name": "ldl", "type": "quantitative"}, {"name": "t2d", "type": "binary"}]


def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    units = pd.DataFrame(
        [
            ("s1", "p1", "female", ""),
            ("s1", "p1", "female", ""),
            ("s2", "p1", "female", ""),
            ("s3", "p2", "male", ""),
            ("s4", "p3", "unknown", ""),
            ("s5", "p4", "male", ""),
        ],
        columns=["sample", "participant", "sex", "control"],
    )
    verdicts = pd.DataFrame(
        [
            ("s1", "pass", "", 20.0),
            ("s2", "warn", "coverage", 30.0),
            ("s3", "fail", "contaminated", 40.0),
            ("s4", "pass", "", None),
            ("s5", "pass", "", 9.0),
        ],
        columns=["sample", "verdict", "reasons", "mean_coverage"],
    )
    phenotypes = pd.DataFrame(
        [
            ("p1", "male", 3.0, 1.0),
            ("p2", "male", 2.0, 0.0),
            ("p3", "female", None, 0.0),
            ("p9", "male", 1.0, 1.0),
        ],
        columns=["participant", "sex", "ldl", "t2d"],
    )
    return units, verdicts, phenotypes


CALLED = ["s5", "s4", "s3", "s2", "s1"]


def test_one_sample_per_person_and_lists_of_both_sides() -> None:
    people = select(CALLED, *tables(), TRAITS)
    assert list(people.frame["sample"]) == ["s5", "s4", "s2"]  # order of the VCF
    assert list(people.phenotypes["participant"]) == ["p4", "p3", "p1"]
    assert people.phenotypes["ldl"].isna().tolist() == [True, True, False]
    report = people.report
    assert report["samples"]["dropped"] == [
        {"sample": "s3", "participant": "p2", "reason": "failed sample QC: contaminated"},
        {
            "sample": "s1",
            "participant": "p1",
            "reason": "second sample of the person; kept: s2",
        },
    ]
    assert report["participants"]["without_phenotypes"] == ["p4"]
    assert report["participants"]["without_genotypes"] == ["p2", "p9"]
    assert report["participants"]["sex_differs_between_sheet_and_phenotypes"] == ["p1"]
    assert report["traits"]["t2d"] == {"n": 2, "missing": 1, "cases": 1, "controls": 1}


def test_a_control_stays_out_and_takes_nobodys_place() -> None:
    units, verdicts, phenotypes = tables()
    units.loc[units["sample"] == "s2", "control"] = "HG002"  # the better sample of p1
    people = select(CALLED, units, verdicts, phenotypes, TRAITS)
    assert list(people.frame["sample"]) == ["s5", "s4", "s1"]
    assert {
        "sample": "s2",
        "participant": "p1",
        "reason": "control, compared with its truth set: HG002",
    } in people.report["samples"]["dropped"]


def test_sex_comes_from_the_sheet_then_from_the_phenotypes() -> None:
    people = select(CALLED, *tables(), TRAITS)
    sex = dict(zip(people.frame["participant"], people.frame["sex"], strict=True))
    assert sex == {"p4": "male", "p3": "female", "p1": "female"}


def test_equal_coverage_keeps_the_first_name() -> None:
    units, verdicts, phenotypes = tables()
    verdicts["mean_coverage"] = 10.0
    kept = select(CALLED, units, verdicts, phenotypes, TRAITS).frame["sample"]
    assert "s1" in set(kept) and "s2" not in set(kept)


@pytest.mark.parametrize(
    ("called", "change", "codes"),
    [
        ([*CALLED, "x"], {}, ["samples-unknown", "samples-unknown"]),
        (CALLED[:-1], {}, ["samples-lost"]),
        (CALLED, {"verdict": "fail"}, ["no-samples"]),
        (CALLED, {"participant": "elsewhere"}, ["participants-twice"]),
    ],
)
def test_what_does_not_fit_is_told(called: list[str], change: dict, codes: list[str]) -> None:
    units, verdicts, phenotypes = tables()
    for name, value in change.items():
        (verdicts if name == "verdict" else phenotypes)[name] = value
    with pytest.raises(StageError) as error:
        select(called, units, verdicts, phenotypes, TRAITS)
    assert [problem.code for problem in error.value.problems] == codes


def test_nobody_with_a_phenotype() -> None:
    units, verdicts, phenotypes = tables()
    phenotypes["participant"] = "q" + phenotypes["participant"]
    with pytest.raises(StageError, match="no-phenotypes"):
        select(CALLED, units, verdicts, phenotypes, TRAITS)
