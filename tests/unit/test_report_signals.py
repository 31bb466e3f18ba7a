"""The section on signals: its tables, and what a picture of a locus draws."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.files import write_json
from genopheno.report import regional, signals
from genopheno.report.read import Results

GENES = [
    {"symbol": "A<1", "start": 50, "end": 900, "strand": "+", "biotype": "protein_coding"},
    {"symbol": "B", "start": 300, "end": 400, "strand": "-", "biotype": "lncRNA"},
    {"symbol": "OFF", "start": 5000, "end": 6000, "strand": "-", "biotype": "lncRNA"},
]
LOCUS = {"locus": 1, "contig": "1", "start": 1, "stop": 9000, "lead": "1:300:G:A", "genes": GENES}


def table(name: str, rows: int, **values) -> pd.DataFrame:
    """A table of the registry, with 1, 'x' or True where nothing else is said."""
    blank = {"float64": 1.0, "int32": 1, "string": "x", "bool": True}
    frame = pd.DataFrame({f.name: blank[f.type] for f in fields.declared(name)}, index=range(rows))
    return frame.assign(**values)


def variants(n: int) -> pd.DataFrame:
    at = np.arange(n) * 100 + 100
    return table("locus_variants", n, variant_id=[f"1:{p}:G:A" for p in at],
                 base_pair_location=at, neg_log10_p_value=np.linspace(0, 9, n),
                 r2=np.where(np.arange(n) % 5, np.linspace(0, 1, n), np.nan))  # fmt: skip


@pytest.fixture
def results(tmp_path):
    """One trait with a locus, one without a signal."""
    write_json(tmp_path / "association/scan.json", {"traits": [{"name": "ldl"}, {"name": "bmi"}]})
    for name, n in (("ldl", 2), ("bmi", 0)):
        table("association", 1).to_parquet(tmp_path / f"association/{name}.parquet")
        known = ["rs1", None][:n]
        parts = {
            "clumps": table("clumps", n, nearest_gene_distance=[0, 1500][:n], gene_symbol=None,
                            nearest_gene="NEAR"),
            "signals": table("signals", n, variant_id=["1:300:G:A", "1:700:G:A"][:n],
                             known_variant=known, novel=[False, True][:n], beta_joint=np.nan),
            "loci": variants(9 * n),
        }  # fmt: skip
        for part, frame in parts.items():
            declared = {"loci": "locus_variants"}.get(part, part)
            fields.write(tmp_path / f"signals/{name}.{part}.parquet", frame, declared)
        write_json(tmp_path / f"signals/{name}.json", {
            "trait": name, "n_clumps": n, "coverage": 0.95, "p_value": 5e-8, "r2": 0.1, "kb": 500,
            "loci": [LOCUS] * bool(n), "notices": [] if n else ["no variant has p of at most 5e-8"],
        })  # fmt: skip
    return Results(tmp_path)


def test_tables_and_notices(results):
    notice, found, clumps, pictures = signals.section(results).blocks
    assert notice["text"] == "bmi: no variant has p of at most 5e-8."
    rows = found["data"]["rows"]
    assert rows["variant_id"] == ["1:300:G:A", "1:700:G:A"] and rows["trait"] == ["ldl"] * 2
    assert rows["known"] == ["rs1, x, 1 bp", "none near"]
    assert "beta_joint" not in [column["key"] for column in found["data"]["columns"]]
    assert clumps["data"]["rows"]["gene"] == ["NEAR", "NEAR (1,500 bp)"]
    assert len(pictures["blocks"]) == 1
    assert json.dumps([found["data"]["rows"], pictures["blocks"][0]["spec"]])


def test_there_is_no_section_without_signals(tmp_path):
    assert signals.section(Results(tmp_path)) is None


def test_a_picture_has_every_variant_its_colour_and_its_genes():
    drawn = regional.regional(variants(18), LOCUS, ["1:300:G:A"], 7.3)
    *shades, marked, genes = drawn["data"]
    assert sum(len(trace["x"]) for trace in shades) == 18
    assert marked["x"] == [300] and marked["marker"]["symbol"] == "diamond"
    assert shades[-1]["name"] == "below 0.2" and 100 in shades[-1]["x"]  # r² is not known
    assert drawn["layout"]["shapes"][0]["y0"] == 7.3
    names = [note["text"] for note in drawn["layout"]["annotations"]]
    assert names == ["<i>A&lt;1</i> →", "<i>B</i> ←"]
    assert [note["y"] for note in drawn["layout"]["annotations"]] == [3, 2]  # they overlap
    assert max(p for p in genes["x"] if p) <= 1900  # cut to what is drawn


def test_many_variants_are_thinned_and_signals_stay():
    many = variants(5000)
    kept = regional.thinned(many, ["1:100:G:A"])
    assert len(kept) <= regional.MOST_POINTS + 1 and "1:100:G:A" in set(kept["variant_id"])
    best = many.nlargest(regional.MOST_POINTS // 2, "neg_log10_p_value")["variant_id"]
    assert set(best) <= set(kept["variant_id"]) and not kept["variant_id"].duplicated().any()
