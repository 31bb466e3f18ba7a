"""Matrices of a cohort of three, with every kind of genotype."""

import json

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from genopheno import calls, fields
from genopheno.matrices.build import file_name, matrices
from genopheno.problems import StageError
from tests import cohort_tables
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
    '##FORMAT=<ID=DS,Number=A,Type=Float,Description="Dosage">\n'
)
OLD = "AC=9;AF=0.9;NOTE=kept"
LONG = "A" + "ACGT" * 2500  # an allele of 10 kb
ROWS = [
    ("1", 5, "C", "A", "rs1", OLD, "GT:GQ", "0/0:9", "0/1:30", "1/1:40", "1/1:50"),
    ("1", 5, "C", "G", ".", OLD, "GT:GQ", "0|1:5", "1|0:30", "./.:.", "1|1:50"),
    ("1", 9, "TG", "T", ".", OLD, "GT:GQ", "1:40", "0:30", ".:.", "1/1:50"),  # haploid
    ("1", 12, "A", "C", ".", OLD, "GT:GQ", "./1:40", "./.:.", "./.:.", "0/1:50"),
    ("2", 3, "A", LONG, ".", OLD, "GT:GQ:DS", "0/1:40:.9", "0/1:30:1.1", "0/1:20:.", "0/1:50:1"),
]
IDS = ["1:5:C:A", "1:5:C:G", "1:9:TG:T", "1:12:A:C", f"2:3:A:{LONG}"]
TEXTS = [
    ["0/0", "0/1", "1/1"],
    ["0|1", "1|0", "./."],
    ["1", "0", "."],
    ["./1", "./.", "./."],
    ["0/1", "0/1", "0/1"],
]


def cohort(folder, *, passes=None, keep=("c", "a", "b"), rows=None, min_quality=0):
    vcf = write_vcf(
        folder / "cohort.vcf.gz", rows or ROWS, info=INFO, samples=SAMPLES, formats=FORMATS
    )
    known = [name for name in keep if name in SAMPLES]
    cohort_tables.write(
        folder, vcf, known, passes, {"a": "female", "b": "male"}, min_quality=min_quality
    )
    if len(known) < len(keep):
        people = fields.read(folder / "samples.parquet")
        people.loc[0, "sample"] = next(name for name in keep if name not in SAMPLES)
        fields.write(folder / "samples.parquet", people, "cohort_samples")
    variants = fields.read(folder / "variants.parquet")
    # Hail sorts as it likes: the order of this table must not matter.
    fields.write(folder / "variants.parquet", variants[::-1], "cohort_variants")
    pd.DataFrame(
        {
            "participant": ["p-d", "p-c", "p-a"],
            "ldl": [1.0, np.nan, 3.0],
            "region": ["north", "east 1", None],
        }
    ).to_parquet(folder / "phenotypes.parquet")
    return folder


def run(folder, **more):
    return matrices(**cohort_tables.inputs(folder, folder / "cohort.vcf.gz"), **more)


def genotypes(folder):
    """Samples, variants, and genotypes as text, of the table of genotypes."""
    table = pq.read_table(folder / "out" / "genotypes.parquet")
    samples = json.loads(table.schema.metadata[b"samples"])
    texts = []
    for dosages, codes in zip(
        table["dosages"].to_pylist(), table["calls"].to_pylist(), strict=True
    ):
        # Rows without exact calls are told by their dosages.
        exact = codes or calls.codes(np.array(dosages, np.int8)).tolist()
        texts.append([calls.TEXT[code] for code in exact])
    return samples, table["variant_id"].to_pylist(), texts


def test_genotypes_of_the_kept_samples_in_the_order_of_the_vcf(tmp_path):
    counts = run(cohort(tmp_path))
    assert genotypes(tmp_path) == (["a", "b", "c"], IDS, TEXTS)
    table = pq.read_table(tmp_path / "out" / "genotypes.parquet")
    dosages = [[0, 1, 2], [1, 1, -1], [1, 0, -1], [-1, -1, -1], [1, 1, 1]]
    assert table["dosages"].to_pylist() == dosages
    plain = [True, False, False, False, True]
    assert table["calls"].is_null().to_pylist() == plain
    expected = {
        "records": 5,
        "variants": 5,
        "variants_left_out": 0,
        "samples": 3,
        "samples_left_out": 1,
        "genotypes_below_quality": 0,
        "participants_with_phenotypes": 2,
        "participants_without": 1,
        "groups": {"sex: female": 1, "sex: male": 1, "sex: unknown": 1},
        "contigs": {"1": 4, "2": 1},
    }
    assert {key: counts[key] for key in expected} == expected
    assert json.loads((tmp_path / "out" / "matrices.json").read_text()) == counts


