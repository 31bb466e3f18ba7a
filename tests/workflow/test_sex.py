"""Declared and inferred sex through the workflow: people with X and Y, one of them misdeclared."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from genopheno import fields
from genopheno.tools import run
from tests.workflow.commands import command

pytestmark = pytest.mark.slow

LENGTHS = {"1": 60_000, "X": 40_000, "Y": 12_000}
SNPS = {"1": 200, "X": 150}
DEPTH = 8  # of each chromosome copy
SEXES = {"f1": "female", "f2": "female", "f3": "female", "m1": "male", "m2": "male", "m3": "male"}
WRONG = "m2"
CONFIG = """
reference:
  fasta: genome.fa
  genes: genes.gff3
  build: made up
  sex_chromosomes: {x: X, y: Y}
assay: low-pass
identity: {min_sites: 50}
calling: {shards: 1}
"""
GENES = """##gff-version 3
1\t.\tgene\t101\t400\t.\t+\t.\tID=gene:G1;biotype=lincRNA
1\t.\tlincRNA\t101\t400\t.\t+\t.\tID=transcript:T1;Parent=gene:G1;biotype=lincRNA
1\t.\texon\t101\t400\t.\t+\t.\tParent=transcript:T1
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """Six people whose copies of 1, X and Y differ at random SNPs; reads by wgsim."""
    folder, rng = tmp_path_factory.mktemp("sex"), np.random.default_rng(4)
    (folder / "config").mkdir()
    bases = {name: rng.choice(list("ACGT"), length) for name, length in LENGTHS.items()}
    write_fasta(folder / "genome.fa", bases)
    sites = {name: rng.choice(LENGTHS[name], n, replace=False) for name, n in SNPS.items()}
    other = dict(zip("ACGT", "CATG", strict=True))

    def copy(name: str) -> np.ndarray:
        made = bases[name].copy()
        for site in sites.get(name, ()):
            if rng.random() < 0.4:
                made[site] = other[made[site]]
        return made

    rows = ["sample,participant,sex,fastq_1,fastq_2"]
    for number, (sample, sex) in enumerate(SEXES.items()):
        reads = [b"", b""]
        for half, third in enumerate(("X", "X" if sex == "female" else "Y")):
            write_fasta(folder / "copy.fa", {"1": copy("1"), third: copy(third)})
            pairs = DEPTH * (LENGTHS["1"] + LENGTHS[third]) // 200
            ends = [folder / f"{end}.fq" for end in (1, 2)]
            run(
                [
                    *("wgsim", "-S", 2 * number + half + 1, "-N", pairs, "-1", 100, "-2", 100),
                    *("-r", 0, "-e", 0.003, folder / "copy.fa", *ends),
                ]
            )
            for end, path in enumerate(ends):
                # Names must differ between the copies.
                reads[end] += path.read_bytes().replace(b"\n@", f"\n@{half}".encode())
        for end in (0, 1):
            (folder / f"{sample}_{end + 1}.fq.gz").write_bytes(gzip.compress(reads[end], 1))
        said = "female" if sample == WRONG else sex
        rows.append(f"{sample},{sample},{said},{sample}_1.fq.gz,{sample}_2.fq.gz")
    (folder / "config/samples.csv").write_text("\n".join(rows) + "\n")
    (folder / "config/participants.csv").write_text(
        "participant,height\n" + "".join(f"{s},{170 + i}\n" for i, s in enumerate(SEXES))
    )
    (folder / "config/phenotypes.yaml").write_text(
        "participant: participant\ntraits: {height: {column: height, type: quantitative}}\n"
    )
    (folder / "config/config.yaml").write_text(CONFIG)
    (folder / "genes.gff3").write_text(GENES)
    options = ["--set-threads", "align=1", "mark_duplicates=1", "read_qc=1"]
    command("genopheno", "run", "--", "results/qc/samples.parquet", *options, cwd=folder)
    return folder


def write_fasta(path: Path, contigs: dict[str, np.ndarray]) -> None:
    path.write_text("".join(f">{name}\n{''.join(bases)}\n" for name, bases in contigs.items()))


def test_the_misdeclared_one_fails_and_the_others_agree(project: Path) -> None:
    verdicts = fields.read(project / "results/qc/samples.parquet").set_index("sample")
    assert dict(verdicts["inferred_sex"]) == SEXES
    assert list(verdicts.index[verdicts["verdict"] == "fail"]) == [WRONG]
    assert "declared female, reads say male" in verdicts.loc[WRONG, "reasons"]
    assert set(verdicts["sex_check"].drop(WRONG)) == {"agrees"}


def test_copies_are_those_of_the_declared_sex(project: Path) -> None:
    calls = project / "results/calls/cohort.bcf"
    for contig, copies in (("1", dict.fromkeys(SEXES, 2)), ("X", None)):
        names = run(["bcftools", "query", "-l", calls]).split()
        rows = run(["bcftools", "query", "-r", contig, "-f", "[%GT\t]\n", calls]).splitlines()
        assert len(rows) > 80
        for row in rows:
            for sample, genotype in zip(names, row.split("\t"), strict=False):
                two = SEXES[sample] == "female" or sample == WRONG
                expected = copies[sample] if copies else 2 if two else 1
                assert genotype.count("/") + 1 == expected
