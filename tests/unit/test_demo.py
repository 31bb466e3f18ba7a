"""The simulated cohort against the tools of the field, on a small reference."""

from __future__ import annotations

import csv
import gzip
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
import yaml
from cyvcf2 import VCF

from genopheno import settings
from genopheno.demo.compare import all_found, compare, true_dosages
from genopheno.demo.project import Planted, simulate
from genopheno.demo.scores import agreement
from genopheno.files import read_json
from genopheno.problems import StageError
from genopheno.tools import run

DEEP = 40.0


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Planted]:
    """Twelve people, 40 kb, deep enough that every genotype can be read."""
    folder = tmp_path_factory.mktemp("demo") / "small"
    return folder, simulate(folder, seed=7, people=12, coverage=DEEP, length=40_000)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle))


def sheet(folder: Path) -> list[dict[str, str]]:
    return rows_of(folder / "config/samples.csv")


def fastq(path: Path) -> list[list[str]]:
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return [lines[i : i + 4] for i in range(0, len(lines), 4)]


def test_the_same_seed_gives_the_same_bytes_however_many_threads(tmp_path: Path) -> None:
    options = {"people": 12, "coverage": 1.0, "length": 20_000}
    simulate(tmp_path / "a", seed=3, threads=1, **options)
    simulate(tmp_path / "b", seed=3, threads=3, **options)
    simulate(tmp_path / "c", seed=4, threads=1, **options)
    a, b, c = (digests(tmp_path / name) for name in "abc")
    assert a == b
    assert a["truth/genotypes.vcf.gz"] != c["truth/genotypes.vcf.gz"]


