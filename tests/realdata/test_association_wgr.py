"""Whole-genome regression against REGENIE, scikit-learn and statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import chi2 as chi2_tail

from genopheno import fields
from genopheno.association import build, scan
from genopheno.association.firth import logistic
from genopheno.association.wgr import fit, level1
from genopheno.association.wgr import loco as loco_files
from genopheno.genotypes import Genotypes


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """As the commands do it: the workers are ours, not those of the linear algebra library."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def people(path):
    return pd.read_csv(path, sep=r"\s+", dtype={"FID": str, "IID": str}).rename(
        columns={"IID": "participant"}
    )


def designed(prefix, phenotypes, traits, model="wgr"):
    samples = Genotypes.open(prefix).samples
    return build.design(
        pd.DataFrame({"sample": samples, "participant": samples}),
        phenotypes,
        {"traits": traits},
        None,
        n_components=0,
        relatives="keep",
        choose=lambda trait: (model, "test"),
    )


def step1(prefix, made, scratch, block_size=1000, min_allele_frequency=0.0):
    return fit.run(
        prefix,
        made,
        [t.name for t in made.traits],
        block_size=block_size,
        min_allele_frequency=min_allele_frequency,
        threads=2,
        scratch=scratch,
    )


def step2(prefix, made, out, predictions=None, **options):
    if predictions is not None:
        predictions.write(out / "loco.parquet")
    options = {"min_allele_count": 1, "firth_below": 0.0, "exact_firth_below": 0.0} | options
    scan.run(
        prefix,
        made,
        threads=2,
        out_dir=out,
        loco=None if predictions is None else out / "loco.parquet",
        **options,
    )
    return {t.name: fields.read(out / f"{t.name}.parquet") for t in made.traits}


def quantitative(*names, covariates=()):
    return [{"name": n, "type": "quantitative", "covariates": list(covariates)} for n in names]


def test_step_1_writes_regenies_file(data, tmp_path, genopheno):
    """regenie --step 1 --bsize 1000 --lowmem, phenotype.txt: 23 rows of 500 predictions."""
    folder = data("gwas_regenie")
    prefix = folder / "step1/example.qc"
    designed(prefix, people(folder / "phenotype.txt"), quantitative("Y1")).write(
        tmp_path / "design.parquet"
    )
    genopheno(
        "loco", "--genotypes", prefix, "--design", "design.parquet", "--out", "loco.parquet",
        "--regenie-dir", "regenie", "--min-allele-frequency", "0",
        cwd=tmp_path,
    )  # fmt: skip
    expected = pd.read_csv(folder / "step1/expected/Y1.loco.gz", sep=r"\s+", index_col=0)
    ours = pd.read_csv(tmp_path / "regenie/Y1.loco", sep=r"\s+", index_col=0)
    assert expected.shape == (23, 500)
    assert set(ours.columns) == set(expected.columns)
    assert expected.loc[2].abs().max() > 0.5
    np.testing.assert_allclose(ours[expected.columns], expected, rtol=0, atol=5e-7)
    assert (tmp_path / "regenie/pred.list").read_text().split()[0] == "Y1"
    info = loco_files.read(tmp_path / "loco.parquet", Genotypes.open(prefix).samples).info
    assert "one chromosome" in info["notices"][0]


def test_step_2_against_regenie(data, tmp_path):
    """One chromosome: nothing is left to predict from, and step 2 is that of the data set."""
    folder = data("gwas_regenie")
    made = designed(folder / "example", people(folder / "phenotype.txt"), quantitative("Y1", "Y2"))
    tables = step2(folder / "example", made, tmp_path, step1(folder / "example", made, tmp_path))
    for trait, ours in tables.items():
        theirs = pd.read_csv(folder / f"expected/quantitative_{trait}.regenie.gz", sep=r"\s+")
        assert len(theirs) == len(ours) == 1000
        np.testing.assert_allclose(ours.beta, theirs.BETA, rtol=0, atol=1e-6)
        # REGENIE's score test has the residual variance without the variant: from t to it.
        df = ours.n - 2
        t2 = np.square(ours.beta / ours.standard_error)
        np.testing.assert_allclose(t2 * (df + 1) / (t2 + df), theirs.CHISQ, rtol=2e-5)
        score_error = ours.standard_error * np.sqrt((df + t2) / (df + 1))
        np.testing.assert_allclose(score_error, theirs.SE, rtol=0, atol=1e-6)


