"""Polygenic scores: the sums of plink2, every row accounted for, and what is refused."""

from __future__ import annotations

import gzip
import subprocess

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.files import read_json
from genopheno.genotypes import write_bed
from genopheno.problems import StageError
from genopheno.scores import match, scoring_file
from genopheno.scores.check import check
from genopheno.scores.run import run

N, M = 120, 60
PRINTED = 6e-6  # plink2 prints six digits
HEAD = """###PGS CATALOG SCORING FILE - see the catalog's documentation
#format_version=2.0
#pgs_id=PGS999999
#pgs_name=made_up
#trait_reported=Height
#genome_build=GRCh37
#HmPOS_build=GRCh38
"""
COLUMNS = ["rsID", "effect_allele", "other_allele", "effect_weight", "hm_chr", "hm_pos"]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """(prefix, variants): variants 0 to 39 are A>C, 40 to 49 A>T, 50 to 59 an insertion."""
    rng = np.random.default_rng(1)
    dosages = rng.binomial(2, rng.uniform(0.1, 0.9, M)[:, None], (M, N)).astype(np.int8)
    dosages[rng.random((M, N)) < 0.04] = -1
    effect = ["C"] * 40 + ["T"] * 10 + ["AG"] * 10
    variants = pd.DataFrame(
        {
            "contig": ["chr1"] * 30 + ["chr2"] * 30,
            "position": np.arange(1, M + 1) * 100,
            "effect_allele": effect,
            "other_allele": "A",
        }
    )
    places = variants[["contig", "position", "other_allele", "effect_allele"]].astype(str)
    variants["variant_id"] = places.agg(":".join, axis=1)
    prefix = tmp_path_factory.mktemp("cohort") / "genotypes"
    write_bed(prefix, dosages, variants, [f"s{i}" for i in range(N)])
    return prefix, variants


def rows_of(variants, **changes) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "rsID": [f"rs{i}" for i in range(len(variants))],
            "effect_allele": variants["effect_allele"],
            "other_allele": variants["other_allele"],
            "effect_weight": np.round(np.random.default_rng(2).normal(size=len(variants)), 4),
            "hm_chr": variants["contig"].str.removeprefix("chr"),
            "hm_pos": variants["position"],
        }
    )
    return frame.assign(**changes)


def write(path, frame, head=HEAD):
    text = head + frame.to_csv(sep="\t", index=False)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def scored(cohort, files, out, **options):
    settings = {"build": "GRCh38", "min_match": 0.5, "keep_ambiguous": False} | options
    return run(cohort[0], files, out, **settings)


def plink2(prefix, frame, out):
    """plink2 --bfile X --score rows.txt 1 2 3 cols=+scoresums (missing genotypes: the mean)."""
    rows = out.with_suffix(".txt")
    frame.to_csv(rows, sep="\t", index=False, header=False)
    subprocess.run(
        ["plink2", "--bfile", prefix, "--score", rows, "1", "2", "3", "cols=+scoresums",
         "--out", out, "--silent"],
        check=True,
    )  # fmt: skip
    table = pd.read_csv(out.with_suffix(".sscore"), sep="\t")
    return table[next(c for c in table if c.endswith("_SUM") and "DOSAGE" not in c)].to_numpy()


def test_sums_are_those_of_plink2(cohort, tmp_path):
    prefix, variants = cohort
    frame = rows_of(variants)
    swapped = frame.index % 3 == 0
    frame.loc[swapped, ["effect_allele", "other_allele"]] = frame.loc[
        swapped, ["other_allele", "effect_allele"]
    ].to_numpy()
    told = pd.DataFrame(
        {"id": variants.variant_id, "allele": frame.effect_allele, "w": frame.effect_weight}
    )
    flipped = frame.index.isin([1, 2, 3, 4])  # the same variants, on the other strand
    for column in ("effect_allele", "other_allele"):
        frame.loc[flipped, column] = frame.loc[flipped, column].map({"A": "T", "C": "G"})
    file = write(tmp_path / "score.txt.gz", frame)

    summary = scored(cohort, {"made": file}, tmp_path / "out", keep_ambiguous=True)
    table = fields.read(tmp_path / "out/scores.parquet")
    np.testing.assert_allclose(table["value"], plink2(prefix, told, tmp_path / "p"), rtol=PRINTED)
    (facts,) = summary["scores"]
    assert facts["status"]["matched on the other strand"] == 4
    assert facts["n_matched"] == facts["n_given"] == M
    assert facts["about"]["trait_reported"] == "Height"
    assert table["percentile"].between(0, 100).all()

    scored(cohort, {"made": file}, tmp_path / "strict")
    strict = fields.read(tmp_path / "strict/scores.parquet")
    sure = told[~variants["effect_allele"].eq("T")]
    np.testing.assert_allclose(strict["value"], plink2(prefix, sure, tmp_path / "q"), rtol=PRINTED)


