"""Reading and ranking what bcftools csq writes, without running it."""

import pytest

from genopheno.annotation.consequences import (
    CSQ_TERMS,
    IMPACTS,
    is_compound,
    most_severe,
    parse,
    parse_entry,
    read_genes,
)
from tests.unit.small_genome import gff3_lines


def test_every_name_of_csq_has_a_rank_and_an_impact():
    assert set(CSQ_TERMS.values()) <= set(IMPACTS)
    assert set(IMPACTS.values()) == {"HIGH", "MODERATE", "LOW", "MODIFIER"}
    # Impact never rises again as severity falls: the order is that of the Ensembl table.
    order = ["HIGH", "MODERATE", "LOW", "MODIFIER"]
    ranks = [order.index(impact) for impact in IMPACTS.values()]
    assert ranks == sorted(ranks)


def test_a_full_entry():
    found = parse_entry("missense&splice_region|XPC|T1|protein_coding|-|5T>5I|121A>G")
    assert found.terms == ("missense_variant", "splice_region_variant")
    assert (found.term, found.impact) == ("missense_variant", "MODERATE")
    assert (found.gene, found.transcript, found.strand) == ("XPC", "T1", "-")
    assert (found.protein_change, found.coding_change) == ("5T>5I", "121A>G")


def test_fields_at_the_end_may_be_absent():
    found = parse_entry("intron|XPC||protein_coding")
    assert (found.transcript, found.strand, found.protein_change) == ("", "", "")


@pytest.mark.parametrize(
    ("entry", "terms"),
    [
        ("missense|G|T|protein_coding|-|132EE>132D*|1CC>AA", ("stop_gained",)),
        ("missense|G|T|protein_coding|-|132E>132D|1C>A", ("missense_variant",)),
        (
            "missense|G|T|NMD|+|201P>201L|3188C>T",
            ("missense_variant", "NMD_transcript_variant"),
        ),
        (
            "missense&NMD_transcript|G|T|NMD|+|201P>201L|3188C>T",
            ("missense_variant", "NMD_transcript_variant"),
        ),
    ],
)
def test_faults_of_older_bcftools_are_mended(entry, terms):
    assert parse_entry(entry).terms == terms


def test_an_unknown_name_stays_and_ranks_last():
    found = parse("novel_thing|G|T1|protein_coding,intron|G||protein_coding")
    assert found[0].term == "novel_thing"
    assert found[0].impact == "MODIFIER"
    assert most_severe(found).term == "intron_variant"


def test_a_pointer_is_followed_and_a_dangling_one_is_nothing():
    full = "missense|G|T1|protein_coding|+|88A>88V|31177C>T+31178G>T"
    assert is_compound(full)
    assert not is_compound("missense|G|T1|protein_coding|+|88A>88V|31177C>T")
    assert not is_compound("intron|G|+|protein_coding")
    assert [c.term for c in parse("@31177", {31177: [full]})] == ["missense_variant"]
    assert parse("@31177") == []
    assert parse(".") == []


def test_behind_a_stop_codon_counts_less_than_anything_else():
    found = parse("*stop_gained|G|T1|protein_coding|+|9W>9*|1G>A,intron|G||protein_coding")
    assert found[0].after_stop
    assert most_severe(found).term == "intron_variant"


def test_ties_go_to_coding_then_canonical_then_first():
    of = "splice_region|G|{}".format
    value = ",".join(map(of, ["T0|lincRNA", "T1|protein_coding", "T2|protein_coding"]))
    assert most_severe(parse(value)).transcript == "T1"
    assert most_severe(parse(value), {"T2"}).transcript == "T2"
    assert most_severe([]) is None


def test_genes_are_found_by_transcript_or_by_name_and_place(tmp_path):
    path = tmp_path / "genes.gff3"
    lines = gff3_lines("G1", "T1", 20, "+", extra=";tag=basic,Ensembl_canonical")
    twin = [line.replace("G2-NAME", "G1-NAME") for line in gff3_lines("G2", "T2", 500, "-")]
    path.write_text("##gff-version 3\n" + "\n".join(lines + twin) + "\n")
    genes = read_genes(path)
    assert genes.gene_of == {"T1": "G1", "T2": "G2"}
    assert genes.canonical == {"T1"}
    assert list(genes.contigs) == ["1"]
    intron = parse_entry("intron|G1-NAME||protein_coding")
    assert genes.gene_id(intron, "1", 60) == "G1"
    assert genes.gene_id(intron, "1", 540) == "G2"
    # Two genes of one name, and neither is here: better none than the wrong one.
    assert genes.gene_id(intron, "1", 300) is None
    assert genes.gene_id(parse_entry("missense|x|T2|protein_coding"), "1", 5) == "G2"
