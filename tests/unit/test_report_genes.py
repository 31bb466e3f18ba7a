"""The section on genes: what its plot and tables show of the files of the gene tests."""

from __future__ import annotations

import json

import pytest

from genopheno.association.genes import scan
from genopheno.association.genes.gene import Options
from genopheno.files import write_json
from genopheno.report import genes
from genopheno.report.blocks import embed
from genopheno.report.read import Results
from tests.unit import genes_cohort


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    cohort = genes_cohort.make(folder)
    out = folder / "association/genes"
    scan.run(
        cohort.prefix, cohort.design, cohort.sets, options=Options(max_frequency=(0.05,)),
        out_dir=out, firth_below=0.05, exact_firth_below=1e-4, follow_up=2,
    )  # fmt: skip
    return Results(folder)


def test_genes_are_shown_with_their_variants(results) -> None:
    overview, traits = genes.section(results).blocks
    assert overview["data"]["rows"]["trait"] == ["q", "b", "r"]
    assert overview["data"]["rows"]["gene"][0] == "g0"
    plot, top, variants = traits["panels"][0]["blocks"]
    assert sorted(plot["spec"]["data"][0]["text"]) == ["g0", "g1", "g2", "g3"]
    rows = top["data"]["rows"]
    assert rows["gene"][0] == "g0" and rows["p"] == sorted(rows["p"], reverse=True)
    assert "cases" not in [c["key"] for c in top["data"]["columns"]]  # a quantitative trait
    rows = variants["data"]["rows"]
    assert len(set(rows["gene"])) == 2
    assert all(without is not None for without in rows["without"])
    binary = traits["panels"][1]["blocks"][1]["data"]
    assert all(
        a <= b for a, b in zip(binary["rows"]["cases"], binary["rows"]["carriers"], strict=True)
    )
    json.loads(embed(traits))


def test_without_genes_the_section_says_why(tmp_path) -> None:
    assert genes.section(Results(tmp_path)) is None
    write_json(tmp_path / "association/genes/genes.json", {"n_genes": 0, "traits": []})
    (block,) = genes.section(Results(tmp_path)).blocks
    assert "no gene was tested" in block["text"]
