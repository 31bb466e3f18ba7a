"""Declared relatives: the PED file, the kinship it implies, and Mendelian errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genopheno.problems import Problems, fail

SEXES = {"1": "male", "2": "female"}


@dataclass(frozen=True)
class Person:
    """A row of a PED file; parents are '' where they are not given."""

    id: str
    father: str
    mother: str
    sex: str


def read_pedigree(path: Path) -> dict[str, Person]:
    """Read a PED or PLINK FAM file: family, individual, father, mother, sex, and more.

    Raises
    ------
    StageError : it cannot be read, or all faulty rows at once.
    """
    people: dict[str, Person] = {}
    problems = Problems()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        mend = "Name a PED file in 'pedigree', or leave the key out"
        raise fail("unreadable-file", path, f"it cannot be read: {error}", mend) from None
    for row, line in enumerate(lines, start=1):
        cells = line.split()
        if not cells or cells[0].startswith("#"):
            continue
        if len(cells) < 5:
            problems.add(
                "pedigree-row", path, f"{len(cells)} columns",
                "Give family, individual, father, mother and sex, with 0 for unknown", row=row,
            )  # fmt: skip
            continue
        own, father, mother = ("" if cell == "0" else cell for cell in cells[1:4])
        if own in people or own in (father, mother) or not own:
            problems.add(
                "pedigree-row", path, f"individual {cells[1]!r} is named twice or is 0",
                "Give each individual one row, and other people as parents", row=row,
            )  # fmt: skip
            continue
        people[own] = Person(own, father, mother, SEXES.get(cells[4], "unknown"))
    if not people and not problems:
        problems.add("pedigree-empty", path, "it names nobody", "Give a PED file with rows")
    if not problems and (inside := _ancestor_of_itself(people)):
        problems.add(
            "pedigree-loop", path, f"{inside!r} is an ancestor of itself", "Mend the parents"
        )
    problems.raise_if_any()
    return people


def _ancestor_of_itself(people: Mapping[str, Person]) -> str:
    for start in people:
        seen, todo = set(), [people[start].father, people[start].mother]
        while todo:
            name = todo.pop()
            if name == start:
                return start
            if name in people and name not in seen:
                seen.add(name)
                todo += [people[name].father, people[name].mother]
    return ""


def relations(people: Mapping[str, Person], present: Sequence[str]) -> dict[tuple[str, str], str]:
    """Declared relations among the people who are present, in the order of `present`.

    Returns
    -------
    parent-child, full-siblings, or the degree that the pedigree's kinship coefficient gives:
    first-degree, second-degree or third-degree. Unrelated pairs are left out.
    """
    known: dict[tuple[str, str], float] = {}
    depth = _generations(people)

    def kinship(a: str, b: str) -> float:
        if not a or not b:
            return 0.0
        if (depth.get(a, 0), a) < (depth.get(b, 0), b):
            a, b = b, a  # the younger is expanded
        if (a, b) not in known:
            one = people.get(a, Person(a, "", "", ""))
            if a == b:
                known[a, b] = 0.5 * (1 + kinship(one.father, one.mother))
            else:
                known[a, b] = 0.5 * (kinship(one.father, b) + kinship(one.mother, b))
        return known[a, b]

    found = {}
    inside = [name for name in present if name in people]
    for i, a in enumerate(inside):
        for b in inside[i + 1 :]:
            one, two = people[a], people[b]
            if b in (one.father, one.mother) or a in (two.father, two.mother):
                found[a, b] = "parent-child"
            elif one.father and one.mother and (one.father, one.mother) == (two.father, two.mother):
                found[a, b] = "full-siblings"
            elif degree := degree_of(kinship(a, b)):
                found[a, b] = degree
    return found


def degree_of(kinship: float) -> str:
    """Degree by the bounds of KING; '' unrelated."""
    for above, name in ((0.354, "same"), (0.177, "first-degree"), (0.0884, "second-degree")):
        if kinship > above:
            return name
    return "third-degree" if kinship > 0.0442 else ""


def _generations(people: Mapping[str, Person]) -> dict[str, int]:
    depth: dict[str, int] = {}

    def of(name: str) -> int:
        if name not in people:
            return 0
        if name not in depth:
            depth[name] = 1 + max(of(people[name].father), of(people[name].mother))
        return depth[name]

    for name in people:
        of(name)
    return depth


@dataclass
class Trio:
    """A child with both parents (columns of the calls), and what its genotypes showed."""

    child: int
    father: int
    mother: int
    consistent: int = 0
    inconsistent: int = 0
    skipped: int = 0

    def see(self, genotypes: np.ndarray) -> None:
        """Count one record, (n, 2) alleles with -1 missing, as ``bcftools +mendelian`` does.

        A child without a genotype is skipped. A parent without one may have given any allele.
        """
        child, father, mother = (
            genotypes[i].tolist() for i in (self.child, self.father, self.mother)
        )
        if min(child) < 0:
            self.skipped += 1
            return
        any_father, any_mother = min(father) < 0, min(mother) < 0
        if any(
            (any_father or one in father) and (any_mother or two in mother)
            for one, two in (child, child[::-1])
        ):
            self.consistent += 1
        else:
            self.inconsistent += 1
