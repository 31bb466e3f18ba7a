"""Section on tests of genes: a Manhattan plot by gene, the best genes, and their variants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genopheno.report import calibration
from genopheno.report.blocks import (
    Section,
    column,
    figure,
    markup_free,
    note,
    numbers,
    p_text,
    table,
    tabs,
)
from genopheno.report.points import offsets_of
from genopheno.report.read import Results

TOP = 50  # genes of each trait in the table
TESTS = ("burden", "skat", "skat-o", "acat-v", "acat-o")
OVERVIEW = (
    column("trait", "Trait"),
    column("n", "n", "int"),
    column("genes", "Genes", "int", help="with at least one mask that could be tested"),
    column("without", "Without test", "int", help="genes of which no mask could be tested"),
    column("lambda", "λ", "num", digits=4, help="genomic inflation of the genes' p"),
    column("significant", "Significant", "int", help="p below 0.05 over the number of genes"),
    column("gene", "First gene"),
    column("p", "Its p", "p"),
    column("left_out", "Masks left out", help="masks of genes, by reason"),
    column("reason", "Why not"),
)
GENES = (
    column("gene", "Gene"),
    column("place", "Position", "code"),
    column("p", "p", "p", help="all masks and tests together (ACAT)"),
    column("mask", "Best mask"),
    column("limit", "Frequency to", "num"),
    column("variants", "Variants", "int"),
    column("carriers", "Carriers", "int"),
    column("cases", "of them cases", "int"),
    column("beta", "Beta", "num", help="of the burden: one more allele"),
    column("se", "SE", "num"),
    *(column(name, name, "p", help="of the best mask") for name in TESTS[:4]),
)
VARIANTS = (
    column("gene", "Gene"),
    column("mask", "Mask"),
    column("variant", "Variant", "code"),
    column("frequency", "Frequency", "num"),
    column("carriers", "Carriers", "int"),
    column("cases", "Cases", "int"),
    column("controls", "Controls", "int"),
    column("beta", "Beta", "num", help="one step from no effect"),
    column("p", "p", "p", help="of the variant alone"),
    column("without", "Mask without it", "p", help="p (ACAT) of the mask without this variant"),
    column("whole", "Mask", "p"),
)


def section(results: Results) -> Section | None:
    """Every trait of genes.json; None where genes were not tested."""
    told = results.json("association/genes/genes.json")
    if not told:
        return None
    part = Section(
        "genes",
        "Genes",
        "Rare variants of each gene together: burden, SKAT, SKAT-O and ACAT-V of every mask, and "
        "all of them combined (ACAT).",
    )
    if not told["n_genes"]:
        part.add(note("No variant of the cohort is in any mask: no gene was tested.", "warn"))
        return part
    rows: dict[str, list[Any]] = {item["key"]: [] for item in OVERVIEW}
    panels = []
    for i, trait in enumerate(told["traits"]):
        frame = results.arrow(f"association/genes/{trait['name']}.parquet").to_pandas()
        whole = frame[frame["mask"].isna()].reset_index(drop=True)
        best = whole["neg_log10_p_value"].idxmax() if len(whole) else None
        for key, value in {
            "trait": trait["name"],
            "n": trait["n"],
            "genes": trait["n_genes_tested"],
            "without": trait["n_genes_without_test"],
            "lambda": trait["lambda_gc"]["gene"],
            "significant": trait["n_significant"],
            "gene": "" if best is None else _name(whole.loc[best]),
            "p": None if best is None else float(whole["neg_log10_p_value"][best]),
            "left_out": ", ".join(f"{why}: {n:,}" for why, n in sorted(trait["left_out"].items())),
            "reason": trait["reason"] or "",
        }.items():
            rows[key].append(value)
        if len(whole):
            panels.append(_panel(results, trait, frame, whole, i, len(told["traits"])))
    shown = [c for c in OVERVIEW if any(v not in ("", None) for v in rows[c["key"]])]
    part.add(table("table-genes", "All traits", shown, rows, file="genes.csv"))
    if panels:
        part.add(tabs("gene-traits", "Traits", panels))
    return part


def _name(row: pd.Series) -> str:
    return row["gene_symbol"] or row["gene_id"]


def _panel(
    results: Results,
    trait: dict[str, Any],
    frame: pd.DataFrame,
    whole: pd.DataFrame,
    index: int,
    total: int,
) -> dict[str, Any]:
    top = whole.sort_values("neg_log10_p_value", ascending=False, kind="stable")[:TOP]
    blocks = [_manhattan(trait, whole, top, index, total), _genes(trait, frame, top, index)]
    variants = results.arrow(f"association/genes/variants/{trait['name']}.parquet").to_pandas()
    if len(variants):
        blocks.append(_variants(trait, variants, index))
    best = p_text(float(top["neg_log10_p_value"].iloc[0]))
    return {"id": f"g{index}", "title": trait["name"], "blocks": blocks, "note": best}


def _manhattan(
    trait: dict[str, Any], whole: pd.DataFrame, top: pd.DataFrame, index: int, total: int
) -> dict[str, Any]:
    """A dot per gene, at the middle of its variants; thinned where the eye cannot tell."""
    code, contigs = pd.factorize(whole["chromosome"])
    middle = ((whole["start"] + whole["end"]) / 2).to_numpy()
    offsets, starts = offsets_of(code, middle, len(contigs))
    place, y = middle + offsets[code], whole["neg_log10_p_value"].to_numpy(float)
    scale = min(1.0, (10 / total) ** 0.5)
    kept = calibration.thin(
        place, y, columns=int(380 * scale), rows=int(120 * scale), most=int(8000 * scale)
    )
    names = [markup_free(_name(row)) for _, row in whole.iloc[kept].iterrows()]
    colours = np.where(y[kept] >= trait["threshold"], "var:hit", "var:accent").astype(object)
    colours[(colours == "var:accent") & (code[kept] % 2 == 1)] = "var:accent2"
    highest = max(float(y.max()), trait["threshold"]) * 1.12
    labels = [
        {
            "x": float(place[i]),
            "y": float(y[i]),
            "text": markup_free(_name(whole.loc[i])),
            "showarrow": False,
            "yshift": 12,
        }
        for i in top.index[:5]
    ]
    one = len(contigs) == 1
    axis: dict[str, Any] = {"showgrid": False}
    if one:
        axis |= {"title": {"text": f"position on {markup_free(contigs[0])} (bp)"}}
    else:
        mids = (np.array(starts[:-1]) + np.array(starts[1:])) / 2
        axis |= {"tickvals": mids.tolist(), "ticktext": [markup_free(c) for c in contigs]}
    spec = {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": place[kept].tolist(),
                "y": numbers(y[kept], 5),
                "text": names,
                "hovertemplate": "%{text}<br>−log10 p = %{y:.2f}<extra></extra>",
                "marker": {"size": 6, "color": colours.tolist()},
            }
        ],
        "layout": {
            "xaxis": axis,
            "yaxis": {"title": {"text": "−log10 p"}, "range": [0, highest]},
            "shapes": [
                {
                    "type": "line",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "y0": trait["threshold"],
                    "y1": trait["threshold"],
                    "line": {"color": "var:soft", "width": 1.1, "dash": "dash"},
                }
            ],
            "annotations": labels,
            "showlegend": False,
        },
    }
    drawn = f"{len(whole):,} genes" + (f", {len(kept):,} drawn" if len(kept) < len(whole) else "")
    return figure(
        f"genes-{index}",
        "Manhattan plot by gene",
        spec,
        alt=f"Manhattan plot of {trait['name']}: −log10 p of {len(whole):,} genes along the genome",
        caption=f"{drawn}. Dashed: 0.05 over the number of genes, {p_text(trait['threshold'])}.",
        height=360,
        wide=True,
    )


def _genes(
    trait: dict[str, Any], frame: pd.DataFrame, top: pd.DataFrame, index: int
) -> dict[str, Any]:
    masks = frame[frame["mask"].notna()]
    rows: dict[str, list[Any]] = {item["key"]: [] for item in GENES}
    for _, gene in top.iterrows():
        here = masks[masks["gene_id"] == gene["gene_id"]]
        best = here.loc[here[here["test"] == "acat-o"]["neg_log10_p_value"].idxmax()]
        of_best = (here["mask"] == best["mask"]) & (here["max_frequency"] == best["max_frequency"])
        same = here[of_best].set_index("test")
        burden = same.loc["burden"] if "burden" in same.index else None
        for key, value in {
            "gene": _name(gene),
            "place": f"{gene['chromosome']}:{gene['start']}-{gene['end']}",
            "p": gene["neg_log10_p_value"],
            "mask": best["mask"],
            "limit": best["max_frequency"],
            "variants": int(best["n_variants"]),
            "carriers": int(best["n_carriers"]),
            "cases": None if pd.isna(best["n_carriers_cases"]) else int(best["n_carriers_cases"]),
            "beta": None if burden is None else burden["beta"],
            "se": None if burden is None else burden["standard_error"],
            **{t: same["neg_log10_p_value"].get(t) for t in TESTS[:4]},
        }.items():
            rows[key].append(value)
    for key in ("p", "beta", "se", *TESTS[:4]):
        rows[key] = numbers([np.nan if v is None else v for v in rows[key]], 6)
    shown = [c for c in GENES if any(v is not None for v in rows[c["key"]])]
    return table(
        f"top-genes-{index}",
        "Genes with the smallest p",
        shown,
        rows,
        page=10,
        file=f"{trait['name']}_genes.csv",
        sort="-p",
        caption=f"All tests: association/genes/{trait['name']}.parquet and .tsv.gz.",
    )


def _variants(trait: dict[str, Any], variants: pd.DataFrame, index: int) -> dict[str, Any]:
    def whole_numbers(name: str) -> list[int | None]:
        return [None if pd.isna(v) else int(v) for v in variants[name]]

    rows = {
        "gene": [_name(row) for _, row in variants.iterrows()],
        "mask": [
            f"{m}, to {f:g}"
            for m, f in zip(variants["mask"], variants["max_frequency"], strict=True)
        ],
        "variant": variants["variant_id"].tolist(),
        "frequency": numbers(variants["effect_allele_frequency"], 4),
        "carriers": whole_numbers("n_carriers"),
        "cases": whole_numbers("n_carriers_cases"),
        "controls": whole_numbers("n_carriers_controls"),
        "beta": numbers(variants["beta"], 4),
        "p": numbers(variants["neg_log10_p_value"], 6),
        "without": numbers(variants["neg_log10_p_value_without"], 6),
        "whole": numbers(variants["neg_log10_p_value_mask"], 6),
    }
    shown = [c for c in VARIANTS if any(v is not None for v in rows[c["key"]])]
    return table(
        f"gene-variants-{index}",
        "Variants of these genes",
        shown,
        rows,
        page=10,
        file=f"{trait['name']}_gene_variants.csv",
        caption="The mask with the smallest p of each gene. Where p falls far without one variant, "
        "the gene rests on it.",
    )
