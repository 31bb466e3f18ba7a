"""Reading and ranking what engines write, without running them."""

import pytest

from genopheno.annotation.consequences import (
    IMPACTS,
    Consequence,
    most_severe,
    most_severe_of_genes,
)
from genopheno.annotation.csq_field import csq_value, vep_allele
from genopheno.annotation.engines import csq, snpeff, vep
from genopheno.annotation.genes import Genes
from genopheno.annotation.transcripts import read_models
from genopheno.problems import StageError
from tests.unit.small_genome import PLUS, gff3_lines

# As VEP writes it (its documentation, "Output formats", VCF output), with --hgvs --canonical
# --mane --symbol --biotype.
VEP_HEADER = (
    '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. '
    "Format: Allele|Consequence|IMPACT|SYMBOL|Gene|Feature_type|Feature|BIOTYPE|EXON|INTRON|HGVSc|"
    "HGVSp|cDNA_position|CDS_position|Protein_position|Amino_acids|Codons|Existing_variation|"
    'DISTANCE|STRAND|FLAGS|SYMBOL_SOURCE|HGNC_ID|CANONICAL|MANE|MANE_SELECT|MANE_PLUS_CLINICAL">'
)
VEP_VALUE = (
    "T|missense_variant&splice_region_variant|MODERATE|CLN3|ENSG00000188603|Transcript|"
    "ENST00000636147|protein_coding|6/15||ENST00000636147.2:c.385C>T|ENSP00000490105.1:p.Leu129=|"
    "529|385|129|L|Ctg/Ttg|||-1||HGNC|HGNC:2074|YES|MANE_Select|NM_001042432.2|,"
    "T|downstream_gene_variant|MODIFIER|CLN3|ENSG00000188603|Transcript|ENST00000561505|"
    "retained_intron||||||||||||4119|-1||HGNC|HGNC:2074||||,"
    "T|regulatory_region_variant|MODIFIER|||RegulatoryFeature|ENSR00000085187|promoter|"
    "|||||||||||||||||||,"
    "T|intergenic_variant|MODIFIER||||||||||||||||||||||||"
)


def genes(tmp_path, *, lines=None, extra=";tag=basic,Ensembl_canonical"):
    path = tmp_path / "genes.gff3"
    lines = lines or gff3_lines("G1", "T1", PLUS, "+", extra=extra)
    path.write_text("##gff-version 3\n" + "\n".join(lines) + "\n")
    return Genes(read_models(path))


def test_every_name_of_an_engine_has_a_rank_and_an_impact():
    assert set(csq.TERMS.values()) <= set(IMPACTS)
    assert set(snpeff.TERMS.values()) <= set(IMPACTS)
    assert set(IMPACTS.values()) == {"HIGH", "MODERATE", "LOW", "MODIFIER"}
    # Impact never rises again as severity falls: the order is that of the Ensembl table.
    order = ["HIGH", "MODERATE", "LOW", "MODIFIER"]
    ranks = [order.index(impact) for impact in IMPACTS.values()]
    assert ranks == sorted(ranks)


def test_a_full_entry_of_csq():
    found = csq.parse_entry("missense&splice_region|XPC|T1|protein_coding|-|5T>5I|121A>G")
    assert found.terms == ("missense_variant", "splice_region_variant")
    assert (found.term, found.impact) == ("missense_variant", "MODERATE")
    assert (found.gene_symbol, found.transcript, found.biotype) == ("XPC", "T1", "protein_coding")


def test_fields_at_the_end_of_csq_may_be_absent():
    found = csq.parse_entry("intron|XPC||protein_coding")
    assert (found.transcript, found.protein_change) == ("", "")


def test_an_unknown_name_stays_and_ranks_last():
    found = csq.parse("novel_thing|G|T1|protein_coding,intron|G||protein_coding")
    assert found[0].term == "novel_thing"
    assert found[0].impact == "MODIFIER"
    assert most_severe(found).term == "intron_variant"


