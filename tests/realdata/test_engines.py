"""Both engines on one cohort: the same answers where both do the same test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from tests.workflow.commands import command

pytestmark = pytest.mark.slow

ENGINES = ("numpy", "hail")
COLUMNS = [
    "beta",
    "neg_log10_p_value",
    "effect_allele_frequency",
    "effect_allele_frequency_cases",
    "effect_allele_frequency_controls",
    "standard_error",
]


def test_numpy_and_hail_agree_on_the_demo(demo, tmp_path) -> None:
    project, _ = demo
    for engine in ENGINES:
        # Hail's Firth test is exact: ours is asked to be, too.
        command(
            "genopheno", "associate", "--engine", engine, "--exact-firth-below", "1",
            "--genotypes", "results/cohort/genotypes", "--cohort", "results/cohort/cohort.mt",
            "--design", "results/association/design.parquet", "--part", "1-of-1",
            "--out-dir", tmp_path / engine, "--threads", "2",
            cwd=project,
        )  # fmt: skip
    for trait, tests in (("ldl", {"linear"}), ("diabetes", {"score", "firth"})):
        ours, hails = (fields.read(tmp_path / e / f"{trait}.parquet") for e in ENGINES)
        both = ours.merge(hails, on="variant_id", suffixes=("", "_hail"))
        assert len(both) == len(ours) == len(hails) > 300
        # Hail puts the mean in the place of a missing genotype, we leave the person out:
        # the same numbers are due where no genotype is missing.
        whole = both[both["n"].eq(both["n"].max())]
        assert len(whole) > 100
        assert set(whole["test"]) == tests
        assert whole["test"].equals(whole["test_hail"].rename("test"))
        for column in COLUMNS:
            if column == "standard_error":
                # Hail's Firth test gives none: on its side it is beta over the root of the
                # likelihood ratio; ours is that of the information, as plink2's.
                whole = whole[whole["test"].ne("firth")]
            np.testing.assert_allclose(
                whole[column], whole[f"{column}_hail"], rtol=1e-8, atol=1e-11, err_msg=column
            )
        left_out = [fields.read(tmp_path / e / f"left_out/{trait}.parquet") for e in ENGINES]
        pd.testing.assert_frame_equal(*left_out)
        assert len(left_out[0]) > 300
