"""The exact linear mixed model against GEMMA, and its calibration among relatives."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from genopheno import fields
from genopheno.association import build, scan
from genopheno.association.mixed import GRID, Mixed, Relationship
from genopheno.association.projection import Space
from genopheno.genotypes import Genotypes, write_bed

COVARIATES = ["x1", "x2"]


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """As the commands do it: the workers are ours, not those of the linear algebra library."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def cohort(data, tmp_path_factory):
    """The families of SAIGE's example with every fifth variant, 2 % of half of them missing."""
    source = data("gwas_saige")
    folder = tmp_path_factory.mktemp("lmm")
    genotypes = Genotypes.open(source / "plinkforGRM_1000samples_10kMarkers")
    dosages = genotypes.dosages(0, genotypes.n_variants, dtype=np.int8)[::5]
    rng = np.random.default_rng(2)
    dosages[::2][rng.random(dosages[::2].shape) < 0.02] = -1
    variants = genotypes.variants.iloc[::5]
    write_bed(folder / "g", dosages, variants, genotypes.samples)
    people = pd.read_csv(source / "phenotypes.txt", sep=r"\s+", dtype={"IID": str})
    people = people.rename(columns={"IID": "participant"})
    people = people.set_index("participant").loc[genotypes.samples].reset_index()
    return folder / "g", people


def associate(prefix, people, traits, out, threads=2):
    names = Genotypes.open(prefix).samples
    made = build.design(
        pd.DataFrame({"sample": names, "participant": names}),
        people,
        {"traits": traits},
        None,
        n_components=0,
        relatives="keep",
        choose=lambda trait: ("lmm", "test"),
    )
    scan.run(
        prefix,
        made,
        min_allele_count=1,
        firth_below=0.05,
        exact_firth_below=1e-4,
        threads=threads,
        out_dir=out,
    )
    told = json.loads((out / "scan.json").read_text())["traits"]
    return {
        t["name"]: (fields.read(out / f"{t['name']}.parquet").set_index("variant_id"), t)
        for t in told
    }


def trait(name, kind="quantitative"):
    return {"name": name, "type": kind, "covariates": COVARIATES}


TRAITS = [trait("y_quantitative"), trait("y_binary", "binary")]


@pytest.fixture(scope="module")
def ours(cohort, tmp_path_factory):
    return associate(*cohort, TRAITS, tmp_path_factory.mktemp("ours"))


@pytest.mark.skipif(not shutil.which("gemma"), reason="gemma is absent")
@pytest.mark.parametrize("name", ["y_quantitative", "y_binary"])
def test_every_variant_as_gemma(cohort, ours, tmp_path, name):
    """gemma -gk 1, then gemma -lmm 1 -c covariates: the same test, as far as it is printed."""
    prefix, people = cohort
    for extension in ("bed", "bim"):
        (tmp_path / f"g.{extension}").symlink_to(f"{prefix}.{extension}")
    fam = pd.read_csv(f"{prefix}.fam", sep="\t", header=None, dtype=str)
    fam[5] = people[name].to_numpy()
    fam.to_csv(tmp_path / "g.fam", sep=" ", header=False, index=False)
    people.assign(one=1)[["one", *COVARIATES]].to_csv(
        tmp_path / "covariates.txt", sep="\t", header=False, index=False
    )
    for words in (
        ["-gk", "1", "-o", "k"],
        ["-lmm", "1", "-k", "output/k.cXX.txt", "-c", "covariates.txt", "-o", "a"],
    ):
        command = ["gemma", "-bfile", "g", *words]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    theirs = pd.read_csv(tmp_path / "output/a.assoc.txt", sep="\t", dtype={"rs": str})
    theirs = theirs.set_index("rs")
    assert len(theirs) > 1900
    table, told = ours[name]
    table = table.loc[theirs.index]
    assert set(table.test) == {"lmm"}
    np.testing.assert_array_equal(1000 - table.n, theirs.n_miss)
    sign = np.where(table.effect_allele == theirs.allele1.astype(str), 1, -1)
    share = people[name].mean()
    unit = share * (1 - share) if name == "y_binary" else 1
    # Seven significant digits are printed; GEMMA ends its search for λ at steps of 1e-5.
    np.testing.assert_allclose(
        table.beta * sign * unit / theirs.se, theirs.beta / theirs.se, rtol=0, atol=1e-5
    )
    np.testing.assert_allclose(table.standard_error * unit, theirs.se, rtol=3e-6)
    np.testing.assert_allclose(10**-table.neg_log10_p_value, theirs.p_wald, rtol=3e-5)
    log = (tmp_path / "output/a.log.txt").read_text()
    (pve,) = [line.split("=")[1] for line in log.splitlines() if line.startswith("## pve")]
    np.testing.assert_allclose(told["heritability"], float(pve), atol=2e-5)


