"""What a lookup finds, and how it is judged."""

import subprocess
from dataclasses import replace

import cyvcf2
import pytest

from genopheno import fields, tools
from genopheno.annotation.databases import (
    Column,
    floor_problem,
    lookup,
    prepare,
    read_prepared,
)
from genopheno.annotation.values import reader
from tests.unit.small_genome import query, write_genome, write_vcf
from tests.unit.test_annotation_databases import INFO, ROWS

CALLS = [  # with genotypes that have to stay
    ("2", 1, "AA", "A", ".", ".", "GT", "0/1"),
    ("2", 7, "C", "G", ".", ".", "GT", "0/1"),
    ("2", 7, "C", "T", ".", ".", "GT", "1|1"),
    ("2", 8, "G", "C", ".", ".", "GT", "./."),
    ("2", 9, "TCA", "T", ".", ".", "GT", "1"),
    ("2", 20, "T", "TCC", ".", ".", "GT", "0/1"),
]


@pytest.fixture
def genome(tmp_path):
    return write_genome(tmp_path)


def looked_up(tmp_path, prepared, path, calls=CALLS):
    source = write_vcf(tmp_path / "calls.vcf", calls, samples=("S",))
    out = tmp_path / "found.bcf"
    tools.run(["cat", source], *lookup(prepared, path, tmp_path), stdout=out)
    return out


def database(tmp_path, genome, file, **more):
    path = tmp_path / "db.tsv.gz"
    prepare("db", file, reference=genome.fasta, out=path, **more)
    return read_prepared("db", path), path


def test_alleles_are_found_exactly_and_genotypes_stay(tmp_path, genome):
    source = write_vcf(tmp_path / "in.vcf", ROWS, info=INFO)
    wanted = ["AF", "AC", "SIG", "COMMON"]
    prepared, path = database(tmp_path, genome, source, fields=wanted, rsid=True)
    out = looked_up(tmp_path, prepared, path)
    columns = " ".join(f"%INFO/db_{name}" for name in [*wanted, "found"])
    assert query(out, f"%POS %REF %ALT %ID {columns}[ %GT]\n") == [
        "1 AA A rs2 0.3 . . . 1 0/1",
        "7 C G . . . . . . 0/1",
        "7 C T rs1 0.2 9,2 benign . 1 1|1",
        "8 G C rs4 0.5 . . . 1 ./.",
        "9 TCA T rs3 0.4 . . 1 1 1",
        "20 T TCC . . . . . . 0/1",
    ]
    header = subprocess.run(["bcftools", "view", "-h", out], capture_output=True, text=True).stdout
    for line in prepared.header:
        assert line in header


def test_without_fields_only_the_flag_is_set(tmp_path, genome):
    source = write_vcf(tmp_path / "in.vcf", ROWS, info=INFO)
    prepared, path = database(tmp_path, genome, source)
    assert query(looked_up(tmp_path, prepared, path), "%INFO\n") == [
        *("db_found", ".", "db_found", "db_found", "db_found", "."),
    ]
    assert [f.name for f in prepared.fields] == ["db_found"]


def test_equal_changes_at_another_place_are_not_found(tmp_path, genome):
    """Contig 2 begins with AAAAAA: the same REF and ALT one base on are another allele."""
    source = write_vcf(tmp_path / "in.vcf", [("2", 2, "AA", "CC")])
    prepared, path = database(tmp_path, genome, source)
    calls = [("2", i, "AA", "CC", ".", ".", "GT", "0/1") for i in (1, 2, 3)]
    assert query(looked_up(tmp_path, prepared, path, calls), "%INFO\n") == [".", "db_found", "."]


def test_regions_overlap_the_bases_of_ref(tmp_path, genome):
    bed = tmp_path / "in.bed"
    bed.write_text("2\t7\t9\tlow\t7\n2\t8\t10\thigh\t2\n2\t10\t11\tlow\t5\n2\t20\t22\tend\t1\n")
    both = {"fields": ["name", "score"]}
    prepared, path = database(tmp_path, genome, bed, **both)
    form = "%POS %REF %INFO/db_name %INFO/db_score %INFO/db_found\n"
    assert query(looked_up(tmp_path, prepared, path), form) == [
        "1 AA . . .",
        "7 C . . .",
        "7 C . . .",
        "8 G low 7 1",
        "9 TCA low,high 7 1",
        "20 T . . .",  # an insertion is at the base before it
    ]
    for combine, expected in (("min", "2"), ("mean", "4.66667")):
        prepared, path = database(tmp_path, genome, bed, combine=combine, **both)
        assert query(looked_up(tmp_path, prepared, path), "%INFO/db_score\n")[4] == expected


