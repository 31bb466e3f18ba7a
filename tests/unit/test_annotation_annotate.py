"""Annotation of a handful of variants whose consequences can be read off the codon table."""

import json

import pytest

from genopheno import fields
from genopheno.annotation.annotate import annotate
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
    (14, "C", "T", "missense_variant", "MODERATE", "2A>2V"),
    (15, "T", "C", "synonymous_variant", "LOW", "2A"),
    (16, "G", "T", "stop_gained", "HIGH", "3E>3*"),
    (19, "G", "C", "splice_donor_variant", "HIGH", None),
    (25, "C", "A", "splice_region_variant", "LOW", None),
    (34, "C", "A", "intron_variant", "MODIFIER", None),
    (48, "G", "A", "splice_acceptor_variant", "HIGH", None),
    (54, "G", "A", "stop_gained", "HIGH", "5W>5*"),
    (56, "T", "C", "missense_variant", "MODERATE", "6L>6P"),
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
        report_json=tmp_path / "out" / "annotation.json",
        **more,
    )
    assert report == json.loads((tmp_path / "out" / "annotation.json").read_text())
    return out, fields.read(tmp_path / "out" / "sites.parquet").set_index("variant_id"), report


def database(tmp_path, genome, name, rows, **more):
    source = write_vcf(tmp_path / f"{name}.vcf", rows, info=AF)
    out = tmp_path / "databases" / f"{name}.vcf.gz"
    options = {"fields": ["AF"], **more}
    prepare(name, source, reference=genome.fasta, out_vcf=out, **options)
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
    # bcftools csq names no transcript for an intron; the gene is found by name and place.
    intronic = sites["consequence"] == "intron_variant"
    assert set(sites.loc[~intronic, "transcript_id"]) == {transcript}
    assert sites.loc[intronic, "transcript_id"].isna().all()
    assert report["records_in"] == report["records_out"] == len(CHANGES)
    assert report["consequences"]["missense_variant"] == 2
    assert sum(report["impacts"].values()) == len(CHANGES)


@pytest.mark.parametrize("place", [plus, minus])
def test_indels_in_the_coding_sequence(tmp_path, genome, place):
    frame = place(53, "GGC", "GC") if place is minus else place(52, "TG", "T")
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
        (*plus(14, "C", "T"), ".", "DP=7;BCSQ=stale", "GT", "0/1", "./."),
        (*plus(14, "C", "A"), "own", "DP=8", "GT", "1|1", "0/0"),
        ("1", 5, "C", "A", ".", "DP=9", "GT", "0/1", "1"),
    ]
    info = (
        '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
        '##INFO=<ID=BCSQ,Number=.,Type=String,Description="Of an earlier run">\n'
    )
    out, sites, _ = run(tmp_path, genome, rows, samples=("a", "b"), info=info)
    form = "%CHROM %POS %ID %REF %ALT %QUAL %FILTER %INFO/DP[ %GT]\n"
    assert query(out, form) == query(tmp_path / "calls.bcf", form)
    assert query(out, "%INFO/BCSQ\n")[0] == "."
    assert "stale" not in "".join(query(out, "%INFO\n"))
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
    )
    found = {k: json.loads(v) if v else None for k, v in sites["database_fields"].items()}
    assert found == {
        "2:1:AA:A": {"freq": {"AF": 0.3}},
        "2:7:C:A": {"names": {}},
        "2:7:C:T": {"freq": {"AF": 0.2}, "names": {}},
        "2:8:G:T": None,
        "2:9:TCA:T": {"freq": {}},
    }
    assert dict(sites["rsid"].dropna()) == {"2:7:C:A": "rs1", "2:7:C:T": "rs1"}
    assert query(out, "%ID %INFO/freq_AF %INFO/freq_present\n") == [
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
    assert list(sites["database_fields"].notna()) == [False, True, False, True, False, True, True]


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
    assert report["genes"]["left_out"]["n"] == 1
    assert "TX" in report["genes"]["left_out"]["reasons"][0]
    assert report["genes"]["ignored_lines_by_biotype"].keys() == {"TEC"}


def test_every_transcript_of_a_crowded_place_is_named(tmp_path):
    lines = [line for i in range(80) for line in gff3_lines(f"G{i}", f"T{i}", PLUS, "+")]
    _, sites, _ = run(tmp_path, write_genome(tmp_path, lines=lines), [plus(14, "C", "T")])
    entries = sites["all_consequences"].iloc[0].split(",")
    assert {entry.split("|")[2] for entry in entries} == {f"T{i}" for i in range(80)}


def test_the_canonical_transcript_is_preferred(tmp_path):
    lines = gff3_lines("G1", "T1", PLUS, "+") + gff3_lines(
        "G2", "T2", PLUS, "+", extra=";tag=basic,Ensembl_canonical"
    )
    _, sites, _ = run(tmp_path, write_genome(tmp_path, lines=lines), [plus(14, "C", "T")])
    assert sites["transcript_id"].iloc[0] == "T2"


def test_unphased_neighbours_are_not_joined_and_phased_ones_are(tmp_path, genome):
    # GCT: C>A alone is Asp (GAT), T>A alone is synonymous; together GAA is Glu.
    first, second = plus(14, "C", "A"), plus(15, "T", "A")
    together = [(*v, ".", ".", "GT", "0|1") for v in (first, second)]
    _, alone, report = run(tmp_path, genome, together, samples=("a",))
    assert report["mode"] == "allele by allele"
    assert list(alone["consequence"]) == ["missense_variant", "synonymous_variant"]
    assert alone["protein_change"].iloc[0] == "2A>2D"
    _, joined, report = run(tmp_path, genome, together, samples=("a",), phased=True)
    assert report["mode"] == "haplotype"
    assert list(joined["protein_change"]) == ["2A>2E", "2A>2E"]
    assert joined["all_consequences"].iloc[1].startswith("@")


def test_symbolic_and_star_alleles_stay_without_consequence(tmp_path, genome):
    rows = [plus(14, "C", "<DEL>"), plus(15, "T", "*"), plus(14, "C", "T")]
    _, sites, report = run(tmp_path, genome, rows)
    assert report["records_out"] == 3
    assert sites["consequence"].notna().sum() == 1


def test_unsplit_calls_are_refused(tmp_path, genome):
    with pytest.raises(StageError) as error:
        run(tmp_path, genome, [plus(14, "C", "T,A")])
    assert error.value.problems[0].code == "allele-not-split"
    assert not (tmp_path / "out" / "cohort.vcf.gz").exists()
    assert not (tmp_path / "out" / "sites.parquet").exists()


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
        line.replace("ID=transcript:", "ID=rna-").replace("Parent=transcript:", "Parent=rna-")
        for line in gff3_lines("G", "T", PLUS, "+")
    ]
    with pytest.raises(StageError) as error:
        run(tmp_path, write_genome(tmp_path, lines=lines), [plus(14, "C", "T")])
    assert error.value.problems[0].code in ("genes-unused", "tool-failed")
