"""Who is who: contamination, sex, and identity of every sample, from the calls of the cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genopheno import fields
from genopheno.chromosomes import SexChromosomes
from genopheno.files import write_json
from genopheno.problems import fail
from genopheno.samples import pedigree
from genopheno.samples.calls import Genotypes, read_calls
from genopheno.samples.compare import SAME_PARTICIPANT, Batch, Compared, compare
from genopheno.samples.faults import judge
from genopheno.samples.fingerprint import read_fingerprints, write_fingerprints
from genopheno.samples.measures import Options, Person, measure_contamination, measure_sex


@dataclass
class Findings:
    """Measures and faults per sample, row by row of table ``identity_measures``."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def fault(self, sample: str, check: str, reason: str) -> None:
        row = self.rows[sample]
        row[f"{check}_check"] = "differs"
        row[f"{check}_reasons"] = "; ".join(filter(None, (row[f"{check}_reasons"], reason)))


def identity(
    calls: Path,
    people: Mapping[str, Person],
    *,
    out_dir: Path,
    qc_dir: Path | None = None,
    ped: Path | None = None,
    earlier: Sequence[Path] = (),
    sex: SexChromosomes,
    options: Options,
    threads: int = 1,
) -> pd.DataFrame:
    """Check the samples of the calls, and write pairs, fingerprints, measures and a report.

    Parameters
    ----------
    calls : VCF or BCF of the cohort.
    people : participant and declared sex of each sample.
    out_dir : gets ``pairs.parquet``, ``measures.parquet``, ``fingerprints.bcf``,
        ``identity.json``.
    qc_dir : ``{sample}/contigs.json`` in it gives the mean depth per contig; samples without
        are judged by their calls alone.
    ped : declared relatives, by participant or by sample.
    earlier : ``fingerprints.bcf`` of earlier batches.
    sex : names of the sex chromosomes; without X there is no check of sex.
    threads : samples whose contamination is estimated side by side.

    Returns
    -------
    Table ``identity_measures``, samples in the order of the calls.

    Raises
    ------
    StageError : samples of the calls that `people` does not name, or an unreadable file.
    """
    family = pedigree.read_pedigree(ped) if ped else {}
    trios: list[pedigree.Trio] = []

    def each(contig: str, genotypes: np.ndarray) -> None:
        if contig not in (sex.x, sex.y):
            for trio in trios:
                trio.see(genotypes)

    samples = _samples(calls, people)
    trios += _trios(family, samples, people)
    autosomes, x, counts = read_calls(
        calls,
        sex,
        max_sites=options.max_sites,
        min_frequency=options.min_frequency,
        min_call_rate=options.min_call_rate,
        each=each if trios else None,
    )
    own = Batch.of(autosomes, {name: people[name].participant for name in samples})
    batches = [(path, *read_fingerprints(path)) for path in earlier]
    others = [Batch.of(found, whose, str(path)) for path, found, whose in batches]
    found = Findings({name: _row(name, people[name]) for name in samples})
    measure_contamination(found.rows, autosomes, own.likelihood, options, threads)
    measure_sex(found.rows, x, people, qc_dir, sex, options)
    declared = _declared(family, samples, people)
    independent = independent_sites(autosomes)
    bounds = {
        "min_sites": options.min_sites,
        "reliable": independent >= options.min_independent_sites,
    }
    compared = [compare(own, other, declared, **bounds) for other in (None, *others)]
    told = [row for part in compared for row in part.rows]
    for sample, same in judge(told, found.fault, **bounds).items():
        found.rows[sample]["same_as"] = "; ".join(same)
    _settle(found, compared, family, people)
    for trio in trios:
        row = found.rows[samples[trio.child]]
        row["mendelian_errors"] = trio.inconsistent
        row["mendelian_sites"] = trio.consistent + trio.inconsistent

    table = pd.DataFrame(list(found.rows.values()), columns=fields.names("identity_measures"))
    pairs = pd.DataFrame(told, columns=fields.names("identity_pairs"))
    fields.write(out_dir / "measures.parquet", table, "identity_measures")
    fields.write(out_dir / "pairs.parquet", pairs, "identity_pairs")
    write_fingerprints(calls, autosomes.sites, own.participants, out_dir / "fingerprints.bcf")
    write_json(
        out_dir / "identity.json",
        {
            "samples": len(samples),
            "calls": counts,
            "independent_sites": independent,
            "kinship_reliable": bounds["reliable"],
            "allele_depths": autosomes.has_depth,
            "compared": [_said(part) for part in compared],
            "trios": [
                {
                    "child": samples[trio.child],
                    "father": samples[trio.father],
                    "mother": samples[trio.mother],
                    "consistent": trio.consistent,
                    "inconsistent": trio.inconsistent,
                    "skipped": trio.skipped,
                }
                for trio in trios
            ],
            "pedigree_people": len(family),
            "pedigree_people_absent": sorted(
                set(family) - {p.participant for p in people.values()} - set(samples)
            )[:100],
            "notes": _notes(autosomes, x, sex, independent, options),
        },
    )
    return table


