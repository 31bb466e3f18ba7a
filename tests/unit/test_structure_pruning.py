"""LD pruning: the same variants as plink2 --indep-pairwise."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genopheno.genotypes import Genotypes, write_bed
from genopheno.problems import StageError
from genopheno.structure.pruning import prune
from genopheno.structure.variants import choose

PEOPLE = 133  # the last words of genotypes are not full


def linked(missing: float, n: int = 600, seed: int = 3) -> tuple[np.ndarray, pd.DataFrame]:
    """Dosages in LD on two contigs, copied from variant to variant; some sites share a place."""
    rng = np.random.default_rng(seed)
    haplotypes = rng.random(2 * PEOPLE) < 0.4
    dosages = np.empty((n, PEOPLE), np.int8)
    for i in range(n):
        fresh = rng.random(2 * PEOPLE) < rng.uniform(0.02, 0.98)
        haplotypes = np.where(rng.random(2 * PEOPLE) < 0.85, haplotypes, fresh)
        dosages[i] = haplotypes[:PEOPLE].astype(np.int8) + haplotypes[PEOPLE:]
    dosages[7] = 1  # everyone is heterozygous: no correlation is defined
    dosages[8] = -1
    dosages[20] = dosages[21] = dosages[22]  # ties in frequency
    dosages[rng.random(dosages.shape) < missing] = -1
    half = 2 * n // 3
    position = np.concatenate(
        [np.sort(rng.integers(1, 500_000, size)) for size in (half, n - half)]
    )
    return dosages, pd.DataFrame(
        {
            "variant_id": [f"v{i}" for i in range(n)],
            "contig": ["1"] * half + ["2"] * (n - half),
            "position": position,
            "effect_allele": "A",
            "other_allele": "C",
        }
    )


def write(folder: Path, dosages: np.ndarray, variants: pd.DataFrame) -> Path:
    write_bed(folder / "g", dosages, variants, [f"p{i}" for i in range(PEOPLE)])
    return folder / "g"


def pruned(prefix: Path, keep: np.ndarray | None = None, **options) -> set[str]:
    genotypes = Genotypes.open(prefix)
    usable, _, frequency = choose(genotypes, 0.0)
    kept = prune(genotypes, usable if keep is None else usable & keep, frequency, **options)
    return set(genotypes.variants["variant_id"][kept])


@pytest.mark.parametrize("missing", [0.0, 0.02, 0.2])
@pytest.mark.parametrize(
    ("window", "options"),
    [
        (("50kb",), {"window_kb": 50}),
        (("500kb",), {"window_kb": 500}),
        (("40", "1"), {"window_variants": 40}),
    ],
)
@pytest.mark.parametrize("r2", [0.05, 0.5])
def test_the_variants_that_plink2_keeps(tmp_path, missing, window, options, r2):
    if shutil.which("plink2") is None:
        pytest.skip("plink2 is not installed")
    prefix = write(tmp_path, *linked(missing))
    subprocess.run(
        # A window of plink2 may also start at a variant that does not vary: none of these.
        ["plink2", "--bfile", prefix, "--threads", "1", "--mac", "1",
         "--indep-pairwise", *window, str(r2),
         "--out", tmp_path / "p"],
        check=True, capture_output=True,
    )  # fmt: skip
    expected = set((tmp_path / "p.prune.in").read_text().split())
    assert 15 < len(expected) < 500
    assert pruned(prefix, r2=r2, **options) == expected


def test_no_pair_in_a_window_is_left_and_nobody_leaves_without_cause(tmp_path):
    dosages, variants = linked(0.0)
    kept = pruned(write(tmp_path, dosages, variants), r2=0.3, window_kb=100)
    usable = [i for i in range(len(dosages)) if i not in (7, 8)]
    r2 = np.corrcoef(dosages[usable]) ** 2
    position = variants["position"].to_numpy()[usable]
    near = position[:, None] - position[None]
    contig = variants["contig"].to_numpy()[usable]
    close = (abs(near) <= 100_000) & (contig[:, None] == contig[None]) & (r2 > 0.3)
    np.fill_diagonal(close, False)
    inside = np.array([f"v{i}" in kept for i in usable])
    assert not close[np.ix_(inside, inside)].any()
    assert close[~inside].any(axis=1).all()
    assert not kept & {"v7", "v8"}


def test_variants_that_are_not_chosen_prune_nobody(tmp_path):
    dosages, variants = linked(0.0, n=60)
    dosages[30:] = dosages[:30]  # each has a copy in the other half
    variants["contig"] = "1"
    variants["position"] = np.arange(60) + 1
    keep = np.arange(60) < 30
    prefix = write(tmp_path, dosages, variants)
    alone = pruned(prefix, keep, r2=0.2, window_kb=1)
    write_bed(tmp_path / "h", dosages[:30], variants[:30], [f"p{i}" for i in range(PEOPLE)])
    assert alone == pruned(tmp_path / "h", r2=0.2, window_kb=1)
    assert alone


@pytest.mark.parametrize(
    ("change", "said"),
    [("position", "not ascending"), ("contig", "do not stand together")],
)
def test_unsorted_variants_are_an_error(tmp_path, change, said):
    dosages, variants = linked(0.0, n=60)
    if change == "position":
        variants.loc[3, "position"] = 900_000
    else:
        variants.loc[50, "contig"] = "1"
    with pytest.raises(StageError, match=said) as error:
        pruned(write(tmp_path, dosages, variants), r2=0.2, window_kb=50)
    assert error.value.problems[0].code == "genotypes-unsorted"
