"""Reads that come as BAM or CRAM: read back to FASTQ, or taken as they are."""

from __future__ import annotations

import gzip
from pathlib import Path

import pysam
import pytest

from genopheno.files import read_json
from genopheno.problems import StageError
from genopheno.reads.align import read_group
from genopheno.reads.import_alignment import import_alignment
from genopheno.reads.qc import read_qc
from genopheno.tools import run

from .simulated import Unit, cram, reads, reference, sequence, unit
from .test_reads import records

BASES = {"chrA": sequence(20_000, 1), "chrB": sequence(5_000, 2)}
GROUP = read_group("new.lib9.L1", "new", "lib9", "ILLUMINA", "L1.lib9")


@pytest.fixture(scope="module")
def genome(tmp_path_factory) -> Path:
    return reference(tmp_path_factory.mktemp("genome"), BASES)


@pytest.fixture(scope="module")
def fastqs(tmp_path_factory) -> tuple[Path, Path]:
    """1,000 pairs, and the first hundred once more under other names: copies of a molecule."""
    folder = tmp_path_factory.mktemp("reads")
    files = reads(folder, BASES, pairs=1000, seed=3, prefix="a")
    for path in files:
        text = gzip.decompress(path.read_bytes()).decode()
        copies = "\n".join(text.split("\n")[:400]).replace("@a", "@copy") + "\n"
        path.write_bytes(gzip.compress((text + copies).encode(), 1))
    return files


