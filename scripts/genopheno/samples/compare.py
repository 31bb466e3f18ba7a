"""Samples of one batch compared with each other and with those of earlier batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genopheno.samples.calls import Genotypes, Site
from genopheno.samples.fingerprint import shared_sites
from genopheno.samples.likelihood import frequencies, likelihoods, sure_genotypes
from genopheno.samples.pairs import candidates, count, informative, joint_probabilities, same_odds
from genopheno.samples.pedigree import degree_of

SAME_PARTICIPANT = "same participant"
ODDS = 2.0  # log10 of the odds, 100 to 1, that decide whether two samples are one person
# Share of opposite homozygotes: parent and child have none but errors; unrelated people some
# 0.05 to 0.1 at common SNPs, full siblings a quarter of that.
PARENT_IBS0 = 0.01


@dataclass
class Batch:
    """Samples with what their reads say.

    Attributes
    ----------
    samples : (n,) names; participants : whose they are.
    sites : (m,) SNPs; likelihood : (m, n, 3) of their genotypes.
    earlier : file of an earlier batch; '' for the batch at hand.
    """

    samples: list[str]
    participants: dict[str, str]
    sites: list[Site]
    likelihood: np.ndarray
    earlier: str = ""

    @classmethod
    def of(cls, calls: Genotypes, participants: Mapping[str, str], earlier: str = "") -> Batch:
        return cls(calls.samples, dict(participants), calls.sites, likelihoods(calls), earlier)


@dataclass
class Compared:
    """What a comparison found.

    Attributes
    ----------
    earlier, samples : the file compared with, and how many samples it holds.
    sites : SNPs that both have.
    pairs, looked_at : pairs of samples, and those compared by the likelihood of their reads.
    rows : table ``identity_pairs``, without `outcome`.
    checked : samples with enough sites in common with at least one other.
    """

    earlier: str
    samples: int
    sites: int
    pairs: int
    looked_at: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    checked: set[str] = field(default_factory=set)


def compare(
    own: Batch,
    other: Batch | None,
    declared: Mapping[frozenset[str], str],
    *,
    min_sites: int,
    reliable: bool,
) -> Compared:
    """Compare all samples of a batch with each other (`other` None), or with an earlier batch.

    Parameters
    ----------
    declared : relation by pair of participants.
    min_sites : SNPs where both samples have reads that a judgement needs.
    reliable : the sites cover enough of the genome to tell kin. If not, only pairs that are
        declared, and those that are (or may be) one person, are told.
    """
    within = other is None
    them = own if other is None else other
    first = second = own.likelihood
    if not within:
        mine, theirs = shared_sites(own.sites, them.sites)
        first, second = own.likelihood[mine], them.likelihood[theirs]
    n, k = first.shape[1], second.shape[1]
    found = Compared(them.earlier, k, len(first), n * (n - 1) // 2 if within else n * k)
    if not found.sites or not found.pairs:
        return found
    # Frequencies of both batches together: one of them may be small.
    everyone = first if within else np.concatenate([first, second], axis=1)
    joint = joint_probabilities(frequencies(everyone)[0])
    sure = sure_genotypes(first)
    sure_2 = sure if within else sure_genotypes(second)
    said = declared_pairs(own, them, declared)
    chosen = candidates(sure, None if within else sure_2) | set(said)
    found.looked_at = len(chosen)
    for i, j in sorted(chosen):
        odds, sites = same_odds(first[:, i], second[:, j], joint)
        row = _row(own.samples[i], own, them.samples[j], them, odds, sites)
        row |= _counts(sure[:, [i]], sure_2[:, [j]])
        row["declared"] = said.get((i, j), "")
        row["relation"] = relation(row, min_sites)
        if worth_telling(row, min_sites, reliable):
            found.rows.append(row)
    told, told_2 = (informative(part).T.astype(np.float32) for part in (first, second))
    enough = (told @ told_2.T) >= min_sites
    if within:
        np.fill_diagonal(enough, False)
    found.checked = {own.samples[i] for i in np.flatnonzero(enough.any(axis=1))}
    return found


def declared_pairs(
    own: Batch, them: Batch, declared: Mapping[frozenset[str], str]
) -> dict[tuple[int, int], str]:
    """Pairs of columns that are said to be one participant, or relatives."""
    columns: dict[str, list[int]] = {}
    for j, name in enumerate(them.samples):
        columns.setdefault(them.participants[name], []).append(j)
    relatives: dict[str, dict[str, str]] = {}
    for pair, kind in declared.items():
        for one, two in (tuple(pair), tuple(pair)[::-1]):
            relatives.setdefault(one, {})[two] = kind
    said = {}
    for i, name in enumerate(own.samples):
        participant = own.participants[name]
        kinds = {participant: SAME_PARTICIPANT, **relatives.get(participant, {})}
        for relative, kind in kinds.items():
            for j in columns.get(relative, []):
                if own is not them or i < j:
                    said[i, j] = kind
    return said


def relation(row: Mapping[str, Any], min_sites: int) -> str:
    """What the genotypes say of a pair.

    Returns
    -------
    same, parent-child, full-siblings, second-degree, third-degree, unrelated; different (not
    one person, kinship unknown: too few sure genotypes); undecided (too few sites, or reads
    that fit both).
    """
    if row["n_sites"] < min_sites or abs(row["same_log10_odds"]) < ODDS:
        return "undecided"
    if row["same_log10_odds"] > 0:
        return "same"
    if row["n_sure"] < min_sites or row["kinship"] is None:
        return "different"
    degree = degree_of(row["kinship"]) or "unrelated"
    if degree in ("same", "first-degree"):
        return "parent-child" if row["ibs0"] < PARENT_IBS0 else "full-siblings"
    return degree


def worth_telling(row: Mapping[str, Any], min_sites: int, reliable: bool) -> bool:
    """Whether a pair goes into the table: declared, one person or may be, or relatives."""
    if row["declared"] or row["relation"] == "same":
        return True
    if row["relation"] == "undecided":
        return row["n_sites"] >= min_sites
    return reliable and row["relation"] not in ("unrelated", "different")


def _row(one: str, own: Batch, two: str, them: Batch, odds: float, sites: int) -> dict[str, Any]:
    return {
        "sample_1": one,
        "participant_1": own.participants[one],
        "sample_2": two,
        "participant_2": them.participants[two],
        "earlier": them.earlier or None,
        "n_sites": sites,
        "same_log10_odds": odds,
    }


def _counts(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    counts = count(first, second)
    both, kinship = int(counts.both[0, 0]), float(counts.kinship[0, 0])
    return {
        "n_sure": both,
        "concordance": int(counts.equal[0, 0]) / both if both else None,
        "ibs0": int(counts.ibs0[0, 0]) / both if both else None,
        "kinship": kinship if np.isfinite(kinship) else None,
    }
