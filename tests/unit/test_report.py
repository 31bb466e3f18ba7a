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
from genopheno.files import write_json, write_text
from genopheno.problems import StageError
from genopheno.report import identity, page
from genopheno.report.provenance import collect
from genopheno.report.read import Results
from genopheno.report.samples import kind_of_reason

EVIL = "<script>alert(1)</script>"
SECTIONS = [
    "summary",
    "samples",
    "coverage",
    "variants",
    "structure",
    "association",
    "cohort",
    "files",
    "provenance",
]
CONFIG = {"reference": {"build": "toy1"}, "summaries": {"groups": ["population", "sex"]}}


def make_results(
    root: Path, *, people: int = 100, variants: int = 5000, traits: tuple[str, ...] = ("ldl", "t2d")
) -> Path:
    """Results of a made-up cohort: the last sample fails, the first bears an ill-meant name."""
    rng = np.random.default_rng(7)
    sample = np.array([f"S{i:04d}" for i in range(people)], dtype=object)
    sample[0] = f"S0{EVIL}"
    person = np.array([f"P{i:04d}" for i in range(people)], dtype=object)
    coverage = rng.gamma(30, 0.4, people)
    coverage[-1] = 1.7
    mapped = np.clip(rng.beta(200, 2, people), 0, 1)
    verdict = np.where(coverage < 4, "fail", np.where(coverage < 10, "warn", "pass"))
    qc = pd.DataFrame(dict.fromkeys(fields.names("sample_qc")), index=range(people))
    qc = qc.assign(
        sample=sample,
        participant=person,
        verdict=verdict,
        reasons=[
            "" if v == "pass" else f"mean coverage {c:.2f} is below {4 if v == 'fail' else 10}"
            for v, c in zip(verdict, coverage, strict=True)
        ],
        reads=rng.integers(9000, 30000, people),
        q30_fraction=rng.beta(90, 8, people),
        mapped_fraction=mapped,
        properly_paired_fraction=mapped * 0.98,
        duplicate_fraction=rng.beta(4, 60, people),
        mismatch_rate=rng.beta(3, 600, people),
        mean_coverage=coverage,
        breadth_1x=1 - np.exp(-coverage),
        breadth_10x=np.clip(coverage / 20, 0, 1),
        call_rate=1 - np.exp(-coverage / 1.8),
        insert_size_mean=rng.normal(350, 12, people),
        n_singletons=rng.integers(2, 60, people),
        ti_tv=rng.normal(2.1, 0.08, people),
    )
    numeric = [f.name for f in fields.TABLES["sample_qc"] if f.type != "string"]
    qc[numeric] = qc[numeric].astype(float)
    ints = [f.name for f in fields.TABLES["sample_qc"] if f.type.startswith("int")]
    qc[ints] = qc[ints].astype("Int64")
    fields.write(root / "qc/samples.parquet", qc, "sample_qc")
    for name, depth in zip(sample[1:], coverage[1:], strict=True):
        at = np.arange(0, 60)
        share = 1 - np.cumsum(np.exp(-depth) * np.cumprod(np.r_[1, depth / np.arange(1, 60)]))
        lines = [f"total\t{d}\t{max(s, 0):.2f}" for d, s in zip(at[::-1], share[::-1], strict=True)]
        write_text(root / f"qc/{name}/{name}.mosdepth.global.dist.txt", "\n".join(lines) + "\n")

    chrom = np.sort(rng.integers(1, 23, variants))
    position = np.concatenate(
        [np.sort(rng.integers(1, 240_000_000 // (3 + c), (chrom == c).sum())) for c in range(1, 23)]
    ).astype(np.int32)
    bases = np.array(["A", "C", "G", "T"], dtype=object)
    ref = bases[rng.integers(0, 4, variants)]
    swap = {"A": "G", "G": "A", "C": "T", "T": "C"}
    alt = np.array(
        [swap[r] if rng.random() < 0.67 else next(b for b in bases if b != r) for r in ref],
        dtype=object,
    )
    alt[::9] += "TG"
    contig = np.array([f"chr{c}" for c in chrom], dtype=object)
    variant = [f"{c}:{p}:{r}:{a}" for c, p, r, a in zip(contig, position, ref, alt, strict=True)]
    rsid = np.array([f"rs{n}" if n % 3 else None for n in range(1000, 1000 + variants)], object)
    gene = np.array([f"GENE{n % 211}" if n % 2 else None for n in range(variants)], object)
    terms = np.array(
        ["stop_gained", "missense", "synonymous", "intron", "5_prime_utr", "intergenic"], object
    )
    ranks = np.array(["HIGH", "MODERATE", "LOW", "MODIFIER", "MODIFIER", "MODIFIER"], object)
    kind = rng.choice(6, variants, p=[0.004, 0.03, 0.04, 0.5, 0.026, 0.4])
    named = pd.DataFrame(
        {
            "variant_id": variant,
            "contig": contig,
            "position": position,
            "reference": ref,
            "alternate": alt,
            "rsid": rsid,
            "gene_symbol": gene,
            "consequence": terms[kind],
            "impact": ranks[kind],
        }
    )
    blank = ["gene_id", "transcript_id", "protein_change", "coding_change", "all_consequences"]
    sites = named.assign(
        quality=rng.gamma(8, 40, variants),
        filters=np.where(rng.random(variants) < 0.06, "LowQual", "PASS"),
        database_fields="{}",
        **dict.fromkeys(blank),
    )
    fields.write(root / "annotated/sites.parquet", sites, "sites")
    write_json(
        root / "annotated/annotation.json",
        {
            "databases": {
                "clinvar": {"fraction_annotated": 0.021},
                "gnomad": {"fraction_annotated": 0.87},
            },
            "warnings": [],
        },
    )
    frequency = rng.beta(0.3, 1.4, variants)
    ac = rng.binomial(2 * people - 2, frequency)
    call_rate = np.clip(rng.beta(40, 1, variants), 0, 1)
    reasons = np.where(
        sites["filters"] != "PASS", "filter LowQual", np.where(call_rate < 0.9, "call rate", "")
    )
    reasons = np.where((reasons == "") & (ac == 0), "one allele only", reasons)
    cohort = named.assign(
        call_rate=call_rate,
        allele_count=ac,
        allele_number=2 * people - 2,
        allele_frequency=ac / (2 * people - 2),
        n_hom_ref=0,
        n_het=ac,
        n_hom_alt=0,
        hwe_p_value=rng.random(variants),
        passes=reasons == "",
        reasons=reasons,
    )
    fields.write(root / "cohort/variants.parquet", cohort, "cohort_variants")
    kept = verdict != "fail"
    sex = np.array(["female", "male"], object)[rng.integers(0, 2, people)]
    joined = pd.DataFrame(
        {
            "sample": sample,
            "participant": person,
            "sex": sex,
            "verdict": verdict,
            "call_rate": qc["call_rate"].astype(float),
            "n_het": 10,
            "n_hom_var": 5,
            "n_singleton": 1,
            "r_ti_tv": 2.0,
            "r_het_hom_var": 1.5,
        }
    )[kept]
    fields.write(root / "cohort/samples.parquet", joined, "cohort_samples")
    write_json(
        root / "cohort/join.json",
        {
            "samples": {
                "dropped": [
                    {"sample": s, "participant": p, "reason": "failed sample QC: low"}
                    for s, p in zip(sample[~kept], person[~kept], strict=True)
                ]
            },
            "participants": {
                "without_genotypes": [*person[~kept], "P9001", "P9002"],
                "without_phenotypes": [],
            },
        },
    )
    write_json(root / "calls/gather.json", {"records_in": variants, "records_out": variants})
    write_json(
        root / "submission/receipt.json",
        {
            "sheet": {"file": "config/samples.csv", "size": 812, "md5": "0" * 32},
            "counts": {"units": people + 20, "samples": people},
            "units": [{"files": [{"file": f"reads/{EVIL}.fq.gz", "size": 9, "md5": "a" * 32}]}],
        },
    )

    population = np.where(np.arange(people) < people * 0.6, "north", "south")
    n = int(kept.sum())
    scores = rng.normal(0, 1, (n, 6))
    scores[:, 0] += np.where(population[kept] == "north", -2.2, 2.2)
    unrelated = np.ones(n, bool)
    unrelated[3] = False
    fields.write(
        root / "structure/components.parquet",
        pd.DataFrame({"sample": sample[kept], "unrelated": unrelated, "scores": list(scores)}),
        "components",
    )
    pairs = pd.DataFrame(
        {
            "sample_1": [sample[3], sample[0], sample[7]],
            "sample_2": [sample[4], sample[1], sample[8]],
            "n_variants": 900,
            "ibs0": [0.001, 0.02, 0.04],
            "kinship": [0.251, 0.121, 0.06],
            "relationship": ["first-degree", "second-degree", "third-degree"],
        }
    )
    fields.write(root / "structure/kinship.parquet", pairs, "kinship")
    group = np.where(population[kept] == "north", "north group", EVIL)
    group[5] = "unassigned"
    fields.write(
        root / "structure/samples.parquet",
        pd.DataFrame(
            {
                "sample": sample[kept],
                "family": None,
                "unrelated": unrelated,
                "group": group,
                "group_probability": 0.99,
                "isolation": np.where(np.arange(n) == 9, 8.25, 0.1),
                "outlier": np.arange(n) == 9,
                "reasons": np.where(np.arange(n) == 5, "unassigned: far", ""),
            }
        ),
        "structure_samples",
    )
    write_json(
        root / "structure/structure.json",
        {
            "ancestry": {
                "groups": {"north group": 70, EVIL: 49, "unassigned": 1},
                "leave_one_out": {"north group": {"north group": 39, EVIL: 1}, EVIL: {EVIL: 20}},
                "leave_one_out_accuracy": 59 / 60,
                "n_variants": 880,
            },
            "eigenvalues": [9.1, 3.2, 2.2, 2.1, 2.0, 1.9],
            "variance_fraction": [0.12, 0.04, 0.03, 0.03, 0.025, 0.02],
            "n_variants_components": 900,
            "notes": [],
        },
    )

    phenotypes = pd.DataFrame({"participant": person, "population": population, "sex": sex})
    declared = []
    for i, name in enumerate(traits):
        binary = i % 2 == 1
        y = rng.integers(0, 2, people).astype(float) if binary else rng.normal(3.1, 0.8, people)
        y[rng.random(people) < 0.04] = np.nan
        phenotypes[name] = y
        kind = {"name": name, "type": "binary" if binary else "quantitative"}
        kind |= {"unit": "" if binary else "mmol/L", "transform": "none", "covariates": ["age"]}
        declared.append(kind)
        log_p = -np.log10(rng.random(variants))
        log_p[240:246] = [6.2, 8.9, 31.4, 11.0, 5.4, 4.2]
        tested = np.asarray(ac) >= 10
        table = pd.DataFrame(
            {
                "chromosome": [c.removeprefix("chr") for c in contig],
                "base_pair_location": position,
                "effect_allele": alt,
                "other_allele": ref,
                "beta": rng.normal(0, 0.2, variants),
                "standard_error": 0.1,
                "effect_allele_frequency": frequency,
                "neg_log10_p_value": log_p,
                "variant_id": variant,
                "rsid": rsid,
                "n": int(np.isfinite(y).sum()),
                "n_cases": pd.array([int((y == 1).sum()) if binary else None] * variants, "Int32"),
                "n_controls": pd.array(
                    [int((y == 0).sum()) if binary else None] * variants, "Int32"
                ),
                "test": np.where(log_p > 4, "firth", "score") if binary else "linear",
                "converged": True,
            }
        )
        tested[240:246] = True
        fields.write(root / f"association/{name}.parquet", table[tested], "association")
        declared[-1] |= {"n": int(np.isfinite(y).sum())}
        declared[-1] |= {"variants_left_out": {"minor allele count below 10": int((~tested).sum())}}
    phenotypes["age"] = rng.integers(20, 80, people).astype(float)
    root.joinpath("phenotypes").mkdir(parents=True)
    phenotypes.to_parquet(root / "phenotypes/phenotypes.parquet")
    write_json(root / "phenotypes/traits.json", {"participants": people + 2, "traits": declared})
    write_json(root / "association/scan.json", {"traits": declared})
    root.joinpath("summaries").mkdir()
    shift = np.clip(frequency + rng.normal(0, 0.06, variants), 0, 1)
    pd.concat(
        pd.DataFrame(
            {"variant_id": variant, "group": "population", "level": level, "allele_frequency": f}
        )
        for level, f in (("north", frequency), ("south", shift))
    ).to_parquet(root / "summaries/frequencies.parquet")
    pd.DataFrame(
        {"group": ["all", "sex"], "level": ["all", "female"], "people": [n, 40], "ti_tv": 2.1}
    ).to_parquet(root / "summaries/groups.parquet")
    return root


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
    assert rows["people"] == [70, 49, 1]
    assert rows["panel"] == [40, 20, None] and rows["right"] == [39, 20, None]
    flagged = parsed.data["table-structure-flags"]["rows"]
    assert flagged["reasons"] == ["unassigned: far"]


def test_says_what_was_dropped_and_why(full):
    _, _, parsed = full
    said = " ".join(" ".join(parsed.text).split())
    assert "mean coverage 1.70 is below 4 S0099" in said
    assert "no sample in the cohort P0099, P9001, P9002" in said
    assert "filter LowQual" in said
    assert "relatives of others S0003" in said


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
