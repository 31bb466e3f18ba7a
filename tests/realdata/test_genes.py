"""Gene tests on the gene sets of REGENIE's and SAIGE's own examples, through the commands."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from genopheno.association.design import Design, TraitDesign
from genopheno.files import read_json
from genopheno.genotypes import Genotypes


def written(folder, samples: list[str], table: pd.DataFrame, covariates, traits: dict[str, str]):
    """Design of these traits (name to type), of people and covariates of a table by IID."""
    table = table.reindex(samples)
    made = []
    for name, kind in traits.items():
        y = table[name].to_numpy(float)
        x = np.where(np.isnan(y)[:, None], np.nan, table[covariates].to_numpy(float))
        made.append(TraitDesign(name, kind, y, x, list(covariates)))
    design = Design(samples, made)
    design.write(folder / "design.parquet")
    return design


def test_sets_of_regenie_on_three_chromosomes(data, genopheno, tmp_path) -> None:
    source = data("gwas_regenie")
    prefix = source / "example_3chr"
    genotypes = Genotypes.open(prefix)

    def people(name: str) -> pd.DataFrame:
        return pd.read_csv(source / name, sep=r"\s+", dtype={"IID": str}).set_index("IID")

    table = people("phenotype.txt")[["Y1"]].join(people("covariates.txt")[["V1", "V2"]])
    table["B1"] = people("phenotype_bin.txt")["Y1"]
    traits = {"Y1": "quantitative", "B1": "binary"}
    design = written(tmp_path, genotypes.samples, table, ["V1", "V2"], traits)
    files = [prefix.with_name(f"example_3chr.{end}") for end in ("annotations", "setlist", "masks")]
    sets = tmp_path / "sets.parquet"
    genopheno("gene-sets", "--genotypes", prefix, "--regenie", *files, "--out", sets, cwd=tmp_path)
    told = read_json(tmp_path / "sets.json")
    named = sum(len(line.split()[3].split(",")) for line in open(files[1]))
    assert sum(told["left_out"].values()) + told["n_variants"] == named
    for out, threads in (("one", 1), ("two", 2)):
        genopheno(
            "gene-tests", "--genotypes", prefix, "--design", tmp_path / "design.parquet",
            "--sets", sets, "--max-frequency", 1, "--max-frequency", 0.1,
            "--min-allele-count", 1, "--out-dir", tmp_path / out, "--threads", threads,
            cwd=tmp_path,
        )  # fmt: skip
    for name in ("Y1.parquet", "Y1.tsv.gz", "B1.parquet", "left_out/B1.parquet", "genes.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()

    # Burdens by regression of the genotypes as they are read here.
    rows = pd.read_parquet(tmp_path / "one/Y1.parquet").query("test == 'burden'")
    assert len(rows) >= 2
    members = pd.read_parquet(sets)
    place = {v: i for i, v in enumerate(genotypes.variants.variant_id)}
    trait = design.traits[0]
    used = trait.used
    x = np.column_stack([np.ones(used.sum()), trait.x[used]])
    for row in rows.itertuples():
        inside = np.array([row.mask in some for some in members.masks])
        here = members[(members.gene_id == row.gene_id) & inside]
        g = np.stack([genotypes.dosages(place[v], place[v] + 1)[0, used] for v in here.variant_id])
        g = np.where(np.isnan(g), np.nanmean(g, 1, keepdims=True), g)
        f = g.mean(1) / 2
        load = g[(f > 0) & (f <= row.max_frequency)].max(0)
        columns = np.column_stack([load, x])
        beta, left = np.linalg.lstsq(columns, trait.y[used], rcond=None)[:2]
        df = used.sum() - 4
        se = np.sqrt(left[0] / df * np.linalg.inv(columns.T @ columns)[0, 0])
        assert row.beta == pytest.approx(beta[0], rel=1e-5, abs=1e-8)
        expected = -np.log10(2 * stats.t.sf(abs(beta[0] / se), df))
        assert row.neg_log10_p_value == pytest.approx(expected, rel=1e-4, abs=1e-8)


def test_groups_of_saige_in_families(data, genopheno, tmp_path) -> None:
    """98 cases of 1,000 people; a genotype file of 10,000, of whom the others are not tested."""
    source = data("gwas_saige")
    prefix = source / "genotype_100markers"
    table = pd.read_csv(source / "phenotypes.txt", sep=" ").set_index("IID")
    traits = {"y_quantitative": "quantitative", "y_binary": "binary"}
    written(tmp_path, Genotypes.open(prefix).samples, table, ["x1", "x2"], traits)
    genopheno(
        "gene-sets", "--genotypes", prefix, "--saige", source / "groups.txt",
        "--mask", "lof,missense", "--out", tmp_path / "sets.parquet", cwd=tmp_path,
    )  # fmt: skip
    genopheno(
        "gene-tests", "--genotypes", prefix, "--design", tmp_path / "design.parquet",
        "--sets", tmp_path / "sets.parquet", "--max-frequency", 0.1, "--max-frequency", 0.01,
        "--out-dir", tmp_path / "out", cwd=tmp_path,
    )  # fmt: skip
    told = read_json(tmp_path / "out/genes.json")
    assert told["n_genes"] == 3 and len(told["masks"]) == 4
    for trait in told["traits"]:
        assert trait["n"] == 1000
        # GENE3 is one variant that nobody of the 1,000 carries.
        assert trait["left_out"] == {"no variant": 10, "monomorphic": 2}
        assert set(trait["n_tests"].values()) == {12, 2}
    frame = pd.read_parquet(tmp_path / "out/y_binary.parquet").dropna(subset="mask")
    counted = frame[["n_carriers_cases", "n_carriers_controls"]].sum(axis=1)
    assert (counted == frame.n_carriers).all()
    wide = frame.pivot(
        index=["gene_id", "mask", "max_frequency"], columns="test", values="neg_log10_p_value"
    )
    assert wide.notna().all().all()
    parts = stats.cauchy.isf(np.minimum(10 ** -wide[["burden", "skat", "acat-v"]], 0.999))
    expected = -np.log10(stats.cauchy.sf(parts.mean(axis=1)))
    np.testing.assert_allclose(wide["acat-o"], expected, rtol=1e-6)