@pytest.fixture(scope="module")
def aligned(tmp_path_factory, genome, fastqs) -> Unit:
    return unit(fastqs, genome, tmp_path_factory.mktemp("unit"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory, genome, aligned) -> Path:
    """The CRAM that the FASTQ files give."""
    return cram([("lib1", aligned)], genome, tmp_path_factory.mktemp("ours") / "s1.cram")


def taken(alignment: Path, genome: Path, folder: Path, threads: int = 2) -> tuple[Path, dict]:
    path = folder / "new.cram"
    said = import_alignment(
        alignment,
        reference=genome,
        cram=path,
        md5=folder / "new.cram.md5",
        report=folder / "new.import.json",
        sample="new",
        read_group=GROUP,
        threads=threads,
    )
    assert read_json(folder / "new.import.json") == said
    run(["samtools", "quickcheck", path])
    assert path.read_bytes()[:6] == b"CRAM\x03\x00"
    assert (folder / "new.cram.crai").stat().st_size
    return path, said


def groups(path: Path) -> list[dict[str, str]]:
    with pysam.AlignmentFile(str(path), check_sq=False) as file:
        return file.header.to_dict().get("RG", [])


def bare(lines: list[str]) -> list[str]:
    """Records without their tags, in any order."""
    return sorted("\t".join(line.split("\t")[:11]) for line in lines)


def unaligned(fastqs: tuple[Path, ...], path: Path, *options: str) -> Path:
    names = ["-1", fastqs[0], "-2", fastqs[1]] if len(fastqs) == 2 else ["-0", fastqs[0]]
    run(["samtools", "import", *options, *names, "-o", path])
    return path


def measures(path: Path, genome: Path, folder: Path, **options) -> dict:
    return read_qc(
        path,
        reference=genome,
        fastp_jsons=[],
        sample="new",
        participant="p1",
        out_dir=folder,
        threads=1,
        **options,
    )


# --- read back to FASTQ ------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["bam", "cram"])
def test_unaligned_gives_the_records_of_its_fastq(ending, fastqs, aligned, genome, tmp_path):
    file = unaligned(fastqs, tmp_path / f"u.{ending}")
    made = unit((), genome, tmp_path / "out", alignment=file)
    assert run(["samtools", "view", made.bam]) == run(["samtools", "view", aligned.bam])
    assert groups(made.bam) == groups(aligned.bam)
    assert read_json(made.json)["summary"] == read_json(aligned.json)["summary"]


def test_mates_apart_are_brought_together(fastqs, aligned, genome, tmp_path):
    """A file that promises no order: all first reads, then all second reads."""
    ordered = unaligned(fastqs, tmp_path / "u.sam")
    lines = ordered.read_text().splitlines()
    body = [line for line in lines if not line.startswith("@")]
    head = ["@HD\tVN:1.6\tSO:unsorted", *(x for x in lines if x[:3] in ("@RG", "@PG"))]
    text = "\n".join([*head, *body[::2], *body[1::2]]) + "\n"
    (tmp_path / "apart.sam").write_text(text)
    run(["samtools", "view", "-b", "-o", tmp_path / "apart.bam", tmp_path / "apart.sam"])
    made = unit((), genome, tmp_path / "out", alignment=tmp_path / "apart.bam", threads=2)
    assert bare(records(made.bam, genome)) == bare(records(aligned.bam, genome))


def test_a_false_promise_of_order_is_noticed(fastqs, genome, tmp_path):
    ordered = unaligned(fastqs, tmp_path / "u.sam")
    lines = ordered.read_text().splitlines()
    assert any("GO:query" in line for line in lines)
    body = [line for line in lines if not line.startswith("@")]
    head = [line for line in lines if line.startswith("@")]
    (tmp_path / "u.sam").write_text("\n".join([*head, *body[::2], *body[1::2]]) + "\n")
    run(["samtools", "view", "-b", "-o", tmp_path / "u.bam", tmp_path / "u.sam"])
    with pytest.raises(StageError, match=r"alignment-mates.*2200 reads do not have their mate"):
        unit((), genome, tmp_path / "out", alignment=tmp_path / "u.bam")
    assert not list((tmp_path / "out").glob("*"))


def test_single_reads_of_an_unaligned_file(fastqs, genome, tmp_path):
    one = unit(fastqs[:1], genome, tmp_path / "fastq")
    made = unit((), genome, tmp_path / "bam", alignment=unaligned(fastqs[:1], tmp_path / "u.bam"))
    assert run(["samtools", "view", made.bam]) == run(["samtools", "view", one.bam])
    assert len(records(made.bam, genome)) == 1100


@pytest.mark.parametrize("names", [("NB501:1", True), ("K00:1", False)])
def test_two_colour_reads_lose_their_poly_g_from_a_stream_too(names, fastqs, genome, tmp_path):
    """fastp looks at the name of the first read of a file, but cannot in a stream."""
    from .test_reads import rewrite

    prefix, cut = names

    def tail(name, bases, qualities):
        return f"@{prefix}:{name[1:]}", bases[:70] + "G" * 30, qualities

    files = tuple(rewrite(path, tmp_path / path.name, tail) for path in fastqs)
    direct = unit(files, genome, tmp_path / "fastq")
    streamed = unit((), genome, tmp_path / "bam", alignment=unaligned(files, tmp_path / "u.bam"))
    assert run(["samtools", "view", streamed.bam]) == run(["samtools", "view", direct.bam])
    length = {len(line.split("\t")[9]) for line in records(direct.bam, genome, "-F", "0x900")}
    assert (max(length) <= 75) == cut


@pytest.mark.parametrize("ending", ["bam", "cram"])
def test_aligned_files_can_be_aligned_again(ending, ours, aligned, genome, tmp_path):
    """From a sorted file with duplicate flags to the records of the first alignment."""
    file = tmp_path / f"old.{ending}"
    run(["samtools", "view", "-T", genome, "-o", file, ours])
    made = unit((), genome, tmp_path / "out", alignment=file, sample="s2")
    assert [row["SM"] for row in groups(made.bam)] == ["s2"]
    again = cram([("lib1", made)], genome, tmp_path / "again.cram")
    assert bare(records(again, genome)) == bare(records(ours, genome))


def test_half_a_pair_is_refused(fastqs, genome, tmp_path):
    whole = unaligned(fastqs, tmp_path / "u.bam")
    run(["samtools", "view", "-b", "-f", "64", "-o", tmp_path / "first.bam", whole])
    with pytest.raises(StageError, match=r"alignment-mates.*1100 are first and 0 second"):
        unit((), genome, tmp_path / "out", alignment=tmp_path / "first.bam")


def test_either_fastq_or_an_alignment(fastqs, genome, tmp_path):
    with pytest.raises(StageError, match="reads-source"):
        unit((), genome, tmp_path / "out")
    with pytest.raises(StageError, match="reads-source"):
        unit(fastqs, genome, tmp_path / "out", alignment=unaligned(fastqs, tmp_path / "u.bam"))


def test_a_cram_of_another_reference_is_not_realigned_without_it(ours, genome, tmp_path):
    """Its bases are in its own reference, which is nowhere to be found."""
    other = reference(tmp_path / "other", {"chrA": sequence(20_000, 8), "chrB": BASES["chrB"]})
    far = tmp_path / "far.cram"
    run(["samtools", "view", "-C", "-T", genome, "-o", far, ours])
    header = run(["samtools", "view", "-H", "--no-PG", far])
    (tmp_path / "h.sam").write_text(header.replace(str(genome), "/nowhere/genome.fa"))
    run(["samtools", "reheader", tmp_path / "h.sam", far], stdout=tmp_path / "lost.cram")
    with pytest.raises(StageError, match=r"tool-failed: (env|samtools).*[Rr]eference"):
        unit((), other, tmp_path / "out", alignment=tmp_path / "lost.cram")


# --- taken as they are -------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["bam", "cram"])
def test_an_alignment_keeps_every_record_and_gets_the_name_of_the_sheet(
    ending, ours, genome, tmp_path
):
    file = tmp_path / f"lab.{ending}"
    run(["samtools", "view", "-T", genome, "-o", file, ours])
    path, said = taken(file, genome, tmp_path)
    assert records(path, genome) == records(ours, genome)  # tags and flags too
    before, after = groups(file), groups(path)
    assert after == [{**row, "SM": "new"} for row in before]
    assert said["sample_in_file"] == ["s1"]
    assert said["notes"] == ["SM was s1 and is new now"]
    assert said["records"] == len(records(ours, genome))
    assert said["duplicates"] == len(records(ours, genome, "-f", "0x400")) >= 200


def test_unsorted_without_read_groups_and_duplicates(fastqs, genome, tmp_path):
    run(
        ["bwa", "mem", "-v", "1", genome, *fastqs],
        ["samtools", "view", "-b", "-o", tmp_path / "raw.bam", "-"],
    )
    path, said = taken(tmp_path / "raw.bam", genome, tmp_path)
    assert bare(records(path, genome)) == bare(records(tmp_path / "raw.bam", genome))
    assert all("RG:Z:new.lib9.L1" in line for line in records(path, genome))
    assert "\t".join(f"{k}:{v}" for k, v in groups(path)[0].items()) == GROUP[5:].replace(
        r"\t", "\t"
    )
    assert "SO:coordinate" in run(["samtools", "view", "-H", path])
    assert said["sorted_here"]
    assert [note.split(":")[0] for note in said["notes"]] == [
        "no record is flagged as duplicate",
        "it had no read group",
        "it was sorted here",
    ]
    metrics = measures(path, genome, tmp_path / "qc")
    assert metrics["reads"] == 2200
    assert metrics["bases"] == 220_000
    assert metrics["q30_fraction"] == 1
    assert metrics["reads_after_trimming"] is None
    assert metrics["duplicate_fraction"] is None  # nobody looked for them
    assert metrics["insert_size_median"] == pytest.approx(300, abs=6)


def test_contigs_get_the_order_of_the_reference(fastqs, aligned, genome, tmp_path):
    """A file that lacks a contig, or has them in another order, reads as the reference does."""
    turned = reference(tmp_path / "turned", {name: BASES[name] for name in ("chrB", "chrA")})
    path, said = taken(unit(fastqs, turned, tmp_path / "unit").bam, genome, tmp_path)
    assert said["sorted_here"]
    with pysam.AlignmentFile(str(path), reference_filename=str(genome)) as file:
        assert list(file.references) == ["chrA", "chrB"]
        places = [(r.reference_id, r.reference_start) for r in file if not r.is_unmapped]
    assert places == sorted(places)
    assert len(places) > 1900
    near = {(line.split("\t")[0], line.split("\t")[2]) for line in records(path, genome)}
    assert near == {(x.split("\t")[0], x.split("\t")[2]) for x in records(aligned.bam, genome)}
    inside = run(["samtools", "view", "-c", "-T", genome, path, "chrA:5000-6000"])
    assert 0 < int(inside) < 1000


def other_genomes(folder: Path) -> dict[str, tuple[Path, str]]:
    return {
        "names": (reference(folder / "n", {"A": BASES["chrA"]}), "does not have: A"),
        "lengths": (
            reference(folder / "l", {"chrA": BASES["chrA"][:-9]}),
            r"another length: chrA \(19991 bp, in the reference 20000\)",
        ),
        "sequence": (
            reference(folder / "s", {"chrA": sequence(20_000, 9)}),
            r"another sequence \(MD5\): chrA",
        ),
    }


@pytest.mark.parametrize("kind", ["names", "lengths", "sequence"])
def test_an_alignment_to_another_reference_is_refused(kind, fastqs, genome, tmp_path):
    other, words = other_genomes(tmp_path)[kind]
    bam = unit(fastqs, other, tmp_path / "unit").bam
    run(["samtools", "view", "-C", "-T", other, "-o", tmp_path / "other.cram", bam])
    with pytest.raises(StageError, match=f"alignment-reference.*{words}.*reads.realign"):
        taken(tmp_path / "other.cram", genome, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize("ending", ["bam", "cram"])
@pytest.mark.parametrize("entry", ["import", "align"])
def test_a_file_cut_off_is_refused(ending, entry, ours, genome, tmp_path):
    whole, cut = tmp_path / f"whole.{ending}", tmp_path / f"cut.{ending}"
    run(["samtools", "view", "-T", genome, "-o", whole, ours])
    for lost in (40, 3000):  # its end marker alone; records too
        cut.write_bytes(whole.read_bytes()[:-lost])
        with pytest.raises(StageError, match=r"alignment-truncated.*its end is missing"):
            if entry == "import":
                taken(cut, genome, tmp_path / "out")
            else:
                unit((), genome, tmp_path / "out", alignment=cut)


def test_damage_in_the_middle_is_noticed(ours, genome, tmp_path):
    whole = tmp_path / "whole.bam"
    run(["samtools", "view", "-b", "-o", whole, "-T", genome, ours])
    damaged = bytearray(whole.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    whole.write_bytes(damaged)
    with pytest.raises(StageError, match="alignment-damaged"):
        taken(whole, genome, tmp_path / "out")


def test_several_samples_in_one_file_are_refused(ours, genome, tmp_path):
    header = run(["samtools", "view", "-H", "--no-PG", ours]) + "@RG\tID:x\tSM:somebody\n"
    (tmp_path / "h.sam").write_text(header)
    run(["samtools", "reheader", tmp_path / "h.sam", ours], stdout=tmp_path / "two.cram")
    with pytest.raises(StageError, match=r"alignment-samples.*s1, somebody"):
        taken(tmp_path / "two.cram", genome, tmp_path / "out")


def test_what_is_not_an_alignment_is_said_to_be_none(fastqs, genome, tmp_path):
    with pytest.raises(StageError, match="alignment-unreadable"):
        taken(fastqs[0], genome, tmp_path / "out")
    with pytest.raises(StageError, match=r"alignment-reference.*it is not aligned"):
        taken(unaligned(fastqs, tmp_path / "u.bam"), genome, tmp_path / "out")


@pytest.mark.parametrize("ending", ["bam", "cram"])
def test_a_file_that_only_says_it_is_sorted_is_sorted(ending, aligned, genome, tmp_path):
    """It would lose reads wherever a region is asked for."""
    lines = run(["samtools", "view", "-h", aligned.bam]).splitlines()
    body = [line for line in lines if not line.startswith("@")]
    head = [line for line in lines if line.startswith("@")]
    (tmp_path / "x.sam").write_text("\n".join([*head, *body[::2], *body[1::2]]) + "\n")
    run(["samtools", "view", "-T", genome, "-o", tmp_path / f"x.{ending}", tmp_path / "x.sam"])
    path, said = taken(tmp_path / f"x.{ending}", genome, tmp_path)
    assert said["sorted_here"]
    region = ["samtools", "view", "-c", "-T", genome]
    run(["samtools", "index", aligned.bam])
    expected = run([*region, aligned.bam, "chrA:5000-6000"])
    assert run([*region, path, "chrA:5000-6000"]) == expected
