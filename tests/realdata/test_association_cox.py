"""Time-to-event traits on published data: lifelines and statsmodels as oracles, real genotypes."""

from __future__ import annotations

import lifelines
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from genopheno import fields, pvalues
from genopheno.association import build, scan
from genopheno.clinical.check import check
from genopheno.clinical.phenotypes import write
from genopheno.files import read_json
from genopheno.genotypes import Genotypes

DECLARATION = """\
participant: IND_ID
covariates: [X]
traits:
  ill:
    column: casecontrol
    type: time-to-event
    time: AgeOfEventFinal
    unit: days
    case: [1]
    control: [0]
"""


def associate(prefix, people, traits, out, *, firth=0.05, exact=1e-4):
    samples = Genotypes.open(prefix).samples
    made = build.design(
        pd.DataFrame({"sample": samples, "participant": samples}),
        people,
        traits,
        None,
        n_components=0,
        relatives="keep",
    )
    scan.run(
        prefix, made, min_allele_count=10, firth_below=firth, exact_firth_below=exact,
        threads=2, out_dir=out,
    )  # fmt: skip
    return fields.read(out / f"{traits['traits'][0]['name']}.parquet")


@pytest.fixture(scope="module")
def declared(data, tmp_path_factory):
    """The survival phenotypes of SAIGE's example through `check`, as a user would hand them in."""
    out = tmp_path_factory.mktemp("declared")
    source = data("gwas_saige") / "phenotypes_survival.txt"
    (out / "phenotypes.yaml").write_text(DECLARATION)
    _, problems, _ = check(source, out / "phenotypes.yaml")
    # Two people have the event on the day they enter.
    assert [(p.code, p.column) for p in problems] == [("phenotype-value", "AgeOfEventFinal")]
    assert "(2 rows: " in problems[0].found
    table = pd.read_csv(source, sep="\t", dtype=str)
    table.loc[table.AgeOfEventFinal.astype(float) <= 0, "AgeOfEventFinal"] = "NA"
    table.to_csv(out / "people.tsv", sep="\t", index=False)
    clinical, problems, notes = check(out / "people.tsv", out / "phenotypes.yaml")
    assert problems == []
    assert notes == ["trait ill: 2 people with a status have no follow-up"]
    write(clinical, out / "phenotypes.parquet", out / "traits.json")
    return fields.read(out / "phenotypes.parquet"), read_json(out / "traits.json")


def test_saige_example(data, declared, tmp_path):
    """998 people, 224 events: scores as statsmodels', Firth fits near lifelines' plain ones."""
    people, traits = declared
    prefix = data("gwas_saige") / "genotype_100markers"
    scores = associate(prefix, people, traits, tmp_path / "score", firth=0).set_index("variant_id")
    fits = associate(prefix, people, traits, tmp_path / "firth", firth=1, exact=1)
    genotypes = Genotypes.open(prefix)
    place = {sample: i for i, sample in enumerate(genotypes.samples)}
    known = people.dropna()
    index = [place[p] for p in known.participant]
    assert (scores.n == 998).all() and (scores.n_cases == known.ill.sum()).all()
    assert set(fits.test) == {"cox-firth"} and fits.converged.all()
    null = sm.PHReg(known["time:ill"], known[["X"]], status=known.ill, ties="efron").fit(disp=0)
    away = []
    for row in fits.iloc[::5].itertuples():
        at = genotypes.table["variant_id"].to_pylist().index(row.variant_id)
        g = genotypes.decode(at, at + 1, (2, 0, 1, 0), np.float64)[0, index]
        model = sm.PHReg(
            known["time:ill"], np.column_stack([known.X, g]), status=known.ill, ties="efron"
        )
        b = np.append(null.params, 0)
        chi2 = model.score(b)[-1] ** 2 * np.linalg.inv(-model.hessian(b))[-1, -1]
        ours = scores.loc[row.variant_id]
        assert ours.neg_log10_p_value == pytest.approx(-np.log10(stats.chi2.sf(chi2, 1)), rel=1e-4)
        theirs = lifelines.CoxPHFitter().fit(
            known[["time:ill", "ill", "X"]].assign(g=g), "time:ill", "ill"
        )
        if g.sum() < 100:  # rarer alleles are what the penalty is for
            continue
        ratio = 2 * (theirs.log_likelihood_ - model.loglike(b))
        away.append(
            (
                abs(row.beta - theirs.params_["g"]) / theirs.standard_errors_["g"],
                row.standard_error / theirs.standard_errors_["g"] - 1,
                row.neg_log10_p_value - -np.log10(stats.chi2.sf(ratio, 1)),
            )
        )
    # What the penalty changes with so many events, in standard errors, shares and -log10 p.
    assert np.abs(away).max(axis=0) == pytest.approx([0, 0, 0], abs=0.15)


def test_lambda_in_families(data, declared, tmp_path):
    """10,000 markers of the same set, relatives taken for unrelated; and the trait shuffled."""
    people, traits = declared
    prefix = data("gwas_saige") / "plinkforGRM_1000samples_10kMarkers"
    shuffled = people.copy()
    order = np.random.default_rng(0).permutation(len(people))
    columns = people.columns.drop("participant")
    shuffled[columns] = people[columns].to_numpy()[order]
    found = [
        pvalues.lambda_gc(associate(prefix, p, traits, tmp_path / n).neg_log10_p_value.to_numpy())
        for n, p in (("families", people), ("shuffled", shuffled))
    ]
    assert found == pytest.approx([1.04, 0.96], abs=0.01)


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_error_rate_on_the_genotypes_of_hapmap3(data, tmp_path, share):
    """957 people, 13,000 variants with gaps; times that know nothing of them, left-truncated."""
    prefix = data("hapmap3_pca") / "hapmap3"
    rng = np.random.default_rng(3)
    names = Genotypes.open(prefix).samples
    people = pd.DataFrame({"participant": names, "age": rng.normal(size=len(names))})
    start = rng.uniform(0, 1, len(names))
    fate = start + rng.exponential(np.exp(-0.5 * people.age))
    end = start + np.quantile(fate - start, share) * rng.uniform(0.5, 1.5, len(names))
    people["t"], people["entry:t"] = (fate <= end) * 1.0, start
    people["time:t"] = np.minimum(fate, end)
    traits = {
        "traits": [{"name": "t", "type": "time-to-event", "entry": "e", "covariates": ["age"]}]
    }
    table = associate(prefix, people, traits, tmp_path)
    p = table.neg_log10_p_value.to_numpy()
    assert table.converged.all() and people.t.sum() == {0.02: 18, 0.3: 283}[share]
    for level in (5e-2, 1e-2, 1e-3):
        low, high = stats.binom.interval(0.999, len(p), level)
        assert low <= (p > -np.log10(level)).sum() <= high