def test_a_file_per_contig_opens_as_one_table(tmp_path):
    run(cohort(tmp_path))
    for table in ("sites", "genotypes", "carriers"):
        folder = tmp_path / "out" / f"{table}.parquet"
        assert sorted(path.name for path in folder.iterdir()) == ["1.parquet", "2.parquet"]
    assert list(pd.read_parquet(tmp_path / "out" / "sites.parquet")["variant_id"]) == IDS
    assert file_name("HLA-A*01:01/x") == "HLA-A%2A01%3A01%2Fx"


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


def test_sites_have_the_counts_of_everyone_and_of_each_group(tmp_path):
    run(cohort(tmp_path), groups=["sex", "region"])
    sites = fields.read(tmp_path / "out" / "sites.parquet")
    assert list(sites["allele_count"]) == [3, 2, 1, 0, 3]
    assert list(sites["allele_number"]) == [6, 4, 2, 0, 6]
    assert list(sites["n_hom_alt"]) == [1, 0, 1, 0, 0]  # a haploid call is a homozygote
    assert list(sites["call_rate"]) == [1, 2 / 3, 2 / 3, 0, 1]
    assert np.isnan(sites["allele_frequency"][3]) and np.isnan(sites["hwe_p_value"][2])
    # a is female, b male; c lives in "east 1", nobody knows where the others do.
    assert list(sites["allele_count_sex_female"]) == [0, 1, 1, 0, 1]
    assert list(sites["allele_number_sex_male"]) == [2, 2, 1, 0, 2]
    assert list(sites["n_hom_alt_region_east_1"]) == [1, 0, 0, 0, 0]
    assert list(sites["allele_number_region_unknown"]) == [4, 4, 2, 0, 4]
    samples = fields.read(tmp_path / "out" / "samples.parquet")
    assert list(samples["region"]) == ["east 1", None, None]


def test_carriers_of_rare_alleles_with_quality(tmp_path):
    counts = run(cohort(tmp_path), carriers_max_frequency=0.5)
    carriers = fields.read(tmp_path / "out" / "carriers.parquet")
    told = list(
        zip(
            carriers["variant_id"],
            carriers["sample"],
            carriers["dosage"],
            carriers["genotype_quality"],
            strict=True,
        )
    )
    assert told == [
        (IDS[0], "b", 1, 30),
        (IDS[0], "c", 2, 40),
        (IDS[1], "a", 1, 5),
        (IDS[1], "b", 1, 30),
        (IDS[2], "a", 1, 40),
        (IDS[4], "a", 1, 40),
        (IDS[4], "b", 1, 30),
        (IDS[4], "c", 1, 20),
    ]
    assert carriers["read_depth"].isna().all()  # the calls have no DP
    assert (counts["rare_variants"], counts["carriers"]) == (4, 8)


def test_other_fields_of_the_genotypes(tmp_path):
    run(cohort(tmp_path), entry_fields=["GQ", "DS"])
    table = pq.read_table(tmp_path / "out" / "genotypes.parquet")
    assert table["genotype_qualities"].to_pylist()[:2] == [[9, 30, 40], [5, 30, -1]]
    assert np.isnan(table["alternate_dosages"].to_pylist()[0]).all()
    last = table["alternate_dosages"].to_pylist()[-1]
    assert last[:2] == pytest.approx([0.9, 1.1]) and np.isnan(last[2])


