"""Kinship, the unrelated set and components: against plink2 and against definitions."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.chromosomes import autosomal
from genopheno.compiled import compiled
from genopheno.genotypes import Genotypes, write_bed
from genopheno.problems import StageError
from genopheno.structure import grm
from genopheno.structure.components import components
from genopheno.structure.kinship import pair_counts, related_pairs, relationship, shared_counts
from genopheno.structure.run import run
from genopheno.structure.unrelated import unrelated
from genopheno.structure.variants import choose, independent
from genopheno.structure_engines import structure


def variants(n: int, contig: str | list[str] = "1", apart: int = 60_000) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "variant_id": [f"v{i}" for i in range(n)],
            "contig": contig,
            "position": np.arange(n) * apart + 1,
            "effect_allele": "A",
            "other_allele": "C",
        }
    )


def cohort(n_variants: int, missing: float, seed: int = 7) -> tuple[np.ndarray, list[str]]:
    """Two populations of 20, with a child of two of them, its sib, and a duplicate."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.1, 0.9, n_variants)
    q = np.clip(p + rng.normal(0, 0.15, n_variants), 0.02, 0.98)
    haplotypes = np.concatenate(
        [rng.random((n_variants, 20, 2)) < f[:, None, None] for f in (p, q)], axis=1
    ).astype(np.int8)

    def child() -> np.ndarray:
        pick = rng.integers(0, 2, (2, n_variants))
        rows = np.arange(n_variants)
        return haplotypes[rows, 0, pick[0]] + haplotypes[rows, 1, pick[1]]

    founders = haplotypes.sum(axis=2, dtype=np.int8)
    dosages = np.column_stack([founders, child(), child(), founders[:, 5]]).astype(np.int8)
    dosages[rng.random(dosages.shape) < missing] = -1
    return dosages, [*(f"f{i:02}" for i in range(40)), "child", "sib", "twin05"]


@pytest.fixture
def fileset(tmp_path: Path):
    def make(missing: float = 0.0, n: int = 3001, **kinds) -> Path:
        dosages, samples = cohort(n, missing)
        write_bed(tmp_path / "g", dosages, variants(n, **kinds), samples)
        return tmp_path / "g"

    return make


def plink2(*arguments: str | Path) -> None:
    if shutil.which("plink2") is None:
        pytest.skip("plink2 is not installed")
    subprocess.run(
        ["plink2", "--threads", "1", *map(str, arguments)], check=True, capture_output=True
    )


# -- kinship --


def by_definition(x: np.ndarray, y: np.ndarray) -> tuple[int, float, float]:
    both = (x >= 0) & (y >= 0)
    x, y = x[both], y[both]
    fewer = min((x == 1).sum(), (y == 1).sum())
    kinship = 0.5 - ((x.astype(int) - y) ** 2).sum() / (4 * fewer)  # Manichaikul's equation 11
    return int(both.sum()), float((abs(x - y) == 2).mean()), float(kinship)


