"""Files of summary statistics of many programs say the same; what is faulty is counted."""

from __future__ import annotations

import gzip
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pytest

from genopheno.problems import StageError
from genopheno.sumstats import chromosomes
from genopheno.sumstats.reading import read_study
from genopheno.sumstats.studies import Study
from genopheno.sumstats.tables import Blanks

# One variant on X: G is tested against A, beta 0.2, error 0.05, z 4, p 6.33425e-05, 400 people.
LAYOUTS = {
    "gwas-ssf": "chromosome\tbase_pair_location\teffect_allele\tother_allele\tbeta\t"
    "standard_error\teffect_allele_frequency\tp_value\tn\n"
    "23\t100\tG\tA\t0.2\t0.05\t0.3\t6.33425e-05\t400\n",
    "gwas-ssf, -log10 p": "chromosome\tbase_pair_location\teffect_allele\tother_allele\t"
    "odds_ratio\tstandard_error\teffect_allele_frequency\tneg_log_10_p_value\tn\n"
    "23\t100\tG\tA\t1.221402758\t0.05\t0.3\t4.19830\t400\n",
    "gwas-catalog-harmonised": "hm_variant_id\thm_rsid\thm_chrom\thm_pos\thm_other_allele\t"
    "hm_effect_allele\thm_beta\thm_effect_allele_frequency\tstandard_error\tp_value\tn\t"
    "effect_allele\tother_allele\tbeta\n"
    "X_100_A_G\trs1\tX\t100\tA\tG\t0.2\t0.3\t0.05\t6.33425e-05\t400\tA\tG\t-0.2\n",
    "regenie": "CHROM GENPOS ID ALLELE0 ALLELE1 A1FREQ INFO N TEST BETA SE CHISQ LOG10P EXTRA\n"
    "23 100 rs1 A G 0.3 0.9 400 ADD 0.2 0.05 16 4.19830 NA\n"
    "23 100 rs1 A G 0.3 0.9 400 ADD-INT_SNP 0.9 0.05 16 4.19830 NA\n",
    "plink2": "#CHROM\tPOS\tID\tREF\tALT\tA1\tA1_FREQ\tTEST\tOBS_CT\tBETA\tSE\tT_STAT\tP\n"
    "X\t100\trs1\tG\tA\tG\t0.3\tADD\t400\t0.2\t0.05\t4\t6.33425e-05\n"
    "X\t100\trs1\tG\tA\tG\t0.3\tage\t400\t0.7\t0.05\t4\t6.33425e-05\n",
    "plink2, odds": "#CHROM\tPOS\tID\tREF\tALT\tA1\tA1_FREQ\tTEST\tOBS_CT\tOR\tLOG(OR)_SE\t"
    "Z_STAT\tP\n"
    "X\t100\trs1\tA\tG\tG\t0.3\tADD\t400\t1.221402758\t0.05\t4\t6.33425e-05\n",
    "saige": "CHR\tPOS\tMarkerID\tAllele1\tAllele2\tAC_Allele2\tAF_Allele2\tMissingRate\tBETA\t"
    "SE\tTstat\tvar\tp.value\tN\n"
    "X\t100\trs1\tA\tG\t240\t0.3\t0\t0.2\t0.05\t8\t2\t6.33425e-05\t400\n",
    "bolt-lmm": "SNP\tCHR\tBP\tGENPOS\tALLELE1\tALLELE0\tA1FREQ\tF_MISS\tBETA\tSE\t"
    "P_BOLT_LMM_INF\tP_BOLT_LMM\tN\n"
    "rs1\t23\t100\t0.4\tG\tA\t0.3\t0\t0.2\t0.05\t0.5\t6.33425e-05\t400\n",
    "named": "MarkerName,Chr,Pos,Allele1,Allele2,Freq1,Effect,StdErr,P-value,Weight\n"
    "rs1,chrX,100,g,a,0.3,0.2,0.05,6.33425e-05,400\n",
    "named, padded": "  CHR  SNP   BP  A1  A2  EAF BETA   SE     P           N  \n"
    "  23   rs1   1e2 G   A   0.3 0.2    0.05  6.33425e-05 400  \r\n",
    "named, place in the identifier": "SNP\tA1\tA2\tFREQ\tb\tse\tp\tN\n"
    "chrX:100:A:G\tG\tA\t0.3\t0.2\t0.05\t6.33425e-05\t400\n",
    "named, without error": "CHR\tBP\tA1\tA2\tEAF\tBETA\tP\tN\n"
    "X\t100\tG\tA\t0.3\t0.2\t6.33425e-05\t400\n",
    "named, interval": "CHR\tBP\tA1\tA2\tEAF\tOR\tCI_lower\tCI_upper\tN\n"
    "X\t100\tG\tA\t0.3\t1.221402758\t1.107385466\t1.347159362\t400\n",
    "named, p of 0": "CHR\tBP\tA1\tA2\tEAF\tBETA\tSE\tP\tN\nX\t100\tG\tA\t0.3\t0.2\t0.05\t0\t400\n",
}  # fmt: skip


