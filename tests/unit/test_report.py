"""The report: whole pages from results written through the registry, and what is told in them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genopheno import fields
from genopheno.files import write_json
from genopheno.problems import StageError
from genopheno.report import identity, page
from genopheno.report.provenance import collect
from genopheno.report.read import Results
from genopheno.report.samples import kind_of_reason
from tests.unit.made_results import EVIL, make_results

SECTIONS = [
    "summary",
    "samples",
    "coverage",
    "variants",
    "structure",
    "association",
    "cohort",
    "matrices",
    "files",
    "provenance",
]
CONFIG = {"reference": {"build": "toy1"}, "summaries": {"groups": ["population", "sex"]}}


class Page(HTMLParser):
    """Elements of a page, and the JSON in its data scripts."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.data: dict[str, object] = {}
        self._script: str | None = None
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.elements.append((tag, found))
        if tag == "script":
            self._script = found.get("id", "")

    def handle_endtag(self, tag):
        if tag == "script":
            self._script = None

    def handle_data(self, data):
        if self._script is None:
            self.text.append(data)
        elif self._script:
            self.data[self._script.removesuffix("-data")] = json.loads(data)


def written(results: Path, out: Path, **options) -> tuple[str, Page]:
    known = collect(CONFIG, {}, tools=["samtools"])
    page.write(
        results, out, **({"project": "demo", "config": CONFIG, "provenance": known} | options)
    )
    text = out.read_text(encoding="utf-8")
    return text, Page(text)


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> tuple[Path, str, Page]:
    root = make_results(tmp_path_factory.mktemp("project") / "results", variants=14000)
    text, parsed = written(root, root / "report/report.html", project=f"demo {EVIL}")
    return root, text, parsed


def test_has_every_section_once_and_in_the_contents(full):
    _, _, parsed = full
    ids = [found["id"] for tag, found in parsed.elements if tag == "section"]
    assert ids == SECTIONS
    links = [found.get("href") for tag, found in parsed.elements if tag == "a"]
    assert [f"#{name}" for name in SECTIONS] == [v for v in links if v in {f"#{s}" for s in ids}][
        : len(SECTIONS)
    ]
    every = [found["id"] for _, found in parsed.elements if found.get("id")]
    assert len(every) == len(set(every)), "an id occurs twice"


def test_loads_nothing_from_elsewhere(full):
    _, text, parsed = full
    for tag, found in parsed.elements:
        for key in ("src", "href", "action", "poster", "srcset", "data"):
            value = found.get(key) or ""
            assert not re.match(r"(?i)\s*(https?:|//|ftp:|file:)", value), (tag, key, value)
        assert tag not in ("link", "iframe", "object", "embed", "img")
    own = Path(page.__file__).parent / "templates"
    for path in own.iterdir():
        assert not re.search(r"https?://|@import|url\(", path.read_text(encoding="utf-8")), path
    assert "default-src 'none'" in text


def test_names_stay_text(full):
    _, text, parsed = full
    assert EVIL not in text
    assert "demo &lt;script&gt;" in text
    assert EVIL in parsed.data["table-samples"]["rows"]["sample"][0] or any(
        EVIL in name for name in parsed.data["table-samples"]["rows"]["sample"]
    )
    # Plotly reads tags in labels, so there the name comes with its '<' as an entity.
    assert "<" not in "".join(parsed.data["plot-pca"]["samples"])


def test_structure_shows_groups_and_flags(full):
    _, _, parsed = full
    pca = parsed.data["plot-pca"]
    assert list(pca["groups"])[:2] == ["ancestry group", "outlier"]
    assert pca["groups"]["ancestry group"].count("unassigned") == 1
    assert pca["groups"]["outlier"].count("outlier") == 1
    rows = parsed.data["table-ancestry"]["rows"]
    assert rows["people"] == [49, 70, 1]
    assert rows["panel"] == [20, 40, None] and rows["right"] == [20, 39, None]
    flagged = parsed.data["table-structure-flags"]["rows"]
    assert flagged["reasons"] == ["unassigned: far"]


def test_says_what_was_dropped_and_why(full):
    _, _, parsed = full
    said = " ".join(" ".join(parsed.text).split())
    assert "mean coverage 1.70 is below 4 S0099" in said
    assert "no sample in the cohort P0099, P9001, P9002" in said
    assert "filter LowQual" in said
    assert "relatives of others S0003" in said


