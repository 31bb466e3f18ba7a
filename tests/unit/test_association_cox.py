"""Time-to-event traits against closed forms of Therneau and Grambsch, statsmodels and lifelines."""

from __future__ import annotations

import lifelines
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

from genopheno import fields
from genopheno.association import build, design, pvalues, scan
from genopheno.association.choice import Chooser
from genopheno.association.cox import firth
from genopheno.association.cox.model import Cox
from genopheno.association.cox.risksets import RiskSets
from genopheno.association.projection import Block, Projected, Space
from genopheno.genotypes import Genotypes, write_bed


def test_the_book_example_with_ties():
    """Therneau and Grambsch 2000, appendix E: data set 1, Efron's approximation."""
    time, event, x = np.array([[9, 1, 0], [1, 1, 1], [1, 0, 1], [6, 1, 1], [6, 1, 0], [8, 0, 0]]).T
    risk = RiskSets(time.astype(float), event)
    for beta in (0.0, 1.676857):  # the second is the maximum, as printed in the book
        r = np.exp(beta)
        value, score, information = firth._Model(x[:, None] * 1.0, event, risk, False).state(
            np.array([beta])
        )
        np.testing.assert_allclose(
            value, 2 * beta - np.log(3 * r + 3) - np.log((r + 5) / 2) - np.log(r + 3)
        )
        np.testing.assert_allclose(
            score, (30 + 23 * r - r**3) / ((r + 1) * (r + 3) * (r + 5)), atol=1e-12
        )
        shares = np.array([r / (r + 1), r / (r + 5), r / (r + 3)])
        np.testing.assert_allclose(information, [[(shares - shares**2).sum()]])
    found = firth.fit(x[:, None] - 0.5, event, risk, penalised=False)
    assert found.beta[0] == pytest.approx(1.676857, abs=5e-7)


def test_the_book_example_with_delayed_entry():
    """Data set 2 of the same appendix: people come and go, two events at 9."""
    entry = np.array([1, 2, 5, 2, 1, 7, 3, 4, 8, 8.0])
    time = np.array([2, 3, 6, 7, 8, 9, 9, 9, 14, 17.0])
    event = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0])
    x = np.array([[1, 0, 0, 1, 0, 1, 1, 1, 0, 0.0]]).T
    model = firth._Model(x, event, RiskSets(time, event, entry), False)
    for beta in (0.0, -0.7):
        r = np.exp(beta)
        value, score, _ = model.state(np.array([beta]))
        logs = [r + 1, r + 2, *[3 * r + 2] * 2, *[3 * r + 1] * 2, 2 * r + 2]
        np.testing.assert_allclose(value, 4 * beta - np.log(logs).sum())
        expected = 1 / (r + 1) + 1 / (3 * r + 1) + 2 * (1 / (3 * r + 2) + 1 / (2 * r + 2))
        expected -= r / (r + 2) + 3 * r / (3 * r + 2) + 3 * r / (3 * r + 1)
        np.testing.assert_allclose(score, [expected], rtol=1e-12)


N, M = 400, 40


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Genotypes (every other variant with gaps), covariates, follow-up in whole months."""
    folder = tmp_path_factory.mktemp("cox")
    rng = np.random.default_rng(4)
    dosages = rng.binomial(2, rng.uniform(0.02, 0.5, (M, 1)), (M, N)).astype(np.int8)
    dosages[1::2][rng.random((M // 2, N)) < 0.06] = -1
    people = pd.DataFrame({"participant": [f"s{i}" for i in range(N)]})
    people["age"] = rng.normal(50, 9, N)
    people["male"] = (rng.random(N) < 0.5) * 1.0
    hazard = np.exp(0.05 * (people.age - 50) + 0.4 * people.male + 0.6 * (dosages[6] > 0))
    start = np.floor(rng.uniform(0, 24, N)) + 0.5  # statsmodels counts who enters at an event
    fate = np.ceil(start + rng.exponential(60 / hazard))
    end = np.ceil(start + rng.uniform(1, 60, N))
    people["ill"] = (fate <= end) * 1.0
    people["time:ill"] = np.minimum(fate, end)
    people["entry:ill"] = start
    variants = pd.DataFrame(
        {
            "variant_id": [f"1:{i}:G:A" for i in range(M)],
            "contig": "1",
            "position": np.arange(M) + 1,
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    write_bed(folder / "g", dosages, variants, people.participant.tolist())
    return folder / "g", people, np.where(dosages < 0, np.nan, dosages)


def model_of(prefix, people, *, entry=True, covariates=("age", "male"), used=None, below=(0, 0)):
    used = np.ones(len(people), bool) if used is None else used
    made = Cox(
        people["ill"].to_numpy(),
        people["time:ill"].to_numpy(),
        people["entry:ill"].to_numpy() if entry else None,
        people[list(covariates)].to_numpy(),
        Space(np.ones((len(people), 1)), used),
        firth_below=below[0],
        exact_firth_below=below[1],
    )
    block = Block(Genotypes.open(prefix), 0, M)
    return made, made.test(block, Projected(made.space, block), np.ones(M, bool))


def phreg(people, columns, keep=slice(None), *, entry=True):
    """The same model of statsmodels."""
    part = people[keep]
    return sm.PHReg(
        part["time:ill"],
        columns[keep],
        status=part["ill"],
        entry=part["entry:ill"] if entry else None,
        ties="efron",
    )


def raos(people, x, g, keep, *, entry=True):
    """Rao's statistic of the last column and the one-step estimate, by statsmodels."""
    null = phreg(people, x, keep, entry=entry).fit(disp=0, tol=1e-12).params if x.size else []
    full = phreg(people, np.column_stack([x, g]), keep, entry=entry)
    at = np.append(null, 0)
    score, information = full.score(at), -full.hessian(at)
    inverse = np.linalg.inv(information)
    return score[-1] ** 2 * inverse[-1, -1], score[-1] * inverse[-1, -1]


