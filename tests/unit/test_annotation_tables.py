"""Preparing site databases from BED files and tables, on a genome of 150 bases."""

import gzip

import pytest

from genopheno.annotation.databases import prepare, read_prepared
from genopheno.problems import StageError
from tests.unit.small_genome import CONTIGS, write_genome
from tests.unit.test_annotation_databases import alleles, rows


@pytest.fixture
def genome(tmp_path):
    return write_genome(tmp_path)


def prepared(tmp_path, genome, text, ending, fields=(), **more):
    file = tmp_path / f"in{ending}"
    file.write_bytes(gzip.compress(text.encode()) if ending.endswith("gz") else text.encode())
    out = tmp_path / "db.tsv.gz"
    return out, prepare("db", file, reference=genome.fasta, out=out, fields=list(fields), **more)


def types(out):
    return {column.field: column.type for column in read_prepared("db", out).taken}


# --- BED -------------------------------------------------------------------------------

BED = "track name=x\n2\t5\t9\tlow\t7\t+\n1\t0\t4\thigh; very\t8.5\t-\n1\t2\t3\tlow\t.\t.\n"


@pytest.mark.parametrize("ending", [".bed", ".bed.gz"])
@pytest.mark.parametrize(
    ("fields", "types_", "values"),
    [
        ([], {}, [[], [], []]),
        (["score"], {"score": "Float"}, [["8.5"], ["."], ["7"]]),
        (["kind"], {"kind": "String"}, [["high%3B very"], ["low"], ["low"]]),
        (["kind", "depth"], {"kind": "String", "depth": "Float"}, None),
    ],
)
def test_bed_by_its_standard_names_or_in_order(tmp_path, genome, ending, fields, types_, values):
    out, counts = prepared(tmp_path, genome, BED, ending, fields)
    assert [cells[:3] for cells in rows(out)] == [["1", "1", "4"], ["1", "3", "3"], ["2", "6", "9"]]
    if values:
        assert [cells[3:] for cells in rows(out)] == values
    assert types(out) == types_
    assert counts["records_in"] == counts["records"] == 3
    assert read_prepared("db", out).match == "region"


def test_bed_with_names_of_its_own(tmp_path, genome):
    text = "#chrom\tstart\tend\tgc\tmappability\nchr2\t5\t9\t40\t0.5\n"
    out, counts = prepared(tmp_path, genome, text, ".bed", ["mappability"])
    assert rows(out) == [["2", "6", "9", "0.5"]]
    assert counts["contigs_renamed"] == {"chr2": "2"}


def test_faulty_lines_are_told_at_once(tmp_path, genome):
    text = "1\t0\t4\n1\t5\n1\t9\t8\n1\tx\t8\n1\t4\t5\n"
    with pytest.raises(StageError) as error:
        prepared(tmp_path, genome, text, ".bed")
    found = [(p.code, p.row) for p in error.value.problems]
    assert found == [("database-record", 2), ("database-record", 3), ("database-record", 4)]


def test_identifiers_are_of_alleles(tmp_path, genome):
    with pytest.raises(StageError, match="database-match"):
        prepared(tmp_path, genome, "1\t0\t4\ta\n", ".bed", rsid=True)


def test_more_fields_than_columns(tmp_path, genome):
    with pytest.raises(StageError, match="database-field-missing"):
        prepared(tmp_path, genome, "1\t0\t4\ta\n", ".bed", ["a", "b"])


def test_regions_beyond_their_contigs_are_another_build(tmp_path, genome):
    size = len(CONTIGS["2"])
    text = f"2\t0\t4\n2\t5\t{size + 1}\nchr9\t1\t2\n"
    out, counts = prepared(tmp_path, genome, text, ".bed")
    assert counts["regions_beyond_contig"] == 1
    assert counts["records_outside_reference"] == 2
    assert rows(out) == [["2", "1", "4"]]
    with pytest.raises(StageError, match="database-other-build"):
        prepared(tmp_path, genome, f"{text}2\t5\t{size + 9}\n", ".bed")


# --- Tables ----------------------------------------------------------------------------

TABLE = """\
## a comment
#Chrom\tPos\tRef\tAlt\trsID\tPHRED\tcount\tGERP++ RS\tnote
2\t4\tAA\tA\trs2\t0.25\t3\tNA\tx; y=1,2 100%
chr1\t1\tT\tC\tNA\t1e-3\t4\t2\t.
2\t12\tCACAC\tCAC\t.\t7\t\t-1.5\tz
"""


