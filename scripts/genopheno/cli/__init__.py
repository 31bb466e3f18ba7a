"""The commands. Each imports its room when it is called, so that --help answers at once."""

# In street order, which is the order of --help.
from genopheno.cli import (  # isort: skip
    project,
    submission,
    reads,
    variants,
    annotation,
    truth,
    samples,
    cohort,
    structure,
    dosages,
    association,
    signals,
    genes,
    scores,
    matrices,
    release,
    extract,
    sumstats,
)
from genopheno.cli.app import app, main

__all__ = [
    "annotation",
    "app",
    "association",
    "cohort",
    "dosages",
    "extract",
    "genes",
    "main",
    "matrices",
    "project",
    "reads",
    "release",
    "samples",
    "scores",
    "signals",
    "structure",
    "submission",
    "sumstats",
    "truth",
    "variants",
]
