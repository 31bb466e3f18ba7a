"""957 HapMap 3 people of 11 populations: plink2's components and kinship are the answers.

The expected files are those of plink2 v2.00a3.5, byte for byte:

    plink2 --bfile hapmap3 --pca 10
    plink2 --bfile hapmap3 --make-king-table --king-table-filter 0.0442
"""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.genotypes import Genotypes
from genopheno.structure.ancestry import ancestry, read_labels
from genopheno.structure.pruning import prune
from genopheno.structure.run import run
from genopheno.structure.variants import choose


@pytest.fixture(scope="module")
def hapmap3(data, tmp_path_factory):
    """Everyone in the set, as plink2 was run; and the folder of the data."""
    folder, out = data("hapmap3_pca"), tmp_path_factory.mktemp("structure")
    options = {"components": 10, "min_allele_frequency": 0.0, "max_kinship": 0.5}
    return folder, out, run(folder / "hapmap3", out, **options)


def test_components_up_to_sign(hapmap3):
    folder, out, summary = hapmap3
    values = np.loadtxt(folder / "expected" / "plink2_pca10.eigenval")
    assert summary["eigenvalues"] == pytest.approx(values, rel=1e-5)  # printed to six digits
    expected = pd.read_csv(folder / "expected" / "plink2_pca10.eigenvec", sep="\t")
    table = fields.read(out / "components.parquet")
    assert table["sample"].tolist() == expected["IID"].tolist()
    assert table["unrelated"].all()
    theirs = expected.filter(like="PC").to_numpy()
    ours = np.stack(table["scores"])
    ours = ours * np.sign((ours * theirs).sum(axis=0))
    assert np.abs(ours - theirs).max() < 1e-6  # printed to six digits


def test_the_202_related_pairs(hapmap3):
    folder, out, summary = hapmap3
    expected = pd.read_csv(folder / "expected" / "plink2_king_pairs.tsv", sep="\t")
    pairs = fields.read(out / "kinship.parquet")
    assert len(pairs) == len(expected) == 202
    ours = {frozenset((p.sample_1, p.sample_2)): p for p in pairs.itertuples()}
    for row in expected.itertuples():
        pair = ours[frozenset((row.IID1, row.IID2))]
        assert pair.n_variants == row.NSNP
        assert pair.ibs0 == pytest.approx(row.IBS0, abs=1e-6)
        assert pair.kinship == pytest.approx(row.KINSHIP, abs=1e-6)
    assert summary["pairs_by_relationship"] == {
        "first-degree": 47,
        "second-degree": 60,
        "third-degree": 95,
    }
    assert summary["kinship_reliable"]


