"""HGVS: the examples printed in the recommendations, on genes written to give them."""

import random

import pytest

from tests.unit.hgvs_reading import edit_of, fits, numbering, protein, replaced
from tests.unit.transcript_genome import gene, parts_of

INTRON = "gtaagtcacttgcaatcgatccttgacacctgatcgttaccgatgaccttgctcgg" + "ctta" * 12 + "tccag"


def coding(snippet, number, upstream="GGC", downstream="GCC"):
    """A gene whose CDS has `snippet` (small letters: an intron) from base c.`number` on."""
    exonic = sum(letter.isupper() for letter in snippet)
    rest = -(number - 1 + exonic) % 3
    before = ("ATG" + "GCA" * number)[: number - 1]
    return f"{upstream}[{before}{snippet}{'GCA'[3 - rest :] if rest else ''}TAA]{downstream}"


def place(marked, snippet):
    """Where a snippet begins in the text of a gene."""
    return parts_of(marked)[0].index(snippet)


# Recommendations of HGVS nomenclature 21, DNA: (CDS around, first base, within it the base
# from which on, what is removed, what is added, the description that is printed there).
DNA = [
    ("ATTGAAAAAAAATTAG", 5686, 4, "A", "", "c.5697del"),
    ("ATTGAAAAAAAATTAG", 5686, 4, "", "A", "c.5697dup"),
    (f"GAT{INTRON}TCA", 3919, 2, "T", "", "c.3921del"),
    (f"GAT{INTRON}TCA", 3919, 2, "", "T", "c.3921dup"),
    (f"GAACAG{INTRON}TGCCTT", 1699, 5, "G", "", "c.1704+1del"),
    (f"GAACAG{INTRON}TGCCTT", 1699, 5, "", "G", "c.1704+1dup"),
    (f"CTGGCC{INTRON}GTTTTA", 1807, 6 + len(INTRON) - 1, "G", "", "c.1813del"),
    (f"CTGGCC{INTRON}GTTTTA", 1807, 6 + len(INTRON) - 1, "", "G", "c.1813dup"),
    ("AGAAGTAGAGG", 15, 5, "", "T", "c.20dup"),
    ("AGAAGTAGAGG", 15, 5, "", "TAGA", "c.20_23dup"),
    (f"TTGACCC{INTRON}", 180, 3, "ACCC" + INTRON[:48].upper(), "", "c.183_186+48del"),
    (f"TGACACC{INTRON}", 258, 2, "", "ACACC" + INTRON[:48].upper(), "c.260_264+48dup"),
    ("GGAAGAGTTGC", 6771, 4, "GAG", "C", "c.6775_6777delinsC"),
    ("AAAGAGCTG", 4657, 4, "A", "TC", "c.4661delinsTC"),
    ("AAACGCAAA", 142, 3, "CGC", "TGG", "c.145_147delinsTGG"),
    ("CATGACA", 2074, 3, "G", "ATA", "c.2077delinsATA"),
]


@pytest.mark.parametrize(
    ("snippet", "number", "at", "removed", "added", "printed"), DNA, ids=[row[-1] for row in DNA]
)
def test_coding_changes_of_the_recommendations(
    tmp_path, snippet, number, at, removed, added, printed
):
    marked = coding(snippet, number)
    found, _ = gene(tmp_path, marked).change(place(marked, snippet) + at, removed, added)
    assert found == printed


