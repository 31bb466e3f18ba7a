"""Meta-analysis of three real studies of glucose: METAL's answers, and plink 1.9's."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
import yaml

from genopheno.files import md5, read_json
from genopheno.sumstats.combine import Method, Options
from genopheno.sumstats.match import Policy
from genopheno.sumstats.meta import meta
from genopheno.sumstats.ssf_metadata import write_metadata
from genopheno.sumstats.studies import named, read_studies
from tests.realdata.test_association_known_answers import associate, quantitative, read_people

STUDIES = """\
studies:
- {{name: dgi, path: {dgi}, numbered_alleles: true}}
- {{name: fusion, path: {fusion}}}
- {{name: sardinia, path: {sardinia}, n: 4106}}
"""
FILES = {
    "dgi": "DGI_three_regions.txt",
    "fusion": "MAGIC_FUSION_Results.txt.gz",
    "sardinia": "magic_SARDINIA.tbl",
}
COMPLEMENT = str.maketrans("ACGT", "TGCA")
# Columns of alleles, effect and frequency of the two that copies are made of.
CODED = {
    "fusion": ("EFFECT_ALLELE", "NON_EFFECT_ALLELE", "BETA", "FREQ_EFFECT"),
    "sardinia": ("AL1", "AL2", "EFFECT", "FREQ1"),
}


def changed_copies(folder: Path, original: Path) -> None:
    """The studies with every other variant's alleles swapped, every third's strand flipped.

    A/T and C/G stay on their strand: names alone cannot tell.
    """
    for name, (a, b, beta, frequency) in CODED.items():
        sep = "\t" if name == "sardinia" else " "
        # As text, so that no digit changes.
        frame = pd.read_csv(original / FILES[name], sep=sep, dtype=str, keep_default_na=False)
        swap = np.arange(len(frame)) % 2 == 0
        frame.loc[swap, [a, b]] = frame.loc[swap, [b, a]].to_numpy()
        frame.loc[swap, beta] = [
            text[1:] if text.startswith("-") else f"-{text}" for text in frame.loc[swap, beta]
        ]
        frame.loc[swap, frequency] = [f"{1 - float(f):.6f}" for f in frame.loc[swap, frequency]]
        flip = np.arange(len(frame)) % 3 == 0
        flip &= ~(frame[a] + frame[b]).isin(["AT", "TA", "CG", "GC"])
        for column in (a, b):
            other = frame.loc[flip, column].str.translate(COMPLEMENT)
            frame.loc[flip, column] = other
        frame.sample(frac=1, random_state=1).to_csv(folder / FILES[name], sep=sep, index=False)


@pytest.fixture(scope="module")
def config(data, tmp_path_factory) -> Callable[[bool], Path]:
    """A file that names the three studies; with `copies`, changed copies of two of them."""
    original = data("meta_glucose")

    def write(copies: bool = False) -> Path:
        folder = tmp_path_factory.mktemp("meta")
        paths = {name: original / file for name, file in FILES.items()}
        if copies:
            changed_copies(folder, original)
            paths |= {name: Path(FILES[name]) for name in CODED}
        (folder / "meta.yaml").write_text(STUDIES.format(**paths))
        return folder / "meta.yaml"

    return write


def run(config: Path, method: Method) -> tuple[pd.DataFrame, dict]:
    out = config.with_name("m.parquet")
    told = meta(read_studies(config), out, options=Options(method), policy=Policy("keep"))
    return pd.read_parquet(out), told


def held_to(expected: Path, rows: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """METAL's rows beside ours, and the sign that puts ours on its effect allele."""
    theirs = pd.read_csv(expected, sep="\t", dtype={"P-value": str})
    both = theirs.merge(rows, left_on="MarkerName", right_on="rsid", validate="one_to_one")
    assert len(both) == len(theirs) == len(rows) == 2495
    one, ours, other = both["Allele1"].str.upper(), both["effect_allele"], both["other_allele"]
    # The first study that has a variant says its strand.
    flipped = (one != ours) & (one != other)
    one = one.where(~flipped, one.str.translate(COMPLEMENT))
    assert ((one == ours) | (one == other)).all()
    sign = np.where(one == ours, 1, -1)
    turned = both["direction"].str.translate(str.maketrans("+-", "-+"))
    assert (both["Direction"] == np.where(sign > 0, both["direction"], turned)).all()
    assert_printed(10 ** -both["neg_log10_p_value"], both["P-value"])
    return both, sign


