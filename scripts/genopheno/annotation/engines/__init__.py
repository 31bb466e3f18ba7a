"""Who predicts consequences: one module an engine, one interface, one schema of answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from genopheno.annotation.consequences import Consequence
from genopheno.tools import Command

# (contig, position, reference, alternate, INFO value of the engine or '') → consequences.
Reader = Callable[[str, int, str, str, str], list[Consequence]]


class Engine(Protocol):
    """An annotator, bound to a reference and its gene models.

    Attributes
    ----------
    name : of the program.
    info : INFO field that it writes.
    needs_genotypes : it reads the calls, not their sites alone.
    """

    name: str
    info: str
    needs_genotypes: bool

    def version(self) -> str:
        """Version of the program."""

    def commands(self, calls: Path) -> list[Command]:
        """Commands, joined by pipes, that write annotated records to standard output.

        Raises
        ------
        StageError : the program, or a file that it needs, is absent.
        """

    def reader(self, annotated: Path) -> Reader:
        """How its INFO field is read; `annotated` is what its commands wrote."""

    def report(self) -> dict[str, Any]:
        """Gene models that were used and left out, once the commands have run."""