def test_annotation_shows_engine_transcripts_left_out_and_databases_with_floors(full):
    _, text, parsed = full
    said = " ".join(" ".join(parsed.text).split())
    assert "Engine bcftools csq Version 1.24 Records in 14,000" in said
    assert "Transcripts used 4,012 Transcripts left out 31" in said
    assert "Transcripts left out (31)" in said and "The first 20 of 31" in said
    assert "transcript:T19&lt;script&gt;" in text and "transcript:T20" not in text
    assert "Annotation: gnomad holds little." in said
    drawn = parsed.data["plot-annotation"]
    assert drawn["data"][0]["x"] == [0.021, 0.87]
    (floor,) = drawn["layout"]["shapes"]
    assert (floor["x0"], floor["x1"], floor["y0"] < 0 < floor["y1"]) == (0.01, 0.01, True)
    rows = parsed.data["table-databases"]["rows"]
    assert rows["name"] == ["clinvar", "gnomad"]
    assert rows["source"] == ["NCBI", ""] and rows["version"] == ["2024-05", ""]
    assert rows["alleles"] == [105, None] and rows["floor"] == ["0.01", "none"]
    assert rows["fields"] == ["CLNREVSTAT 1,005, CLNSIG 105", "AF"]


def test_combined_gvcfs_are_counted_on_the_way_and_for_the_store(full):
    _, _, parsed = full
    said = " ".join(" ".join(parsed.text).split())
    assert "14,014 alleles of the gVCFs" in said and "7 spanning deletions" in said
    assert "3 alleles not left aligned" in said and "14,000 combined" in said
    assert "Samples 100 Added by this run 2 Replaced by this run 0" in said


def test_matrices_are_told_with_sizes_rows_and_genes(full):
    root, _, parsed = full
    said = " ".join(" ".join(parsed.text).split())
    assert "Variants 4,321" in said and "Variants left out 7" in said
    rows = parsed.data["table-matrices"]["rows"]
    assert rows["file"] == ["sites.parquet", "genes.parquet", "cohort.mt"]
    assert rows["rows"] == [5, 4, None] and rows["columns"][2] is None
    assert rows["columns"][:2] == [len(fields.names(t)) for t in ("matrix_sites", "matrix_genes")]
    parts = [p.stat().st_size for p in (root / "matrices/sites.parquet").iterdir()]
    assert rows["bytes"][0] == sum(parts) and rows["bytes"][2] == 5
    assert rows["open"][2] == 'hl.read_matrix_table("results/matrices/cohort.mt")'
    genes = parsed.data["table-genes"]["rows"]
    assert genes["gene_id"] == ["G4", "G2", "G1"]
    assert genes["gene_symbol"] == ["LDLR", "", "APOB"] and genes["n_moderate"] == [3, 0, 2]
    listed = parsed.data["table-files"]["rows"]["path"]
    assert listed and not any("matrices/" in path for path in listed)


def test_manhattan_keeps_every_top_hit(full):
    root, _, parsed = full
    for index, name in enumerate(("ldl", "t2d")):
        table = fields.read(root / f"association/{name}.parquet")
        points = parsed.data[f"manhattan-t{index}"]
        import base64

        y = np.frombuffer(base64.b64decode(points["y"]["data"]), "<f4")
        position = np.frombuffer(base64.b64decode(points["position"]["data"]), "<i4")
        assert len(y) == points["count"] < len(table)
        shown = set(zip(position.tolist(), y.tolist(), strict=True))
        top = table[table["neg_log10_p_value"] > 3]
        expected = set(
            zip(
                top["base_pair_location"].tolist(),
                top["neg_log10_p_value"].astype(np.float32).tolist(),
                strict=True,
            )
        )
        assert expected <= shown
        hits = parsed.data[f"hits-t{index}"]["rows"]
        best = table.sort_values("neg_log10_p_value", ascending=False).iloc[0]
        assert hits["variant"][0] == best["variant_id"]
        assert hits["p"][:3] == [31.4, 11.0, 8.9]
        assert points["contigs"][0] == "chr1"