@pytest.fixture(scope="module")
def three(data, tmp_path_factory):
    """Three chromosomes; a quantitative and a binary trait with missing values."""
    folder = data("gwas_regenie")
    table = people(folder / "phenotype.txt").merge(
        people(folder / "covariates.txt").drop(columns="FID"), on="participant"
    )
    binary = people(folder / "phenotype_bin_wNA.txt").set_index("participant")
    table["case"] = binary.Y1.reindex(table.participant).to_numpy()
    table.loc[::17, "Y1"] = np.nan
    traits = [
        *quantitative("Y1", covariates=["V1", "V2"]),
        {"name": "case", "type": "binary", "covariates": ["V1"]},
    ]
    prefix = folder / "example_3chr"
    made = designed(prefix, table, traits)
    out = tmp_path_factory.mktemp("three")
    predictions = step1(prefix, made, out, block_size=60)
    return prefix, made, predictions, step2(prefix, made, out, predictions), out


def rebuilt(prefix, trait):
    """Step 1 once more, by scikit-learn's ridge and folds."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import StandardScaler

    genotypes = Genotypes.open(prefix)
    x = np.column_stack([np.ones(len(trait.y)), trait.x])
    free = np.eye(len(x)) - x @ np.linalg.pinv(x)
    dosage = genotypes.dosages(0, genotypes.n_variants, dtype=np.float64).T
    contig = np.array(genotypes.table["contig"].to_pylist())
    polymorphic = dosage.std(0) > 0
    dosage, contig = free @ dosage[:, polymorphic], contig[polymorphic]
    dosage /= np.linalg.norm(dosage, axis=0) / np.sqrt(len(x) - x.shape[1])
    # People without the trait stand at its mean.
    used, x = trait.used, x[trait.used]
    left = trait.y[used] - x @ np.linalg.lstsq(x, trait.y[used], rcond=None)[0]
    scale = np.linalg.norm(left) / np.sqrt(len(x) - x.shape[1])
    y = np.zeros(len(used))
    y[used] = left / scale
    h2 = np.array([0.01, 0.25, 0.5, 0.75, 0.99])
    columns, owners = [], []
    for name in dict.fromkeys(contig):
        rows = np.flatnonzero(contig == name)
        for start in range(0, len(rows), 60):
            block = dosage[:, rows[start : start + 60]]
            for penalty in len(contig) * (1 - h2) / h2:
                ridge = Ridge(penalty, fit_intercept=False, solver="cholesky")
                out = np.empty(len(y))
                for rest, fold in KFold(5).split(y):
                    out[fold] = ridge.fit(block[rest], y[rest]).predict(block[fold])
                columns.append(out)
                owners.append(name)
    stacked = StandardScaler().fit_transform(np.column_stack(columns)[used])
    stacked *= np.sqrt((len(stacked) - 1) / len(stacked))
    owners, taus = np.array(owners), len(columns) * (1 - h2) / h2
    if trait.type == "binary":
        cases = trait.y[used]
        offset = (
            sm.GLM(cases, x, family=sm.families.Binomial()).fit(tol=1e-12).predict(which="linear")
        )
        return stacked, owners, taus * 3 / np.pi**2, cases, offset, LogisticRegression
    return stacked, owners, taus, y[used], scale, Ridge


def folds(used):
    """Those of scikit-learn's KFold of everybody, among the people with the trait."""
    from sklearn.model_selection import KFold

    place = np.cumsum(used) - 1
    return [
        tuple(place[part[used[part]]] for part in parts)
        for parts in KFold(5).split(np.empty(len(used)))
    ]


