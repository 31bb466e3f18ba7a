"""957 HapMap 3 people of 11 populations: plink2's components and kinship are the answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.structure.run import run


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
    assert np.abs(ours - theirs).max() < 2e-6


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
