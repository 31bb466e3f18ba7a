"""The join and the summaries on real genotypes, against bcftools and plink2."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genopheno import fields, tools
from genopheno.cohort.join import join
from genopheno.cohort.summaries import summarise
from genopheno.problems import StageError
from tests.realdata import cohort_project
from tests.realdata.cohort_project import need_java

pytestmark = pytest.mark.slow

MIN_GQ = 20


@dataclass
class Joined:
    project: cohort_project.Project
    out: Path
    oracle: Path  # prefix of what plink2 says about the same genotypes
    kept: list[str]


def run_join(project: cohort_project.Project, out: Path, **options: float) -> Path:
    join(**project.paths, out_dir=out, threads=2, memory_mb=3500, **options)
    return out


@pytest.fixture(scope="module")
def hundred(data, tmp_path_factory) -> Joined:
    """100 people x 346 variants: one fails QC, one is a second sample, one has no phenotypes."""
    need_java()
    source = data("hail_sample_vcf")
    folder = tmp_path_factory.mktemp("hundred")
    fai = folder / "20.fai"
    fai.write_text("20\t63025520\t4\t60\t61\n", encoding="utf-8")
    vcf = folder / "cohort.vcf.gz"
    tools.run(["bcftools", "reheader", "--fai", fai, source / "sample.vcf.gz", "-o", vcf])
    labels = pd.read_csv(source / "samples.tsv", sep="\t", keep_default_na=False)
    project = cohort_project.make(
        folder / "in",
        vcf,
        dict(zip(labels["sample"], labels["sex"], strict=True)),
        dict(zip(labels["sample"], labels["superpopulation"], strict=True)),
    )
    samples = list(project.units["sample"])
    project.verdicts.loc[3, ["verdict", "reasons"]] = "fail", "low coverage"
    project.units.loc[5, "participant"] = "P4"
    project.verdicts.loc[5, "mean_coverage"] = 29.0
    project.phenotypes = project.phenotypes[~project.phenotypes["participant"].isin(["P7", "P5"])]
    project.phenotypes.loc[10:20, "height"] = np.nan
    project.phenotypes.loc[30:32, "time:onset"] = np.nan
    cohort_project.write(project)
    out = run_join(project, folder / "cohort", min_genotype_quality=MIN_GQ, build="GRCh37")

    kept = [s for i, s in enumerate(samples) if i not in (3, 5)]
    (folder / "kept.txt").write_text("\n".join(kept) + "\n", encoding="utf-8")
    masked = folder / "masked.vcf.gz"
    tools.run(
        ["bcftools", "view", "-S", folder / "kept.txt", vcf],
        ["bcftools", "+setGT", "-", "--", "-t", "q", "-n", ".", "-i", f"GQ<{MIN_GQ}"],
        ["bcftools", "view", "-Oz", "-o", masked],
    )
    name = "@:#:$r:$a"
    plink = ["plink2", "--vcf", masked, "--double-id", "--set-all-var-ids", name]
    plink += ["--new-id-max-allele-len", "200", "--out", folder / "oracle"]
    tools.run([*plink, "--freq", "counts", "--hardy", "midp", "--missing", "--geno-counts"])
    return Joined(project, out, folder / "oracle", kept)


def test_counts_call_rate_and_hwe_are_those_of_plink2(hundred: Joined) -> None:
    ours = fields.read(hundred.out / "variants.parquet").set_index("variant_id")
    theirs = pd.read_csv(f"{hundred.oracle}.gcount", sep="\t").set_index("ID").loc[ours.index]
    assert len(ours) == 346
    assert (ours["n_hom_ref"] == theirs["HOM_REF_CT"]).all()
    assert (ours["n_het"] == theirs["HET_REF_ALT_CTS"]).all()
    assert (ours["n_hom_alt"] == theirs["TWO_ALT_GENO_CTS"]).all()
    frequency = pd.read_csv(f"{hundred.oracle}.acount", sep="\t").set_index("ID").loc[ours.index]
    assert (ours["allele_count"] == frequency["ALT_CTS"]).all()
    assert (ours["allele_number"] == frequency["OBS_CT"]).all()
    np.testing.assert_allclose(
        ours["allele_frequency"], ours["allele_count"] / ours["allele_number"], rtol=1e-15
    )
    missing = pd.read_csv(f"{hundred.oracle}.vmiss", sep="\t").set_index("ID").loc[ours.index]
    np.testing.assert_allclose(ours["call_rate"], 1 - missing["F_MISS"], atol=1e-5)
    hwe = pd.read_csv(f"{hundred.oracle}.hardy", sep="\t").set_index("ID").loc[ours.index]
    called = ours["call_rate"] > 0  # nobody called: ours is missing, plink2's is 0.5
    assert ours["hwe_p_value"].notna().eq(called).all() and called.sum() > 300
    np.testing.assert_allclose(ours["hwe_p_value"][called], hwe["MIDP"][called], rtol=1e-5)


def test_reasons_and_annotation(hundred: Joined) -> None:
    ours = fields.read(hundred.out / "variants.parquet")
    report = json.loads((hundred.out / "join.json").read_text())
    assert ours["passes"].eq(ours["reasons"].isna()).all()
    poor = ours["reasons"].fillna("").str.contains("call rate")
    assert poor.eq(ours["call_rate"] < 0.9).all() and poor.any()
    filters = hundred.project.sites["filters"].to_numpy()
    filtered = ours["reasons"].fillna("").str.contains("filter VQSR")
    assert filtered.eq(filters != "PASS").all()
    one = (ours["allele_count"] == 0) | (ours["allele_count"] == ours["allele_number"])
    assert ours["reasons"].fillna("").str.contains("one allele only").eq(one).all()
    assert report["variants"]["passing"] == int(ours["passes"].sum())
    assert report["variants"]["reasons"]["one allele only"] == int(one.sum())
    assert ours["rsid"].to_list() == hundred.project.sites["rsid"].to_list()
    assert ours["gene_symbol"].to_list() == hundred.project.sites["gene_symbol"].to_list()
    assert report["genotypes"]["set_missing_for_low_quality"] > 0


def test_people_dropped_are_listed(hundred: Joined) -> None:
    report = json.loads((hundred.out / "join.json").read_text())
    assert [d["participant"] for d in report["samples"]["dropped"]] == ["P3", "P4"]
    assert report["participants"]["without_phenotypes"] == ["P7"]
    assert report["participants"]["without_genotypes"] == ["P3"]
    assert report["traits"]["height"] == {"n": 86, "missing": 12}
    onset = report["traits"]["onset"]
    assert (onset["n"], onset["missing"]) == (onset["events"] + onset["censored"], 4) == (94, 4)


def test_sample_table_is_that_of_plink2(hundred: Joined) -> None:
    """Counted by plink2 on the fileset, whose genotypes another test compares with the VCF."""
    ours = fields.read(hundred.out / "samples.parquet").set_index("sample")
    assert list(ours.index) == hundred.kept
    out = hundred.oracle.with_name("samples")
    plink = ["plink2", "--bfile", hundred.out / "genotypes", "--out", out]
    tools.run([*plink, "--sample-counts", "cols=homalt,het,ts,tv,single,missing"])
    theirs = pd.read_csv(f"{out}.scount", sep="\t").set_index("#IID").loc[ours.index]
    assert (ours["n_hom_var"] == theirs["HOM_ALT_CT"]).all()
    assert (ours["n_het"] == theirs["HET_CT"]).all()
    n = int(fields.read(hundred.out / "variants.parquet")["passes"].sum())
    np.testing.assert_allclose(ours["call_rate"], 1 - theirs["MISSING_CT"] / n, rtol=1e-12)
    # Here plink2 counts people or genotypes, Hail, and so we, the alternate alleles in them.
    lines = ["bcftools", "query", "-f", "%CHROM:%POS:%REF:%ALT[ %GT]\n"]
    alleles = {}
    for line in tools.run([*lines, hundred.oracle.with_name("masked.vcf.gz")]).splitlines():
        name, *calls = line.split(" ")
        alleles[name] = [call.count("1") for call in calls]
    variants = fields.read(hundred.out / "variants.parquet").query("passes")
    change = variants["reference"] + variants["alternate"]
    counts = np.array([alleles[name] for name in variants["variant_id"]])
    transition = change.isin(["AG", "GA", "CT", "TC"]).to_numpy()
    transversion = (change.str.len() == 2).to_numpy() & ~transition
    expected = counts[transition].sum(axis=0) / counts[transversion].sum(axis=0)
    np.testing.assert_allclose(ours["r_ti_tv"], expected, rtol=1e-12)
    assert ours["n_singleton"].to_list() == counts[counts.sum(axis=1) == 1].sum(axis=0).tolist()


def test_blocks_are_the_same_genotypes(hundred: Joined) -> None:
    """plink2 reads our fileset and finds what it finds in the VCF; allele 1 is ALT."""
    bim = pd.read_csv(hundred.out / "genotypes.bim", sep="\t", header=None, dtype={0: str})
    variants = fields.read(hundred.out / "variants.parquet").query("passes")
    assert bim[1].to_list() == variants["variant_id"].to_list()
    assert bim[4].to_list() == variants["alternate"].to_list()
    assert bim[5].to_list() == variants["reference"].to_list()
    fam = pd.read_csv(hundred.out / "genotypes.fam", sep="\t", header=None, keep_default_na=False)
    assert fam[1].to_list() == hundred.kept
    sex = {"unknown": 0, "male": 1, "female": 2}
    people = fields.read(hundred.out / "samples.parquet")
    assert fam[4].to_list() == people["sex"].map(sex).to_list()
    out = hundred.oracle.with_name("ours")
    tools.run(["plink2", "--bfile", hundred.out / "genotypes", "--geno-counts", "--out", out])
    ours = pd.read_csv(f"{out}.gcount", sep="\t").set_index("ID")
    theirs = pd.read_csv(f"{hundred.oracle}.gcount", sep="\t").set_index("ID").loc[ours.index]
    for column in ("HOM_REF_CT", "HET_REF_ALT_CTS", "TWO_ALT_GENO_CTS", "MISSING_CT"):
        assert (ours[column] == theirs[column]).all()


def test_nothing_is_left_behind(hundred: Joined) -> None:
    assert sorted(path.name for path in hundred.out.iterdir()) == [
        "cohort.mt",
        "genotypes.bed",
        "genotypes.bim",
        "genotypes.fam",
        "join.json",
        "samples.parquet",
        "variants.parquet",
    ]


@pytest.fixture(scope="module")
def summaries(hundred: Joined) -> Path:
    out = hundred.out.with_name("summaries")
    summarise(hundred.out / "cohort.mt", out, groups=["sex", "region"], threads=2, memory_mb=3500)
    return out


def test_group_frequencies_are_those_of_plink2(hundred: Joined, summaries: Path) -> None:
    ours = fields.read(summaries / "frequencies.parquet")
    labels = hundred.project.phenotypes.set_index("participant")["region"]
    people = fields.read(hundred.out / "samples.parquet")
    region = people["participant"].map(labels).fillna("unknown")
    for level in ("EUR", "EAS"):
        keep = hundred.oracle.with_name(f"{level}.txt")
        keep.write_text("".join(f"0\t{s}\n" for s in people["sample"][region == level]))
        out = hundred.oracle.with_name(level)
        plink = ["plink2", "--bfile", hundred.out / "genotypes", "--keep", keep, "--out", out]
        tools.run([*plink, "--freq", "counts"])
        theirs = pd.read_csv(f"{out}.acount", sep="\t").set_index("ID")
        mine = ours.query("group == 'region' and level == @level").set_index("variant_id")
        assert len(mine) == len(theirs)
        mine = mine.loc[theirs.index]
        assert (mine["allele_count"] == theirs["ALT_CTS"]).all()
        assert (mine["allele_number"] == theirs["OBS_CT"]).all()
    overall = ours.query("group == 'all'").set_index("variant_id")
    variants = fields.read(hundred.out / "variants.parquet").query("passes").set_index("variant_id")
    assert (overall["allele_count"] == variants["allele_count"].loc[overall.index]).all()
    parts = ours.query("group == 'region'").groupby("variant_id")["allele_count"].sum()
    assert (parts == overall["allele_count"].loc[parts.index]).all()


def test_groups_and_traits(hundred: Joined, summaries: Path) -> None:
    groups = fields.read(summaries / "groups.parquet").set_index(["group", "level"])
    samples = fields.read(hundred.out / "samples.parquet")
    assert groups.loc[("all", "all"), "people"] == 98
    for sex, part in samples.groupby("sex"):
        row = groups.loc[("sex", sex)]
        assert row["people"] == len(part)
        assert row["n_het_mean"] == pytest.approx(part["n_het"].mean())
        assert row["call_rate_min"] == pytest.approx(part["call_rate"].min())
    assert groups.loc["region"]["people"].sum() == 98
    assert groups.loc[("region", "unknown"), "people"] == 1  # who has no phenotypes
    table = fields.read(summaries / "phenotypes.parquet").set_index(["trait", "group", "level"])
    heights = samples.merge(hundred.project.phenotypes, on="participant")["height"].dropna()
    row = table.loc[("height", "all", "all")]
    assert (row["n"], row["missing"]) == (86, 12)
    assert row["mean"] == pytest.approx(heights.mean())
    assert row["sd"] == pytest.approx(heights.std())
    assert row["quartile_1"] == pytest.approx(np.quantile(heights, 0.25))
    sick = table.loc["diabetes"].loc["sex"]
    assert (sick["n_cases"] + sick["n_controls"] == sick["n"]).all()
    seen = samples.merge(hundred.project.phenotypes, on="participant").dropna(subset="time:onset")
    row = table.loc[("onset", "all", "all")]
    assert (row["n"], row["n_cases"], row["unit"]) == (94, seen["onset"].sum(), "years")
    assert row["median"] == pytest.approx((seen["time:onset"] - 1).median())
    report = json.loads((summaries / "summaries.json").read_text())
    assert report["people"] == 98
    assert report["groups"]["region"]["unknown"] == 1


def test_unknown_group_is_told(hundred: Joined, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="groups-unknown"):
        summarise(hundred.out / "cohort.mt", tmp_path, groups=["planet"], memory_mb=3500)


def test_sites_of_another_contig_are_told(hundred: Joined, tmp_path: Path) -> None:
    project = hundred.project
    lost = project.sites.iloc[1:]
    path = tmp_path / "sites.parquet"
    cohort_project.write_sites(path, lost)
    paths = project.paths | {"sites_parquet": path}
    with pytest.raises(StageError, match="345; 1 records have no site"):
        join(**paths, out_dir=tmp_path / "out", threads=2, memory_mb=3500)
    assert not list((tmp_path / "out").iterdir())


def test_vcf_without_contigs_is_told(data, tmp_path: Path) -> None:
    source = data("hail_sample_vcf")
    project = cohort_project.make(tmp_path, source / "sample.vcf.gz", {}, {})
    with pytest.raises(StageError, match="vcf-contigs"):
        join(**project.paths, out_dir=tmp_path / "out")


def test_haploid_calls(data, tmp_path: Path) -> None:
    """Men haploid on X: one allele in the counts, a homozygote in the fileset."""
    need_java()
    source = data("hail_sample_vcf")
    fai = tmp_path / "X.fai"
    fai.write_text("X\t155270560\t4\t60\t61\n", encoding="utf-8")
    first = tmp_path / "first.vcf"
    header = tmp_path / "header.vcf"
    header.write_text(
        tools.run(["bcftools", "view", "-h", source / "x_chromosome.vcf.gz"]), encoding="utf-8"
    )
    samples = tools.run(["bcftools", "query", "-l", source / "x_chromosome.vcf.gz"]).split()
    men = set(samples[::2])
    body = []
    for line in tools.run(["bcftools", "view", "-H", source / "x_chromosome.vcf.gz"]).splitlines():
        cells = line.split("\t")
        cells[8] = "GT"
        for i, sample in enumerate(samples, 9):
            call = cells[i].split(":")[0]
            one = {"0/0": "0", "1/1": "1", "0/1": "1", "./.": "."}
            cells[i] = one[call] if sample in men else call
        body.append("\t".join(cells) + "\n")
    first.write_text(header.read_text() + "".join(body), encoding="utf-8")
    vcf = tmp_path / "x.vcf.gz"
    tools.run(["bcftools", "view", "-Oz", "-o", vcf, first])
    sex = {s: "male" if s in men else "female" for s in samples}
    project = cohort_project.make(tmp_path / "in", vcf, sex, {})
    out = run_join(project, tmp_path / "out", min_call_rate=0, min_hwe_p_value=0)
    ours = fields.read(out / "variants.parquet")
    rows = [r.split() for r in tools.run(["bcftools", "query", "-f", "[%GT ]\n", vcf]).splitlines()]
    alleles = [[a for call in row for a in call.split("/") if a != "."] for row in rows]
    assert ours["allele_number"].to_list() == [len(row) for row in alleles]
    assert ours["allele_count"].to_list() == [row.count("1") for row in alleles]
    from genopheno.genotypes import Genotypes

    genotypes = Genotypes.open(out / "genotypes")
    assert genotypes.samples == samples
    prefix = tmp_path / "counts"
    tools.run(["plink1.9", "--bfile", out / "genotypes", "--freqx", "--out", prefix])
    plink = pd.read_csv(f"{prefix}.frqx", sep="\t").set_index("SNP")
    for name, row in zip(ours["variant_id"], rows, strict=True):
        male = [c for c, s in zip(row, samples, strict=True) if s in men]
        if name in plink.index:
            counts = plink.loc[name]
            alternate = "C(HAP A1)" if counts["A1"] == name.split(":")[3] else "C(HAP A2)"
            assert counts[alternate] == male.count("1")


def test_2504_people(data, tmp_path: Path) -> None:
    """Phased calls of 1000 Genomes, with symbolic alleles; counts of bcftools."""
    need_java()
    source = data("kgp_chr21")
    split = tmp_path / "split.vcf.gz"
    tools.run(["bcftools", "norm", "-m", "-any", "-Oz", "-o", split, source / "kgp_chr21.vcf.gz"])
    labels = pd.read_csv(source / "samples.tsv", sep="\t")
    project = cohort_project.make(
        tmp_path / "in", split, dict(zip(labels["sample"], labels["sex"], strict=True)), {}
    )
    out = run_join(project, tmp_path / "out", build="GRCh37")
    ours = fields.read(out / "variants.parquet")
    filled = ["bcftools", "+fill-tags", split, "--", "-t", "AC,AN"]
    said = tools.run(filled, ["bcftools", "query", "-f", "%AC\t%AN\n"]).splitlines()
    assert list(zip(ours["allele_count"], ours["allele_number"], strict=True)) == [
        tuple(map(int, line.split("\t"))) for line in said
    ]
    symbolic = ours["alternate"].str.startswith("<") | ours["alternate"].eq("*")
    assert ours["reasons"].fillna("").str.contains("allele without sequence").eq(symbolic).all()
