"""Sites, pairs, sex and pedigrees on small made calls, against plink2 and by hand."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.chromosomes import SexChromosomes
from genopheno.files import write_json
from genopheno.problems import StageError
from genopheno.samples.calls import Thinned, read_calls
from genopheno.samples.check import check
from genopheno.samples.identity import identity
from genopheno.samples.measures import Options, Person
from genopheno.samples.pairs import count
from genopheno.samples.pedigree import Trio, degree_of, read_pedigree, relations
from genopheno.samples.sex import SexEvidence, check_sex, depth_ratios
from genopheno.tools import run

LENGTHS = {"chr1": 40_000_000, "chrX": 20_000_000, "chrY": 8_000_000}
PAR = ("chrX", 0, 2_000_000)
SEX = SexChromosomes("chrX", "chrY", pseudoautosomal=(PAR,))
OPEN = {"max_sites": 10_000, "min_frequency": 0.05, "min_call_rate": 0.5}


def simulate(
    path: Path, sexes: dict[str, str], *, depth: float = 12, sites: int = 250, seed: int = 1
) -> Path:
    """Calls with AD of unrelated people: SNPs of chr1 and of chrX in and outside the PAR.

    Males are called haploid outside the PAR, as a caller that is told the declared sex does.
    """
    rng = np.random.default_rng(seed)
    lines = ["##fileformat=VCFv4.2", '##FILTER=<ID=LowQual,Description="low">']
    lines += [f"##contig=<ID={name},length={length}>" for name, length in LENGTHS.items()]
    lines += [
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Allelic depths">',
    ]
    names = "\t".join(sexes)
    lines.append(f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}")
    for contig in ("chr1", "chrX"):
        for position in sorted(rng.choice(LENGTHS[contig], sites, replace=False) + 1):
            shared = contig == "chr1" or position <= PAR[2]
            p, cells = rng.uniform(0.2, 0.8), []
            for sex in sexes.values():
                copies = 2 if shared or sex == "female" else 1
                own = rng.binomial(copies, p)
                total = rng.poisson(depth * copies / 2)
                alternate = rng.binomial(total, np.clip(own / copies, 0.005, 0.995))
                genotype = str(own) if copies == 1 else ("0/0", "0/1", "1/1")[own]
                cells.append(f"{genotype}:{total - alternate},{alternate}")
            lines.append(f"{contig}\t{position}\t.\tA\tG\t50\tPASS\t.\tGT:AD\t" + "\t".join(cells))
    path.write_text("\n".join(lines) + "\n")
    return path


def depths(folder: Path, sample: str, sex: str) -> None:
    x, y = (1.0, 0.01) if sex == "female" else (0.5, 0.42)
    means = {"chr1": 12.0, "chrX": 12 * x, "chrY": 12 * y}
    write_json(
        folder / sample / "contigs.json",
        {name: {"length": LENGTHS[name], "mean": mean} for name, mean in means.items()},
    )


def people(sexes: dict[str, str]) -> dict[str, Person]:
    return {name: Person(name, sex) for name, sex in sexes.items()}


TRUE_SEXES = {f"s{i}": ("female", "male")[i % 2] for i in range(10)}


@pytest.mark.parametrize("with_depth", [True, False])
def test_a_wrong_declared_sex_is_found_and_the_others_agree(tmp_path, with_depth):
    calls = simulate(tmp_path / "calls.vcf", TRUE_SEXES)
    for sample, sex in TRUE_SEXES.items():
        if with_depth:
            depths(tmp_path / "qc", sample, sex)
    declared = TRUE_SEXES | {"s4": "male", "s7": "female", "s8": "unknown"}
    table = identity(
        calls,
        people(declared),
        out_dir=tmp_path / "out",
        qc_dir=tmp_path / "qc",
        sex=SEX,
        options=Options(),
    ).set_index("sample")
    assert dict(table["inferred_sex"]) == TRUE_SEXES
    wrong = table[table["sex_check"] != "agrees"]
    assert dict(wrong["sex_check"]) == {"s4": "differs", "s7": "differs", "s8": None}
    assert "declared male, reads say female" in wrong["sex_reasons"]["s4"]
    assert "X heterozygosity" in wrong["sex_reasons"]["s4"]
    assert set(table["identity_check"]) == {"agrees"}


def test_sex_is_told_from_diploid_genotypes_alone_but_not_from_haploid_ones(tmp_path):
    """As of a VCF without depths: men called as diploid show it, men called as haploid do not."""
    text = re.sub(r":\d+,\d+", "", simulate(tmp_path / "all.vcf", TRUE_SEXES).read_text())
    (tmp_path / "haploid.vcf").write_text(text.replace("GT:AD", "GT"))
    diploid = re.sub(r"\t([01])(?=\t|\n)", r"\t\1/\1", text.replace("GT:AD", "GT"))
    (tmp_path / "diploid.vcf").write_text(diploid)
    for name, male in (("haploid", None), ("diploid", "male")):
        table = identity(
            tmp_path / f"{name}.vcf", people(TRUE_SEXES), out_dir=tmp_path / name,
            sex=SEX, options=Options(),
        ).set_index("sample")  # fmt: skip
        assert {table["inferred_sex"][s] for s, sex in TRUE_SEXES.items() if sex == "male"} == {
            male
        }
        assert set(table["sex_check"].dropna()) == {"agrees"}
        assert table["contamination"].isna().all()


def test_sex_chromosomes_are_read_as_the_ploidy_step_writes_them(tmp_path):
    held = {"x": "X", "y": "Y", "pseudoautosomal": [["X", 60000, 2699520]], "source": "GRCh37"}
    write_json(tmp_path / "c.json", held)
    sex = SexChromosomes.read(tmp_path / "c.json")
    assert sex.shared("X", 60001) and sex.shared("X", 2699520)
    assert not sex.shared("X", 60000) and not sex.shared("Y", 60001)


def test_a_male_with_x_heterozygosity_is_named_for_it():
    evidence = SexEvidence(x_ratio=0.52, y_ratio=0.4, x_heterozygosity=0.6, x_sites=500)
    inferred, check, reason = check_sex("male", evidence, 100)
    assert (inferred, check) == ("unclear", "unclear")
    assert "X heterozygosity 0.60" in reason
    alone = SexEvidence(x_heterozygosity=0.9, x_sites=500)
    assert check_sex("male", alone, 100)[:2] == ("female", "differs")
    assert check_sex("male", alone, 501) == (None, None, "")


@pytest.mark.parametrize(
    ("x", "y", "inferred"),
    [(1.0, 0.0, "female"), (0.5, 0.4, "male"), (1.0, 0.4, "unclear"), (0.5, 0.0, "unclear")],
)
def test_sex_by_depth_leaves_unusual_karyotypes_unclear(x, y, inferred):
    assert check_sex("unknown", SexEvidence(x, y), 100)[0] == inferred


def test_depth_ratios_are_over_the_numbered_contigs():
    contigs = {
        "1": {"length": 100, "mean": 20.0},
        "2": {"length": 300, "mean": 40.0},
        "X": {"length": 50, "mean": 17.5},
        "GL000207.1": {"length": 1000, "mean": 500.0},
    }
    assert depth_ratios(contigs, SexChromosomes("X", "Y")) == (0.5, None)
    assert depth_ratios(None, SEX) == (None, None)


def test_sites_are_told_apart_and_all_records_accounted_for(tmp_path):
    calls = simulate(tmp_path / "calls.vcf", TRUE_SEXES, sites=200)
    extra = calls.read_text().splitlines()
    cells = "\t".join(["0/1:5,5"] * 10)
    extra += [
        f"chrY\t100\t.\tA\tG\t50\tPASS\t.\tGT:AD\t{cells}",
        f"chrY\t200\t.\tA\tG\t50\tLowQual\t.\tGT:AD\t{cells}",
        f"chrY\t300\t.\tAT\tG\t50\tPASS\t.\tGT:AD\t{cells}",
    ]
    calls.write_text("\n".join(extra) + "\n")
    autosomes, x, report = read_calls(calls, SEX, **OPEN)
    assert {site[0] for site in autosomes.sites} == {"chr1"}
    assert {site[0] for site in x.sites} == {"chrX"}
    assert all(site[1] > PAR[2] for site in x.sites)
    in_par = 200 - len(x.sites) - report.get("rare", 0)
    assert report["on_y_or_pseudoautosomal"] >= 1
    assert (report["filtered"], report["not_biallelic_snp"]) == (1, 1)
    assert report["records"] == 403 and in_par > 0


def test_thinning_keeps_the_same_sites_whatever_else_is_there():
    def kept(positions: range, most: int) -> set[int]:
        thinned = Thinned(most)
        for position in positions:
            if thinned.wants("1", position):
                thinned.add(("1", position, "A", "G"), ())
        return {site[1] for site in thinned.rows}

    few, many = kept(range(1, 2001), 500), kept(range(1, 4001), 500)
    assert len(few) <= 500 and len(many) <= 500
    assert {p for p in many if p <= 2000} <= few


def test_kinship_and_ibs0_are_those_of_plink2(data, tmp_path):
    """KING on real genotypes with family members among them."""
    source = data("hapmap3_pca") / "hapmap3"
    keep = pd.read_csv(source.with_suffix(".fam"), sep=r"\s+", header=None).iloc[:60, :2]
    keep.to_csv(tmp_path / "keep.txt", sep="\t", header=False, index=False)
    run(
        [
            *("plink2", "--bfile", source, "--keep", tmp_path / "keep.txt", "--thin-count", 3000),
            *("--seed", 1, "--make-king-table", "--export", "A", "--out", tmp_path / "p"),
        ]
    )
    raw = pd.read_csv(tmp_path / "p.raw", sep="\t")
    dosage = raw.iloc[:, 6:].to_numpy(float).T
    counts = count(*[np.nan_to_num(dosage, nan=-1).astype(np.int8)] * 2)
    table = pd.read_csv(tmp_path / "p.kin0", sep="\t")
    place = {name: i for i, name in enumerate(raw["IID"].astype(str))}
    i, j = (table[c].astype(str).map(place).to_numpy() for c in ("IID1", "IID2"))
    assert counts.kinship[i, j] == pytest.approx(table["KINSHIP"].to_numpy(), abs=2e-6)
    ibs0 = counts.ibs0[i, j] / counts.both[i, j]
    assert ibs0 == pytest.approx(table["IBS0"].to_numpy(), abs=2e-6)
    assert (counts.both[i, j] == table["NSNP"]).all()


PED = """f gf 0 0 1 0
f gm 0 0 2 0
f dad gf gm 1 0
f aunt gf gm 2 0
f mum 0 0 2 0
f kid dad mum 1 0
f sib dad mum 2 0
"""


def test_relations_follow_from_the_pedigree(tmp_path):
    (tmp_path / "a.ped").write_text(PED)
    people = read_pedigree(tmp_path / "a.ped")
    found = relations(people, list(people))
    expected = {
        ("gf", "dad"): "parent-child", ("gm", "aunt"): "parent-child",
        ("dad", "aunt"): "full-siblings", ("kid", "sib"): "full-siblings",
        ("gf", "kid"): "second-degree", ("aunt", "kid"): "second-degree",
    }  # fmt: skip
    assert expected.items() <= found.items()
    assert not {("gf", "gm"), ("dad", "mum"), ("aunt", "mum")} & set(found)
    assert degree_of(0.25) == "first-degree" and degree_of(0.01) == ""


def test_every_faulty_row_of_a_pedigree_is_named(tmp_path):
    (tmp_path / "a.ped").write_text("f a 0 0 1 0\nf b\nf a 0 0 2 0\n")
    with pytest.raises(StageError) as caught:
        read_pedigree(tmp_path / "a.ped")
    assert [(p.code, p.row) for p in caught.value.problems] == [
        ("pedigree-row", 2),
        ("pedigree-row", 3),
    ]
    (tmp_path / "b.ped").write_text("f a b 0 1 0\nf b a 0 1 0\n")
    with pytest.raises(StageError, match="ancestor of itself"):
        read_pedigree(tmp_path / "b.ped")


def test_pedigree_and_earlier_batches_are_checked_together_before_a_run(tmp_path):
    (tmp_path / "a.ped").write_text("f b\n")
    calls = simulate(tmp_path / "calls.vcf", {"a": "male"}, sites=3)
    found = check(tmp_path / "a.ped", [tmp_path / "absent.bcf", calls])
    assert [p.code for p in found] == [
        *("pedigree-row", "missing-file"),
        "fingerprints-unreadable",
    ]
    assert [p.code for p in check(tmp_path / "absent.ped", [])] == ["unreadable-file"]
    assert check(None, []) == []


def test_mendelian_counts_treat_missing_parents_as_any():
    trio = Trio(0, 1, 2)
    for genotypes in (
        [[0, 1], [0, 0], [1, 1]],  # fits
        [[1, 1], [0, 0], [1, 1]],  # does not
        [[1, 1], [0, 0], [-1, -1]],  # does not, whatever the mother
        [[0, 1], [0, 0], [-1, -1]],  # may
        [[-1, -1], [0, 0], [1, 1]],  # child missing
    ):
        trio.see(np.array(genotypes))
    assert (trio.consistent, trio.inconsistent, trio.skipped) == (2, 2, 1)


def test_samples_that_the_sheet_does_not_name_are_refused(tmp_path):
    calls = simulate(tmp_path / "calls.vcf", {"a": "male", "b": "female"}, sites=3)
    with pytest.raises(StageError, match="samples b are not in the sample sheet"):
        identity(calls, {"a": Person("a", "male")}, out_dir=tmp_path, sex=SEX, options=Options())


def test_with_too_few_sites_nobody_is_judged_and_it_is_said(tmp_path):
    calls = simulate(tmp_path / "calls.vcf", TRUE_SEXES, sites=40)
    table = identity(
        calls, people(TRUE_SEXES), out_dir=tmp_path / "out", sex=SEX, options=Options()
    )
    assert table["identity_check"].isna().all() and table["contamination"].isna().all()
    notes = (tmp_path / "out/identity.json").read_text()
    assert "nobody's identity is judged" in notes
    assert len(fields.read(tmp_path / "out/pairs.parquet")) == 0
