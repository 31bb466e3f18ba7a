"""Annotation of a handful of variants whose consequences can be read off the codon table."""

import json
import subprocess

import pytest

from genopheno.annotation.annotate import EngineOptions
from tests.unit.annotating import consequences, database, name_of, run
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


@pytest.fixture
def genome(tmp_path):
    return write_genome(tmp_path)


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


def test_the_command_takes_floors_and_engines(tmp_path, genome, genopheno):
    calls = write_vcf(tmp_path / "calls.bcf", [("2", 7, "C", "A"), ("2", 8, "G", "T")])
    known = database(tmp_path, genome, "known", [("2", 7, "C", "A")])
    words = ["annotate", "--calls", calls, "--reference", genome.fasta, "--genes", genome.gff3]
    for option, name in (
        ("--output", "o.vcf.gz"),
        ("--sites", "sites.parquet"),
        ("--consequences", "consequences.parquet"),
        ("--report", "annotation.json"),
    ):
        words += [option, tmp_path / "out" / name]
    words += ["--database", f"known={known}"]
    low = genopheno(*words, "--min-fraction", "known=0.6", cwd=tmp_path, check=False)
    assert low.returncode == 1 and "database-below-floor" in low.stdout
    wrong = genopheno(*words, "--min-fraction", "known=most", cwd=tmp_path, check=False)
    assert wrong.returncode == 2 and "neither a number nor none" in wrong.stdout
    vep = ["--engine", "vep", "--vep", json.dumps({"cache": None, "container": "vep.sif"})]
    absent = genopheno(*words, *vep, cwd=tmp_path, check=False)
    assert absent.returncode == 1
    assert "tool-missing" in absent.stdout or "vep-cache" in absent.stdout
    genopheno(*words, "--min-fraction", "known=none", cwd=tmp_path)
    assert (tmp_path / "out" / "o.vcf.gz.tbi").is_file()
