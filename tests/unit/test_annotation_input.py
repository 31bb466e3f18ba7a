"""What annotation does with calls, gene models and databases that are odd or wrong."""

import pandas as pd
import pytest

from genopheno.annotation.checks import check_sites
from genopheno.annotation.databases import prepare
from genopheno.problems import StageError
from tests.unit.annotating import AF, database, name_of, refused, run
from tests.unit.small_genome import (
    MINUS,
    PLUS,
    gff3_lines,
    minus,
    plus,
    query,
    write_genome,
    write_vcf,
)


@pytest.fixture
def genome(tmp_path):
    return write_genome(tmp_path)


def test_a_database_below_its_floor_stops_the_run(tmp_path, genome):
    rows = [("2", 7, "C", "A"), ("2", 8, "G", "T"), plus(14, "C", "T")]
    some = database(tmp_path, genome, "some", [("2", 7, "C", "A")])
    none = database(tmp_path, genome, "none", [("2", 8, "G", "A")])
    problems = refused(
        *(tmp_path, genome, rows),
        databases={"some": some, "none": none},
        min_fractions={"some": 0.5},
    )
    assert [p.code for p in problems] == ["database-below-floor"] * 2
    said = [p.found for p in problems]
    assert "some holds 1 of 3" in said[0] and "0.5" in said[0] and "'2'" in said[0]
    assert "none holds 0 of 3" in said[1]


def test_a_database_of_other_contigs_is_never_an_empty_column(tmp_path, genome):
    there = database(tmp_path, genome, "there", [("2", 7, "C", "A")])
    (problem,) = refused(tmp_path, genome, [plus(14, "C", "T")], databases={"there": there})
    assert problem.code == "database-below-floor"
    assert "'1'" in problem.found and "'2'" in problem.found


def test_transcripts_that_break_gff3_are_counted_and_the_others_used(tmp_path):
    broken = gff3_lines("GX", "TX", MINUS, "-")
    last_cds = max(i for i, line in enumerate(broken) if "\tCDS\t" in line)
    broken[last_cds] = broken[last_cds].replace("\t0\tParent", "\t1\tParent")
    odd = [line.replace("biotype=protein_coding", "biotype=TEC") for line in broken]
    odd = [line.replace("GX", "GY").replace("TX", "TY") for line in odd]
    lines = gff3_lines("GP", "TP", PLUS, "+") + broken + odd
    genome = write_genome(tmp_path, lines=lines)
    _, sites, report = run(tmp_path, genome, [plus(14, "C", "T"), minus(14, "C", "T")])
    assert sites.loc[name_of(plus(14, "C", "T")), "consequence"] == "missense_variant"
    for told in ("left_out", "without_names_of_changes"):
        assert report["genes"][told]["n"] == 2
        assert ["TX" in said for said in report["genes"][told]["reasons"]] == [True, False]
        assert ["TY" in said for said in report["genes"][told]["reasons"]] == [False, True]
    assert pd.isna(sites.loc[name_of(minus(14, "C", "T")), "consequence"])


def test_symbolic_and_star_alleles_pass_through(tmp_path, genome):
    reach = '##INFO=<ID=END,Number=1,Type=Integer,Description="End">\n'
    rows = [
        (*plus(14, "C", "<DEL>"), ".", f"END={PLUS + 60}"),
        plus(15, "T", "*"),
        plus(14, "C", "T"),
    ]
    out, sites, report = run(tmp_path, genome, rows, info=reach)
    assert report["records_out"] == 3
    assert list(sites["consequence"].fillna("")) == ["splice_donor_variant", "missense_variant", ""]
    assert query(out, "%ALT %INFO/END\n") == [f"<DEL> {PLUS + 60}", "T .", "* ."]
    assert report["symbolic_alleles"] == 2


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (plus(14, "C", "T,A"), "allele-not-split"),
        (("1", 35, "G", "T"), "reference-differs"),  # the reference has C
        (("2", 5, "AA", "A"), "allele-not-normal"),  # one of six A: it belongs to position 1
        (("2", 8, "GT", "GC"), "allele-not-normal"),  # longer than it has to be
    ],
)
def test_calls_that_would_be_annotated_wrongly_are_refused(tmp_path, genome, row, code):
    (problem,) = refused(tmp_path, genome, [plus(15, "T", "C"), row])
    assert problem.code == code
    assert "1 of 2 records" in problem.found and f"{row[0]}:{row[1]} {row[2]}" in problem.found


