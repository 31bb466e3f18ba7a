"""`engine: hail` against EPACTS (logistic), and statsmodels (least squares, missing values).

Gene tests against Hail's own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from genopheno import fields, pvalues, tools
from genopheno.association.design import Design, TraitDesign
from genopheno.association.genes import null, scan, setfiles
from genopheno.association.genes.gene import Options
from genopheno.association.genes.mixture import log_upper_tail
from genopheno.chromosomes import SexChromosomes
from genopheno.cohort.join import join
from genopheno.cohort.regression import run
from genopheno.cohort.session import hail_session
from genopheno.files import read_json, write_json
from genopheno.genotypes import Genotypes
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


def test_gene_tests_are_hails(epacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SKAT against ``hl.skat``, tails of mixtures against ``hl.pgenchisq`` (Davies' method).

    Hail's accuracy is absolute, 1e-6 by default. The saddlepoint, which Hail has not, is off.
    """
    matrix, design, _ = epacts
    prefix = matrix.parent / "genotypes"
    names = list(Genotypes.open(prefix).variants.variant_id)
    group = tmp_path / "groups.txt"
    group.write_text(f"G var {' '.join(names)}\nG anno {' '.join('m' for _ in names)}\n")
    setfiles.run(prefix, tmp_path / "sets.parquet", saige=group)
    monkeypatch.setattr(null, "REFINED", np.inf)
    table = pd.read_parquet(design)
    traits = [
        TraitDesign(
            t["name"],
            t["type"],
            table[f"y:{t['name']}"].to_numpy(),
            table[[f"x:{t['name']}:{c}" for c in t["covariates"]]].to_numpy(),
            t["covariates"],
        )
        for t in read_json(design.with_suffix(".json"))["traits"][:2]
    ]
    made = Design(table["sample"].tolist(), traits)
    options = Options(max_frequency=(1.0,), ultra_rare_allele_count=0)
    more = {"firth_below": 0.0, "exact_firth_below": 0.0}
    scan.run(prefix, made, tmp_path / "sets.parquet", options=options, out_dir=tmp_path, **more)
    weights, q = np.array([6.0, 3, 1, 0.4]), np.array([0.5, 4.0, 30.0, 90.0])
    with hail_session(tmp_path / "spark", threads=2, memory_mb=3500, small=True) as hl:
        for trait in made.fitted:
            skat = pd.read_parquet(tmp_path / f"{trait.name}.parquet").query("test == 'skat'")
            variants = pd.read_parquet(tmp_path / f"variants/{trait.name}.parquet")
            f = variants.effect_allele_frequency.to_numpy()
            weight = stats.beta.pdf(np.minimum(f, 1 - f), 1, 25) ** 2
            by_place = dict(zip(variants.base_pair_location.tolist(), weight.tolist(), strict=True))
            values = np.column_stack([trait.y, trait.x])
            people = {
                s: row.tolist()
                for s, row in zip(made.samples, values, strict=True)
                if not np.isnan(row).any()
            }
            mt = hl.read_matrix_table(str(matrix))
            mt = mt.annotate_cols(_v=hl.literal(people).get(mt.s))
            mt = mt.filter_cols(hl.is_defined(mt._v))
            mt = mt.annotate_rows(_w=hl.literal(by_place).get(mt.locus.position))
            mt = mt.filter_rows(hl.is_defined(mt._w))
            binary = trait.type == "binary"
            (found,) = hl.skat(
                key_expr=hl.str("G"),
                weight_expr=mt._w,
                y=mt._v[0],
                x=hl.float64(mt.GT.n_alt_alleles()),
                covariates=[1.0, *(mt._v[i] for i in range(1, values.shape[1]))],
                logistic=(50, 1e-10) if binary else False,
                accuracy=1e-7,
                iterations=1_000_000,
            ).collect()
            assert found.fault == 0
            assert found.size == len(variants) == skat.n_variants.iloc[0]
            ours = 10 ** -skat.neg_log10_p_value.iloc[0]
            assert ours == pytest.approx(found.p_value, abs=1e-6)
        for each in q:
            told = hl.eval(
                hl.pgenchisq(
                    each, w=weights.tolist(), k=[1] * 4, lam=[0.0] * 4, mu=0.0, sigma=0.0,
                    min_accuracy=1e-7, max_iterations=1_000_000,
                )
            )  # fmt: skip
            ours = np.exp(log_upper_tail(each, weights)[0])
            assert 1 - ours == pytest.approx(told.value, abs=1e-6)


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
