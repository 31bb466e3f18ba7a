"""A scan shared by jobs: the same bytes as of one, for any number; parts that do not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from threadpoolctl import threadpool_limits

from genopheno import engines
from genopheno.association import gather, parts, scan
from genopheno.problems import StageError
from tests.unit import fifty_traits as fifty

# Both types by the three models, and two that cannot be fitted.
TRAITS = ["q00", "q01", "q02", "q03", "b00", "b01", "b02", "b03", "b05"]


@pytest.fixture(autouse=True, scope="module")
def _small_pieces():
    """Every block a piece of its own, of which there are six; one thread per worker."""
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(1):
        patch.setattr(scan, "ROWS_IN_FLIGHT", 1)
        yield


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """Folder of g.bed, design.parquet, loco.parquet and other.parquet, another design."""
    folder = tmp_path_factory.mktemp("parts")
    prefix, people = fifty.make(folder)
    made = fifty.designed(prefix, people, TRAITS)
    made.write(folder / "design.parquet")
    fifty.predict(prefix, made, folder / "loco.parquet", threads=2)
    people.loc[3, "q00"] += 1
    fifty.designed(prefix, people, TRAITS).write(folder / "other.parquet")
    return folder


def associate(inputs: Path, out: Path, part: str | None = None, **options) -> Path:
    given = {
        "engine": "numpy",
        "genotypes": inputs / "g",
        "design": inputs / "design.parquet",
        "loco": inputs / "loco.parquet",
        "cohort": None,
        "variants": None,
        "chromosomes": None,
        "x_male_dosage": 2,
        "dosages": None,
        "min_imputation_quality": 0.3,
        "min_allele_count": 5,
        "firth_below": 0.05,
        "exact_firth_below": 1e-3,
        "correction": "firth",
        "threads": 1,
        "memory_mb": 1000,
    }
    engines.associate(**(given | options), out_dir=out, part=part)
    return out


@pytest.fixture(scope="module")
def whole(inputs) -> Path:
    return associate(inputs, inputs / "whole", threads=2)


@pytest.fixture(scope="module")
def two(inputs) -> list[Path]:
    return [associate(inputs, inputs / f"{k}-of-2", f"{k}-of-2") for k in (1, 2)]


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def codes(caught) -> list[str]:
    return [problem.code for problem in caught.value.problems]


@pytest.mark.parametrize("jobs", [1, 4, 9])
def test_parts_together_are_the_whole_to_the_byte(inputs, whole, tmp_path, jobs):
    folders = [
        associate(inputs, tmp_path / str(k), f"{k}/{jobs}", threads=1 + k % 2)
        for k in range(1, jobs + 1)
    ]
    before = files(folders[0])
    gather.run(folders[::-1], tmp_path / "out", threads=2)
    there, expected = files(tmp_path / "out"), files(whole)
    assert len(expected) == 3 * len(TRAITS) + 1
    assert there.keys() == expected.keys()
    assert [name for name in expected if there[name] != expected[name]] == []
    assert files(folders[0]) == before, "parts stay as they are"


def test_a_job_with_nothing_to_do_leaves_an_empty_part(inputs, tmp_path):
    told = json.loads((associate(inputs, tmp_path / "p", "1/9") / parts.FILE).read_text())
    assert (told["start"], told["stop"]) == (0, 0)
    assert told["traits"]["q00"]["rows"] == told["traits"]["q00"]["left_out"] == 0
    reasons = {t["name"]: t["reason"] for t in told["facts"]["traits"]}
    assert {name for name, reason in reasons.items() if reason} == {"q03", "b03"}
    assert "q03" not in told["traits"]


def test_every_piece_is_in_one_part_of_any_number():
    for n in (0, 1, 5, 6, 700):
        for of in (1, 2, 7, 1000):
            shares = [range(*parts.Part(k, of).bounds(n)) for k in range(1, of + 1)]
            assert [i for share in shares for i in share] == list(range(n))
            assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "1-3", ""])
def test_parts_that_there_cannot_be(text):
    with pytest.raises(StageError) as caught:
        parts.parse(text)
    assert codes(caught) == ["part-unknown"]


def test_missing_and_double_parts(inputs, two, tmp_path):
    with pytest.raises(StageError) as caught:
        gather.run(two[:1], tmp_path / "out")
    assert codes(caught) == ["part-missing"]
    assert "2/2" in str(caught.value)
    with pytest.raises(StageError) as caught:
        gather.run([*two, tmp_path / "none"], tmp_path / "out")
    assert codes(caught) == ["part-missing"]
    again = shutil.copytree(two[0], tmp_path / "again")
    with pytest.raises(StageError) as caught:
        gather.run([two[0], again], tmp_path / "out")
    assert codes(caught) == ["part-missing", "part-duplicate", "part-duplicate"]
    with pytest.raises(StageError) as caught:
        gather.run([], tmp_path / "out")
    assert codes(caught) == ["part-missing"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("part", "options", "told"),
    [
        ("2/2", {"design": "other.parquet"}, "design"),
        ("2/2", {"min_allele_count": 9}, "parameters"),
        ("2/2", {"correction": "spa"}, "parameters"),
        ("2/3", {}, "the number of parts"),
        ("2/2", {"genotypes": "h"}, "bed"),
    ],
)
def test_parts_of_another_scan_are_refused(inputs, two, tmp_path, part, options, told):
    for name in ("design", "genotypes"):
        if name in options:
            options = {**options, name: inputs / options[name]}
    if "genotypes" in options:
        for end in ("bed", "bim", "fam"):
            shutil.copy(inputs / f"g.{end}", inputs / f"h.{end}")
        with open(inputs / "h.bed", "r+b") as bed:
            bed.seek(100)
            bed.write(b"\x00")
    other = associate(inputs, tmp_path / "other", part, **options)
    with pytest.raises(StageError) as caught:
        gather.run([two[0], other], tmp_path / "out")
    assert codes(caught) == ["part-of-another-scan"]
    assert f"in {told}" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_damaged_parts_are_refused(two, tmp_path):
    damaged = shutil.copytree(two[1], tmp_path / "damaged")
    (damaged / "b00.tsv.gz").write_bytes((damaged / "b00.tsv.gz").read_bytes()[:-9])
    (damaged / "q01.parquet").write_bytes((damaged / "q01.parquet").read_bytes()[:-9])
    (damaged / "left_out/q02.parquet").unlink()
    with pytest.raises(StageError) as caught:
        gather.run([two[0], damaged], tmp_path / "out")
    assert codes(caught) == ["part-damaged"] * 3
    told = json.loads((damaged / parts.FILE).read_text())
    told["start"] += 1
    (damaged / parts.FILE).write_text(json.dumps(told))
    with pytest.raises(StageError) as caught:
        gather.run([two[0], damaged], tmp_path / "out")
    assert codes(caught) == ["part-range"]


def test_other_processors_are_told(two, tmp_path):
    other = shutil.copytree(two[1], tmp_path / "other")
    told = json.loads((other / parts.FILE).read_text())
    told["machine"] = ["another"]
    for trait in told["facts"]["traits"]:
        if "heritability" in trait:
            trait["heritability"] *= 1 + 1e-12
    (other / parts.FILE).write_text(json.dumps(told))
    summary = gather.run([two[0], other], tmp_path / "out")
    assert summary["notices"] == [gather.OTHER_MACHINES]


def test_rows_must_account_for_every_variant(two, tmp_path):
    """A part whose rows are fewer than it has variants, though it says so itself."""
    short = shutil.copytree(two[1], tmp_path / "short")
    left_out = pq.read_table(short / "left_out/q00.parquet")
    pq.write_table(left_out.slice(1), short / "left_out/q00.parquet")
    told = json.loads((short / parts.FILE).read_text())
    told["traits"]["q00"] = parts.sizes(short, "q00")
    (short / parts.FILE).write_text(json.dumps(told))
    with pytest.raises(StageError) as caught:
        gather.run([two[0], short], tmp_path / "out")
    assert codes(caught) == ["association-rows"]
    assert not (tmp_path / "out" / "scan.json").exists()


def test_a_part_of_no_genotypes(inputs, tmp_path):
    with pytest.raises(StageError) as caught:
        associate(inputs, tmp_path / "out", "1/2", genotypes=inputs / "none")
    assert codes(caught) == ["genotypes-missing"]
    assert not (tmp_path / "out").exists()


def test_hail_takes_one_job(inputs, tmp_path):
    with pytest.raises(StageError) as caught:
        associate(inputs, tmp_path / "out", "1/2", engine="hail")
    assert codes(caught) == ["part-not-of-engine"]
    assert not (tmp_path / "out").exists()
