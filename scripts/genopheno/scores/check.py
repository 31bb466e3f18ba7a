"""What can be said of the scoring files before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from genopheno.problems import Problem, StageError
from genopheno.scores import scoring_file


def check(files: Mapping[str, Path], build: str) -> list[Problem]:
    """Problems of all scoring files: unreadable, faulty, or of another build than `build`."""
    found: list[Problem] = []
    for name, path in files.items():
        try:
            problem = scoring_file.other_build(scoring_file.read(name, path), build)
        except StageError as error:
            found += error.problems
        else:
            found += [problem] if problem else []
    return found
