"""Matrices of a cohort of three, with every kind of genotype."""

import json

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.annotation.consequences import Genes
from genopheno.annotation.sites import write_sites
from genopheno.matrices.build import dosages, matrices, read_dosages
from genopheno.problems import StageError
from tests.unit.small_genome import query, write_vcf

SAMPLES = ("a", "b", "c", "d")
INFO = (
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="x">\n'
    '##INFO=<ID=AF,Number=A,Type=Float,Description="x">\n'
    '##INFO=<ID=NOTE,Number=1,Type=String,Description="x">\n'
)
FORMATS = (
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">\n'
)
OLD = "AC=9;AF=0.9;NOTE=kept"
ROWS = [
    ("1", 5, "C", "A", "rs1", OLD, "GT:GQ", "0/0:9", "0/1:30", "1/1:40", "1/1:50"),
    ("1", 5, "C", "G", ".", OLD, "GT:GQ", "0|1:5", "1|0:30", "./.:.", "1|1:50"),
    ("1", 9, "TG", "T", ".", OLD, "GT:GQ", "1:40", "0:30", ".:.", "1/1:50"),  # haploid
    ("1", 12, "A", "C", ".", OLD, "GT:GQ", "./1:40", "./.:.", "./.:.", "0/1:50"),
    ("2", 3, "A", "T", ".", OLD, "GT:GQ", "0/1:40", "0/1:30", "0/1:20", "0/1:50"),
]
IDS = ["1:5:C:A", "1:5:C:G", "1:9:TG:T", "1:12:A:C", "2:3:A:T"]


def cohort(folder, *, passes=(True,) * 5, keep=("c", "a", "b"), rows=None):
    vcf = write_vcf(
        folder / "cohort.vcf.gz", rows or ROWS, info=INFO, samples=SAMPLES, formats=FORMATS
    )
    sites = folder / "sites.parquet"
    write_sites(vcf, sites, genes=Genes(), databases=[])
    table = fields.read(sites)
    variants = pd.DataFrame(
        {
            f.name: table.get(f.name, 0.5 if f.type == "float64" else 7)
            for f in fields.TABLES["cohort_variants"]
        }
    )
    variants["passes"] = [*passes, *[True] * (len(table) - len(passes))]
    variants["reasons"] = ""
    # Hail sorts as it likes: the order of this table must not matter.
    fields.write(folder / "variants.parquet", variants[::-1], "cohort_variants")
    people = pd.DataFrame(
        {f.name: 1 for f in fields.TABLES["cohort_samples"]}, index=range(len(keep))
    )
    people["sample"], people["participant"] = keep, [f"p-{s}" for s in keep]
    people["sex"], people["verdict"] = "female", "pass"
    fields.write(folder / "samples.parquet", people, "cohort_samples")
    pd.DataFrame(
        {"participant": ["p-d", "p-c", "p-a"], "sex": "female", "ldl": [1.0, np.nan, 3.0]}
    ).to_parquet(folder / "phenotypes.parquet")
    return folder


def run(folder, **more):
    return matrices(
        folder / "cohort.vcf.gz",
        folder / "samples.parquet",
        folder / "variants.parquet",
        folder / "sites.parquet",
        folder / "phenotypes.parquet",
        folder / "out",
        **more,
    )


def test_dosages_count_alternate_alleles():
    genotypes = np.array(
        [[0, 0], [0, 1], [1, 1], [-1, -1], [-1, 1], [1, -2], [0, -2], [-1, -2], [-2, -2]]
    )
    assert dosages(genotypes).tolist() == [0, 1, 2, -1, -1, 1, 0, -1, -1]
    assert dosages(genotypes).dtype == np.int8
    assert dosages(np.array([[0], [1], [-1]])).tolist() == [0, 1, -1]


def test_genotypes_of_the_kept_samples_in_the_order_of_the_vcf(tmp_path):
    counts = run(cohort(tmp_path))
    samples, ids, found = read_dosages(tmp_path / "out" / "genotypes.parquet")
    assert samples == ["a", "b", "c"]
    assert ids == IDS
    assert found.tolist() == [[0, 1, 2], [1, 1, -1], [1, 0, -1], [-1, -1, -1], [1, 1, 1]]
    assert counts == {
        "variants": 5,
        "variants_left_out": 0,
        "samples": 3,
        "samples_left_out": 1,
        "genotypes_below_quality": 0,
        "participants_with_phenotypes": 2,
        "participants_without": 1,
    }
    assert json.loads((tmp_path / "out" / "matrices.json").read_text()) == counts