# The same, protein: (CDS, the base from which on, removed, added, printed description).
FILL = "GCA"
PROTEIN = [
    ("ATGGATGCATACGTCACG", 11, "C", "", "p.Tyr4Ter"),
    ("ATGGATGCATACGAGATGAGG" + "GCTCGATGA", 5, "", "TGCATACG", "p.Glu5ValfsTer5"),
    ("ATGTGGTCCAGTTCCCACGATTAA", 9, "AGT", "", "p.Ser5del"),
    ("ATGTGGTCCAGTTCCCACGATTAA", 12, "", "AGT", "p.Ser5dup"),
    ("ATGCTTTGGTGGGAATAA", 6, "TGG", "", "p.Trp4del"),
    ("ATGCTTTGGTGGGAATAA", 6, "", "TGG", "p.Trp4dup"),
    ("ATGAAAGGACATCAACAATGTTAA", 12, "", "GCA", "p.His4_Gln5insAla"),
    ("ATGAAAGGACATCAACAATGTTAA", 6, "", "CAATCTAAA", "p.Lys2_Gly3insGlnSerLys"),
    ("ATGGCAATGCATGCATAA", 9, "", "GGGTAG", "p.Met3_His4insGlyTer"),
    ("ATG" + FILL * 44 + "CCTAATGCATAA", 138, "", "TCATCATGAGCTCCC", "p.Pro46_Asn47insSerSerTer"),
    ("ATG" + FILL * 44 + "CCTAATGCATAA", 138, "A", "TCATCATGAGCTG", "p.Asn47delinsSerSerTer"),
    ("ATG" + FILL * 576 + "CCGAAGGCATAA", 1732, "CGA", "TTT", "p.Pro578_Lys579delinsLeuTer"),
    ("ATG" + FILL * 26 + "TGTAAAGCATAA", 81, "TGT", "TGGGTT", "p.Cys28delinsTrpVal"),
    ("ATG" + FILL * 26 + "TGTAAAGCATAA", 81, "TGTAAA", "TGG", "p.Cys28_Lys29delinsTrp"),
    ("ATG" + FILL * 22 + "TGGGTTGCATAA", 69, "TGGGTT", "TGTCGT", "p.Trp24_Val25delinsCysArg"),
    ("ATG" + FILL * 47 + "CGCGCATAA", 144, "CGC", "TGG", "p.Arg49Trp"),
    ("ATG" + FILL * 186 + "TGCGCATAA", 563, "C", "T", "p.Cys188="),
    ("ATG" + FILL * 22 + "TGGGCATAA", 71, "G", "T", "p.Trp24Cys"),
    ("ATG" + FILL * 22 + "TGGGCATAA", 71, "G", "A", "p.Trp24Ter"),
    ("ATGGCATAA", 1, "T", "C", "p.Met1?"),
    ("ATG" + FILL * 108 + "TAA|" + FILL * 16 + "TGA", 327, "T", "C", "p.Ter110GlnextTer17"),
    ("ATG" + FILL * 325 + "TGA|" + FILL * 5, 978, "T", "C", "p.Ter327ArgextTer?"),
    # The shifted frame: Pro, 21 times Ala, stop.
    (
        "ATG" + FILL * 95 + "CGCG" + "GCG" * 21 + "TAGCATAA",
        289,
        "G",
        "",
        "p.Arg97ProfsTer23",
    ),
    # His150 is hit, yet still His: the shifted frame differs from the next residue on.
    (
        "ATG" + FILL * 148 + "CACCAGC" + FILL * 6 + "TAACATAA",
        450,
        "",
        "AC",
        "p.Gln151ThrfsTer9",
    ),
    ("ATG" + FILL * 325 + "ATAGA" + FILL * 10 + "GTAA", 979, "TA", "", "p.Ile327ArgfsTer?"),
]


@pytest.mark.parametrize(
    ("cds", "at", "removed", "added", "printed"), PROTEIN, ids=[row[-1] for row in PROTEIN]
)
def test_protein_changes_of_the_recommendations(tmp_path, cds, at, removed, added, printed):
    cds, _, after = cds.partition("|")
    marked = f"GGC[{cds}]{after or 'GCC'}"
    _, found = gene(tmp_path, marked).change(3 + at, removed, added)
    assert found == printed


