"""Running the field's tools: one command or a pipe of several, none of which may fail unseen."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from genopheno.problems import fail

Command = Sequence[str | Path]


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
        if any(codes):
            raise _failure(lines, codes, errors)
        if stdout:
            return ""
        sink.seek(0)
        return sink.read().decode()
    finally:
        for handle in (*errors, sink):
            handle.close()


def _failure(lines: list[list[str]], codes: list[int], errors: list) -> Exception:
    # A broken pipe (-13, or 141 by way of a shell) is a consequence; name the cause first.
    causes = [i for i, code in enumerate(codes) if code and code not in (-13, 141)]
    said = []
    for i in causes or [i for i, code in enumerate(codes) if code]:
        errors[i].seek(0)
        tail = errors[i].read().decode(errors="replace").strip().splitlines()[-8:]
        said.append(f"{shlex.join(lines[i])} ended with {codes[i]}: " + " | ".join(tail))
    first = (causes or [0])[0]
    return fail(
        "tool-failed",
        lines[first][0],
        "; ".join(said),
        "Mend the input it names, then run again; finished steps are kept",
    )


def version(tool: str) -> str:
    """First line that a tool prints of its own version; 'not found' where it is absent."""
    flag = {"bwa": [], "java": ["-version"]}.get(tool, ["--version"])
    try:
        said = subprocess.run(
            [tool, *flag], capture_output=True, text=True, errors="replace", timeout=60
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return "not found"
    text = (said.stdout + said.stderr).splitlines()
    for line in text:
        if "ersion" in line or line.split()[:1] == [tool]:
            return line.removeprefix("Version:").removeprefix(tool).strip()
    return text[0].strip() if text else "unknown"
