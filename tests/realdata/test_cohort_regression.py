"""`engine: hail` against EPACTS (logistic), and statsmodels (least squares, missing values)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genopheno import fields, pvalues, tools
from genopheno.chromosomes import SexChromosomes
from genopheno.cohort.join import join
from genopheno.cohort.regression import run
from genopheno.files import write_json
from tests.realdata import cohort_project
from tests.realdata.cohort_project import need_java

pytestmark = pytest.mark.slow


def write_design(path: Path, samples: list[str], traits: dict[str, tuple[str, dict]]) -> None:
    """`traits`: name to (type, columns), where column 'y' is the trait, the others covariates."""
    columns: dict = {"sample": samples}
    described = []
    for name, (kind, values) in traits.items():
        covariates = [c for c in values if c != "y"]
        columns[f"y:{name}"] = values["y"]
        columns |= {f"x:{name}:{c}": values[c] for c in covariates}
        described.append({"name": name, "type": kind, "covariates": covariates, "reason": None})
    described.append({"name": "empty", "type": "binary", "covariates": [], "reason": "no cases"})
    pd.DataFrame(columns).to_parquet(path)
    write_json(path.with_suffix(".json"), {"traits": described})


@pytest.fixture(scope="module")
def epacts(data, tmp_path_factory) -> tuple[Path, Path, pd.DataFrame]:
    """Matrix, folder of the design, and what EPACTS says; 2,535 people x 5 variants."""
    need_java()
    source = data("gwas_hail_epacts")
    folder = tmp_path_factory.mktemp("epacts")
    vcf = source / "g1k_chr22_5snps.vcf.gz"
    project = cohort_project.make(folder / "in", vcf, {}, {})
    out = folder / "cohort"
    qc = {"min_call_rate": 0, "min_hwe_p_value": 0}
    join(**project.paths, out_dir=out, **qc, threads=2, memory_mb=3500)
    samples = list(project.units["sample"])
    fam = pd.read_csv(source / "samples.fam", sep=r"\s+", header=None).set_index(1).loc[samples]
    pcs = pd.read_csv(source / "covariates.tsv", sep="\t").set_index("IND_ID").loc[samples]
    random = np.random.default_rng(3)
    height = random.normal(170, 10, len(samples))
    height[::7] = np.nan
    pc1 = pcs["PC1"].to_numpy()
    write_design(
        folder / "design.parquet",
        samples,
        {
            "case": (
                "binary",
                {
                    "y": (fam[5] - 1).to_numpy(float),
                    "sex": (fam[4] - 1).to_numpy(float),
                    "PC1": pc1,
                    "PC2": pcs["PC2"].to_numpy(),
                },
            ),
            "height": (
                "quantitative",
                {"y": height, "PC1": np.where(np.isnan(height), np.nan, pc1)},
            ),
        },
    )
    expected = pd.read_csv(source / "expected_wald_firth.tsv", sep="\t").set_index("position")
    return out / "cohort.mt", folder / "design.parquet", expected


@pytest.mark.parametrize("test", ["wald", "firth"])
def test_logistic_is_that_of_epacts(epacts, tmp_path: Path, test: str) -> None:
    matrix, design, expected = epacts
    results = dict(
        run(matrix, design, tmp_path / "hail", min_allele_count=1, binary_test=test, threads=2)
    )
    assert list(results) == ["case", "height"]
    frame = results["case"].set_index("base_pair_location")
    truth = expected[expected["test"] == f"logistic_{test}"]
    assert len(truth) == 5
    p = 10 ** -pvalues.from_chi2(frame["statistic"].to_numpy())
    frame = frame.assign(p=p).loc[truth.index]
    for position, row in truth.iterrows():
        ours = frame.loc[position]
        assert ours["beta"] == pytest.approx(row["beta"], rel=row["rel_tol_beta"])
        assert ours["p"] == pytest.approx(row["p_value"], rel=row["rel_tol_other"])
        if test == "wald":
            error = row["standard_error"]
            assert ours["standard_error"] == pytest.approx(error, rel=row["rel_tol_other"])
    assert (frame["n"] == 2535).all() and (frame["n_cases"] == 1228).all()
    assert not (tmp_path / "hail").exists()


def test_score_then_firth(epacts, tmp_path: Path) -> None:
    """Below the threshold it is Firth; above, the one-step effect of the score test.

    The contig is taken for an X, whose pseudoautosomal regions alone are tested.
    """
    matrix, design, expected = epacts
    shared = ("22", 0, 16_115_877), ("22", 16_115_881, 17_000_000)
    options = {"min_allele_count": 10, "firth_below": 0.06, "threads": 2}
    chromosomes = SexChromosomes(x="22", pseudoautosomal=shared)
    results = dict(run(matrix, design, tmp_path / "h", chromosomes=chromosomes, **options))
    frame = results["case"].set_index("base_pair_location")
    firth = expected[expected["test"] == "logistic_firth"]
    assert 16117940 not in frame.index  # 7 alleles
    assert 16115878 in firth.index  # outside the regions
    assert frame["test"].to_dict() == {
        16060511: "score",
        16115882: "firth",
        16117953: "score",
    }
    assert frame.loc[16115882, "beta"] == pytest.approx(firth.loc[16115882, "beta"], rel=1e-4)
    assert set(frame.columns) | {"base_pair_location", "neg_log10_p_value"} == {
        *fields.names("association"),
        "statistic",
        "df",
    }
    part = pd.read_parquet(design)
    x = np.column_stack([np.ones(len(part)), part.filter(like="x:case:").to_numpy()])
    y = part["y:case"].to_numpy()
    for position in (16060511, 16117953):
        g = dosages(matrix.parent, position, list(part["sample"]))
        beta, error = score_by_hand(g, x, y)
        assert frame.loc[position, "beta"] == pytest.approx(beta, rel=1e-6)
        assert frame.loc[position, "standard_error"] == pytest.approx(error, rel=1e-6)

    import statsmodels.api as sm

    linear = results["height"].set_index("base_pair_location")
    used = part["y:height"].notna()
    for position in linear.index:
        g = dosages(matrix.parent, position, list(part["sample"]))[used]
        x = sm.add_constant(np.column_stack([g, part.loc[used, "x:height:PC1"]]))
        fit = sm.OLS(part.loc[used, "y:height"].to_numpy(), x).fit()
        row = linear.loc[position]
        assert row["beta"] == pytest.approx(fit.params[1], rel=1e-8)
        assert row["standard_error"] == pytest.approx(fit.bse[1], rel=1e-8)
        assert row["statistic"] == pytest.approx(fit.tvalues[1], rel=1e-8)
        assert (row["df"], row["n"]) == (fit.df_resid, used.sum())
        assert row["effect_allele_frequency"] == pytest.approx(g.mean() / 2, rel=1e-12)


def dosages(cohort: Path, position: int, samples: list[str]) -> np.ndarray:
    """ALT counts by way of plink2's own reading of the fileset."""
    prefix = cohort / f".dosages{position}"
    (chosen,) = (
        line.split()[1]
        for line in (cohort / "genotypes.bim").read_text().splitlines()
        if re.split(r"\s+", line)[3] == str(position)
    )
    plink = ["plink2", "--bfile", cohort / "genotypes", "--snp", chosen]
    alternate = cohort / f".alt{position}"
    alternate.write_text(f"{chosen}\t{chosen.split(':')[3]}\n", encoding="utf-8")
    tools.run([*plink, "--export", "A", "--export-allele", alternate, "--out", prefix])
    raw = pd.read_csv(f"{prefix}.raw", sep="\t").set_index("IID")
    return raw.iloc[:, -1].loc[samples].to_numpy(float)


def score_by_hand(g: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    import statsmodels.api as sm

    mu = sm.Logit(y, x).fit(disp=0, tol=1e-12).predict(x)
    w = mu * (1 - mu)
    xw = x * w[:, None]
    information = g @ (w * g) - (g @ xw) @ np.linalg.solve(x.T @ xw, xw.T @ g)
    return float(g @ (y - mu) / information), float(1 / np.sqrt(information))