def test_consequences_and_genes_of_the_passing_variants(tmp_path):
    cohort(tmp_path, passes=np.array([True, False, True, True, True]))
    columns = ["variant_id", "gene_id", "impact", "most_severe_of_gene"]
    rows = [
        (IDS[0], "G1", "HIGH", True),
        (IDS[0], "G1", "MODIFIER", False),
        (IDS[0], "G2", "MODERATE", True),
        (IDS[1], "G1", "HIGH", True),
        (IDS[3], "G1", "LOW", True),
        (IDS[4], None, "MODIFIER", True),
    ]
    table = pd.DataFrame(rows, columns=columns)
    parts = table["variant_id"].str.split(":", expand=True)
    table[["contig", "reference", "alternate"]] = parts[[0, 2, 3]]
    table["position"] = parts[1].astype(int)
    for name in fields.names("consequences"):
        if name not in table:
            table[name] = None
    fields.write(tmp_path / "consequences.parquet", table, "consequences")
    counts = run(tmp_path, consequences_parquet=tmp_path / "consequences.parquet")
    assert (counts["consequences"], counts["consequences_left_out"]) == (5, 1)
    kept = fields.read(tmp_path / "out" / "consequences.parquet")
    assert list(kept["variant_id"]) == [rows[i][0] for i in (0, 1, 2, 4, 5)]
    genes = fields.read(tmp_path / "out" / "genes.parquet")
    numbers = ["gene_id", "contig", "start", "end", "n_variants", "n_high", "n_moderate"]
    assert genes[numbers].to_numpy().tolist() == [
        ["G1", "1", 5, 12, 2, 1, 0],
        ["G2", "1", 5, 5, 1, 0, 1],
    ]
    assert counts["genes"] == 2


def test_only_passing_variants_by_their_alleles(tmp_path):
    counts = run(cohort(tmp_path, passes=np.array([True, False, False, True, False])))
    assert (counts["variants"], counts["variants_left_out"]) == (2, 3)
    kept = [IDS[0], IDS[3]]
    assert genotypes(tmp_path)[1] == kept
    sites = fields.read(tmp_path / "out" / "sites.parquet")
    assert list(sites["variant_id"]) == kept
    assert query(tmp_path / "out" / "annotated.vcf.gz", "%CHROM:%POS:%REF:%ALT\n") == kept
    # Contig 2 has nothing that passes, and what an earlier run left of it is gone.
    assert not (tmp_path / "out" / "genotypes.parquet" / "2.parquet").exists()


def test_a_record_with_many_alleles_is_passed_over(tmp_path):
    rows = [*ROWS[:4], ("1", 13, "A", "C,G", ".", ".", "GT", "1/2", "0/2", "0/0", "0/0"), ROWS[4]]
    counts = run(cohort(tmp_path, rows=rows))
    assert (counts["variants"], counts["variants_left_out"]) == (5, 1)
    assert genotypes(tmp_path)[2] == TEXTS


def test_poor_genotypes_are_missing_in_both(tmp_path):
    counts = run(cohort(tmp_path, min_quality=35), min_genotype_quality=35)
    assert counts["genotypes_below_quality"] == 7
    texts = [
        ["./.", "./.", "1/1"],
        [".|.", ".|.", "./."],
        ["1", ".", "."],
        ["./1", "./.", "./."],
        ["0/1", "./.", "./."],
    ]
    assert genotypes(tmp_path)[2] == texts
    written = query(tmp_path / "out" / "annotated.vcf.gz", "%AN %AC[ %GT]\n")
    numbers = ["2 2", "0 0", "1 1", "1 1", "2 1"]
    assert written == [" ".join([n, *t]) for n, t in zip(numbers, texts, strict=True)]


def test_tables_beside_the_genotypes(tmp_path):
    cohort(tmp_path)
    scores = pd.DataFrame(
        {"sample": ["a", "c"], "unrelated": [True, False], "scores": [[0.5, 1.0], [2.0, 3.0]]}
    )
    fields.write(tmp_path / "components.parquet", scores, "components")
    (tmp_path / "traits.json").write_text('{"traits": [{"name": "ldl", "unit": "mg/dL"}]}')
    counts = run(
        tmp_path,
        components_parquet=tmp_path / "components.parquet",
        traits_json=tmp_path / "traits.json",
    )
    assert counts["samples_with_components"] == 2
    out = tmp_path / "out"
    samples = fields.read(out / "samples.parquet")
    assert list(samples["sample"]) == ["c", "a", "b"]
    assert samples["pc2"].fillna(-9).tolist() == [3.0, 1.0, -9.0]
    assert samples["unrelated"].tolist() == [False, True, None]
    phenotypes = pq.read_table(out / "phenotypes.parquet")
    assert phenotypes["participant"].to_pylist() == ["p-c", "p-a"]
    assert phenotypes["ldl"].to_pylist() == [None, 3.0]
    assert fields.fields_of(phenotypes.schema)[1].unit == "mg/dL"
    dictionary = pd.read_csv(out / "dictionary.tsv", sep="\t", keep_default_na=False)
    for path in out.glob("*.parquet"):
        told = dictionary.loc[dictionary["table"] == path.stem]
        assert list(told["column"]) == ds.dataset(path).schema.names
        assert (told["description"] != "").all()


