"""The comparison from files to files, with bcftools as the one who knows."""

from __future__ import annotations

import csv
import json
import random
import subprocess
from pathlib import Path

import pytest

from genopheno.problems import StageError
from genopheno.truth.benchmark import benchmark
from genopheno.truth.regions import read_regions
from genopheno.truth.score import Tally, curve, summary
from genopheno.truth.variants import Edit
from tests.unit.test_truth_match import random_truth, rewritten

CONTIGS = 16


def bcftools(*words: str | Path) -> str:
    command = ["bcftools", *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def write_vcf(
    path: Path, lengths: dict[str, int], records: list[tuple], sample: str = "S", extra: str = ""
) -> Path:
    """records: (contig, 1-based position, ref, alt, quality, filter, genotype)."""
    lines = ["##fileformat=VCFv4.2", '##FILTER=<ID=PASS,Description="p">']
    lines += ['##FILTER=<ID=LowQual,Description="l">']
    lines += [f"##contig=<ID={name},length={n}>" for name, n in lengths.items()]
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="g">', *extra.splitlines()]
    lines += ["\t".join(f"#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT {sample}".split())]
    order = list(lengths)
    for c, p, ref, alt, quality, f, gt in sorted(records, key=lambda r: (order.index(r[0]), r[1])):
        lines.append("\t".join(map(str, (c, p, ".", ref, alt, quality, f, ".", "GT", gt))))
    plain = path.with_suffix("").with_suffix(".vcf")
    plain.write_text("\n".join(lines) + "\n")
    bcftools("view", "-Oz", "-o", path, plain)
    bcftools("index", "-f", "-t", path)
    return path


def records_of(contig: str, reference: str, changes: list, quality: float = 30) -> list[tuple]:
    """Changes with their chromosomes as VCF records, phased."""
    found = []
    for edit, carriers in changes:
        anchor = reference[edit.start - 1]
        gt = "|".join("1" if c in carriers else "0" for c in (0, 1))
        ref, alt = reference[edit.start - 1 : edit.end], anchor + edit.bases
        found.append((contig, edit.start, ref, alt, quality, "PASS", gt))
    return found


@pytest.fixture(scope="module")
def written_anew(tmp_path_factory) -> dict:
    """Random chromosomes: truth, the same written anew, and that with some changes spoiled."""
    folder, rng = tmp_path_factory.mktemp("anew"), random.Random(5)
    contigs, truth, anew, spoiled = {}, [], [], []
    for number in range(CONTIGS):
        name = f"c{number}"
        reference, changes = random_truth(rng)
        contigs[name] = reference
        truth += records_of(name, reference, changes)
        again = rewritten(rng, reference, changes)
        anew += records_of(name, reference, again)
        if number % 2:
            again.pop(rng.randrange(len(again)))
        spoiled += records_of(name, reference, again)
    fasta = folder / "genome.fa"
    fasta.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
    subprocess.run(["samtools", "faidx", fasta], check=True)
    bed = folder / "all.bed"
    bed.write_text("".join(f"{name}\t0\t{len(bases)}\n" for name, bases in contigs.items()))
    lengths = {name: len(bases) for name, bases in contigs.items()}
    files = {"truth": truth, "anew": anew, "spoiled": spoiled}
    made = {
        name: write_vcf(folder / f"{name}.vcf.gz", lengths, rows) for name, rows in files.items()
    }
    return {"folder": folder, "fasta": fasta, "bed": bed, "contigs": list(contigs), **made}


def chromosomes(fasta: Path, vcf: Path) -> dict[str, list[str]]:
    """Both sequences of each contig, as bcftools consensus makes them."""
    found: dict[str, list[str]] = {}
    for haplotype in ("1", "2"):
        text = bcftools("consensus", "-f", fasta, "-H", haplotype, vcf)
        for block in text.split(">")[1:]:
            name, *rows = block.splitlines()
            found.setdefault(name, []).append("".join(rows))
    return {name: sorted(pair) for name, pair in found.items()}


def test_other_records_of_the_same_chromosomes_are_all_right(written_anew) -> None:
    made = written_anew
    assert chromosomes(made["fasta"], made["truth"]) == chromosomes(made["fasta"], made["anew"])
    report = benchmark(
        made["anew"],
        made["truth"],
        regions=made["bed"],
        reference=made["fasta"],
        engine="haplotypes",
    )
    assert [report["types"][kind]["f1"] for kind in ("snp", "indel")] == [1, 1]
    assert report["matched_by_haplotype"] > 15  # what matching by allele cannot see
    alleles = benchmark(
        made["anew"], made["truth"], regions=made["bed"], reference=made["fasta"], engine="alleles"
    )
    assert alleles["types"]["indel"]["f1"] < 0.9


def test_a_contig_is_all_right_where_bcftools_consensus_makes_the_same(written_anew) -> None:
    made, out = written_anew, written_anew["folder"] / "out"
    benchmark(
        made["spoiled"],
        made["truth"],
        regions=made["bed"],
        reference=made["fasta"],
        out_dir=out,
        engine="haplotypes",
    )
    wrong = set(bcftools("query", "-f", "%CHROM\n", out / "S.errors.vcf.gz").split())
    true = chromosomes(made["fasta"], made["truth"])
    spoiled = chromosomes(made["fasta"], made["spoiled"])
    assert wrong == {name for name in made["contigs"] if true[name] != spoiled[name]}
    assert len(wrong) == CONTIGS // 2


def test_swapping_the_sides_swaps_false_and_missed(written_anew) -> None:
    made = written_anew
    common = {"regions": made["bed"], "reference": made["fasta"], "engine": "haplotypes"}
    one = benchmark(made["spoiled"], made["truth"], **common)["types"]
    other = benchmark(made["truth"], made["spoiled"], **common)["types"]
    for kind in ("snp", "indel"):
        assert (one[kind]["fp"], one[kind]["fn"]) == (other[kind]["fn"], other[kind]["fp"])
        assert one[kind]["precision"] == other[kind]["recall"]
        assert one[kind]["genotype_errors"] == other[kind]["genotype_errors"] == 0


# --- known numbers ---------------------------------------------------------------------------

BASES = "ACGTTGCAAC" * 40  # no repeat of one base longer than two


@pytest.fixture
def small(tmp_path: Path):
    """Write truth and calls over one contig and compare them; truth lies in 101-300."""
    fasta, bed = tmp_path / "g.fa", tmp_path / "r.bed"
    fasta.write_text(f">1\n{BASES}\n")
    subprocess.run(["samtools", "faidx", fasta], check=True)
    bed.write_text("1\t100\t300\n")

    def compare(calls: list[tuple], truth: list[tuple], **options) -> dict:
        sides = [
            write_vcf(tmp_path / f"{name}.vcf.gz", {"1": len(BASES)}, rows, extra=EXTRA)
            for name, rows in (("calls", calls), ("truth", truth))
        ]
        options = {"engine": "haplotypes", "out_dir": tmp_path / "out", **options}
        return benchmark(*sides, regions=bed, reference=fasta, **options)

    return compare


EXTRA = '##ALT=<ID=DEL,Description="d">'


def snp(position: int, gt: str, quality: float | str = 50, alt: str = "", filters: str = "PASS"):
    ref = BASES[position - 1]
    alt = alt or {"A": "G", "C": "T", "G": "A", "T": "C"}[ref]
    return "1", position, ref, alt, quality, filters, gt


def test_counts_genotype_errors_and_borders(small, tmp_path: Path) -> None:
    truth = [snp(p, "0/1") for p in (50, 101, 150, 200, 250, 300, 301)]
    calls = [
        snp(50, "0/1"),  # outside: not counted
        snp(101, "0/1", 90),
        snp(150, "1/1", 80),  # genotype error
        snp(200, "0/1", 70, alt="A" if BASES[199] != "A" else "C"),  # another allele
        snp(250, "0/1", 10, filters="LowQual"),  # not taken: missed
        snp(260, "0|1", 20),  # false
        snp(270, "0/0", 20),  # not carried
        snp(300, "1|0", 60),
        ("1", 120, BASES[119], "<DEL>", 50, "PASS", "0/1"),
        ("1", 280, BASES[279], "*", 50, "PASS", "0/1"),
    ]
    report = small(calls, truth)
    found = report["types"]["snp"]
    assert {k: found[k] for k in ("truth", "calls", "tp", "fp", "fn", "genotype_errors")} == {
        "truth": 5, "calls": 5, "tp": 2, "fp": 3, "fn": 3, "genotype_errors": 1,
    }  # fmt: skip
    assert [found[k] for k in ("precision", "recall", "f1")] == pytest.approx([0.4] * 3)
    assert found["allele_f1"] == pytest.approx(0.6)
    assert found["genotype_error_rate"] == pytest.approx(1 / 3)
    assert report["types"]["indel"]["precision"] is None
    assert report["calls"]["left_out"] == {
        "not PASS": 1,
        "symbolic allele or spanning deletion": 2,
    }
    out = tmp_path / "out"
    assert json.loads((out / "S.json").read_text()) == report
    rows = {r["type"]: r for r in csv.DictReader(open(out / "S.tsv"), delimiter="\t")}
    assert (rows["snp"]["tp"], rows["snp"]["f1"], rows["indel"]["f1"]) == ("2", "0.4", "")
    wrong = bcftools("query", "-f", "%POS[ %GT:%BD:%BK]\n", out / "S.errors.vcf.gz").splitlines()
    assert wrong[0] == "150 0/1:FN:am ./.:.:."
    assert wrong[1] == "150 ./.:.:. 1/1:FP:am"
    assert [line.split()[0] for line in wrong[2:]] == ["200", "200", "250", "260"]
    points = list(csv.DictReader(open(out / "S.curve.tsv"), delimiter="\t"))
    assert [p["min_quality"] for p in points] == ["20", "60", "70", "80", "90"]
    assert [(p["tp"], p["fp"], p["fn"]) for p in points] == [
        ("2", "3", "3"), ("2", "2", "3"), ("1", "2", "4"), ("1", "1", "4"), ("1", "0", "4"),
    ]  # fmt: skip
    page = (out / "S.html").read_text()
    assert "Plotly.newPlot" in page and "src=" not in page.split("Plotly.newPlot")[0][:2000]


def test_split_joined_and_missing_halves_of_a_genotype(small) -> None:
    ref, other = BASES[149], [b for b in "ACGT" if b != BASES[149]]
    joined = [("1", 150, ref, f"{other[0]},{other[1]}", 50, ".", "1/2")]
    split = [("1", 150, ref, alt, 50, ".", "0/1") for alt in other[:2]]
    for calls, truth in ((joined, split), (split, joined)):
        assert small(calls, truth)["types"]["snp"]["tp"] == 2
    half = small([snp(150, "./1"), snp(160, "1")], [snp(150, "0/1"), snp(160, "1/1")])
    assert half["types"]["snp"]["f1"] == 1


def test_a_call_outside_may_be_the_other_half_of_a_match_inside(small) -> None:
    assert BASES[98:103] == "ACACG"
    block = ("1", 99, "ACACG", "GCAT", 50, "PASS", "1/1")
    parts = [
        ("1", 99, "A", "G", 50, "PASS", "1/1"),
        ("1", 102, "C", "T", 50, "PASS", "1/1"),
        ("1", 102, "CG", "C", 50, "PASS", "1/1"),
    ]
    both = snp(200, "0/1")
    found = small([block, both], [*parts, both])["types"]
    assert [found["snp"][k] for k in ("truth", "tp", "fp", "fn")] == [2, 2, 0, 0]
    assert [found["indel"][k] for k in ("truth", "tp", "calls", "fn")] == [1, 1, 0, 0]
    # The other way round the block is not counted, and its parts inside are right.
    found = small([*parts, both], [block, both])["types"]
    assert [found["snp"][k] for k in ("truth", "tp", "tp_calls", "fp")] == [1, 1, 2, 0]


@pytest.mark.parametrize(
    ("code", "calls", "truth"),
    [
        ("benchmark-no-calls", [snp(50, "0/1")], [snp(150, "0/1")]),
        ("benchmark-no-truth", [snp(150, "0/1")], [snp(150, "0/0")]),
        ("tool-failed", [("1", 150, "N", "A", 50, "PASS", "0/1")], [snp(150, "0/1")]),
    ],
)
def test_what_cannot_be_compared_is_refused(small, code: str, calls, truth) -> None:
    if code == "tool-failed":  # REF of another build
        ref = "A" if BASES[149] != "A" else "C"
        calls = [("1", 150, ref, "G" if ref != "G" else "T", 50, "PASS", "0/1")]
    with pytest.raises(StageError) as error:
        small(calls, truth)
    assert error.value.problems[0].code == code


def test_samples_are_named_or_alone(small) -> None:
    with pytest.raises(StageError, match="no sample nobody"):
        small([snp(150, "0/1")], [snp(150, "0/1")], sample="nobody")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("bed-empty", "# nothing\n"),
        ("bed-record", "1\t5\n"),
        ("bed-record", "1\t7\t7\n"),
        ("bed-outside", "1\t5\t401\n"),
        ("contig-names", "chr1\t5\t9\n"),
    ],
)
def test_regions_that_cannot_be_used(tmp_path: Path, code: str, text: str) -> None:
    (tmp_path / "r.bed").write_text(text)
    _, problems = read_regions(tmp_path / "r.bed", {"1": 400})
    assert [p.code for p in problems] == [code]


def test_regions_are_merged_and_half_open(tmp_path: Path) -> None:
    (tmp_path / "r.bed").write_text("track x\n1\t10\t20\n1\t15\t30\n1\t30\t31\n2\t1\t2\n")
    regions, problems = read_regions(tmp_path / "r.bed", {"1": 400})
    assert (regions.bases, problems) == (21, [])
    assert regions.hold("1", [9, 10, 30, 31]).tolist() == [False, True, True, False]
    assert regions.hold("2", [1]).tolist() == [False]


def test_a_curve_needs_qualities() -> None:
    tally = Tally()
    tally.truth_levels[2] = tally.call_levels[2] = 1
    tally.true_call_quality, tally.found_truth_quality = [None], [None]
    assert curve(tally) == []
    assert summary(tally)["f1"] == 1
    assert Edit(1, 2, "A").bases == "A"
