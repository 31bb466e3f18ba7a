"""Annotation of a handful of variants whose consequences can be read off the codon table."""

import json
import subprocess

import pandas as pd
import pytest

from genopheno import fields
from genopheno.annotation.annotate import EngineOptions, annotate
from genopheno.annotation.checks import check_sites
from genopheno.annotation.databases import prepare
from genopheno.problems import StageError
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

# Index in the block, change on the coding strand, consequence. The coding sequence is
# ATG GCT GAA | AAA TGG CTT TAA: M A E | K W L stop.
CHANGES = [
    (2, "T", "A", "5_prime_UTR_variant", "MODIFIER", None),
    (10, "A", "G", "start_lost", "HIGH", None),
    (14, "C", "T", "missense_variant", "MODERATE", "p.Ala2Val"),
    (15, "T", "C", "synonymous_variant", "LOW", "p.Ala2="),
    (16, "G", "T", "stop_gained", "HIGH", "p.Glu3Ter"),
    (19, "G", "C", "splice_donor_variant", "HIGH", None),
    (25, "C", "A", "splice_region_variant", "LOW", None),
    (34, "C", "A", "intron_variant", "MODIFIER", None),
    (48, "G", "A", "splice_acceptor_variant", "HIGH", None),
    (54, "G", "A", "stop_gained", "HIGH", "p.Trp5Ter"),
    (56, "T", "C", "missense_variant", "MODERATE", "p.Leu6Pro"),
    (58, "T", "C", "stop_lost", "HIGH", None),
    (60, "A", "G", "stop_retained_variant", "LOW", None),
    (65, "T", "A", "3_prime_UTR_variant", "MODIFIER", None),
]
AF = '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n'


@pytest.fixture
def genome(tmp_path):
    return write_genome(tmp_path)


def run(tmp_path, genome, rows, *, databases=None, samples=(), info="", **more):
    calls = write_vcf(
        tmp_path / "calls.bcf",
        sorted(rows, key=lambda row: row[:2]),
        samples=samples,
        info=info,
    )
    out = tmp_path / "out" / "cohort.vcf.gz"
    report = annotate(
        calls,
        reference=genome.fasta,
        genes_gff3=genome.gff3,
        databases=databases or {},
        out_vcf=out,
        sites_parquet=tmp_path / "out" / "sites.parquet",
        consequences_parquet=tmp_path / "out" / "consequences.parquet",
        report_json=tmp_path / "out" / "annotation.json",
        **more,
    )
    assert report == json.loads((tmp_path / "out" / "annotation.json").read_text())
    return out, fields.read(tmp_path / "out" / "sites.parquet").set_index("variant_id"), report


def consequences(out):
    return fields.read(out.with_name("consequences.parquet"))


def refused(*arguments, **more):
    with pytest.raises(StageError) as error:
        run(*arguments, **more)
    assert not list((arguments[0] / "out").glob("*"))
    return error.value.problems


def database(tmp_path, genome, name, rows, **more):
    source = write_vcf(tmp_path / f"{name}.vcf", rows, info=AF)
    out = tmp_path / "databases" / f"{name}.tsv.gz"
    options = {"fields": ["AF"], **more}
    prepare(name, source, reference=genome.fasta, out=out, **options)
    return out


def name_of(row):
    return ":".join(map(str, row[:4]))


@pytest.mark.parametrize("place", [plus, minus])
def test_consequences_on_either_strand(tmp_path, genome, place):
    expected = {
        name_of(place(index, ref, alt)): (term, impact, protein)
        for index, ref, alt, term, impact, protein in CHANGES
    }
    rows = [place(index, ref, alt) for index, ref, alt, *_ in CHANGES]
    _, sites, report = run(tmp_path, genome, rows)
    for variant, (term, impact, protein) in expected.items():
        assert (variant, *sites.loc[variant, ["consequence", "impact"]]) == (variant, term, impact)
        if protein:
            assert sites.loc[variant, "protein_change"] == protein
    gene, transcript = ("GP", "TP") if place is plus else ("GM", "TM")
    assert set(sites["gene_id"]) == {gene}
    assert set(sites["gene_symbol"]) == {f"{gene}-NAME"}
    # bcftools csq names no transcript for an intron; it is found by gene and place.
    assert set(sites["transcript_id"]) == {transcript}
    assert set(sites["biotype"]) == {"protein_coding"}
    assert not sites["canonical"].any() and not sites["mane_select"].any()
    assert report["records_in"] == report["records_out"] == len(CHANGES)
    assert report["consequences"]["missense_variant"] == 2
    assert sum(report["impacts"].values()) == len(CHANGES)