def test_calls_on_contigs_that_the_reference_lacks_are_refused(tmp_path, genome):
    contigs = ("1", "2", "chr3")
    calls = write_vcf(
        tmp_path / "c.bcf", [("1", 5, "C", "A"), ("chr3", 5, "C", "A")], contigs=contigs
    )
    with pytest.raises(StageError) as error:
        check_sites(calls, genome.fasta, calls)
    (problem,) = error.value.problems
    assert problem.code == "contigs-differ"
    assert "1 of 2 records" in problem.found and "chr3" in problem.found and "1, 2" in problem.found


def test_the_first_base_of_a_contig_and_alleles_of_10_kb(tmp_path):
    genome = write_genome(tmp_path)
    long = "ACGT" * 2500
    rows = [
        ("1", 1, "T", "A"),
        ("2", 1, "AA", "A"),
        ("2", 7, "C", "C" + long),
        plus(14, "C", "C" + long),
    ]
    out, sites, report = run(tmp_path, genome, rows)
    assert report["records_out"] == 4
    assert list(sites["alternate"].str.len()) == [1, 10_001, 1, 10_001]
    assert sites["consequence"].iloc[1] in ("frameshift_variant", "stop_gained")
    assert query(out, "%POS\n") == ["1", "35", "1", "7"]


def test_values_that_are_not_of_their_type_are_left_out_and_told(tmp_path, genome):
    vcf = tmp_path / "odd.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=2>\n"
        + AF.replace("Number=A", "Number=1")
        + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        + "2\t7\t.\tC\tA\t.\t.\tAF=0.1,0.2\n2\t8\t.\tG\tT\t.\t.\tAF=0.25\n"
    )
    out = tmp_path / "odd.tsv.gz"
    prepare("odd", vcf, reference=genome.fasta, fields=["AF"], out=out)
    rows = [("2", 7, "C", "A"), ("2", 8, "G", "T")]
    _, sites, report = run(tmp_path, genome, rows, databases={"odd": out})
    assert list(sites["odd_found"]) == [True, True]
    assert list(sites["odd_AF"].fillna(-1)) == [-1, 0.25]
    assert report["databases"]["odd"]["fields"] == {"AF": 1}
    odd = report["databases"]["odd"]["preparation"]["fields"]["AF"]
    assert odd["values_of_wrong_number"] == 1


def test_a_column_that_would_take_the_name_of_another_is_refused(tmp_path, genome):
    clash = AF.replace("=AF", "=ID")
    source = write_vcf(tmp_path / "g.vcf", [("2", 7, "C", "A", ".", "ID=0.5")], info=clash)
    out = tmp_path / "g.tsv.gz"
    prepare("GENE", source, reference=genome.fasta, fields=["ID"], out=out)
    (problem,) = refused(tmp_path, genome, [("2", 7, "C", "A")], databases={"GENE": out})
    assert problem.code == "names-collide" and "GENE_ID" in problem.found


def test_empty_calls_are_refused(tmp_path, genome):
    with pytest.raises(StageError, match="records-none"):
        run(tmp_path, genome, [])


def test_genes_of_another_naming_are_refused(tmp_path):
    genome = write_genome(tmp_path, lines=gff3_lines("G", "T", PLUS, "+", contig="chr1"))
    with pytest.raises(StageError) as error:
        run(tmp_path, genome, [plus(14, "C", "T")])
    assert error.value.problems[0].code == "contigs-differ"
    assert "chr1" in str(error.value)


def test_genes_that_csq_cannot_use_are_refused(tmp_path):
    lines = [
        line.replace("biotype=protein_coding", "x=y").replace("\tmRNA\t", "\tthing\t")
        for line in gff3_lines("G", "T", PLUS, "+")
    ]
    genome = write_genome(tmp_path, lines=lines)
    (problem,) = refused(tmp_path, genome, [plus(14, "C", "T")])
    assert problem.code in ("genes-unused", "tool-failed")
