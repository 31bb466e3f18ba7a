"""Alignments and calls: what is told of them (peers: samtools, bcftools); files that are gone."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from pathlib import Path

import pytest

from genopheno.problems import StageError
from genopheno.submission import alignments, receive
from genopheno.submission.alignments import is_aligned, read_alignment, reference_fault
from genopheno.submission.bases import disagreeing
from genopheno.submission.calls import KEPT, near_names, read_gvcf, read_vcf
from genopheno.submission.contigs import Sequence
from genopheno.submission.cram import first_damage
from genopheno.submission.reference import read_fasta
from genopheno.submission.streams import Fault
from tests.faults.entries import GT, Entries, sound_entries
from tests.faults.planting import LENGTH

CACHE = Path("checked.json")


def said(*words: str | Path) -> str:
    return subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True).stdout


@pytest.fixture
def project(tmp_path, monkeypatch) -> Entries:
    monkeypatch.chdir(tmp_path)
    return Entries(tmp_path)


def check(**other) -> receive.Received:
    return receive.check(
        "config/samples.csv", "reference/genome.fa", "reference/genes.gff3", cache=CACHE, **other
    )


def codes(**other) -> list[tuple]:
    return [(p.code, p.row, p.column) for p in check(**other).problems]


def test_what_is_told_of_sound_entries(project):
    notes = sound_entries(project)
    project.finish()
    received = check()
    assert received.problems == []
    for note in notes:
        assert any(note in other for other in received.notes), note
    receipt = receive.write_receipt(received, "receipt.json")
    assert json.loads(Path("receipt.json").read_text()) == receipt
    told = {row["sample"]: row["files"][0] for row in receipt["units"]}
    for sample in ("S03", "S04", "S05"):
        file = told[sample]
        flags = json.loads(said("samtools", "flagstat", "-O", "json", file["file"]))
        counts = flags["QC-passed reads"]
        assert (file["reads"], file["mapped"]) == (counts["primary"], counts["primary mapped"])
        assert file["duplicates"] == counts["primary duplicates"] == 1
        assert said("md5sum", file["file"]).split()[0] == file["md5"]
        assert file["aligned"] and file["contigs"] == 1
    assert not told["S06"]["aligned"]
    for sample in ("S07", "S09", "S10", "S12"):
        lines = said("bcftools", "view", "-H", told[sample]["file"]).splitlines()
        assert told[sample]["records"] == len(lines) > 0
        assert said("md5sum", told[sample]["file"]).split()[0] == told[sample]["md5"]
    assert (told["S10"]["samples"], told["S11"]["samples"]) == (3, 3)
    assert receipt["counts"]["reads"] == 80 + 40 + 5 * 30


def test_m5_is_that_of_samtools(project, data):
    for fasta in (Path("reference/genome.fa"), data("giab_tiny") / "ref/q.fa.gz"):
        lines = [line.split("\t") for line in said("samtools", "dict", fasta).splitlines()[1:]]
        theirs = {cells[1][3:]: cells[3][3:] for cells in lines}
        assert read_fasta(fasta).m5 == theirs


def test_real_gvcfs_and_calls(data):
    gvcf = sorted((data("kgp_gvcf_chr22") / "gvcf").glob("*.g.vcf.gz"))[0]
    found = read_gvcf(gvcf)
    assert (found.caller, found.symbol) == ("gatk", "<NON_REF>")
    assert found.records == int(said("bcftools", "index", "-n", gvcf))
    vcf = data("ashkenazi_trio_vcf") / "ashkenazi_trio.vcf.gz"
    found = read_vcf(vcf)
    assert found.samples == said("bcftools", "query", "-l", vcf).split()
    assert found.records == int(said("bcftools", "index", "-n", vcf))
    assert KEPT / 2 <= len(found.ref_bases) <= KEPT


def test_bases_against_samtools(data):
    fasta = data("giab_tiny") / "ref/q.fa.gz"
    places = list(range(1, 12_357, 97))
    regions = [f"q:{place}-{place}" for place in places]
    theirs = "".join(said("samtools", "faidx", fasta, *regions).upper().split()[1::2])
    right = [("q", place, base) for place, base in zip(places, theirs, strict=True)]
    wrong = [(c, p, "ACGT"["CGTA".index(base)]) for c, p, base in right[:7]]
    beyond = [("q", 12_357, "A"), ("nowhere", 1, "A")]
    assert disagreeing(fasta, [right, wrong + right[7:], beyond, []]) == [0, 7, 2, 0]


HEADER = alignments.Alignment("x.bam", "BAM", True, {"1": 10, "2": 20}, {"2": "b"})
FASTA = Sequence("g.fa", "fasta", {"1": 10, "2": 20}, m5={"1": "a", "2": "b"})


@pytest.mark.parametrize(
    ("contigs", "m5", "realign", "code"),
    [
        ({"1": 10, "2": 20}, {}, False, None),
        ({"1": 10, "2": 20}, {"1": "a", "2": "b"}, False, None),
        ({"2": 20, "1": 10}, {}, False, None),
        ({"1": 10}, {}, False, None),
        ({"1": 10, "2": 20}, {"1": "b"}, False, "contig-sequence"),
        ({"1": 10, "2": 21}, {}, False, "contig-lengths"),
        ({"chr1": 10, "chr2": 20}, {}, False, "contig-names"),
        ({"1": 10, "2": 20, "X": 3}, {}, False, "contig-absent"),
        ({"chr1": 10, "X": 3}, {"X": "z"}, True, None),
        ({}, {}, False, None),
    ],
)
def test_headers_against_the_reference(contigs, m5, realign, code):
    header = alignments.Alignment("x.bam", "BAM", bool(contigs), contigs, m5)
    fault = reference_fault(header, FASTA, realign=realign)
    assert (fault.code if fault else None) == code


def test_a_cram_is_packed_with_a_sequence_of_ours_even_to_be_realigned():
    header = alignments.Alignment("x.cram", "CRAM", True, {"chr1": 10}, {"chr1": "a"})
    assert reference_fault(header, FASTA, realign=True) is None
    assert "without 'chr'" in reference_fault(header, FASTA).found
    header.m5["chr1"] = "z"
    assert reference_fault(header, FASTA, realign=True).code == "cram-reference"


def test_a_chr_name_of_another_length_is_another_build_too():
    header = alignments.Alignment("x.bam", "BAM", True, {"chr1": 11}, {})
    fault = reference_fault(header, FASTA)
    assert fault.code == "contig-names" and "another genome build too" in fault.found


@pytest.mark.parametrize(
    ("name", "near"),
    [("s1", ["S-1"]), ("NA12879", ["NA12878"]), ("HG002", ["hg002"]), ("zzz", [])],
)
def test_near_names(name, near):
    assert near_names(name, ["S-1", "NA12878", "hg002"])[: len(near) or 1] == near


def test_aligned_rows_of_one_sample_are_fine_where_they_are_realigned(project):
    for lane in ("1", "2"):
        bam = project.bam(lane, project.sam("S1"))
        project.enter("S1", "" if lane == "1" else "PS1", lane=lane, library="x", bam=bam)
    project.finish()
    assert codes() == [("entry-mixed", 3, "bam")]
    assert codes(realign=True) == []


def test_one_vcf_of_many_samples_is_read_once(project):
    vcf = project.vcf("many", tuple(f"S{i}" for i in range(5)))
    for i in range(5):
        project.enter(f"S{i}", vcf=vcf)
    project.finish()
    seen = []
    received = check(progress=lambda done, total, path: seen.append(path))
    assert received.problems == [] and seen.count(vcf) == 1
    assert len(received.finished) == 3  # with reference and genes


def test_finished_entries_are_not_read_again(project, monkeypatch):
    vcf = project.vcf("a", ("S1",))
    project.enter("S1", vcf=vcf)
    project.enter("S2", bam=project.bam("b", project.sam("S2")))
    project.finish()
    receive.remember(check())
    # Told from the memory with the REF bases, so that not even the FASTA is walked over.
    monkeypatch.setattr("genopheno.submission.entries.disagreeing", None)
    stat = Path(vcf).stat()
    Path(vcf).write_bytes(b"x" * stat.st_size)
    os.utime(vcf, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert codes() == []
    os.utime(vcf)
    assert codes() == [("not-vcf", 2, "vcf")]


def test_files_of_finished_samples_may_go(project):
    fastq = project.reads("x")
    project.enter("S1", fastq_1=fastq[0], fastq_2=fastq[1])
    bams = {}
    for sample, aligned in (("S2", True), ("S3", False)):
        bams[sample] = project.bam(sample, project.sam(sample, aligned=aligned))
        project.enter(sample, bam=bams[sample])
    project.finish()
    first = receive.write_receipt(check(), "1.json")
    for path in (*fastq, *bams.values()):
        Path(path).unlink()
    missing = [
        ("missing-file", 2, "fastq_1"),
        ("missing-file", 2, "fastq_2"),
        ("missing-file", 3, "bam"),
        ("missing-file", 4, "bam"),
    ]
    assert codes() == missing  # nothing was made of them yet
    assert codes(kept=lambda unit: unit.sample != "S1") == missing[:2]
    received = check(kept=lambda unit: True)
    assert received.problems == []
    assert any("files of 3 finished samples are gone" in note for note in received.notes)
    again = receive.write_receipt(received, "2.json")
    assert again["units"] == first["units"]
    assert codes(kept=lambda unit: True) == []  # and they stay known,
    sheet = Path("config/samples.csv")
    whole = sheet.read_text()
    sheet.write_text("\n".join(whole.splitlines()[:2]) + "\n")
    receive.remember(check(kept=lambda unit: True))  # after a check of another sheet too
    sheet.write_text(whole)
    assert codes(kept=lambda unit: True) == []
    assert is_aligned(bams["S2"], CACHE) and not is_aligned(bams["S3"], CACHE)
    with pytest.raises(StageError, match=r"missing-file: alignments/S2\.bam"):
        is_aligned(bams["S2"])
    with pytest.raises(StageError, match="missing-file"):
        receive.verify_pair(*fastq, CACHE)
    CACHE.unlink()
    assert codes(kept=lambda unit: True) == missing  # never seen sound, so not believed


def test_single_end_reads_are_verified(project):
    fastq = project.reads("x")[0]
    receive.verify_pair(fastq)
    project.cut(fastq, 0.5)
    with pytest.raises(StageError, match="gzip-truncated"):
        receive.verify_pair(fastq)


def test_a_bam_is_told_by_its_content(project):
    cram = project.cram("x", project.sam("S1"))
    Path("x.bam").write_bytes(Path(cram).read_bytes())
    assert read_alignment("x.bam").format == "CRAM"
    assert read_alignment("x.bam").contigs == {"20": LENGTH}


HEAD = "##fileformat=VCFv4.2\n" + GT
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"
ROW = "20\t5\t.\tA\tC\t.\t.\t.\tGT\t0/1\n"


def test_calls_without_contig_lines(tmp_path):
    path = tmp_path / "x.vcf"
    path.write_text(HEAD + COLUMNS + ROW)
    found = read_vcf(path)
    assert (found.contigs, found.ref_bases) == ({"20": 0}, [("20", 5, "A")])
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(Fault, match="not-bgzip"):
        read_vcf(path)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (HEAD + COLUMNS + ROW + "20\t6\t.\tA\tC\n", "vcf-record"),
        (HEAD + COLUMNS + ROW + ROW.replace("\t5\t", "\tfive\t"), "vcf-record"),
        (HEAD + COLUMNS + ROW + ROW.replace("20", "21") + ROW, "vcf-unsorted"),
        (HEAD + ROW, "not-vcf"),
        (HEAD, "not-vcf"),
        ("BCF", "not-vcf"),
        (HEAD + COLUMNS + ROW.replace("C\t", "<*>\t", 1), "vcf-is-gvcf"),
        (HEAD + COLUMNS, "no-records"),
    ],
)
def test_calls_that_cannot_be_read(tmp_path, text, code):
    path = tmp_path / "x.vcf"
    path.write_text(text)
    with pytest.raises(Fault) as told:
        read_vcf(path)
    assert told.value.code == code and str(path) in told.value.found


def test_any_changed_byte_of_a_cram_is_found(project):
    path = project.cram("x", project.sam("S1"))
    assert first_damage(path) is None
    content = Path(path).read_bytes()
    for at in range(26, len(content), 7):  # behind the file definition
        changed = bytearray(content)
        changed[at] ^= 4
        Path("changed.cram").write_bytes(changed)
        damaged = first_damage("changed.cram")
        assert damaged is not None and damaged <= at, at
    Path("changed.cram").write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    with pytest.raises(Fault, match="alignment-damaged"):
        read_alignment("changed.cram")


@pytest.mark.parametrize("version", ["2.1", "3.0", "3.1"])
def test_real_crams_of_every_version_are_whole(project, data, version):
    fasta = data("giab_tiny") / "ref/q.fa.gz"
    bases = data("giab_tiny") / "fastq/NA12878_R1.fastq.gz"
    said("samtools", "import", "-o", "x.bam", "-0", bases)
    option = f"version={version},seqs_per_slice=20"  # many slices, many landmarks
    words = ("--output-fmt-option", option, "--output-fmt-option", "slices_per_container=100")
    said("samtools", "view", "-C", "-T", fasta, *words, "-o", "x.cram", "x.bam")
    found = read_alignment("x.cram")
    assert (found.reads, found.aligned, found.format) == (1633, False, "CRAM")
