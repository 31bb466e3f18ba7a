"""Names and paths that may become folders, read groups and words of a command line."""

from __future__ import annotations

import os
import re
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
NAME_LENGTH = 64
# Quotes, wildcards, braces and control characters: file paths reach tools and wildcards.
UNSAFE_PATH = re.compile(r"[\x00-\x1f\x7f\"'`$;&|<>*?!{}\\]")
INDEXES = (".bai", ".csi", ".crai", ".tbi")
# Seconds: a tool that writes both may close the file after its index.
SAME_TIME = 60
READABLE = "Ask its owner for the permission to read it and to enter its folder"


def name_fault(value: str) -> str | None:
    """Say why a value cannot be a name of a file, a folder and a read group; None: it can."""
    if len(value) > NAME_LENGTH:
        return f"it has {len(value)} characters, more than {NAME_LENGTH}"
    if value.startswith(("-", ".")):
        return f"it begins with {value[0]!r}"
    if ".." in value:
        return "it holds '..'"
    if not NAME.fullmatch(value):
        strange = sorted({c for c in value if not re.fullmatch(r"[A-Za-z0-9_.-]", c)})
        if strange:
            return "it holds " + " ".join("a blank" if c == " " else repr(c) for c in strange)
        return f"it begins with {value[0]!r}"
    return None


def path_fault(name: str | Path) -> tuple[str, str, str] | None:
    """Say why a path must not reach a command line: (code, found, mend); None: it may."""
    strange = sorted(set(UNSAFE_PATH.findall(str(name))))
    if strange or str(name).startswith("-"):
        what = "begins with '-'" if not strange else "holds " + " ".join(map(repr, strange))
        return (
            "illegal-path",
            f"the path {str(name)!r} {what}",
            "Rename the file or folder: no quotes, wildcards, braces or shell signs",
        )
    return None


def missing(name: str | Path) -> tuple[str, str, str]:
    """Say that a file is not there: (code, found, mend)."""
    remote = "://" in str(name)
    return (
        "missing-file",
        f"there is no file {name}" + (" on this machine" if remote else ""),
        "Download it first, then give its path"
        if remote
        else "Correct the path (it starts at the project folder), or copy the file there",
    )


def file_fault(name: str | Path) -> tuple[str, str, str] | None:
    """Say what keeps a file from being read: (code, found, mend); None: nothing."""
    fault = path_fault(name)
    if fault:
        return fault
    file = Path(name)
    try:
        there = file.exists()
    except OSError as error:  # a folder that may not be entered, a name that is too long
        return ("unreadable-file", f"{name} cannot be reached: {error.strerror}", READABLE)
    if not there:
        return missing(name)
    if not file.is_file():
        return ("missing-file", f"{name} is not a file", "Give the path of a file")
    if not os.access(file, os.R_OK):
        return ("unreadable-file", f"{name} may not be read by this user", READABLE)
    if file.stat().st_size == 0:
        return (
            "empty-file",
            f"{name} is empty (0 bytes)",
            "Copy it again from where it was made; the transfer has failed",
        )
    return None


def old_index(name: str | Path) -> tuple[str, str, str] | None:
    """Say that an index beside a file is older than it: (code, found, mend); None: it is not."""
    file = Path(name)
    written = file.stat().st_mtime
    for ending in INDEXES:
        for index in {file.with_name(file.name + ending), file.with_suffix(ending)}:
            if index.is_file() and written - index.stat().st_mtime > SAME_TIME:
                return (
                    "index-old",
                    f"the index {index} is older than {name}: the file was changed after it was "
                    "indexed, or is another one",
                    "Find out which file is meant; then make the index again, or remove it "
                    "(none is needed)",
                )
    return None
