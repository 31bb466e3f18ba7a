"""Which reader a file asks for, and who of the cohort is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from genopheno.dosages.bgen import BgenSource
from genopheno.dosages.pgen import PgenSource
from genopheno.dosages.source import Source
from genopheno.dosages.vcf import VcfSource
from genopheno.problems import Problem, Problems, StageError, fail

READERS: dict[str, Callable[[Path], Source]] = {
    ".vcf": VcfSource,
    ".vcf.gz": VcfSource,
    ".vcf.bgz": VcfSource,
    ".bcf": VcfSource,
    ".bgen": BgenSource,
    ".pgen": PgenSource,
}


def check(paths: Sequence[Path], samples: Sequence[str]) -> list[Problem]:
    """What headers and lists of people tell is wrong, before anything runs."""
    problems: list[Problem] = []
    for path in paths:
        try:
            places_of([open_source(path)], samples)
        except StageError as error:
            problems += error.problems
    return problems


def open_source(path: Path) -> Source:
    if not path.is_file():
        raise fail("dosages-missing", path, "there is no such file", "See association.dosages")
    for ending, reader in READERS.items():
        if path.name.lower().endswith(ending):
            return reader(path)
    raise fail(
        "dosages-format",
        path,
        f"its name ends with none of {', '.join(READERS)}",
        "Give VCF or BCF with FORMAT/DS or GP, BGEN or PGEN",
    )


def places_of(sources: list[Source], samples: Sequence[str]) -> list[np.ndarray]:
    """For each file the place of every sample of the cohort in it; -1: it is not there."""
    problems, out = Problems(), []
    for source in sources:
        place = {name: i for i, name in enumerate(source.samples)}
        if len(place) < len(source.samples):
            twice = [name for name, n in Counter(source.samples).items() if n > 1]
            problems.add(
                "sample-duplicate",
                source.path,
                f"{len(twice)} names occur more than once, such as {', '.join(twice[:5])}",
                "Give every person a name of its own",
            )
        out.append(np.array([place.get(sample, -1) for sample in samples]))
        if (out[-1] < 0).all():
            problems.add(
                "dosages-no-sample-shared",
                source.path,
                f"it names people like {', '.join(source.samples[:3])}, the cohort like "
                f"{', '.join(samples[:3])}",
                "Name the people as the sample sheet does ('bcftools reheader -s', .sample, .psam)",
            )
    problems.raise_if_any()
    return out