def test_row_groups_blocks_and_processes_do_not_change_the_answer(tmp_path, monkeypatch):
    run(cohort(tmp_path))
    whole = {t: fields.read(tmp_path / "out" / f"{t}.parquet") for t in ("sites", "carriers")}
    assert genotypes(tmp_path)[2] == TEXTS
    monkeypatch.setattr("genopheno.matrices.contig.BLOCK_ROWS", 1)
    monkeypatch.setattr("genopheno.matrices.tables.genotype_rows", lambda n: 2)
    run(tmp_path)
    assert genotypes(tmp_path)[2] == TEXTS
    first = pq.ParquetFile(tmp_path / "out" / "genotypes.parquet" / "1.parquet")
    assert first.num_row_groups == 2
    for table, expected in whole.items():
        found = fields.read(tmp_path / "out" / f"{table}.parquet")
        pd.testing.assert_frame_equal(found, expected)
    run(tmp_path, threads=4)  # two processes
    assert genotypes(tmp_path)[2] == TEXTS


TWICE = ("1", 12, "A", "C", ".", OLD, "GT:GQ", "0/0:9", "0/1:30", "1/1:40", "1/1:50")


@pytest.mark.parametrize("rows_of_a_block", [1, 4096])
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"passes": np.zeros(5, bool)}, "variants-none"),
        ({"keep": ("z", "a")}, "samples-differ"),
        ({"rows": [*ROWS[:3], TWICE, TWICE, ROWS[4]]}, "variant-twice"),
        ({"rows": [*ROWS[:4], ("2", 3, "A", "T", ".", OLD, "GT", *["0/0/1"] * 4)]}, "ploidy"),
    ],
)
def test_faults_leave_no_matrix(tmp_path, monkeypatch, rows_of_a_block, fault, code):
    monkeypatch.setattr("genopheno.matrices.contig.BLOCK_ROWS", rows_of_a_block)
    cohort(tmp_path, **fault)
    with pytest.raises(StageError) as error:
        run(tmp_path)
    assert error.value.problems[0].code == code
    assert not any(tmp_path.glob("out/*"))


def test_a_fault_in_another_process_is_told(tmp_path):
    cohort(tmp_path, rows=[*ROWS[:3], TWICE, TWICE, ROWS[4]])
    with pytest.raises(StageError, match="1:12:A:C is in it twice"):
        run(tmp_path, threads=4)


def test_counts_that_are_not_the_cohort_s_are_refused(tmp_path):
    cohort(tmp_path)
    variants = fields.read(tmp_path / "variants.parquet")
    variants.loc[variants["variant_id"] == IDS[2], "n_hom_alt"] = 2
    fields.write(tmp_path / "variants.parquet", variants, "cohort_variants")
    with pytest.raises(StageError, match=r"counts-differ.*1:9:TG:T has n_hom_alt 2"):
        run(tmp_path)


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (ROWS[:4], "records-lost"),
        ([*ROWS[:2], ("1", 10, *ROWS[2][2:]), *ROWS[3:]], "sites-differ"),
        ([("1", 5, "C", "T", *ROWS[0][4:]), *ROWS[1:]], "sites-differ"),
        ([*ROWS, ("2", 9, "A", "C", *ROWS[0][4:])], "sites-differ"),
        ([*ROWS[:3], *ROWS[4:]], "sites-differ"),
    ],
    ids=["contig gone", "another place", "another allele", "one more", "one less"],
)
def test_a_vcf_that_is_not_that_of_the_tables(tmp_path, rows, code):
    cohort(tmp_path)
    write_vcf(tmp_path / "cohort.vcf.gz", rows, info=INFO, samples=SAMPLES, formats=FORMATS)
    with pytest.raises(StageError) as error:
        run(tmp_path)
    assert error.value.problems[0].code == code


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"groups": ["village"]}, "groups-unknown"),
        ({"entry_fields": ["DP"]}, "format-missing"),
    ],
)
def test_what_is_asked_for_and_not_there(tmp_path, options, code):
    cohort(tmp_path)
    with pytest.raises(StageError) as error:
        run(tmp_path, **options)
    assert error.value.problems[0].code == code