def test_every_row_is_accounted_for(cohort, tmp_path):
    _, variants = cohort
    frame = rows_of(variants)
    frame.loc[0, "effect_allele"] = "G"  # A>C there
    frame.loc[1, "hm_pos"] = 77
    frame["is_interaction"] = ["TRUE" if i == 2 else "FALSE" for i in frame.index]
    frame.loc[3, "effect_allele"] = "HLA-A*01"
    frame = frame.astype({"hm_pos": str})
    frame.loc[[4, 5], ["hm_chr", "hm_pos", "rsID"]] = ""
    repeated = frame.loc[[6]]
    turned = frame.loc[[7]].rename(
        columns={"effect_allele": "other_allele", "other_allele": "effect_allele"}
    )
    frame = pd.concat([frame, repeated, turned[frame.columns]])
    file = write(tmp_path / "score.txt", frame)
    (facts,) = scored(cohort, {"made": file}, tmp_path)["scores"]
    assert facts["left_out"] == {
        "interaction, haplotype or diplotype": 1,
        "alleles are not bases": 1,
        "no place and no identifier": 2,
        "a repeated row": 1,
    }
    assert facts["status"] == {
        "matched": M - 6 - 10,
        "matched on the other strand": 0,
        "strand is ambiguous": 10,
        "other alleles at this place": 1,
        "not in the cohort": 1,
        "another row has this variant": 1,
    }
    assert (
        facts["n_given"] == M + 2 == sum(facts["left_out"].values()) + sum(facts["status"].values())
    )
    table = fields.read(tmp_path / "variants.parquet")
    assert table["status"].value_counts().to_dict() == {
        name: n for name, n in facts["status"].items() if n
    }
    lines = file.read_text().splitlines()
    for row, allele in zip(table["row"], table["effect_allele"], strict=True):
        assert lines[row - 1].split("\t")[1] == allele


def test_dominant_and_recessive_weights(cohort, tmp_path):
    from genopheno.genotypes import Genotypes

    prefix, variants = cohort
    frame = rows_of(variants.iloc[:3]).assign(
        effect_weight=[1, 10, 100],
        is_dominant=["FALSE", "TRUE", "FALSE"],
        is_recessive=["FALSE", "FALSE", "TRUE"],
    )
    scored(cohort, {"made": write(tmp_path / "s.txt", frame)}, tmp_path)
    dosage = Genotypes.open(prefix).dosages(0, 3, dtype=np.float64)
    whole = np.isfinite(dosage).all(axis=0)
    expected = dosage[0] + 10 * (dosage[1] >= 1) + 100 * (dosage[2] == 2)
    value = fields.read(tmp_path / "scores.parquet")["value"].to_numpy()
    np.testing.assert_allclose(value[whole], expected[whole])


def test_identifiers_where_there_are_no_places(cohort, tmp_path):
    _, variants = cohort
    frame = rows_of(variants.iloc[:40])[["rsID", "effect_allele", "effect_weight"]]
    file = write(tmp_path / "s.txt", frame, "#pgs_id=PGS1\n")
    rsids = variants.assign(rsid=[f"rs{i}" for i in range(M)])
    scored(cohort, {"ids": file}, tmp_path / "ids", rsids=rsids)
    frame = rows_of(variants.iloc[:40])
    scored(cohort, {"places": write(tmp_path / "p.txt", frame)}, tmp_path / "places")
    a, b = (fields.read(tmp_path / f"{k}/scores.parquet")["value"] for k in ("ids", "places"))
    np.testing.assert_array_equal(a, b)
    with pytest.raises(StageError, match="score-match"):
        scored(cohort, {"ids": file}, tmp_path / "none")


