"""Where each sample stands, read from the files that its steps have left."""

from __future__ import annotations

import csv
from pathlib import Path

from genopheno.console import console

SHOWN = 40


def standing(results: Path = Path("results")) -> list[dict[str, str]]:
    """One row per received sample: what is finished, its verdict and the reasons.

    Returns
    -------
    rows with keys sample, reads (units aligned of units received; an alignment taken as it is
    counts once it is a CRAM, calls do not count), cram, qc, verdict, reasons; empty when nothing
    was received yet.
    """
    units = results / "submission/units.tsv"
    if not units.exists():
        return []
    received: dict[str, list[tuple[str, str]]] = {}
    with open(units, newline="", encoding="utf-8") as handle:
        for row in csv.DictReader(handle, delimiter="\t"):
            units_of = received.setdefault(row["sample"], [])
            if row["entry"] not in ("gvcf", "vcf"):
                units_of.append((row["unit"], row["entry"]))
    verdicts: dict[str, dict[str, str]] = {}
    table = results / "qc/samples.tsv"
    if table.exists():
        with open(table, newline="", encoding="utf-8") as handle:
            verdicts = {row["sample"]: row for row in csv.DictReader(handle, delimiter="\t")}
    rows = []
    for sample, names in received.items():
        cram = (results / f"crams/{sample}.cram").exists()
        aligned = sum(
            (results / f"reads/{sample}/{name}.fastp.json").exists()
            or (cram and entry in ("bam", "cram"))
            for name, entry in names
        )
        found = verdicts.get(sample, {})
        rows.append(
            {
                "sample": sample,
                "reads": f"{aligned}/{len(names)}" if names else "",
                "cram": "yes" if cram else "",
                "qc": "yes" if (results / f"qc/{sample}/metrics.json").exists() else "",
                "verdict": found.get("verdict", ""),
                "reasons": found.get("reasons", ""),
            }
        )
    order = {"fail": 0, "warn": 1, "": 2, "pass": 3}
    return sorted(rows, key=lambda row: (order.get(row["verdict"], 2), row["sample"]))


def show_samples() -> None:
    """Print the samples, those that need a look first."""
    from rich.table import Table

    rows = standing()
    if not rows:
        console.print("No samples received yet.")
        return
    colours = {"fail": "red", "warn": "yellow", "pass": "green"}
    table = Table("sample", "units aligned", "cram", "qc", "verdict", "reasons", box=None)
    for row in rows[:SHOWN]:
        colour = colours.get(row["verdict"])
        verdict = f"[{colour}]{row['verdict']}[/{colour}]" if colour else row["verdict"]
        table.add_row(row["sample"], row["reads"], row["cram"], row["qc"], verdict, row["reasons"])
    console.print(table)
    if len(rows) > SHOWN:
        console.print(f"... and {len(rows) - SHOWN} more; all of them: results/qc/samples.tsv")
