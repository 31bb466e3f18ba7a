"""Time-to-event traits against closed forms of Therneau and Grambsch, statsmodels and lifelines."""

from __future__ import annotations

import lifelines
import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

from genopheno.association.block import Block
from genopheno.association.cox import firth
from genopheno.association.cox.model import Cox
from genopheno.association.cox.risksets import RiskSets
from genopheno.association.projection import Projected, Space
from genopheno.genotypes import Genotypes
from tests.unit.followed import M, N, write_cohort, write_genotypes


def test_the_book_example_with_ties():
    """Therneau and Grambsch 2000, appendix E: data set 1, Efron's approximation."""
    time, event, x = np.array([[9, 1, 0], [1, 1, 1], [1, 0, 1], [6, 1, 1], [6, 1, 0], [8, 0, 0]]).T
    risk = RiskSets(time.astype(float), event)
    for beta in (0.0, 1.676857):  # the second is the maximum, as printed in the book
        r = np.exp(beta)
        value, score, information = firth.PartialLikelihood(
            x[:, None] * 1.0, event, risk, False
        ).state(np.array([beta]))
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
    model = firth.PartialLikelihood(x, event, RiskSets(time, event, entry), False)
    for beta in (0.0, -0.7):
        r = np.exp(beta)
        value, score, _ = model.state(np.array([beta]))
        logs = [r + 1, r + 2, *[3 * r + 2] * 2, *[3 * r + 1] * 2, 2 * r + 2]
        np.testing.assert_allclose(value, 4 * beta - np.log(logs).sum())
        expected = 1 / (r + 1) + 1 / (3 * r + 1) + 2 * (1 / (3 * r + 2) + 1 / (2 * r + 2))
        expected -= r / (r + 2) + 3 * r / (3 * r + 2) + 3 * r / (3 * r + 1)
        np.testing.assert_allclose(score, [expected], rtol=1e-12)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cox"))


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
    for j in range(0, M, 4):
        chi2, beta = raos(people, x, dosages[j], used, entry=entry)
        assert np.square(ours.beta[j] / ours.standard_error[j]) == pytest.approx(chi2, rel=1e-6)
        assert ours.beta[j] == pytest.approx(beta, rel=1e-6)
        assert ours.neg_log10_p[j] == pytest.approx(-np.log10(stats.chi2.sf(chi2, 1)), rel=1e-5)


def test_score_with_missing_genotypes_is_near_the_refitted_one(cohort):
    prefix, people, dosages = cohort
    _, ours = model_of(prefix, people)
    x = people[["age", "male"]].to_numpy()
    worst = 0.0
    for j in range(1, M, 4):
        keep = ~np.isnan(dosages[j])
        chi2, _ = raos(people, x, dosages[j], keep)
        worst = max(worst, abs(np.square(ours.beta[j] / ours.standard_error[j]) - chi2))
    assert worst < 0.1


def penalised(beta, model):
    return model.loglike(beta) + np.linalg.slogdet(-model.hessian(beta))[1] / 2


def maximum(model, k, free):
    """Penalised maximum over the first `free` of k coefficients, by a general maximiser."""
    out = optimize.minimize(
        lambda b: -penalised(np.pad(b, (0, k - free)), model), np.zeros(free),
        options={"gtol": 1e-7},
    )  # fmt: skip
    return out.x, -out.fun


def test_exact_firth_is_the_penalised_maximum(cohort):
    """The likelihood is statsmodels', the maximiser SciPy's; a variant with gaps."""
    prefix, people, dosages = cohort
    part = people.assign(age=(people.age - 50) / 10)
    _, ours = model_of(prefix, part, below=(1, 1))
    keep = ~np.isnan(dosages[7])
    model = phreg(part, np.column_stack([part[["age", "male"]], dosages[7]]), keep)
    full, value = maximum(model, 3, 3)
    null = maximum(model, 3, 2)[1]
    error = np.sqrt(np.linalg.inv(-model.hessian(full))[-1, -1])
    assert ours.beta[7] == pytest.approx(full[-1], abs=1e-5)
    assert ours.standard_error[7] == pytest.approx(error, rel=1e-5)
    p = stats.chi2.sf(2 * (value - null), 1)
    assert ours.neg_log10_p[7] == pytest.approx(-np.log10(p), rel=1e-5)
    # With 190 events the penalty changes little: the plain fit is near.
    plain = model.fit(disp=0)
    assert abs(ours.beta[7] - plain.params[-1]) < 0.05 * plain.bse[-1]