def test_three_chromosomes_against_scikit_learn(three):
    from sklearn.linear_model import Ridge

    prefix, made, predictions, _, _ = three
    trait = made.traits[0]
    assert 450 < trait.n < 500
    assert trait.complete.sum() == 500  # divides by 5: both cut the same folds
    stacked, owners, taus, y, scale, _ = rebuilt(prefix, trait)
    losses, fitted = [], []
    for tau in taus:
        coefficients = np.empty((5, stacked.shape[1]))
        loss = 0
        for i, (rest, fold) in enumerate(folds(trait.used)):
            ridge = Ridge(tau, fit_intercept=False, solver="cholesky").fit(stacked[rest], y[rest])
            coefficients[i] = ridge.coef_
            loss += np.square(y[fold] - ridge.predict(stacked[fold])).sum()
        losses.append(loss / len(y))
        fitted.append(coefficients)
    entry = predictions.info["traits"][0]
    np.testing.assert_allclose(entry["losses"], losses, rtol=1e-7)
    best = fitted[int(np.argmin(losses))]
    for contig in ("1", "2", "3"):
        others = owners != contig
        expected = np.empty(len(y))
        for i, (_, fold) in enumerate(folds(trait.used)):
            expected[fold] = stacked[fold][:, others] @ best[i, others]
        ours = predictions.of("Y1", contig)[trait.used]
        np.testing.assert_allclose(ours, expected * scale, rtol=0, atol=1e-7)
        assert np.abs(expected).max() > 0.05


