"""Copies by sex: the text for the callers, and calls on a small genome with an X and a Y."""

from __future__ import annotations

import subprocess

import pytest

from genopheno.files import read_json
from genopheno.problems import StageError
from genopheno.tools import run
from genopheno.variants.calling import call
from genopheno.variants.ploidy import (
    SEXES,
    bcftools_ploidy,
    copies,
    freebayes_cnv_map,
    read_ploidy,
    recognise,
    write_ploidy,
)

from .simulated import cram, edited, reads, reference, sequence, unit

GRCH37 = {"20": 63_025_520, "X": 155_270_560, "Y": 59_373_566, "MT": 16_569}
GRCH38 = {"chr20": 64_444_167, "chrX": 156_040_895, "chrY": 57_227_415, "chrM": 16_569}


def predefined(build: str) -> set[tuple[str, int, int, str, int]]:
    """What `bcftools call --ploidy BUILD?` prints: an answer that nobody here wrote."""
    said = subprocess.run(
        ["bcftools", "call", "--ploidy", f"{build}?"], capture_output=True, text=True
    )
    rows = [line.split() for line in (said.stdout + said.stderr).splitlines()]
    return {
        (row[0], int(row[1]), int(row[2]), row[3], int(row[4]))
        for row in rows
        if len(row) == 5 and row[1].isdigit()
    }


@pytest.mark.parametrize(("build", "lengths"), [("GRCh37", GRCH37), ("GRCh38", GRCH38)])
def test_regions_are_those_of_bcftools(build, lengths):
    """X of men between the PAR, and the mitochondrion, are as in bcftools' own table. Y differs
    by intent: everybody has two copies of its PAR here, a man one and a woman none there."""
    chromosomes = recognise(lengths)
    assert chromosomes.source == build
    mine = {
        (contig, start + 1, end, short, number)
        for sex, short in (("male", "M"), ("female", "F"))
        for contig, start, end, number in copies(chromosomes, lengths, sex)
    }
    x, y, m = list(lengths)[1:]
    theirs = {row for row in predefined(build) if row[0] in lengths}
    [(_, start, end, _, _)] = [row for row in theirs if row[0] == x and row[1] > 1_000_000]
    # For GRCh38 its table ends one base short of the PAR, which begins at 155,701,383 (GRC).
    end += build == "GRCh38"
    assert (x, start, end, "M", 1) in mine
    assert not [row for row in mine if row[0] == x and row[3] == "F"]
    assert {row for row in mine if row[0] == m} == {row for row in theirs if row[0] == m}
    assert {row[4] for row in mine if row[0] == y and row[3] == "F"} == {0}
    assert {row[4] for row in mine if row[0] == y and row[3] == "M"} == {1}


def test_text_for_each_build():
    by_sex = {sex: copies(recognise(GRCH37), GRCH37, sex) for sex in SEXES}
    assert bcftools_ploidy(by_sex) == (
        "Y 1 10000 female 0\nY 2649521 59034049 female 0\nY 59363567 59373566 female 0\n"
        "MT 1 16569 female 1\n"
        "X 1 60000 male 1\nX 2699521 154931043 male 1\nX 155260561 155270560 male 1\n"
        "Y 1 10000 male 1\nY 2649521 59034049 male 1\nY 59363567 59373566 male 1\n"
        "MT 1 16569 male 1\n"
        "Y 1 10000 unknown 1\nY 2649521 59034049 unknown 1\nY 59363567 59373566 unknown 1\n"
        "MT 1 16569 unknown 1\n"
        "* * * female 2\n* * * male 2\n* * * unknown 2\n"
    )
    by_sex = {sex: copies(recognise(GRCH38), GRCH38, sex) for sex in SEXES}
    assert freebayes_cnv_map(by_sex, {"a": "male", "b": "female"}) == (
        "chrX\t0\t10000\ta\t1\nchrX\t2781479\t155701382\ta\t1\nchrX\t156030895\t156040895\ta\t1\n"
        "chrY\t0\t10000\ta\t1\nchrY\t2781479\t56887902\ta\t1\nchrY\t57217415\t57227415\ta\t1\n"
        "chrM\t0\t16569\ta\t1\n"
        "chrY\t0\t10000\tb\t0\nchrY\t2781479\t56887902\tb\t0\nchrY\t57217415\t57227415\tb\t0\n"
        "chrM\t0\t16569\tb\t1\n"
    )


def test_a_build_is_known_by_lengths_or_name():
    # A Y masked at its end, named by the configuration.
    masked = {"chrX": 156_040_000, "chrY": 57_227_000}
    assert recognise(masked).x is None
    assert recognise(masked, "GRCh38.p14").x == "chrX"
    assert recognise(masked, "hg38").pseudoautosomal[0] == ("chrX", 10_000, 2_781_479)
    # The lengths win: this is GRCh37, whatever it is called.
    assert recognise(GRCH37, "GRCh38").source == "GRCh37"
    # Too short to hold the PAR; a yeast's chromosome ten; a slice of an autosome.
    for lengths in ({"X": 6000}, {"I": 230_218, "X": 745_751}, {"chr20s": 300_000}):
        found = recognise(lengths, "GRCh37 slice")
        assert (found.x, found.y, found.mitochondrion) == (None, None, None)
        assert [copies(found, lengths, sex) for sex in SEXES] == [[], [], []]
    # hg19 has another mitochondrion; one that is no human's stays diploid.
    assert recognise({"chrM": 16_571}).mitochondrion == "chrM"
    assert recognise({"MT": 85_779}).mitochondrion is None


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"x": "chrX"}, "chrX is not in the reference"),
        ({"x": "X", "pseudoautosomal": ["20:1-100"]}, "20:1-100"),
        ({"x": "X", "pseudoautosomal": ["X:1-999999999"]}, "X:1-999999999"),
        ({"x": "X", "pseudoautosomal": ["X:1..100"]}, "not contig:start-end"),
    ],
)
def test_what_is_given_has_to_fit_the_reference(given, found):
    with pytest.raises(StageError, match=f"sex-chromosomes.*{found}"):
        recognise(GRCH37, given=given)


