"""Both engines on one cohort: the same answers where both do the same test."""

from __future__ import annotations

import numpy as np
import pytest

from genopheno import fields
from tests.workflow.commands import command

pytestmark = pytest.mark.slow

COLUMNS = ["beta", "neg_log10_p_value", "standard_error"]


def test_numpy_and_hail_agree_on_the_demo(demo, tmp_path) -> None:
    project, _ = demo
    command(
        "genopheno", "associate", "--engine", "hail",
        "--genotypes", "results/cohort/genotypes", "--cohort", "results/cohort/cohort.mt",
        "--design", "results/association/design.parquet",
        "--out-dir", tmp_path, "--threads", "2",
        cwd=project,
    )  # fmt: skip
    for trait in ("ldl", "diabetes"):
        ours = fields.read(project / f"results/association/{trait}.parquet")
        hails = fields.read(tmp_path / f"{trait}.parquet")
        both = ours.merge(hails, on="variant_id", suffixes=("", "_hail"))
        assert len(both) == len(ours) == len(hails) > 300
        # Hail puts the mean in the place of a missing genotype, we leave the person out:
        # the same numbers are due where no genotype is missing.
        whole = both["n"].eq(both["n"].max()) & both["n"].eq(both["n_hail"])
        assert whole.sum() > 100
        same = whole & both["test"].eq(both["test_hail"])
        for column in COLUMNS:
            if column == "standard_error":
                # Hail's Firth test gives none: on its side it is beta over the root of the
                # likelihood ratio; ours is that of the information, as plink2's.
                same &= both["test"].ne("firth")
            np.testing.assert_allclose(
                both.loc[same, column], both.loc[same, f"{column}_hail"], rtol=1e-6, atol=1e-6
            )
        refined = whole & ~both["test"].eq(both["test_hail"])
        if trait == "diabetes":  # approximate Firth against exact
            assert refined.any()
        # Approximate Firth leaves the covariates unpenalised, which shows at 100 people and
        # nine columns (7 % of -log10 p at most here; 0.008 at most among 2,000 people).
        np.testing.assert_allclose(
            both.loc[refined, "neg_log10_p_value"],
            both.loc[refined, "neg_log10_p_value_hail"],
            rtol=0.1,
        )