def assert_printed(ours: pd.Series, theirs: pd.Series) -> None:
    """Numbers equal as far as the texts of `theirs` go."""
    for value, text in zip(ours, theirs.astype(str), strict=True):
        digits = text.lower().partition("e")
        last = len(digits[0].partition(".")[2])
        unit = 10.0 ** (int(digits[2] or 0) - last)
        # Half a unit of the last digit, and what doubles add.
        assert abs(value - float(text)) <= 0.5000001 * unit, (value, text)


@pytest.mark.parametrize("copies", [False, True])
def test_inverse_variance_and_heterogeneity_as_metal(data, config, copies) -> None:
    expected = data("meta_glucose") / "expected"
    rows, told = run(config(copies), "inverse-variance")
    both, sign = held_to(expected / "inverse_variance_heterogeneity.tsv", rows)
    assert abs(both["Effect"] - sign * both["beta"]).max() < 0.50001e-4
    assert abs(both["StdErr"] - both["standard_error"]).max() < 0.50001e-4
    assert abs(both["HetChiSq"] - both["heterogeneity_q"]).max() < 0.50001e-3
    assert abs(both["HetISq"] - 100 * both["heterogeneity_i2"]).max() < 0.050001
    assert (both["HetDf"] == both["heterogeneity_df"]).all()
    # METAL prints 1 where a single study has the variant; there is no p-value there.
    assert_printed(10 ** -both["heterogeneity_neg_log10_p_value"].fillna(0), both["HetPVal"])
    held_to(expected / "inverse_variance.tsv", rows)
    assert told["n_variants_by_studies"] == {"1": 177, "2": 108, "3": 2210}
    flipped = [sum(n for k, n in s["matched"].items() if "flipped" in k) for s in told["studies"]]
    assert (min(flipped[1:]) > 500) == copies and flipped[0] == 0


@pytest.mark.parametrize("copies", [False, True])
def test_sample_size_weighted_as_metal(data, config, copies) -> None:
    rows, _ = run(config(copies), "sample-size")
    both, sign = held_to(data("meta_glucose") / "expected/sample_size_weighted.tsv", rows)
    assert abs(both["Zscore"] - sign * both["z_score"]).max() < 0.50001e-3
    assert (both["Weight"] == both["n"]).all()


def test_fixed_and_random_effects_as_plink(data, config, tmp_path: Path) -> None:
    folder = data("meta_glucose")
    words = []
    for name, file in FILES.items():
        frame = pd.read_csv(folder / file, sep=" " if name == "fusion" else "\t", dtype=str)
        names = {"POS": "BP", "EFFECT_ALLELE": "A1", "NON_EFFECT_ALLELE": "A2", "AL1": "A1"}
        names |= {"AL2": "A2", "EFFECT": "BETA", "P_VAL": "P", "PVALUE": "P"}
        frame = frame.rename(columns=names)[["SNP", "CHR", "BP", "A1", "A2", "BETA", "SE", "P"]]
        if name == "dgi":
            frame[["A1", "A2"]] = frame[["A1", "A2"]].replace(
                dict(zip("1234", "ACGT", strict=True))
            )
        frame.to_csv(tmp_path / name, sep="\t", index=False)
        words.append(tmp_path / name)
    subprocess.run(
        ["plink1.9", "--meta-analysis", *words, "+", "qt", "logscale", "--out", tmp_path / "peer"],
        check=True,
        capture_output=True,
    )
    peer = pd.read_csv(tmp_path / "peer.meta", sep=r"\s+")
    rows, _ = run(config(), "random-effects")
    both = peer.merge(rows, left_on="SNP", right_on="rsid", validate="one_to_one")
    both = both[both["N"] == both["n_studies"]]
    assert len(both) == 2318  # plink leaves out variants of a single study
    sign = np.where(both["A1"] == both["effect_allele"], 1, -1)
    weight = both["random_standard_error"]
    assert (both["beta"] == both["random_beta"]).all() and (both["standard_error"] == weight).all()
    assert abs(both["BETA(R)"] - sign * both["beta"]).max() < 0.50001e-4
    assert_printed(10 ** -both["neg_log10_p_value"], both["P(R)"])
    assert abs(both["I"] - 100 * both["heterogeneity_i2"]).max() < 0.0050001
    assert_printed(10 ** -both["heterogeneity_neg_log10_p_value"], both["Q"])


