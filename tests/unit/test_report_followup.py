"""Kaplan-Meier in the report: the numbers are lifelines', no single person shows."""

from __future__ import annotations

import lifelines
import numpy as np
import pandas as pd
import pytest

from genopheno.files import read_json, write_json
from genopheno.report import page
from genopheno.report.followup import FEWEST, kaplan_meier, survival
from genopheno.report.provenance import collect
from tests.unit.made_results import make_results


def follow_up(n=300, seed=2):
    rng = np.random.default_rng(seed)
    entry = rng.uniform(0, 3, n)
    time = entry + rng.exponential(4, n).round(1) + 0.05
    return time, (rng.random(n) < 0.6) * 1.0, entry


@pytest.mark.parametrize("late", [True, False])
def test_the_curve_is_that_of_lifelines(late):
    time, event, entry = follow_up()
    entry = entry if late else None
    at = np.linspace(0, 12, 25) + 0.01
    free, risk = kaplan_meier(time, event, entry, at)
    theirs = lifelines.KaplanMeierFitter().fit(time, event, entry=entry)
    np.testing.assert_allclose(free, theirs.survival_function_at_times(at), rtol=1e-9)
    begun = np.zeros(300) if entry is None else entry
    assert risk.tolist() == [((begun < t) & (time >= t)).sum() for t in at]


def test_the_figure_ends_where_few_are_left():
    time, event, entry = follow_up()
    people = pd.DataFrame({"ill": event, "time:ill": time, "entry:ill": entry, "sex": "male"})
    people.loc[:2, "time:ill"] = np.nan
    people.loc[:99, "sex"] = "female"
    told = {"entry": "start", "unit": "years"}
    drawn = survival(people, "ill", "sex", told, "id")
    assert [line["name"] for line in drawn["spec"]["data"]] == ["female", "male"]
    for line in drawn["spec"]["data"]:
        assert len(line["x"]) < 60
        assert min(line["customdata"][1:]) >= FEWEST
        assert line["y"] == sorted(line["y"], reverse=True)
    known = people.dropna()
    said = f"{len(known)} people, {int(known.ill.sum())} events, median follow-up "
    assert said in drawn["caption"] and "(years); by sex." in drawn["caption"]
    assert survival(people.assign(ill=np.nan), "ill", None, told, "id") is None


def test_events_and_follow_up_are_told_on_the_page(tmp_path):
    root = make_results(tmp_path / "results", people=60, variants=300, traits=("ldl", "ill"))
    phenotypes = root / "phenotypes/phenotypes.parquet"
    people = pd.read_parquet(phenotypes)
    people["time:ill"] = follow_up(len(people))[0]
    people.to_parquet(phenotypes)
    more = {"type": "time-to-event", "time": "t", "follow_up": {"median": 2.75}, "unit": "years"}
    for path in (root / "phenotypes/traits.json", root / "association/scan.json"):
        told = read_json(path)
        told["traits"][1] |= more
        write_json(path, told)
    config = {"reference": {"build": "toy1"}}
    known = collect(config, {}, tools=["samtools"])
    page.write(root, tmp_path / "r.html", project="demo", config=config, provenance=known)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    for part in ("Kaplan-Meier", "Censored", "Median follow-up", "2.75", "free of the event"):
        assert part in text
