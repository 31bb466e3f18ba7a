"""Binary traits beside plink2: frequencies by status, and a variant that cases alone carry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from genopheno import fields, tools
from genopheno.association import build, scan
from genopheno.genotypes import write_bed

N, M = 300, 24


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Our results, all by exact Firth, and plink2's; variant 0 is carried by cases only."""
    folder = tmp_path_factory.mktemp("cases")
    rng = np.random.default_rng(7)
    case = (np.arange(N) % 3 == 0) * 1.0
    dosages = rng.binomial(2, rng.uniform(0.1, 0.5, (M, 1)), (M, N)).astype(np.int8)
    dosages[2::2][rng.random(dosages[2::2].shape) < 0.06] = -1
    dosages[0] = 0
    dosages[0, 3:36:3] = 1  # eleven cases
    dosages[3] = -1
    dosages[3, 1::3] = rng.binomial(2, 0.4, N // 3)  # controls alone have genotypes
    variants = pd.DataFrame(
        {
            "variant_id": [f"1:{i}:G:A" for i in range(1, M + 1)],
            "contig": "1",
            "position": np.arange(1, M + 1),
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    names = [f"s{i}" for i in range(N)]
    write_bed(folder / "g", dosages, variants, names)
    people = pd.DataFrame({"participant": names, "case": case, "age": rng.normal(50, 9, N)})
    people.loc[5:9, "age"] = np.nan
    made = build.design(
        pd.DataFrame({"sample": names, "participant": names}),
        people,
        {"traits": [{"name": "case", "type": "binary", "covariates": ["age"]}]},
        None,
        n_components=0,
        relatives="keep",
    )
    scan.run(
        folder / "g",
        made,
        min_allele_count=1,
        firth_below=1,
        exact_firth_below=1,
        threads=1,
        out_dir=folder,
    )
    table = people.rename(columns={"participant": "IID"}).astype({"case": int})
    table = table.assign(case=table.case + 1)
    table[["IID", "case"]].to_csv(folder / "pheno.tsv", sep="\t", index=False)
    table[["IID", "age"]].to_csv(folder / "covar.tsv", sep="\t", index=False, na_rep="NA")
    tools.run(
        ["plink2", "--bfile", folder / "g", "--pheno", folder / "pheno.tsv", "--covar",
         folder / "covar.tsv", "--covar-variance-standardize", "--glm", "firth", "omit-ref",
         "hide-covar", "cols=+a1freqcc,+beta,-orbeta", "--threads", "1", "--out", folder / "p"]
    )  # fmt: skip
    theirs = pd.read_csv(folder / "p.case.glm.firth", sep="\t").set_index("ID")
    return fields.read(folder / "case.parquet").set_index("variant_id"), theirs


def test_allele_frequencies_of_cases_and_controls(both):
    ours, theirs = both
    theirs = theirs.loc[ours.index]
    for mine, plinks in (("cases", "A1_CASE_FREQ"), ("controls", "A1_CTRL_FREQ")):
        # plink2 prints six digits.
        np.testing.assert_allclose(
            ours[f"effect_allele_frequency_{mine}"], theirs[plinks].astype(float), rtol=1e-5
        )
    sums = (
        ours.effect_allele_frequency_cases.fillna(0) * ours.n_cases
        + ours.effect_allele_frequency_controls * ours.n_controls
    )
    np.testing.assert_allclose(sums / ours.n, ours.effect_allele_frequency, rtol=1e-12)
    alone = ours.loc["1:4:G:A"]
    assert (alone.n_cases, alone.n_controls) == (0, 100 - 1)
    assert np.isnan(alone.effect_allele_frequency_cases)


def test_a_variant_carried_by_cases_alone_has_a_finite_effect(both):
    ours, theirs = both
    row, expected = ours.loc["1:1:G:A"], theirs.loc["1:1:G:A"]
    assert row.effect_allele_frequency_controls == 0
    assert (row.test, row.converged) == ("firth", True)
    assert 1 < row.beta < 6
    np.testing.assert_allclose(row.beta, expected.BETA, rtol=1e-3)
    np.testing.assert_allclose(row.standard_error, expected.SE, rtol=1e-3)