@pytest.mark.parametrize("missing", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("tile", [43, 17])
def test_kinship_is_its_definition(fileset, missing, tile):
    genotypes = Genotypes.open(fileset(missing, n=700))
    dosages, samples = cohort(700, missing)
    keep = np.ones(700, dtype=bool)
    keep[::7] = False
    pairs, undefined = related_pairs(genotypes, keep, min_kinship=-9, tile=tile)
    assert (len(pairs), undefined) == (43 * 42 // 2, 0)
    for pair in pairs.itertuples():
        i, j = samples.index(pair.sample_1), samples.index(pair.sample_2)
        assert i < j
        n, ibs0, kinship = by_definition(dosages[keep, i], dosages[keep, j])
        assert pair.n_variants == n
        assert pair.ibs0 == pytest.approx(ibs0, abs=1e-12)
        assert pair.kinship == pytest.approx(kinship, abs=1e-12)


@pytest.mark.parametrize("missing", [0.0, 0.02, 0.3])
def test_kinship_equals_plink2(fileset, tmp_path, missing):
    prefix = fileset(missing)
    plink2("--bfile", prefix, "--make-king-table", "--out", tmp_path / "k")
    expected = pd.read_csv(tmp_path / "k.kin0", sep="\t")
    genotypes = Genotypes.open(prefix)
    pairs, _ = related_pairs(genotypes, np.ones(genotypes.n_variants, dtype=bool), min_kinship=-9)
    ours = {frozenset((p.sample_1, p.sample_2)): p for p in pairs.itertuples()}
    assert len(expected) == len(ours)
    for row in expected.itertuples():
        pair = ours[frozenset((row.IID1, row.IID2))]
        assert pair.n_variants == row.NSNP
        assert pair.ibs0 == pytest.approx(row.IBS0, abs=1e-6)
        assert pair.kinship == pytest.approx(row.KINSHIP, abs=1e-6)


def test_counts_of_a_pair_worked_by_hand(tmp_path):
    x = [0, 1, 2, 1, 0, 1, -1, 2, 1]
    y = [2, 1, 0, 0, 1, -1, 1, 2, 2]
    write_bed(tmp_path / "g", np.array([x, y], np.int8).T, variants(9), ["x", "y"])
    one, two = slice(0, 1), slice(1, 2)
    counts = pair_counts(Genotypes.open(tmp_path / "g"), np.ones(9, dtype=bool), one, two)
    found = [int(v[0, 0]) for v in (counts.both, counts.het_het, counts.het_1, counts.het_2)]
    assert found == [7, 1, 3, 2]
    assert int(counts.ibs0[0, 0]) == 2
    assert counts.kinship()[0, 0] == 0.5 - (4 * 2 + 2 + 1) / (4 * 2)


def test_a_sample_without_heterozygous_calls_has_no_kinship(tmp_path):
    dosages = np.array([[0, 1, 2], [2, 1, 1], [0, 1, 0]], np.int8)
    write_bed(tmp_path / "g", dosages, variants(3), ["none", "a", "b"])
    pairs, undefined = related_pairs(Genotypes.open(tmp_path / "g"), np.ones(3, bool), -9)
    assert undefined == 2
    assert pairs[["sample_1", "sample_2"]].to_numpy().tolist() == [["a", "b"]]


def test_counts_of_listed_pairs_are_those_of_all(fileset):
    genotypes, keep = Genotypes.open(fileset(0.1)), np.arange(3001) % 3 > 0
    pairs, _ = related_pairs(genotypes, keep)
    place = {name: i for i, name in enumerate(genotypes.samples)}
    i, j = (pairs[name].map(place).to_numpy() for name in ("sample_1", "sample_2"))
    both, ibs0 = shared_counts(genotypes, keep, i, j)
    assert len(pairs) > 3
    assert (both == pairs["n_variants"]).all()
    assert (ibs0 / both == pairs["ibs0"]).all()


@pytest.mark.parametrize(
    ("kinship", "name"),
    [
        (0.5, "duplicate"),
        (0.25, "first-degree"),
        (0.125, "second-degree"),
        (0.06, "third-degree"),
        (0.04, "unrelated"),
        (0.0884, "third-degree"),
    ],
)
def test_degrees(kinship, name):
    assert relationship(kinship) == name


# -- the unrelated set --


def test_the_one_with_most_relatives_leaves():
    kept, dropped = unrelated("abcde", [("a", "c", 0.2), ("b", "c", 0.3), ("c", "d", 0.25)])
    assert kept == list("abde")
    assert dropped == [("c", "b", 0.3)]


def test_ties_go_by_weight_then_name_whatever_the_order():
    pairs = [("a", "b", 0.25), ("d", "c", 0.25)]
    assert unrelated("abcd", pairs)[0] == ["a", "c"]
    assert unrelated("abcd", pairs, {"b": 2, "d": 1})[0] == ["b", "d"]
    assert unrelated("dcba", pairs[::-1], {"b": 2})[0] == ["c", "b"]


@pytest.mark.parametrize("seed", range(8))
def test_the_set_is_unrelated_and_maximal(seed):
    rng = np.random.default_rng(seed)
    names = [f"s{i}" for i in range(30)]
    pairs = [
        (a, b, float(rng.uniform(0.1, 0.5)))
        for i, a in enumerate(names)
        for b in names[:i]
        if rng.random() < 0.1
    ]
    kept, dropped = unrelated(names, pairs)
    inside = set(kept)
    assert not any(a in inside and b in inside for a, b, _ in pairs)
    for sample, relative, kinship in dropped:
        assert relative in inside
        assert {(sample, relative, kinship), (relative, sample, kinship)} & set(pairs)
    assert len(kept) + len(dropped) == 30
    mixed = [pairs[i] for i in rng.permutation(len(pairs))]
    assert unrelated(names[::-1], mixed)[1] == dropped


# -- components --


@pytest.mark.parametrize(("missing", "double"), [(0.0, True), (0.02, True), (0.02, False)])
def test_components_equal_plink2(fileset, tmp_path, monkeypatch, missing, double):
    if not double:
        monkeypatch.setattr(grm, "DOUBLE_UP_TO", 0)
    prefix = fileset(missing)
    kept = [i for i in range(43) if i not in (5, 40, 41)]
    genotypes = Genotypes.open(prefix)
    (tmp_path / "keep").write_text("".join(f"0 {genotypes.samples[i]}\n" for i in kept))
    # plink2 asks for 50 samples before it estimates frequencies itself.
    plink2("--bfile", prefix, "--keep", tmp_path / "keep", "--pca", "5", "--bad-freqs",
           "--out", tmp_path / "p")  # fmt: skip
    scores = pd.read_csv(tmp_path / "p.eigenvec", sep="\t").filter(like="PC").to_numpy()
    found = components(genotypes, np.ones(3001, dtype=bool), np.array(kept), 5)
    values = np.loadtxt(tmp_path / "p.eigenval")
    assert found.eigenvalues == pytest.approx(values, rel=1e-5)
    ours = found.scores[kept]
    assert ours * np.sign((ours * scores).sum(axis=0)) == pytest.approx(scores, abs=2e-5)


def test_the_first_component_parts_the_populations_and_relatives_fall_beside(fileset):
    genotypes = Genotypes.open(fileset())
    kept = np.arange(40)
    found = components(genotypes, np.ones(3001, dtype=bool), kept, 3)
    first = found.scores[:, 0]
    assert first[:20].max() < first[20:40].min() or first[:20].min() > first[20:40].max()
    # A projected duplicate has the scores of its twin; children lie with their parents.
    assert found.scores[42] == pytest.approx(found.scores[5], abs=1e-6)
    assert (np.sign(first[40:]) == np.sign(first[:20].mean())).all()
    assert found.scores[kept].T @ found.scores[kept] == pytest.approx(np.eye(3), abs=1e-9)
    assert (found.fraction > 0).all() and found.fraction.sum() < 1


def test_lanczos_and_dense_agree_and_threads_change_no_bit(fileset, monkeypatch):
    genotypes, keep = Genotypes.open(fileset(0.01)), np.ones(3001, dtype=bool)
    dense = components(genotypes, keep, np.arange(40), 4)
    monkeypatch.setattr("genopheno.structure.components.DENSE_UP_TO", 10)
    for module in ("grm", "components"):
        monkeypatch.setattr(f"genopheno.structure.{module}.STRIP", 7)
    lanczos = components(genotypes, keep, np.arange(40), 4)
    assert lanczos.eigenvalues == pytest.approx(dense.eigenvalues, rel=1e-9)
    assert lanczos.scores == pytest.approx(dense.scores, abs=1e-7)
    shared = components(genotypes, keep, np.arange(40), 4, threads=3)
    assert (shared.scores == lanczos.scores).all()
    assert (shared.loadings == lanczos.loadings).all()


def test_kernels_work_where_no_folder_can_keep_their_code():
    scope: dict = {}
    exec("def double(x):\n    return x * 2", scope)  # of no file: numba has no place for it
    assert compiled(scope["double"])(21) == 42


# -- variants --


@pytest.mark.parametrize(
    ("contigs", "expected"),
    [
        (["1", "22", "X", "MT", "23"], [True, True, False, False, False]),
        (["chr1", "chrX", "chrY_random", "chr1_alt"], [True, False, False, False]),
        (["chr20s", "chrX", "z"], [True, False, False]),  # 'z' is also a sex chromosome
        (["chr20g", "contig_1"], [True, True]),
    ],
)
def test_autosomes(contigs, expected):
    assert autosomal(np.array(contigs)).tolist() == expected


def test_each_variant_left_out_has_one_reason(tmp_path):
    dosages = np.array([[1, 1], [-1, -1], [0, 0], [2, 2], [0, 1], [1, 2], [1, -1]], np.int8)
    table = variants(7, contig=["X", *"111111"])
    write_bed(tmp_path / "g", dosages, table, ["a", "b"])
    keep, left_out, frequency = choose(Genotypes.open(tmp_path / "g"), 0.3)
    assert left_out == {
        "not on an autosome": 1,
        "no genotype is called": 1,
        "does not vary": 2,
        "minor allele frequency is too low": 2,
    }
    assert keep.tolist() == [False] * 6 + [True]
    assert frequency[4:].tolist() == [0.25, 0.75, 0.5]


def test_independent_variants_are_apart(fileset):
    genotypes = Genotypes.open(fileset(n=101, apart=10_000))
    assert independent(genotypes, np.ones(101, dtype=bool)) == 21


# -- the stage --


def test_the_stage_drops_relatives_and_says_why(fileset, tmp_path):
    out = tmp_path / "out"
    summary = run(
        fileset(0.01), out, components=4, min_allele_frequency=0.05, max_kinship=0.0884,
        weights={"child": 1.0, "sib": 2.0},
    )  # fmt: skip
    assert summary == json.loads((out / "structure.json").read_text())
    gone = {d["sample"]: (d["relative"], d["relationship"]) for d in summary["relatives_dropped"]}
    # Of the family both children go, who have three relatives each, and the parents stay.
    assert gone.pop("twin05") == ("f05", "duplicate")
    assert set(gone) == {"child", "sib"}
    assert {degree for _, degree in gone.values()} == {"first-degree"}
    table = fields.read(out / "components.parquet")
    assert list(table) == fields.names("components")
    assert table["unrelated"].sum() == summary["n_unrelated"] == 43 - 1 - len(gone)
    assert np.stack(table["scores"]).shape == (43, 4)
    assert np.isfinite(np.stack(table["scores"])).all()
    pairs = fields.read(out / "kinship.parquet")
    assert pairs["relationship"].value_counts()["duplicate"] == 1
    assert summary["n_variants"] + sum(summary["variants_left_out"].values()) == 3001

    again = tmp_path / "again"  # with more threads
    run(
        tmp_path / "g", again, components=4, min_allele_frequency=0.05, max_kinship=0.0884,
        weights={"child": 1.0, "sib": 2.0}, threads=3,
    )  # fmt: skip
    for name in ("structure.json", "components.parquet", "kinship.parquet"):
        assert (out / name).read_bytes() == (again / name).read_bytes()


def test_in_a_short_stretch_nobody_is_dropped(fileset, tmp_path):
    prefix = fileset(apart=70)
    options = {"components": 4, "min_allele_frequency": 0.05, "max_kinship": 0.0884}
    summary = run(prefix, tmp_path / "out", **options)
    assert summary["kinship_reliable"] is False
    assert summary["relatives_dropped"] == []
    assert "nobody was dropped" in summary["notes"][0]
    forced = run(prefix, tmp_path / "out", **options, min_independent_variants=0)
    assert forced["relatives_dropped"]


def test_fewer_components_than_asked_for(tmp_path):
    dosages = np.array([[0, 1, 2], [2, 1, 1], [0, 1, 0], [1, 0, 2]], np.int8)
    write_bed(tmp_path / "g", dosages, variants(4), ["a", "b", "c"])
    options = {"components": 10, "min_allele_frequency": 0.0, "max_kinship": 0.0884}
    summary = run(tmp_path / "g", tmp_path / "out", **options)
    assert 1 <= summary["components"] <= 2
    assert any("of 10 components" in note for note in summary["notes"])
    write_bed(tmp_path / "g", dosages[:, :1], variants(4), ["a"])
    summary = run(tmp_path / "g", tmp_path / "out", **options)
    assert summary["components"] == 0
    scores = fields.read(tmp_path / "out" / "components.parquet")["scores"]
    assert [list(row) for row in scores] == [[]]


def test_no_variant_is_an_error_and_leaves_nothing(fileset, tmp_path):
    with pytest.raises(StageError, match="none of the 30 variants can be used") as error:
        run(
            fileset(n=30, contig="chrX"), tmp_path / "out",
            components=2, min_allele_frequency=0.05, max_kinship=0.0884,
        )  # fmt: skip
    assert error.value.problems[0].code == "structure-no-variants"
    assert "not on an autosome: 30" in str(error.value)
    assert not (tmp_path / "out").exists()


def test_engine_hail_asks_for_the_matrix(fileset, tmp_path):
    with pytest.raises(StageError, match="cohort-missing"):
        structure(
            fileset(n=50), tmp_path / "out", engine="hail", cohort=None, threads=1, memory_mb=1000,
            components=2, min_allele_frequency=0.05, max_kinship=0.0884,
        )  # fmt: skip
    assert not (tmp_path / "out").exists()
