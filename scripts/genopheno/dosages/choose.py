"""Which variants of a file can be used, and which way round their alleles are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from genopheno.contig_names import match, some
from genopheno.dosages.source import Site, Source
from genopheno.problems import fail

LEFT_OUT, AS_WRITTEN, TURNED = np.uint8(0), np.uint8(1), np.uint8(2)
OTHER_BUILD = 0.05  # share of variants that disagree with the reference and make it another one
CHECKED = 1000  # variants after which that is asked
# Chromosomes as PLINK and UK Biobank number and split them.
PLINK = {"23": "X", "24": "Y", "25": "X", "26": "MT", "XY": "X", "PAR1": "X", "PAR2": "X"}


class Choice:
    """Goes through the sites of one file.

    Parameters
    ----------
    source : the file.
    lengths : contig -> bp of the reference; None: there is none, and contigs and alleles are
        taken as they are.
    sequence : path of the reference, with index; None as `lengths`.

    Attributes
    ----------
    wanted : (sites,) uint8, `LEFT_OUT`, `AS_WRITTEN` or `TURNED`: the second allele is that of
        the reference.
    names : contig of the file -> contig of the reference; None: it has none.
    left_out : how many are left out, by reason.

    Raises
    ------
    StageError : the file is not sorted, or of another build.
    """

    def __init__(self, source: Source, lengths: Mapping[str, int] | None, sequence: Path | None):
        self.names: dict[str, str | None] = {}
        self.left_out: Counter[str] = Counter()
        self._source, self._lengths = source, lengths
        self._compared = self._differ = 0
        self._check_lengths()
        if sequence is None:
            self.wanted = self._walk(None)
        else:
            import pysam

            with pysam.FastaFile(str(sequence)) as bases:
                self.wanted = self._walk(bases)

    def _walk(self, bases) -> np.ndarray:
        wanted = bytearray()
        for place, (site, again) in enumerate(self._sorted()):
            wanted.append(self._judge(site, again, bases))
            if place + 1 == CHECKED:
                self._check_build()
        self._check_build()
        return np.frombuffer(bytes(wanted), np.uint8)

    def _sorted(self) -> Iterator[tuple[Site, bool]]:
        """The sites, each with whether it was there before.

        Raises
        ------
        StageError : a contig comes twice, or a position is before the one above it.
        """
        seen: set[str] = set()
        contig, position, here = None, 0, set()
        for site in self._source.sites():
            name, at, alleles = self._name(site[0]) or site[0], site[1], frozenset(site[2])
            if name != contig and name not in seen:
                seen.add(name)
                contig, position, here = name, 0, set()
            if name != contig or at < position:
                raise fail(
                    "dosages-not-sorted",
                    self._source.path,
                    f"{site[0]}:{at} comes after {contig}:{position}",
                    "Sort it: 'bcftools sort', or 'plink2 --merge-par --sort-vars --make-pgen'",
                )
            if at != position:
                position, here = at, set()
            yield site, alleles in here
            here.add(alleles)

    def _judge(self, site: Site, again: bool, bases) -> np.uint8:
        contig, position, alleles = site
        if len(alleles) != 2:
            reason = "more than two alleles" if len(alleles) > 2 else "no alternate allele"
        elif again:
            reason = "given twice"
        elif (name := self._name(contig)) is None:
            reason = "contig is not in the reference"
        elif bases is None:
            return AS_WRITTEN
        else:
            self._compared += 1
            first, second = (self._agrees(bases, name, position, allele) for allele in alleles)
            if first:
                return AS_WRITTEN
            if second and not self._source.fixed_reference:
                return TURNED
            self._differ += 1
            reason = "alleles disagree with the reference"
        self.left_out[reason] += 1
        return LEFT_OUT

    def _agrees(self, bases, contig: str, position: int, allele: str) -> bool:
        start, end = position - 1, position - 1 + len(allele)
        inside = start >= 0 and end <= self._lengths[contig]
        return inside and bases.fetch(contig, start, end).upper() == allele.upper()

    def _name(self, contig: str) -> str | None:
        """The contig of the reference that a contig of the file is."""
        if self._lengths is None:
            return self.names.setdefault(contig, contig)
        if contig not in self.names:
            told = {contig: self._source.lengths.get(contig, 0)}
            plain = contig.removeprefix("0")
            for spelling in dict.fromkeys((contig, plain, PLINK.get(plain, plain))):
                found, _ = match([spelling], self._lengths, told)
                if found:
                    break
            self.names[contig] = found.get(spelling)
        return self.names[contig]

    def _check_lengths(self) -> None:
        theirs = self._source.lengths
        wrong = [
            f"{contig} ({theirs[contig]} bp, here {self._lengths[contig]})"
            for contig in theirs
            if self._lengths and theirs[contig] and contig in self._lengths
            if theirs[contig] != self._lengths[contig]
        ]
        if wrong:
            raise self._other_build(f"contigs of another length: {some(wrong)}")

    def _check_build(self) -> None:
        if self._differ > OTHER_BUILD * self._compared:
            raise self._other_build(
                f"{self._differ} of the first {self._compared} variants have no allele that the "
                "reference has at their position"
            )

    def _other_build(self, found: str):
        return fail(
            "dosages-other-build",
            self._source.path,
            found,
            "Impute against the build of reference.fasta, or lift the dosages over to it",
        )
