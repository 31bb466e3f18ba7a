"""What the commands share: the application, their options, and how they end."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from genopheno.problems import StageError

if TYPE_CHECKING:
    from genopheno.submission.sheet import Unit

app = typer.Typer(
    name="genopheno",
    help="From sequencing reads and clinical records to association results.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

PROJECT = "A project"
ON_PROJECTS = ("init", "check", "run", "status", "demo")  # these have a display of their own
STAGES = "Stages, in street order (what the workflow's rules run)"

Directory = Annotated[
    Path, typer.Option("--directory", "-d", help="Project folder.", show_default="here")
]
ConfigFile = Annotated[Path, typer.Option("--config", help="Configuration, in the project folder.")]
Threads = Annotated[int, typer.Option(help="Threads.")]
Memory = Annotated[int, typer.Option(help="Memory for the Java side (MiB).")]
READS = ("fastq", "bam", "cram")  # entries of the sheet from which alignments come
InFile = typer.Option(exists=True, dir_okay=False)


class Engine(StrEnum):
    numpy = "numpy"
    hail = "hail"


class Relatives(StrEnum):
    drop = "drop"
    keep = "keep"


def main() -> NoReturn:
    """Run a command; a `StageError` becomes a list of problems and exit code 1."""
    try:
        app()
    except StageError as error:
        from genopheno.console import show_problems

        show_problems(error.problems)
        sys.exit(1)
    sys.exit(0)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"genopheno {version('genopheno')}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand not in ON_PROJECTS:
        from genopheno import tools

        tools.log = sys.stderr


def pairs(values: list[str] | None, option: str) -> list[tuple[str, Path]]:
    """Read repeated NAME=PATH options."""
    pairs = []
    for value in values or []:
        name, equals, path = value.partition("=")
        if not (name and equals and path):
            raise typer.BadParameter(f"{value!r} is not NAME=PATH", param_hint=option)
        pairs.append((name, Path(path)))
    return pairs


def units_of_sheet(sheet: Path) -> list[Unit]:
    from genopheno.submission.sheet import read_sheet

    units, problems = read_sheet(sheet)
    if problems:
        raise StageError(*problems)
    return units


def samples_of_sheet(sheet: Path, *entries: str) -> list[str]:
    """Samples of the sheet; with `entries` (fastq, bam, cram, gvcf, vcf), those given so."""
    units = [u for u in units_of_sheet(sheet) if not entries or u.entry in entries]
    return list(dict.fromkeys(unit.sample for unit in units))


def limit_threads(threads: int) -> None:
    """Tell the linear algebra libraries; they read it when they are first imported."""
    import os

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
