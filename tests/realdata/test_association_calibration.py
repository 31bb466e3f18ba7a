"""Type-I error on real haplotypes and real families, a small form of tests/bench/calibration.py.

The bound, set before the numbers were seen: no test of the scan is inflated at any α, in any bin
of frequency, by the interval that misses in 5 % of whole tables. The bare score test is told by
the same numbers where it breaks, so that the bound is known to have teeth.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from genopheno.association.calibration.run import Options, run
from tests.realdata import null_cohorts

pytestmark = pytest.mark.slow
OPTIONS = Options(
    replicates=30,
    variants=500,
    case_fractions=(0.5, 0.01),
    seed=3,
    min_allele_count=10,
    firth_below=0.05,
    exact_firth_below=1e-4,
    correction="firth",
    block_size=500,
    min_allele_frequency=0.01,
)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """As the command does it: the workers are ours, not those of the linear algebra library."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def haplotypes(data, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("haplotypes") / "g"
    vcf = data("kgp_chr7_eas") / "kgp_chr7_eas.vcf.gz"
    null_cohorts.mosaics(vcf, prefix, people=1500, min_count=10)
    return prefix


@pytest.fixture(scope="module")
def families(data, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("families") / "g"
    null_cohorts.families(data("gwas_saige"), prefix, step=5)
    return prefix


def table(prefix, model, folder, related=False, **given):
    made = null_cohorts.design(prefix, model, related=related)
    rows, told = run(prefix, made, replace(OPTIONS, **given), threads=2, scratch=folder)
    return pd.DataFrame(rows), told


@pytest.mark.parametrize("correction", ["firth", "spa"])
def test_unrelated_people_down_to_one_case_in_a_hundred(haplotypes, tmp_path, correction):
    found, told = table(haplotypes, "regression", tmp_path, correction=correction)
    assert told["skipped"] == []
    assert set(found.test) == {"linear", "score", correction}
    scanned = found[found.test != "score"]
    assert (scanned[scanned.frequency_bin == "all"].n_tests == 15_000).all()
    judged = scanned[scanned.verdict != "too few tests"]
    assert set(judged.alpha) >= {1e-2, 1e-3}
    assert (judged.verdict != "inflated").all(), judged[judged.verdict == "inflated"]
    uneven = found[(found.case_fraction == 0.01) & (found.frequency_bin == "all")]
    bare = uneven[(uneven.test == "score") & (uneven.alpha == 1e-3)]
    assert bare.verdict.item() == "inflated"


@pytest.mark.parametrize("model", ["lmm", "wgr"])
def test_families_with_a_heritable_trait(families, tmp_path, model):
    """The mixed model is for shares of cases from one in ten, so no fewer are looked at."""
    shares = (0.1,) if model == "lmm" else (0.02,)
    found, told = table(
        families, model, tmp_path, related=True, replicates=10, variants=300, case_fractions=shares
    )
    assert told["skipped"] == []
    heritable = found[(found.null == "polygenic") & (found.test != "score")]
    assert len(heritable)
    judged = heritable[heritable.verdict != "too few tests"]
    assert set(judged.alpha) >= {1e-2}
    assert (judged.verdict != "inflated").all(), judged[judged.verdict == "inflated"]


def test_regression_of_relatives_is_inflated_and_said_to_be(families, tmp_path):
    found, _ = table(
        families, "regression", tmp_path, related=True, replicates=10, case_fractions=(0.5,)
    )
    whole = found[(found.frequency_bin == "all") & (found.alpha == 1e-2)].set_index("null")
    verdicts = whole[whole.test == "linear"].verdict
    assert verdicts["polygenic"] == "inflated"
    assert verdicts["simulated"] == "fine"