def test_without_the_other_allele_several_variants_at_a_place_are_unclear():
    cohort = pd.DataFrame(
        {"contig": "1", "position": 5, "effect_allele": ["C", "G"], "other_allele": "A"}
    )
    entry = {"contig": "1", "position": 5, "other_allele": "", "rsid": ""}
    rows = pd.DataFrame([entry | {"effect_allele": a} for a in ("A", "C")])
    found = match.match(rows, cohort, keep_ambiguous=False)
    assert found["status"].tolist() == [match.ALLELES, match.SAME]
    assert found["place"].tolist() == [-1, 0]


def test_adjusted_scores_lose_what_components_foretell(cohort, tmp_path):
    import statsmodels.api as sm

    _, variants = cohort
    file = write(tmp_path / "s.txt", rows_of(variants))
    scored(cohort, {"made": file}, tmp_path)
    value = fields.read(tmp_path / "scores.parquet")["value"].to_numpy()
    rng = np.random.default_rng(3)
    axes = np.column_stack([value + rng.normal(size=N), rng.normal(size=N)])
    unrelated = rng.random(N) < 0.8
    components = pd.DataFrame(
        {"sample": [f"s{i}" for i in range(N)], "unrelated": unrelated, "scores": list(axes)}
    ).iloc[::-1]
    scored(cohort, {"made": file}, tmp_path / "a", components=components, n_components=2)
    z = fields.read(tmp_path / "a/scores.parquet")["z_score_adjusted"].to_numpy()
    fit = sm.OLS(value[unrelated], sm.add_constant(axes[unrelated])).fit()
    left = value - fit.predict(sm.add_constant(axes))
    np.testing.assert_allclose(z, (left - left.mean()) / left.std(ddof=1), atol=1e-9)


def test_one_score_that_cannot_be_had_does_not_stop_the_others(cohort, tmp_path):
    _, variants = cohort
    good = write(tmp_path / "good.txt", rows_of(variants))
    old = write(tmp_path / "old.txt", rows_of(variants), HEAD.replace("GRCh38", "GRCh37"))
    few = write(tmp_path / "few.txt", rows_of(variants).assign(hm_pos=3))
    summary = scored(cohort, {"good": good, "old": old, "few": few}, tmp_path)
    reasons = {facts["name"]: facts["reason"] for facts in summary["scores"]}
    assert reasons["good"] is None
    assert "GRCh37" in reasons["old"] and "0 of its 60" in reasons["few"]
    assert fields.read(tmp_path / "scores.parquet")["score"].unique().tolist() == ["good"]
    assert read_json(tmp_path / "scores.json") == summary
    with pytest.raises(StageError) as error:
        scored(cohort, {"old": old, "few": few}, tmp_path / "none")
    assert [p.code for p in error.value.problems] == ["score-build", "score-match"]
    assert check({"old": old, "few": few}, "hg38") == error.value.problems[:1]
    assert check({"old": old}, "a build of one's own") == []
    assert not (tmp_path / "none").exists()


def test_faulty_files_are_told_all_at_once(cohort, tmp_path):
    _, variants = cohort
    frame = rows_of(variants)
    cut = tmp_path / "cut.txt.gz"
    cut.write_bytes(write(tmp_path / "whole.txt.gz", frame).read_bytes()[:-20])
    files = {
        "absent": tmp_path / "absent.txt",
        "weight": write(tmp_path / "w.txt", frame.assign(effect_weight="high")),
        "columns": write(tmp_path / "c.txt", frame[["effect_allele", "hm_chr"]]),
        "cut": cut,
        "empty": write(tmp_path / "e.txt", frame.iloc[:0]),
    }
    with pytest.raises(StageError) as error:
        scored(cohort, files, tmp_path / "out")
    assert check(files, "GRCh38") == error.value.problems
    codes = [(p.code, p.row) for p in error.value.problems]
    assert codes[0] == ("score-file-missing", None)
    assert codes[1] == ("score-weight", HEAD.count("\n") + 2)
    assert codes[6:8] == [("score-column-missing", None)] * 2
    assert codes[8:] == [("score-file-unreadable", None), ("score-empty", None)]


def test_own_places_where_the_file_is_not_harmonised(cohort, tmp_path):
    _, variants = cohort
    frame = rows_of(variants).rename(columns={"hm_chr": "chr_name", "hm_pos": "chr_position"})
    file = scoring_file.read("made", write(tmp_path / "s.txt", frame))
    assert (file.build, file.n_given) == ("GRCh37", M)  # of genome_build, not of HmPOS_build
    assert file.variants["position"].tolist() == variants["position"].tolist()
