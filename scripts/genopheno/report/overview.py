"""First section: numbers at a glance, and what was dropped on the way and why."""

from __future__ import annotations

from typing import Any

import pandas as pd

from genopheno.report.blocks import Section, card, cards, p_text
from genopheno.report.read import Results, count, first

NAMED = 12  # up to so many dropped names are written out


def section(results: Results, best: list[dict[str, Any]]) -> Section:
    """Cards, the best hit of each trait, and the way of samples, variants and people.

    Parameters
    ----------
    best : a row per trait, as the association section made them.
    """
    part = Section("summary", "At a glance")
    quality = results.table("qc/samples.parquet", ["sample", "participant", "verdict", "reasons"])
    cohort = results.table("cohort/samples.parquet", ["sample", "participant"])
    called = results.rows("annotated/sites.parquet")
    passing = results.table("cohort/variants.parquet", ["passes", "reasons"])
    failed = None if quality is None else int((quality["verdict"] == "fail").sum())
    kept_variants = None if passing is None else int(passing["passes"].sum())
    part.add(
        cards(
            [
                card(
                    "People in the cohort",
                    None if cohort is None else cohort["participant"].nunique(),
                    link="#cohort",
                ),
                card(
                    "Samples handed in",
                    len(quality) if quality is not None else None,
                    f"{failed} failed" if failed else "none failed" if failed == 0 else "",
                    link="#samples",
                ),
                card(
                    "Variants called",
                    called if called is not None else None if passing is None else len(passing),
                    f"{kept_variants:,} in the cohort" if kept_variants is not None else "",
                    link="#variants",
                ),
                card(
                    "Traits tested",
                    len(best) or None,
                    f"{sum(bool(b['significant']) for b in best)} with a hit below 5e-8"
                    if best
                    else "",
                    link="#association",
                ),
            ]
        )
    )
    if best:
        part.add({"kind": "best", "title": "Best hit per trait", "rows": [_best(b) for b in best]})
    flows = [
        _samples(results, quality, cohort),
        _participants(results, cohort),
        _variants(results, passing, called),
        _people(best),
    ]
    held = [flow for flow in flows if flow and flow["steps"]]
    if held:
        part.add(
            {
                "kind": "flow",
                "title": "What went in, and what was dropped",
                "flows": held,
            }
        )
    return part


def _best(row: dict[str, Any]) -> dict[str, Any]:
    p = row["p"]
    tone, badge = "", "not significant"
    if p is not None and p >= 7.30103:
        tone, badge = "pass", "genome-wide"
    elif p is not None and row["threshold"] is not None and p >= row["threshold"]:
        tone, badge = "warn", "Bonferroni"
    consequence = str(row["consequence"]).replace("_", " ")
    return {
        **row,
        "p_text": p_text(p),
        "tone": tone,
        "badge": badge,
        "where": ", ".join(v for v in (row["gene"], consequence) if v),
        "effect": f"{row['beta']:.3g}" if row["beta"] is not None else "not available",
        "inflation": f"{row['lambda']:.3f}" if row["lambda"] is not None else "not available",
        "people": f"{row['n']:,}" if row["n"] else "not available",
    }


def step(label: str, number: int | None, drops: list[dict[str, Any]] | None = None):
    """One station of a way: how many arrive, and what left on the way there."""
    return {"label": label, "n": number, "drops": drops or []}


def drop(number: int, why: str, names: list[str] | None = None) -> dict[str, Any]:
    names = sorted(str(n) for n in names or [])
    said = ", ".join(names[:NAMED])
    if len(names) > NAMED:
        said += f" and {len(names) - NAMED:,} more"
    return {"n": number, "why": why, "names": said}


def _flow(title: str, steps: list[dict[str, Any]]) -> dict[str, Any]:
    known = [s for s in steps if s["n"] is not None]
    most = max((s["n"] for s in known), default=0)
    for s in known:
        s["share"] = round(100 * s["n"] / most, 2) if most else 0
    return {"title": title, "steps": known}


def gathered(items: Any, who: str) -> list[dict[str, Any]]:
    """Drops by reason, from a list of dicts with `reason` and the name under `who`.

    Reasons that differ only in what follows a colon (a name, a value) are one.
    """
    names: dict[str, list[str]] = {}
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            why = str(item.get("reason", "no reason given")).split(":")[0].split(";")[0]
            names.setdefault(why, []).append(str(item.get(who, "")))
    return [drop(len(found), why, found) for why, found in names.items()]


