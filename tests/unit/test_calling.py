"""Joint calling by shards, on simulated people with planted variants."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from genopheno.files import read_json
from genopheno.problems import StageError
from genopheno.tools import run
from genopheno.variants.calling import call
from genopheno.variants.gather import gather
from genopheno.variants.shards import write_shards
from genopheno.vcf import assert_records, assert_samples, count_records, samples_of

from .simulated import cram, edited, reads, reference, sequence, unit

# A repeat in which a deletion can be written in many places, across the middle of chrA.
REPEAT = "CAG" * 8
A = sequence(5_987, 11) + "T" + REPEAT + sequence(5_988, 12)
BASES = {"chrA": A, "chrB": sequence(4_000, 13)}
SNPS = [1_000, 2_999, 3_000, 5_900, 8_999, 9_000, 11_000]
OTHER = {"A": "G", "G": "A", "C": "A", "T": "G"}  # transitions and transversions
DELETION = (5_987, A[5_987:5_991], A[5_987])  # left-aligned, begins left of the middle
INSERTION = (4_000, A[4_000], A[4_000] + "GATTACA")


def snp(position: int) -> tuple[int, str, str]:
    return position, A[position], OTHER[A[position]]


PEOPLE = {
    # two haplotypes of chrA each; chrB has no variant
    "s1": ([snp(p) for p in SNPS], [DELETION]),
    "s2": ([snp(p) for p in SNPS[::2]] + [INSERTION], [snp(p) for p in SNPS[::2]]),
    "s3": ([DELETION], [DELETION]),
}


@pytest.fixture(scope="module")
def genome(tmp_path_factory) -> Path:
    return reference(tmp_path_factory.mktemp("genome"), BASES)


@pytest.fixture(scope="module")
def crams(tmp_path_factory, genome) -> list[Path]:
    folder = tmp_path_factory.mktemp("crams")
    paths = []
    for seed, (sample, haplotypes) in enumerate(PEOPLE.items(), start=20):
        people = {f"h{i}": edited(A, list(edits)) for i, edits in enumerate(haplotypes)}
        people |= {f"b{i}": BASES["chrB"] for i in range(2)}
        made = unit(reads(folder, people, pairs=3000, seed=seed), genome, folder, sample=sample)
        paths.append(cram([("lib1", made)], genome, folder / f"{sample}.cram"))
    return paths


def called(
    crams, genome, folder: Path, n: int, caller: str = "bcftools", limits=None, samples=None
) -> tuple[Path, dict]:
    beds = write_shards(genome, n, folder)
    shards = [bed.with_suffix(".bcf") for bed in beds]
    for bed, shard in zip(beds, shards, strict=True):
        call(crams, reference=genome, regions=bed, out_bcf=shard, caller=caller)
    counts = gather(
        shards,
        reference=genome,
        out_bcf=folder / "cohort.bcf",
        caller=caller,
        limits=limits or {"min_quality": 20},
        report=folder / "gather.json",
        samples=samples or list(PEOPLE),
    )
    return folder / "cohort.bcf", counts


@pytest.fixture(scope="module", params=["bcftools", "freebayes"])
def whole(request, tmp_path_factory, crams, genome):
    folder = tmp_path_factory.mktemp("whole")
    return called(crams, genome, folder, 1, request.param)


def body(path: Path) -> list[str]:
    return run(["bcftools", "view", "-H", path]).splitlines()


def told(path: Path, caller: str) -> list[str]:
    """All of the records; of freebayes not QUAL and GQ, which depend on what it met before."""
    if caller == "bcftools":
        return body(path)
    form = "%CHROM %POS %REF %ALT %FILTER %INFO[ %GT:%DP:%AD:%PL]\n"
    return run(["bcftools", "query", "-f", form, path]).splitlines()


def genotypes(path: Path) -> dict[tuple, list[str]]:
    lines = run(
        ["bcftools", "query", "-f", "%POS\t%REF\t%ALT[\t%GT]\n", "-i", 'FILTER="PASS"', path]
    )
    rows = [line.split("\t") for line in lines.splitlines()]
    return {
        (int(row[0]) - 1, row[1], row[2]): ["/".join(sorted(g.split("/"))) for g in row[3:]]
        for row in rows
    }


def test_planted_variants_are_found_with_their_genotypes(whole):
    path, _ = whole
    planted = {}
    for i, haplotypes in enumerate(PEOPLE.values()):
        for edits in haplotypes:
            for edit in edits:
                planted.setdefault(edit, [0, 0, 0])[i] += 1
    expected = {
        edit: [("0/0", "0/1", "1/1")[dose] for dose in doses] for edit, doses in planted.items()
    }
    assert genotypes(path) == expected


def test_records_pass_and_carry_what_later_stages_read(whole):
    path, counts = whole
    lines = run(
        ["bcftools", "query", "-f", "%FILTER %AC %AN %AF %F_MISSING[ %GQ:%DP:%AD:%PL]\n", path]
    ).splitlines()
    filters = [line.split(" ")[0] for line in lines]
    assert set(filters) <= {"PASS", "LowQual"}
    assert not any(" .:" in line or ":. " in line for line in lines)
    headers = run(["bcftools", "view", "-h", path])
    formats = re.findall(r"##FORMAT=<ID=(\w+),Number=(.),Type=(\w+)", headers)
    assert {"GT", "AD", "DP", "GQ", "PL"} == {name for name, _, _ in formats}
    assert {("AD", "R", "Integer"), ("GQ", "1", "Integer"), ("PL", "G", "Integer")} <= set(formats)
    assert samples_of(path) == list(PEOPLE)
    assert counts == read_json(path.parent / "gather.json")
    assert counts["records_out"] == len(lines)
    assert counts["records_pass"] == filters.count("PASS")


@pytest.mark.parametrize("n", [2, 16])
def test_shards_give_what_the_whole_gives(whole, crams, genome, tmp_path, n):
    """16,000 bases: 2 shards cut at 8,000; 16 at 4,000 (the insertion), 3,000 and 9,000
    (neighbouring SNPs on both sides) and in the repeat; some shards have no variant."""
    path, counts = called(crams, genome, tmp_path, n, whole[1]["caller"])
    assert told(path, whole[1]["caller"]) == told(whole[0], whole[1]["caller"])
    assert counts["records_in"] == whole[1]["records_in"]
    if n == 16:
        assert 0 in [count_records(p) for p in tmp_path.glob("[0-9]*.bcf")]


def test_what_crosses_a_threshold_is_marked_not_dropped(whole, crams, genome, tmp_path):
    path, counts = whole
    qualities = [float(line.split("\t")[5]) for line in body(path)]
    ranked = sorted(qualities)  # as text, so cut between two: the file has more digits
    cutoff, high = (ranked[1] + ranked[2]) / 2, (ranked[5] + ranked[6]) / 2
    shard = [path.parent / "1.bcf"]

    def gathered(name: str, **limits) -> tuple[list[list[str]], dict]:
        out = tmp_path / name / "cohort.bcf"
        counts_ = gather(
            shard,
            reference=genome,
            out_bcf=out,
            caller=counts["caller"],
            limits=limits,
            report=tmp_path / name / "gather.json",
        )
        return [line.split("\t") for line in body(out)], counts_

    rows, found = gathered("quality", min_quality=cutoff)
    assert len(rows) == len(qualities)
    assert found["filters"] == {"LowQual": sum(q < cutoff for q in qualities)}
    assert [row[6] == "LowQual" for row in rows] == [float(row[5]) < cutoff for row in rows]
    # Several reasons stand beside each other.
    depths = [
        max(int(cell.split(":")[row[8].split(":").index("DP")]) for cell in row[9:]) for row in rows
    ]
    least = sorted(depths)[len(depths) // 2]
    rows, found = gathered("depth", min_quality=high, min_depth=least)
    reasons = [
        (["LowQual"] if q < high else []) + (["LowDepth"] if d < least else [])
        for q, d in zip(qualities, depths, strict=True)
    ]
    assert [row[6] for row in rows] == [";".join(why) or "PASS" for why in reasons]
    assert ["LowQual", "LowDepth"] in reasons
    assert found["filters"]["LowDepth"] == sum(d < least for d in depths)
    assert found["records_pass"] == reasons.count([]) > 0
    with pytest.raises(StageError, match=r"records-none.*LowQual \(QUAL<1000000\)"):
        gathered("none", min_quality=1_000_000)
    assert not (tmp_path / "none" / "cohort.bcf").exists()
    with pytest.raises(StageError, match=r"filter-unknown.*min_qualty"):
        gathered("misspelt", min_qualty=20)


def test_no_variant_at_all_fails_and_leaves_nothing(crams, genome, tmp_path):
    (tmp_path / "b.bed").write_text("chrB\t0\t4000\n")
    assert (
        call(crams, reference=genome, regions=tmp_path / "b.bed", out_bcf=tmp_path / "b.bcf") == 0
    )
    assert samples_of(tmp_path / "b.bcf") == list(PEOPLE)
    with pytest.raises(StageError, match="records-none"):
        gather(
            [tmp_path / "b.bcf"],
            reference=genome,
            out_bcf=tmp_path / "cohort.bcf",
            limits={"min_quality": 20},
            report=tmp_path / "gather.json",
        )
    assert {p.name for p in tmp_path.iterdir()} == {"b.bed", "b.bcf", "b.bcf.csi"}


def test_samples_must_be_the_expected_ones(crams, genome, tmp_path):
    with pytest.raises(StageError, match=r"missing: s4; not expected: s3"):
        called(crams, genome, tmp_path, 1, samples=["s1", "s2", "s4"])
    (tmp_path / "r.bed").write_text("chrA\t0\t2000\n")
    with pytest.raises(StageError, match=r"samples-differ.*2 CRAMs hold 1 sample names: s1"):
        call(
            [crams[0], crams[0]],
            reference=genome,
            regions=tmp_path / "r.bed",
            out_bcf=tmp_path / "twice.bcf",
        )
    assert not list(tmp_path.glob("*twice*"))


def test_one_variant_called_twice_is_kept_once_and_alleles_of_nobody_are_dropped(genome, tmp_path):
    """Records as two calls of one indel give them after left alignment, and an empty allele."""
    header = (
        "##fileformat=VCFv4.2\n##contig=<ID=chrA,length=12000>\n##contig=<ID=chrB,length=4000>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\n"
    )
    position, ref, alt = DELETION
    rows = [(position + 1, ref, alt, "0/1"), (position + 1, ref, alt, "0/1")]
    rows.append((7001, A[7000], OTHER[A[7000]], "0/0"))
    text = "".join(f"chrA\t{p}\t.\t{r}\t{a}\t50\t.\t.\tGT\t{g}\n" for p, r, a, g in rows)
    (tmp_path / "1.vcf").write_text(header + text)
    run(["bcftools", "view", "-Ob", "-o", tmp_path / "1.bcf", tmp_path / "1.vcf"])
    run(["bcftools", "index", tmp_path / "1.bcf"])
    counts = gather(
        [tmp_path / "1.bcf"],
        reference=genome,
        out_bcf=tmp_path / "cohort.bcf",
        limits={"min_quality": 20},
        report=tmp_path / "gather.json",
    )
    assert counts["records_in"] == 3
    assert counts["exact_duplicates_removed"] == 1
    assert counts["alleles_without_genotype_removed"] == 1
    assert counts["records_out"] == 1


def test_gates_name_what_is_lost(whole):
    path, counts = whole
    n = counts["records_out"]
    assert assert_records(path, expected=n) == n
    with pytest.raises(StageError, match=f"records-lost.*holds {n} variant records, {n + 1} went"):
        assert_records(path, expected=n + 1)
    with pytest.raises(StageError, match="records-too-few"):
        assert_records(path, at_least=n + 1)
    assert_samples(path, ["s3", "s1", "s2"])
    with pytest.raises(StageError, match="missing: none; not expected: s3"):
        assert_samples(path, ["s1", "s2"])
