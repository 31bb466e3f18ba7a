"""Running the field's tools: one command or a pipe of several, none of which may fail unseen."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TextIO

from genopheno.problems import fail

Command = Sequence[str | Path]

# Where commands and what they say are written; None: nowhere. A stage sets it to its standard
# error, which its rule keeps as the log.
log: TextIO | None = None
SAID = 50  # last lines of a tool's messages that are kept


def run(*commands: Command, stdout: str | Path | None = None) -> str:
    """Run one command, or several joined by pipes; return what the last one printed.

    Parameters
    ----------
    commands : argument lists (never a shell string: names reach tools as they are).
    stdout : file for the output of the last command; None: it is captured and returned.

    Raises
    ------
    StageError : a tool is not installed, or any of them ended with an error; the message
        holds the command and the last lines each failed one wrote to standard error.
    """
    lines = [[str(word) for word in command] for command in commands]
    if log:
        print("$", " | ".join(map(shlex.join, lines)), file=log, flush=True)
    processes: list[subprocess.Popen[bytes]] = []
    errors = [tempfile.TemporaryFile() for _ in lines]
    sink = open(stdout, "wb") if stdout else tempfile.TemporaryFile()
    try:
        upstream = None
        for index, line in enumerate(lines):
            last = index == len(lines) - 1
            try:
                process = subprocess.Popen(
                    line,
                    stdin=upstream if upstream else subprocess.DEVNULL,
                    stdout=sink if last else subprocess.PIPE,
                    stderr=errors[index],
                )
            except FileNotFoundError:
                for running in processes:
                    running.kill()
                raise fail(
                    "tool-missing",
                    line[0],
                    "it is not installed or not on PATH",
                    "Run 'make tools', or use --sdm conda",
                ) from None
            if upstream:
                upstream.close()  # so that an early end downstream reaches the writer
            upstream = process.stdout
            processes.append(process)
        codes = [process.wait() for process in processes]
        if log:
            for line in (line for handle in errors for line in _last_lines(handle, SAID)):
                print(line, file=log, flush=True)
        if any(codes):
            raise _failure(lines, codes, errors)
        if stdout:
            return ""
        sink.seek(0)
        return sink.read().decode()
    finally:
        for handle in (*errors, sink):
            handle.close()


def _last_lines(handle: IO[bytes], number: int) -> list[str]:
    handle.seek(0)
    return handle.read().decode(errors="replace").strip().splitlines()[-number:]


def _failure(lines: list[list[str]], codes: list[int], errors: list) -> Exception:
    # A broken pipe (-13, or 141 by way of a shell) is a consequence; name the cause first.
    causes = [i for i, code in enumerate(codes) if code and code not in (-13, 141)]
    said = []
    for i in causes or [i for i, code in enumerate(codes) if code]:
        tail = " | ".join(_last_lines(errors[i], 8)).strip()
        said.append(f"{shlex.join(lines[i])} ended with {codes[i]}: {tail}")
    first = (causes or [0])[0]
    return fail(
        "tool-failed",
        lines[first][0],
        "; ".join(said),
        "Mend the input it names, then run again; finished steps are kept",
    )


def version(tool: str) -> str:
    """First line that a tool prints of its own version; 'not found' where it is absent."""
    flags = {"bwa": [], "bwa-mem2": ["version"], "snap-aligner": [], "java": ["-version"]}
    flag = flags.get(tool, ["--version"])
    try:
        with tempfile.TemporaryDirectory() as folder:
            said = subprocess.run(
                [tool, *flag],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=60,
                env={**os.environ, "LD_LIBRARY_PATH": library_path(Path(folder))},
            )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return "not found"
    text = (said.stdout + said.stderr).splitlines()
    for line in text:
        if "ersion" in line or line.split()[:1] == [tool]:
            greeting = "Welcome to SNAP version"
            for word in (greeting, "Version:", tool):
                line = line.removeprefix(word).strip()
            return line
    return text[0].strip() if text else "unknown"


def library_path(folder: Path) -> str:
    """Where mosdepth finds htslib: a value for ``LD_LIBRARY_PATH``; `folder` takes a link.

    The one of Debian opens ``libhts.so``, a name that only the development package brings;
    the run-time library under that name serves it. Builds that carry htslib ignore this.
    """
    places = [path for path in os.environ.get("LD_LIBRARY_PATH", "").split(":") if path]
    library = Path("/usr/lib", sysconfig.get_config_var("MULTIARCH") or "", "libhts.so.3")
    if library.exists():
        (folder / "libhts.so").symlink_to(library)
        places.append(str(folder.absolute()))
    return ":".join(places)


def keep_stderr(command: Sequence[str | Path], log: Path) -> list[str | Path]:
    """Wrap a command so that what it says on standard error is also kept in a file.

    Counts of bcftools norm and csq are only said there. The words of the command reach
    the tool as they are; a failure still says why.
    """
    script = '"$@" 2>"$0"; code=$?; [ $code -eq 0 ] || cat "$0" >&2; exit $code'
    return ["sh", "-c", script, log, *command]
