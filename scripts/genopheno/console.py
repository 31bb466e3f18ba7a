"""What people see on the terminal: problems, tables, progress."""

from __future__ import annotations

from collections.abc import Sequence

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