def test_calibration_is_shown_with_what_is_off_and_what_was_skipped(full):
    root, _, parsed = full
    table = parsed.data["table-type-one-error"]["rows"]
    held = fields.read(root / "association/calibration.parquet")
    whole = held[(held.frequency_bin == "all") & (held.alpha > 1e-5)]
    assert table["tests"] == whole.n_tests.tolist() and table["verdict"] == whole.verdict.tolist()
    assert set(table["test"]) == {"linear, permuted ldl", "firth, 25 % cases, permuted t2d"}
    said = " ".join(" ".join(parsed.text).split())
    assert "firth, 25 % cases, permuted t2d is inflated at α = 0.01" in said
    assert "simulated:regression:t2d:0.01: too few cases or controls" in said
    drawn = parsed.data["plot-type-one-error"]["data"]
    assert [trace["name"] for trace in drawn] == [
        "all", "count &lt; 20", "MAF 0-0.01", "MAF 0.01-0.05", "MAF 0.05-0.5",
    ]  # fmt: skip
    assert all(len(trace["x"]) == 2 for trace in drawn)
    assert len(parsed.data["plot-null-qq"]["data"]) == 2 + 2
    lambdas = parsed.data["table-lambdas"]["rows"]
    assert lambdas["trait"] == ["ldl", "t2d"]
    assert lambdas["intercept"] == [1.023, None]
    assert "No LD-score intercept: too few variants" in said
    scan = json.loads((root / "association/scan.json").read_text())["traits"]
    assert lambdas["bin0.05"][0] == pytest.approx(scan[0]["lambda_by_frequency"][2]["lambda_gc"])
    assert "calibration" not in parsed.data["table-traits"]["rows"]["trait"]


def test_table_of_samples_has_failed_first_and_all_rows(full):
    _, _, parsed = full
    rows = parsed.data["table-samples"]["rows"]
    assert rows["verdict"][0] == "fail"
    assert rows["sample"][0] == "S0099"
    assert len(rows["sample"]) == 100


def test_pairs_contamination_and_sex_are_shown_where_the_stage_has_run(tmp_path):
    root = tmp_path / "results"
    measures = pd.DataFrame(
        [
            dict.fromkeys(fields.names("identity_measures"))
            | {"sample": f"S{i}{EVIL}", "participant": "P", "sex": "male", "sex_check": check}
            | {"contamination": low + 0.01, "contamination_low": low, "contamination_high": 0.4}
            | {"x_coverage_ratio": 0.5, "y_coverage_ratio": 0.4, "inferred_sex": "male"}
            for i, (check, low) in enumerate((("agrees", 0.0), ("differs", 0.3)))
        ]
    )
    pair = dict.fromkeys(fields.names("identity_pairs")) | {
        "sample_1": f"S0{EVIL}", "sample_2": "S1", "participant_1": "P", "participant_2": "Q",
        "declared": "", "outcome": "differs", "relation": "same", "n_sites": 500, "n_sure": 400,
        "kinship": 0.49, "ibs0": 0.0, "concordance": 0.99, "same_log10_odds": 5.0,
    }  # fmt: skip
    fields.write(root / "qc/identity/measures.parquet", measures, "identity_measures")
    fields.write(root / "qc/identity/pairs.parquet", pd.DataFrame([pair]), "identity_pairs")
    write_json(root / "qc/identity/identity.json", {"notes": ["few sites"]})
    notes, side_by_side, kin, pairs = identity.blocks(Results(root), {"fail_above": 0.04})
    assert notes["text"] == "Few sites."
    contamination, sex = side_by_side["blocks"]
    drawn = contamination["spec"]["data"][0]
    assert drawn["marker"]["color"] == ["var:fail", "var:accent"]  # the dirty one first
    assert all("<" not in name for name in drawn["y"])
    assert sex["spec"]["data"][0]["marker"]["symbol"] == ["circle", "x"]
    assert kin["spec"]["data"][0]["name"] == "differs"
    assert pairs["data"]["rows"]["relation"] == ["same"]
    assert identity.blocks(Results(tmp_path / "empty"), {}) == []


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("mean coverage 3.20 is below 4.00", "mean coverage below 4.00"),
        (
            "same genotypes as S2 (participant P2) (9 sites)",
            "same genotypes as another participant",
        ),
        ("swap suspected: genotypes differ from S1", "swap suspected"),
        ("declared male, reads say female: depth of X 1.00", "sex differs"),
        ("declared parent-child of S2, genotypes say unrelated", "pedigree differs"),
        ("ti tv 1.2 is an outlier of the batch (median 2)", "ti tv is an outlier"),
    ],
)
def test_kinds_of_reasons_have_no_names_and_values(reason, kind):
    assert kind_of_reason(reason) == kind