def test_the_likelihood_is_at_its_maximum(cohort):
    """Against a fine search of the null model's likelihood, written with dense matrices."""
    prefix, people = cohort
    genotypes = Genotypes.open(prefix)
    used = np.arange(1000) < 120
    x = np.column_stack([np.ones(1000), people[COVARIATES]])
    y = people.y_quantitative.to_numpy()
    relationship = Relationship(genotypes, used, 1)
    model = Mixed(y, x, Space(x, used), relationship, binary=False)
    u, d = relationship.vectors, relationship.eigenvalues
    kinship = (u * d) @ u.T
    x, y = x[used], y[used]

    def likelihood(log_lambda):
        v = np.linalg.inv(np.exp(log_lambda) * kinship + np.eye(120))
        inner = x.T @ v @ x
        p = v - v @ x @ np.linalg.solve(inner, x.T @ v)
        return -0.5 * (
            -np.linalg.slogdet(v)[1] + np.linalg.slogdet(inner)[1] + 117 * np.log(y @ p @ y)
        )

    points = np.linspace(GRID[0], GRID[-1], 2001)
    best = points[np.argmax([likelihood(point) for point in points])]
    found = model._maximise(None, 1)[0]
    assert abs(found - best) <= points[1] - points[0]
    assert likelihood(found) >= likelihood(best) - 1e-9


def test_relatives_are_calibrated(data, tmp_path):
    """Families, a trait with heritability 0.8, none of it from the variants tested."""
    source = data("gwas_saige") / "plinkforGRM_1000samples_10kMarkers"
    genotypes = Genotypes.open(source)
    dosages = genotypes.dosages(0, genotypes.n_variants, dtype=np.int8)
    rng = np.random.default_rng(4)
    spread = np.maximum(dosages.std(1, keepdims=True), 0.01)
    standard = (dosages - dosages.mean(1, keepdims=True)) / spread
    value = rng.normal(size=(2, 8000)) @ standard[:8000]
    y = value / value.std(1, keepdims=True) + rng.normal(size=(2, 1000)) * 0.5
    kept = np.r_[0:8000:4, 8000:10000]
    write_bed(tmp_path / "g", dosages[kept], genotypes.variants.iloc[kept], genotypes.samples)
    people = pd.DataFrame({"participant": genotypes.samples, "y0": y[0], "y1": y[1]})
    traits = [{"name": name, "type": "quantitative"} for name in ("y0", "y1")]
    found = associate(tmp_path / "g", people, traits, tmp_path)
    tables = [table.iloc[2000:] for table, _ in found.values()]
    p = 10 ** -pd.concat(tables).neg_log10_p_value
    # Neighbouring variants of a family are not independent: bounds of about 4 binomial errors.
    assert 0.03 < (p < 0.05).mean() < 0.07
    assert 0.004 < (p < 0.01).mean() < 0.018
    assert all(0.6 < told["heritability"] < 0.95 for _, told in found.values())


def test_people_without_relationship_cannot_be_fitted(tmp_path):
    rng = np.random.default_rng(1)
    dosages = np.zeros((20, 30), dtype=np.int8)
    dosages[:, 0] = 1  # all too rare for a relationship at 0.01 of 300 people
    dosages = np.tile(dosages, (1, 10)) * (np.arange(300) == 0)
    variants = pd.DataFrame(
        {
            "variant_id": [f"v{i}" for i in range(20)],
            "contig": "1",
            "position": range(1, 21),
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    names = [f"s{i}" for i in range(300)]
    write_bed(tmp_path / "g", dosages, variants, names)
    with pytest.raises(ValueError, match="no variant is left"):
        Relationship(Genotypes.open(tmp_path / "g"), rng.random(300) < 2, 1)