def read(tmp_path: Path, text: str, **study):
    path = tmp_path / "study.txt"
    path.write_text(text)
    max_dropped = study.pop("max_dropped", 1.0)
    one = read_study(Study(name="s", path=path, **study), tmp_path, max_dropped=max_dropped)
    tables = [one.store.read(key).to_pandas() for key in one.store.windows()]
    return one, pd.concat(tables)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_says_the_same(layout: str, tmp_path: Path) -> None:
    one, rows = read(tmp_path, LAYOUTS[layout])
    assert one.columns.layout.name == layout.split(",")[0]
    assert one.store.windows() == [("X", 0)]
    assert len(rows) == 1 and one.counts.rows == 1 + one.counts.dropped["other-test"]
    row = rows.iloc[0]
    assert (row["position"], row["effect_allele"], row["other_allele"]) == (100, "G", "A")
    numbers = row[["beta", "standard_error", "z_score", "frequency", "n", "weight"]]
    np.testing.assert_allclose(numbers.astype(float), [0.2, 0.05, 4, 0.3, 400, 400], rtol=1e-5)


def test_gzip_columns_by_hand_and_numbers_that_the_study_says(tmp_path: Path) -> None:
    text = "c\tp\tEFF\tOTH\tbeta\tse\nchr1\t5\t3\t1\t0.1\t0.1\n1\t6\t4\t2\t0.2\t0.1\n"
    path = tmp_path / "s.gz"
    path.write_bytes(gzip.compress(text.encode()))
    given = {
        "chromosome": "c", "base_pair_location": "p", "p_value": "",
        "effect_allele": "EFF", "other_allele": "OTH",
    }  # fmt: skip
    study = Study(
        name="s", path=path, columns=given, n_cases=100, n_controls=300, numbered_alleles=True
    )
    one = read_study(study, tmp_path, max_dropped=0)
    rows = one.store.read(("1", 0)).to_pandas()
    assert rows["effect_allele"].tolist() == ["G", "T"]
    assert rows["n"].tolist() == [400, 400] and rows["weight"].tolist() == [300, 300]
    assert +one.counts.mended == {"p-value from effect and standard error": 2}
    np.testing.assert_allclose(one.lambda_gc, 2.5 / 0.45493642311957283)


def test_a_p_value_below_what_a_double_holds_is_read_exactly(tmp_path: Path) -> None:
    head = "CHR\tBP\tA1\tA2\tBETA\tP\n"
    one, rows = read(tmp_path, head + "1\t1\tA\tC\t-3\t2.5e-400\n1\t2\tA\tC\t3\t1e-300\n")
    # qnorm(log(p/2), log = TRUE) by the tail's expansion: z² + log(z² π/2) ≈ -2 log p.
    z = rows["z_score"].to_numpy()
    tail = np.array([400 - np.log10(2.5), 300])
    mills = z**2 / 2 + np.log(np.abs(z)) + np.log(np.pi / 2) / 2 - np.log1p(-(z**-2.0))
    np.testing.assert_allclose(mills / np.log(10), tail, rtol=1e-8)
    assert np.sign(z).tolist() == [-1, 1]
    assert one.counts.mended["p-value below 1e-290 read digit by digit"] == 2


