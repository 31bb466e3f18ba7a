"""Start Snakemake on the workflow, follow its jobs, and say where a project stands."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from genopheno.console import console, stderr
from genopheno.problems import fail
from genopheno.project import pipeline

LOCK = Path(".genopheno/lock")
_STARTED = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$")
_FINISHED = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)")
_COUNTED = re.compile(r"^(\w+)\s+(\d+)$")
_FAILED = re.compile(r"^Error in rule (\w+):")
_LOG = re.compile(r"^\s+log: (.+?)(?: \(check log file.*)?$")


@dataclass
class Progress:
    """Jobs per rule, as read from Snakemake's own messages."""

    total: Counter = field(default_factory=Counter)
    started: Counter = field(default_factory=Counter)
    done: Counter = field(default_factory=Counter)
    failed: list[tuple[str, list[str]]] = field(default_factory=list)
    counting: bool = False

    def read(self, line: str) -> None:
        """Take one line of Snakemake's output."""
        if line.startswith("Job stats:"):
            self.counting, self.total = True, Counter()
        elif self.counting:
            if not line.strip():
                self.counting = False
            elif match := _COUNTED.match(line):
                self.total[match[1]] = int(match[2])
        elif match := _STARTED.match(line):
            self.started[match[1]] += 1
        elif match := _FINISHED.match(line):
            self.done[match[1]] += 1
        elif match := _FAILED.match(line):
            self.failed.append((match[1], []))
        elif self.failed and (match := _LOG.match(line)):
            self.failed[-1][1].extend(match[1].split(", "))

    def rules(self) -> list[tuple[str, int, int, int]]:
        """(rule, done, running, left) of each rule with jobs, in Snakemake's order."""
        failed = Counter(name for name, _ in self.failed)
        rows = []
        for name, total in self.total.items():
            if name in ("total", "all"):
                continue
            done = self.done[name]
            running = max(0, self.started[name] - done - failed[name])
            rows.append((name, done, running, total - done - running))
        return rows


def _die_with_parent() -> None:
    """Ask Linux to end Snakemake gently when we are killed, so that no orphan goes on."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


@contextmanager
def _only_run() -> Iterator[None]:
    """Hold the project's lock; the kernel lets go of it however the process ends."""
    LOCK.parent.mkdir(exist_ok=True)
    with open(LOCK, "a") as handle:
        for attempt in range(2):
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == 0:
                    time.sleep(2)  # a run that was just killed may still be letting go
        else:
            raise fail(
                "project-busy",
                Path.cwd(),
                "another run works on this project",
                "Wait for it to end, or stop it",
            )
        yield