def random_gene(rng, coding=True):
    """Exons of few different bases, so that indels shift; three coding exons, no stop within."""
    some = rng.choice(("AC", "ACG", "ACGT", "GT"))
    codons = [a + b + d for a in some for b in some for d in some]
    codons = [c for c in codons if c not in ("TAA", "TAG", "TGA")]
    cds = "ATG" + "".join(rng.choice(codons) for _ in range(12)) + rng.choice(("TAA", "TGA"))

    def bases(n):
        return "".join(rng.choice(some) for _ in range(n))

    cuts = sorted(rng.sample(range(1, len(cds)), 2))
    pieces = [cds[: cuts[0]], cds[cuts[0] : cuts[1]], cds[cuts[1] :]]
    introns = [bases(rng.randint(9, 14)).lower() for _ in range(3)]
    middle = pieces[0] + introns[0] + pieces[1] + introns[1] + pieces[2]
    marked = f"{bases(4)}{introns[2]}{bases(3)}[{middle}]{bases(15)}"
    return marked if coding else marked.replace("[", "").replace("]", "")


@pytest.mark.parametrize("seed", range(12))
def test_descriptions_read_back_give_the_allele(tmp_path, seed):
    """On either strand; indels as far 3' as they go; proteins as translated one by one."""
    rng = random.Random(seed)
    coding = seed % 4 != 3
    marked = random_gene(rng, coding)
    made = gene(tmp_path, marked)
    text, exons, cds = parts_of(marked)
    bases, names = text.upper(), numbering(marked)
    exonic = [place for start, end in exons for place in range(start, end)]
    within = [place for start, end in cds for place in range(start, end)]
    proteins = 0
    for _ in range(400):
        start = rng.randint(1, len(text) - 8)
        removed = bases[start : start + rng.choice((0, 0, 1, 1, 2, 3, 6))]
        added = "".join(rng.choice("ACGT") for _ in range(rng.choice((0, 0, 1, 1, 2, 3, 3))))
        if rng.random() < 0.3:
            removed, added = "", bases[start : start + rng.randint(1, 6)]
        if removed == added:
            continue
        mutated = replaced(bases, start, start + len(removed), added)
        c, p = made.change(start, removed, added)
        edit = edit_of(c, names, bases)
        assert replaced(bases, *edit) == mutated
        begin, end, inserted = edit
        pure = (begin == end) != (not inserted)
        unit = inserted or bases[begin:end]
        if pure and end < len(bases):
            assert bases[end] != unit[0], f"{c} can be moved further"
        if not within:
            assert p is None
            continue
        if p in (None, "p.Met1?", "p.Met1="):
            continue
        # Spliced, by naming the exonic bases that are left.
        kept = [place for place in exonic if not begin <= place < end]
        where = sum(place < begin for place in kept)
        spliced = "".join(bases[place] for place in kept)
        spliced = spliced[:where] + inserted + spliced[where:]
        ahead = exonic.index(within[0])
        reference = "".join(bases[place] for place in exonic)[ahead:]
        assert fits(p, protein(reference), protein(spliced[ahead:])), (c, p)
        proteins += 1
    assert proteins > 100 or not coding


def test_alleles_across_exon_borders_have_no_protein(tmp_path):
    marked = coding(f"GAT{INTRON}TCA", 40)
    made, at = gene(tmp_path, marked), place(marked, f"GAT{INTRON}")
    assert made.change(at + 2, "T" + INTRON[:3].upper(), "") == ("c.42_42+3del", None)
    whole = "T" + INTRON.upper() + "T"
    assert made.change(at + 2, whole, "") == ("c.42_43del", None)
    # A copy of the last bases of an exon is coding, one of the first of an intron is not.
    assert made.change(at, "", "GAT") == ("c.41_42+1dup", None)
    assert made.change(at + 3, "", "GTA")[1] is None
    marked = coding(f"CAT{INTRON}TCA", 40)
    made, at = gene(tmp_path, marked), place(marked, f"CAT{INTRON}")
    assert made.change(at, "", "CAT") == ("c.40_42dup", "p.His14dup")


