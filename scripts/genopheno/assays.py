"""Default bounds of the sample measures, by assay; what the config gives replaces them.

Each line says where a bound comes from. 'Chosen here' marks those that have no better source
than experience; a project with its own standard sets its own.
"""

from __future__ import annotations

from typing import Literal

Assay = Literal["genome", "exome", "panel", "low-pass"]
Bounds = dict[str, float]

# Measure: bounds, source. Bounds are fail_below, warn_below, warn_above, fail_above.
COMMON: dict[str, tuple[Bounds, str]] = {
    "reads": ({"fail_below": 100}, "chosen here: fewer are no sample"),
    "q30_fraction": (
        {"warn_below": 0.7},
        "chosen here, below the 0.75 to 0.85 that Illumina states for its instruments",
    ),
    "mapped_fraction": (
        {"fail_below": 0.8, "warn_below": 0.95},
        "0.80: the Centre for Population Genomics' production-pipelines; 0.95 chosen here",
    ),
    "properly_paired_fraction": ({"warn_below": 0.85}, "chosen here"),
    "duplicate_fraction": (
        {"warn_above": 0.25, "fail_above": 0.6},
        "0.25: the Centre for Population Genomics' production-pipelines (WARP: 0.30 marks an "
        "outlier); 0.6 chosen here",
    ),
    "mismatch_rate": ({"warn_above": 0.02}, "chosen here"),
    "call_rate": ({"fail_below": 0.5, "warn_below": 0.9}, "chosen here"),
    "contamination_low": (
        {"warn_above": 0.02, "fail_above": 0.04},
        "0.04: FREEMIX in the Centre for Population Genomics' production-pipelines; applied to "
        "the lower end of the interval, so that little data fails nobody; 0.02 chosen here",
    ),
    "charr": ({"warn_above": 0.04}, "as the bound of contamination"),
}
ASSAYS: dict[Assay, dict[str, tuple[Bounds, str]]] = {
    "genome": COMMON
    | {
        "median_coverage": (
            {"fail_below": 10, "warn_below": 20},
            "10: the Centre for Population Genomics' production-pipelines; 20 chosen here",
        ),
        "breadth_1x": ({"fail_below": 0.5, "warn_below": 0.9}, "chosen here"),
    },
    "exome": COMMON
    | {
        "target_median_coverage": ({"fail_below": 20, "warn_below": 40}, "chosen here"),
        "target_breadth_10x": ({"fail_below": 0.7, "warn_below": 0.9}, "chosen here"),
    },
    "panel": COMMON
    | {
        "duplicate_fraction": (
            {"warn_above": 0.6},
            "chosen here: few molecules are sequenced deeply",
        ),
        "target_median_coverage": ({"fail_below": 50, "warn_below": 100}, "chosen here"),
        "target_breadth_10x": ({"fail_below": 0.8, "warn_below": 0.95}, "chosen here"),
    },
    "low-pass": COMMON
    | {
        "mean_coverage": (
            {"fail_below": 0.3, "warn_below": 0.5},
            "chosen here: 0.4x to 1x is what low-pass sequencing aims at "
            "(Li 2021, Genome Research 31:529)",
        ),
        "breadth_1x": ({"fail_below": 0.2, "warn_below": 0.3}, "chosen here: 1 − exp(−coverage)"),
        "call_rate": ({"warn_below": 0.3}, "chosen here"),
    },
}
