"""The whole submission: receipt, memory of finished files, and nothing written on failure."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pysam
import pytest

from genopheno.files import md5
from genopheno.problems import StageError
from genopheno.submission import reading, receive
from tests.faults.planting import plant, sound

CACHE = Path(".genopheno/checked.json")


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(sound(tmp_path))
    return tmp_path


def check(**other) -> receive.Received:
    return receive.check(
        "config/samples.csv",
        "reference/genome.fa",
        "reference/genes.gff3",
        {"sites": Path("databases/sites.vcf.gz")},
        **{"cache": CACHE, **other},
    )


def files() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*"))


def test_a_sound_submission(project):
    before = files()
    received = check()
    assert (received.problems, len(received.units)) == ([], 12)
    assert len(received.files) == 24 + 3
    assert files() == before  # checking writes nothing


def test_the_receipt(project):
    received = check()
    receipt = receive.write_receipt(received, "results/receipt.json")
    assert json.loads(Path("results/receipt.json").read_text()) == receipt
    assert receipt["counts"] == {
        "participants": 6, "samples": 6, "units": 12, "reads": 960, "bases": 57_600,
    }  # fmt: skip
    assert receipt["sheet"]["md5"] == md5("config/samples.csv")
    assert receipt["reference"]["fasta"]["md5"] == md5("reference/genome.fa")
    assert receipt["reference"]["fasta"]["length"] == 3000
    assert receipt["reference"]["genes"]["md5"] == md5("reference/genes.gff3")
    assert receipt["databases"]["sites"]["md5"] == md5("databases/sites.vcf.gz")
    for unit, row in zip(receipt["units"], received.units, strict=True):
        for file, path in zip(unit["files"], (row.fastq_1, row.fastq_2), strict=True):
            with pysam.FastxFile(path) as peer:
                assert file["reads"] == sum(1 for _ in peer)
            assert (file["file"], file["md5"]) == (path, md5(path))
            assert file["size"] == Path(path).stat().st_size


def test_the_same_submission_gives_the_same_receipt(project):
    receive.write_receipt(check(), "a/receipt.json")
    for path in Path("reads").iterdir():
        os.utime(path)
    receive.write_receipt(check(), "b/receipt.json")
    assert Path("a/receipt.json").read_bytes() == Path("b/receipt.json").read_bytes()


def test_a_receipt_is_refused_while_there_are_problems(project):
    Path("reads/unit2_R1.fastq.gz").write_bytes(b"")
    with pytest.raises(StageError):
        receive.write_receipt(check(), "results/receipt.json")
    assert not Path("results").exists() and not CACHE.exists()


def test_finished_files_are_not_read_again(project):
    receive.remember(check())
    path = Path("reads/unit2_R1.fastq.gz")
    stat = path.stat()
    content = path.read_bytes()
    # Same size and time: told from the memory, although the content is no gzip any more.
    path.write_bytes(b"x" * len(content))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert check().problems == []
    assert check().files[str(path)]["reads"] == 40
    assert [p.code for p in check(cache=None).problems] == ["fastq-record"]
    os.utime(path)  # another time: it is read
    assert [(p.code, p.row, p.column) for p in check().problems] == [("fastq-record", 2, "fastq_1")]


def test_another_spelling_of_a_remembered_path(project):
    receive.remember(check())
    sheet = Path("config/samples.csv")
    sheet.write_text(sheet.read_text().replace("reads/unit2_R1", "./reads/../reads/unit2_R1"))
    received = check()
    assert received.problems == []
    assert received.files[received.units[0].fastq_1]["reads"] == 40


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 0}', '{"format": 1}'])
def test_a_broken_memory_costs_time_only(project, content):
    CACHE.parent.mkdir()
    CACHE.write_text(content)
    assert check().problems == []


def test_problems_are_never_remembered(tmp_path, monkeypatch):
    folder, _ = plant(tmp_path)
    monkeypatch.chdir(folder)
    receive.remember(check())
    assert not CACHE.exists()


def test_side_by_side_gives_the_same_as_one_by_one(tmp_path, monkeypatch):
    folder, _ = plant(tmp_path)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(reading, "WORTH_A_PROCESS", 0)  # so that processes are started
    one, two = check(jobs=1), check(jobs=2)
    assert one.problems == two.problems and one.files == two.files


def test_progress_reaches_all_bytes(project):
    seen: list[tuple[int, int, str]] = []
    check(progress=lambda *at: seen.append(at))
    done = [at[0] for at in seen]
    assert done == sorted(done) and seen[-1][0] == seen[-1][1] > 0
    assert len(seen) == 12 + 3


@pytest.mark.parametrize("name", ["reference/genome.fa", "reference/genes.gff3"])
@pytest.mark.parametrize(("content", "code"), [(None, "missing-file"), (b"", "empty-file")])
def test_reference_files(project, name, content, code):
    Path(name).unlink()
    if content is not None:
        Path(name).write_bytes(content)
    assert [(p.code, p.file, p.row, p.column) for p in check().problems] == [
        (code, name, None, None)
    ]


def test_notes_tell_of_scaffolds(project):
    with open("reference/genes.gff3", "a") as handle:
        handle.write("KI270.1\tx\tgene\t1\t9\t.\t+\t.\tID=gene:X\n")
    received = check()
    assert received.problems == []
    assert any("KI270.1" in note for note in received.notes)


def test_real_reads_with_their_reference(data, tmp_path, monkeypatch):
    folder = data("giab_tiny")
    monkeypatch.chdir(sound(tmp_path))
    Path("s.csv").write_text(
        "patient,sample,lane,fastq_1,fastq_2\n"
        f"NA12878,NA12878,1,{folder}/fastq/NA12878_R1.fastq.gz,{folder}/fastq/NA12878_R2.fastq.gz\n"
    )
    Path("q.gff3").write_text(Path("reference/genes.gff3").read_text().replace("20\t", "q\t"))
    vcf = folder / "truth/NA12878_giab_v2.vcf.gz"
    received = receive.check("s.csv", folder / "ref/q.fa.gz", "q.gff3", {"giab": vcf})
    assert received.problems == []
    receipt = receive.write_receipt(received, "receipt.json")
    assert receipt["counts"]["reads"] == 2 * 1633
    assert receipt["databases"]["giab"]["records"] == 14
    assert receipt["reference"]["fasta"]["length"] == 12_356
