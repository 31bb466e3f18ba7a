"""Strata, conditional analysis and covariates: who is tested, with which columns, what is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from genopheno import engines, settings
from genopheno.association import build, condition, scan
from genopheno.association.block import Block
from genopheno.genotypes import Genotypes, write_bed
from genopheno.problems import StageError
from genopheno.strata import Stratum, of_settings, parse, run_names

N, M = 80, 30
TRAITS = [
    {"name": "y", "type": "quantitative", "covariates": ["age", "sex", "site"]},
    {"name": "case", "type": "binary", "covariates": ["sex"]},
]
KNOWN = {"site": {"kind": "categorical", "levels": ["oslo", "lima", "seoul"]}}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("design")
    rng = np.random.default_rng(2)
    dosages = rng.binomial(2, rng.uniform(0.2, 0.5, (M, 1)), (M, N)).astype(np.int8)
    dosages[3, :4] = -1
    dosages[5] = dosages[4]
    position = np.arange(1, M + 1) * 10
    names = [f"s{i}" for i in range(N)]
    variants = pd.DataFrame(
        {
            "variant_id": [f"chr1:{p}:G:A" for p in position],
            "contig": "chr1",
            "position": position,
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    write_bed(folder / "g", dosages, variants, names)
    people = pd.DataFrame(
        {
            "participant": names,
            "sex": np.repeat(["female", "male"], N // 2),
            "age": rng.normal(50, 9, N),
            "site": np.where(np.arange(N) < 60, np.resize(["lima", "oslo"], N), "seoul"),
            "batch": np.resize([1.0, 2.0], N),
            "y": rng.normal(size=N) + dosages[4],
            "case": np.resize([1.0, 0.0, 0.0], N),
        }
    )
    people.loc[0, "sex"] = "unknown"
    people.loc[1, "site"] = None
    people.loc[2, "y"] = np.nan
    samples = pd.DataFrame({"sample": names, "participant": names})
    return folder / "g", samples, people, dosages


def designed(cohort, **more):
    _, samples, people, _ = cohort
    people = more.pop("people", people)
    return build.design(
        samples, people, {"traits": TRAITS, "covariates": KNOWN}, None, n_components=0,
        relatives="keep", **more,
    )  # fmt: skip


def test_each_stratum_is_a_trait_of_its_own(cohort):
    strata = parse(["female:sex=female", "west:site=oslo", "west:site=lima", "west:batch=2"])
    made = designed(cohort, strata=strata, choose=lambda t: ("regression", f"{t.n} people"))
    traits = {t.name: t for t in made.traits}
    assert list(traits) == run_names(["y", "case"], ["female", "west"])
    female = traits["y.female"]
    assert female.covariates == ["age", "site=lima"]  # nobody in seoul; the sex is one
    assert "sex was dropped: it is constant, female" in female.info["notices"]
    assert "site: the reference level is oslo" in female.info["notices"]
    assert female.info["left_out"] == {
        "sex missing": 1,
        "not in the stratum": N // 2,
        "trait missing": 1,
        "covariate site missing": 1,
    }
    assert female.info["stratum"] == "female"
    assert female.info["model_reason"] == f"{female.n} people"
    assert traits["y"].covariates == ["age", "sex=male", "site=lima", "site=seoul"]
    west = traits["case.west"]
    people = cohort[2]
    there = people.site.isin(["oslo", "lima"]) & people.batch.eq(2) & people.sex.ne("unknown")
    np.testing.assert_array_equal(west.used, there)
    alone = {t.name: t for t in designed(cohort).traits}
    np.testing.assert_array_equal(traits["y"].x, alone["y"].x)


def test_a_stratum_that_cannot_be_fitted_has_its_reason(cohort):
    people = cohort[2].assign(case=np.where(cohort[2].sex == "male", 1.0, cohort[2].case))
    made = designed(cohort, people=people, strata=parse(["male:sex=male"]))
    reasons = {t.name: t.reason for t in made.traits}
    assert reasons["case.male"] == f"too few people: {N // 2} cases and 0 controls"
    assert reasons["y.male"] is None


def test_ancestry_is_that_of_the_panel(cohort):
    groups = pd.DataFrame(
        {
            "sample": cohort[1]["sample"],
            "group": np.where(np.arange(N) < 50, "EUR", "unassigned"),
            "probability_EUR": 1.0,
            "probability_AFR": 0.0,
        }
    )
    groups.loc[40, "group"] = None
    made = designed(cohort, strata=parse(["E:ancestry=EUR", "A:ancestry=AFR"]), structure=groups)
    traits = {t.name: t for t in made.traits}
    assert traits["case.E"].n == 50 - 2
    assert traits["case.E"].info["left_out"]["ancestry missing"] == 1
    assert traits["case.A"].reason == "nobody has a value of it and all of its covariates"
    with pytest.raises(StageError, match="no ancestry group 'SAS', but AFR, EUR, unassigned"):
        designed(cohort, strata=parse(["S:ancestry=SAS"]), structure=groups)
    with pytest.raises(StageError, match=r"there are none. Set structure.ancestry"):
        designed(cohort, strata=parse(["S:ancestry=SAS"]))


def test_faults_of_strata_are_told_at_once(cohort):
    strata = [
        Stratum("a", {"sex": ("man",)}),
        Stratum("b", {"height": ("x",)}),
        Stratum("c", {"sex": ("female",), "site": ("seoul",)}),
        Stratum("A", {"batch": ("one",)}),
    ]
    with pytest.raises(StageError) as caught:
        designed(cohort, strata=strata)
    assert [(p.code, p.column) for p in caught.value.problems] == [
        ("stratum-column", "height"),
        ("stratum-value", "association.strata.a.sex"),
        ("stratum-empty", "association.strata.c"),
        ("stratum-name", "association.strata.A"),
        ("stratum-name", "association.strata.A"),
        ("stratum-value", "association.strata.A.batch"),
    ]


def test_variants_that_are_conditioned_on_are_covariates(cohort, tmp_path):
    prefix, _, _, dosages = cohort
    wanted = ["chr1:40:G:A", "chr1:50:G:A", "chr1:60:G:A"]
    given = condition.dosages(Genotypes.open(prefix), wanted)
    made = designed(cohort, conditions=given, strata=parse(["male:sex=male"]))
    trait = made.traits[0]
    assert trait.covariates[-2:] == ["chr1:40:G:A", "chr1:50:G:A"]
    assert trait.info["left_out"]["genotype of chr1:40:G:A missing"] == 1  # the other 3 lack more
    assert "chr1:60:G:A was dropped: covariates before it determine it" in trait.info["notices"]
    np.testing.assert_array_equal(trait.x[trait.used, -1], dosages[4][trait.used])
    assert made.traits[2].covariates[-2:] == trait.covariates[-2:]
    scan.run(
        prefix, made, min_allele_count=1, firth_below=0.05, exact_firth_below=1e-4, threads=1,
        out_dir=tmp_path,
    )  # fmt: skip
    for name in ("y", "case", "y.male"):
        table = pd.read_parquet(tmp_path / f"{name}.parquet").set_index("variant_id")
        assert not table.converged[wanted].any()
        assert table.beta[wanted].isna().all()
        assert table.converged.drop(wanted).all()


def test_conditions_are_coded_as_the_scan_codes(cohort):
    genotypes = Genotypes.open(cohort[0])
    given = condition.dosages(genotypes, ["chr1:20:G:A"])["chr1:20:G:A"]
    np.testing.assert_array_equal(given, Block(genotypes, 0, M).dosage[1])


def test_names_of_variants_are_found_or_all_are_told(cohort):
    genotypes = Genotypes.open(cohort[0])
    called = pd.DataFrame(
        {
            "variant_id": ["chr1:20:G:A", "chr1:30:G:A", "chr1:40:G:A", "chr1:45:G:A"],
            "rsid": ["rs2", "rs3", "rs3", "rs4"],
        }
    )
    assert condition.find(genotypes, ["rs2", "chr1:10:G:A"], called) == [1, 0]
    wanted = ["1:20:A:G", "chr1:99:G:A", "rs3", "rs4", "rs9", "rs2", "chr1:20:G:A"]
    with pytest.raises(StageError) as caught:
        condition.find(genotypes, wanted, called)
    assert [p.found for p in caught.value.problems] == [
        "1:20:A:G is not among the genotypes; near it are chr1:20:G:A",
        "chr1:99:G:A is not among the genotypes; near it are chr1:100:G:A, chr1:90:G:A, "
        "chr1:110:G:A",
        "rs3 is chr1:30:G:A, chr1:40:G:A",
        "rs4 is called and did not pass",
        "rs9 is not among the genotypes",
        "chr1:20:G:A is rs2 again",
    ]


REFERENCE = {"reference": {"fasta": "x", "genes": "y"}}


def test_strata_of_the_configuration():
    given = {"strata": {"a": {"sex": "male", "batch": [1, 2.5]}}}
    made = settings.parse({**REFERENCE, "association": given}, "c.yaml")
    (stratum,) = of_settings(made.association.strata)
    assert stratum.columns == {"sex": ("male",), "batch": ("1", "2.5")}
    assert parse(stratum.options()) == [stratum]


@pytest.mark.parametrize(
    ("association", "found"),
    [
        ({"strata": {"a.b": {"sex": "male"}}}, "String should match pattern"),
        ({"strata": {"a": {}}}, "at least 1 item"),
        ({"strata": {"a": {"smokes": True}}}, "put yes, no, true and false in quotes"),
        ({"strata": {"a": {"ancestry": "EUR"}}}, "set structure.ancestry"),
        ({"interactions": ["age"], "engine": "hail"}, "engine hail has no interaction tests"),
        ({"condition_on": ["x"], "engine": "hail"}, "engine hail has no conditional analysis"),
        ({"interactions": ["a/b"]}, "String should match pattern"),
    ],
)
def test_faulty_configurations(association, found):
    with pytest.raises(StageError, match=found):
        settings.parse({**REFERENCE, "association": association}, "c.yaml")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"interactions": ["age"]}, "interactions-not-of-engine"),
        ({"condition_on": ["chr1:10:G:A"]}, "conditions-not-of-engine"),
    ],
)
def test_engine_hail_refuses_what_it_has_not(cohort, tmp_path, asked, code):
    with pytest.raises(StageError, match=code):
        engines.make_design(
            engine="hail", genotypes=cohort[0], samples=tmp_path, phenotypes=tmp_path,
            traits=tmp_path, components=None, n_components=0, relatives="keep", model="auto",
            out=tmp_path / "design.parquet", **asked,
        )  # fmt: skip
