"""Ancestry groups of a cohort by a labelled reference panel.

The panel makes the axes (components of its people on the variants that both have, pruned),
the cohort is projected on them, and each person gets a probability per group (see `groups`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from genopheno.genotypes import Genotypes
from genopheno.problems import Problems, fail
from genopheno.structure.components import components
from genopheno.structure.groups import UNASSIGNED, Groups, leave_one_out
from genopheno.structure.projection import project, shared_variants
from genopheno.structure.pruning import prune
from genopheno.structure.variants import choose

MIN_GROUP = 5  # people, so that a group has a spread
MIN_CALLED = 0.5  # of the panel's variants; with fewer a person's scores are mostly noise


@dataclass
class Ancestry:
    """Groups of the cohort's people, in its order.

    Attributes
    ----------
    names : (g,) groups of the panel.
    group : (people,) object, one of `names` or 'unassigned'.
    probability : (people, g) float64; NaN where somebody has no scores.
    reason : (people,) object, why somebody is unassigned; else ''.
    facts : counts, for the summary.
    """

    names: list[str]
    group: np.ndarray
    probability: np.ndarray
    reason: np.ndarray
    facts: dict[str, Any] = field(default_factory=dict)


def read_labels(path: str | Path, samples: list[str]) -> tuple[np.ndarray, dict[str, int]]:
    """Read the TSV of labels, columns ``sample`` and ``group`` among others, in any order.

    Returns
    -------
    labels : (samples,) object; None for a sample without a label, which is not used.
    left_out : panel samples without label, and labels of samples that the panel lacks.

    Raises
    ------
    StageError : a column is absent, a sample has two labels, or a group is too small.
    """
    problems, found = Problems(), {}
    with open(path, encoding="utf-8", newline="") as handle:
        rows = csv.DictReader(handle, delimiter="\t")
        for column in ("sample", "group"):
            if column not in (rows.fieldnames or []):
                problems.add(
                    "labels-column-missing",
                    path,
                    f"its columns are {', '.join(rows.fieldnames or []) or 'none'}",
                    "Give a TSV with the columns sample and group",
                    column=column,
                )
        problems.raise_if_any()
        for number, row in enumerate(rows, 2):
            sample, group = (row["sample"] or "").strip(), (row["group"] or "").strip()
            if found.get(sample, group) != group:
                problems.add(
                    "label-conflict",
                    path,
                    f"sample {sample!r} is {found[sample]!r} and {group!r}",
                    "Keep one label for each sample",
                    row=number,
                    column="group",
                )
            if group == UNASSIGNED:
                problems.add(
                    "label-reserved",
                    path,
                    f"{group!r} means that no group was found",
                    "Call the group something else, or leave the sample out",
                    row=number,
                    column="group",
                )
            if group:
                found[sample] = group
    labels = np.array([found.get(sample) for sample in samples], dtype=object)
    sizes = {name: int((labels == name).sum()) for name in sorted(set(found.values()))}
    for name, size in sizes.items():
        if size < MIN_GROUP:
            problems.add(
                "panel-group-small",
                path,
                f"group {name!r} has {size} samples in the panel, fewer than {MIN_GROUP}",
                "Look whether the names of samples are those of the panel, or leave it out",
                column="group",
            )
    if not sizes:
        problems.add("labels-empty", path, "there is no label", "Label the panel's samples")
    problems.raise_if_any()
    unknown = len(found.keys() - set(samples))
    none = int(sum(label is None for label in labels))
    return labels, {"panel_samples_without_label": none, "labels_without_sample": unknown}


def ancestry(
    genotypes: Genotypes,
    panel: Genotypes,
    labels: np.ndarray,
    *,
    min_allele_frequency: float,
    n_components: int,
    min_probability: float,
    min_shared_variants: int,
    ld_r2: float,
    ld_window_kb: float,
    threads: int = 1,
) -> Ancestry:
    """Group the people of a cohort.

    Parameters
    ----------
    labels : (panel samples,) object; None: not used.
    min_allele_frequency : in the panel.
    n_components : axes, at most.
    min_probability : below it, and far from every group, a person is 'unassigned'.
    min_shared_variants : floor of the variants in common.
    ld_r2, ld_window_kb : pruning of these in the panel; see `pruning`.

    Raises
    ------
    StageError : panel and cohort share no or too few variants, or the panel has no components.
    """
    usable, _, frequency = choose(panel, min_allele_frequency)
    common = shared_variants(genotypes.variants, panel.variants)
    facts: dict[str, Any] = {
        "panel": str(panel.prefix),
        "n_panel": int(sum(label is not None for label in labels)),
        "n_panel_variants": panel.n_variants,
        "n_shared": len(common),
        "n_turned": common.n_turned,
        "n_other_strand": common.n_strand,
        "n_strand_unknown": common.n_ambiguous,
    }
    keep = np.zeros(panel.n_variants, dtype=bool)
    keep[common.other] = True
    keep &= usable
    if keep.sum() < max(min_shared_variants, 1):
        none = len(common) == 0
        raise fail(
            "panel-no-shared-variants" if none else "panel-few-shared-variants",
            panel.prefix,
            f"{len(common)} of its {panel.n_variants} variants are among the "
            f"{genotypes.n_variants} of the cohort, {int(keep.sum())} of them common; "
            f"{min_shared_variants} are needed",
            "Give a panel of the same genome build; structure.ancestry.min_shared_variants "
            "is the floor",
        )
    if ld_r2 < 1:
        keep = prune(panel, keep, frequency, r2=ld_r2, window_kb=ld_window_kb, threads=threads)
    people = np.flatnonzero([label is not None for label in labels])
    axes = components(panel, keep, people, n_components, threads)
    useful = axes.shrinkage > 0
    if not useful.any():
        raise fail(
            "panel-no-components",
            panel.prefix,
            f"{len(axes.rows)} variants of {len(people)} people tell no groups apart",
            "Give a larger panel, or one with more variants",
        )
    # The panel's people made the axes. Their scores are drawn in to where they would lie had
    # they come later, as the cohort does.
    scores = (axes.scores * axes.shrinkage)[people][:, useful]
    known = labels[people].astype(str)
    groups = Groups.fit(scores, known)

    used = panel.variants.iloc[axes.rows].reset_index(drop=True)
    found = project(
        genotypes, shared_variants(genotypes.variants, used), axes.frequency, axes.loadings
    )
    mine = found.scores[:, useful]
    mine[found.called < MIN_CALLED] = np.nan
    group, probability, reason = groups.assign(mine, min_probability)
    again = leave_one_out(scores, known, min_probability)
    facts |= {
        "n_variants": len(axes.rows),
        "components": int(useful.sum()),
        "min_probability": min_probability,
        "leave_one_out_accuracy": float((again == known).mean()),
        "leave_one_out": {
            name: {to: int(((known == name) & (again == to)).sum()) for to in sorted(set(again))}
            for name in groups.names
        },
        "groups": {name: int((group == name).sum()) for name in [*groups.names, UNASSIGNED]},
    }
    return Ancestry(groups.names, group, probability, reason, facts)
