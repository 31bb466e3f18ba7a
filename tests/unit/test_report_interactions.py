"""The section on interactions: which tables it shows, and by which p their variants are ranked."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.files import write_json
from genopheno.report import interactions
from genopheno.report.read import Results

P = "neg_log10_p_value_interaction"


@pytest.fixture
def results(tmp_path):
    """Least squares with a category, a table without rows, and one of an earlier run."""
    folder = tmp_path / "association/interactions"
    traits = [{"name": "ldl", "interactions": {"site": {}, "age": {}}}]
    write_json(tmp_path / "association/design.json", {"traits": traits})
    for name, terms, n in (
        ("ldl.site", ["site=oslo", "site=rome"], 30),
        ("ldl.age", ["age"], 0),
        ("old.age", ["age"], 3),
    ):
        families = [f.name for f in fields.FAMILIES["interactions"]]
        extra = [fields.member("interactions", f, term=t) for t in terms for f in families]
        frame = pd.DataFrame(
            {
                field.name: 1.0 if field.type == "float64" else "x" if field.type == "string" else 1
                for field in fields.declared("interactions", extra)
            },
            index=range(n),
        ).astype({"base_pair_location": int, "converged": bool})
        frame["variant_id"] = [f"1:{i}:G:A" for i in range(n)]
        frame[P] = np.arange(n, dtype=float)
        frame[f"robust_{P}"] = np.arange(n, dtype=float)[::-1]
        fields.write(folder / f"{name}.parquet", frame, "interactions", extra=extra)
        trait, covariate = name.split(".")
        told = {
            "trait": trait, "covariate": covariate, "terms": terms, "n": 50, "n_variants": n,
            "variants_left_out": {"monomorphic": 4}, "lambda_gc": {P: 1.0, f"robust_{P}": None},
            "reason": None if n else "the mixed model has none",
        }  # fmt: skip
        write_json(folder / f"{name}.json", told)
    return Results(tmp_path)


def test_tables_of_the_design_are_shown_by_hc3(results):
    overview, hits = (block["data"] for block in interactions.section(results).blocks)
    assert overview["rows"]["trait"] == ["ldl", "ldl"]
    assert overview["rows"]["reason"] == ["the mixed model has none", ""]
    assert overview["rows"]["p"] == [None, 29.0]
    assert hits["rows"]["variant"] == [f"1:{i}:G:A" for i in range(interactions.TOP)]
    assert hits["rows"]["products"][0] == "site=oslo: 1, site=rome: 1"
    assert (hits["rows"]["p"][0], hits["rows"]["plain"][0]) == (29.0, 0.0)
    assert json.dumps(hits["rows"])


def test_there_is_no_section_without_interactions(tmp_path):
    assert interactions.section(Results(tmp_path)) is None