def _samples(results: Results, quality: pd.DataFrame | None, cohort: pd.DataFrame | None):
    if quality is None:
        return None
    receipt, join = results.json("submission/receipt.json"), results.json("cohort/join.json")
    units = count(first(receipt, "counts.units", "units"))
    lost = quality[quality["verdict"] == "fail"]
    failing = [
        drop(len(names), why or "failed", names)
        for why, names in lost.groupby(lost["reasons"].fillna(""))["sample"].apply(list).items()
    ]
    if len(failing) > 8:
        failing = [drop(len(lost), "failed the sample QC", lost["sample"].tolist())]
    steps = [
        step("samples handed in", len(quality)),
        step("pass the sample QC", len(quality) - len(lost), failing),
    ]
    if units is not None and units != len(quality):
        steps[0]["label"] = f"samples handed in, {units:,} sequencing units"
    if cohort is not None:
        gone = sorted(set(quality["sample"][quality["verdict"] != "fail"]) - set(cohort["sample"]))
        told = first(join, "samples.dropped", default=[])
        known = gathered([d for d in told if d.get("sample") in gone], "sample")
        if sum(d["n"] for d in known) != len(gone):
            known = [drop(len(gone), "not in the joined cohort", gone)]
        steps.append(step("in the cohort, one per person", len(cohort), known))
    components = results.table("structure/components.parquet", ["sample", "unrelated"])
    if components is not None:
        out = components[~components["unrelated"].astype(bool)]["sample"].tolist()
        drops = [drop(len(out), "relatives of others", out)] if out else []
        steps.append(step("in the unrelated set", len(components) - len(out), drops))
    return _flow("Samples", steps)


def _participants(results: Results, cohort: pd.DataFrame | None):
    declared = count(first(results.json("phenotypes/traits.json"), "participants"))
    people = first(results.json("cohort/join.json"), "participants", default={})
    if declared is None or cohort is None:
        return None
    without = first(people, "without_genotypes", default=[])
    steps = [
        step("people in the participant table", declared),
        step(
            "with genotypes",
            declared - len(without),
            [drop(len(without), "no sample in the cohort", without)] if without else [],
        ),
    ]
    blank = first(people, "without_phenotypes", default=[])
    if blank:
        steps.append(
            step(
                "in the cohort",
                len(cohort),
                [drop(-len(blank), "not in the participant table, kept without traits", blank)],
            )
        )
    return _flow("Participants", steps)


def _calls(counts: dict[str, Any], came: str, left: str) -> list[dict[str, Any]]:
    """Stations of the calls, from the counts of `gather` or `merge-calls`; none without them."""
    if (records := count(counts.get("records_in"))) is None:
        return []
    drops = [
        drop(n, key.removesuffix("_removed").replace("_", " "))
        for key, n in counts.items()
        if key.endswith("_removed") and n
    ]
    out = count(counts.get("records_out"))
    ends = [step(left, out, drops)] if drops and out is not None else []
    return [step(came, records), *ends]


def _combined(results: Results) -> dict[str, Any]:
    """Counts of `combine` as `_calls` takes them: alleles that moved are not among its alleles."""
    told = results.json("calls/combine.json")
    if (alleles := count(told.get("alleles"))) is None:
        return {}
    return told | {"records_in": alleles + (told.get("alleles_not_left_aligned_removed") or 0)}


def _variants(results: Results, passing: pd.DataFrame | None, called: int | None):
    steps = [
        *_calls(_combined(results), "alleles of the gVCFs", "combined"),
        *_calls(results.json("calls/gather.json"), "records called", "gathered"),
        *_calls(results.json("calls/merge.json"), "records of all files", "merged"),
    ]
    if called is not None:
        steps.append(step("annotated", called))
    if passing is not None:
        told = passing.loc[~passing["passes"].astype(bool), "reasons"].fillna("")
        counts = told.str.split(";").str[0].str.strip().value_counts()
        drops = [drop(int(n), str(why) or "no reason given") for why, n in counts.items()]
        if called is None or len(passing) != called:
            steps.append(step("in the joined cohort", len(passing)))
        steps.append(step("pass the variant QC", int(passing["passes"].sum()), drops[:8]))
    return _flow("Variants", steps)


def _people(best: list[dict[str, Any]]):
    steps = [
        step(f"people tested for {row['trait']}", row["n"])
        for row in sorted(best, key=lambda r: -(r["n"] or 0))[:20]
    ]
    return _flow("People per trait", steps)
