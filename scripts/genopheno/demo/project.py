"""A complete project folder with simulated data; the same seed gives the same bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from genopheno.demo import genes, polygenic, reads, scores, sites, traits, vcf
from genopheno.demo.cohort import Cohort, make_cohort
from genopheno.demo.people import Person
from genopheno.demo.templates import CONFIG, PHENOTYPES
from genopheno.files import write_json, write_text
from genopheno.problems import fail

CAUSES = {"ldl": "chr20", "diabetes": "chr21"}
BAD_COVERAGE = 1.0
FOREIGN = 0.6  # of the bad sample's reads
TWO_LANES = 4  # people whose library was sequenced on two lanes
NOISE = 0.08  # standard deviation of KING kinship over 200 kb, by plink2
MAX_KINSHIP = 0.177
COLUMNS = ("sample", "participant", "sex", "library", "lane", "platform", "fastq_1", "fastq_2")


@dataclass(frozen=True)
class Planted:
    """What the simulation hid in the data; ``planted.json`` holds the same.

    Attributes
    ----------
    traits : by name: variant_id, gene, consequence, effect (of one alternate allele:
        trait units, or units of liability), type.
    bad_sample, bad_participant : the sample that quality control has to fail.
    relatives : first-degree pairs: sample_1, sample_2, kind (parent-child or siblings).
    """

    seed: int
    people: int
    coverage: float
    length: int
    traits: dict[str, dict[str, str | float]]
    bad_sample: str
    bad_participant: str
    relatives: list[dict[str, str]]


def simulate(
    directory: Path,
    *,
    seed: int = 20,
    people: int = 100,
    coverage: float = 8.0,
    length: int = 200_000,
    progress: Callable[[int, int], None] | None = None,
    threads: int = 2,
) -> Planted:
    """Make a project folder with simulated data.

    Parameters
    ----------
    directory : folder to make or to fill.
    people : good samples; one bad sample of another person comes on top.
    coverage : mean depth of a good sample, as sequenced.
    length : bp of the reference, in two contigs.
    progress : told (samples written, samples) after each.
    threads : samples written side by side; the result does not depend on it.

    Raises
    ------
    StageError : the folder holds a project that was not made here.
    """
    directory = Path(directory)
    if (directory / "config/config.yaml").exists() and not (directory / "planted.json").exists():
        raise fail(
            "project-exists",
            directory,
            "there is a project already",
            "Nothing was written; choose another folder, or move it away",
        )
    cohort = make_cohort(seed, people, length)
    causes, table = plan(cohort, seed)
    _write_reference(directory, cohort)
    vcf.write_databases(directory / "databases", cohort, np.random.default_rng([seed, 4]))
    scores.write_scores(directory / "databases", cohort, np.random.default_rng([seed, 8]))
    polygenic.write_score(directory / "databases", cohort, causes, np.random.default_rng([seed, 9]))
    vcf.write_truth(directory / "truth/genotypes.vcf.gz", cohort)
    sheet = _write_reads(directory, cohort, seed, coverage, progress, threads)
    bad = cohort.people[-1]
    planted = Planted(
        seed,
        people,
        coverage,
        length,
        {
            cause.trait: {
                "variant_id": cause.site.variant_id,
                "gene": cause.site.gene,
                "consequence": cause.site.consequence,
                "effect": cause.effect,
                "type": "quantitative" if cause.trait == "ldl" else "binary",
            }
            for cause in causes
        },
        bad.sample,
        bad.participant,
        [asdict(relation) for relation in cohort.relations],
    )
    chosen = {"fail": round(coverage / 2, 1), "warn": round(coverage * 0.65, 1)}
    write_text(directory / "config/phenotypes.yaml", PHENOTYPES)
    write_text(directory / "config/participants.csv", _csv(sorted(table, key=_participant)))
    write_text(directory / "config/samples.csv", _csv(sheet))
    config = CONFIG.format(**chosen, noise=NOISE, kinship=MAX_KINSHIP, seed=seed)
    write_text(directory / "config/config.yaml", config)
    write_json(directory / "planted.json", asdict(planted))  # last: it says that all is there
    return planted


def plan(cohort: Cohort, seed: int) -> tuple[list[traits.Cause], list[dict[str, str]]]:
    """Choose the causes of the traits, and draw the participant table."""
    usable = usable_people(cohort)
    dosages, those = cohort.dosages[:, usable], [cohort.people[i] for i in usable]
    causes = [
        traits.choose(trait, contig, cohort.sites, dosages, those)
        for trait, contig in CAUSES.items()
    ]
    rng = np.random.default_rng([seed, 3])
    return causes, traits.participants(cohort.people, causes, cohort.dosages, rng)


def usable_people(cohort: Cohort) -> list[int]:
    """Rows of the people who count in a regression: a good sample, no relative before them."""
    dropped = {cohort.people[-1].sample}
    for relation in cohort.relations:
        if not dropped & {relation.sample_1, relation.sample_2}:
            dropped.add(relation.sample_2)
    return [i for i, person in enumerate(cohort.people) if person.sample not in dropped]


def _participant(row: dict[str, str]) -> str:
    return row["participant"]


def _csv(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write_reference(directory: Path, cohort: Cohort) -> None:
    fasta = []
    for name, sequence in cohort.sequences.items():
        text = genes.letters(sequence)
        fasta += [f">{name}", *(text[i : i + 60] for i in range(0, len(text), 60))]
    write_text(directory / "reference/genome.fa", "\n".join(fasta) + "\n")
    lengths = {name: len(sequence) for name, sequence in cohort.sequences.items()}
    write_text(directory / "reference/genes.gff3", genes.gff3(cohort.genes, lengths))


def _libraries(row: int) -> list[tuple[str, list[int]]]:
    """Library suffixes and lanes of the person in a row of the cohort."""
    if row < TWO_LANES:
        return [("lib1", [1, 2])]
    if row == TWO_LANES:
        return [("lib1", [1]), ("lib2", [2])]
    return [("lib1", [1])]


def _write_reads(
    directory: Path,
    cohort: Cohort,
    seed: int,
    coverage: float,
    progress: Callable[[int, int], None] | None,
    threads: int,
) -> list[dict[str, str]]:
    """Write all FASTQ files; return the rows of the sample sheet, by sample."""
    size = sum(len(sequence) for sequence in cohort.sequences.values())
    foreign = np.random.default_rng([seed, 5]).integers(0, 4, size, dtype=np.uint8)
    by_name = sorted(range(len(cohort.people)), key=lambda i: cohort.people[i].sample)

    def one(row: int) -> list[dict[str, str]]:
        bad = row == len(cohort.people) - 1
        rng = np.random.default_rng([seed, 6, row])
        depth = BAD_COVERAGE / (1 - FOREIGN) if bad else coverage * rng.uniform(0.85, 1.15)
        pairs = round(depth * size / (2 * reads.LENGTH))
        haplotypes = _sequences(cohort, row)
        weights = [len(h) for h in haplotypes]
        if bad:
            weights = [w / sum(weights) * (1 - FOREIGN) for w in weights]
            haplotypes, weights = [*haplotypes, foreign], [*weights, FOREIGN]
        source = reads.molecules(haplotypes, weights)
        return _write_sample(directory, cohort.people[row], row, source, pairs, rng)

    sheet = []
    with ThreadPoolExecutor(threads) as pool:
        for done, rows in enumerate(pool.map(one, by_name), 1):
            sheet += rows
            if progress:
                progress(done, len(by_name))
    return sheet


def _sequences(cohort: Cohort, row: int) -> list[np.ndarray]:
    """Both haplotypes of a person on every contig."""
    out = []
    for name, sequence in cohort.sequences.items():
        here = np.array([site.contig == name for site in cohort.sites])
        places = [site for site in cohort.sites if site.contig == name]
        for side in (0, 1):
            out.append(sites.apply(sequence, places, cohort.haplotypes[here, 2 * row + side]))
    return out


def _write_sample(
    directory: Path,
    person: Person,
    row: int,
    source: reads.Molecules,
    pairs: int,
    rng: np.random.Generator,
) -> list[dict[str, str]]:
    sheet = []
    libraries = _libraries(row)
    for library, lanes in libraries:
        made = reads.sequence_library(source, pairs // len(libraries), rng)
        lane_of = np.array(lanes)[rng.integers(0, len(lanes), len(made))]
        for lane in lanes:
            several = len(libraries) * len(lanes) > 1
            stem = f"reads/{person.sample}" + (f"_{library}_L{lane}" if several else "")
            names = tuple(f"{stem}_R{mate}.fastq.gz" for mate in (1, 2))
            reads.write_unit(
                (directory / names[0], directory / names[1]),
                made,
                np.flatnonzero(lane_of == lane),
                flowcell=f"{person.sample}{library}",
                lane=lane,
            )
            cells = (person.sample, person.participant, person.sex,
                     f"{person.sample}_{library}", f"L{lane}", "ILLUMINA", *names)  # fmt: skip
            sheet.append(dict(zip(COLUMNS, cells, strict=True)))
    return sheet
