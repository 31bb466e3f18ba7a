"""Commands on a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import PROJECT, ConfigFile, Directory, app
from genopheno.problems import Problems


@app.command(rich_help_panel=PROJECT)
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to create or fill.")],
) -> None:
    """Start a project: a folder with commented configuration and sheets."""
    from genopheno.project import create

    create(directory)


@app.command(rich_help_panel=PROJECT)
def check(
    directory: Directory = Path(),
    config: ConfigFile = Path("config/config.yaml"),
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Files read side by side.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
) -> None:
    """Check the whole submission and print every problem at once.

    Reads everything that was handed in: sheets, phenotypes, every read of every FASTQ,
    reference, genes and databases. Creates nothing. Exit code 0: all is well; 2: problems.
    """
    from genopheno.console import show_problems
    from genopheno.project import check_project, in_project

    with in_project(directory):
        found = check_project(config, jobs=jobs, quiet=as_json)
    if as_json:
        print(Problems(found).to_json())
    else:
        show_problems(found)
    raise typer.Exit(2 if found else 0)


@app.command(
    rich_help_panel=PROJECT,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def run(
    context: typer.Context,
    directory: Directory = Path(),
    config: ConfigFile = Path("config/config.yaml"),
    cores: Annotated[
        int | None, typer.Option("--cores", "-c", help="Cores to use.", show_default="all")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="Snakemake profile: default, slurm, or a folder of your own.")
    ] = "default",
    until: Annotated[str | None, typer.Option(help="Stop after this rule.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show what would run, and why.")
    ] = False,
    skip_check: Annotated[
        bool, typer.Option(help="Leave out the check of the submission before the run.")
    ] = False,
) -> None:
    """Run the workflow, with live progress; it goes on where it stopped.

    Snakemake runs underneath; anything after -- is handed to it as it is.
    """
    from genopheno.console import show_problems
    from genopheno.project import check_project, in_project
    from genopheno.runner import Workflow

    with in_project(directory):
        if not skip_check and not dry_run:
            found = check_project(config, jobs=cores or 2)
            if found:
                show_problems(found)
                raise typer.Exit(2)
        code = Workflow(config, profile=profile, cores=cores).run(
            until=until, dry_run=dry_run, extra=context.args
        )
    raise typer.Exit(code)


@app.command(rich_help_panel=PROJECT)
def status(directory: Directory = Path(), config: ConfigFile = Path("config/config.yaml")) -> None:
    """Show where a project stands: stages done and left, and the verdict of each sample."""
    from genopheno.project import in_project
    from genopheno.runner import Workflow

    with in_project(directory):
        Workflow(config).status()


@app.command(rich_help_panel=PROJECT)
def demo(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder to make.")] = Path(
        "genopheno-demo"
    ),
    cores: Annotated[int | None, typer.Option("--cores", "-c", help="Cores to use.")] = None,
    people: Annotated[int, typer.Option(help="People to simulate.", min=60)] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 20,
) -> None:
    """Simulate a small cohort, run everything on it, and compare with what was planted."""
    from genopheno.console import console, counting, show_demo
    from genopheno.demo.compare import all_found, compare
    from genopheno.demo.project import simulate
    from genopheno.project import in_project
    from genopheno.runner import Workflow

    if not (directory / "planted.json").exists():
        console.print(f"Simulating {people} people into [bold]{directory}[/bold] ...")
        with counting("reads of samples") as progress:
            simulate(directory, people=people, seed=seed, progress=progress)
    with in_project(directory):
        # Many small units: one thread each is faster than several.
        options = ["--set-threads", "align=1", "mark_duplicates=1", "read_qc=1"]
        code = Workflow(Path("config/config.yaml"), cores=cores).run(
            until=None, dry_run=False, extra=options
        )
    if code:
        raise typer.Exit(code)
    rows = compare(directory)
    show_demo(rows)
    console.print(f"\nReport: [bold]{(directory / 'results/report/report.html').resolve()}[/bold]")
    raise typer.Exit(0 if all_found(rows) else 1)
