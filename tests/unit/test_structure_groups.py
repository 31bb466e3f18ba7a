"""Ancestry groups, families, cases that are kept, and people who stand alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from genopheno import fields
from genopheno.genotypes import Genotypes, write_bed
from genopheno.problems import StageError
from genopheno.structure.ancestry import ancestry, read_labels
from genopheno.structure.cases import cases
from genopheno.structure.groups import Groups, leave_one_out
from genopheno.structure.outliers import isolation
from genopheno.structure.run import Panel, run
from genopheno.structure.unrelated import families, unrelated

N = 500
NAMES = ["north", "south", "west"]


def people(sizes: tuple[int, int, int], seed: int) -> np.ndarray:
    """(variants, people) dosages of three populations, the same for every seed."""
    rng = np.random.default_rng(1)
    p = rng.uniform(0.2, 0.8, (N, 1))
    each = np.clip(p + rng.normal(0, 0.15, (N, 3)), 0.05, 0.95)
    rng = np.random.default_rng(seed)
    return rng.binomial(2, np.repeat(each, sizes, axis=1)).astype(np.int8)


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "variant_id": [f"v{i}" for i in range(N)],
            "contig": "1",
            "position": (np.arange(N) + 1) * 60_000,
            "effect_allele": "A",
            "other_allele": "C",
        }
    )


def write(prefix: Path, dosages: np.ndarray, variants: pd.DataFrame | None = None) -> Path:
    names = [f"{prefix.name}{i}" for i in range(dosages.shape[1])]
    write_bed(prefix, dosages, table() if variants is None else variants, names)
    return prefix


def write_labels(path: Path, rows: list[tuple[str, str]], header: str = "sample\tgroup") -> Path:
    path.write_text("".join(f"{a}\n" for a in [header, *("\t".join(r) for r in rows)]))
    return path


@pytest.fixture
def panel(tmp_path) -> Panel:
    prefix = write(tmp_path / "panel", people((30, 30, 30), 2))
    rows = [(f"panel{i}", NAMES[i // 30]) for i in range(90)]
    return Panel(prefix, write_labels(tmp_path / "labels.tsv", rows), min_shared_variants=300)


OPTIONS = {"components": 3, "min_allele_frequency": 0.05, "max_kinship": 0.3}


def test_people_get_the_group_of_their_population(panel, tmp_path):
    dosages = people((12, 5, 8), 3)
    rng = np.random.default_rng(4)
    strange = rng.binomial(2, rng.uniform(0.1, 0.9, (N, 1))).astype(np.int8)
    mixed = rng.binomial(2, people((1, 1, 0), 9).mean(axis=1, keepdims=True) / 2).astype(np.int8)
    gone = np.full((N, 1), -1, np.int8)
    gone[:9] = 1
    # The cohort's file counts the other allele, in another order.
    every = np.hstack([dosages, strange, mixed, gone])
    turned = np.where(every >= 0, 2 - every, -1).astype(np.int8)
    swapped = table().rename(columns={"effect_allele": "o", "other_allele": "effect_allele"})
    prefix = write(tmp_path / "c", turned, swapped.rename(columns={"o": "other_allele"}))
    said = run(prefix, tmp_path / "out", **OPTIONS, panel=panel)
    found = fields.read(tmp_path / "out/samples.parquet")
    assert found["group"].tolist() == [
        *["north"] * 12, *["south"] * 5, *["west"] * 8, *["unassigned"] * 3
    ]  # fmt: skip
    assert (found["group_probability"][:25] > 0.99).all()
    columns = [f"probability_{name}" for name in NAMES]
    assert found[columns][:27].sum(axis=1).to_numpy() == pytest.approx(1)
    assert found[columns].iloc[27].isna().all()
    assert "far from every group" in found["reasons"][25]
    assert "too few of the panel's variants" in found["reasons"][27]
    facts = said["ancestry"]
    assert facts["leave_one_out_accuracy"] == 1
    assert facts["n_turned"] == facts["n_shared"] == N
    assert facts["groups"] == {"north": 12, "south": 5, "west": 8, "unassigned": 3}
    assert json.loads((tmp_path / "out/structure.json").read_text()) == said


def test_probabilities_are_those_of_normal_distributions():
    rng = np.random.default_rng(1)
    x = np.vstack([rng.normal(0, 1, (40, 2)), rng.normal(3, 2, (25, 2))])
    labels = np.array(["a"] * 40 + ["b"] * 25)
    fitted = Groups.fit(x, labels)
    density = np.column_stack(
        [
            multivariate_normal(m, c).pdf(x)
            for m, c in zip(fitted.means, fitted.covariances, strict=True)
        ]
    )
    expected = density / density.sum(axis=1, keepdims=True)
    assert fitted.probabilities(x) == pytest.approx(expected, abs=1e-12)
    # Between the two nobody is sure; without scores nobody is anything.
    middle = np.array([[1.2, 1.2], [np.nan, 0.0]])
    group, probability, reason = fitted.assign(middle, 0.999)
    assert group.tolist() == ["unassigned"] * 2 and np.isnan(probability[1]).all()
    assert reason[0] == "no group has a probability of 0.999"


def test_leaving_out_uses_the_others_only():
    """A person alone in a corner is not evidence for its own group."""
    rng = np.random.default_rng(2)
    x = np.vstack([rng.normal(0, 1, (30, 2)), rng.normal(6, 1, (30, 2)), [[6.2, 6.0]]])
    labels = np.array(["a"] * 30 + ["b"] * 30 + ["a"])
    found = leave_one_out(x, labels, 0.5)
    assert found[-1] == "b"
    for i in (0, 31, 60):
        others = np.arange(61) != i
        fitted = Groups.fit(x[others], labels[others])
        assert fitted.assign(x[i : i + 1], 0.5)[0][0] == found[i]


def test_a_panel_without_shared_variants_is_an_error(panel, tmp_path):
    moved = table().assign(position=table()["position"] + 1)
    prefix = write(tmp_path / "c", people((5, 5, 5), 3), moved)
    with pytest.raises(StageError, match="0 of its 500 variants") as error:
        run(prefix, tmp_path / "out", **OPTIONS, panel=panel)
    assert error.value.problems[0].code == "panel-no-shared-variants"
    assert not (tmp_path / "out").exists()
    moved.loc[:99, "position"] -= 1
    with pytest.raises(StageError) as error:
        run(write(tmp_path / "c", people((5, 5, 5), 3), moved), tmp_path / "out", **OPTIONS,
            panel=panel)  # fmt: skip
    assert error.value.problems[0].code == "panel-few-shared-variants"


@pytest.mark.parametrize(
    ("rows", "header", "code"),
    [
        ([("panel0", "north")], "sample\tpopulation", "labels-column-missing"),
        ([], "sample\tgroup", "labels-empty"),
        ([("panel0", "north"), ("panel0", "south")], "sample\tgroup", "label-conflict"),
        ([("panel0", "unassigned")], "sample\tgroup", "label-reserved"),
        ([("panel0", "north")], "sample\tgroup", "panel-group-small"),
    ],
)
def test_faulty_labels(tmp_path, rows, header, code):
    path = write_labels(tmp_path / "labels.tsv", rows, header)
    with pytest.raises(StageError) as error:
        read_labels(path, [f"panel{i}" for i in range(9)])
    assert code in [problem.code for problem in error.value.problems]


def test_panel_people_without_label_are_not_used(panel):
    lines = panel.labels.read_text().splitlines()
    panel.labels.write_text("\n".join([*lines[:-3], "nobody\tnorth"]) + "\n")
    reference = Genotypes.open(panel.prefix)
    labels, lost = read_labels(panel.labels, reference.samples)
    assert lost == {"panel_samples_without_label": 3, "labels_without_sample": 1}
    found = ancestry(
        reference, reference, labels, min_allele_frequency=0.05, n_components=3,
        min_probability=0.9, min_shared_variants=300, ld_r2=0.2, ld_window_kb=1000,
    )  # fmt: skip
    assert found.facts["n_panel"] == 87
    assert found.group[-3:].tolist() == ["west"] * 3


def test_families_are_connected_by_relatives():
    pairs = [("d", "b", 0.2), ("b", "c", 0.1), ("x", "y", 0.3)]
    assert families("abcdxyz", pairs) == ["", "b", "b", "b", "x", "x", ""]
    assert families("zyxdcba", pairs[::-1]) == ["", "x", "x", "b", "b", "b", ""]


def test_cases_stay_whoever_else_has_to_go():
    star = [("case", other, 0.25) for other in "abc"]
    assert unrelated(["case", *"abc"], star)[0] == ["a", "b", "c"]
    kept, dropped = unrelated(["case", *"abc"], star, prefer={"case"})
    assert kept == ["case"]
    assert [sample for sample, *_ in dropped] == ["a", "b", "c"]


@pytest.mark.parametrize("seed", range(6))
def test_with_cases_the_set_is_maximal_and_has_no_fewer_of_them(seed):
    rng = np.random.default_rng(seed)
    names = [f"s{i:02}" for i in range(40)]
    pairs = [(a, b, 0.2) for i, a in enumerate(names) for b in names[:i] if rng.random() < 0.08]
    ill = set(rng.choice(names, 12, replace=False))
    kept, dropped = unrelated(names, pairs, prefer=ill)
    inside = set(kept)
    assert not any(a in inside and b in inside for a, b, _ in pairs)
    assert all(relative in inside for _, relative, _ in dropped)
    assert len(inside & ill) >= len(set(unrelated(names, pairs)[0]) & ill)
    among = [p for p in pairs if p[0] in ill and p[1] in ill]
    assert len(inside & ill) == len(unrelated(sorted(ill), among)[0])
    assert unrelated(names[::-1], pairs[::-1], prefer=ill)[1] == dropped


def test_who_is_a_case(tmp_path):
    pd.DataFrame({"sample": ["s1", "s2", "s3"], "participant": ["a", "b", "c"]}).to_parquet(
        tmp_path / "samples.parquet"
    )
    pd.DataFrame({"participant": ["c", "a", "b"], "ill": [1.0, np.nan, 0.0]}).to_parquet(
        tmp_path / "phenotypes.parquet"
    )
    declared = [{"name": "ill", "type": "time-to-event"}, {"name": "bmi", "type": "quantitative"}]
    (tmp_path / "traits.json").write_text(json.dumps({"traits": declared}))
    paths = [tmp_path / f for f in ("samples.parquet", "phenotypes.parquet", "traits.json")]
    assert cases("ill", *paths) == {"s3"}
    for name, said in (("bmi", "it is quantitative"), ("asthma", "it is not declared")):
        with pytest.raises(StageError, match=said):
            cases(name, *paths)


def test_a_small_population_is_no_outlier_and_a_lone_person_is():
    rng = np.random.default_rng(3)
    scores = np.vstack(
        [rng.normal(0, 1, (200, 3)), rng.normal(30, 1, (12, 3)), [[15.0, 15.0, -40.0]]]
    )
    alone = isolation(scores)
    assert alone[-1] > 6 > alone[:-1].max()
    assert np.isnan(isolation(scores[:19])).all()
    assert np.isnan(isolation(np.ones((30, 2)))).all()
    scores[5] = np.nan
    assert np.isnan(isolation(scores)[5]) and np.isfinite(isolation(scores)[6])