@pytest.mark.parametrize("place", [plus, minus])
def test_indels_in_the_coding_sequence(tmp_path, genome, place):
    frame = place(54, "GC", "C") if place is minus else place(52, "TG", "T")
    inframe = place(51, "ATGG", "A") if place is plus else place(52, "TGGC", "C")
    _, sites, _ = run(tmp_path, genome, [frame, inframe])
    assert sites.loc[name_of(frame), "consequence"] == "frameshift_variant"
    assert sites.loc[name_of(inframe), "consequence"] == "inframe_deletion"


def test_outside_every_transcript_there_is_none(tmp_path, genome):
    _, sites, report = run(tmp_path, genome, [("1", 5, "C", "A"), plus(14, "C", "T")])
    assert sites.loc["1:5:C:A", ["consequence", "impact", "gene_id"]].isna().all()
    assert report["without_consequence"] == 1


def test_records_and_genotypes_pass_through_untouched(tmp_path, genome):
    rows = [
        (*plus(14, "C", "T"), ".", "DP=7;BCSQ=stale;CSQ=3;GENE_ID=4", "GT", "0/1", "./."),
        (*plus(14, "C", "A"), "own", "DP=8", "GT", "1|1", "0/0"),
        ("1", 5, "C", "A", ".", "DP=9", "GT", "0/1", "1"),
    ]
    info = (
        '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
        '##INFO=<ID=BCSQ,Number=.,Type=String,Description="Of an earlier run">\n'
        # By another tool, of another Number and Type.
        '##INFO=<ID=CSQ,Number=1,Type=Integer,Description="Of another tool">\n'
        '##INFO=<ID=GENE_ID,Number=2,Type=Float,Description="Of another tool">\n'
    )
    out, sites, _ = run(tmp_path, genome, rows, samples=("a", "b"), info=info)
    form = "%CHROM %POS %ID %REF %ALT %QUAL %FILTER %INFO/DP[ %GT]\n"
    assert query(out, form) == query(tmp_path / "calls.bcf", form)
    assert "BCSQ" not in "".join(query(out, "%INFO\n"))
    assert query(out, "%INFO/GENE_ID\n") == [".", "GP", "GP"]
    assert out.with_name("cohort.vcf.gz.tbi").is_file()
    assert dict(sites["rsid"].dropna()) == {name_of(plus(14, "C", "A")): "own"}
    assert set(sites["filters"]) == {"PASS"}
    assert set(sites["quality"]) == {50.0}


def test_databases_are_matched_by_exact_alleles(tmp_path, genome):
    rows = [
        ("2", 1, "AA", "A"),  # the first base of a contig
        ("2", 7, "C", "A"),
        ("2", 7, "C", "T"),
        ("2", 8, "G", "T"),
        ("2", 9, "TCA", "T"),
    ]
    frequencies = database(
        tmp_path,
        genome,
        "freq",
        [
            ("2", 5, "AA", "A", "rsX", "AF=0.3"),  # the same deletion, written to the right
            ("2", 7, "C", "T,G", "rsX", "AF=0.2,0.9"),  # not the A of the calls
            ("2", 8, "G", "C", "rsX", "AF=0.5"),  # another allele at a called place
            ("2", 14, "CAC", "C", "rsX"),  # there, but without a value
        ],
    )
    names = database(tmp_path, genome, "names", [("2", 7, "C", "A,T", "rs1")], fields=[], rsid=True)
    nothing = database(tmp_path, genome, "nothing", [("1", 3, "G", "C")], fields=["AF"])
    out, sites, report = run(
        tmp_path,
        genome,
        rows,
        databases={"freq": frequencies, "names": names, "nothing": nothing},
        min_fractions={"freq": 0.6, "nothing": None},
    )
    assert list(sites["freq_found"]) == [True, False, True, False, True]
    assert list(sites["freq_AF"].fillna(-1)) == pytest.approx([0.3, -1, 0.2, -1, -1])
    assert list(sites["names_found"]) == [False, True, True, False, False]
    assert not sites["nothing_found"].any() and sites["nothing_AF"].isna().all()
    assert dict(sites["rsid"].dropna()) == {"2:7:C:A": "rs1", "2:7:C:T": "rs1"}
    assert query(out, "%ID %INFO/freq_AF %INFO/freq_found\n") == [
        ". 0.3 1",
        "rs1 . .",
        "rs1 0.2 1",
        ". . .",
        ". . 1",
    ]
    freq = report["databases"]["freq"]
    assert (freq["alleles_annotated"], freq["fraction_annotated"]) == (3, 0.6)
    assert freq["fields"] == {"AF": 2}
    assert freq["preparation"]["records_in"] == 4
    assert report["databases"]["nothing"]["alleles_annotated"] == 0
    assert [w for w in report["warnings"] if w.startswith("nothing holds none of the 5 alleles")]
    assert report["with_rsid"] == 2