def test_it_tells_its_progress_and_leaves_a_foreign_project_alone(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    simulate(
        tmp_path / "demo",
        people=12,
        coverage=0.5,
        length=20_000,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(i, 13) for i in range(1, 14)]
    config = tmp_path / "own/config/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("mine")
    with pytest.raises(StageError, match="project-exists"):
        simulate(tmp_path / "own", people=12)
    assert [p.name for p in config.parent.iterdir()] == ["config.yaml"]
    assert config.read_text() == "mine"


def test_settings_sheets_and_declaration_fit_together(small: tuple[Path, Planted]) -> None:
    folder, planted = small
    values = settings.load(folder / "config/config.yaml")
    for path in (values.samples, values.participants, values.phenotypes,
                 values.reference.fasta, values.reference.genes,
                 *(d.file for d in values.databases.values())):  # fmt: skip
        assert (folder / path).is_file(), path
    assert values.sample_qc.limits["mean_coverage"].fail_below == DEEP / 2
    rows = sheet(folder)
    for row in rows:
        assert (folder / row["fastq_1"]).is_file() and (folder / row["fastq_2"]).is_file()
    units = [(row["sample"], row["library"], row["lane"]) for row in rows]
    assert len(set(units)) == len(units) == 13 + 4 + 1  # four on two lanes, one with two libraries
    people = rows_of(folder / "config/participants.csv")
    assert {row["participant"] for row in rows} == {row["participant"] for row in people}
    assert len({row["sample"] for row in rows}) == 13
    declared = yaml.safe_load((folder / "config/phenotypes.yaml").read_text())
    columns = {trait["column"] for trait in declared["traits"].values()}
    assert columns | {"participant", "sex", "age", "bmi", "population"} == set(people[0])
    assert {row["population"] for row in people} == {"north", "south"}
    assert sum(row["ldl_mmol"] in ("", "NA", "-9") for row in people) == 3
    assert read_json(folder / "planted.json")["bad_sample"] == planted.bad_sample == "S013"


def test_every_allele_agrees_with_the_reference_and_is_left_aligned(
    small: tuple[Path, Planted], tmp_path: Path
) -> None:
    folder, _ = small
    genome = shutil.copy(folder / "reference/genome.fa", tmp_path / "genome.fa")
    for name in ("truth/genotypes", "databases/clinvar", "databases/dbsnp", "databases/gnomad"):
        vcf = folder / f"{name}.vcf.gz"
        normal = run(["bcftools", "norm", "-c", "e", "-f", genome, vcf], ["bcftools", "view", "-H"])
        before = run(["bcftools", "view", "-H", vcf])
        assert normal == before, name
        places = [(v.CHROM, v.POS) for v in VCF(str(vcf))]
        assert places == sorted(set(places)) and places
    kinds = [v.var_type for v in VCF(str(folder / "truth/genotypes.vcf.gz"))]
    assert 0.02 < kinds.count("indel") / len(kinds) < 0.15
    assert set(kinds) == {"snp", "indel"}
    known = {v.ID for v in VCF(str(folder / "databases/dbsnp.vcf.gz"))}
    assert all(name.startswith("rs") for name in known)
    meanings = {v.INFO["CLNSIG"] for v in VCF(str(folder / "databases/clinvar.vcf.gz"))}
    assert len(meanings) > 1


def test_bcftools_takes_the_scores_that_are_expected(
    small: tuple[Path, Planted], tmp_path: Path
) -> None:
    folder, _ = small
    vcf = folder / "truth/genotypes.vcf.gz"
    header = tmp_path / "header.txt"
    header.write_text(
        '##INFO=<ID=D,Number=1,Type=Float,Description="d">\n'
        '##INFO=<ID=C,Number=1,Type=Float,Description="c">\n'
    )
    table = shutil.copy(folder / "databases/damage.tsv.gz", tmp_path / "damage.tsv.gz")
    regions = shutil.copy(folder / "databases/conserved.bed.gz", tmp_path / "conserved.bed.gz")
    run(["tabix", "-s1", "-b2", "-e2", table])
    run(["tabix", "-p", "bed", regions])
    shown = run(
        [
            "bcftools",
            "annotate",
            "-h",
            header,
            "-a",
            table,
            "-c",
            "CHROM,POS,REF,ALT,D",
            "-Ou",
            vcf,
        ],
        ["bcftools", "annotate", "-h", header, "-a", regions, "-c", "CHROM,FROM,TO,-,C"],
        ["bcftools", "query", "-f", "%CHROM\t%POS\t%REF\t%ALT\t%D\t%C\n"],
    )
    rows = [line.split("\t") for line in shown.splitlines()]
    sites = pd.DataFrame(rows, columns=["contig", "position", "reference", "alternate", "d", "c"])
    sites["variant_id"] = sites[["contig", "position", "reference", "alternate"]].agg(":".join, 1)
    sites["position"] = sites["position"].astype(int)
    sites["damage_score"], sites["conserved_score"] = (
        pd.to_numeric(sites[name], errors="coerce") for name in "dc"
    )
    told = agreement(folder / "databases", sites)
    assert told["n"] == told["found"] > 20 and told["invented"] == 0
    assert sites["damage_score"].notna().sum() > 5
    moved = sites.assign(damage_score=sites["damage_score"].shift(1))
    told = agreement(folder / "databases", moved)
    assert told["found"] < told["n"] and told["invented"] > 0


def test_read_pairs_are_well_formed(small: tuple[Path, Planted]) -> None:
    folder, _ = small
    tails = 0
    for row in sheet(folder)[:6]:
        firsts, seconds = (fastq(folder / row[f"fastq_{mate}"]) for mate in (1, 2))
        assert len(firsts) == len(seconds) > 100
        names = [record[0].split()[0] for record in firsts]
        assert names == [record[0].split()[0] for record in seconds]
        assert len(set(names)) == len(names)
        for mate, records in ((1, firsts), (2, seconds)):
            assert all(record[0].split()[1].startswith(f"{mate}:N:0:") for record in records)
            assert {len(r[1]) for r in records} == {len(r[3]) for r in records} == {150}
            assert {base for r in records for base in r[1]} <= set("ACGTN")
            assert all((r[1][i] == "N") <= (r[3][i] == "#") for r in records for i in (0, 75, 149))
            quality = np.array([list(r[3].encode()) for r in records]) - 33
            assert quality[:, :20].mean() > quality[:, -20:].mean() + 1
        tails += sum("AGATCGGAAGAGC" in r[1][30:] for r in firsts)
    assert tails > 50  # short inserts are read into the adapter


def test_a_deep_sample_shows_its_true_genotypes(
    small: tuple[Path, Planted], tmp_path: Path
) -> None:
    folder, planted = small
    genome = shutil.copy(folder / "reference/genome.fa", tmp_path / "genome.fa")
    run(["bwa", "index", genome])
    row = sheet(folder)[-3]
    assert row["sample"] != planted.bad_sample
    bam = tmp_path / "one.bam"
    align(folder, row, genome, bam)
    called = tmp_path / "called.vcf.gz"
    run(
        ["bcftools", "mpileup", "-Ou", "-f", genome, bam],
        ["bcftools", "call", "-mv", "-Ou"],
        ["bcftools", "norm", "-f", genome, "-m", "-any", "-Ou"],
        ["bcftools", "view", "-i", "QUAL>=20", "-Oz"],
        stdout=called,
    )
    found = {name: int(dosage[0]) for name, dosage in true_dosages(called).items()}
    truth_path = folder / "truth/genotypes.vcf.gz"
    column = VCF(str(truth_path)).samples.index(row["sample"])
    truth = {name: int(d[column]) for name, d in true_dosages(truth_path).items()}
    carried = {name: dosage for name, dosage in truth.items() if dosage}
    right = [name for name, dosage in carried.items() if found.get(name) == dosage]
    assert len(carried) > 50
    assert len(right) >= 0.98 * len(carried)
    assert len(set(found) - set(carried)) <= 1
    stats = run(["samtools", "stats", bam]).splitlines()
    values = {line.split("\t")[1]: line.split("\t")[2] for line in stats if line[:2] == "SN"}
    assert 330 < float(values["insert size average:"]) < 360
    inward, outward = (float(values[f"{way} oriented pairs:"]) for way in ("inward", "outward"))
    assert inward > 20 * outward  # outward: inserts shorter than a read, here not trimmed
    assert 0.02 < float(values["reads duplicated:"]) / float(values["reads mapped:"]) < 0.06
    # Errors as the qualities say, plus this person's variants and the adapters' first bases.
    assert 0.001 < float(values["error rate:"]) < 0.008


def align(folder: Path, row: dict[str, str], genome: Path, bam: Path) -> None:
    run(
        ["bwa", "mem", genome, folder / row["fastq_1"], folder / row["fastq_2"]],
        ["samtools", "fixmate", "-m", "-u", "-", "-"],
        ["samtools", "sort", "-u", "-"],
        ["samtools", "markdup", "-", bam],
    )
    pysam.index(str(bam))


def test_the_bad_sample_is_shallow_and_foreign(small: tuple[Path, Planted], tmp_path: Path) -> None:
    folder, planted = small
    genome = shutil.copy(folder / "reference/genome.fa", tmp_path / "genome.fa")
    run(["bwa", "index", genome])
    row = next(row for row in sheet(folder) if row["sample"] == planted.bad_sample)
    align(folder, row, genome, tmp_path / "bad.bam")
    flags = [read.is_unmapped for read in pysam.AlignmentFile(str(tmp_path / "bad.bam"))]
    assert 0.5 < np.mean(flags) < 0.7
    assert 0.6 < (len(flags) - sum(flags)) * 150 / 40_000 < 1.4


def test_before_a_run_nothing_is_found(small: tuple[Path, Planted], tmp_path: Path) -> None:
    rows = compare(small[0])
    kinds = ["trait", "trait", "bad-sample", "relatives", "scores"]
    assert [row["kind"] for row in rows] == kinds
    assert all(row["planted"] and row["found"] and not row["ok"] for row in rows)
    assert not all_found(rows) and not all_found([])
    with pytest.raises(StageError, match="not-simulated"):
        compare(tmp_path)
