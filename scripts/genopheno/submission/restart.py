"""Sample sheets from which a later run starts at alignments, gVCFs or calls."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genopheno.files import write_json, writing
from genopheno.problems import fail
from genopheno.submission.calls import sample_names
from genopheno.submission.sheet import read_units
from genopheno.submission.table import ENTRIES
from genopheno.submission.unit import WHOLE, Unit


@dataclass(frozen=True)
class Entry:
    """What a sample is handed in as: a column of the sheet, and a file."""

    column: str
    file: Path


def write_sheets(
    units: Path,
    *,
    verdicts: Path,
    calls: Path,
    out_dir: Path,
    cram_dir: Path | None = None,
    gvcf_dir: Path | None = None,
) -> dict[str, Any]:
    """Write ``alignments.csv``, ``gvcfs.csv`` and ``calls.csv``, and ``sheets.json`` about them.

    Paths are absolute, so that a sheet works from any project. A sample that was handed in as
    calls, and so has no CRAM or gVCF here, keeps its own file in the earlier sheets.

    A sample whose verdict is fail is in every sheet as in ``alignments.csv``: from later files
    its reads could not be measured again, and it would pass.

    Parameters
    ----------
    units : the normalised sheet.
    verdicts : table ``sample_qc`` as TSV.
    calls : VCF or BCF of the cohort's calls.
    cram_dir, gvcf_dir : folders of ``{sample}.cram`` and ``{sample}.g.vcf.gz``; None: this run
        has none, so that sheet is not written.

    Raises
    ------
    StageError : a file that has to be there is not, or a sample is not in the calls.
    """
    samples: dict[str, Unit] = {}
    for unit in read_units(units):
        samples.setdefault(unit.sample, unit)
    with open(verdicts, encoding="utf-8", newline="") as handle:
        judged = {row["sample"]: row["verdict"] for row in csv.DictReader(handle, delimiter="\t")}
    failed = [sample for sample in samples if judged.get(sample) == "fail"]
    called = set(sample_names(calls))
    _all_there((sample for sample in samples if sample not in called), calls)
    first = _files(samples.values(), "cram", cram_dir / "{}.cram" if cram_dir else None)
    sheets = {"calls": {sample: Entry("vcf", calls) for sample in samples}}
    if cram_dir:
        sheets["alignments"] = first
    if gvcf_dir:
        sheets["gvcfs"] = _files(samples.values(), "gvcf", gvcf_dir / "{}.g.vcf.gz")
    for name, entries in sheets.items():
        again = {sample: first[sample] for sample in failed}
        _write(out_dir / f"{name}.csv", samples, entries | again)
    report = {"samples": len(samples), "sheets": sorted(sheets), "failed_as_alignments": failed}
    write_json(out_dir / "sheets.json", report)
    return report


def _files(samples: Iterable[Unit], column: str, name: Path | None) -> dict[str, Entry]:
    """Each sample's file (`name` with {} for the sample), or the calls it was handed in as.

    None for `name`: there are only samples that were handed in as calls.
    """
    later = ("vcf",) if column == "gvcf" else WHOLE
    entries = {
        unit.sample: Entry(unit.entry, Path(unit.file))
        if unit.entry in later or name is None
        else Entry(column, name.with_name(name.name.format(unit.sample)))
        for unit in samples
    }
    if name:
        made = (s for s, e in entries.items() if e.column == column)
        _all_there((s for s in made if not entries[s].file.is_file()), name.parent)
    return entries


def _all_there(absent: Iterable[str], place: Path) -> None:
    names = list(absent)
    if names:
        raise fail(
            "sample-without-file",
            place,
            f"{len(names)} samples of the sheet are not there: {', '.join(names[:5])}",
            "Run the workflow, which makes them",
        )


def _write(path: Path, samples: Mapping[str, Unit], entries: Mapping[str, Entry]) -> None:
    used = [column for column in ENTRIES if column in {e.column for e in entries.values()}]
    with writing(path) as beside, beside.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["sample", "participant", "sex", *used, "control"])
        for sample, entry in entries.items():
            unit = samples[sample]
            cells = [
                str(entry.file.absolute()) if column == entry.column else "" for column in used
            ]
            writer.writerow([sample, unit.participant, unit.sex, *cells, unit.control])
