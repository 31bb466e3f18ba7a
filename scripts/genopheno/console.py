"""What people see on the terminal: problems, tables, progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

from genopheno.problems import Problem

console = Console(highlight=False, soft_wrap=True)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def show_problems(problems: Sequence[Problem]) -> None:
    """Print all problems, by file and row; or that there are none."""
    if not problems:
        console.print("[green]No problems found.[/green]")
        return
    for problem in sorted(problems, key=lambda p: (p.file, p.row or 0, p.column or "", p.code)):
        stderr.print(f"[bold red]{escape(problem.code)}[/bold red]  {escape(problem.place)}")
        stderr.print(f"    {escape(problem.found)}")
        if problem.mend:
            stderr.print(f"    [dim]{escape(problem.mend)}[/dim]")
    count = len(problems)
    stderr.print(f"\n[bold]{count} problem{'s' if count > 1 else ''}.[/bold]")


def show_demo(rows: Sequence[dict]) -> None:
    """Print what the demo planted beside what was found."""
    from rich.table import Table

    table = Table("planted", "found", "", box=None, header_style="bold", padding=(0, 2))
    for row in rows:
        mark = "[green]yes[/green]" if row["ok"] else "[red]NO[/red]"
        table.add_row(escape(row["planted"]), escape(row["found"]), mark)
    console.print(table)


@contextmanager
def reading(*, hidden: bool = False) -> Iterator[Callable[[int, int, str], None]]:
    """Show how much of the submission is read, on a terminal; give (done, all, file) to call."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (
        TextColumn("reading"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.description}"),
    )
    shown = stderr.is_terminal and not hidden
    with Progress(*columns, console=stderr, transient=True, disable=not shown) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, file: bar.update(
            task, completed=done, total=total, description=escape(file)
        )


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of something are done, on a terminal; give (done, all) to call."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