def test_partial_run_says_what_is_missing(tmp_path):
    root = tmp_path / "results"
    root.mkdir()
    _, parsed = written(root, tmp_path / "report.html")
    assert [f["id"] for tag, f in parsed.elements if tag == "section"] == SECTIONS
    said = " ".join(parsed.text)
    for name, command in (
        ("qc/samples.parquet", "genopheno verdicts"),
        ("structure/components.parquet", "genopheno structure"),
        ("association/scan.json", "genopheno associate"),
        ("annotated/sites.parquet", "genopheno annotate"),
        ("matrices/matrices.json", "genopheno matrices"),
    ):
        assert f"results/{name}" in said
        assert f"`{command}`" in said


def test_controls_are_shown_where_there_are_some(tmp_path):
    root = make_results(tmp_path / "results", people=60, variants=300, traits=("ldl",))
    numbers = dict.fromkeys(("truth", "tp", "fn", "fp", "genotype_errors"), 5)
    numbers |= {"precision": 0.9912, "recall": None, "f1": None}
    point = {"min_quality": 30.0, "precision": None, "recall": 0.5}
    write_json(
        root / "truth/HG002.json",
        {
            "engine": "haplotypes",
            "types": {"snp": numbers, "indel": numbers},
            "curves": {"snp": [point, {**point, "precision": 1.0}], "indel": []},
        },
    )
    _, parsed = written(root, tmp_path / "report.html")
    assert "controls" in [found["id"] for tag, found in parsed.elements if tag == "section"]
    rows = parsed.data["table-controls"]["rows"]
    assert (rows["sample"], rows["type"]) == (["HG002"] * 2, ["snp", "indel"])
    assert rows["precision"] == [0.9912] * 2 and rows["recall"] == [None] * 2
    (curve,) = parsed.data["plot-controls"]["data"]
    assert (curve["name"], curve["x"], curve["y"]) == ("HG002 snp", [0.5, 0.5], [None, 1])


def test_trait_without_tests_says_why(tmp_path):
    root = make_results(tmp_path / "results", people=12, variants=300, traits=("ldl",))
    empty = fields.read(root / "association/ldl.parquet").iloc[:0]
    fields.write(root / "association/none.parquet", empty, "association")
    scan = json.loads((root / "association/scan.json").read_text())
    scan["traits"].append({"name": "none", "reason": "all people have the same value"})
    write_json(root / "association/scan.json", scan)
    _, parsed = written(root, tmp_path / "report.html")
    assert "all people have the same value" in " ".join(parsed.text)
    assert parsed.data["table-traits"]["rows"]["trait"] == ["ldl", "none"]


def test_broken_result_is_an_error(tmp_path):
    root = tmp_path / "results"
    (root / "cohort").mkdir(parents=True)
    (root / "cohort/join.json").write_text("{")
    (root / "qc").mkdir()
    (root / "qc/samples.parquet").write_bytes(b"PAR1")
    with pytest.raises(StageError, match="result-unreadable"):
        written(root, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_provenance_names_versions_and_inputs():
    receipt = {
        "sheet": {"file": "config/samples.csv", "size": 3, "md5": "0" * 32},
        "units": [{"files": [{"file": "b_1.fq.gz", "size": 5, "md5": "1" * 32}]}],
        "reference": {"fasta": {"file": "ref.fa", "size": 7, "md5": "2" * 32}},
    }
    known = collect(CONFIG, receipt, tools=["samtools", "no-such-tool"])
    assert [item["file"] for item in known["inputs"]] == [
        "b_1.fq.gz",
        "config/samples.csv",
        "ref.fa",
    ]
    assert known["inputs"][2] == {"file": "ref.fa", "bytes": 7, "md5": "2" * 32}
    assert known["tools"]["no-such-tool"] == "not found"
    assert re.match(r"\d", known["packages"]["numpy"])
    json.dumps(known, allow_nan=False)
