"""New people on stored loadings: against plink2 --score, and what can be wrong with a file."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.genotypes import Genotypes, write_bed
from genopheno.problems import StageError
from genopheno.structure.loadings import project_batch, read_loadings
from genopheno.structure.projection import shared_variants
from genopheno.structure.run import run

N = 600
OPTIONS = {"components": 3, "min_allele_frequency": 0.05, "max_kinship": 0.0884}


def people(n: int, seed: int, missing: float = 0.0) -> np.ndarray:
    """(variants, n) dosages, half of each of two populations that are the same for every seed."""
    rng = np.random.default_rng(1)
    p = rng.uniform(0.2, 0.8, N)
    q = np.clip(p + rng.normal(0, 0.12, N), 0.1, 0.9)
    rng = np.random.default_rng(seed)
    of = np.where(np.arange(n) < n // 2, p[:, None], q[:, None])
    dosages = rng.binomial(2, of).astype(np.int8)
    dosages[rng.random(dosages.shape) < missing] = -1
    return dosages


def table(n: int = N) -> pd.DataFrame:
    pairs = [("A", "G"), ("C", "A"), ("A", "T"), ("G", "C"), ("AT", "A")]
    return pd.DataFrame(
        {
            "variant_id": [f"1:{i + 1}" for i in range(n)],
            "contig": "1",
            "position": (np.arange(n) + 1) * 60_000,
            "effect_allele": [pairs[i % 5][0] for i in range(n)],
            "other_allele": [pairs[i % 5][1] for i in range(n)],
        }
    )


def write(prefix: Path, dosages: np.ndarray, variants: pd.DataFrame) -> Path:
    write_bed(prefix, dosages, variants, [f"p{i}" for i in range(dosages.shape[1])])
    return prefix


@pytest.fixture
def axes(tmp_path) -> Path:
    """Loadings of 60 people, build b38."""
    prefix = write(tmp_path / "first", people(60, 2), table())
    run(prefix, tmp_path / "out", **OPTIONS, build="b38")
    return tmp_path / "out/loadings.parquet"


def scores(path: Path) -> np.ndarray:
    return np.stack(fields.read(path)["scores"])


def test_the_people_who_made_the_axes_get_their_own_scores(axes, tmp_path):
    project_batch(tmp_path / "first", axes, tmp_path / "p.parquet")
    made = scores(tmp_path / "out/components.parquet")
    assert scores(tmp_path / "p.parquet") == pytest.approx(made, abs=2e-6)


@pytest.mark.parametrize("missing", [0.0, 0.05])
def test_scores_equal_plink2(axes, tmp_path, missing):
    if shutil.which("plink2") is None:
        pytest.skip("plink2 is not installed")
    prefix = write(tmp_path / "new", people(20, 3, missing), table())
    project_batch(prefix, axes, tmp_path / "p.parquet", build="b38")
    found = fields.read(tmp_path / "p.parquet")
    weights, _ = read_loadings(axes)
    text = pd.DataFrame(np.stack(weights["loadings"]), columns=["L1", "L2", "L3"])
    text.insert(0, "A1", weights["effect_allele"])
    text.insert(0, "ID", weights["variant_id"])
    text.to_csv(tmp_path / "weights.tsv", sep="\t", index=False)
    weights.assign(OBS_CT=120, CHROM="1").rename(
        columns={"CHROM": "#CHROM", "variant_id": "ID", "other_allele": "REF",
                 "effect_allele": "ALT", "frequency": "ALT_FREQS"}
    )[["#CHROM", "ID", "REF", "ALT", "ALT_FREQS", "OBS_CT"]].to_csv(
        tmp_path / "f.afreq", sep="\t", index=False
    )  # fmt: skip
    subprocess.run(
        ["plink2", "--bfile", prefix, "--threads", "1", "--read-freq", tmp_path / "f.afreq",
         "--score", tmp_path / "weights.tsv", "1", "2", "header-read", "variance-standardize",
         "no-mean-imputation", "cols=+scoresums", "--score-col-nums", "3-5",
         "--out", tmp_path / "s"],
        check=True, capture_output=True,
    )  # fmt: skip
    theirs = pd.read_csv(tmp_path / "s.sscore", sep="\t").filter(like="_SUM").iloc[:, -3:]
    # Both sum over the called variants; ours then divides by their fraction. (With its mean
    # imputation, plink2 2.00a3.5 adds 2p/sd for a missing genotype, not the mean of 0.)
    ours = np.stack(found["scores"]) * found["called"].to_numpy()[:, None]
    assert ours == pytest.approx(theirs.to_numpy(), abs=2e-6)
    assert (found["called"].mean() < 1) == (missing > 0)


def test_turned_alleles_other_order_and_prefix_change_nothing(axes, tmp_path):
    dosages, variants = people(20, 3), table()
    project_batch(write(tmp_path / "a", dosages, variants), axes, tmp_path / "a.parquet")
    order = np.random.default_rng(5).permutation(N)
    turned = np.arange(N) % 3 == 0
    other = variants.copy()
    other.loc[turned, ["effect_allele", "other_allele"]] = variants.loc[
        turned, ["other_allele", "effect_allele"]
    ].to_numpy()
    other["contig"] = "chr1"
    mixed = np.where(turned[:, None], 2 - dosages, dosages)[order]
    prefix = write(tmp_path / "b", mixed, other.iloc[order])
    said = project_batch(prefix, axes, tmp_path / "b.parquet")
    assert said["n_turned"] == pytest.approx(said["n_variants_shared"] / 3, abs=2)
    assert scores(tmp_path / "b.parquet") == pytest.approx(scores(tmp_path / "a.parquet"), abs=2e-6)


def test_the_other_strand_is_seen_and_ambiguous_variants_left_out():
    variants = table(10)
    flipped = variants.copy()
    for name in ("effect_allele", "other_allele"):
        flipped[name] = variants[name].str.translate(str.maketrans("ACGT", "TGCA"))
    found = shared_variants(flipped, variants)
    assert len(found) == 6  # A/T and G/C are not among them
    assert (found.n_strand, found.n_ambiguous, found.n_turned) == (6, 4, 0)
    assert variants["effect_allele"][found.other].isin(["A", "C", "AT"]).all()
    assert len(shared_variants(variants, variants)) == 10
    other = variants.assign(effect_allele="T", other_allele="G")
    assert shared_variants(variants[:1], other[:1]).n_strand == 0


def test_missing_variants_are_counted_and_have_a_floor(axes, tmp_path):
    dosages, variants = people(20, 3), table()
    dosages[: N // 2, 0] = -1  # with the missing variants, too few are called
    prefix = write(tmp_path / "b", dosages[90:], variants[90:])
    said = project_batch(prefix, axes, tmp_path / "b.parquet", min_called=0.6)
    assert said["n_variants_missing"] + said["n_variants_shared"] == said["n_variants_loadings"]
    assert said["n_samples_too_few_called"] == 1
    found = fields.read(tmp_path / "b.parquet")
    assert found["scores"].isna().tolist() == [True] + [False] * 19
    assert json.loads((tmp_path / "b.json").read_text()) == said
    for names, code in ((variants[300:], "loadings-few"), (variants[300:], "loadings-no")):
        moved = names.assign(position=names["position"] + (7 if code == "loadings-no" else 0))
        with pytest.raises(StageError) as error:
            project_batch(write(tmp_path / "c", dosages[300:], moved), axes, tmp_path / "c.parquet")
        assert error.value.problems[0].code == f"{code}-shared-variants"
    assert not (tmp_path / "c.parquet").exists()


def test_loadings_of_another_build_and_other_tables_are_refused(axes, tmp_path):
    with pytest.raises(StageError, match="of build b38, the genotypes of b37") as error:
        project_batch(tmp_path / "first", axes, tmp_path / "p.parquet", build="b37")
    assert error.value.problems[0].code == "loadings-build"
    with pytest.raises(StageError, match="no table of loadings") as error:
        project_batch(tmp_path / "first", tmp_path / "out/kinship.parquet", tmp_path / "p.parquet")
    assert error.value.problems[0].code == "loadings-malformed"


def test_a_projected_person_is_closer_to_the_middle_as_was_foretold(tmp_path):
    """Halves of the same two populations: new people shrink, by about the factor told."""
    prefix = write(tmp_path / "first", people(60, 2), table())
    said = run(prefix, tmp_path / "out", **OPTIONS)
    project_batch(
        write(tmp_path / "new", people(200, 4), table()),
        tmp_path / "out/loadings.parquet",
        tmp_path / "p.parquet",
    )
    made = scores(tmp_path / "out/components.parquet")[:, 0]
    new = scores(tmp_path / "p.parquet")[:, 0]
    apart = abs(made[:30].mean() - made[30:].mean())
    seen = abs(new[:100].mean() - new[100:].mean()) / apart
    assert said["shrinkage"][0] == pytest.approx(seen, abs=0.1)
    assert seen < 0.95
    assert Genotypes.open(tmp_path / "new").n_samples == 200