def test_the_order_of_the_calls_stays_where_databases_know_some_alleles(tmp_path, genome):
    alleles = [("C", a) for a in "AGT"] + [("CG", "C"), ("C", "CAA"), ("C", "CAT"), ("CG", "TT")]
    rows = [("2", 7, *allele) for allele in alleles]
    known = database(tmp_path, genome, "known", [(*row, ".", "AF=0.5") for row in rows[1::2]])
    few = database(tmp_path, genome, "few", [(*row, ".", "AF=0.5") for row in rows[5:]])
    out, sites, _ = run(tmp_path, genome, rows, databases={"known": known, "few": few})
    assert list(sites.index) == [name_of(row) for row in rows]
    assert query(out, "%CHROM:%POS:%REF:%ALT\n") == [name_of(row) for row in rows]
    found = sites["known_found"] | sites["few_found"]
    assert list(found) == [False, True, False, True, False, True, True]


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


def test_every_transcript_of_a_crowded_place_is_named(tmp_path):
    lines = [line for i in range(80) for line in gff3_lines(f"G{i}", f"T{i}", PLUS, "+")]
    genome = write_genome(tmp_path, lines=lines)
    out, _, report = run(tmp_path, genome, [plus(14, "C", "T"), plus(34, "C", "A")])
    table = consequences(out)
    assert report["consequence_rows"] == len(table) == 160
    assert set(table["transcript_id"]) == {f"T{i}" for i in range(80)}
    assert table["most_severe"].sum() == 2
    assert table["most_severe_of_gene"].all()  # overlapping genes: each has its own


def test_canonical_and_mane_transcripts_are_preferred(tmp_path):
    lines = gff3_lines("G1", "T1", PLUS, "+")
    for number, tags in ((2, "basic,Ensembl_canonical"), (3, "MANE_Select,Ensembl_canonical")):
        lines += gff3_lines(f"G{number}", f"T{number}", PLUS, "+", extra=f";tag={tags}")
    genome = write_genome(tmp_path, lines=lines)
    out, sites, _ = run(tmp_path, genome, [plus(14, "C", "T")])
    assert list(sites[["transcript_id", "canonical", "mane_select"]].iloc[0]) == ["T3", True, True]
    table = consequences(out).set_index("transcript_id")
    assert list(table["canonical"]) == [False, True, True]
    assert list(table["most_severe"]) == [False, False, True]
    assert query(out, "%INFO/CANONICAL %INFO/MANE_SELECT\n") == ["1 1"]


def test_non_coding_transcripts_are_hit_in_exons_or_introns(tmp_path):
    lines = gff3_lines("GN", "TN", PLUS, "+")
    lines = [line for line in lines if "\tCDS\t" not in line and "UTR" not in line]
    lines = [line.replace("protein_coding", "lincRNA") for line in lines]
    genome = write_genome(tmp_path, lines=lines + gff3_lines("GM", "TM", MINUS, "-"))
    exon, intron = plus(14, "C", "T"), plus(34, "C", "A")
    out, sites, _ = run(tmp_path, genome, [exon, intron])
    assert list(sites["consequence"]) == ["non_coding_transcript_exon_variant", "intron_variant"]
    assert set(sites["transcript_id"]) == {"TN"} and set(sites["biotype"]) == {"lincRNA"}
    assert sites["coding_change"].iloc[0].startswith("n.")
    assert consequences(out)["terms"].iloc[1] == "intron_variant&non_coding_transcript_variant"


def test_csq_is_in_the_layout_that_tools_for_vep_read(tmp_path, genome):
    rows = [plus(14, "C", "T"), plus(52, "TGGC", "T"), ("1", 5, "C", "A")]
    out, _, _ = run(tmp_path, genome, rows)
    form = "%POS %Allele %Consequence %SYMBOL %Gene %Feature %HGVSc %HGVSp %PICK"
    split = ["bcftools", "+split-vep", "-f", form + "\\n", "-d", out]
    said = subprocess.run(split, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said == [
        "35 T missense_variant GP-NAME GP TP c.5C>T p.Ala2Val 1",
        "73 - inframe_deletion GP-NAME GP TP c.14_16del p.Trp5_Leu6delinsPhe 1",
    ]


def test_unphased_neighbours_are_not_joined_and_phased_ones_are(tmp_path, genome):
    # GCT: C>A alone is Asp (GAT), T>A alone is synonymous; together GAA is Glu.
    first, second = plus(14, "C", "A"), plus(15, "T", "A")
    together = [(*v, ".", ".", "GT", "0|1") for v in (first, second)]
    _, alone, report = run(tmp_path, genome, together, samples=("a",))
    assert report["mode"] == "allele by allele"
    assert list(alone["consequence"]) == ["missense_variant", "synonymous_variant"]
    phased = EngineOptions(phased=True)
    _, joined, report = run(tmp_path, genome, together, samples=("a",), engine=phased)
    assert report["mode"] == "haplotype"
    assert list(joined["consequence"]) == ["missense_variant", "missense_variant"]


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