def test_alleles_that_cannot_be_named(tmp_path):
    marked = "GGC[ATGGCAGCATAA]GCC"
    made = gene(tmp_path, marked)
    describe = made.describer.describe
    assert describe("absent", 30, "A", "C") == (None, None)
    for alternate in ("*", "<DEL>", "<*>", ".", "A[r:5[", ""):
        assert describe("forward", 24, "A", alternate) == (None, None)
        assert describe("forward", 24, "ATG", alternate) == (None, None)
    assert describe("forward", 24, "T", "C") == (None, None)  # the base there is A
    assert describe("forward", 24, "TT", "T") == (None, None)
    assert describe("forward", 24, "A", "A") == (None, None)
    assert describe("forward", 24, "ATG", "ATG") == (None, None)
    assert describe("forward", 1, "T", "C") == (None, None)  # outside of the transcript
    assert describe("forward", 1, "T", "TA") == (None, None)
    assert describe("forward", 10**6, "T", "TA") == (None, None)
    assert describe("forward", 20, made.contigs["f"][19:30], "G") == (None, None)  # half outside
    assert describe("forward", 24, "a", "g") == ("c.1A>G", "p.Met1?")


def test_long_alleles(tmp_path):
    rng = random.Random(1)
    middle = "".join(rng.choice(("GCA", "GCC", "AAG", "TTC")) for _ in range(4000))
    marked = f"GGC[ATG{middle}TAA]GCC"
    made = gene(tmp_path, marked)
    long = "".join(rng.choice("ACGT") for _ in range(10_000))
    c, p = made.change(36, "", long)
    assert c.startswith("c.33_34ins") or c.startswith("c.34_35ins")
    assert p
    c, p = made.change(6, middle[:10_500], "")
    assert c.endswith("del")
    assert p.endswith("del")
    c, p = made.change(6, "", middle[:9_999])
    assert c.endswith("dup")
    assert p.endswith("dup")


def test_first_bases_of_a_contig_and_of_a_transcript(tmp_path):
    """Nothing is read before the contig; copies that begin before the transcript are insertions."""
    from genopheno.annotation.hgvs import Describer
    from genopheno.annotation.transcripts import read_models

    fasta, gff3 = tmp_path / "a.fa", tmp_path / "a.gff3"
    fasta.write_text(">1\nAAAAACCGT\n")
    rows = [
        ("gene", 1, 9, "ID=gene:G"),
        ("lnc_RNA", 1, 9, "ID=transcript:plus;Parent=gene:G"),
        ("exon", 1, 9, "Parent=transcript:plus"),
        ("lnc_RNA", 3, 9, "ID=transcript:later;Parent=gene:G"),
        ("exon", 3, 9, "Parent=transcript:later"),
    ]
    text = "".join(f"1\tmade\t{k}\t{s}\t{e}\t.\t+\t.\t{a}\n" for k, s, e, a in rows)
    minus = text.replace("\t+\t", "\t-\t").replace(":G", ":H").replace(":plus", ":minus")
    gff3.write_text(text + minus.replace(":later", ":short"))
    describe = Describer(fasta, read_models(gff3).transcripts).describe
    assert describe("plus", 1, "A", "C") == ("n.1A>C", None)
    assert describe("plus", 1, "AA", "A") == ("n.5del", None)
    assert describe("plus", 1, "A", "AA") == ("n.5dup", None)
    assert describe("minus", 1, "AA", "A") == ("n.9del", None)
    assert describe("minus", 5, "A", "AA") == ("n.9dup", None)
    assert describe("minus", 1, "A", "CA") == (None, None)  # beyond its last base
    # AAAA before the transcript's three: the copy cannot be named whole.
    assert describe("later", 1, "A", "AAAAA") == ("n.3_4insAAAA", None)
    assert describe("short", 3, "A", "AAAAA") == ("n.6_7insTTTT", None)
    assert describe("short", 3, "AA", "A") == ("n.7del", None)


