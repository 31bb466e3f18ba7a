"""Preparing site databases from VCF, on a genome of 150 bases."""

import gzip

import pytest

from genopheno.annotation.databases import prepare, read_prepared
from genopheno.problems import StageError
from tests.unit.small_genome import CONTIGS, write_genome, write_vcf

INFO = (
    '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n'
    '##INFO=<ID=AC,Number=R,Type=Integer,Description="Count">\n'
    '##INFO=<ID=SIG,Number=.,Type=String,Description="Significance">\n'
    '##INFO=<ID=COMMON,Number=0,Type=Flag,Description="Common">\n'
    '##INFO=<ID=PL,Number=G,Type=Integer,Description="By genotype">\n'
)
ROWS = [
    ("2", 7, "C", "A,T", "rs1", "AF=0.1,0.2;SIG=benign;AC=9,1,2"),
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
MANY = [
    ("1", i + 1, base, "ACGT"[i % 4], ".", "AF=0.5;AC=1,2") for i, base in enumerate(CONTIGS["1"])
]
MANY = [row for row in MANY if row[2] != row[3]]  # enough rows for one in a hundred


@pytest.fixture
def genome(tmp_path):
    return write_genome(tmp_path)


def prepared(tmp_path, genome, rows=None, fields=("AF",), name="db", ending=".vcf", **more):
    contigs = (
        tuple(dict.fromkeys(row[0] for row in rows or ROWS)) if ending == ".vcf" else ("1", "2")
    )
    source = write_vcf(tmp_path / f"in{ending}", rows or ROWS, info=INFO, contigs=contigs)
    out = tmp_path / "out" / f"{name}.tsv.gz"
    return out, prepare(name, source, reference=genome.fasta, fields=list(fields), out=out, **more)


def rows(path):
    lines = gzip.open(path, "rt").read().splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


def alleles(path):
    """Rows as 'contig:position:REF:ALT value value', in order."""
    return [" ".join([":".join(cells[:4]), *cells[4:]]) for cells in rows(path)]


def refused(tmp_path, genome, *given, **more):
    with pytest.raises(StageError) as error:
        prepared(tmp_path, genome, *given, **more)
    assert not (tmp_path / "out" / "db.tsv.gz").exists()
    return error.value.problems[0]


def test_rows_are_split_left_aligned_sorted_and_named(tmp_path, genome):
    out, counts = prepared(tmp_path, genome, source="Us", version="7")
    assert alleles(out) == ALIGNED
    assert counts["records_in"] == 4
    assert counts["records"] == counts["alleles"] == 5
    assert counts["duplicates"] == counts["alleles_disagreeing"] == 0
    assert counts["contigs_renamed"] == {}
    assert counts["fields"]["AF"]["values"] == 5
    assert out.with_name("db.tsv.gz.tbi").is_file()
    header = [line for line in gzip.open(out, "rt").read().splitlines() if line.startswith("#")]
    assert '##INFO=<ID=db_AF,Number=A,Type=Float,Description="Frequency (Us 7)">' in header
    assert header[-1] == "#CHROM\tPOS\tREF\tALT\tdb_AF"
    there = read_prepared("db", out)
    assert there.columns == {"db_AF": "AF"}
    assert there.counts == counts
    assert there.contigs == {"2": 5}
    assert (there.source, there.version, there.match) == ("Us", "7", "allele")


@pytest.mark.parametrize("ending", [".vcf", ".bcf", ".vcf.gz"])
def test_any_form_of_file_is_read(tmp_path, genome, ending):
    given = ROWS if ending == ".vcf" else sorted(ROWS, key=lambda row: row[1])
    out, counts = prepared(tmp_path, genome, given, ending=ending)
    assert alleles(out) == ALIGNED
    assert counts["records_in"] == 4


def test_plain_gzip_without_contig_lines_is_read(tmp_path, genome):
    source = write_vcf(tmp_path / "in.vcf", ROWS, info=INFO, contigs=())
    packed = tmp_path / "plain.vcf.gz"
    packed.write_bytes(gzip.compress(source.read_bytes().replace(b"\n", b"\r\n")))
    out = tmp_path / "db.tsv.gz"
    prepare("db", packed, reference=genome.fasta, fields=["AF"], out=out)
    assert alleles(out) == ALIGNED


def test_a_masked_reference_gives_upper_case_alleles(tmp_path):
    out, _ = prepared(tmp_path, write_genome(tmp_path, masked=True))
    assert alleles(out) == ALIGNED


def test_all_fields_none_and_rsids(tmp_path, genome):
    out, _ = prepared(tmp_path, genome, fields=["AC", "SIG", "COMMON"], rsid=True)
    assert [cells[4:] for cells in rows(out)] == [
        ["rs2", ".", ".", "."],
        ["rs1", "9,1", "benign", "."],  # Number=R: of the reference and of this allele
        ["rs1", "9,2", "benign", "."],
        ["rs4", ".", ".", "."],
        ["rs3", ".", ".", "1"],
    ]
    out, counts = prepared(tmp_path, genome, fields=[], rsid=True)
    assert counts["fields"] == {}
    assert [cells[4:] for cells in rows(out)] == [["rs2"], ["rs1"], ["rs1"], ["rs4"], ["rs3"]]
    out, _ = prepared(tmp_path, genome, fields=[])
    assert [cells[4:] for cells in rows(out)] == [[]] * 5


def test_duplicates_are_dropped_and_counted_wherever_they_come_from(tmp_path, genome):
    again = [
        ("2", 8, "G", "C", "rs9", "AF=0.5"),  # the same row
        ("2", 8, "GT", "CT", "rs9", "AF=0.9"),  # the same allele, not trimmed, another value
        ("2", 2, "AA", "A", "rs9", "AF=0.9"),  # the same deletion, shifted
        ("2", 8, "G", "T", "rs9", "AF=0.9"),  # another allele: stays
    ]
    out, counts = prepared(tmp_path, genome, ROWS + again)
    assert counts["duplicates"] == 3
    assert counts["duplicates_differing"] == 2
    assert counts["records"] == 6
    assert [key.split()[0] for key in alleles(out)] == [
        *(key.split()[0] for key in ALIGNED[:4]),
        "2:8:G:T",
        "2:9:TCA:T",
    ]
    assert "2:8:G:C 0.5" in alleles(out)  # the first of three


def test_what_is_outside_the_reference_is_dropped_and_counted(tmp_path, genome):
    end = len(CONTIGS["2"])
    more = [
        ("2", end + 100, "A", "C"),
        ("2", end, CONTIGS["2"][-1] + "A", "C"),  # begins in it, ends beyond
        ("2", 0, "A", "C"),
        ("alt9", 5, "A", "C"),
    ]
    out, counts = prepared(tmp_path, genome, [*ROWS, *more])
    assert alleles(out) == ALIGNED
    assert counts["records_in"] == 8
    assert counts["records_outside_reference"] == 4


def test_alleles_that_cannot_be_matched_are_dropped_and_counted_by_kind(tmp_path, genome):
    long = "G" + "AC" * 5_000
    more = [
        ("2", 8, "G", "<DEL>", ".", "AF=0.1"),
        ("2", 8, "G", "A,<NON_REF>", ".", "AF=0.7,0"),
        ("2", 8, "G", "*,T", ".", "AF=0.8,0.9"),
        ("2", 8, "G", "G[1:5[", ".", "AF=0.1"),
        ("2", 8, "G", ".A", ".", "AF=0.1"),
        ("2", 8, "G", ".", ".", "AF=0.1"),
        ("2", 8, "G", "R", ".", "AF=0.1"),
        ("2", 8, "-", "A", ".", "AF=0.1"),
        ("2", 8, "G", long, ".", "AF=0.6"),
    ]
    out, counts = prepared(tmp_path, genome, [*ROWS, *more])
    assert counts["alleles_left_out"] == {
        "spanning": 1,
        "symbolic": 2,
        "breakend": 2,
        "none": 1,
        "other": 2,
    }
    assert {a.split()[0]: a.split()[1] for a in alleles(out)} == {
        **{a.split()[0]: a.split()[1] for a in ALIGNED},
        "2:8:G:A": "0.7",
        "2:8:G:T": "0.9",
        f"2:8:G:{long}": "0.6",
    }
    assert counts["records"] == 8 and counts["alleles_disagreeing"] == 0


def test_another_build_is_refused_with_places(tmp_path, genome):
    problem = refused(tmp_path, genome, [*ROWS, ("2", 9, "A", "C"), ("2", 10, "A", "C")])
    assert problem.code == "database-other-build"
    assert "2 of 7 alleles" in problem.found
    assert "2:9 A, not T" in problem.found


def test_one_odd_row_does_not_make_another_build(tmp_path, genome):
    out, counts = prepared(tmp_path, genome, [*ROWS, ("2", 9, "A", "C")])
    assert counts["alleles_disagreeing"] == 1
    assert alleles(out) == ALIGNED


# --- Contigs ---------------------------------------------------------------------------


def test_chr_is_taken_off_where_that_is_clear(tmp_path, genome):
    given = [("chr2", *row[1:]) for row in ROWS]
    out, counts = prepared(tmp_path, genome, [*given, ("1", 1, "T", "A", ".", "AF=0.6")])
    assert alleles(out) == ["1:1:T:A 0.6", *ALIGNED]
    assert counts["contigs_renamed"] == {"chr2": "2"}


def test_the_mitochondrion_of_another_length_is_another_one(tmp_path, genome):
    genome.fasta.write_text(f">MT\n{CONTIGS['2']}\n>1\n{CONTIGS['1']}\n")
    genome.fasta.with_name("genome.fa.fai").unlink()
    size = len(CONTIGS["2"])
    source = write_vcf(tmp_path / "in.vcf", [("chrM", 8, "G", "C"), ("1", 1, "T", "A")])
    text = source.read_text()
    for length, renamed in ((size, {"chrM": "MT"}), (size + 2, {})):
        line = f"##contig=<ID=chrM,length={length}>\n##contig=<ID=2>"
        source.write_text(text.replace("##contig=<ID=2>", line))
        counts = prepare("db", source, reference=genome.fasta, out=tmp_path / "o.tsv.gz")
        assert counts["contigs_renamed"] == renamed
        assert counts["records_outside_reference"] == 1 - len(renamed)


def test_contigs_that_could_be_two_are_refused(tmp_path, genome):
    problem = refused(tmp_path, genome, [*ROWS, ("chr2", 8, "G", "C")])
    assert problem.code == "contigs-ambiguous"
    assert "'chr2'" in problem.found and "'2'" in problem.found


def test_contigs_that_are_not_there_are_refused_with_both_names(tmp_path, genome):
    problem = refused(tmp_path, genome, [("chr7", 8, "G", "C", "rs4", "AF=0.5")])
    assert problem.code == "contigs-differ"
    assert "chr7" in problem.found and "'1', '2'" in problem.found
    assert "--rename-chrs" in problem.mend


# --- Fields ----------------------------------------------------------------------------


def test_a_missing_field_is_answered_with_those_there_are(tmp_path, genome):
    given = [*ROWS, ("2", 8, "G", "T", ".", "UNDECLARED=1")]
    problem = refused(tmp_path, genome, given, fields=["AF", "UNDECLARED"])
    assert problem.code == "database-field-missing"
    assert "no INFO field UNDECLARED" in problem.found
    assert "AC, AF, COMMON, PL, SIG" in problem.mend


def test_fields_by_genotype_and_fields_twice_are_refused(tmp_path, genome):
    assert refused(tmp_path, genome, fields=["PL"]).code == "database-field-type"
    assert refused(tmp_path, genome, fields=["AF", "INFO/AF"]).code == "database-field-twice"


@pytest.mark.parametrize(
    ("info", "field", "code", "example"),
    [
        ("AF=often", "AF", "type", "'often' at 2:8"),
        ("AF=1e-5,0.2", "AF", "number", "'1e-5,0.2' at 2:8"),
        ("AC=1,many", "AC", "type", "'1,many' at 2:8"),
        ("AC=1,2.5", "AC", "type", "'1,2.5' at 2:8"),
        ("AC=1,4000000000", "AC", "type", "'1,4000000000' at 2:8"),
        ("AC=7", "AC", "number", "'7' at 2:8"),
    ],
)
def test_values_that_are_not_what_the_header_says(tmp_path, genome, info, field, code, example):
    """Two of them are refused with the first; one in a hundred is left out and counted."""
    faulty = ("2", 8, "G", "C", ".", info)
    two = [faulty, ("2", 8, "G", "T", ".", info), *ROWS]
    problem = refused(tmp_path, genome, two, fields=[field])
    assert problem.code == f"database-field-{code}"
    assert problem.column == field
    assert example in problem.found
    out, counts = prepared(tmp_path, genome, [*MANY, faulty], fields=[field])
    assert counts["fields"][field][f"values_of_wrong_{code}"] == 1
    assert counts["fields"][field]["values"] == len(MANY) == counts["records"] - 1
    assert alleles(out)[-1] == "2:8:G:C ."


def test_a_wrong_number_of_values_at_several_alleles(tmp_path, genome):
    """Nobody knows which allele has which, so that all of them go."""
    given = [*ROWS[1:], ("2", 7, "C", "A,T", ".", "AF=0.1")]
    problem = refused(tmp_path, genome, given)
    assert problem.code == "database-field-number"
    assert "2 values" in problem.found and "'0.1' at 2:7" in problem.found


def test_a_field_twice_in_a_record_gives_its_first_value(tmp_path, genome):
    out, counts = prepared(tmp_path, genome, [*ROWS[:3], ("2", 8, "G", "C", ".", "AF=0.5;AF=0.6")])
    assert alleles(out) == ALIGNED
    assert counts["fields_twice_in_a_record"] == 1


# --- What is no database ---------------------------------------------------------------


def test_no_records_are_refused(tmp_path, genome):
    source = write_vcf(tmp_path / "in.vcf", [], info=INFO)
    with pytest.raises(StageError, match="database-empty"):
        prepare("db", source, reference=genome.fasta, fields=[], out=tmp_path / "o.tsv.gz")
    problem = refused(tmp_path, genome, [("2", 8, "G", "<DEL>")])
    assert problem.code == "database-empty"
    assert "'symbolic': 1" in problem.found


def test_lines_that_are_no_records_are_refused(tmp_path, genome):
    source = write_vcf(tmp_path / "in.vcf", ROWS, info=INFO)
    source.write_text(source.read_text() + "2\tnine\t.\tA\tC\t.\t.\t.\n")
    with pytest.raises(StageError, match="database-record") as error:
        prepare("db", source, reference=genome.fasta, fields=[], out=tmp_path / "o.tsv.gz")
    assert "nine" in str(error.value)


def test_a_file_under_another_name_is_not_taken(tmp_path, genome):
    out, _ = prepared(tmp_path, genome)
    with pytest.raises(StageError, match="database-not-prepared"):
        read_prepared("other", out)
    raw = write_vcf(tmp_path / "raw.vcf.gz", sorted(ROWS, key=lambda r: r[1]), info=INFO)
    with pytest.raises(StageError, match="database-not-prepared"):
        read_prepared("db", raw)