def test_the_records_of_a_vcf_as_regions(tmp_path, genome):
    info = '##INFO=<ID=END,Number=1,Type=Integer,Description="End">\n' + INFO
    given = [
        ("2", 7, "CG", "C", ".", "AF=0.5;COMMON"),
        ("2", 9, "T", "<DEL>", ".", "END=20;SIG=a,b"),
    ]
    source = write_vcf(tmp_path / "in.vcf", given, info=info)
    wanted = ["AF", "COMMON", "SIG"]
    prepared, path = database(tmp_path, genome, source, match="region", fields=wanted)
    out = looked_up(tmp_path, prepared, path)
    found = [dict(record.INFO) for record in cyvcf2.VCF(str(out))]
    assert [bool(f.get("db_found")) for f in found] == [False, True, True, True, True, True]
    assert found[1]["db_COMMON"] in (1, "1")
    assert found[1]["db_AF"] == 0.5
    assert reader("string", prepared.encoded)(found[4]["db_SIG"]) == "a,b"


def test_fields_are_members_of_the_families_with_their_types(tmp_path, genome):
    source = write_vcf(tmp_path / "in.vcf", ROWS, info=INFO)
    wanted = ["AF", "AC", "SIG", "COMMON"]
    prepared, _ = database(
        tmp_path, genome, source, fields=wanted, source="ClinVar", version="2024-01"
    )
    found = {field.name: field for field in prepared.fields}
    assert {name: field.type for name, field in found.items()} == {
        "db_found": "bool",
        "db_AF": "float32",
        "db_AC": "list<int32>",
        "db_SIG": "string",
        "db_COMMON": "bool",
    }
    assert found["db_AF"].description == "Frequency (ClinVar 2024-01)"
    assert {field.source for field in prepared.fields} == {"ClinVar 2024-01"}
    assert fields.schema("sites", extra=prepared.fields).field("db_AC").metadata[b"source"]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("float32", "0.5", 0.5),
        ("float32", "nan", None),
        ("float32", ".", None),
        ("int32", "3", 3),
        ("list<int32>", "1,.", [1, None]),
        ("list<int32>", "3", [3]),
        ("list<float32>", ".,nan", None),
        ("string", "a,b", "a,b"),
        ("string", "x%3B y", "x; y"),
        ("string", ".", None),
    ],
)
def test_values_for_the_table_of_sites(kind, text, expected):
    assert reader(kind, encoded=True)(text) == expected
    if expected == "x; y":
        assert reader(kind)(text) == text


@pytest.mark.parametrize(("kind", "text"), [("int32", "1.5"), ("float32", "0.1,0.2")])
def test_values_that_are_not_of_the_type(kind, text):
    with pytest.raises(ValueError, match=text):
        reader(kind)(text)


def test_lists_with_a_missing_number_stay_text(tmp_path, genome):
    """bcftools would cut them off behind the first value."""
    given = [("2", 8, "G", "C", ".", "AC=1,."), ("2", 7, "C", "T", ".", "AC=3,4")]
    source = write_vcf(tmp_path / "in.vcf", given, info=INFO)
    prepared, path = database(tmp_path, genome, source, fields=["AC"])
    assert query(looked_up(tmp_path, prepared, path), "%INFO/db_AC\n")[2:4] == ["3,4", "1,."]
    assert prepared.fields[1].type == "string"


@pytest.mark.parametrize(
    ("found", "alleles", "floor", "refused"),
    [
        (0, 100, 0, True),
        (1, 100, 0, False),
        (0, 100, None, False),
        (0, 0, 0.5, False),
        (49, 100, 0.5, True),
        (50, 100, 0.5, False),
        (100, 100, 1, False),
    ],
)
def test_the_floor(found, alleles, floor, refused):
    problem = floor_problem(
        *("db",),
        found=found,
        alleles=alleles,
        floor=floor,
        path="db.vcf",
        contigs_here={"20": alleles},
        contigs_there={"chr20": 5},
    )
    assert (problem is not None) == refused
    if problem:
        assert problem.code == "database-below-floor"
        assert problem.column == "databases.db.min_fraction"
        assert f"{found} of {alleles}" in problem.found
        assert "the calls are on '20', the database on 'chr20'" in problem.found


def test_a_column_without_description_names_its_field():
    line = Column("X", "db_X", "R", "Integer").header(' (A "b")')
    assert line == "##INFO=<ID=db_X,Number=.,Type=Integer,Description=\"Column X (A 'b')\">"
    assert replace(Column("X", "db_X", "1", "Integer"), number="R").is_list
