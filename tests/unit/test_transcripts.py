"""Gene models of a GFF3: dialects, order of lines, and every way to be broken."""

import gzip

import pytest

from genopheno.annotation.transcripts import read_models
from genopheno.problems import StageError
from tests.unit.transcript_genome import FLANK, gff3_lines

AT = len(FLANK)
MARKED = "GGC[ATGGCA" + "gtaag" + "GCATAA]GCC"


def models(folder, lines, packed=False):
    path = folder / "genes.gff3"
    text = "##gff-version 3\n" + "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return read_models(path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", [1, -1])
def test_models_in_any_order_plain_or_packed(tmp_path, packed, order):
    lines = gff3_lines(MARKED, "T1", "7", "+") + gff3_lines(MARKED, "T2", "8", "-")
    found = models(tmp_path, lines[::order], packed)
    assert found.broken == []
    one, two = found.transcripts["T1"], found.transcripts["T2"]
    assert one.exons == ((AT + 1, AT + 9), (AT + 15, AT + 23))
    assert one.cds == ((AT + 4, AT + 9, 0), (AT + 15, AT + 20, 0))
    assert two.exons == ((AT + 1, AT + 9), (AT + 15, AT + 23))
    assert two.cds == ((AT + 4, AT + 9, 0), (AT + 15, AT + 20, 0))
    assert (one.contig, one.strand, two.contig, two.strand) == ("7", 1, "8", -1)
    assert (one.start, one.end) == (AT + 1, AT + 23)
    assert (one.gene_id, one.gene_symbol, one.biotype) == ("G_T1", "S_T1", "protein_coding")
    assert not one.start_incomplete
    assert not one.end_incomplete
    assert found.gene_of == {"T1": "G_T1", "T2": "G_T2"}
    assert found.symbols == {"G_T1": "S_T1", "G_T2": "S_T2"}
    assert set(found.contigs) == {"7", "8"}


def rows(*features):
    return ["\t".join(map(str, ("1", "x", k, s, e, ".", "+", p, a))) for k, s, e, p, a in features]


def test_tags_and_identifiers_of_ensembl_gencode_and_ncbi(tmp_path):
    found = models(
        tmp_path,
        rows(
            ("gene", 1, 9, ".", "ID=gene:ENSG1;Name=A%2CB;biotype=protein_coding"),
            ("mRNA", 1, 9, ".", "ID=transcript:ENST1;Parent=gene:ENSG1;tag=Ensembl_canonical"),
            ("exon", 1, 9, ".", "Parent=transcript:ENST1"),
            ("gene", 1, 9, ".", "ID=ENSG2.3;gene_name=C;gene_type=lncRNA"),
            ("transcript", 1, 9, ".", "ID=ENST2.1;Parent=ENSG2.3;transcript_type=lncRNA;tag=basic"),
            ("exon", 1, 9, ".", "ID=exon:ENST2.1:1;Parent=ENST2.1"),
            ("gene", 1, 9, ".", "ID=gene-D;Name=D;gene=D;gene_biotype=protein_coding"),
            ("mRNA", 1, 9, ".", "ID=rna-NM_1.2;Parent=gene-D;tag=MANE Select;transcript_id=NM_1.2"),
            ("exon", 1, 9, ".", "ID=exon-NM_1.2-1;Parent=rna-NM_1.2"),
            ("CDS", 1, 9, 0, "ID=cds-NP_1.1;Parent=rna-NM_1.2"),
            ("primary_transcript", 1, 9, ".", "ID=rna-NR_1.1;Parent=gene-D"),
            ("exon", 1, 9, ".", "Parent=rna-NR_1.1"),
            ("miRNA", 1, 5, ".", "ID=rna-MIR1;Parent=rna-NR_1.1"),
            ("exon", 1, 5, ".", "Parent=rna-MIR1"),
        ),
    )
    assert found.broken == []
    assert found.gene_of == {
        "ENST1": "ENSG1",
        "ENST2.1": "ENSG2.3",
        "NM_1.2": "D",
        "NR_1.1": "D",
        "MIR1": "D",
    }
    assert found.symbols == {"ENSG1": "A,B", "ENSG2.3": "C", "D": "D"}
    marked = {n: (t.canonical, t.mane_select) for n, t in found.transcripts.items()}
    assert marked["ENST1"] == (True, False)
    assert marked["ENST2.1"] == (False, False)
    assert marked["NM_1.2"] == (True, True)
    assert found.canonical == {"ENST1", "NM_1.2"}
    assert found.mane_select == {"NM_1.2"}
    assert [found.transcripts[n].biotype for n in ("ENST1", "ENST2.1", "NM_1.2", "MIR1")] == [
        "protein_coding",
        "lncRNA",
        "protein_coding",
        "miRNA",
    ]


TRANSCRIPT = ("mRNA", 1, 90, ".", "ID=transcript:T;Parent=gene:G")
GENE = ("gene", 1, 90, ".", "ID=gene:G")
GOOD = (
    ("gene", 1, 9, ".", "ID=gene:H"),
    ("mRNA", 1, 9, ".", "ID=transcript:U;Parent=gene:H"),
    ("exon", 1, 9, ".", "Parent=transcript:U"),
)