def test_alleles_of_several_bases_come_in_their_shortest_form(tmp_path: Path) -> None:
    head = "CHR\tBP\tA1\tA2\tBETA\tSE\n"
    _, rows = read(tmp_path, head + "1\t10\tCAGT\tCAT\t1\t1\n1\t20\tGTT\tGT\t1\t1\n")
    assert rows["position"].tolist() == [11, 20]
    assert rows["effect_allele"].tolist() == ["AG", "GT"]
    assert rows["other_allele"].tolist() == ["A", "G"]


FAULTY = {
    "1\t1\tA\tC\t0.1\t0.1\t0.5": None,
    "\t2\tA\tC\t0.1\t0.1\t0.5": "place",
    "1\t-2\tA\tC\t0.1\t0.1\t0.5": "place",
    "1\t2.5\tA\tC\t0.1\t0.1\t0.5": "place",
    "1\t2\t\tC\t0.1\t0.1\t0.5": "alleles-missing",
    "1\t2\tA\t<DEL>\t0.1\t0.1\t0.5": "alleles-no-bases",
    "1\t2\tI\tD\t0.1\t0.1\t0.5": "alleles-no-bases",
    "1\t2\tA\tA\t0.1\t0.1\t0.5": "alleles-equal",
    "1\t2\tA\tC\tlow\t0.1\t0.5": "not-a-number",
    "1\t2\tA\tC\t\t0.1\t0.5": "effect-missing",
    "1\t2\tA\tC\tinf\t0.1\t0.5": "effect-missing",
    "1\t2\tA\tC\t0.1\t0\t0.5": "standard-error",
    "1\t2\tA\tC\t0.1\t0.1\t1.5": "p-value",
    "1\t2\tA\tC\t0.1\t\t0": "p-zero",
    "1\t2\tA\tC\t0.1\t\t": "error-missing",
    "1\t2\tA\tC\t0.1\t0.1": "cells",
    "1\t3\tA\tC\t-0.1\tNA\t0.5": None,
}


def test_each_faulty_row_is_counted_by_its_reason(tmp_path: Path) -> None:
    one, rows = read(tmp_path, "CHR\tBP\tA1\tA2\tBETA\tSE\tP\n" + "\n".join(FAULTY) + "\n")
    expected = pd.Series(list(FAULTY.values())).value_counts().to_dict()
    assert one.counts.dropped == expected
    assert rows["position"].tolist() == [1, 3]
    assert one.counts.rows == len(FAULTY)
    assert one.counts.examples["p-zero"] == 14


def test_frequencies_odds_people_and_filters(tmp_path: Path) -> None:
    head = "CHR\tBP\tA1\tA2\tOR\tSE\tP\tEAF\tN\tINFO\n"
    cells = (
        "-1\t0.1\t0.5\t0.5\t9\t1",
        "1.1\t0.1\t0.5\t1.1\t9\t1",
        "1.1\t0.1\t0.5\t0.5\t0\t1",
        "1.1\t0.1\t0.5\t0.99\t9\t1",
        "1.1\t0.1\t0.5\t0.5\t9\t0.2",
        "1.1\t0.1\t0.5\t\t9\t",
    )
    text = head + "".join(f"1\t{i}\tA\tC\t{c}\n" for i, c in enumerate(cells, start=1))
    one, rows = read(tmp_path, text, min_frequency=0.05, min_info=0.5)
    assert one.counts.dropped == {
        "odds-ratio": 1, "frequency": 1, "n": 1, "frequency-below": 1, "info-below": 1,
    }  # fmt: skip
    assert rows["position"].tolist() == [6]