def independent_sites(genotypes: Genotypes, spacing: int = 50_000) -> int:
    """SNPs that are `spacing` (bp) apart or more, counted from the first of each contig."""
    number, last = 0, ("", 0)
    for contig, position, *_ in sorted(genotypes.sites):
        if contig != last[0] or position - last[1] >= spacing:
            number, last = number + 1, (contig, position)
    return number


def _samples(calls: Path, people: Mapping[str, Person]) -> list[str]:
    from cyvcf2 import VCF

    samples = list(VCF(str(calls)).samples)
    if strangers := sorted(set(samples) - set(people)):
        raise fail(
            "samples-unknown",
            calls,
            f"samples {', '.join(strangers[:20])} are not in the sample sheet",
            "Call variants and read the sheet in the same run",
        )
    return samples


def _row(sample: str, person: Person) -> dict[str, Any]:
    row = dict.fromkeys(fields.names("identity_measures"))
    return row | {
        "sample": sample,
        "participant": person.participant,
        "sex": person.sex,
        "sex_reasons": "",
        "identity_reasons": "",
        "pedigree_reasons": "",
    }


def _declared(
    family: Mapping[str, pedigree.Person], samples: Sequence[str], people: Mapping[str, Person]
) -> dict[frozenset[str], str]:
    """Declared relations between participants; the PED may name participants or samples."""
    known = {people[name].participant for name in samples}
    named = {name: people[name].participant for name in samples} | {p: p for p in known}
    present = [name for name in family if name in named]
    return {
        frozenset((named[a], named[b])): relation
        for (a, b), relation in pedigree.relations(family, present).items()
        if named[a] != named[b]
    }


def _trios(
    family: Mapping[str, pedigree.Person], samples: Sequence[str], people: Mapping[str, Person]
) -> list[pedigree.Trio]:
    column = {people[name].participant: i for i, name in reversed(list(enumerate(samples)))}
    column |= {name: i for i, name in enumerate(samples)}
    return [
        pedigree.Trio(*(column[name] for name in (p.id, p.father, p.mother)))
        for p in family.values()
        if {p.id, p.father, p.mother} <= set(column)
    ]


def _settle(
    found: Findings,
    compared: Sequence[Compared],
    family: Mapping[str, pedigree.Person],
    people: Mapping[str, Person],
) -> None:
    """Checks without a fault agree where something was compared; the PED's sex is compared."""
    told: dict[str, set[str]] = {"identity": set(), "pedigree": set()}
    for part in compared:
        told["identity"] |= part.checked
        for row in part.rows:
            if row["declared"] not in ("", SAME_PARTICIPANT) and row["outcome"] == "agrees":
                told["pedigree"] |= {row["sample_1"], row["sample_2"]}
    for sample, row in found.rows.items():
        person = people[sample]
        relative = family.get(person.participant) or family.get(sample)
        if relative and {relative.sex, person.sex} == {"female", "male"}:
            found.fault(
                sample, "pedigree", f"the pedigree says {relative.sex}, the sheet {person.sex}"
            )
        for check, samples in told.items():
            if row[f"{check}_check"] is None and sample in samples:
                row[f"{check}_check"] = "agrees"


def _said(part: Compared) -> dict[str, Any]:
    return {
        "earlier": part.earlier,
        "sites": part.sites,
        "samples": part.samples,
        "pairs_compared": part.pairs,
        "pairs_looked_at": part.looked_at,
        "pairs_told": len(part.rows),
        "samples_with_enough_sites": len(part.checked),
    }


def _notes(
    autosomes: Genotypes, x: Genotypes, sex: SexChromosomes, independent: int, options: Options
) -> list[str]:
    notes = []
    if len(autosomes.sites) < options.min_sites:
        notes.append(
            f"{len(autosomes.sites)} common SNPs are fewer than identity.min_sites "
            f"{options.min_sites}: nobody's identity is judged"
        )
    if independent < options.min_independent_sites:
        notes.append(
            f"{independent} SNPs 50 kb apart are fewer than identity.min_independent_sites "
            f"{options.min_independent_sites}: of declared relatives only parents and children "
            "are judged, and a stretch that two people share may look like kinship"
        )
    if sex.x is None:
        notes.append("the reference has no known X: sex is not checked")
    elif len(x.sites) < options.min_sites:
        notes.append(f"{len(x.sites)} SNPs of X are too few to tell sex by heterozygosity")
    if not autosomes.has_depth:
        notes.append("the calls have no allele depths: contamination is not measured")
    return notes