def test_a_pointer_is_followed_and_a_dangling_one_is_nothing():
    full = "missense|G|T1|protein_coding|+|88A>88V|31177C>T+31178G>T"
    assert csq.is_compound(full)
    assert not csq.is_compound("missense|G|T1|protein_coding|+|88A>88V|31177C>T")
    assert not csq.is_compound("intron|G|+|protein_coding")
    assert [c.term for c in csq.parse("@31177", {31177: [full]})] == ["missense_variant"]
    assert csq.parse("@31177") == []
    assert csq.parse(".") == []


def test_behind_a_stop_codon_counts_less_than_anything_else():
    value = "*stop_gained|G|T1|protein_coding|+|9W>9*|1G>A,intron|G||protein_coding"
    found = csq.parse(value)
    assert found[0].after_stop
    assert most_severe(found).term == "intron_variant"


def test_entries_of_one_transcript_become_one_with_the_worse_first(tmp_path):
    known = genes(tmp_path)
    value = (
        "splice_region|G1-NAME|T1|protein_coding,missense|G1-NAME|T1|protein_coding|+|2A>2V|1C>T"
    )
    (found,) = csq.complete(csq.parse(value), known, "1", PLUS + 15, PLUS + 15)
    assert found.terms == ("missense_variant", "splice_region_variant")
    assert (found.gene_id, found.canonical, found.mane_select) == ("G1", True, False)


def test_transcripts_that_csq_does_not_name_are_found_by_place(tmp_path):
    near = gff3_lines("G1", "T1", PLUS, "+") + gff3_lines("G2", "T2", PLUS, "-")
    far = gff3_lines("G1", "T3", PLUS + 100_000, "+")[1:]
    known = genes(tmp_path, lines=near + far)
    entries = csq.parse("intron|G1-NAME||protein_coding")
    found = csq.complete(entries, known, "1", PLUS + 25, PLUS + 25)
    assert [(c.gene_id, c.transcript, c.terms) for c in found] == [
        ("G1", "T1", ("intron_variant",)),
        ("G2", "T2", ("intron_variant",)),
    ]
    # A deletion that begins before the gene, in another bin of the look-up.
    assert [t.id for t in known.at("1", 1, PLUS + 100_020)] == ["T1", "T2", "T3"]
    # A coding exon of which bcftools says nothing: it did not use the transcript.
    assert csq.complete(entries, known, "1", PLUS + 12, PLUS + 12) == []


def test_ties_go_to_coding_then_mane_then_canonical_then_first():
    base = Consequence(("splice_region_variant",), gene_id="G", canonical=False, mane_select=False)
    some = [
        base._replace(transcript="T0", biotype="lincRNA", canonical=True),
        base._replace(transcript="T1", biotype="protein_coding"),
        base._replace(transcript="T2", biotype="protein_coding", canonical=True),
        base._replace(transcript="T3", biotype="protein_coding", mane_select=True),
    ]
    assert most_severe(some).transcript == "T3"
    assert most_severe(some[:3]).transcript == "T2"
    assert most_severe(some[:2]).transcript == "T1"
    assert most_severe([]) is None
    other = base._replace(gene_id="H", transcript="T9", terms=("intron_variant",))
    worst = most_severe_of_genes([*some, other])
    assert {gene: one.transcript for gene, one in worst.items()} == {"G": "T3", "H": "T9"}


def test_an_entry_of_snpeff(tmp_path):
    known = genes(tmp_path)
    entry = (
        "A|disruptive_inframe_deletion&splice_region_variant|MODERATE|G1-NAME|gene:G1|transcript|T1|"
        "protein_coding|1/2|c.5_7delCTG|p.Ala2%3D|15/40|5/21|2/6||"
    )
    found = snpeff.parse_entry(entry, known)
    assert found.terms == ("inframe_deletion", "splice_region_variant")
    assert (found.gene_id, found.transcript, found.canonical) == ("G1", "T1", True)
    assert (found.coding_change, found.protein_change) == ("c.5_7delCTG", "p.Ala2=")
    between = "A|intergenic_region|MODIFIER|G1-G2|G1-G2|intergenic_region|G1-G2|||n.5C>A||||||"
    assert snpeff.parse_entry(between, known) == Consequence(("intergenic_variant",))