def test_frames_that_begin_or_end_inside_a_codon(tmp_path):
    """c. counts from the first known base; the partial codon is residue 1, as Ensembl counts."""
    made = gene(tmp_path, "[CAGCAGGTTTA]GCC", phase=2)
    assert made.change(0, "C", "T") == ("c.1C>T", None)
    assert made.change(2, "G", "T") == ("c.3G>T", "p.Ala2Ser")
    assert made.change(9, "T", "A") == ("c.10T>A", "p.Leu4Ter")
    made = gene(tmp_path, "GGC[ATGGCATT]")
    assert made.change(9, "T", "C") == ("c.7T>C", None)
    assert made.change(6, "G", "T") == ("c.4G>T", "p.Ala2Ser")
    assert made.change(6, "G", "") == ("c.4del", "p.Ala2HisfsTer?")


def test_vertebrate_mitochondria_have_their_own_code(tmp_path):
    marked = "GGC[ATGATATGAGCAAGA]GCC"
    for contig, expected in (("chrM", "p.Ala4="), ("1", "p.Ala4=")):
        made = gene(tmp_path, marked, contig)
        assert made.describer.describe("forward", 35, "A", "C") == ("c.12A>C", expected)
    mitochondrial = gene(tmp_path, marked, "MT").describer.describe
    nuclear = gene(tmp_path, marked, "1").describer.describe
    for place, removed, added, expected, elsewhere in (
        (29, "A", "G", "p.Met2=", "p.Ile2Met"),  # ATA
        (32, "A", "G", "p.Trp3=", "p.Ter3Trp"),  # TGA
        (38, "A", "C", "p.Ter5SerextTer?", "p.Arg5Ser"),  # AGA
    ):
        assert mitochondrial("forward", place, removed, added)[1] == expected
        assert nuclear("forward", place, removed, added)[1] == elsewhere


def test_start_codon(tmp_path):
    marked = "GGCATCACC[ATGGCAGCAGCATAA]GCC"
    made = gene(tmp_path, marked)
    assert made.change(9, "A", "G") == ("c.1A>G", "p.Met1?")
    assert made.change(10, "T", "") == ("c.2del", "p.Met1?")
    assert made.change(7, "CCAT", "") == ("c.-2_2del", "p.Met1?")
    # It is moved, not changed.
    assert made.change(6, "", "ACC") == ("c.-2_1dup", "p.Met1=")
    assert made.change(9, "", "TTC") == ("c.-1_1insTTC", None)
    # Another ATG stands where the start codon would be, had only its place changed.
    made = gene(tmp_path, "GGCATGCAC[ATGGCAGCAGCATAA]GCC")
    assert made.change(7, "ACATGG", "") == ("c.-2_4del", "p.Met1?")


def test_stop_codon(tmp_path):
    """HGVS: longer proteins are extensions; deletions that begin before a stop, frame shifts."""
    marked = "GGC[ATGGCACTTTAA]GCAGCATAGGCC"
    made = gene(tmp_path, marked)
    assert made.change(12, "T", "C") == ("c.10T>C", "p.Ter4GlnextTer3")
    assert made.change(14, "A", "G") == ("c.12A>G", "p.Ter4=")
    assert made.change(14, "A", "C")[1] == "p.Ter4TyrextTer3"
    assert made.change(9, "CTTTAA", "")[1] == "p.Leu3AlafsTer3"
    assert made.change(12, "", "GCC")[1] == "p.Ter4AlaextTer1"
    assert made.change(12, "", "CTT")[1] == "p.Ter4LeuextTer1"
    assert made.change(15, "", "CCC")[1] is None


def test_kept_sequences_are_bounded(tmp_path):
    from genopheno.annotation.hgvs import describe, sequence

    made = gene(tmp_path, "GGC[ATGGCAGCATAA]GCC").describer
    assert made._spliced.cache_info().maxsize == describe.KEPT <= 1024
    assert made._sequence._block.cache_info().maxsize == sequence.KEPT