def test_the_vcf_has_counts_of_the_kept_samples_and_all_else_as_it_was(tmp_path):
    run(cohort(tmp_path))
    out = tmp_path / "out" / "annotated.vcf.gz"
    assert query(out, "%ID %NOTE %AN %AC %AF[ %SAMPLE=%GT:%GQ]\n") == [
        "rs1 kept 6 3 0.5 a=0/0:9 b=0/1:30 c=1/1:40",
        ". kept 4 2 0.5 a=0|1:5 b=1|0:30 c=./.:.",
        ". kept 2 1 0.5 a=1:40 b=0:30 c=.:.",
        ". kept 1 1 1 a=./1:40 b=./.:. c=./.:.",
        ". kept 6 3 0.5 a=0/1:40 b=0/1:30 c=0/1:20",
    ]
    assert query(out, "%POS\n") == ["5", "5", "9", "12", "3"]
    assert (tmp_path / "out" / "annotated.vcf.gz.tbi").is_file()


def test_without_a_call_there_is_no_frequency(tmp_path):
    run(cohort(tmp_path, keep=("b", "c")))
    assert query(tmp_path / "out" / "annotated.vcf.gz", "%AN %AC %AF\n")[3] == "0 0 ."


def test_only_passing_variants_by_their_alleles(tmp_path):
    counts = run(cohort(tmp_path, passes=(True, False, False, True, True)))
    assert counts["variants"] == 3
    assert counts["variants_left_out"] == 2
    kept = [IDS[0], IDS[3], IDS[4]]
    assert read_dosages(tmp_path / "out" / "genotypes.parquet")[1] == kept
    sites = fields.read(tmp_path / "out" / "sites.parquet")
    assert list(sites["variant_id"]) == kept
    assert list(sites.columns) == fields.names("matrix_sites")
    assert list(sites["allele_count"]) == [7, 7, 7]
    assert query(tmp_path / "out" / "annotated.vcf.gz", "%CHROM:%POS:%REF:%ALT\n") == kept


def test_poor_genotypes_are_missing_in_both(tmp_path):
    counts = run(cohort(tmp_path), min_genotype_quality=25)
    assert counts["genotypes_below_quality"] == 3
    _, _, found = read_dosages(tmp_path / "out" / "genotypes.parquet")
    assert found.tolist() == [[-1, 1, 2], [-1, 1, -1], [1, 0, -1], [-1, -1, -1], [1, 1, -1]]
    assert query(tmp_path / "out" / "annotated.vcf.gz", "%AN %AC[ %GT]\n") == [
        "4 3 ./. 0/1 1/1",
        "2 1 .|. 1|0 ./.",
        "2 1 1 0 .",
        "1 1 ./1 ./. ./.",
        "4 2 0/1 0/1 ./.",
    ]


def test_a_poor_haploid_call_stays_haploid(tmp_path):
    run(cohort(tmp_path), min_genotype_quality=35)
    assert query(tmp_path / "out" / "annotated.vcf.gz", "[ %GT]\n")[2] == " 1 . ."


def test_tables_beside_the_genotypes(tmp_path):
    run(cohort(tmp_path))
    out = tmp_path / "out"
    assert list(fields.read(out / "samples.parquet")["sample"]) == ["c", "a", "b"]
    phenotypes = fields.read(out / "phenotypes.parquet")
    assert list(phenotypes["participant"]) == ["p-c", "p-a"]
    assert np.isnan(phenotypes["ldl"].iloc[0])
    dictionary = pd.read_csv(out / "dictionary.tsv", sep="\t", keep_default_na=False)
    assert set(dictionary["table"]) == {"samples", "sites", "genotypes", "phenotypes"}
    assert set(dictionary["tier"]) == {"open", "controlled"}
    for table in ("samples", "sites", "genotypes", "phenotypes"):
        columns = list(fields.read(out / f"{table}.parquet").columns)
        assert list(dictionary.loc[dictionary["table"] == table, "column"]) == columns


def test_row_groups_do_not_change_the_answer(tmp_path, monkeypatch):
    run(cohort(tmp_path))
    whole = read_dosages(tmp_path / "out" / "genotypes.parquet")[2]
    monkeypatch.setattr("genopheno.matrices.build.CELLS", 6)  # two variants at once
    run(tmp_path)
    assert np.array_equal(read_dosages(tmp_path / "out" / "genotypes.parquet")[2], whole)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"passes": (False,) * 5}, "variants-none"),
        ({"keep": ("a", "z")}, "samples-differ"),
        ({"rows": [*ROWS[:4], ROWS[3], ROWS[4]]}, "variant-twice"),
    ],
)
def test_faults_leave_no_matrix(tmp_path, fault, code):
    cohort(tmp_path, **fault)
    with pytest.raises(StageError) as error:
        run(tmp_path)
    assert error.value.problems[0].code == code
    assert not (tmp_path / "out" / "annotated.vcf.gz").exists()
    assert not (tmp_path / "out" / "genotypes.parquet").exists()


def test_a_passing_variant_that_the_vcf_lacks_is_a_fault(tmp_path):
    cohort(tmp_path)
    write_vcf(tmp_path / "cohort.vcf.gz", ROWS[:4], info=INFO, samples=SAMPLES, formats=FORMATS)
    with pytest.raises(StageError, match="records-lost"):
        run(tmp_path)
