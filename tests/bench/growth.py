"""How whole-genome regression grows: ten traits, steps 1 and 2, as commands.

    python tests/bench/growth.py [--quick] [--picture docs/growth.svg] [--threads 2]

Five quantitative and five binary traits, each with 3 % missing values of its own, of 1,000, 2,000
and 5,000 people and 25,000, 50,000 and 100,000 variants (about 10 minutes on 2 cores; `--quick`:
smaller, about a minute). Step 1 of the first trait alone is measured beside, at one size. Printed:
time by the clock, processor time and peak memory of each command; exponents of a fit of
value = a people^b variants^c; and an extrapolation of processor time by its terms. Goals: at most
4 GiB of memory; ten traits in at most 3 times the processor time of one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import nnls
from wgr import design, measured, scan, simulate, step1

from genopheno.files import write_json

GOAL_MEMORY, GOAL_TRAITS = 4096, 3.0
TRAITS, MISSING, CASES = 10, 0.03, 0.3
FULL = (1000, 2000, 5000), (25_000, 50_000, 100_000)
QUICK = (500, 1000), (4000, 8000)
BLOCK = 1000  # variants, the default of the command
FAR = ((50_000, 500_000), (50_000, 10_000_000))


@dataclass(frozen=True)
class Run:
    """One command at one size; seconds by the clock and of the processor, peak MiB."""

    step: str
    people: int
    variants: int
    seconds: float
    processor: float
    memory: float


def cohort(folder: Path, people: int, variants: int) -> None:
    """Genotypes and ten traits of `wgr.simulate`, half made binary, each with gaps of its own."""
    simulate(folder, people, variants, TRAITS)
    rng = np.random.default_rng(5)
    table = pd.read_parquet(folder / "phenotypes.parquet")
    declared = []
    for i, name in enumerate(f"q{i}" for i in range(TRAITS)):
        binary = i % 2 == 1
        if binary:
            table[name] = (table[name] > table[name].quantile(1 - CASES)) * 1.0
        table.loc[rng.random(people) < MISSING, name] = np.nan
        kind = "binary" if binary else "quantitative"
        declared.append({"name": name, "type": kind, "covariates": []})
    table.to_parquet(folder / "phenotypes.parquet")
    write_json(folder / "traits.json", {"traits": declared})
    write_json(folder / "one.json", {"traits": declared[:1]})


def measure(people: int, variants: int, threads: int, alone: bool) -> list[Run]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cohort(folder, people, variants)
        found = []
        if alone:
            design(folder, "one", "wgr")
            found.append(
                Run("step 1, one trait", people, variants, *measured(step1(folder, threads)))
            )
        design(folder, "traits", "wgr")
        for step, words in (
            ("step 1", step1(folder, threads)),
            ("step 2", scan(folder, "wgr", threads)),
        ):
            found.append(Run(step, people, variants, *measured(words)))
    for run in found:
        print(
            f"{run.step}: {people} people, {variants} variants: {run.seconds:.1f} s "
            f"({run.processor:.1f} s of processor time), {run.memory:.0f} MiB",
            flush=True,
        )
    return found


def exponents(runs: list[Run], value: str) -> np.ndarray:
    """b and c of value = a people^b variants^c, by least squares of the logarithms."""
    x = np.array([[1.0, np.log(run.people), np.log(run.variants)] for run in runs])
    y = np.log([getattr(run, value) for run in runs])
    return np.linalg.lstsq(x, y, rcond=None)[0][1:]


def terms(people: float, variants: float, step: str) -> list[float]:
    """What a command's processor time is made of.

    Start; the factors of the Gram matrices, by variants; products, by people and variants; level 1
    of step 1, whose predictors are as many as blocks.
    """
    out = [1.0, variants, variants * people]
    return [*out, variants**2 * people] if step == "step 1" else out


def extrapolate(runs: list[Run], step: str) -> None:
    y = np.array([run.processor for run in runs])
    x = np.array([terms(run.people, run.variants, step) for run in runs])
    scale = x.max(0)
    weights, _ = nnls(x / scale / y[:, None], np.ones(len(y)))
    off = np.abs((x / scale) @ weights / y - 1).max()
    print(f"{step}: processor time by its terms fits within {off:.0%}")
    for people, variants in FAR:
        hours = np.array(terms(people, variants, step)) / scale @ weights / 3600
        print(f"{step}, extrapolated to {people} people, {variants} variants: {hours:.1f} hours")
        if step == "step 1":
            predictors = variants / BLOCK * 5
            print(
                f"  not in it: the factors of level 1, {predictors:.0f} predictors, whose products "
                f"take {predictors**2 * 8 / 2**30:.1f} GiB a trait"
            )


def draw(runs: list[Run], path: Path) -> None:
    """Processor time and memory against variants, a line for each number of people."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot, ticker

    figure, panels = pyplot.subplots(1, 2, figsize=(8.5, 3.6), layout="constrained")
    sizes = sorted({run.people for run in runs})
    for panel, value, label in zip(
        panels, ("processor", "memory"), ("processor time, s", "peak memory, MiB"), strict=True
    ):
        for step, style in (("step 1", "-o"), ("step 2", "--s")):
            for i, people in enumerate(sizes):
                part = [run for run in runs if (run.step, run.people) == (step, people)]
                panel.plot(
                    [run.variants for run in part],
                    [getattr(run, value) for run in part],
                    style,
                    color=f"C{i}",
                    markersize=4,
                    label=f"{step}, {people:,} people",
                )
        panel.set(xscale="log", yscale="log", xlabel="variants", ylabel=label)
        ticks = sorted({run.variants for run in runs})
        panel.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        panel.minorticks_off()
        panel.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, about a minute")
    parser.add_argument("--picture", type=Path, help="SVG to draw")
    parser.add_argument("--people", type=int, nargs="+", help="other numbers of people")
    parser.add_argument("--variants", type=int, nargs="+", help="other numbers of variants")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    sizes = QUICK if args.quick else FULL
    people, variants = args.people or sizes[0], args.variants or sizes[1]
    runs = [
        run
        for n in people
        for m in variants
        for run in measure(n, m, args.threads, (n, m) == (people[-1], variants[0]))
    ]
    for step in ("step 1", "step 2"):
        part = [run for run in runs if run.step == step]
        for value in ("seconds", "processor", "memory"):
            b, c = exponents(part, value)
            print(f"{step}: {value} as people^{b:.2f} variants^{c:.2f}")
        extrapolate(part, step)
    if args.picture:
        draw(runs, args.picture)
    (one,) = (run for run in runs if run.step == "step 1, one trait")
    (ten,) = (
        run
        for run in runs
        if (run.step, run.people, run.variants) == ("step 1", one.people, one.variants)
    )
    ratio, memory = ten.processor / one.processor, max(run.memory for run in runs)
    print(f"step 1 of ten traits over one: {ratio:.2f} by processor time (goal {GOAL_TRAITS:g})")
    print(f"peak {memory:.0f} MiB (goal {GOAL_MEMORY})")
    met = memory <= GOAL_MEMORY and ratio <= GOAL_TRAITS
    print("met" if met else "NOT met")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
