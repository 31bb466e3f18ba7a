"""The list of what is in a store of gVCFs, without Hail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from genopheno.cohort import store
from genopheno.cohort.withdraw import traces, withdraw
from genopheno.files import md5, write_json
from genopheno.problems import StageError


def test_a_file_is_hashed_again_only_where_it_may_differ(tmp_path):
    path = tmp_path / "a.g.vcf.gz"
    path.write_bytes(b"one")
    first = store.signature(path, None)
    assert first["md5"] == md5(path)
    marked = {**first, "md5": "not looked at"}
    assert store.signature(path, marked)["md5"] == "not looked at"
    os.utime(path, ns=(0, 0))
    assert store.signature(path, marked)["md5"] == first["md5"]
    path.write_bytes(b"two")
    assert store.signature(path, marked)["md5"] == md5(path) != first["md5"]
    with pytest.raises(StageError, match="gvcf-missing"):
        store.signature(tmp_path / "absent", None)


def test_options_tell_references_and_versions_apart():
    one = store.options("0.2.139", "b", {"1": 10, "2": 20})
    assert one == store.options("0.2.139", "b", {"1": 10, "2": 20})
    others = [
        store.options("0.2.140", "b", {"1": 10, "2": 20}),
        store.options("0.2.139", "c", {"1": 10, "2": 20}),
        store.options("0.2.139", "b", {"1": 10, "2": 21}),
        store.options("0.2.139", "b", {"2": 20, "1": 10}),
    ]
    assert one not in others


def test_one_at_a_time(tmp_path):
    with (
        store.locked(tmp_path / "store"),
        pytest.raises(StageError, match="store-locked"),
        store.locked(tmp_path / "store"),
    ):
        pass
    with store.locked(tmp_path / "store"):
        pass


def test_a_store_of_another_version_is_refused(tmp_path):
    write_json(tmp_path / "store.json", {"version": 99})
    with pytest.raises(StageError, match="store-version"):
        store.read(tmp_path)


def test_nobody_is_taken_out_where_one_is_not_there(tmp_path):
    state = store.read(tmp_path) | {"samples": {"a": {"md5": "x"}}}
    write_json(tmp_path / "store.json", state)
    with pytest.raises(StageError) as error:
        withdraw(tmp_path, ["a", "b", "c"])
    assert [problem.code for problem in error.value.problems] == ["withdraw-unknown"] * 2
    assert store.read(tmp_path) == state


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_traces_are_those_of_the_sample_alone(tmp_path):
    results, sheet = tmp_path / "results", tmp_path / "samples.csv"
    sheet.write_text("sample,participant\ns1,p1\ns10,p2\n")
    mine = ["crams/s1.cram", "crams/s1.cram.crai", "gvcfs/s1.g.vcf.gz", "qc/s1/metrics.json"]
    for name in [*mine, "crams/s10.cram", "gvcfs/store/s1.vds", "calls/cohort.bcf"]:
        touch(results / name)
    found = traces(results, [sheet, tmp_path / "absent.csv"], ["s1"])
    assert found == [
        f"{sheet}, line 2 names s1: delete the row",
        *(f"{results / name} is of s1: delete it" for name in [*mine[:3], "qc/s1"]),
        f"Made of all samples, until the next run makes them anew: {results / 'calls/cohort.bcf'}",
    ]
