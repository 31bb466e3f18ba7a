"""Genotype blocks: what is written is read, what PLINK writes is read, what is broken is told."""

from __future__ import annotations

import subprocess

import numpy as np
import pandas as pd
import pytest

from genopheno.genotypes import Genotypes, write_bed
from genopheno.problems import StageError


def fileset(prefix, n_variants=50, n_samples=13, seed=1):
    rng = np.random.default_rng(seed)
    dosages = rng.integers(-1, 3, (n_variants, n_samples)).astype(np.int8)
    position = np.arange(1, n_variants + 1) * 7
    variants = pd.DataFrame(
        {
            "variant_id": [f"chr1:{p}:G:A" for p in position],
            "contig": "chr1",
            "position": position.astype(np.int32),
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    samples = [f"s{i}" for i in range(n_samples)]
    write_bed(prefix, dosages, variants, samples)
    return dosages, variants, samples


@pytest.mark.parametrize("n_samples", [1, 2, 3, 4, 5, 13, 64])
def test_what_is_written_is_read(tmp_path, n_samples):
    dosages, variants, samples = fileset(tmp_path / "g", n_samples=n_samples)
    genotypes = Genotypes.open(tmp_path / "g")
    assert genotypes.samples == samples
    assert (genotypes.n_variants, genotypes.n_samples) == dosages.shape
    pd.testing.assert_frame_equal(genotypes.variants, variants, check_dtype=False)
    with_nan = np.where(dosages < 0, np.nan, dosages)
    for dtype in (np.float32, np.float64):
        np.testing.assert_array_equal(genotypes.dosages(0, 50, dtype=dtype), with_nan)
    np.testing.assert_array_equal(genotypes.dosages(0, 50, dtype=np.int8), dosages)
    keep = np.arange(n_samples)[::-2]
    np.testing.assert_array_equal(genotypes.dosages(7, 31, keep), with_nan[7:31][:, keep])
    genotypes.release(0, 50)
    np.testing.assert_array_equal(genotypes.dosages(9, 12, dtype=np.int8), dosages[9:12])
    assert genotypes.packed(3, 9).shape == (6, (n_samples + 3) // 4)


def test_blocks_cover_every_variant_once(tmp_path):
    fileset(tmp_path / "g")
    blocks = list(Genotypes.open(tmp_path / "g").blocks(16))
    assert blocks == [(0, 16), (16, 32), (32, 48), (48, 50)]


def test_plink2_reads_what_we_write_and_we_read_what_it_writes(tmp_path):
    dosages, _, _ = fileset(tmp_path / "g")
    subprocess.run(
        ["plink2", "--bfile", "g", "--make-bed", "--out", "h"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    np.testing.assert_array_equal(
        Genotypes.open(tmp_path / "h").dosages(0, 50, dtype=np.int8), dosages
    )
    subprocess.run(
        ["plink2", "--bfile", "g", "--export", "A", "--out", "t"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    raw = pd.read_csv(tmp_path / "t.raw", sep=r"\s+").iloc[:, 6:]
    of_a = dosages if raw.columns[0].endswith("_A") else np.where(dosages < 0, -1, 2 - dosages)
    np.testing.assert_array_equal(raw.fillna(-1).to_numpy().T, of_a)


def test_blanks_between_columns_are_understood(tmp_path):
    _, variants, _ = fileset(tmp_path / "g")
    bim = tmp_path / "g.bim"
    bim.write_text(bim.read_text().replace("\t", "  "))
    assert list(Genotypes.open(tmp_path / "g").variants.variant_id) == list(variants.variant_id)


def codes(path):
    with pytest.raises(StageError) as caught:
        Genotypes.open(path)
    return [problem.code for problem in caught.value.problems]


def test_broken_filesets_are_told(tmp_path):
    g = tmp_path / "g"
    bed, bim, fam = (tmp_path / f"g.{e}" for e in ("bed", "bim", "fam"))
    assert codes(g) == ["genotypes-missing"] * 3
    fileset(g)
    good = bed.read_bytes(), bim.read_text(), fam.read_text()

    bed.write_bytes(good[0][:-1])
    assert codes(g) == ["genotypes-size"]
    bed.write_bytes(b"\x6c\x1b\x00" + good[0][3:])
    assert codes(g) == ["genotypes-format"]
    bed.write_bytes(b"PK" + good[0][2:])
    assert codes(g) == ["genotypes-format"]
    bed.write_bytes(good[0])

    bim.write_text(good[1].replace("chr1:14:G:A", "chr1:7:G:A"))
    fam.write_text(good[2].replace("s3\t", "s2\t"))
    assert codes(g) == ["sample-duplicate", "variant-duplicate"]
    bim.write_text(good[1].replace("\t14\t", "\there\t"))
    fam.write_text(good[2].replace("0\ts3\t0\t0\t0\t-9", "s3"))
    assert codes(g) == ["genotypes-malformed", "genotypes-malformed"]
    bim.write_text("")
    fam.write_text("")
    assert codes(g) == ["genotypes-empty", "genotypes-empty"]


def test_writing_refuses_what_cannot_be_written(tmp_path):
    _, variants, samples = fileset(tmp_path / "g")
    with pytest.raises(ValueError, match="but 50 variants"):
        write_bed(tmp_path / "h", np.zeros((50, 2), np.int8), variants, samples)
    with pytest.raises(ValueError, match="a dosage is"):
        write_bed(tmp_path / "h", np.full((50, 13), 3, np.int8), variants, samples)
    assert not (tmp_path / "h.bed").exists()
