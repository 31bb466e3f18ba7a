"""The simulated cohort in memory: reference, genes, sites, people and their haplotypes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genopheno.demo import genes, people, sites

CONTIGS = {"chr20": 0.6, "chr21": 0.4}  # share of the reference
PANEL = 100  # other people per population, from whom the frequency database is made


@dataclass(frozen=True)
class Cohort:
    """Everything about the simulated people but their reads and traits.

    Attributes
    ----------
    sequences : codes of each contig of the reference.
    genes : of all contigs.
    sites : all that vary among people or panel, in the order of the reference.
    people : sequenced people; the last one's sample is bad.
    haplotypes : (sites, 2 × people) uint8, 1 = alternate allele.
    panel : (sites, populations) alternate allele frequency among other people.
    relations : first-degree pairs.
    """

    sequences: dict[str, np.ndarray]
    genes: list[genes.Gene]
    sites: list[sites.Site]
    people: list[people.Person]
    haplotypes: np.ndarray
    panel: np.ndarray
    relations: list[people.Relation]

    @property
    def dosages(self) -> np.ndarray:
        """(sites, people) alternate alleles, int8."""
        return (self.haplotypes[:, ::2] + self.haplotypes[:, 1::2]).astype(np.int8)


def make_cohort(seed: int, count: int, length: int) -> Cohort:
    """Simulate reference, genes, sites and `count` people with one more for the bad sample."""
    rng = np.random.default_rng([seed, 1])
    everybody = people.draw_people(count, rng)
    columns, panels, samples = _samples(everybody)
    sequences: dict[str, np.ndarray] = {}
    all_genes: list[genes.Gene] = []
    all_sites: list[sites.Site] = []
    haplotypes, frequency = [], []
    for index, (name, share) in enumerate(CONTIGS.items()):
        size = round(length * share)
        sequence, made = genes.make_contig(name, size, len(all_genes), rng)
        positions, states = people.coalescent(size, samples, seed * 10 + index + 1)
        # The reference genome is somebody's, so it has derived alleles too.
        states = states ^ states[:, [samples[0] - 1]]
        places, kept = sites.make_sites(name, sequence, made, positions, states.mean(axis=1), rng)
        states, crossovers = states[kept], people.CROSSOVERS * share
        haplotypes.append(
            people.hand_down(everybody, positions[kept], states[:, columns], crossovers, rng)
        )
        frequency.append(np.stack([states[:, p].mean(axis=1) for p in panels], axis=1))
        sequences[name] = sequence
        all_genes += made
        all_sites += places
    sequenced = np.repeat([bool(p.sample) for p in everybody], 2)
    own, panel = np.concatenate(haplotypes)[:, sequenced], np.concatenate(frequency)
    varying = np.flatnonzero(own.any(axis=1) | panel.any(axis=1))
    return Cohort(
        sequences,
        all_genes,
        [all_sites[i] for i in varying],
        [p for p in everybody if p.sample],
        own[varying],
        panel[varying],
        people.relations(everybody),
    )


def _samples(
    everybody: list[people.Person],
) -> tuple[list[int], list[slice], tuple[int, int]]:
    """Columns of the founders' haplotypes, of the panels, and haplotypes to sample.

    The first population is sampled for its founders, its panel and the reference, in this
    order; the second for its founders and its panel.
    """
    founders = [p.population for p in everybody if p.father is None]
    north, south = (2 * founders.count(name) for name in people.POPULATIONS)
    samples = (north + 2 * PANEL + 1, south + 2 * PANEL)
    following = dict(zip(people.POPULATIONS, (0, samples[0]), strict=True))
    columns = []
    for population in founders:
        columns += [following[population], following[population] + 1]
        following[population] += 2
    panels = [
        slice(following[people.POPULATIONS[0]], samples[0] - 1),
        slice(following[people.POPULATIONS[1]], sum(samples)),
    ]
    return columns, panels, samples