@pytest.mark.parametrize("entry", [True, False])
@pytest.mark.parametrize("covariates", [("age", "male"), ()])
def test_score_is_raos_without_missing_genotypes(cohort, entry, covariates):
    prefix, people, dosages = cohort
    used = np.arange(N) % 7 > 0
    _, ours = model_of(prefix, people, entry=entry, covariates=covariates, used=used)
    x = people[list(covariates)].to_numpy()
    for j in range(0, M, 2):
        chi2, beta = raos(people, x, dosages[j], used, entry=entry)
        assert np.square(ours.beta[j] / ours.standard_error[j]) == pytest.approx(chi2, rel=1e-6)
        assert ours.beta[j] == pytest.approx(beta, rel=1e-6)
        assert ours.neg_log10_p[j] == pytest.approx(-np.log10(stats.chi2.sf(chi2, 1)), rel=1e-5)


def test_score_with_missing_genotypes_is_near_the_refitted_one(cohort):
    prefix, people, dosages = cohort
    _, ours = model_of(prefix, people)
    x = people[["age", "male"]].to_numpy()
    worst = 0.0
    for j in range(1, M, 2):
        keep = ~np.isnan(dosages[j])
        chi2, _ = raos(people, x, dosages[j], keep)
        worst = max(worst, abs(np.square(ours.beta[j] / ours.standard_error[j]) - chi2))
    assert worst < 0.2
    print(worst)


def penalised(beta, model):
    return model.loglike(beta) + np.linalg.slogdet(-model.hessian(beta))[1] / 2


def maximum(model, k, free):
    """Penalised maximum over the first `free` of k coefficients, by a general maximiser."""
    start = np.zeros(free)
    for method, options in (
        ("BFGS", {"gtol": 1e-9}),
        ("Nelder-Mead", {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 20000, "maxfev": 20000}),
    ):
        out = optimize.minimize(
            lambda b: -penalised(np.pad(b, (0, k - free)), model), start, method=method,
            options=options,
        )  # fmt: skip
        start = out.x
    return out.x, -out.fun


def test_exact_firth_is_the_penalised_maximum(cohort):
    """The likelihood is statsmodels', the maximiser SciPy's; one variant has gaps."""
    prefix, people, dosages = cohort
    part = people.assign(age=(people.age - 50) / 10)
    _, ours = model_of(prefix, part, below=(1, 1))
    for j in (6, 7):
        keep = ~np.isnan(dosages[j])
        x = np.column_stack([part[["age", "male"]], dosages[j]])
        model = phreg(part, x, keep)
        full, value = maximum(model, 3, 3)
        null = maximum(model, 3, 2)[1]
        error = np.sqrt(np.linalg.inv(-model.hessian(full))[-1, -1])
        assert ours.beta[j] == pytest.approx(full[-1], abs=2e-6)
        assert ours.standard_error[j] == pytest.approx(error, rel=1e-5)
        assert ours.neg_log10_p[j] == pytest.approx(-np.log10(stats.chi2.sf(2 * (value - null), 1)))


def test_plain_fit_is_lifelines(cohort):
    _, people, dosages = cohort
    x = people[["age", "male"]].assign(g=dosages[6])
    theirs = lifelines.CoxPHFitter().fit(
        x.join(people[["time:ill", "entry:ill", "ill"]]), "time:ill", "ill", entry_col="entry:ill"
    )
    risk = RiskSets(*people[["time:ill", "ill", "entry:ill"]].to_numpy().T)
    scale = x.std().to_numpy()
    found = firth.fit(
        ((x - x.mean()) / scale).to_numpy(), people["ill"].to_numpy(), risk, penalised=False
    )
    np.testing.assert_allclose(found.beta / scale, theirs.params_, rtol=1e-6)
    error = np.sqrt(np.diag(np.linalg.inv(found.information))) / scale
    np.testing.assert_allclose(error, theirs.standard_errors_, rtol=1e-6)
    assert found.value == pytest.approx(theirs.log_likelihood_, rel=1e-10)
