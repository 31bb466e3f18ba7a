"""Preparing site databases, on a genome of 150 bases."""

import gzip

import pytest

from genopheno.annotation.databases import prepare, read_prepared
from genopheno.problems import StageError
from tests.unit.small_genome import CONTIGS, query, write_genome, write_vcf

INFO = (
    '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n'
    '##INFO=<ID=SIG,Number=.,Type=String,Description="Significance">\n'
    '##INFO=<ID=COMMON,Number=0,Type=Flag,Description="Common">\n'
)
ROWS = [
    ("2", 7, "C", "A,T", "rs1", "AF=0.1,0.2;SIG=benign"),
    ("2", 4, "AA", "A", "rs2", "AF=0.3"),  # left-aligned: 1 AA>A, the first base of the contig
    ("2", 12, "CAC", "C", "rs3", "AF=0.4;COMMON"),  # left-aligned: 9 TCA>T
    ("2", 8, "G", "C", "rs4", "AF=0.5"),
]
ALIGNED = [
    "2:1:AA:A 0.3",
    "2:7:C:A 0.1",
    "2:7:C:T 0.2",
    "2:8:G:C 0.5",
    "2:9:TCA:T 0.4",
]


@pytest.fixture
def genome(tmp_path):
    return write_genome(tmp_path)


def prepared(tmp_path, genome, rows=None, fields=("AF",), name="db", ending=".vcf", **more):
    source = write_vcf(tmp_path / f"in{ending}", rows or ROWS, info=INFO)
    out = tmp_path / "out" / f"{name}.vcf.gz"
    options = {"rsid": False, **more}
    return out, prepare(
        name, source, reference=genome.fasta, fields=list(fields), out_vcf=out, **options
    )


def alleles(vcf, column="db_AF"):
    return query(vcf, f"%CHROM:%POS:%REF:%ALT %INFO/{column}\n")


def test_rows_are_split_left_aligned_sorted_and_named(tmp_path, genome):
    out, counts = prepared(tmp_path, genome)
    assert alleles(out) == ALIGNED
    assert counts["records_in"] == 4
    assert counts["records"] == counts["alleles"] == 5
    assert counts["duplicates"] == counts["alleles_disagreeing"] == 0
    assert query(out, "%ID\n") == ["."] * 5
    assert out.with_name("db.vcf.gz.tbi").is_file()
    header = gzip.open(out, "rt").read()
    assert "ID=db_AF,Number=A" in header
    assert "SIG" not in header.split("#CHROM")[0]
    assert read_prepared("db", out).columns == {"db_AF": "AF"}
    assert read_prepared("db", out).counts == counts


@pytest.mark.parametrize("ending", [".vcf", ".bcf", ".vcf.gz"])
def test_any_form_of_file_is_read(tmp_path, genome, ending):
    rows = ROWS if ending == ".vcf" else sorted(ROWS, key=lambda row: row[1])
    out, counts = prepared(tmp_path, genome, rows, ending=ending)
    assert alleles(out) == ALIGNED
    assert counts["records_in"] == 4


def test_plain_gzip_is_read(tmp_path, genome):
    source = write_vcf(tmp_path / "in.vcf", ROWS, info=INFO)
    packed = tmp_path / "plain.vcf.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    out = tmp_path / "db.vcf.gz"
    prepare("db", packed, reference=genome.fasta, fields=["AF"], rsid=False, out_vcf=out)
    assert alleles(out) == ALIGNED


def test_a_masked_reference_gives_upper_case_alleles(tmp_path):
    out, _ = prepared(tmp_path, write_genome(tmp_path, masked=True))
    assert alleles(out) == ALIGNED


