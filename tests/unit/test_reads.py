"""Reads to CRAM and their measures, with the real tools on simulated reads."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pysam
import pytest

from genopheno import fields
from genopheno.files import md5, read_json
from genopheno.problems import StageError
from genopheno.reads.align import read_group
from genopheno.reads.qc import depth_measures, read_qc
from genopheno.tools import run

from .simulated import Unit, cram, reads, reference, sequence, unit

BASES = {"chrA": sequence(20_000, 1), "chrB": sequence(5_000, 2)}


@pytest.fixture(scope="module")
def genome(tmp_path_factory) -> Path:
    return reference(tmp_path_factory.mktemp("genome"), BASES)


@pytest.fixture(scope="module")
def fastqs(tmp_path_factory) -> tuple[Path, Path]:
    """1,000 pairs from chrA alone; chrB has none."""
    folder = tmp_path_factory.mktemp("reads")
    return reads(folder, {"chrA": BASES["chrA"]}, pairs=1000, seed=3, prefix="a")


@pytest.fixture(scope="module")
def aligned(tmp_path_factory, genome, fastqs) -> Unit:
    return unit(fastqs, genome, tmp_path_factory.mktemp("unit"))


def rewrite(source: Path, target: Path, change) -> Path:
    """FASTQ with `change` (name, bases, qualities → the same) made to each read."""
    with gzip.open(source, "rt") as handle:
        lines = handle.read().splitlines()
    with gzip.open(target, "wt", compresslevel=1) as out:
        for i in range(0, len(lines), 4):
            name, bases, qualities = change(lines[i], lines[i + 1], lines[i + 3])
            out.write(f"{name}\n{bases}\n+\n{qualities}\n")
    return target


def renamed(fastqs: tuple[Path, Path], folder: Path, prefix: str) -> tuple[Path, Path]:
    """The same molecules once more, under other names."""
    a, b = (
        rewrite(path, folder / f"{prefix}{path.name}", lambda n, s, q: (f"@{prefix}{n[1:]}", s, q))
        for path in fastqs
    )
    return a, b


def records(path: Path, genome: Path, *options) -> list[str]:
    return run(["samtools", "view", "-T", genome, *options, path]).splitlines()


def test_alignment_has_all_reads_in_order_and_the_whole_read_group(aligned):
    header = run(["samtools", "view", "-H", aligned.bam])
    assert "SO:coordinate" in header
    assert "@RG\tID:s1.lib1.1\tSM:s1\tLB:lib1\tPL:ILLUMINA\tPU:1.lib1" in header
    rows = [line.split("\t") for line in run(["samtools", "view", aligned.bam]).splitlines()]
    assert sum(int(row[1]) & 0x900 == 0 for row in rows) == 2000
    assert all("RG:Z:s1.lib1.1" in row for row in rows)
    assert all(any(tag.startswith("ms:i:") for tag in row[11:]) for row in rows)
    # Where wgsim took a read from is in its name.
    near = [row for row in rows if abs(int(row[3]) - int(row[0].split("_")[1])) < 600]
    assert len(near) > 0.99 * len(rows)


def test_alignments_depend_neither_on_threads_nor_on_the_run(genome, tmp_path):
    many = reads(tmp_path, {"chrA": BASES["chrA"]}, pairs=8000, seed=4, length=50)
    bodies = [
        run(["samtools", "view", unit(many, genome, tmp_path / str(i), threads=threads).bam])
        for i, threads in enumerate((1, 3, 3))
    ]
    assert bodies[0] == bodies[1] == bodies[2]


def test_trimming_drops_short_reads_and_measuring_does_not(fastqs, genome, tmp_path):
    def halve(name, bases, qualities):
        return (
            (name, bases[:25], qualities[:25]) if name.endswith("0") else (name, bases, qualities)
        )

    short = tuple(rewrite(path, tmp_path / f"short_{path.name}", halve) for path in fastqs)
    trimmed = unit(short, genome, tmp_path / "trim")
    measured = unit(short, genome, tmp_path / "measure", trim=False)
    report = read_json(trimmed.json)
    assert report["filtering_result"]["too_short_reads"] > 0
    count = ["samtools", "view", "-c", "-F", "0x900"]
    assert int(run([*count, trimmed.bam])) == report["summary"]["after_filtering"]["total_reads"]
    assert int(run([*count, trimmed.bam])) < 2000
    assert int(run([*count, measured.bam])) == 2000


def test_a_unit_without_reads_left_fails_and_leaves_nothing(fastqs, genome, tmp_path):
    poor = tuple(
        rewrite(path, tmp_path / f"poor_{path.name}", lambda n, s, q: (n, s, "#" * len(s)))
        for path in fastqs
    )
    with pytest.raises(StageError, match=r"reads-none-left.*none of the 2000 reads"):
        unit(poor, genome, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_failing_tool_is_named_and_leaves_nothing(genome, fastqs, tmp_path):
    with pytest.raises(StageError, match=r"tool-failed: fastp"):
        unit((tmp_path / "absent_R1.fastq.gz", fastqs[1]), genome, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["a\tSM:b", "a\\tSM:b", "a\nb", ""])
def test_a_read_group_cannot_be_forged(name):
    with pytest.raises(StageError, match="read-group-illegal"):
        read_group("id", name, "lib", "ILLUMINA", "pu")


def test_duplicates_are_found_across_lanes_but_not_across_libraries(
    aligned, fastqs, genome, tmp_path
):
    copies = renamed(fastqs, tmp_path, "copy")
    lane2 = unit(copies, genome, tmp_path / "lane2", lane="2")
    other = unit(copies, genome, tmp_path / "other", library="lib2")

    one = cram([("lib1", aligned), ("lib1", lane2)], genome, tmp_path / "one.cram")
    two = cram([("lib1", aligned), ("lib2", other)], genome, tmp_path / "two.cram")
    single = cram([("lib1", aligned)], genome, tmp_path / "single.cram")

    own = len(records(single, genome, "-f", "0x400"))
    assert own < 40  # 1,000 molecules on 20 kb: a few ends coincide by chance
    assert 2000 <= len(records(one, genome, "-f", "0x400")) <= 2000 + own
    assert len(records(two, genome, "-f", "0x400")) == 2 * own

    for path, groups in ((one, 2), (two, 2), (single, 1)):
        assert len(records(path, genome, "-F", "0x900")) == 2000 * groups
        header = run(["samtools", "view", "-H", path])
        assert header.count("@RG\t") == groups
        assert f"LB:{'lib2' if path == two else 'lib1'}" in header
        run(["samtools", "quickcheck", path])
        assert path.read_bytes()[:6] == b"CRAM\x03\x00"
        inside = run(["samtools", "view", "-c", "-T", genome, path, "chrA:5000-6000"])
        assert 0 < int(inside) < 1000  # the index serves
        subprocess.run(["md5sum", "-c", f"{path.name}.md5"], cwd=tmp_path, check=True)
    report = read_json(tmp_path / "two.markdup.json")
    assert set(report["LIBRARIES"]) == {"lib1", "lib2"}
    assert report["READ"] == report["WRITTEN"] == len(records(two, genome))
    assert report["DUPLICATE TOTAL"] == 2 * own
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_no_units_fail(genome, tmp_path):
    with pytest.raises(StageError, match="units-none"):
        cram([], genome, tmp_path / "x.cram")


@pytest.fixture(scope="module")
def measured(tmp_path_factory, aligned, fastqs, genome):
    """A CRAM in which every molecule is there twice, and its measures."""
    folder = tmp_path_factory.mktemp("qc")
    lane2 = unit(renamed(fastqs, folder, "copy"), genome, folder / "lane2", lane="2")
    path = cram([("lib1", aligned), ("lib1", lane2)], genome, folder / "s1.cram")
    metrics = read_qc(
        path,
        reference=genome,
        fastp_jsons=[aligned.json, lane2.json],
        sample="s1",
        participant="p1",
        out_dir=folder / "out",
        threads=2,
    )
    return path, metrics, folder / "out"


def test_measures_are_the_read_columns_of_the_table(measured):
    _, metrics, out = measured
    names = fields.names("sample_qc")
    reads_only = set(names[: names.index("call_rate")]) - {"verdict", "reasons"}
    assert set(metrics) == reads_only
    assert read_json(out / "metrics.json") == metrics
    assert {p.name for p in out.iterdir()} == {
        "metrics.json",
        "s1.stats",
        "s1.mosdepth.summary.txt",
        "s1.mosdepth.global.dist.txt",
        "contigs.json",
    }


def test_measures_of_reads(measured):
    _, metrics, _ = measured
    assert metrics["reads"] == metrics["reads_after_trimming"] == 4000
    assert metrics["bases"] == 400_000
    assert metrics["q30_fraction"] == 1
    assert metrics["mapped_fraction"] > 0.999
    assert metrics["properly_paired_fraction"] > 0.99
    assert 0.5 <= metrics["duplicate_fraction"] < 0.52
    assert metrics["mismatch_rate"] == pytest.approx(0.002, rel=0.2)
    assert metrics["insert_size_mean"] == pytest.approx(300, abs=6)
    assert metrics["insert_size_sd"] == pytest.approx(40, abs=6)


def test_depth_agrees_with_samtools_depth_without_duplicates_and_over_all_contigs(measured, genome):
    path, metrics, _ = measured
    # -s: overlapping mates count once, as in mosdepth; -a: every base of every contig.
    rows = run(["samtools", "depth", "-aa", "-s", "--reference", genome, path]).splitlines()
    depths = sorted(int(row.split("\t")[2]) for row in rows)
    assert len(depths) == 25_000
    assert metrics["mean_coverage"] == pytest.approx(sum(depths) / 25_000, rel=1e-3)
    assert metrics["median_coverage"] == depths[len(depths) // 2]
    assert metrics["breadth_1x"] == pytest.approx(sum(d >= 1 for d in depths) / 25_000, abs=1e-3)
    assert metrics["breadth_10x"] == pytest.approx(sum(d >= 10 for d in depths) / 25_000, abs=2e-3)


def test_depth_by_contig_is_in_the_order_of_the_reference(measured):
    _, metrics, out = measured
    found = read_json(out / "contigs.json")
    assert list(found) == ["chrA", "chrB"]
    assert found["chrB"] == {"length": 5000, "mean": 0}  # nothing was aligned to it
    assert found["chrA"]["mean"] == pytest.approx(metrics["mean_coverage"] * 25 / 20, rel=1e-3)


def test_depth_over_targets_agrees_with_samtools_depth(measured, genome, tmp_path):
    path, *_ = measured
    bed = tmp_path / "targets.bed"
    # Out of order, overlapping, and one on the contig without reads.
    bed.write_text("chrA\t5000\t6000\tx\nchrA\t1000\t2000\nchrA\t1500\t2500\nchrB\t0\t100\n")
    metrics = read_qc(
        path, reference=genome, fastp_jsons=[], sample="s1", participant="p1",
        out_dir=tmp_path / "out", threads=2, targets=bed,
    )  # fmt: skip
    rows = run(
        ["samtools", "depth", "-aa", "-s", "-b", bed, "--reference", genome, path]
    ).splitlines()
    depths = sorted(int(row.split("\t")[2]) for row in rows)
    assert len(depths) == 2600
    assert metrics["target_mean_coverage"] == pytest.approx(sum(depths) / 2600, rel=1e-3)
    assert metrics["target_median_coverage"] == depths[len(depths) // 2]
    share = sum(d >= 10 for d in depths) / 2600
    assert metrics["target_breadth_10x"] == pytest.approx(share, abs=1e-3)
    bed.write_text("# nothing\n")
    with pytest.raises(StageError, match="targets-empty"):
        read_qc(
            path, reference=genome, fastp_jsons=[], sample="s1", participant="p1",
            out_dir=tmp_path / "none", threads=2, targets=bed,
        )  # fmt: skip


def test_measures_of_an_alignment_agree_with_a_second_count(measured, genome, tmp_path):
    """Without fastp reports: the same reads, bases and qualities, counted by pysam."""
    path, *_ = measured
    metrics = read_qc(
        path, reference=genome, fastp_jsons=[], sample="s1", participant="p1",
        out_dir=tmp_path / "out", threads=2,
    )  # fmt: skip
    sizes, bases, good = [], 0, 0
    with pysam.AlignmentFile(str(path), reference_filename=str(genome)) as file:
        for record in file:
            if not record.is_secondary and not record.is_supplementary:
                bases += record.query_length
                good += sum(q >= 30 for q in record.query_qualities)
                if record.template_length > 0:
                    sizes.append(record.template_length)
    assert (metrics["reads"], metrics["bases"]) == (4000, bases)
    assert metrics["q30_fraction"] == good / bases
    assert metrics["insert_size_median"] == pytest.approx(sorted(sizes)[len(sizes) // 2], abs=1)


def test_reads_lost_between_trimming_and_cram_are_noticed(measured, aligned, genome, tmp_path):
    with pytest.raises(StageError, match=r"reads-lost.*fastp passed 2000.*the CRAM holds 4000"):
        read_qc(
            measured[0],
            reference=genome,
            fastp_jsons=[aligned.json],
            sample="s1",
            participant="p1",
            out_dir=tmp_path / "out",
            threads=1,
        )
    assert list((tmp_path / "out").iterdir()) == []


def test_reads_of_another_genome_are_measured_not_refused(genome, tmp_path):
    """The verdict judges such a sample; the stage must reach it with nulls, not fail."""
    strange = reads(tmp_path, {"x": sequence(20_000, 99)}, pairs=200, seed=5)
    made = unit(strange, genome, tmp_path / "unit")
    path = cram([("lib1", made)], genome, tmp_path / "s1.cram")
    metrics = read_qc(
        path,
        reference=genome,
        fastp_jsons=[made.json],
        sample="s1",
        participant="p1",
        out_dir=tmp_path / "qc",
        threads=1,
    )
    assert metrics["mapped_fraction"] == 0
    assert metrics["duplicate_fraction"] is None
    assert metrics["insert_size_mean"] is None
    assert metrics["mean_coverage"] == metrics["breadth_1x"] == 0
    json.dumps(metrics, allow_nan=False)


def test_median_and_breadth_of_a_known_distribution():
    summary = (
        "chrom\tlength\tbases\tmean\tmin\tmax\nchrA\t8\t30\t3.75\t0\t20\ntotal\t10\t40\t4.0\t0\t20"
    )
    distribution = "\n".join(
        ["chrA\t1\t0.9", "total\t20\t0.1", "total\t3\t0.5", "total\t2\t0.7", "total\t0\t1.0"]
    )
    assert depth_measures(summary, distribution, 10) == {
        "mean_coverage": 4.0,
        "median_coverage": 3.0,
        "breadth_1x": 0.7,
        "breadth_10x": 0.1,
    }
    # Ten more bases, on a contig that mosdepth does not list.
    assert depth_measures(summary, distribution, 20) == {
        "mean_coverage": 2.0,
        "median_coverage": 0.0,
        "breadth_1x": 0.35,
        "breadth_10x": 0.05,
    }


def test_md5_is_of_the_cram(measured):
    path = measured[0]
    assert Path(f"{path}.md5").read_text() == f"{md5(path)}  {path.name}\n"
