"""Section on control samples: what was called against what is known of them."""

from __future__ import annotations

from typing import Any

from genopheno.report.blocks import Section, column, figure, markup_free, numbers, table
from genopheno.report.figures import CATEGORICAL
from genopheno.report.read import Results

KINDS = ("snp", "indel")
COLUMNS = (
    column("sample", "Sample", "code"),
    column("type", "Type"),
    column("truth", "Known", "int"),
    column("tp", "Found", "int"),
    column("fn", "Missed", "int"),
    column("fp", "False", "int"),
    column("genotype_errors", "Genotype errors", "int"),
    column("precision", "Precision", "num", digits=4),
    column("recall", "Recall", "num", digits=4),
    column("f1", "F1", "num", digits=4),
    column("engine", "Engine"),
)


def section(results: Results) -> Section | None:
    """Every control's numbers and its precision and recall over QUAL; None without controls."""
    found = {p.stem: results.json(f"truth/{p.name}") for p in results.root.glob("truth/*.json")}
    if not found:
        return None
    section = Section(
        "controls",
        "Controls",
        "Samples of which the variants are known, compared in the confident regions of their "
        "truth sets. They stay out of the cohort.",
    )
    rows: dict[str, list[Any]] = {item["key"]: [] for item in COLUMNS}
    for sample, report in sorted(found.items()):
        for kind in KINDS:
            told = {
                **report["types"][kind],
                "sample": sample,
                "type": kind,
                "engine": report["engine"],
            }
            for key, values in rows.items():
                values.append(told[key])
    section.add(
        table(
            "table-controls",
            "",
            list(COLUMNS),
            rows,
            caption="A right allele in a wrong genotype counts as missed and as false. Variants "
            "that are not right: results/truth/SAMPLE.errors.vcf.gz.",
            file="controls.csv",
        ),
        _curves(found),
    )
    return section


def _curves(found: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    data = []
    for number, (sample, report) in enumerate(sorted(found.items())):
        for kind in KINDS:
            if rows := report["curves"][kind]:
                name = markup_free(f"{sample} {kind}")
                data.append(
                    {
                        "type": "scatter",
                        "mode": "lines+markers",
                        "x": numbers([row["recall"] for row in rows]),
                        "y": numbers(
                            [float("nan") if (p := row["precision"]) is None else p for row in rows]
                        ),
                        "customdata": numbers([row["min_quality"] for row in rows], 4),
                        "name": name,
                        "marker": {"size": 4},
                        "line": {
                            "color": CATEGORICAL[number % len(CATEGORICAL)],
                            "dash": "solid" if kind == "snp" else "dot",
                        },
                        "hovertemplate": f"<b>{name}</b><br>QUAL ≥ %{{customdata}}<br>"
                        "recall %{x:.4f}, precision %{y:.4f}<extra></extra>",
                    }
                )
    if not data:
        return None
    axes = {f"{a}axis": {"title": {"text": t}} for a, t in (("x", "recall"), ("y", "precision"))}
    return figure(
        "plot-controls",
        "Precision and recall if only calls of a higher QUAL were kept",
        {"data": data, "layout": {**axes, "showlegend": True}},
        alt="Precision against recall of each control over thresholds of QUAL",
        height=380,
        wide=True,
    )
