"""A trait's results are the same bits whether it is tested alone or among 49 others."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from genopheno import fields
from genopheno.association import scan, tasks
from genopheno.problems import StageError
from tests.unit import fifty_traits as fifty

# Each type by each model, with and without gaps, transforms and categories; and the separated.
ALONE = ["q00", "q01", "q02", "q05", "q13", "q24", "b00", "b01", "b02", "b10", "b13", "b15"]


def run(world, names: list[str], out: Path, threads: int) -> dict[str, dict]:
    """Traits as ``scan.json`` has them, by name."""
    prefix, people = world
    out.mkdir()
    made = fifty.designed(prefix, people, names)
    scan.run(
        prefix,
        made,
        min_allele_count=5,
        firth_below=0.05,
        exact_firth_below=1e-3,
        threads=threads,
        out_dir=out,
        loco=fifty.predict(prefix, made, out / "loco.parquet", threads),
    )
    return {t["name"]: t for t in json.loads((out / "scan.json").read_text())["traits"]}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """As the commands do it: the workers are ours, not those of the linear algebra library."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return fifty.make(tmp_path_factory.mktemp("fifty"))


@pytest.fixture(scope="module")
def together(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("together") / "out"
    return out, run(world, fifty.NAMES, out, threads=3)


def test_faulty_traits_are_told_and_stop_nobody(together):
    out, told = together
    assert len(told) == 50
    reasons = {name: t["reason"] for name, t in told.items() if t["reason"] is not None}
    assert reasons == fifty.FAULTY
    for name, t in told.items():
        tested, left_out = (
            fields.read(out / f"{name}.parquet"),
            fields.read(out / "left_out" / f"{name}.parquet"),
        )
        assert dict(left_out.reason.value_counts()) == t["variants_left_out"]
        if name in fifty.FAULTY:
            assert len(tested) == len(left_out) == t["n_variants"] == 0
        else:
            assert t["n_variants"] + len(left_out) == fifty.M
            assert t["n_variants"] == tested.converged.sum() > 100
    assert told[fifty.SEPARATED]["null_model"] == "firth"
    assert tasks.SEPARATED in told[fifty.SEPARATED]["notices"]
    assert {t["model"] for t in told.values()} == {"regression", "wgr", "lmm"}


@pytest.mark.parametrize("name", ALONE)
def test_alone_as_in_company(world, together, tmp_path, name):
    where, told = together
    out = tmp_path / "out"
    alone = run(world, [name], out, threads=1 + ALONE.index(name) % 2)
    assert alone[name] == told[name]
    for file in (f"{name}.parquet", f"left_out/{name}.parquet"):
        a, b = fields.read(out / file), fields.read(where / file)
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    with gzip.open(out / f"{name}.tsv.gz") as a, gzip.open(where / f"{name}.tsv.gz") as b:
        assert a.read() == b.read()


@pytest.mark.parametrize("name", fifty.FAULTY)
def test_a_faulty_trait_alone_has_the_same_reason(world, tmp_path, name):
    with pytest.raises(StageError) as caught:
        run(world, [name], tmp_path / "out", threads=1)
    (problem,) = caught.value.problems
    assert problem.code == "association-no-trait"
    assert f"{name}: {fifty.FAULTY[name]}" in problem.found


def test_gaps_of_others_change_nothing(world, together, tmp_path):
    where, _ = together
    prefix, people = world
    holes = people.copy()
    holes.loc[::2, ["q01", "b00", "q24"]] = float("nan")
    run((prefix, holes), ["q01", "q00", "b00", "b01", "q02", "q24"], tmp_path / "out", threads=2)
    for name in ("q00", "b01", "q02"):
        a, b = (fields.read(d / f"{name}.parquet") for d in (tmp_path / "out", where))
        pd.testing.assert_frame_equal(a, b, check_exact=True)
