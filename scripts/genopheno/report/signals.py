"""Section on signals: clumps and independent signals of every trait, and pictures of loci."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genopheno.report.association import GENOME_WIDE, traits
from genopheno.report.blocks import Section, column, figure, grid, note, numbers, table
from genopheno.report.read import Results
from genopheno.report.regional import regional

MOST_PICTURES, MOST_EACH = 12, 3  # loci drawn of all traits, and of one
MOST_ROWS = 300  # of each table
SIGNALS = (
    column("trait", "Trait"),
    column("locus", "Locus", "int"),
    column("variant_id", "Variant", "code"),
    column("rsid", "rsID", "code"),
    column("gene", "Gene"),
    column("consequence", "Consequence"),
    column("beta", "Beta", "num"),
    column("p", "p", "p", help="of the scan"),
    column("beta_joint", "Beta, joint", "num", help="with the other signals of the locus"),
    column("p_joint", "p, joint", "p"),
    column("set", "Credible set", "int", help="variants that may be the cause"),
    column("known", "Known", help="nearest association of the list, its trait and distance"),
    column("method", "Method"),
)
CLUMPS = (
    column("trait", "Trait"),
    column("clump", "Clump", "int"),
    column("locus", "Locus", "int"),
    column("variant_id", "Index variant", "code"),
    column("gene", "Gene"),
    column("p", "p", "p"),
    column("n_members", "Stands for", "int", help="variants correlated with it"),
    column("n_below_0_0001", "p ≤ 1e-4", "int", help="of these"),
    column("start", "From", "int"),
    column("end", "To", "int"),
)


def section(results: Results) -> Section | None:
    """The section; None where `genopheno signals` left nothing."""
    names = [trait["name"] for trait in traits(results)]
    told = [results.json(f"signals/{n}.json") for n in names if results.has(f"signals/{n}.json")]
    if not told:
        return None
    part = Section(
        "signals",
        "Signals",
        "What stands behind significant variants. A clump is an index variant and those correlated "
        "with it; signals are variants that stay significant given each other; a credible set "
        "holds the cause of its signal with the probability given, if one variant alone is it and "
        "it was tested.",
    )
    for one in told:
        for said in one["notices"]:
            part.add(note(f"{one['trait']}: {said}."))
    first = told[0]
    found = {
        kind: [_rows(results, one["trait"], kind) for one in told if one["n_clumps"]]
        for kind in ("signals", "clumps")
    }
    for kind, title, columns, about in (
        ("signals", "Independent signals", SIGNALS,
         f"Credible sets of {first['coverage']:.0%}: signals/TRAIT.credible.parquet."),
        ("clumps", "Clumps", CLUMPS,
         f"Index variants with p of at most {first['p_value']:g}, r² of at least {first['r2']:g} "
         f"within {first['kb']:g} kb. Members: signals/TRAIT.members.parquet."),
    ):  # fmt: skip
        if found[kind]:
            part.add(_table(kind, title, columns, pd.concat(found[kind]), about))
    part.add(*_pictures(results, told))
    return part


def _rows(results: Results, trait: str, kind: str) -> pd.DataFrame:
    frame = results.table(f"signals/{trait}.{kind}.parquet")
    gene = frame["gene_symbol"].fillna("")
    near = frame["nearest_gene"].fillna("")
    away = frame["nearest_gene_distance"].fillna(0).astype(int)
    near = near.where((near == "") | (away == 0), near + away.map(" ({:,} bp)".format))
    frame["gene"] = gene.where(gene != "", near)
    return frame.assign(trait=trait, p=frame["neg_log10_p_value"])


def _table(
    kind: str, title: str, columns: tuple, frame: pd.DataFrame, about: str
) -> dict[str, Any]:
    frame = frame.sort_values("p", ascending=False, kind="stable")
    if len(frame) > MOST_ROWS:
        about += f" The {MOST_ROWS} smallest p of {len(frame):,}."
        frame = frame.head(MOST_ROWS)
    if kind == "signals":
        frame = frame.assign(
            p_joint=frame["neg_log10_p_value_joint"],
            set=frame["credible_size"],
            known=[_known(row) for _, row in frame.iterrows()],
        )
    rows = {}
    for each in columns:
        values = frame[each["key"]]
        kept = each["type"] in ("num", "p")
        rows[each["key"]] = numbers(values, 6) if kept else values.astype(object).where(
            values.notna(), "").tolist()  # fmt: skip
    columns = [c for c in columns if any(v not in ("", None) for v in rows[c["key"]])]
    return table(
        f"table-{kind}", title, columns, rows, page=10, file=f"{kind}.csv", sort="-p",
        caption=about,
    )  # fmt: skip


def _known(row: pd.Series) -> str:
    if pd.isna(row["novel"]):
        return ""
    if row["novel"]:
        return "none near"
    trait = f", {row['known_trait']}" if row["known_trait"] else ""
    return f"{row['known_variant'] or 'one'}{trait}, {row['known_distance']:,.0f} bp"


def _pictures(results: Results, told: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """Loci with the smallest p of each trait, two side by side."""
    drawn = []
    for one in told:
        variants = results.table(f"signals/{one['trait']}.loci.parquet")
        signals = results.table(f"signals/{one['trait']}.signals.parquet")
        if variants is None or variants.empty:
            continue
        best = variants.groupby("locus")["neg_log10_p_value"].max().nlargest(MOST_EACH)
        for number, p in best.items():
            locus = one["loci"][int(number) - 1]
            here = variants[variants["locus"] == number]
            chosen = signals[signals["locus"] == number]["variant_id"].tolist()
            above = max(GENOME_WIDE if one["p_value"] == 5e-8 else -np.log10(one["p_value"]), 0)
            drawn.append((float(p), one["trait"], locus, regional(here, locus, chosen, above)))
    drawn.sort(key=lambda item: -item[0])
    figures = [
        figure(
            f"plot-locus-{i}",
            f"{trait}: {locus['contig']}:{locus['start']:,}–{locus['stop']:,}",
            spec,
            alt=f"Regional plot of {trait} around {locus['lead']}",
            caption="Colour: r² with the strongest variant of the locus, in this cohort. "
            "Diamonds: independent signals.",
            height=420,
        )
        for i, (_, trait, locus, spec) in enumerate(drawn[:MOST_PICTURES])
    ]
    return [grid(*figures[i : i + 2]) for i in range(0, len(figures), 2)]