def test_the_command_says_the_same_and_draws_a_page(config, genopheno) -> None:
    path = config()
    words = ["--config", path, "--ambiguous", "keep", "--page", "m.html", "--lead-p", "1e-6"]
    said = genopheno("meta", *words, "--out", "c.parquet", cwd=path.parent).stdout
    rows, _ = run(path, "inverse-variance")
    pd.testing.assert_frame_equal(pd.read_parquet(path.with_name("c.parquet")), rows)
    assert "2495 variants by inverse-variance" in said
    page = path.with_name("m.html").read_text()
    assert "rs560887" in page and page.count("<svg") >= 3 and "http" not in page


def test_our_scan_and_plink2s_of_the_same_people_are_one_study(data, tmp_path: Path) -> None:
    folder = data("gwas_lpa_hg38")
    associate(
        folder / "lpa", read_people(folder / "phenotype.txt"), quantitative(["Y1"]), tmp_path,
        min_allele_count=5,
    )  # fmt: skip
    files = {
        "parquet": tmp_path / "Y1.parquet",
        "text": tmp_path / "Y1.tsv.gz",
        "plink2": folder / "expected/plink2_linear_mac5_Y1.tsv.gz",
    }
    out = tmp_path / "meta.parquet"
    options = Options("sample-size", per_study=True)
    told = meta(named(files.items()), out, options=options, policy=Policy("keep"))
    layouts = [study["layout"] for study in told["studies"]]
    assert layouts == ["gwas-ssf", "gwas-ssf", "plink2"]
    assert told["n_variants_by_studies"] == {"3": 376}
    rows = pd.read_parquet(out)
    for name in ("beta", "standard_error"):
        ours, text, theirs = (rows[f"{study}_{name}"] for study in files)
        np.testing.assert_allclose(ours, text, rtol=1e-15)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert (rows["heterogeneity_q"] < 1e-6).all() and (rows["n"] == 3 * 157).all()
    for text in (tmp_path / "Y1.tsv.gz", tmp_path / "meta.tsv.gz"):
        about = yaml.safe_load(write_metadata(text, "GRCh38").read_text())
        about["date_metadata_last_modified"] = about["date_metadata_last_modified"].isoformat()
        schema = read_json(data("gwas_ssf") / "metadata-json-schema.json")
        # The schema allows any other key; a name that is not its own would be a slip.
        assert about.keys() <= schema["properties"].keys()
        for sample in about.get("samples", []):
            assert sample.keys() <= schema["definitions"]["SampleMetadata"]["properties"].keys()
        jsonschema.validate(about, schema, format_checker=jsonschema.FormatChecker())
    scan = yaml.safe_load((tmp_path / "Y1.tsv.gz-meta.yaml").read_text())
    assert scan["samples"] == [{"sample_size": 157, "case_control_study": False}]
    assert scan["data_file_md5sum"] == md5(tmp_path / "Y1.tsv.gz")
