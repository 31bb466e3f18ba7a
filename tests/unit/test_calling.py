"""Joint calling by shards, on simulated people with planted variants."""

from __future__ import annotations

from pathlib import Path

import pytest

from genopheno.files import read_json
from genopheno.problems import StageError
from genopheno.tools import run
from genopheno.variants.calling import PADDING, call, gather, pad
from genopheno.variants.gates import assert_records, assert_samples, count_records, samples_of
from genopheno.variants.shards import cut, write_shards

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


def called(crams, genome, folder: Path, n: int, **options) -> tuple[Path, dict]:
    beds = write_shards(Path(f"{genome}.fai"), n, folder)
    shards = [bed.with_suffix(".bcf") for bed in beds]
    for bed, shard in zip(beds, shards, strict=True):
        call(crams, reference=genome, regions=bed, out_bcf=shard)
    counts = gather(
        shards,
        reference=genome,
        out_bcf=folder / "cohort.bcf",
        **{"min_quality": 20, "report": folder / "gather.json", "samples": list(PEOPLE), **options},
    )
    return folder / "cohort.bcf", counts


@pytest.fixture(scope="module")
def whole(tmp_path_factory, crams, genome):
    return called(crams, genome, tmp_path_factory.mktemp("whole"), 1)


def body(path: Path) -> list[str]:
    return run(["bcftools", "view", "-H", path]).splitlines()


def genotypes(path: Path) -> dict[tuple, list[str]]:
    lines = run(
        ["bcftools", "query", "-f", "%POS\t%REF\t%ALT[\t%GT]\n", "-i", 'FILTER="PASS"', path]
    )
    rows = [line.split("\t") for line in lines.splitlines()]
    return {(int(row[0]) - 1, row[1], row[2]): row[3:] for row in rows}


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
    assert samples_of(path) == list(PEOPLE)
    assert counts == read_json(path.parent / "gather.json")
    assert counts["records_out"] == len(lines)
    assert counts["records_pass"] == filters.count("PASS")


@pytest.mark.parametrize("n", [2, 4, 7, 16])
def test_shards_give_what_the_whole_gives(whole, crams, genome, tmp_path, n):
    """16,000 bases: 4 shards cut at 4,000 (the insertion) and 8,000; 16 at 3,000 and 9,000
    (neighbouring SNPs on both sides) and in the repeat; some shards have no variant."""
    path, counts = called(crams, genome, tmp_path, n)
    assert body(path) == body(whole[0])
    assert counts["records_in"] == whole[1]["records_in"]
    if n == 16:
        assert 0 in [count_records(p) for p in tmp_path.glob("[0-9]*.bcf")]


def test_low_quality_is_marked_not_dropped(whole, crams, genome, tmp_path):
    qualities = [float(line.split("\t")[5]) for line in body(whole[0])]
    cutoff = sorted(qualities)[2]
    path, counts = called(crams, genome, tmp_path, 1, min_quality=cutoff)
    assert len(body(path)) == len(qualities)
    assert counts["records_low_quality"] == sum(q < cutoff for q in qualities) > 0
    marked = run(["bcftools", "query", "-f", "%QUAL\n", "-i", 'FILTER="LowQual"', path]).split()
    assert all(float(quality) < cutoff for quality in marked)
    with pytest.raises(StageError, match=r"records-none.*has QUAL 1000000"):
        called(crams, genome, tmp_path / "none", 1, min_quality=1_000_000)
    assert not (tmp_path / "none" / "cohort.bcf").exists()


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
            min_quality=20,
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
        min_quality=20,
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


@pytest.mark.parametrize("n", [1, 2, 3, 7, 24])
def test_shards_hold_every_base_once_in_order(n):
    lengths = {"a": 10, "b": 1, "c": 13}
    shards = cut(lengths, n)
    sizes = [sum(end - start for _, start, end in shard) for shard in shards]
    assert len(shards) == n
    assert max(sizes) - min(sizes) <= 1
    bases = [(c, i) for shard in shards for c, start, end in shard for i in range(start, end)]
    assert bases == [(c, i) for c, length in lengths.items() for i in range(length)]


def test_more_shards_than_bases_are_refused(tmp_path):
    (tmp_path / "g.fai").write_text("a\t3\t3\t3\t4\n")
    assert len(write_shards(tmp_path / "g.fai", 3, tmp_path / "out")) == 3
    for n in (0, 4):
        with pytest.raises(StageError, match="shards-too-many"):
            write_shards(tmp_path / "g.fai", n, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_padding_stays_on_the_contig_and_joins_neighbours():
    lengths = {"a": 10_000, "b": 500}
    assert pad([("a", 3000, 4000), ("a", 4500, 9500), ("b", 0, 500)], lengths) == [
        ("a", 3000 - PADDING, 10_000),
        ("b", 0, 500),
    ]
