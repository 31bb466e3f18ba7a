"""Section on the association tests: a tab per trait with Manhattan, QQ, top hits and facts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genopheno.report import calibration, type_one_error
from genopheno.report.blocks import (
    Section,
    column,
    facts,
    figure,
    grid,
    note,
    numbers,
    p_text,
    table,
    tabs,
)
from genopheno.report.coding import coding_notes
from genopheno.report.points import (
    COLUMNS,
    Annotation,
    Codebook,
    contig_names,
    offsets_of,
    points_of,
)
from genopheno.report.read import Results, count, first

GENOME_WIDE = -np.log10(5e-8)
TOP = 100
NO_TRAITS = ("design", "calibration")  # tables beside those of the traits
MODELS = {
    "regression": "regression of each variant",
    "wgr": "whole-genome regression",
    "lmm": "linear mixed model",
}


def traits(results: Results) -> list[dict[str, Any]]:
    """The traits tested, each a dict with at least ``name``, from scan.json and the tables."""
    declared = {
        str(t.get("name")): t
        for t in first(results.json("phenotypes/traits.json"), "traits", default=[])
        if isinstance(t, dict)
    }
    scan = first(results.json("association/scan.json"), "traits", default={})
    if isinstance(scan, list):
        scan = {str(t.get("name")): t for t in scan if isinstance(t, dict)}
    scan = {k: v for k, v in scan.items() if isinstance(v, dict)} if isinstance(scan, dict) else {}
    files = sorted(
        p.stem for p in results.path("association").glob("*.parquet") if p.stem not in NO_TRAITS
    )
    if scan:  # a table that the last scan did not make is of another configuration
        files = [n for n in files if n in scan]
    names = [n for n in declared if n in files] + [n for n in files if n not in declared]
    return [{**declared.get(n, {}), **scan.get(n, {}), "name": n} for n in names]


def section(results: Results) -> tuple[Section, list[dict[str, Any]], dict[str, list[str]]]:
    """An overview of all traits, then a tab per trait.

    Returns
    -------
    section, a row of facts per trait (best hit first among them), and the strings that
    the points of all plots name by number.
    """
    part = Section(
        "association",
        "Association",
        "Every variant against every trait. Point at a dot to see its variant; click a row of a "
        "table to go there; drag to zoom, double-click to go back.",
    )
    known = traits(results)
    if not known:
        part.missing = results.why("association/scan.json") or "No trait was tested."
        return part, [], {}
    annotation = Annotation(results)
    genes, consequences, alleles = Codebook(), Codebook(), Codebook()
    shown = [
        _trait(results, trait, i, len(known), annotation, (genes, consequences, alleles))
        for i, trait in enumerate(known)
    ]
    for trait in shown:
        for key, book in (("gene", genes), ("consequence", consequences), ("alleles", alleles)):
            if trait["points"]:
                trait["points"][key] = book.array(trait["points"][key])
    books = {
        "gene": list(genes.numbers),
        "consequence": list(consequences.numbers),
        "alleles": list(alleles.numbers),
    }
    told = coding_notes(first(results.json("association/scan.json"), "coding"))
    part.add(*told, _overview(shown), tabs("traits", "Traits", [trait["panel"] for trait in shown]))
    part.add(*type_one_error.blocks(results, known))
    return part, [trait["row"] for trait in shown], books


def _trait(
    results: Results,
    trait: dict[str, Any],
    index: int,
    total: int,
    annotation: Annotation,
    books: tuple[Codebook, Codebook, Codebook],
) -> dict[str, Any]:
    name = trait["name"]
    arrow = results.arrow(
        f"association/{name}.parquet", [*COLUMNS, "n_cases", "n_controls", "test", "converged"]
    )
    y = arrow["neg_log10_p_value"].to_numpy().astype(float)
    position = arrow["base_pair_location"].to_numpy()
    contig = arrow["chromosome"].combine_chunks().dictionary_encode()
    code = contig.indices.to_numpy(zero_copy_only=False)
    contigs = contig_names(arrow, contig, code)
    tested = int(np.isfinite(y).sum())
    bonferroni = -np.log10(0.05 / tested) if tested else np.nan
    inflation = calibration.genomic_inflation(y)
    most = lambda key: int(np.nanmax(arrow[key].to_pandas().to_numpy(dtype=float)))  # noqa: E731
    n = most("n") if len(arrow) else first(trait, "n", "n_observed")
    counted = arrow["n_cases"].null_count < len(arrow)
    kind = str(trait.get("type") or ("binary" if counted else "quantitative"))
    binary = kind != "quantitative"
    cases = most("n_cases") if binary and len(arrow) else None
    controls = most("n_controls") if binary and len(arrow) else None
    key = f"t{index}"

    order = np.argsort(np.where(np.isfinite(y), -y, np.inf), kind="stable")[: min(TOP, tested)]
    top = arrow.take(order).to_pandas()
    hits = annotation.of(top["variant_id"].tolist())
    offsets, starts = offsets_of(code, position, len(contigs))
    place = position + offsets[code] if len(code) else position.astype(float)
    window = int(min(500_000, max(1, (starts[-1] if len(starts) else 1) / 20)))
    lead = calibration.leads(code[order], position[order], y[order], window=window, above=5)
    points = None
    panel: dict[str, Any] = {"id": key, "title": name, "blocks": [], "note": ""}
    if tested:
        # With many traits the grid is coarser, so that the page stays of one size.
        scale = min(1.0, (10 / total) ** 0.5)
        kept = calibration.thin(
            place,
            y,
            columns=int(380 * scale),
            rows=int(120 * scale),
            most=60_000 // max(1, total // 5),
        )
        points = points_of(arrow, kept, y, position, code, annotation, books)
        points |= {
            "contigs": contigs,
            "offsets": offsets.tolist(),
            "starts": starts.tolist(),
            "genome_wide": float(GENOME_WIDE),
            "bonferroni": float(bonferroni),
            "labels": [
                {
                    "x": int(place[order[i]]),
                    "y": float(y[order[i]]),
                    "text": hits["gene_symbol"][i] or hits["rsid"][i] or top["variant_id"][i],
                }
                for i in lead[:8]
            ],
        }
        drawn = f"{tested:,} variants tested."
        if len(kept) < tested:
            drawn += (
                f" All with p < 0.001 are drawn, of the others one per dot-sized place "
                f"({len(kept):,} in all)."
            )
        panel["blocks"].append(
            figure(
                f"manhattan-{key}",
                "Manhattan plot",
                points,
                alt=f"Manhattan plot of {name}: −log10 p of {tested:,} variants along the genome",
                caption=f"{drawn} Full line: 5 × 10⁻⁸; dashed: Bonferroni, {p_text(bonferroni)}.",
                height=400,
                draw="manhattan",
                wide=True,
            )
        )
        quantiles = calibration.qq(y)
        panel["blocks"].append(
            grid(
                figure(
                    f"qq-{key}",
                    f"QQ plot, λ = {inflation:.3f}",
                    {k: numbers(v, 5) for k, v in quantiles.items()},
                    alt=f"QQ plot of {name}, genomic inflation {inflation:.3f}",
                    caption="Grey: 95 % band of the order statistics under no association."
                    + (" Of so few variants λ says little." if tested < 10_000 else ""),
                    height=390,
                    draw="qq",
                ),
                _facts(trait, arrow, y, n, cases, controls, tested, inflation),
            )
        )
    else:
        why = trait.get("reason") or "no reason was given"
        panel["blocks"].append(note(f"No variant was tested for this trait: {why}.", "warn"))
    if tested:
        panel["blocks"].append(_hits(key, name, top, hits, place[order], lead))
    best = 0 if tested else None
    row = {
        "trait": name,
        "type": kind,
        "n": n,
        "cases": cases,
        "controls": controls,
        "tested": tested,
        "lambda": round(inflation, 4) if np.isfinite(inflation) else None,
        "significant": int(np.nansum(y >= GENOME_WIDE)),
        "bonferroni": int(np.nansum(y >= bonferroni)),
        "variant": top["variant_id"][0] if tested else "",
        "rsid": hits["rsid"][0] if tested else "",
        "gene": hits["gene_symbol"][0] if tested else "",
        "consequence": hits["consequence"][0] if tested else "",
        "p": float(y[order[0]]) if best is not None else None,
        "beta": float(top["beta"][0]) if tested else None,
        "threshold": float(bonferroni) if tested else None,
        "tab": key,
    }
    panel["note"] = p_text(row["p"]) if tested else "no tests"
    return {"panel": panel, "row": row, "points": points}


def _hits(
    key: str,
    name: str,
    top: pd.DataFrame,
    known: pd.DataFrame,
    place: np.ndarray,
    lead: np.ndarray,
) -> dict[str, Any]:
    leads = set(lead.tolist())
    rsid = top["rsid"].fillna("").to_numpy() if "rsid" in top else np.full(len(top), "")
    rows: dict[str, list[Any]] = {
        "variant": top["variant_id"].tolist(),
        "rsid": [a or b for a, b in zip(rsid, known["rsid"], strict=True)],
        "gene": known["gene_symbol"].tolist(),
        "consequence": known["consequence"].str.replace("_", " ").tolist(),
        "effect_allele": top["effect_allele"].tolist(),
        "frequency": numbers(top["effect_allele_frequency"], 4),
        "beta": numbers(top["beta"], 4),
        "se": numbers(top["standard_error"], 4),
        "p": numbers(top["neg_log10_p_value"], 6),
        "n": top["n"].tolist(),
        "test": top["test"].fillna("").tolist() if "test" in top else [],
        "lead": ["lead" if i in leads else "" for i in range(len(top))],
        "x": [float(v) for v in place],
    }
    columns = [
        column("variant", "Variant", "code"),
        column("rsid", "rsID", "code"),
        column("gene", "Gene"),
        column("consequence", "Consequence"),
        column("effect_allele", "Effect allele", "code"),
        column("frequency", "Frequency", "num"),
        column("beta", "Beta", "num"),
        column("se", "SE", "num"),
        column("p", "p", "p"),
        column("n", "n", "int"),
        column("test", "Test"),
        column("lead", "Locus", help="best variant of its locus, where p < 1e-5"),
    ]
    columns = [c for c in columns if any(v not in ("", None) for v in rows[c["key"]])]
    return table(
        f"hits-{key}",
        "Top hits",
        columns,
        rows,
        page=10,
        file=f"{name}_top_hits.csv",
        sort="-p",
        zoom=f"manhattan-{key}",
        caption=f"The {len(top):,} smallest p-values; all results are in "
        f"association/{name}.parquet and .tsv.gz. A click on a row zooms the Manhattan plot.",
    )


def _facts(
    trait: dict[str, Any],
    arrow: Any,
    y: np.ndarray,
    n: Any,
    cases: int | None,
    controls: int | None,
    tested: int,
    inflation: float,
) -> dict[str, Any]:
    pairs: list[tuple[str, Any]] = [("Type", trait.get("type")), ("People", n)]
    if cases is not None:
        if trait.get("type") == "time-to-event":
            pairs += [("Events", cases), ("Censored", controls)]
            pairs.append(("Median follow-up", (trait.get("follow_up") or {}).get("median")))
        else:
            pairs += [("Cases", cases), ("Controls", controls)]
    if trait.get("unit"):
        pairs.append(("Unit", trait["unit"]))
    pairs.append(("Transformation", trait.get("transform")))
    if trait.get("model"):
        pairs.append(("Model", MODELS.get(trait["model"], trait["model"])))
        pairs.append(("Why this model", trait.get("model_reason") or None))
    pairs.append(("Covariates", first(trait, "covariates", "covariates_used")))
    pairs.append(("Variants tested", tested))
    for reason, number in left_out(trait).items():
        pairs.append((f"Variants left out: {reason}", number))
    for reason, number in (first(trait, "samples_left_out", default=None) or {}).items():
        pairs.append((f"People left out: {reason}", count(number)))
    if "test" in arrow.column_names:
        used = arrow["test"].to_pandas().value_counts()
        pairs.append(("Tests", ", ".join(f"{k} {v:,}" for k, v in used.items())))
    if "converged" in arrow.column_names:
        pairs.append(
            ("Did not converge", int((~arrow["converged"].to_pandas().astype(bool)).sum()))
        )
    pairs.append(("λ (median)", float(f"{inflation:.4f}")))
    if cases and controls:
        pairs.append(("λ₁₀₀₀", calibration.lambda_1000(inflation, cases, controls)))
    said = [str(s) for s in trait.get("notices") or []]
    return facts("About this trait", pairs, caption=" ".join(said))


def left_out(trait: dict[str, Any]) -> dict[str, int]:
    """Variants that were not tested for a trait, by reason."""
    found = first(trait, "variants_left_out", "left_out", default={})
    if isinstance(found, int):
        return {"variants": found}
    if not isinstance(found, dict):
        return {}
    return {str(k).replace("_", " "): n for k, v in found.items() if (n := count(v)) is not None}


def _overview(shown: list[dict[str, Any]]) -> dict[str, Any] | None:
    rows = [trait["row"] for trait in shown]
    columns = [
        column("trait", "Trait"),
        column("type", "Type"),
        column("n", "n", "int"),
        column("cases", "Cases", "int"),
        column("controls", "Controls", "int"),
        column("tested", "Variants", "int"),
        column("lambda", "λ", "num", digits=4),
        column("significant", "p < 5e-8", "int"),
        column("bonferroni", "Bonferroni", "int", help="variants with p below 0.05 / variants"),
        column("variant", "Best variant", "code"),
        column("gene", "Gene"),
        column("p", "p", "p"),
    ]
    if not any(row["cases"] for row in rows):
        columns = [c for c in columns if c["key"] not in ("cases", "controls")]
    return table(
        "table-traits",
        "All traits",
        columns,
        {key: [row[key] for row in rows] for key in rows[0]},
        page=25,
        file="traits.csv",
        opens="traits",
        caption="A click on a row opens the trait below.",
    )
