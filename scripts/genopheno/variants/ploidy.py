"""Chromosome copies by sex on X, Y and the mitochondrion.

A woman has two copies of X and none of Y, a man one of each; the mitochondrion counts as one.
The pseudoautosomal regions (PAR) of X and Y are the same sequence, so that everybody has two
copies of it, wherever its reads were put. Where the sex is not known, X is called as diploid
(right for a woman, and a man's homozygotes stay so) and Y as haploid (no man's calls are lost).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from genopheno.bed import Region
from genopheno.chromosomes import UNRECOGNISED, SexChromosomes
from genopheno.fasta import contig_lengths
from genopheno.files import write_json, write_text
from genopheno.problems import fail

SEXES = ("female", "male", "unknown")
DEFAULT = 2
Copies = tuple[str, int, int, int]  # contig, start, end (0-based, half-open), copies

# Lengths (bp) of X and Y, and the PAR as the Genome Reference Consortium gives them, 1-based
# and inclusive (https://www.ncbi.nlm.nih.gov/grc/human): on X, then on Y.
BUILDS: dict[str, dict[str, Any]] = {
    "GRCh37": {
        "x": (155_270_560, ((60_001, 2_699_520), (154_931_044, 155_260_560))),
        "y": (59_373_566, ((10_001, 2_649_520), (59_034_050, 59_363_566))),
    },
    "GRCh38": {
        "x": (156_040_895, ((10_001, 2_781_479), (155_701_383, 156_030_895))),
        "y": (57_227_415, ((10_001, 2_781_479), (56_887_903, 57_217_415))),
    },
}
# The revised Cambridge sequence (GRCh37 of Ensembl, GRCh38), and that of UCSC's hg19.
MITOCHONDRIA = (16_569, 16_571)
NAMES = {"x": ("X", "chrX"), "y": ("Y", "chrY"), "mitochondrion": ("MT", "M", "chrM", "chrMT")}
ALSO = {"hg19": "GRCh37", "b37": "GRCh37", "hs37d5": "GRCh37", "hg38": "GRCh38"}


def recognise(
    lengths: Mapping[str, int], build: str = "", given: Mapping[str, Any] | None = None
) -> SexChromosomes:
    """Find X, Y and the mitochondrion among the contigs of a reference.

    Parameters
    ----------
    lengths : contig → bp.
    build : name of the build, as the configuration gives it. Its coordinates are taken for an X
        or Y that is longer or shorter than the published one, too (masked or patched builds),
        as long as the PAR lie on it.
    given : ``reference.sex_chromosomes`` of the configuration: x, y, mitochondrion (contigs)
        and pseudoautosomal (list of contig:start-end, 1-based and inclusive). Where it is
        given, nothing is guessed.

    Raises
    ------
    StageError : a contig or region that is given is not in the reference.
    """
    if given:
        return _given(lengths, given)
    found = {
        what: next((name for name in names if name in lengths), None)
        for what, names in NAMES.items()
    }
    m = found["mitochondrion"]
    if m is not None and lengths[m] not in MITOCHONDRIA:
        m = None
    known = _build(lengths, build, found)
    if known is None:
        source = "contig lengths" if m else UNRECOGNISED
        return SexChromosomes(mitochondrion=m, source=source)
    par = [
        (found[what], start - 1, end)
        for what in ("x", "y")
        if found[what]
        for start, end in BUILDS[known][what][1]
    ]
    return SexChromosomes(found["x"], found["y"], m, tuple(par), known)


def _build(lengths: Mapping[str, int], build: str, found: Mapping[str, str | None]) -> str | None:
    """Name of the build, by the length of X or Y, else by the name that was given."""
    for name, contigs in BUILDS.items():
        if any(found[what] and lengths[found[what]] == contigs[what][0] for what in ("x", "y")):
            return name
    words = build.replace(",", " ").replace(".", " ").split()
    named = next((ALSO.get(w, w) for w in words if ALSO.get(w, w) in BUILDS), None)
    if named is None or not (found["x"] or found["y"]):
        return None
    fits = all(
        lengths[found[what]] >= BUILDS[named][what][1][-1][1] for what in ("x", "y") if found[what]
    )
    return named if fits else None


def _given(lengths: Mapping[str, int], given: Mapping[str, Any]) -> SexChromosomes:
    contigs = {what: given.get(what) or None for what in NAMES}
    par = [_region(text) for text in given.get("pseudoautosomal") or ()]
    inside = {contigs["x"], contigs["y"]} - {None}
    wrong = [name for name in contigs.values() if name and name not in lengths]
    wrong += [
        f"{c}:{start + 1}-{end}"
        for c, start, end in par
        if c not in inside or not 0 <= start < end <= lengths.get(c, 0)
    ]
    if wrong:
        raise fail(
            "sex-chromosomes",
            "reference.sex_chromosomes",
            f"{', '.join(wrong)} is not in the reference, or not on its X or Y",
            "Name contigs as the FASTA does, and regions as contig:start-end (from 1)",
        )
    return SexChromosomes(**contigs, pseudoautosomal=tuple(par), source="configuration")


def _region(text: str) -> Region:
    contig, _, span = text.rpartition(":")
    start, _, end = span.replace(",", "").partition("-")
    try:
        return contig, int(start) - 1, int(end)
    except ValueError:
        raise fail(
            "sex-chromosomes",
            "reference.sex_chromosomes.pseudoautosomal",
            f"{text!r} is not contig:start-end",
            "Write it like X:60001-2699520",
        ) from None


def copies(chromosomes: SexChromosomes, lengths: Mapping[str, int], sex: str) -> list[Copies]:
    """Regions in which a person of this sex has another number of copies than two.

    Returns
    -------
    (contig, start, end, copies), in the order of the reference; copies are 0 or 1.
    """
    per_contig = {
        chromosomes.x: {"male": 1}.get(sex, DEFAULT),
        chromosomes.y: {"female": 0}.get(sex, 1),
        chromosomes.mitochondrion: 1,
    }
    rows: list[Copies] = []
    for contig, length in lengths.items():
        number = per_contig.get(contig, DEFAULT)
        if number == DEFAULT:
            continue
        start = 0
        for _, par_start, par_end in sorted(
            r for r in chromosomes.pseudoautosomal if r[0] == contig
        ):
            if start < par_start:
                rows.append((contig, start, par_start, number))
            start = par_end
        if start < length:
            rows.append((contig, start, length, number))
    return rows


def sexes_differ(
    lengths: Mapping[str, int], build: str = "", given: Mapping[str, Any] | None = None
) -> bool:
    """Tell whether any contig's copies depend on the sex (`recognise` says which)."""
    chromosomes = recognise(lengths, build, given)
    return len({tuple(copies(chromosomes, lengths, sex)) for sex in SEXES}) > 1