def test_snpeff_gets_parents_before_children_and_the_code_of_the_mitochondrion(tmp_path):
    lines = gff3_lines("G1", "T1", PLUS, "-")[::-1]  # as in a file that is sorted by place
    kinds = [
        line.split("\t")[2]
        for line in snpeff.gene_models(genes(tmp_path, lines=lines).models)
        if "\t" in line
    ]
    assert kinds == ["gene", "mRNA", "exon", "exon", "CDS", "CDS"]
    said = snpeff.configuration(["1", "chrM"])
    assert "project.chrM.codonTable : Vertebrate_Mitochondrial" in said
    assert "TGA/W" in said and "AGA/*" in said and "ATA/M+" in said and "project.1." not in said


def test_an_absent_engine_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(snpeff, "DEBIAN", tmp_path / "absent.jar")
    with pytest.raises(StageError, match="apt install snpeff"):
        snpeff.SnpEff(tmp_path, genes(tmp_path)).commands(tmp_path / "calls.bcf")
    options = vep.VepOptions(cache=tmp_path)
    with pytest.raises(StageError, match="tool-missing: vep"):
        vep.Vep(tmp_path / "1.fa", options).commands(tmp_path / "calls.bcf")


def test_vep_is_started_offline_with_its_cache(tmp_path, monkeypatch):
    program = tmp_path / "vep"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    options = vep.VepOptions(cache=tmp_path, species="mus_musculus", assembly="GRCm39")
    _, command = vep.Vep(tmp_path / "1.fa", options).commands(tmp_path / "calls.bcf")
    said = " ".join(map(str, command))
    for words in (
        "--offline --cache",
        "--species mus_musculus",
        "--assembly GRCm39",
        "--hgvs",
        "--vcf",
    ):
        assert words in said
    assert "--cache_version" not in said
    with pytest.raises(StageError, match="vep-cache-missing"):
        absent = vep.VepOptions(cache=tmp_path / "absent")
        vep.Vep(tmp_path / "1.fa", absent).commands(tmp_path / "calls.bcf")


def test_the_layout_of_vep_is_read_from_its_header(tmp_path):
    layout = vep.read_layout(VEP_HEADER, tmp_path / "x.vcf")
    first, second, third, fourth = (vep.parse_entry(e, layout) for e in VEP_VALUE.split(","))
    assert first == Consequence(
        ("missense_variant", "splice_region_variant"),
        "ENSG00000188603",
        "CLN3",
        "ENST00000636147",
        "protein_coding",
        "c.385C>T",
        "p.Leu129=",
        True,
        True,
    )
    assert (second.term, second.transcript) == ("downstream_gene_variant", "ENST00000561505")
    assert (second.canonical, second.mane_select, second.coding_change) == (False, False, "")
    assert (third.term, third.transcript, third.canonical) == (
        "regulatory_region_variant",
        "",
        None,
    )
    assert (fourth.term, fourth.gene_id) == ("intergenic_variant", "")
    assert most_severe([fourth, third, second, first]) is first
    with pytest.raises(StageError, match="vep-layout"):
        vep.read_layout('##INFO=<ID=CSQ,Number=.,Description="Format: Allele|Gene">', tmp_path)


def test_csq_escapes_what_vcf_forbids():
    one = Consequence(
        ("synonymous_variant",), "G", "A;B", "T", "x y", "c.6T>C", "p.Ala2=", True, False
    )
    assert csq_value("CA", "C", [one], one) == (
        "-|synonymous_variant|LOW|A%3BB|G|Transcript|T|x_y|c.6T>C|p.Ala2%3D|YES||1"
    )
    assert vep_allele("C", "<DEL>") == "<DEL>" and vep_allele("AC", "GT") == "GT"
