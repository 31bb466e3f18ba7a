"""Inputs of the identity checks, looked at before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genopheno.problems import Problem, StageError
from genopheno.samples.fingerprint import participants_of
from genopheno.samples.pedigree import read_pedigree


def check(pedigree: Path | None, earlier: Sequence[Path]) -> list[Problem]:
    """Every problem of the pedigree and of the fingerprints of earlier batches."""
    problems: list[Problem] = []
    for read, paths in (
        (read_pedigree, [pedigree] if pedigree else []),
        (participants_of, earlier),
    ):
        for path in paths:
            try:
                read(path)
            except StageError as error:
                problems += error.problems
    return problems