@pytest.mark.parametrize("ending", [".tsv", ".txt.gz"])
def test_a_table_with_alleles_goes_the_way_of_a_vcf(tmp_path, genome, ending):
    fields = ["PHRED", "count", "GERP++ RS", "note"]
    out, counts = prepared(tmp_path, genome, TABLE, ending, fields, rsid=True)
    assert alleles(out) == [
        "1:1:T:C . 1e-3 4 2 .",
        "2:1:AA:A rs2 0.25 3 . x%3B y%3D1%2C2 100%25",  # shifted to the first base
        "2:9:TCA:T . 7 . -1.5 z",
    ]
    assert types(out) == {
        "PHRED": "Float",
        "count": "Integer",
        "GERP++ RS": "Float",
        "note": "String",
    }
    assert read_prepared("db", out).layout[-2:] == ["db_GERP___RS", "db_note"]
    assert counts["contigs_renamed"] == {"chr1": "1"}
    assert read_prepared("db", out).match == "allele"


def test_types_are_those_of_the_rows_that_stay(tmp_path, genome):
    text = "chrom\tpos\tref\talt\tn\n2\t8\tG\tC\t1\n2\t8\tG\tC\tmany\n2\t8\tG\tT\t99999999999\n"
    out, counts = prepared(tmp_path, genome, text, ".tsv", ["n"])
    assert alleles(out) == ["2:8:G:C 1", "2:8:G:T 99999999999"]
    assert types(out) == {"n": "Float"}  # too large for an integer of 32 bits
    assert (counts["duplicates"], counts["duplicates_differing"]) == (1, 1)


def test_alleles_that_are_not_written_as_in_vcf_are_counted(tmp_path, genome):
    text = "chr\tposition\treference\talternate\n2\t8\tG\tC\n2\t8\t-\tA\n2\t8\tG\t-\n2\t8\tG\tA,-\n"
    out, counts = prepared(tmp_path, genome, text, ".tsv")
    assert alleles(out) == ["2:8:G:A", "2:8:G:C"]
    assert counts["alleles_left_out"]["other"] == 3


def test_a_table_of_another_build_is_refused(tmp_path, genome):
    text = "chr\tpos\tref\talt\n2\t8\tG\tC\n2\t9\tG\tC\n2\t10\tG\tC\n"
    with pytest.raises(StageError, match="database-other-build") as error:
        prepared(tmp_path, genome, text, ".tsv")
    assert "2:9 G, not T" in str(error.value)


@pytest.mark.parametrize(
    ("header", "row", "region"),
    [
        ("chrom\tpos\tscore", "2\t5\t1", ["2", "5", "5", "1"]),
        ("CHR\tstart\tscore", "2\t5\t1", ["2", "5", "5", "1"]),
        ("contig\tstart\tend\tscore", "2\t5\t7\t1", ["2", "6", "7", "1"]),  # as BED has it
        ("chrom\tpos\tend\tscore", "2\t5\t7\t1", ["2", "5", "7", "1"]),
    ],
)
def test_positions_of_a_table_without_alleles(tmp_path, genome, header, row, region):
    out, _ = prepared(tmp_path, genome, f"{header}\n{row}\n", ".tsv", ["score"])
    assert rows(out) == [region]
    with pytest.raises(StageError, match="database-match"):
        prepared(tmp_path, genome, f"{header}\n{row}\n", ".tsv", ["score"], match="allele")


def test_alleles_may_be_matched_by_their_place(tmp_path, genome):
    out, _ = prepared(tmp_path, genome, TABLE, ".tsv", ["count"], match="region")
    assert rows(out) == [["1", "1", "1", "4"], ["2", "4", "5", "3"], ["2", "12", "16", "."]]


@pytest.mark.parametrize(
    "text", ["", "a\tb\n1\t2\n", "chrom,pos\n1,2\n", "chrom\tpos\tx\tX\n1\t2\t3\t4\n"]
)
def test_what_is_no_table_is_refused(tmp_path, genome, text):
    with pytest.raises(StageError, match="database-form"):
        prepared(tmp_path, genome, text, ".tsv")


def test_a_header_without_rows_is_refused(tmp_path, genome):
    with pytest.raises(StageError, match="database-empty"):
        prepared(tmp_path, genome, "chrom\tpos\tref\talt\n", ".tsv")
