"""The commands. Each imports its room when it is called, so that --help answers at once."""

# In street order, which is the order of --help.
from genopheno.cli import (  # isort: skip
    project,
    submission,
    reads,
    variants,
    truth,
    samples,
    cohort,
    structure,
    association,
    release,
)
from genopheno.cli.app import app, main

__all__ = [
    "app",
    "association",
    "cohort",
    "main",
    "project",
    "reads",
    "release",
    "samples",
    "structure",
    "submission",
    "truth",
    "variants",
]
