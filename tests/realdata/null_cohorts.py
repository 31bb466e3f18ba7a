"""Cohorts of real haplotypes and of families, and designs for null simulations on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from genopheno.association import build
from genopheno.association.design import Design
from genopheno.genotypes import Genotypes, write_bed

SWITCHES = 20  # per haplotype and megabase, from one real haplotype to another
CONTIGS = 10


def mosaics(vcf: Path, prefix: Path, people: int, min_count: int, seed: int = 1) -> None:
    """People whose haplotypes are mosaics of the real ones in a phased VCF of one region."""
    from cyvcf2 import VCF

    held, kept = [], []
    for record in VCF(str(vcf)):
        alleles = np.array(record.genotype.array()[:, :2], np.int8).ravel()
        if 0 < alleles.sum() < len(alleles):
            kept.append(alleles)
            held.append((record.POS, record.REF, record.ALT[0]))
    haplotypes = np.stack(kept)
    position = np.array([p for p, _, _ in held])
    rng = np.random.default_rng(seed)
    span = position[-1] - position[0]
    dosages = np.zeros((len(held), people), np.int8)
    for person in range(people):
        for _ in range(2):
            cuts = np.sort(
                rng.uniform(position[0], position[-1], rng.poisson(SWITCHES * span / 1e6))
            )
            source = rng.integers(haplotypes.shape[1], size=len(cuts) + 1)
            dosages[:, person] += haplotypes[
                np.arange(len(held)), source[np.searchsorted(cuts, position)]
            ]
    count = dosages.sum(1, dtype=int)
    rows = np.flatnonzero(np.minimum(count, 2 * people - count) >= min_count)
    variants = pd.DataFrame(
        {
            "variant_id": [f"7:{p}:{a}:{b}" for p, a, b in held],
            "contig": "7",
            "position": position,
            "effect_allele": [b for _, _, b in held],
            "other_allele": [a for _, a, _ in held],
        }
    ).iloc[rows]
    # The names of some records occur twice.
    once = ~variants["variant_id"].duplicated()
    write_bed(prefix, dosages[rows[once]], variants[once], [f"P{i}" for i in range(people)])


def families(source: Path, prefix: Path, step: int = 1) -> None:
    """The families of SAIGE's example; its markers, unlinked, dealt out to contigs in runs."""
    genotypes = Genotypes.open(source / "plinkforGRM_1000samples_10kMarkers")
    dosages = genotypes.dosages(0, genotypes.n_variants, dtype=np.int8)[::step]
    variants = genotypes.variants.iloc[::step].copy()
    variants["contig"] = (np.arange(len(variants)) * CONTIGS // len(variants) + 1).astype(str)
    variants["position"] = np.arange(1, len(variants) + 1) * 1000
    write_bed(prefix, dosages, variants, genotypes.samples)


def design(
    prefix: Path, model: str, *, quantitative: bool = True, related: bool = False, seed: int = 2
) -> Design:
    """A skewed quantitative and a binary trait (1 in 20) with two covariates, to be permuted.

    related : everybody is a relative of somebody, which the choice of folds asks for.
    """
    names = Genotypes.open(prefix).samples
    rng = np.random.default_rng(seed)
    n = len(names)
    people = pd.DataFrame(
        {
            "participant": names,
            "sex": rng.choice(["female", "male"], n),
            "age": rng.normal(50, 9, n),
            "q": rng.gamma(2, 1, n),
            "b": (rng.random(n) < 0.05) * 1.0,
        }
    )
    declared = [
        {"name": "q", "type": "quantitative", "covariates": ["age", "sex"]},
        {"name": "b", "type": "binary", "covariates": ["age", "sex"]},
    ]
    made = build.design(
        pd.DataFrame({"sample": names, "participant": names}),
        people,
        {"traits": declared if quantitative else declared[1:]},
        None,
        n_components=0,
        relatives="keep",
        choose=lambda trait: (model, "asked for"),
    )
    for trait in made.traits:
        trait.info["n_related"] = n if related else 0
    return made
