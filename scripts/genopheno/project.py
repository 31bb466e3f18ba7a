"""A project folder: made, entered, and checked as a whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genopheno.problems import Problem, StageError, fail

if TYPE_CHECKING:
    from genopheno.settings import Settings
    from genopheno.submission.unit import Unit

PACKAGE = Path(__file__).resolve().parent
# Finished checks of big files, by path, size and time: a second check reads only what is new.
CACHE = Path(".genopheno/checked.json")
TEMPLATES = ("config.yaml", "samples.csv", "participants.csv", "phenotypes.yaml")


def pipeline() -> Path:
    """Folder that holds workflow/, rules/, envs/ and config/: in the wheel, or the checkout."""
    installed = PACKAGE / "pipeline"
    return installed if installed.is_dir() else PACKAGE.parents[1]


@contextmanager
def in_project(directory: Path) -> Iterator[None]:
    """Work inside a project folder, since the paths of its configuration start there."""
    if not directory.is_dir():
        raise fail(
            "project-missing",
            directory,
            "there is no such folder",
            "Give the project's folder to --directory, or make one: genopheno init DIR",
        )
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def create(directory: Path) -> None:
    """Make a project folder with commented configuration and sheets; overwrite nothing."""
    from genopheno.console import console

    config = directory / "config"
    there = [config / name for name in TEMPLATES if (config / name).exists()]
    if there:
        raise StageError(
            *(
                Problem(
                    "project-exists",
                    str(path),
                    found="it is there already",
                    mend="Nothing was written; choose another folder, or move it away",
                )
                for path in there
            )
        )
    config.mkdir(parents=True, exist_ok=True)
    for name in TEMPLATES:
        shutil.copyfile(pipeline() / "config" / name, config / name)
    console.print(f"Made [bold]{config}[/bold]:")
    console.print("  config.yaml       where things are, and the science")
    console.print("  samples.csv       what was handed in: FASTQ, BAM, CRAM, gVCF or VCF")
    console.print("  participants.csv  one row per person")
    console.print("  phenotypes.yaml   traits and covariates")
    console.print(f"Fill them in, then: genopheno check -d {directory}")


def kept(unit: Unit) -> bool:
    """Tell whether what was made of a row of the sheet is there, so that its files may go."""
    made = {
        "gvcf": [f"gvcfs/{unit.sample}.g.vcf.gz"],
        "vcf": ["calls/cohort.bcf"],
    }.get(unit.entry, [f"crams/{unit.sample}.cram", f"gvcfs/{unit.sample}.g.vcf.gz"])
    return any(Path("results", name).exists() for name in made)


def copies_depend_on_sex(
    fasta: Path, prepared_fai: Path, build: str, sex_chromosomes: Mapping[str, Any] | None
) -> bool:
    """Tell whether women and men have different copies of a contig of the reference.

    It must be known before the first job runs, or the first and the second run would differ:
    until the reference is prepared, the FASTA is read for it where it has no index.

    Parameters
    ----------
    fasta : as handed in. prepared_fai : index of the prepared one, which may be absent.
    build, sex_chromosomes : as in the configuration.

    Returns
    -------
    True also where the reference is faulty, which its own step reports.
    """
    from genopheno.fasta import contig_lengths
    from genopheno.submission.reference import contigs
    from genopheno.variants.ploidy import sexes_differ

    indexes = [fai for fai in (prepared_fai, Path(f"{fasta}.fai")) if fai.is_file()]
    if fasta.is_file():
        indexes = [fai for fai in indexes if fai.stat().st_mtime >= fasta.stat().st_mtime]
    try:
        lengths = contig_lengths(indexes[0]) if indexes else contigs(fasta)
        return sexes_differ(lengths, build, sex_chromosomes)
    except StageError:
        return True


def _unknown_ancestry(values: Settings, config: Path) -> list[Problem]:
    """Strata of ancestry groups that the labels of the panel do not have."""
    import csv

    from genopheno.strata import ANCESTRY

    panel = values.structure.ancestry
    if panel is None or not panel.labels.is_file():
        return []  # the step that reads it tells
    with open(panel.labels, encoding="utf-8", newline="") as handle:
        rows = csv.DictReader(handle, delimiter="\t")
        known = {(row.get("group") or "").strip() for row in rows} - {""} | {"unassigned"}
    return [
        Problem(
            "stratum-value",
            str(config),
            None,
            f"association.strata.{name}.{ANCESTRY}",
            f"{group!r} is no group of {panel.labels}, which has {', '.join(sorted(known))}",
            "Name a group as it is there",
        )
        for name, columns in values.association.strata.items()
        for group in columns.get(ANCESTRY, ())
        if group not in known
    ]


def check_project(config: Path, *, jobs: int = 2, quiet: bool = False) -> list[Problem]:
    """Check all that was handed in and return every problem; the working folder is the project.

    A notice that is no problem is printed unless `quiet`.
    """
    from genopheno import settings, strata
    from genopheno.clinical import check as clinical
    from genopheno.console import reading, stderr
    from genopheno.dosages.files import check as check_dosages
    from genopheno.samples.check import check as check_identity
    from genopheno.scores.check import check as check_scores
    from genopheno.submission import receive, sheet
    from genopheno.submission.controls import only_controls
    from genopheno.truth.check import check_truth_sets

    try:
        values = settings.load(config)
    except StageError as error:
        return error.problems
    with reading(hidden=quiet) as progress:
        received = receive.check(
            values.samples,
            values.reference.fasta,
            values.reference.genes,
            {name: database.file for name, database in values.databases.items()},
            targets=values.reference.targets,
            cache=CACHE,
            jobs=jobs,
            progress=progress,
            realign=getattr(values.reads, "realign", False),
            kept=kept,
            database_fields={name: database.fields for name, database in values.databases.items()},
        )
    people = sheet.people(received.units) if received.units else None
    rows: dict[str, int] = {}
    for unit in received.units:
        rows.setdefault(unit.participant, unit.row)
    _, problems, notes = clinical.check(
        values.participants,
        values.phenotypes,
        people=people,
        people_rows=rows,
        sheet_path=values.samples,
        groups=values.summaries.groups,
        exempt=only_controls(received.units),
        strata=strata.of_settings(values.association.strata),
        interactions=values.association.interactions,
        config_path=config,
    )
    problems += _unknown_ancestry(values, config)
    problems += check_truth_sets(
        {name: (truth.calls, truth.regions) for name, truth in values.truth_sets.items()},
        receive.contigs(received),
        samples=[(unit.row, unit.sample, unit.control) for unit in received.units],
        sheet=values.samples,
    )
    if not quiet:
        for note in [*received.notes, *notes]:
            stderr.print(f"note: {note}", markup=False)
    found = [
        *received.problems,
        *problems,
        *check_identity(values.pedigree, values.identity.earlier),
        *check_scores(values.scores.files, values.reference.build),
        *check_dosages(values.association.imputed, [unit.sample for unit in received.units]),
    ]
    if not found:
        receive.remember(received)
    return found
