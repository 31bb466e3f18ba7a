"""Sex as the reads have it, against the sex that was declared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from genopheno.chromosomes import SexChromosomes
from genopheno.samples.likelihood import hardy_weinberg

# Depth of X over that of the autosomes: one X 0.5, two X 1. Of Y: none 0, one 0.5, less where
# much of Y cannot be mapped. The bounds lie between; what falls between them is not told.
ONE_X, TWO_X = 0.65, 0.80
NO_Y, ONE_Y = 0.10, 0.20
# Heterozygosity of X over that expected of two X: plink --check-sex takes F = 1 - this, with
# below 0.2 female and above 0.8 male.
HOMOZYGOUS, HETEROZYGOUS = 0.2, 0.5
AUTOSOME = re.compile(r"(chr)?\d+", re.IGNORECASE)


@dataclass(frozen=True)
class SexEvidence:
    """What was measured; None where it could not be.

    Attributes
    ----------
    x_ratio, y_ratio : mean depth of X, of Y, over that of the autosomes.
    x_heterozygosity : heterozygosity of X outside the pseudoautosomal regions over that
        expected of two X at these sites: about 0 of one X, about 1 of two.
    x_sites : SNPs it comes from.
    """

    x_ratio: float | None = None
    y_ratio: float | None = None
    x_heterozygosity: float | None = None
    x_sites: int = 0


def depth_ratios(
    contigs: Mapping[str, Mapping[str, float]] | None, sex: SexChromosomes
) -> tuple[float | None, float | None]:
    """Depth of X and of Y over that of the autosomes, from mean depth per contig.

    Autosomes are the contigs named by a number (``chr`` before it or not).
    """
    if not contigs:
        return None, None
    numbered = [c for name, c in contigs.items() if AUTOSOME.fullmatch(name)]
    length = sum(c["length"] for c in numbered)
    mean = sum(c["length"] * c["mean"] for c in numbered) / length if length else 0.0
    if mean <= 0:
        return None, None
    x, y = (contigs[name]["mean"] / mean if name in contigs else None for name in (sex.x, sex.y))
    return x, y


def x_heterozygosity(
    likelihood: np.ndarray, frequency: np.ndarray, rounds: int = 50
) -> tuple[float, int]:
    """Share of sites of X that look as if drawn for two X, and the number of sites.

    Each site is a mixture of two X (Hardy-Weinberg) and one X (homozygous); the share of the
    first is found by expectation maximisation over the sample's reads, so that heterozygotes
    missed at low depth do not count as homozygotes.

    Parameters
    ----------
    likelihood : (m, 3) genotype likelihoods of the sample, diploid; flat where it has no reads.
    frequency : (m,) of the alternate allele.
    """
    used = ~np.isclose(likelihood.min(axis=1), likelihood.max(axis=1))
    reads, p = likelihood[used].astype(float), frequency[used]
    if not len(p):
        return 0.0, 0
    two = (reads * hardy_weinberg(p)).sum(axis=1)
    one = reads[:, 0] * (1 - p) + reads[:, 2] * p
    share = 0.5
    for _ in range(rounds):
        share = (share * two / (share * two + (1 - share) * one)).mean()
    return float(share), int(used.sum())


def infer(evidence: SexEvidence, min_sites: int) -> tuple[str | None, str | None]:
    """Sex by depth and by heterozygosity: female, male, unclear, or None (not measured)."""
    by_depth = None
    if evidence.x_ratio is not None:
        one, two = evidence.x_ratio < ONE_X, evidence.x_ratio > TWO_X
        with_y = evidence.y_ratio is None or evidence.y_ratio > ONE_Y
        without_y = evidence.y_ratio is None or evidence.y_ratio < NO_Y
        by_depth = "male" if one and with_y else "female" if two and without_y else "unclear"
    by_calls = None
    if evidence.x_heterozygosity is not None and evidence.x_sites >= min_sites:
        value = evidence.x_heterozygosity
        by_calls = "male" if value < HOMOZYGOUS else "female" if value > HETEROZYGOUS else "unclear"
    return by_depth, by_calls


def check_sex(
    declared: str, evidence: SexEvidence, min_sites: int
) -> tuple[str | None, str | None, str]:
    """Compare the declared sex with the reads.

    Parameters
    ----------
    declared : female, male or unknown.
    min_sites : SNPs of X that heterozygosity needs.

    Returns
    -------
    inferred : female, male, unclear, or None where nothing could be measured.
    check : agrees, differs, unclear, or None where nothing could be compared.
    reason : in words, '' where it agrees or nothing was compared.
    """
    by_depth, by_calls = infer(evidence, min_sites)
    told = {sex for sex in (by_depth, by_calls) if sex is not None}
    inferred = None if not told else told.pop() if len(told) == 1 else "unclear"
    if inferred is None or declared not in ("female", "male"):
        return inferred, None, ""
    if inferred == declared:
        return inferred, "agrees", ""
    numbers = []
    if evidence.x_ratio is not None:
        numbers.append(f"depth of X {evidence.x_ratio:.2f} of the autosomes'")
    if evidence.y_ratio is not None:
        numbers.append(f"of Y {evidence.y_ratio:.2f}")
    if by_calls is not None:
        numbers.append(
            f"X heterozygosity {evidence.x_heterozygosity:.2f} of that of two X at "
            f"{evidence.x_sites:,} sites"
        )
    if inferred == "unclear":
        return inferred, "unclear", f"declared {declared}, sex unclear: {', '.join(numbers)}"
    return inferred, "differs", f"declared {declared}, reads say {inferred}: {', '.join(numbers)}"
