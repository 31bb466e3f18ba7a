"""What is wrong with a pair of samples, in words, for each of the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genopheno.samples.compare import PARENT_IBS0, SAME_PARTICIPANT

Row = dict[str, Any]
# Relations that the genotypes of declared relatives may show: distant kin spreads widely.
FITTING = {
    "full-siblings": {"full-siblings", "parent-child"},
    "first-degree": {"full-siblings", "parent-child"},
    "second-degree": {"second-degree", "third-degree"},
    "third-degree": {"second-degree", "third-degree", "unrelated"},
}


def outcome(row: Mapping[str, Any], min_sites: int, reliable: bool) -> str:
    """Whether a pair is what it is declared to be.

    Parameters
    ----------
    row : of table ``identity_pairs``.
    min_sites : sure genotypes that a judgement of kin needs.
    reliable : the sites cover enough of the genome to judge other kin than parents.

    Returns
    -------
    agrees, differs, undecided; '' where nothing is declared of two people.
    """
    declared, relation = row["declared"], row["relation"]
    if relation == "same":
        return "agrees" if declared == SAME_PARTICIPANT else "differs"
    if not declared:
        return ""
    if relation == "undecided":
        return "undecided"
    if declared == SAME_PARTICIPANT:
        return "differs"
    if relation == "different":
        return "undecided"
    if declared == "parent-child":
        return "agrees" if row["ibs0"] < PARENT_IBS0 else "differs"
    if not reliable:
        return "undecided"
    return "agrees" if relation in FITTING[declared] else "differs"


def judge(
    rows: Sequence[Row],
    fault: Callable[[str, str, str], None],
    *,
    min_sites: int,
    reliable: bool,
) -> dict[str, list[str]]:
    """Set the outcome of every pair, and tell the faults of the samples of this batch.

    Parameters
    ----------
    fault : told sample, check (identity or pedigree) and reason.

    Returns
    -------
    Of each sample those samples of other participants that have its genotypes.
    """
    matches: dict[str, list[str]] = {}
    for row in rows:
        row["outcome"] = outcome(row, min_sites, reliable)
        if row["relation"] == "same" and row["declared"] != SAME_PARTICIPANT:
            for sample, other in _ends(row):
                matches.setdefault(sample, []).append(other)
    contradicted = [row for row in rows if row["outcome"] == "differs"]
    swapped = {
        sample
        for row in contradicted
        if row["declared"] == SAME_PARTICIPANT
        for sample, _ in _ends(row)
        if sample in matches
    }
    for row in contradicted:
        for sample, other in _ends(row):
            if row["declared"] == SAME_PARTICIPANT:
                reason = f"genotypes differ from {other}, the same participant {_numbers(row)}"
                if sample in swapped:
                    fits = ", ".join(matches[sample])
                    reason = f"swap suspected: {reason}, and are those of {fits}"
                fault(sample, "identity", reason)
            elif row["relation"] == "same":
                if sample not in swapped:  # told with the swap
                    fault(sample, "identity", f"same genotypes as {other} {_numbers(row)}")
            else:
                fault(
                    sample,
                    "pedigree",
                    f"declared {row['declared']} of {other}, genotypes say {row['relation']} "
                    f"{_numbers(row)}",
                )
    return matches


def _ends(row: Row) -> Iterator[tuple[str, str]]:
    """Each sample of this batch, and how the other one is named to its owner."""
    two = f"{row['sample_2']} (participant {row['participant_2']}"
    if row["earlier"]:
        yield row["sample_1"], f"{two}, {Path(row['earlier']).name})"
    else:
        yield row["sample_1"], f"{two})"
        yield row["sample_2"], f"{row['sample_1']} (participant {row['participant_1']})"


def _numbers(row: Row) -> str:
    parts = [f"{row['n_sites']:,} sites"]
    if row["declared"] and row["declared"] != SAME_PARTICIPANT:
        parts += [f"kinship {row['kinship']:.3f}", f"IBS0 {row['ibs0']:.4f}"]
    elif row["concordance"] is not None:
        parts.append(f"concordance {row['concordance']:.3f} at {row['n_sure']:,} sure genotypes")
    return f"({', '.join(parts)})"
