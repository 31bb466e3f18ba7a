"""One shape for 'what is wrong', collected first and shown all at once.

A check never stops at the first fault: it adds a `Problem` for each and the
caller decides. A stage that cannot go on raises `StageError`, which carries the
same shape, so that people meet one kind of message everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, order=True)
class Problem:
    """One fault: what, where, and how to mend it.

    Attributes
    ----------
    code : stable, kebab-case name of the kind of fault, for programs.
    file : the file it is in, as the user wrote it.
    row : 1-based line in that file (the header of a table is line 1); None: the whole file.
    column : the column or field; None: not in a column.
    found : what was found, in words, with the offending value.
    mend : what to do about it.
    """

    code: str
    file: str
    row: int | None = None
    column: str | None = None
    found: str = ""
    mend: str = ""

    @property
    def place(self) -> str:
        parts = [self.file]
        if self.row is not None:
            parts.append(f"line {self.row}")
        if self.column is not None:
            parts.append(f"column {self.column}")
        return ", ".join(parts)

    def __str__(self) -> str:
        return f"{self.code}: {self.place}: {self.found}. {self.mend}"


@dataclass
class Problems:
    """A growing list of problems, iterable and falsy while empty."""

    items: list[Problem] = field(default_factory=list)

    def add(
        self,
        code: str,
        file: str | Path,
        found: str,
        mend: str,
        *,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        self.items.append(Problem(code, str(file), row, column, found, mend))

    def extend(self, others: Iterable[Problem]) -> None:
        self.items.extend(others)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def raise_if_any(self) -> None:
        """Raise `StageError` with all of them, if there are any."""
        if self.items:
            raise StageError(*self.items)

    def to_json(self) -> str:
        return json.dumps([asdict(p) for p in self.items], indent=2)


class StageError(Exception):
    """A stage cannot go on; it leaves no output behind."""

    def __init__(self, *problems: Problem):
        self.problems = list(problems)
        super().__init__("\n".join(str(p) for p in problems))


def fail(code: str, file: str | Path, found: str, mend: str) -> StageError:
    """Build a `StageError` of one problem: ``raise fail(...)``."""
    return StageError(Problem(code, str(file), None, None, found, mend))
