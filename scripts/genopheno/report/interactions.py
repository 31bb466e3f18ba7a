"""Section on interactions of variants with covariates: a row per table, and the smallest p."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genopheno.report.blocks import Section, column, numbers, table
from genopheno.report.points import Annotation
from genopheno.report.read import Results

TOP = 10  # variants of each table
P = "neg_log10_p_value_interaction"
TABLES = (
    column("trait", "Trait"),
    column("covariate", "Covariate"),
    column("n", "n", "int"),
    column("tested", "Variants", "int"),
    column("left_out", "Left out", "int"),
    column("lambda", "λ", "num", digits=4, help="genomic inflation of the interaction's p"),
    column("robust_lambda", "λ, HC3", "num", digits=4),
    column("p", "Smallest p", "p", help="of the interaction; by HC3 where there is one"),
    column("reason", "Why not"),
)
HITS = (
    column("trait", "Trait"),
    column("covariate", "Covariate"),
    column("variant", "Variant", "code"),
    column("gene", "Gene"),
    column("frequency", "Frequency", "num"),
    column("beta", "Beta", "num", help="where the covariate is 0 or at its reference level"),
    column("products", "Products", help="effect of the product with each column"),
    column("p", "p, interaction", "p", help="of all products; by HC3 where there is one"),
    column("plain", "p, plain", "p", help="as if the trait had the same spread everywhere"),
    column("joint", "p, joint", "p", help="variant and products together"),
    column("test", "Test"),
)


def section(results: Results) -> Section | None:
    """Every table that `genopheno interact` left; None where it was not asked for."""
    asked = results.json("association/design.json").get("traits", [])
    names = [f"{t['name']}.{c}" for t in asked for c in t.get("interactions", {})]
    files = [f"association/interactions/{name}.json" for name in names]
    found = [results.json(file) for file in files if results.has(file)]
    if not found:
        return None
    part = Section(
        "interactions",
        "Interactions",
        "Whether the effect of a variant changes with a covariate. HC3: for quantitative traits, "
        "a test that does not ask for the same spread at every value of the covariate; where it "
        "and the plain test disagree, believe it.",
    )
    annotation = Annotation(results)
    rows: dict[str, list[Any]] = {item["key"]: [] for item in TABLES}
    hits: dict[str, list[Any]] = {item["key"]: [] for item in HITS}
    for told in found:
        best = _hits(results, told, annotation, hits)
        inflation = told["lambda_gc"]
        for key, value in {
            "trait": told["trait"],
            "covariate": told["covariate"],
            "n": told["n"],
            "tested": told["n_variants"],
            "left_out": sum(told["variants_left_out"].values()),
            "lambda": inflation[P],
            "robust_lambda": inflation[f"robust_{P}"],
            "p": best,
            "reason": told["reason"] or "",
        }.items():
            rows[key].append(value)
    columns = [c for c in TABLES if any(v not in ("", None) for v in rows[c["key"]])]
    part.add(
        table(
            "table-interactions",
            "All interaction tests",
            columns,
            rows,
            file="interactions.csv",
            caption="Results: association/interactions/TRAIT.COVARIATE.parquet and .tsv.gz.",
        )
    )
    if hits["trait"]:
        columns = [c for c in HITS if any(v not in ("", None) for v in hits[c["key"]])]
        part.add(
            table(
                "hits-interactions",
                "Smallest p of the interaction",
                columns,
                hits,
                page=10,
                file="interaction_top_hits.csv",
                sort="-p",
                caption=f"At most {TOP} variants of each table, by HC3 where there is one.",
            )
        )
    return part


def _hits(
    results: Results, told: dict[str, Any], annotation: Annotation, hits: dict[str, list[Any]]
) -> float | None:
    """Add the rows of one table; gives its smallest p as -log10."""
    terms = told["terms"]
    names = ["variant_id", "effect_allele_frequency", "beta", "test", P, f"robust_{P}",
             "neg_log10_p_value_joint", *(f"beta:{term}" for term in terms)]  # fmt: skip
    path = f"association/interactions/{told['trait']}.{told['covariate']}.parquet"
    frame = results.arrow(path, names).to_pandas()
    ranked = frame[f"robust_{P}"].astype(float).fillna(frame[P].astype(float))
    top = frame.loc[ranked.dropna().sort_values(ascending=False, kind="stable").index[:TOP]]
    if top.empty:
        return None
    known = annotation.of(top["variant_id"].tolist())
    for key, values in {
        "trait": [told["trait"]] * len(top),
        "covariate": [told["covariate"]] * len(top),
        "variant": top["variant_id"].tolist(),
        "gene": known["gene_symbol"].tolist(),
        "frequency": numbers(top["effect_allele_frequency"], 4),
        "beta": numbers(top["beta"], 4),
        "products": [_products(row, terms) for _, row in top.iterrows()],
        "p": numbers(ranked[top.index], 6),
        "plain": numbers(top[P], 6),
        "joint": numbers(top["neg_log10_p_value_joint"], 6),
        "test": top["test"].tolist(),
    }.items():
        hits[key] += values
    return float(np.nanmax(ranked))


def _products(row: pd.Series, terms: list[str]) -> str:
    return ", ".join(f"{term}: {row[f'beta:{term}']:.4g}" for term in terms)
