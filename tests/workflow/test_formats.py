"""The demo's matrices in every format that the configuration asks for by default."""

import json

import numpy as np
import pandas as pd
import pgenlib
import pytest
import zarr

pytestmark = pytest.mark.slow


def test_the_demo_s_formats_hold_its_dosages(demo):
    matrices = demo[0] / "results/matrices"
    table = pd.read_parquet(matrices / "genotypes.parquet")
    dosages = np.stack(table["dosages"])
    with pgenlib.PgenReader(bytes(matrices / "cohort.pgen")) as reader:
        found = np.empty(dosages.shape, np.int8)
        reader.read_range(0, len(found), found)
    np.testing.assert_array_equal(np.where(found == -9, -1, found), dosages)
    calls = zarr.open(matrices / "cohort.vcz", mode="r")["call_genotype"][:]
    found = np.where((calls == -1).any(axis=2), -1, (calls == 1).sum(axis=2))
    np.testing.assert_array_equal(found, dosages)
    told = json.loads((matrices / "cohort.mt.json").read_text())
    assert (told["variants"], told["samples"]) == dosages.shape
    assert (matrices / "cohort.mt/_SUCCESS").is_file()