def exon(start, end):
    return "exon", start, end, ".", "Parent=transcript:T"


def cds(start, end, phase):
    return "CDS", start, end, phase, "Parent=transcript:T"


BROKEN = [
    ("parent-missing", [GENE, exon(1, 90)]),
    ("gene-missing", [TRANSCRIPT, exon(1, 90)]),
    ("parent-is-a-gene", [("gene", 1, 90, ".", "ID=transcript:T"), exon(1, 90)]),
    ("exons-missing", [GENE, TRANSCRIPT, cds(1, 30, 0)]),
    ("exons-overlap", [GENE, TRANSCRIPT, exon(1, 40), exon(40, 90)]),
    ("exons-reversed", [GENE, TRANSCRIPT, exon(90, 1)]),
    ("cds-overlap", [GENE, TRANSCRIPT, exon(1, 90), cds(1, 30, 0), cds(30, 59, 0)]),
    ("cds-outside-exons", [GENE, TRANSCRIPT, exon(1, 40), exon(50, 90), cds(10, 60, 0)]),
    ("cds-outside-exons", [GENE, TRANSCRIPT, exon(1, 40), cds(35, 43, 0)]),
    ("cds-gap", [GENE, TRANSCRIPT, exon(1, 90), cds(1, 30, 0), cds(32, 61, 0)]),
    (
        "cds-gap",
        [GENE, TRANSCRIPT, exon(1, 20), exon(30, 50), exon(60, 90), cds(1, 20, 0), cds(60, 66, 1)],
    ),
    ("cds-phase", [GENE, TRANSCRIPT, exon(1, 40), exon(50, 90), cds(1, 40, 0), cds(50, 61, 1)]),
    ("cds-start", [GENE, TRANSCRIPT, exon(1, 90), cds(4, 33, 1)]),
    ("cds-length", [GENE, TRANSCRIPT, exon(1, 90), cds(1, 31, 0)]),
]


@pytest.mark.parametrize(("code", "features"), BROKEN, ids=[row[0] for row in BROKEN])
def test_broken_models_are_left_out_with_their_reason(tmp_path, code, features):
    found = models(tmp_path, rows(*GOOD, *features))
    assert set(found.transcripts) == {"U"}
    ((transcript, said, words, row),) = found.broken
    assert (transcript, said) == ("T", code)
    assert words
    line = next((n for n, f in enumerate(features) if "ID=transcript:T" in f[4]), None)
    assert row == (None if line is None else 2 + len(GOOD) + line)


def test_parts_on_another_strand_or_contig_and_no_strand(tmp_path):
    good = rows(*GOOD)
    wrong = [line.replace("\t+\t", "\t-\t") for line in rows(exon(1, 90))]
    found = models(tmp_path, good + rows(GENE, TRANSCRIPT) + wrong)
    assert [b.code for b in found.broken] == ["place-differs"]
    wrong = ["2" + line[1:] for line in rows(exon(1, 90))]
    found = models(tmp_path, good + rows(GENE, TRANSCRIPT) + wrong)
    assert [b.code for b in found.broken] == ["place-differs"]
    none = [line.replace("\t+\t", "\t.\t") for line in rows(GENE, TRANSCRIPT, exon(1, 90))]
    assert [b.code for b in models(tmp_path, good + none).broken] == ["strand-missing"]


@pytest.mark.parametrize(
    ("features", "start", "end"),
    [
        ([exon(1, 90), cds(1, 30, 0)], False, False),
        ([exon(1, 90), cds(1, 32, 2)], True, False),
        ([exon(1, 90), cds(60, 90, 0)], False, True),
        ([exon(1, 90), cds(1, 90, 1)], True, True),
    ],
)
def test_partly_known_frames_are_not_broken(tmp_path, features, start, end):
    """Where the transcript itself begins or ends inside a codon only a part of it is known."""
    one = models(tmp_path, rows(GENE, TRANSCRIPT, *features)).transcripts["T"]
    assert (one.start_incomplete, one.end_incomplete) == (start, end)


def test_unreadable_files_say_where(tmp_path):
    good = rows(*GOOD)
    for line in ("1\tx\texon\t1\t9", "1\tx\texon\tone\t9\t.\t+\t.\tParent=transcript:U"):
        with pytest.raises(StageError, match=f"gene-models-unreadable.*line {len(good) + 2}:"):
            models(tmp_path, [*good, line])
    path = tmp_path / "short.gff3.gz"
    path.write_bytes(gzip.compress("\n".join(good * 999).encode())[:-20])
    with pytest.raises(StageError, match="gene-models-unreadable"):
        read_models(path)
    with pytest.raises(StageError, match="gene-models-empty"):
        models(tmp_path, rows(GENE, TRANSCRIPT))


def test_sequences_behind_the_models_are_not_read(tmp_path):
    found = models(tmp_path, [*rows(*GOOD), "##FASTA", ">1", "ACGT"])
    assert set(found.transcripts) == {"U"}
