"""The demo's people: a coalescent with recombination for two populations, and families.

A few hundred kilobases stand for a whole genome, so recombination is faster than in
humans, along the coalescent and in the families alike: otherwise the reference would be
one or two blocks of inheritance, in which kinship and principal components mean little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

POPULATIONS = ("north", "south")
SIZE = 10_000  # diploids per population; the ancestral population has as many
SPLIT = 2_500  # generations ago; Hudson's FST is near SPLIT / (2 SIZE + SPLIT) = 0.11
MUTATION = 2.5e-8  # per bp and generation
RECOMBINATION = 3e-7  # per bp and generation
CROSSOVERS = 40.0  # expected per gamete, over the whole reference
MINIMUM = 12  # people that the families need around them


@dataclass(frozen=True)
class Person:
    """One simulated person.

    Attributes
    ----------
    participant, sample : names; '' for a parent who was not sequenced.
    sex : female or male.
    population : one of `POPULATIONS`.
    father, mother : row of the parents in the list of people; None for founders.
    """

    participant: str
    sample: str
    sex: str
    population: str
    father: int | None = None
    mother: int | None = None


@dataclass(frozen=True)
class Relation:
    """A first-degree pair of sequenced people: parent-child or siblings."""

    sample_1: str
    sample_2: str
    kind: str


def draw_people(people: int, rng: np.random.Generator) -> list[Person]:
    """Make `people` people and, last, one more whose sample will be bad.

    Among them are a trio (north), two parents with two children (south) and siblings
    whose parents were not sequenced (north; the parents are in the list without names).
    Parents come before their children in the list; names are given in random order.
    """
    if people < MINIMUM:
        raise ValueError(f"at least {MINIMUM} people, not {people}")
    order = [f"{i:03d}" for i in 1 + rng.permutation(people)]
    made: list[Person] = []

    def add(sex: str, population: str, parents=(None, None), *, named: bool = True) -> int:
        name = order.pop() if named else ""
        label = (f"P{name}", f"S{name}") if named else ("", "")
        made.append(Person(*label, sex, population, *parents))
        return len(made) - 1

    north, south = POPULATIONS
    trio = add("male", north), add("female", north)
    quartet = add("male", south), add("female", south)
    hidden = add("male", north, named=False), add("female", north, named=False)
    sexes = [("female", "male")[i] for i in rng.integers(0, 2, people + 6)]
    add(sexes[0], north, trio)
    add(sexes[1], south, quartet)
    add(sexes[2], south, quartet)
    add(sexes[3], north, hidden)
    add(sexes[4], north, hidden)
    while order:
        add(sexes[len(order) + 4], POPULATIONS[len(order) % 2])
    bad = f"{people + 1:03d}"
    made.append(Person(f"P{bad}", f"S{bad}", sexes[-1], south))
    return made


def relations(people: list[Person]) -> list[Relation]:
    """All first-degree pairs of sequenced people, in the order of their names."""
    found = []
    for j, b in enumerate(people):
        for i, a in enumerate(people[:j]):
            if not (a.sample and b.sample):
                continue
            parents = (b.father, b.mother)
            siblings = a.father is not None and (a.father, a.mother) == parents
            if i in parents or siblings:
                first, second = sorted((a.sample, b.sample))
                found.append(Relation(first, second, "siblings" if siblings else "parent-child"))
    return sorted(found, key=lambda r: (r.sample_1, r.sample_2))


def coalescent(
    length: int, haplotypes: tuple[int, int], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate one contig with msprime.

    Parameters
    ----------
    length : bp.
    haplotypes : how many to sample from each population.

    Returns
    -------
    positions : (sites,) 0-based, increasing, distinct.
    states : (sites, haplotypes) uint8, 1 = derived; first population first.
    """
    import msprime

    demography = msprime.Demography()
    for name in (*POPULATIONS, "ancestral"):
        demography.add_population(name=name, initial_size=SIZE)
    demography.add_population_split(time=SPLIT, derived=list(POPULATIONS), ancestral="ancestral")
    trees = msprime.sim_ancestry(
        samples=[
            msprime.SampleSet(n, population=name, ploidy=1)
            for n, name in zip(haplotypes, POPULATIONS, strict=True)
        ],
        ploidy=2,
        demography=demography,
        sequence_length=length,
        recombination_rate=RECOMBINATION,
        random_seed=seed,
    )
    trees = msprime.sim_mutations(
        trees,
        rate=MUTATION,
        model=msprime.BinaryMutationModel(),
        discrete_genome=False,
        random_seed=seed,
    )
    places = np.floor(trees.sites_position).astype(np.int64)
    positions, first = np.unique(places, return_index=True)
    return positions, trees.genotype_matrix()[first].astype(np.uint8)


def hand_down(
    people: list[Person],
    positions: np.ndarray,
    founders: np.ndarray,
    crossovers: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Haplotypes of everybody on one contig: founders' own, children's by meiosis.

    Parameters
    ----------
    people : parents before children.
    positions : (sites,).
    founders : (sites, 2 × founders) in the order of the founders in `people`.
    crossovers : expected number in one gamete on this contig (Poisson, no interference).

    Returns
    -------
    (sites, 2 × people) uint8; a child's first haplotype is the father's.
    """
    out = np.empty((len(positions), 2 * len(people)), dtype=np.uint8)
    used = 0
    end = positions[-1] + 1 if len(positions) else 1
    for i, person in enumerate(people):
        if person.father is None:
            out[:, 2 * i : 2 * i + 2] = founders[:, used : used + 2]
            used += 2
            continue
        for side, parent in enumerate((person.father, person.mother)):
            breaks = np.sort(rng.uniform(0, end, rng.poisson(crossovers)))
            strand = (np.searchsorted(breaks, positions) + rng.integers(0, 2)) % 2
            out[:, 2 * i + side] = out[np.arange(len(positions)), 2 * parent + strand]
    return out
