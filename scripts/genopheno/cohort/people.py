"""Who is in the cohort: verdicts, one sample per person, and phenotypes, matched on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genopheno.problems import Problems

# Columns of `People.frame` before those of the phenotype table.
OWN = ["sample", "participant", "sex", "verdict", "mean_coverage"]


@dataclass(frozen=True)
class People:
    """The samples that stay, and what happened to the others.

    Attributes
    ----------
    frame : one row per kept sample in the order of the VCF: the columns `OWN`.
    phenotypes : the rows of the phenotype table for these samples, same order, same index;
        all missing for a person without phenotypes.
    report : counts and lists for ``join.json``.
    """

    frame: pd.DataFrame
    phenotypes: pd.DataFrame
    report: dict[str, Any]


def select(
    called: Sequence[str],
    units: pd.DataFrame,
    verdicts: pd.DataFrame,
    phenotypes: pd.DataFrame,
    traits: Sequence[dict[str, Any]],
) -> People:
    """Choose the samples of the cohort and attach their people.

    Controls and failed samples leave. Of several samples of one person the one with the
    highest mean coverage stays (of equals, the first by name). People without phenotypes
    stay, for frequencies and structure, with every trait missing.

    Parameters
    ----------
    called : samples of the VCF, in its order.
    units : columns sample, participant, sex, control (the truth set of a control, else
        empty); several rows per sample are usual.
    verdicts : columns sample, verdict (pass, warn, fail), reasons, mean_coverage.
    phenotypes : column participant (unique), perhaps sex, and the traits and covariates.
    traits : items with `name` and `type`, as in ``traits.json``.

    Raises
    ------
    StageError : samples do not agree between the files, all failed, or no kept person has a
        value for any trait.
    """
    problems = Problems()
    people = units.drop_duplicates("sample").set_index("sample")[["participant", "sex", "control"]]
    judged = verdicts.set_index("sample")
    for name, known, mend in (
        ("the sample sheet", people.index, "Call variants and read the sheet in the same run"),
        ("the sample QC", judged.index, "Run 'genopheno verdicts' again"),
    ):
        if strangers := sorted(set(called) - set(known)):
            problems.add(
                "samples-unknown", "VCF", f"samples {_some(strangers)} are not in {name}", mend
            )
    kept_by_qc = judged.index[judged["verdict"] != "fail"]
    if lost := sorted(set(kept_by_qc) - set(called)):
        problems.add(
            "samples-lost",
            "VCF",
            f"samples {_some(lost)} pass the sample QC but have no genotypes",
            "Call variants again for all samples",
        )
    if (twice := phenotypes["participant"].duplicated()).any():
        names = sorted(set(phenotypes.loc[twice, "participant"]))
        problems.add(
            "participants-twice",
            "phenotypes",
            f"participants {_some(names)} have several rows",
            "Keep one row per person",
        )
    problems.raise_if_any()

    frame = pd.DataFrame({"sample": list(called)})
    frame = frame.join(people, on="sample").join(
        judged[["verdict", "reasons", "mean_coverage"]], on="sample"
    )
    frame["dropped"] = None
    failed = frame["verdict"] == "fail"
    frame.loc[failed, "dropped"] = "failed sample QC: " + frame["reasons"].fillna("")
    control = frame["control"].fillna("") != ""
    frame.loc[control, "dropped"] = "control, compared with its truth set: " + frame["control"]
    ranked = frame[~failed & ~control].sort_values(
        ["mean_coverage", "sample"], ascending=[False, True], na_position="last"
    )
    best = ranked.drop_duplicates("participant").set_index("participant")["sample"]
    second = ~failed & ~control & (frame["participant"].map(best) != frame["sample"])
    for i in frame.index[second]:
        frame.loc[i, "dropped"] = (
            f"second sample of the person; kept: {best[frame.loc[i, 'participant']]}"
        )
    kept = frame[frame["dropped"].isna()].reset_index(drop=True)
    if kept.empty:
        problems.add(
            "no-samples", "VCF", "no sample is left", "See the reasons in results/qc/samples.tsv"
        )
        problems.raise_if_any()

    table = phenotypes.set_index("participant")
    matched = kept["participant"].isin(table.index)
    values = table.reindex(kept["participant"]).reset_index()
    known_sex = kept["sex"].isin(["female", "male"])
    conflicts: list[str] = []
    if "sex" in values:
        theirs = values["sex"].isin(["female", "male"])
        conflicts = sorted(
            kept.loc[known_sex & theirs & (kept["sex"] != values["sex"]), "participant"]
        )
        kept["sex"] = kept["sex"].where(known_sex, values["sex"].where(theirs, "unknown"))
    counts = {trait["name"]: _count(values, trait) for trait in traits}
    if not any(count["n"] for count in counts.values()):
        problems.add(
            "no-phenotypes",
            "phenotypes",
            f"none of the {len(kept)} sequenced people has a value for any trait"
            f" ({int(matched.sum())} of them are in the table)",
            "Compare the participant names of the sample sheet with those of the table",
        )
        problems.raise_if_any()

    dropped = frame[frame["dropped"].notna()]
    report = {
        "samples": {
            "called": len(frame),
            "kept": len(kept),
            "dropped": [
                {"sample": row.sample, "participant": row.participant, "reason": row.dropped}
                for row in dropped.itertuples()
            ],
        },
        "participants": {
            "kept": len(kept),
            "without_phenotypes": sorted(kept.loc[~matched, "participant"]),
            "without_genotypes": sorted(set(table.index) - set(kept["participant"])),
            "sex_differs_between_sheet_and_phenotypes": conflicts,
        },
        "traits": counts,
    }
    return People(kept[OWN], values, report)


def _count(people: pd.DataFrame, trait: dict[str, Any]) -> dict[str, int]:
    """People with a value; of a time-to-event trait, with an event or censored, and a time."""
    values = people[trait["name"]]
    if trait["type"] == "time-to-event":
        values = values.where(people[f"time:{trait['name']}"].notna())
    count = {"n": int(values.notna().sum()), "missing": int(values.isna().sum())}
    names = {"binary": ("cases", "controls"), "time-to-event": ("events", "censored")}
    for name, value in zip(names.get(trait["type"], ()), (1, 0), strict=False):
        count[name] = int((values == value).sum())
    return count


def _some(names: Sequence[str], limit: int = 10) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
