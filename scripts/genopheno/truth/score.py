"""Levels to numbers: precision, recall, F1, genotype errors, and the curve over QUAL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genopheno.truth.match import Level, Matched

KINDS = ("snp", "indel")
CURVE_POINTS = 200


@dataclass
class Tally:
    """Counts of one kind of variant, added up contig by contig.

    Attributes
    ----------
    call_levels, truth_levels : number of counted variants of each level.
    true_call_quality, false_call_quality : QUAL of the counted calls, right and wrong.
    found_truth_quality : of each found truth the lowest QUAL of the calls that make it.
    """

    call_levels: np.ndarray = field(default_factory=lambda: np.zeros(3, np.int64))
    truth_levels: np.ndarray = field(default_factory=lambda: np.zeros(3, np.int64))
    true_call_quality: list[float | None] = field(default_factory=list)
    false_call_quality: list[float | None] = field(default_factory=list)
    found_truth_quality: list[float | None] = field(default_factory=list)


def add(tallies: dict[str, Tally], matched: Matched) -> None:
    """Add the counted variants of a contig to the tallies of their kinds."""
    for variant, level in zip(matched.calls, matched.call_levels, strict=True):
        if variant.counted:
            tally = tallies[variant.kind]
            tally.call_levels[level] += 1
            right = level is Level.GENOTYPE
            (tally.true_call_quality if right else tally.false_call_quality).append(variant.quality)
    for variant, level, quality in zip(
        matched.truth, matched.truth_levels, matched.truth_quality, strict=True
    ):
        if variant.counted:
            tally = tallies[variant.kind]
            tally.truth_levels[level] += 1
            if level is Level.GENOTYPE:
                tally.found_truth_quality.append(quality)


def summary(tally: Tally) -> dict[str, Any]:
    """Counts and ratios of one kind; a ratio without a denominator is None.

    A variant is true if allele and genotype are right. A right allele in a wrong genotype is
    a false positive and a false negative, and is told as a genotype error besides; the
    ``allele_…`` ratios take it as found. Truths are counted as the truth set writes them,
    calls as the caller does, so the two numbers of true positives may differ.
    """
    calls, truth = tally.call_levels.tolist(), tally.truth_levels.tolist()
    precision, recall = _ratio(calls[2], sum(calls)), _ratio(truth[2], sum(truth))
    allele_precision = _ratio(calls[1] + calls[2], sum(calls))
    allele_recall = _ratio(truth[1] + truth[2], sum(truth))
    return {
        "truth": sum(truth),
        "calls": sum(calls),
        "tp": truth[2],
        "tp_calls": calls[2],
        "fp": calls[0] + calls[1],
        "fn": truth[0] + truth[1],
        "genotype_errors": truth[1],
        "precision": precision,
        "recall": recall,
        "f1": f1(precision, recall),
        "genotype_error_rate": _ratio(truth[1], truth[1] + truth[2]),
        "allele_precision": allele_precision,
        "allele_recall": allele_recall,
        "allele_f1": f1(allele_precision, allele_recall),
    }


def f1(precision: float | None, recall: float | None) -> float | None:
    """Harmonic mean; None where either is, 0 where both are."""
    if precision is None or recall is None:
        return None
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def curve(tally: Tally, points: int = CURVE_POINTS) -> list[dict[str, float | int | None]]:
    """Precision and recall if only calls of at least some QUAL were kept.

    Returns
    -------
    Rows of min_quality, tp, fp, fn, precision, recall, f1, from the lowest QUAL (all calls)
    to the highest; at most about `points`. Empty where a call has no QUAL.
    """
    every = [*tally.true_call_quality, *tally.false_call_quality, *tally.found_truth_quality]
    if not every or any(quality is None for quality in every):
        return []
    true = np.sort(np.array(tally.true_call_quality, dtype=float))
    false = np.sort(np.array(tally.false_call_quality, dtype=float))
    found = np.sort(np.array(tally.found_truth_quality, dtype=float))
    thresholds = np.unique(np.array(every, dtype=float))
    take = np.unique(np.linspace(0, len(thresholds) - 1, points).round().astype(int))
    truth = int(tally.truth_levels.sum())
    rows = []
    for threshold in thresholds[take].tolist():
        tp_calls = len(true) - int(np.searchsorted(true, threshold))
        fp = len(false) - int(np.searchsorted(false, threshold))
        tp = len(found) - int(np.searchsorted(found, threshold))
        precision, recall = _ratio(tp_calls, tp_calls + fp), _ratio(tp, truth)
        rows.append(
            {
                "min_quality": threshold,
                **{"tp": tp, "fp": fp, "fn": truth - tp},
                **{"precision": precision, "recall": recall, "f1": f1(precision, recall)},
            }
        )
    return rows


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