def test_approximate_firth_is_near_the_exact_one(cohort):
    prefix, people, _ = cohort
    exact, near = (model_of(prefix, people, below=(1, below))[1] for below in (1, 0))
    assert set(near.test) == {7} and set(exact.test) == {8}
    assert near.converged.all() and exact.converged.all()
    assert np.abs((near.beta - exact.beta) / exact.standard_error).max() < 0.05
    np.testing.assert_allclose(near.standard_error, exact.standard_error, rtol=0.05)
    np.testing.assert_allclose(near.neg_log10_p, exact.neg_log10_p, atol=0.03, rtol=0.05)


def test_plain_fit_is_lifelines(cohort):
    _, people, dosages = cohort
    x = people[["age", "male"]].assign(g=dosages[6])
    theirs = lifelines.CoxPHFitter().fit(
        x.join(people[["time:ill", "entry:ill", "ill"]]),
        "time:ill",
        "ill",
        entry_col="entry:ill",
        fit_options={"precision": 1e-12, "r_precision": 1e-14},
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


def test_carriers_who_all_fall_ill_first_have_a_finite_estimate():
    """Monotone likelihood: no plain maximum, a Firth maximum that can be written down.

    One carrier, who has the first of n events: l*(b) = b - log(r + n - 1) + log I / 2 with
    r = e^b and I = r (n - 1) / (r + n - 1)², so that the maximum is at r = 3 (n - 1).
    """
    n = 30
    time, event = np.arange(1.0, n + 1), np.ones(n)
    g = (np.arange(n) == 0)[:, None] * 1.0
    risk = RiskSets(time, event)
    assert not firth.fit(g, event, risk, penalised=False).converged
    found = firth.approximate(g, event, risk, np.ones(n))
    assert found.converged.all()
    assert found.beta[0] == pytest.approx(np.log(3 * (n - 1)))
    assert found.standard_error[0] == pytest.approx(4 / np.sqrt(3))
    beta, error, gain, converged = firth.ratio_test(np.empty((n, 0)), g[:, 0], event, risk)
    assert converged
    assert [beta, error, gain] == pytest.approx(
        [found.beta[0], found.standard_error[0], found.statistic[0]], rel=1e-6
    )


def test_covariates_that_separate(cohort):
    prefix, people, _ = cohort
    healthy = people.assign(male=0.0)
    healthy.loc[people.index[people.ill == 0][:9], "male"] = 1.0
    model, ours = model_of(prefix, healthy)
    assert model.null == "cox-firth"
    assert ours.converged.all()
    # A level that never has the event says nothing of the others.
    _, same = model_of(prefix, people, covariates=("age",), used=healthy.male.to_numpy() == 0)
    assert (np.abs(ours.beta - same.beta) / same.standard_error).max() < 0.1
    ordered = people.assign(age=np.where(people.ill == 1, -people["time:ill"], -99.0))
    with pytest.raises(ValueError, match="tell the order of its events"):
        model_of(prefix, ordered, covariates=("age",), entry=False)
    alone = people.assign(ill=(people["time:ill"] == people["time:ill"].max()) * 1.0)
    with pytest.raises(ValueError, match="nobody else is at risk"):
        model_of(prefix, alone, covariates=())


def test_error_rate_at_two_percent_events(tmp_path):
    """Null: 2,000 people, 40 events, rarer alleles. The plain score test is too bold, ours not."""
    rng = np.random.default_rng(1)
    n, m = 2000, 4000
    dosages = rng.binomial(2, rng.uniform(0.003, 0.05, (m, 1)), (m, n)).astype(np.int8)
    x = rng.normal(size=(n, 2))
    time = rng.exponential(np.exp(-0.3 * x[:, 0]))
    end = np.quantile(time, 0.02) * rng.uniform(0.5, 1.5, n)
    write_genotypes(tmp_path / "g", dosages)
    found = {}
    for below in (0, 0.05):
        model = Cox(
            (time <= end) * 1.0, np.minimum(time, end), None, x,
            Space(np.ones((n, 1)), np.ones(n, bool)), firth_below=below, exact_firth_below=1e-4,
        )  # fmt: skip
        p = []
        for start in range(0, m, 256):
            block = Block(Genotypes.open(tmp_path / "g"), start, min(start + 256, m))
            projected = Projected(model.space, block)
            wanted = projected.counts.minor >= 10
            p.append(model.test(block, projected, wanted).neg_log10_p[wanted])
        found[below] = np.concatenate(p)
    for level in (1e-2, 1e-3):
        bold, ours = ((p > -np.log10(level)).sum() for p in found.values())
        low, high = stats.binom.interval(0.999, len(found[0]), level)
        assert ours <= high
        assert bold > high
        assert ours >= low or level < 1e-2
