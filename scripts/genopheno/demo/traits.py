"""The demo's traits: which variants cause them, and the participant table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genopheno.demo.people import POPULATIONS, Person
from genopheno.demo.sites import Site

# Fraction of the variance within a population that the planted variant explains among
# ENOUGH people or more; among fewer it explains more, so that a scan can find it.
ENOUGH = 90
EXPLAINED = {"ldl": 0.5, "diabetes": 0.65}
NOISE = {"ldl": 0.5, "diabetes": 1.0}  # mmol/L; liability
CONFUSED = (0.5, 0.9)  # r² of variants that could be taken for the planted one, and are not it
FREQUENCY = ((0.25, 0.45), (0.2, 0.5), (0.1, 0.5), (0.0, 0.5))


@dataclass(frozen=True)
class Cause:
    """A planted variant.

    Attributes
    ----------
    trait : name as declared.
    site : the variant; row : its row among the sites.
    effect : of one more alternate allele: mmol/L for ldl, units of liability (of which the
        noise has standard deviation 1) for diabetes.
    """

    trait: str
    site: Site
    row: int
    effect: float


def choose(
    trait: str, contig: str, sites: list[Site], dosages: np.ndarray, people: list[Person]
) -> Cause:
    """Choose a variant of a contig to cause a trait.

    A common missense variant in both populations if there is one, and the one that is least
    confused with a neighbour: scans cannot tell variants apart that go together.

    Parameters
    ----------
    dosages : (sites, people) alternate alleles; people : those who count, in that order.
    """
    frequency = frequencies(dosages, people)
    minor = np.minimum(frequency, 1 - frequency).min(axis=1)
    here = np.array([site.contig == contig for site in sites])
    missense = np.array([site.consequence == "missense" for site in sites])
    single = np.array([len(site.ref) == len(site.alt) == 1 for site in sites])
    for kind in (missense, single):
        for low, high in FREQUENCY:
            rows = np.flatnonzero(here & kind & (minor > low) & (minor <= high))
            if len(rows):
                confused = [_confused(dosages, here, row) for row in rows]
                row = int(rows[np.lexsort((-minor[rows], confused))[0]])
                variance = _variance_within(dosages[row], people)
                signal = EXPLAINED[trait] / (1 - EXPLAINED[trait]) * max(1, ENOUGH / len(people))
                effect = NOISE[trait] * np.sqrt(signal / variance)
                return Cause(trait, sites[row], row, round(float(effect), 3))
    raise ValueError(f"no variant on {contig} varies")


def frequencies(dosages: np.ndarray, people: list[Person]) -> np.ndarray:
    """(sites, populations) alternate allele frequency."""
    member = np.array([p.population for p in people])
    return np.stack([dosages[:, member == p].mean(axis=1) / 2 for p in POPULATIONS], axis=1)


def _confused(dosages: np.ndarray, here: np.ndarray, row: int) -> int:
    r2 = squared_correlation(dosages[row], dosages[here])
    return int(((r2 > CONFUSED[0]) & (r2 < CONFUSED[1])).sum())


def squared_correlation(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    """r² of dosages (people,) with each row of (variants, people); 0 where one is constant."""
    a = one - one.mean()
    b = many - many.mean(axis=1, keepdims=True)
    scale = (a @ a) * (b * b).sum(axis=1)
    return np.divide((b @ a) ** 2, scale, out=np.zeros(len(b)), where=scale > 0)


def _variance_within(dosage: np.ndarray, people: list[Person]) -> float:
    member = np.array([p.population for p in people])
    return float(np.mean([dosage[member == p].var() for p in POPULATIONS]))


def participants(
    people: list[Person], causes: list[Cause], dosages: np.ndarray, rng: np.random.Generator
) -> list[dict[str, str]]:
    """Rows of the participant table, in the order of `people`, with some values missing.

    Parameters
    ----------
    causes : of ldl and diabetes.
    dosages : (sites, people) alternate alleles.
    """
    count = len(people)
    male = np.array([p.sex == "male" for p in people])
    south = np.array([p.population == "south" for p in people])
    age = rng.integers(30, 76, count)
    bmi = np.round(rng.normal(24.5 + 0.8 * south + 0.04 * (age - 50), 3.0), 1)
    cause = {c.trait: c.effect * dosages[c.row].astype(float) for c in causes}
    ldl = 2.2 + 0.012 * (age - 50) + 0.2 * male + 0.3 * south + cause["ldl"]
    ldl = np.maximum(ldl + rng.normal(0, NOISE["ldl"], count), 0.3)
    liability = 0.03 * (age - 50) + 0.08 * (bmi - 25) + 0.4 * south + 0.2 * male
    liability = liability + cause["diabetes"] + rng.normal(0, NOISE["diabetes"], count)
    ill = liability > np.median(liability)
    rows = [
        {
            "participant": person.participant,
            "sex": person.sex,
            "age": str(age[i]),
            "population": person.population,
            "bmi": f"{bmi[i]:.1f}",
            "ldl_mmol": f"{ldl[i]:.2f}",
            "diabetes": str(int(ill[i])),
        }
        for i, person in enumerate(people)
    ]
    # Missing as three clinics would write it.
    gaps = rng.permutation(count)[:6]
    for i, column, text in zip(
        gaps,
        ("ldl_mmol", "ldl_mmol", "ldl_mmol", "diabetes", "diabetes", "bmi"),
        ("NA", "", "-9", "", "NA", ""),
        strict=True,
    ):
        rows[i][column] = text
    return rows
