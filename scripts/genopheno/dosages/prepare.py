"""The stage `dosages`: files of imputed genotypes, for the people of the cohort, as PLINK 2.

Why PLINK 2 and not a plain matrix: of 2,000 people and variants of which 15 % of the dosages are
no whole number it takes 0.46 bytes a genotype, and 16-bit numbers 2; it is read at 0.63 ns a
genotype against 0.44; and plink2, REGENIE and SAIGE open it. Dosages are rounded to 1/16384.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from genopheno.chromosomes import SexChromosomes, copies_of
from genopheno.dosages.choose import TURNED, Choice
from genopheno.dosages.files import open_source, places_of
from genopheno.dosages.quality import mach_r2
from genopheno.dosages.source import Source, Variant
from genopheno.fasta import contig_lengths, faidx
from genopheno.files import write_json, write_text, writing
from genopheno.genotypes import Genotypes
from genopheno.problems import fail

ROUNDING = 1e-3  # by which a printed dosage may be beyond 0 or 2
MISSING = -9.0  # in a PLINK 2 fileset
SEX_CODES = {1: "1", 2: "2"}
HEADER = (
    '##INFO=<ID=R2,Number=1,Type=Float,Description="Quality of the imputation">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tINFO\n"
)


def prepare(
    paths: Sequence[Path],
    genotypes_prefix: Path,
    out: Path,
    *,
    reference: Path | None = None,
    chromosomes: SexChromosomes,
) -> dict[str, Any]:
    """Write ``{out}.pgen``, ``.pvar``, ``.psam`` and ``{out}.json``.

    Parameters
    ----------
    paths : VCF, BCF, BGEN or PGEN, in the order of the genome; each has all people it has.
    genotypes_prefix : the cohort's PLINK fileset: who is wanted, in which order.
    out : path without ending.
    reference : FASTA, to tell the reference allele and another build; None: as written.
    chromosomes : where not everybody has two copies.

    Returns
    -------
    What is in the JSON.

    Raises
    ------
    StageError : a file cannot be read, is of another build, shares no person with the cohort,
        or has a dosage that is none; or no variant is left.
    """
    genotypes = Genotypes.open(genotypes_prefix)
    sources = [open_source(path) for path in paths]
    places = places_of(sources, genotypes.samples)
    lengths = None
    if reference is not None:
        faidx(reference)
        lengths = contig_lengths(Path(f"{reference}.fai"))
    choices = [Choice(source, lengths, reference) for source in sources]
    _check_contigs(sources, choices)
    n_variants = sum(int((choice.wanted > 0).sum()) for choice in choices)
    left_out = sum((choice.left_out for choice in choices), Counter())
    if not n_variants:
        raise fail(
            "dosages-empty",
            paths[0],
            f"no variant can be used: {dict(left_out)}",
            "Look at the reasons; multiallelic records are split by 'bcftools norm -m -any'",
        )
    writer = _Writer(out, genotypes, chromosomes, n_variants)
    with writer:
        for source, choice, place in zip(sources, choices, places, strict=True):
            for variant, turned in _chosen(source, choice, chromosomes):
                writer.add(variant, choice.names[variant.contig], turned, place)
    covered = np.any([place >= 0 for place in places], axis=0)
    report = {
        "files": [
            {
                "path": str(source.path),
                "format": source.format,
                "n_samples": len(source.samples),
                "n_samples_not_in_cohort": len(source.samples) - int((place >= 0).sum()),
                "n_variants": len(choice.wanted),
                "n_turned": int((choice.wanted == TURNED).sum()),
                "left_out": dict(choice.left_out),
            }
            for source, choice, place in zip(sources, choices, places, strict=True)
        ],
        "n_samples": genotypes.n_samples,
        "n_samples_with_dosages": int(covered.sum()),
        "samples_without_dosages": [
            sample for sample, there in zip(genotypes.samples, covered, strict=True) if not there
        ],
        "reference_checked": reference is not None,
        "n_variants": n_variants,
        "n_missing_dosages": writer.missing,
        "quality": {"from_file": writer.given, "mach_r2": writer.computed},
    }
    if writer.written != n_variants:
        raise fail(
            "records-lost",
            out,
            f"{n_variants} variants were chosen and {writer.written} written",
            "Do not change the files while they are read",
        )
    write_json(out.with_name(f"{out.name}.json"), report)
    return report


def _check_contigs(sources: list[Source], choices: list[Choice]) -> None:
    """Refuse a contig that is in two files."""
    owner: dict[str, int] = {}
    for i, (source, choice) in enumerate(zip(sources, choices, strict=True)):
        for name in {name for name in choice.names.values() if name is not None}:
            if owner.setdefault(name, i) != i:
                raise fail(
                    "dosages-contig-twice",
                    source.path,
                    f"{name} is in {sources[owner[name]].path}, too",
                    "Give every contig in one file, all people in it",
                )


def _chosen(
    source: Source, choice: Choice, chromosomes: SexChromosomes
) -> Iterator[tuple[Variant, bool]]:
    """The chosen variants, and whether the alleles are to be turned."""

    def haploid(contig: str, position: int) -> bool:
        name = choice.names[contig]
        return bool(chromosomes.regions(name, np.array([position]))[0])

    turned = choice.wanted[choice.wanted > 0] == TURNED
    yield from zip(source.variants(choice.wanted > 0, haploid), turned, strict=True)


class _Writer:
    """Writes the fileset, variant by variant; the genotypes get their name last."""

    def __init__(
        self, out: Path, genotypes: Genotypes, chromosomes: SexChromosomes, n_variants: int
    ):
        self.paths = {end: out.with_name(f"{out.name}.{end}") for end in ("pgen", "pvar", "psam")}
        self._genotypes, self._chromosomes, self._n = genotypes, chromosomes, n_variants
        self._files = ExitStack()
        self.written = self.missing = self.given = self.computed = 0

    def __enter__(self):
        import pgenlib

        samples, sex = self._genotypes.samples, self._genotypes.sex
        lines = (f"{s}\t{SEX_CODES.get(int(c), 'NA')}\n" for s, c in zip(samples, sex, strict=True))
        write_text(self.paths["psam"], "#IID\tSEX\n" + "".join(lines))
        pgen = self._files.enter_context(writing(self.paths["pgen"]))
        pvar = self._files.enter_context(writing(self.paths["pvar"]))
        self._pvar = self._files.enter_context(open(pvar, "w", encoding="utf-8"))
        self._pvar.write(HEADER)
        self._pgen = pgenlib.PgenWriter(
            bytes(pgen), len(samples), variant_ct=self._n, nonref_flags=False, dosage_present=True
        )
        return self

    def __exit__(self, kind, *rest):
        if kind is None:
            self._pgen.close()
        return self._files.__exit__(kind, *rest)

    def add(self, variant: Variant, contig: str, turned: bool, place: np.ndarray) -> None:
        """Write a variant for the cohort; `place` says where its people are in the file."""
        dosage = variant.dosage[place]
        dosage[place < 0] = np.nan
        _check_range(dosage, variant, self._genotypes.samples)
        dosage = np.clip(dosage, 0, 2)
        reference, alternate = variant.reference, variant.alternate
        if turned:
            dosage, reference, alternate = 2 - dosage, alternate, reference
        there = ~np.isnan(dosage)
        quality = variant.quality
        if quality is None:
            quality = mach_r2(dosage[there], self._copies(contig, variant.position)[there])
            self.computed += 1
        else:
            self.given += 1
        info = "." if quality is None else f"R2={quality:.6g}"
        name = f"{contig}:{variant.position}:{reference}:{alternate}"
        self._pvar.write(
            f"{contig}\t{variant.position}\t{name}\t{reference}\t{alternate}\t{info}\n"
        )
        self._pgen.append_dosages(np.where(there, dosage, np.float32(MISSING)))
        self.missing += int((~there & (place >= 0)).sum())
        self.written += 1

    def _copies(self, contig: str, position: int) -> np.ndarray:
        region = self._chromosomes.regions(contig, np.array([position]))[0]
        return copies_of(str(region), self._genotypes.sex)


def _check_range(dosage: np.ndarray, variant: Variant, samples: list[str]) -> None:
    wrong = np.flatnonzero((dosage < -ROUNDING) | (dosage > 2 + ROUNDING))
    if wrong.size:
        raise fail(
            "dosages-out-of-range",
            f"{variant.contig}:{variant.position}",
            f"{wrong.size} dosages are not from 0 to 2, such as {dosage[wrong[0]]:g} of sample "
            f"{samples[wrong[0]]}",
            "Give dosages of the alternate allele; with GT of one allele a dosage is from 0 to 1",
        )
