"""Section on the variants: kinds, filters, consequences, frequencies, annotation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genopheno.report import annotation
from genopheno.report.blocks import Section, card, cards, facts, figure, grid
from genopheno.report.figures import IMPACT, bars, histogram
from genopheno.report.read import Results, count, first

TRANSITIONS = {("A", "G"), ("G", "A"), ("C", "T"), ("T", "C")}
SEVERITY = ("HIGH", "MODERATE", "LOW", "MODIFIER")


def section(results: Results) -> Section:
    """The annotated sites, and those that reach the cohort."""
    part = Section(
        "variants",
        "Variants",
        "Sites after joint calling, left alignment and splitting: one row per alternate allele.",
    )
    columns = ["reference", "alternate", "quality", "filters", "consequence", "impact"]
    sites = results.table("annotated/sites.parquet", columns)
    cohort = results.table(
        "cohort/variants.parquet",
        [
            "reference",
            "alternate",
            "consequence",
            "impact",
            "call_rate",
            "allele_count",
            "allele_number",
            "allele_frequency",
            "hwe_p_value",
            "passes",
            "reasons",
        ],
    )
    main = sites if sites is not None else cohort
    if main is None or main.empty:
        part.missing = (
            results.why("annotated/sites.parquet", "cohort/variants.parquet")
            or "There are no variants."
        )
        return part
    kinds = classes(main["reference"], main["alternate"])
    ratio = ti_tv(main["reference"], main["alternate"])
    numbers = [
        card("Variants", len(main)),
        card("SNVs", int(kinds.get("SNV", 0))),
        card("Insertions", int(kinds.get("insertion", 0))),
        card("Deletions", int(kinds.get("deletion", 0))),
        card("Ti/Tv", ratio, "transitions over transversions"),
    ]
    if cohort is not None and "passes" in cohort:
        numbers.append(card("In the cohort", int(cohort["passes"].sum()), "pass the variant QC"))
    part.add(cards(numbers, small=True))
    part.add(grid(_filters(sites), _not_passing(cohort)))
    part.add(_consequences(main))
    if cohort is not None and not cohort.empty:
        part.add(grid(_spectrum(cohort), _call_rate(cohort)))
    part.add(*annotation.blocks(results), _store(results))
    return part


def classes(reference: pd.Series, alternate: pd.Series) -> pd.Series:
    """Number of SNVs, MNVs, insertions, deletions and symbolic alleles."""
    longer = alternate.str.len().to_numpy() - reference.str.len().to_numpy()
    length = reference.str.len().to_numpy()
    symbolic = alternate.str.contains(r"[<*\[\]]", regex=True).to_numpy()
    kind = np.select(
        [symbolic, longer > 0, longer < 0, length == 1],
        ["symbolic", "insertion", "deletion", "SNV"],
        "MNV",
    )
    return pd.Series(kind).value_counts()


def ti_tv(reference: pd.Series, alternate: pd.Series) -> float | None:
    """Transitions over transversions among single-nucleotide variants; None without any."""
    pairs = (reference.str.upper() + alternate.str.upper()).value_counts()
    single = {key: int(n) for key, n in pairs.items() if len(key) == 2 and set(key) <= set("ACGT")}
    ti = sum(n for key, n in single.items() if (key[0], key[1]) in TRANSITIONS)
    tv = sum(single.values()) - ti
    return ti / tv if tv else None


def _filters(sites: pd.DataFrame | None) -> dict[str, Any] | None:
    if sites is None or "filters" not in sites:
        return None
    counts = sites["filters"].fillna("none").str.split(";").explode().value_counts()
    counts = counts[
        [*(k for k in ("PASS",) if k in counts), *(k for k in counts.index if k != "PASS")]
    ]
    colours = ["var:pass" if k == "PASS" else "var:warn" for k in counts.index[:12]]
    return figure(
        "plot-filters",
        "Filters of the caller",
        bars(counts.index[:12].tolist(), counts.tolist()[:12], colours=colours, axis="variants"),
        alt="Number of variants per filter",
        height=110 + 30 * min(len(counts), 12),
    )


def _not_passing(cohort: pd.DataFrame | None) -> dict[str, Any] | None:
    if cohort is None or "reasons" not in cohort:
        return None
    counts = cohort["reasons"].fillna("").str.split(";").explode().str.strip()
    counts = counts[counts != ""].value_counts()
    labels, values = ["passes"], [int(cohort["passes"].sum())]
    labels += counts.index[:10].tolist()
    values += counts.tolist()[:10]
    return figure(
        "plot-variant-qc",
        "Variant QC",
        bars(
            labels, values, colours=["var:pass"] + ["var:warn"] * (len(labels) - 1), axis="variants"
        ),
        alt="Number of variants that pass the variant QC, and per reason of those that do not",
        caption="A variant may have several reasons.",
        height=110 + 30 * len(labels),
    )


def _consequences(frame: pd.DataFrame) -> dict[str, Any] | None:
    if "consequence" not in frame or not frame["consequence"].notna().any():
        return None
    known = frame[["consequence", "impact"]].fillna({"consequence": "no consequence", "impact": ""})
    known = known.groupby(["consequence", "impact"], observed=True).size().reset_index(name="n")
    known["rank"] = known["impact"].map({k: i for i, k in enumerate(SEVERITY)}).fillna(9)
    known = known.sort_values(["rank", "n"], ascending=[True, False])
    if len(known) > 24:
        known = known.nlargest(24, "n").sort_values(["rank", "n"], ascending=[True, False])
    spec = bars(
        known["consequence"].str.replace("_", " ").tolist(),
        known["n"].tolist(),
        colours=[IMPACT.get(k, "var:grey") for k in known["impact"]],
        axis="variants (logarithmic)",
        log=True,
    )
    present = [k for k in SEVERITY if k in set(known["impact"])]
    spec["data"] += [
        {
            "type": "bar",
            "orientation": "h",
            "x": [None],
            "y": [spec["data"][0]["y"][0]],
            "name": impact.lower(),
            "marker": {"color": IMPACT[impact]},
        }
        for impact in present
    ]
    spec["data"][0]["showlegend"] = False
    spec["layout"] |= {"showlegend": True, "barmode": "overlay"}
    return figure(
        "plot-consequences",
        "Most severe consequence",
        spec,
        alt="Number of variants per consequence, from high to low impact",
        caption="Sequence Ontology terms, most severe impact first.",
        height=130 + 25 * len(known),
        wide=True,
    )


def _spectrum(cohort: pd.DataFrame) -> dict[str, Any] | None:
    if not {"allele_count", "allele_number"} <= set(cohort.columns):
        return None
    ac = cohort["allele_count"].to_numpy(dtype=float)
    an = cohort["allele_number"].to_numpy(dtype=float)
    minor = np.minimum(ac, an - ac)
    with np.errstate(invalid="ignore", divide="ignore"):
        maf = minor / an
    edges = [0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5]
    labels, values = ["0", "1 copy"], [np.sum(minor == 0), np.sum(minor == 1)]
    rest = (minor > 1) & np.isfinite(maf)
    low = 0.0
    for high in edges:
        here = int(np.sum(rest & (maf > low) & (maf <= high)))
        if here or high > 0.05:
            labels.append(f"{low * 100:g}–{high * 100:g}")
            values.append(here)
        low = high
    spec = bars(labels, [int(v) for v in values], axis="variants", lying=False)
    spec["layout"]["xaxis"]["title"] = {"text": "minor allele frequency (%)"}
    return figure(
        "plot-spectrum",
        "Minor allele frequency",
        spec,
        alt="Number of variants per class of minor allele frequency",
        caption="Among the samples of the cohort; 1 copy is a singleton, one allele in one sample.",
        height=330,
    )


def _call_rate(cohort: pd.DataFrame) -> dict[str, Any] | None:
    if "call_rate" not in cohort:
        return None
    return figure(
        "plot-call-rate",
        "Call rate of variants",
        histogram(
            cohort["call_rate"].to_numpy(), axis="fraction of samples called", what="variants"
        ),
        alt="Histogram of the call rate of variants",
        height=330,
    )


def _store(results: Results) -> dict[str, Any] | None:
    """Strategy gvcf: what the last run did to the store of gVCFs."""
    told = results.json("calls/combine.json")
    if not told:
        return None
    return facts(
        "Store of gVCFs",
        [
            ("Samples", first(told, "samples")),
            *(
                (label, count(first(told, key)))
                for key, label in (
                    ("added", "Added by this run"),
                    ("changed", "Replaced by this run"),
                    ("removed", "Taken out by this run"),
                )
            ),
            ("Alleles", first(told, "alleles")),
            ("Alleles of filtered calls only", first(told, "alleles_of_filtered_calls_only")),
        ],
    )