# --- calls ---------------------------------------------------------------------------------

BASES = {"1": sequence(3000, 1), "X": sequence(5000, 2), "Y": sequence(4000, 3)}
BASES["MT"] = sequence(2000, 4)
GIVEN = {"x": "X", "y": "Y", "mitochondrion": "MT", "pseudoautosomal": ["X:1-1000", "Y:1-1000"]}
OTHER = {"A": "G", "G": "A", "C": "A", "T": "G"}


def haplotype(contig: str, *positions: int) -> str:
    bases = BASES[contig]
    return edited(bases, [(p, bases[p], OTHER[bases[p]]) for p in positions])


PEOPLE = {
    "man": {
        **{"1a": haplotype("1", 1000), "1b": haplotype("1", 2000)},
        # His PAR is on both: on Y it was masked, as it is in the usual references.
        **{"X": haplotype("X", 500, 3000), "par": haplotype("X", 700)[:1000]},
        **{"Y": haplotype("Y", 2500, 3500)[1000:], "MT": haplotype("MT", 1000)},
    },
    "woman": {
        **{"1a": haplotype("1", 1000), "1b": haplotype("1")},
        **{"Xa": haplotype("X", 500, 3000), "Xb": haplotype("X", 4000)},
        # Reads that look like Y: they must give no genotype.
        **{"stray": haplotype("Y", 2500)[2200:2900], "MT": haplotype("MT", 1500)},
    },
    "unknown": {
        **{"1a": haplotype("1", 1000), "1b": haplotype("1")},
        **{"X": haplotype("X", 500, 3000), "Y": haplotype("Y", 2500)[1000:]},
        "MT": haplotype("MT"),
    },
}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sexes")
    genome = reference(folder, BASES)
    paths = []
    for seed, (sample, haplotypes) in enumerate(PEOPLE.items(), start=40):
        made = unit(reads(folder, haplotypes, pairs=1800, seed=seed), genome, folder, sample=sample)
        paths.append(cram([("lib1", made)], genome, folder / f"{sample}.cram"))
    write_ploidy(folder / "genome.fa.fai", folder / "ploidy", given=GIVEN)
    regions = folder / "all.bed"
    regions.write_text("".join(f"{c}\t0\t{len(bases)}\n" for c, bases in BASES.items()))
    return folder, genome, paths, regions


EXPECTED = {  # man (X and Y haploid outside the PAR), woman (no Y), unknown (X 2, Y 1)
    ("1", 1001): ["0/1", "0/1", "0/1"],
    ("1", 2001): ["0/1", "0/0", "0/0"],
    ("X", 501): ["0/1", "0/1", "1/1"],
    ("X", 701): ["0/1", "0/0", "0/0"],
    ("X", 3001): ["1", "0/1", "1/1"],
    ("X", 4001): ["0", "0/1", "0/0"],
    ("Y", 2501): ["1", ".", "1"],
    ("Y", 3501): ["1", ".", "0"],
    ("MT", 1001): ["1", "0", "0"],
    ("MT", 1501): ["0", "1", "0"],
}


@pytest.mark.parametrize("caller", ["bcftools", "freebayes"])
def test_genotypes_have_the_copies_of_the_sex(people, tmp_path, caller):
    folder, genome, crams, regions = people
    out = tmp_path / "calls.bcf"
    call(
        crams,
        reference=genome,
        regions=regions,
        out_bcf=out,
        caller=caller,
        copies=read_ploidy(folder / "ploidy"),
        sexes={"man": "male", "woman": "female"},
    )
    lines = run(["bcftools", "query", "-f", "%CHROM %POS[ %GT]\n", "-i", "QUAL>=20", out])
    rows = [line.split() for line in lines.splitlines()]
    assert {(row[0], int(row[1])): row[2:] for row in rows} == EXPECTED


def test_without_copies_all_is_diploid(people, tmp_path):
    _, genome, crams, _ = people
    (tmp_path / "x.bed").write_text("X\t2900\t3100\nY\t2400\t2600\n")
    out = tmp_path / "x.bcf"
    call(crams, reference=genome, regions=tmp_path / "x.bed", out_bcf=out)
    lines = run(["bcftools", "query", "-f", "[ %GT]\n", "-i", "QUAL>=20", out]).splitlines()
    assert [line.split() for line in lines] == [["1/1", "0/1", "1/1"], ["1/1", "1/1", "1/1"]]


def test_files_say_what_was_recognised(tmp_path):
    (tmp_path / "g.fai").write_text("".join(f"{c}\t{n}\t0\t60\t61\n" for c, n in GRCH37.items()))
    write_ploidy(tmp_path / "g.fai", tmp_path / "p")
    told = read_json(tmp_path / "p" / "chromosomes.json")
    assert told["source"] == "GRCh37"
    assert told["x"] == "X"
    assert (tmp_path / "p" / "unknown.bed").read_text().splitlines()[-1] == "MT\t0\t16569\t1"
    (tmp_path / "a.fai").write_text("chr20s\t300000\t0\t60\t61\n")
    write_ploidy(tmp_path / "a.fai", tmp_path / "none")
    assert read_ploidy(tmp_path / "none") == {}
    assert [(tmp_path / "none" / f"{sex}.bed").read_text() for sex in SEXES] == ["", "", ""]