def test_rows_in_any_order_and_many_windows_come_back_in_order(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    contig, place = draw.permutation(np.arange(600) % 25 + 1), draw.integers(1, 2**27, 600)
    lines = [f"{c}\t{p}\tA\tC\t0.1\t0.1\n" for c, p in zip(contig, place, strict=True)]
    one, _ = read(tmp_path, "chrom\tpos\talt\tref\tbeta\tse\n" + "".join(lines))
    ranks = [rank(key) for key in one.store.windows()]
    assert ranks == sorted(ranks) and one.store.windows()[-1][0] == "MT"
    found = [
        (key[0], p)
        for key in one.store.windows()
        for p in one.store.read(key)["position"].to_pylist()
    ]
    names = [chromosomes.name(str(c)) for c in contig]
    assert sorted(found) == sorted(zip(names, place.tolist(), strict=True))


def rank(key: tuple[str, int]) -> tuple:
    return chromosomes.order(key[0]), key[1]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "sumstats-empty"),
        ("CHR\tBP\tA1\tA2\tBETA\tSE\n", "sumstats-empty"),
        ("\x1f\x8b" + "x" * 50, "sumstats-unreadable"),
        ("no table\n", "sumstats-unreadable"),
        ("CHR\tBP\tA1\tBETA\tSE\n1\t2\tA\t1\t1\n", "sumstats-columns"),
        ("CHR\tBP\tA1\tA2\tP\n1\t2\tA\tC\t0.1\n", "sumstats-columns"),
        ("CHR\tBP\tA1\tA1\tA2\tBETA\tSE\n1\t2\tA\tA\tC\t1\t1\n", "sumstats-columns"),
        ("CHR\tBP\tA1\tA2\tBETA\tSE\n1\t2\tA\tA\t1\t1\n", "sumstats-dropped"),
        # -log10 p under the name of p, and the error of the odds ratio itself.
        ("CHR\tBP\tA1\tA2\tBETA\tSE\tP\n1\t2\tA\tC\t1\t1\t7.5\n", "sumstats-dropped"),
        (
            "CHR\tBP\tA1\tA2\tOR\tSE\tP\n"
            + "".join(f"1\t{i}\tA\tC\t9\t4.5\t0.00001\n" for i in range(1, 30)),
            "sumstats-inconsistent",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(text: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(StageError) as refused:
        read(tmp_path, text, max_dropped=0.5)
    assert {problem.code for problem in refused.value.problems} == {code}


def test_parquet_of_any_writer(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "CHROM": pd.Categorical(["1", None, "X"]), "POS": [5.0, 6.0, 7.0],
            "EA": ["a", "C", "AT"], "NEA": ["G", "T", "A"], "BETA": [0.1, 0.2, np.nan],
            "SE": ["0.1", "0.1", "x"],
            "rsid": ["rs1", "rs2", "rs3"],
        }
    )  # fmt: skip
    frame.to_parquet(tmp_path / "pandas.parquet")
    polars.from_pandas(frame).write_parquet(tmp_path / "polars.parquet")
    for path in tmp_path.glob("*.parquet"):
        one = read_study(Study(name=path.stem, path=path), tmp_path, max_dropped=1)
        assert one.counts.dropped == {"place": 1, "not-a-number": 1}
        (row,) = one.store.read(("1", 0)).to_pylist()
        assert (row["position"], row["effect_allele"], row["rsid"]) == (5, "A", "rs1")
        assert row["standard_error"] == 0.1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_runs_of_blanks_are_one_wherever_pieces_end(size: int) -> None:
    text = b"  a  b \tc  \r\n\t 1   2  3\n  4 5 6   \n"
    stream = Blanks(BytesIO(text))
    pieces = iter(lambda: stream.read(size), b"")
    assert b"".join(pieces).rstrip(b"\n") == b"a b c\n1 2 3\n4 5 6"


def test_rows_of_a_long_file_are_numbered_through(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("genopheno.sumstats.tables.BLOCK", 1 << 12)
    lines = [f"1\t{i}\tA\tC\t0.1\t0.1\n" for i in range(1, 2001)]
    lines[999], lines[1499] = "1\t1000\tA\tA\t0.1\t0.1\n", "1\t1500\tA\n"
    one, rows = read(tmp_path, "CHR\tBP\tA1\tA2\tBETA\tSE\n" + "".join(lines))
    assert one.counts.examples == {"alleles-equal": 1000}
    assert one.counts.dropped == {"alleles-equal": 1, "cells": 1}
    assert rows["position"].tolist() == [i for i in range(1, 2001) if i not in (1000, 1500)]