def bcftools_ploidy(by_sex: Mapping[str, Sequence[Copies]]) -> str:
    """Text for ``bcftools call --ploidy-file``: 1-based, inclusive; two copies elsewhere."""
    lines = [
        f"{contig} {start + 1} {end} {sex} {number}\n"
        for sex, rows in by_sex.items()
        for contig, start, end, number in rows
    ]
    return "".join([*lines, *(f"* * * {sex} {DEFAULT}\n" for sex in by_sex)])


def freebayes_cnv_map(by_sex: Mapping[str, Sequence[Copies]], sexes: Mapping[str, str]) -> str:
    """Text for ``freebayes --cnv-map``: contig, start, end, sample, copies, between tabs."""
    return "".join(
        f"{contig}\t{start}\t{end}\t{sample}\t{number}\n"
        for sample, sex in sexes.items()
        for contig, start, end, number in by_sex[sex]
    )


def write_ploidy(
    fai: Path, out_dir: Path, *, build: str = "", given: Mapping[str, Any] | None = None
) -> SexChromosomes:
    """Write ``{sex}.bed`` for female, male and unknown, and ``chromosomes.json``.

    The BED (contig, start, end, copies) lists what is not diploid; it is empty where a
    reference has none of these contigs.
    """
    lengths = contig_lengths(fai)
    chromosomes = recognise(lengths, build, given)
    for sex in SEXES:
        rows = copies(chromosomes, lengths, sex)
        write_text(out_dir / f"{sex}.bed", "".join("\t".join(map(str, r)) + "\n" for r in rows))
    write_json(out_dir / "chromosomes.json", asdict(chromosomes))
    return chromosomes


def read_ploidy(folder: Path) -> dict[str, list[Copies]]:
    """What `write_ploidy` wrote, by sex; empty where everything is diploid."""
    found = {}
    for sex in SEXES:
        path = folder / f"{sex}.bed"
        cells = [line.split("\t") for line in path.read_text().splitlines()]
        found[sex] = [(c, int(start), int(end), int(number)) for c, start, end, number in cells]
    return found if any(found.values()) else {}