def test_logistic_level_1_against_scipy(three):
    """The penalised likelihood is at its maximum, by a general minimiser."""
    from scipy.optimize import minimize

    prefix, made, predictions, _, _ = three
    stacked, _, taus, cases, offset, _ = rebuilt(prefix, made.traits[1])
    n = len(cases) // 5 * 5
    stacked, cases, offset = stacked[:n], cases[:n], offset[:n]
    slices = [slice(a, a + n // 5) for a in range(0, n, n // 5)]
    joined = level1.logistic_ridge(np.ascontiguousarray(stacked.T), cases, offset, slices)
    losses = []
    for tau in taus:
        loss = 0
        for fold in slices:
            rest = np.setdiff1d(np.arange(n), np.arange(n)[fold])
            x, y, o = stacked[rest], cases[rest], offset[rest]

            def negative(beta, x=x, y=y, o=o, tau=tau):
                eta = o + x @ beta
                value = np.logaddexp(0, np.where(y > 0.5, -eta, eta)).sum() + tau / 2 * beta @ beta
                return value, tau * beta - x.T @ (y - logistic(eta))

            found = minimize(negative, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B",
                             options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 5000})  # fmt: skip
            eta = offset[fold] + stacked[fold] @ found.x
            loss += np.logaddexp(0, np.where(cases[fold] > 0.5, -eta, eta)).sum()
        losses.append(loss / n)
    np.testing.assert_allclose(joined.losses, losses, rtol=1e-6)
    assert joined.chosen == int(np.argmin(losses))
    entry = predictions.info["traits"][1]
    assert entry["reason"] is None
    assert np.nanmax(np.abs(predictions.of("case", "2"))) > 1e-4


def test_step_2_against_statsmodels(three):
    """Linear: least squares on what is left; binary: likelihood ratio with the offset given."""
    prefix, made, predictions, tables, out = three
    genotypes = Genotypes.open(prefix)
    dosages = genotypes.dosages(0, genotypes.n_variants, dtype=np.float64)
    contig = genotypes.table["contig"].to_pylist()
    y1, case = made.traits
    exact = step2(prefix, made, out / "exact", predictions, firth_below=1.0, exact_firth_below=1.0)
    row_of = {v: i for i, v in enumerate(genotypes.table["variant_id"].to_pylist())}
    for at in (0, 49, 50, 200, 449, 450, 499):
        ours = tables["Y1"].iloc[at]
        j = row_of[ours.variant_id]
        used = y1.used & ~np.isnan(dosages[j])
        x = np.column_stack([np.ones(used.sum()), y1.x[used], dosages[j][used]])
        model = sm.OLS(y1.y[used] - predictions.of("Y1", contig[j])[used], x).fit()
        np.testing.assert_allclose(ours.beta, model.params[-1], rtol=1e-9)
        np.testing.assert_allclose(ours.standard_error, model.bse[-1], rtol=1e-9)

        ours = tables["case"].iloc[at]
        j = row_of[ours.variant_id]
        used = case.used & ~np.isnan(dosages[j])
        assert (used == case.used).all()
        offset = predictions.of("case", contig[j])[used]
        x = np.column_stack([np.ones(used.sum()), case.x[used]])
        null = sm.GLM(case.y[used], x, sm.families.Binomial(), offset=offset).fit(tol=1e-12)
        chi2, _ = null.score_test(exog_extra=dosages[j][used][:, None])
        theirs = chi2_tail.sf(chi2, 1)
        np.testing.assert_allclose(10**-ours.neg_log10_p_value, theirs, rtol=1e-6)
        # Firth's estimate lies near the maximum of the likelihood for common variants.
        x = np.column_stack([x, dosages[j][used]])
        whole = sm.GLM(case.y[used], x, sm.families.Binomial(), offset=offset).fit(tol=1e-12)
        firth = exact["case"].iloc[at]
        assert firth.test == "firth"
        np.testing.assert_allclose(firth.beta, whole.params[-1], rtol=0.05, atol=0.01)


@pytest.fixture(scope="module")
def families(data, tmp_path_factory):
    """Families with three polygenic traits.

    The one chromosome of the file stands for two: the polygenic part (heritability 0.8) comes
    from the first, and every thousandth variant of the second has an effect, too.
    """
    folder = tmp_path_factory.mktemp("families")
    source = data("gwas_saige") / "plinkforGRM_1000samples_10kMarkers"
    genotypes = Genotypes.open(source)
    dosages = genotypes.dosages(0, genotypes.n_variants, dtype=np.float64)
    mean = np.nanmean(dosages, 1, keepdims=True)
    dosages = np.where(np.isnan(dosages), mean, dosages) - mean
    rng = np.random.default_rng(4)
    bim = pd.read_csv(source.with_suffix(".bim"), sep=r"\s+", header=None, dtype=str)
    half = len(bim) // 2
    bim[0] = np.where(np.arange(len(bim)) < half, "1", "2")
    for extension in ("bed", "fam"):
        (folder / f"g.{extension}").symlink_to(f"{source}.{extension}")
    bim.to_csv(folder / "g.bim", sep="\t", header=False, index=False)
    spread = dosages.std(1, keepdims=True)
    standard = np.divide(dosages, spread, out=np.zeros_like(dosages), where=spread > 0)
    value = rng.normal(size=(3, half)) @ standard[:half]
    value /= value.std(1, keepdims=True)
    common = np.flatnonzero((mean[half:, 0] > 0.2) & (mean[half:, 0] < 1.8)) + half
    planted = common[:: len(common) // 10]
    y = value + rng.normal(size=value.shape) * 0.5 + 0.15 * standard[planted].sum(0)
    table = pd.DataFrame({"participant": genotypes.samples}).assign(
        **{f"y{i}": each for i, each in enumerate(y)}
    )
    return folder / "g", table, quantitative("y0", "y1", "y2"), bim[1][planted].tolist()


def chi_squared(tables, planted):
    """Of the second chromosome: genomic control, and the mean of the planted effects."""
    table = pd.concat(tables.values())
    table = table[table.chromosome == "2"]
    chi2 = np.square(table.beta / table.standard_error)
    strong = table.variant_id.isin(planted)
    return chi2[~strong].median() / 0.4549, chi2[strong].mean()


def test_step_1_takes_the_polygenic_part_of_families_away(families, tmp_path):
    prefix, table, traits, planted = families
    plain = step2(
        prefix, designed(prefix, table, traits, "regression"), tmp_path, min_allele_count=20
    )
    made = designed(prefix, table, traits)
    for trait in made.traits:
        trait.info["n_related"] = 900  # as the join tells it from kinship
    predictions = step1(prefix, made, tmp_path, 500, 0.01)
    assert "relatives" in predictions.info["traits"][0]["notices"][0]
    tables = step2(prefix, made, tmp_path, predictions, min_allele_count=20)
    inflation, strength = chi_squared(plain, planted)
    ours, gained = chi_squared(tables, planted)
    assert inflation > 1.3
    assert ours < 1.1
    assert len(planted) >= 10
    assert gained / ours > strength / inflation