def test_all_fields_none_and_rsids(tmp_path, genome):
    out, _ = prepared(tmp_path, genome, fields=["AF", "SIG", "COMMON"], rsid=True)
    assert query(out, "%ID %INFO/db_SIG %INFO/db_COMMON\n") == [
        "rs2 . .",
        "rs1 benign .",
        "rs1 benign .",
        "rs4 . .",
        "rs3 . 1",
    ]
    out, counts = prepared(tmp_path, genome, fields=[], rsid=True)
    assert counts["fields"] == []
    assert query(out, "%ID %INFO\n") == ["rs2 .", "rs1 .", "rs1 .", "rs4 .", "rs3 ."]


def test_duplicates_are_dropped_and_counted_wherever_they_come_from(tmp_path, genome):
    again = [
        ("2", 8, "G", "C", "rs9", "AF=0.9"),  # the same row
        ("2", 8, "GT", "CT", "rs9", "AF=0.9"),  # the same allele, not trimmed
        ("2", 2, "AA", "A", "rs9", "AF=0.9"),  # the same deletion, shifted
        ("2", 8, "G", "T", "rs9", "AF=0.9"),  # another allele: stays
    ]
    out, counts = prepared(tmp_path, genome, ROWS + again)
    assert counts["duplicates"] == 3
    assert counts["records"] == 6
    assert alleles(out) == [*ALIGNED[:4], "2:8:G:T 0.9", ALIGNED[4]]


def test_what_is_outside_the_reference_is_dropped_and_counted(tmp_path, genome):
    far = len(CONTIGS["2"]) + 100
    rows = [*ROWS, ("2", far, "A", "C", "rs7", "AF=0.1"), ("alt9", 5, "A", "C", "rs8", "AF=0.1")]
    out, counts = prepared(tmp_path, genome, rows)
    assert alleles(out) == ALIGNED
    assert counts["records_in"] == 6
    assert counts["records_outside_reference"] == 2


def test_another_build_is_refused_with_places(tmp_path, genome):
    rows = [*ROWS, ("2", 9, "A", "C"), ("2", 10, "A", "C")]
    with pytest.raises(StageError) as error:
        prepared(tmp_path, genome, rows)
    assert error.value.problems[0].code == "database-other-build"
    assert "2 of 7 alleles" in str(error.value)
    assert "2:9 A, not T" in str(error.value)
    assert not (tmp_path / "out" / "db.vcf.gz").exists()


def test_one_odd_row_does_not_make_another_build(tmp_path, genome):
    out, counts = prepared(tmp_path, genome, [*ROWS, ("2", 9, "A", "C")])
    assert counts["alleles_disagreeing"] == 1
    assert alleles(out) == ALIGNED


def test_contig_names_of_another_style_are_refused(tmp_path, genome):
    with pytest.raises(StageError) as error:
        prepared(tmp_path, genome, [("chr2", 8, "G", "C", "rs4", "AF=0.5")])
    assert error.value.problems[0].code == "contigs-differ"
    assert "chr2" in str(error.value)
    assert "--rename-chrs" in str(error.value)


def test_a_missing_field_is_answered_with_those_there_are(tmp_path, genome):
    with pytest.raises(StageError) as error:
        prepared(tmp_path, genome, fields=["AF", "CLNSIG"])
    assert error.value.problems[0].code == "database-field-missing"
    assert "no INFO field CLNSIG" in str(error.value)
    assert "AF, COMMON, SIG" in str(error.value)


def test_no_records_are_refused(tmp_path, genome):
    source = write_vcf(tmp_path / "in.vcf", [], info=INFO)
    with pytest.raises(StageError, match="database-empty"):
        prepare("db", source, reference=genome.fasta, fields=[], out_vcf=tmp_path / "o.vcf.gz")


def test_a_file_under_another_name_is_not_taken(tmp_path, genome):
    out, _ = prepared(tmp_path, genome)
    with pytest.raises(StageError, match="database-not-prepared"):
        read_prepared("other", out)
    raw = write_vcf(tmp_path / "raw.vcf.gz", sorted(ROWS, key=lambda r: r[1]), info=INFO)
    with pytest.raises(StageError, match="database-not-prepared"):
        read_prepared("db", raw)