class Workflow:
    """The workflow on the project in the working folder."""

    def __init__(self, config: Path, *, profile: str = "default", cores: int | None = None):
        self.config = config
        self.profile = profile
        self.cores = cores

    def command(self, *extra: str) -> list[str]:
        """The Snakemake command line, which works by hand as well."""
        home = pipeline() / "workflow"
        named = home / "profiles" / self.profile
        profile = named if named.is_dir() else Path(self.profile)
        if not profile.is_dir():
            known = ", ".join(sorted(path.name for path in (home / "profiles").iterdir()))
            raise fail(
                "profile-missing",
                self.profile,
                "it is neither a profile of the workflow nor a folder",
                f"Use one of {known}, or the folder of your own profile",
            )
        return [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(home / "Snakefile"),
            "--configfile",
            str(self.config),
            "--workflow-profile",
            str(profile),
            *(["--cores", str(self.cores or "all")] if self.profile == "default" else []),
            *extra,
        ]

    def environment(self) -> dict[str, str]:
        """Our interpreter's commands come first, so that jobs find `genopheno`."""
        here = str(Path(sys.executable).parent)
        return {**os.environ, "PATH": os.pathsep.join([here, os.environ.get("PATH", "")])}

    def _capture(self, *extra: str) -> tuple[int, str]:
        said = subprocess.run(
            self.command(*extra),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return said.returncode, said.stdout

    def run(self, *, until: str | None, dry_run: bool, extra: Sequence[str] = ()) -> int:
        """Run (or show) what is left to do; return Snakemake's exit code."""
        options = [*(["--until", until] if until else []), *extra]
        if dry_run:
            code, said = self._capture("--dry-run", *options)
            print(said if code else _plan(said))
            return code
        with _only_run():
            if any(Path(".snakemake/locks").glob("*")):
                # We hold the project's lock, so these are left over from a killed run.
                self._capture("--unlock")
            return self._follow(options)

    def _follow(self, options: list[str]) -> int:
        progress, tail = Progress(), deque(maxlen=60)
        process = subprocess.Popen(
            self.command(*options),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        assert process.stdout
        try:
            with Display(progress) as display:
                for line in process.stdout:
                    tail.append(line.rstrip("\n"))
                    progress.read(line.rstrip("\n"))
                    display.update()
            code = process.wait()
        except KeyboardInterrupt:
            stderr.print("Stopping; finished steps are kept.")
            process.send_signal(signal.SIGINT)
            return process.wait() or 130
        self._conclude(code, progress, tail)
        return code

    def _conclude(self, code: int, progress: Progress, tail: Sequence[str]) -> None:
        done = sum(progress.done.values())
        if code == 0:
            if done:
                console.print(f"[green]Done:[/green] {done} jobs.")
            else:
                console.print("[green]Nothing to be done:[/green] everything is up to date.")
            report = Path("results/report/report.html")
            if report.exists():
                console.print(f"Report: [bold]{report.resolve()}[/bold]")
            return
        if not progress.failed:
            stderr.print("\n".join(tail), markup=False)
        for rule, logs in progress.failed:
            stderr.print(f"\n[bold red]{rule} failed[/bold red]")
            for log in map(Path, logs):
                if log.exists():
                    stderr.print(f"[dim]{log}[/dim]")
                    said = log.read_text(errors="replace").splitlines()[-20:]
                    stderr.print("\n".join(f"    {line}" for line in said), markup=False)
        stderr.print("\nFinished steps are kept: mend what is named above and run again.")

    def status(self) -> None:
        """Print jobs done and left per rule, and where each sample stands."""
        from genopheno.standing import show_samples

        left, everything = Progress(), Progress()
        for progress, extra in ((left, ()), (everything, ("--forceall",))):
            code, said = self._capture("--dry-run", "--quiet", "reason", *extra)
            if code:
                stderr.print(said, markup=False)
                raise fail(
                    "workflow-invalid",
                    self.config,
                    "Snakemake could not read the project (see above)",
                    "Run 'genopheno check'",
                )
            for line in said.splitlines():
                progress.read(line)
        from rich.table import Table

        table = Table("step", "done", "left", box=None, header_style="bold")
        for rule, total in everything.total.items():
            if rule not in ("total", "all"):
                waiting = left.total[rule]
                table.add_row(rule, str(total - waiting), str(waiting or ""))
        console.print(table)
        show_samples()


def _plan(said: str) -> str:
    """Of a dry run: the jobs by rule, and why they are due; not every job's files."""
    lines = said.splitlines()
    if "Job stats:" not in lines:
        return "Nothing to be done: everything is up to date."
    start = lines.index("Job stats:")
    stop = next((i for i in range(start, len(lines)) if not lines[i].strip()), len(lines))
    why = [i for i, line in enumerate(lines) if line.startswith("Reasons:")]
    return "\n".join([*lines[start:stop], "", *(lines[why[-1] :] if why else [])])


class Display:
    """Live table on a terminal; a line every few seconds elsewhere."""

    EVERY = 10.0  # seconds between lines where there is no terminal

    def __init__(self, progress: Progress):
        self.progress = progress
        self.begun = time.monotonic()
        self.said = 0.0
        self.live = None

    def __enter__(self) -> Display:
        if console.is_terminal:
            from rich.live import Live

            self.live = Live(console=console, refresh_per_second=4, get_renderable=self._table)
            self.live.__enter__()
        return self

    def __exit__(self, *error) -> None:
        if self.live:
            self.live.__exit__(*error)
        elif self.progress.total:
            self._line()

    def update(self) -> None:
        ready = self.progress.total and not self.progress.counting
        if not self.live and ready and time.monotonic() - self.said > self.EVERY:
            self._line()

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self.begun), 60)
        return f"{minutes}:{seconds:02d}"

    def _line(self) -> None:
        self.said = time.monotonic()
        rows = self.progress.rules()
        done, total = sum(row[1] for row in rows), sum(sum(row[1:]) for row in rows)
        running = ", ".join(f"{name} ({n})" if n > 1 else name for name, _, n, _ in rows if n)
        console.print(f"{self._clock()}  {done} of {total} jobs done; running: {running or '-'}")

    def _table(self):
        from rich.table import Table

        rows = self.progress.rules()
        table = Table("step", "done", "running", "left", "", box=None, header_style="bold")
        for name, done, running, left in rows:
            width = 20
            total = max(1, done + running + left)
            bar = "█" * (width * done // total)
            style = "green" if not (running or left) else "bold" if running else "dim"
            table.add_row(
                name, str(done), str(running or ""), str(left or ""), bar.ljust(width, "·"),
                style=style,
            )  # fmt: skip
        done, total = sum(row[1] for row in rows), sum(sum(row[1:]) for row in rows)
        table.add_row("", "", "", "", f"{done} of {total} jobs, {self._clock()}")
        return table
