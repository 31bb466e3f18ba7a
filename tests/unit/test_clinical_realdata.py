"""Tables as they come: CINECA's dirty cells, and a PLINK phenotype file."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd

from genopheno.clinical.check import check

CINECA = """\
participant: Subject id
missing: ["", "Do not know", "Prefer not to answer"]
covariates: [Sex, "Body mass index (BMI)-0.0"]
traits:
  ldl:
    column: LDL direct-0.0
    type: quantitative
    unit: mmol/L
  diabetes:
    column: Diabetes diagnosed by doctor-0.0
    type: binary
    case: [Yes]
    control: [No]
"""


def test_cineca_joins_with_the_genotyped_people(data, tmp_path):
    table = data("cineca_uk1") / "uk1.tsv"
    with open(data("kgp_chr21") / "samples.tsv") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    ids = [next(v for v in row.values() if v.startswith(("HG", "NA"))) for row in rows]
    people = dict.fromkeys(ids, "unknown")
    path = tmp_path / "phenotypes.yaml"
    path.write_text(CINECA)
    clinical, problems, notes = check(table, path, people, groups=["Ethnic background-0.0"])
    assert problems == []
    assert len(clinical.frame) == 2504
    ldl, diabetes = clinical.traits
    source = pd.read_csv(table, sep="\t", dtype=str)
    expected = source["LDL direct-0.0"].astype(float)
    assert ldl["n_observed"] == 2504
    assert np.isclose(ldl["mean"], expected.mean())
    assert np.isclose(ldl["sd"], expected.std())
    assert (diabetes["n_cases"], diabetes["n_controls"]) == (669, 633)
    assert diabetes["missing_values"] == {"Do not know": 612, "Prefer not to answer": 590}
    assert clinical.frame.sex.value_counts().to_dict() == {"female": 1271, "male": 1233}
    assert notes == []


def test_cineca_cells_of_a_broken_workbook_are_told(data, tmp_path):
    path = tmp_path / "phenotypes.yaml"
    declaration = CINECA.replace("LDL direct-0.0", "Age diabetes diagnosed-0.0")
    path.write_text(declaration.replace("Body mass index (BMI)-0.0", "Age at death-0.0"))
    table = data("cineca_uk1") / "uk1.tsv"
    _, problems, _ = check(table, path)
    trait, covariate = sorted(problems, key=lambda p: p.code, reverse=True)
    assert (trait.code, trait.column) == ("phenotype-value", "Age diabetes diagnosed-0.0")
    assert "'#REF!'" in trait.found and "669 rows" in trait.found
    lines = table.read_text().splitlines()
    assert "#REF!" in lines[trait.row - 1].split("\t")
    assert (covariate.code, covariate.column) == ("covariate-value", "Age at death-0.0")

    path.write_text(
        CINECA.replace("Body mass index (BMI)-0.0", "Age at death-0.0").replace(
            'missing: ["",', 'missing: ["", "#REF!",'
        )
    )
    _, problems, _ = check(table, path)
    assert [(p.code, p.column) for p in problems] == [("covariate-missing", "Age at death-0.0")]


def test_plink_phenotype_file(data, tmp_path):
    folder = data("gwas_lpa_hg38")
    path = tmp_path / "phenotypes.yaml"
    path.write_text(
        "participant: IID\nmissing: [NA]\ntraits:\n"
        "  Y1: {column: Y1, type: quantitative}\n  Y2: {column: Y2, type: quantitative}\n"
    )
    people = {line.split()[1]: "unknown" for line in open(folder / "lpa.fam")}
    clinical, problems, _ = check(folder / "phenotype.txt", path, people, sheet_path="lpa.fam")
    assert clinical is None
    assert [p.code for p in problems] == ["sample-without-participant"]  # 157 of 158 people
    clinical, problems, _ = check(folder / "phenotype.txt", path)
    assert problems == []
    expected = pd.read_csv(folder / "phenotype.txt", sep=" ", dtype={"IID": str}).set_index("IID")
    got = clinical.frame.set_index("participant")
    assert np.array_equal(got.Y1, expected.Y1.loc[got.index])