def test_relatives_are_dropped_and_projected_into_their_population(hapmap3, tmp_path):
    folder, _, _ = hapmap3
    options = {"components": 4, "min_allele_frequency": 0.05, "max_kinship": 0.0884}
    summary = run(folder / "hapmap3", tmp_path, **options)
    dropped = summary["relatives_dropped"]
    table = fields.read(tmp_path / "components.parquet")
    assert len(dropped) == (~table["unrelated"]).sum() == 957 - summary["n_unrelated"]
    assert len(dropped) <= 107  # no more than one for each pair
    pairs = fields.read(tmp_path / "kinship.parquet")
    related = pairs[pairs["kinship"] > 0.0884]
    free = set(table["sample"][table["unrelated"]])
    assert not (related["sample_1"].isin(free) & related["sample_2"].isin(free)).any()

    scores, outside = np.stack(table["scores"]), ~table["unrelated"].to_numpy()
    # Projected relatives lie with the unrelated people of their continent; MEX and ASW, who
    # are admixed, left out.
    people = pd.read_csv(folder / "samples.tsv", sep="\t").set_index("iid")
    continents = {"CEU": 0, "TSI": 0, "CHB": 1, "CHD": 1, "JPT": 1, "GIH": 2, "YRI": 3}
    continents |= {"LWK": 3, "MKK": 3}
    continent = people["population"][table["sample"]].map(continents).to_numpy()
    centres = np.stack([scores[~outside & (continent == c)].mean(axis=0) for c in range(4)])
    known = outside & ~np.isnan(continent)
    nearest = ((scores[known][:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert known.sum() > 50
    assert (nearest == continent[known]).all()


def test_pruning_of_dense_variants_is_plink2_s(data, tmp_path):
    """504 people and 27,443 variants within 1 Mb, where windows hold thousands of them."""
    if shutil.which("plink2") is None:
        pytest.skip("plink2 is not installed")
    vcf = data("kgp_chr7_eas") / "kgp_chr7_eas.vcf.gz"
    for command in (
        ["--vcf", vcf, "--set-all-var-ids", "@:#:$r:$a", "--new-id-max-allele-len", "999",
         "--make-bed"],
        ["--bfile", tmp_path / "g", "--mac", "1", "--indep-pairwise", "200kb", "0.2"],
    ):  # fmt: skip
        subprocess.run(
            ["plink2", *command, "--out", tmp_path / "g"], check=True, capture_output=True
        )
    genotypes = Genotypes.open(tmp_path / "g")
    keep, _, frequency = choose(genotypes, 0.0)
    kept = prune(genotypes, keep, frequency, r2=0.2, window_kb=200)
    expected = set((tmp_path / "g.prune.in").read_text().split())
    assert 500 < len(expected) < 5000
    assert set(genotypes.variants["variant_id"][kept]) == expected


GROUPS = {"AFR": ("ASW", "LWK", "MKK", "YRI"), "AMR": ("MEX",), "EAS": ("CHB", "CHD", "JPT"),
          "EUR": ("CEU", "TSI"), "SAS": ("GIH",)}  # fmt: skip


@pytest.fixture(scope="module")
def labelled(data, tmp_path_factory):
    """Panel of HapMap 3 with continental groups, as 1000 Genomes names them; and populations."""
    folder = data("hapmap3_pca")
    people = pd.read_csv(folder / "samples.tsv", sep="\t").set_index("iid")["population"]
    of = {population: group for group, held in GROUPS.items() for population in held}
    path = tmp_path_factory.mktemp("labels") / "labels.tsv"
    table = people.map(of).rename("group").rename_axis("sample").reset_index()
    table.sample(frac=1, random_state=1).to_csv(path, sep="\t", index=False)
    return folder / "hapmap3", path, people


def grouped(cohort: Genotypes, panel: Genotypes, labels: np.ndarray):
    return ancestry(
        cohort, panel, labels, min_allele_frequency=0.05, n_components=4, min_probability=0.9,
        min_shared_variants=1000, ld_r2=1, ld_window_kb=1000,
    )  # fmt: skip


def test_leave_one_out_into_continental_groups(labelled):
    prefix, path, _ = labelled
    genotypes = Genotypes.open(prefix)
    labels, _ = read_labels(path, genotypes.samples)
    facts = grouped(genotypes, genotypes, labels).facts
    assert facts["leave_one_out_accuracy"] >= 0.99
    assert {name: sum(row.values()) for name, row in facts["leave_one_out"].items()} == {
        "AFR": 384, "AMR": 48, "EAS": 247, "EUR": 191, "SAS": 87
    }  # fmt: skip


def test_people_who_took_no_part_in_the_axes_are_grouped_as_well(labelled):
    """Half of the people label the other half: axes and groups know nothing of them."""
    prefix, path, _ = labelled
    genotypes = Genotypes.open(prefix)
    labels, _ = read_labels(path, genotypes.samples)
    half = np.random.default_rng(1).random(len(labels)) < 0.5
    right = 0
    for held in (half, ~half):
        known = np.where(held, None, labels)
        right += (grouped(genotypes, genotypes, known).group[held] == labels[held]).sum()
    assert right / len(labels) >= 0.99


def test_without_a_group_for_them_people_are_mostly_unassigned(labelled):
    """A panel without South Asians and Mexicans must not call them something else for sure."""
    prefix, path, people = labelled
    genotypes = Genotypes.open(prefix)
    labels, _ = read_labels(path, genotypes.samples)
    known = np.where(np.isin(labels, ["SAS", "AMR"]), None, labels)
    found = grouped(genotypes, genotypes, known)
    gih = people[genotypes.samples].to_numpy() == "GIH"
    assert (found.group[gih] == "unassigned").mean() > 0.95
    assert (found.group[~gih & (labels != "AMR")] == labels[~gih & (labels != "AMR")]).mean() > 0.99
