"""Dosages of a BGEN file (Band and Marchini 2018), by the library ``bgen``.

Layouts 1 and 2, any bits per probability, phased or not, zlib or zstd. The first allele is
taken for that of the reference, as UK Biobank has it; the reference sequence decides
(`prepare`). People are named by ID_2 of the ``.sample`` file beside, else in the file itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress
from pathlib import Path

import numpy as np

from genopheno.dosages.source import Haploid, Site, Variant, truncated
from genopheno.problems import fail


class BgenSource:
    """A BGEN file; see `source.Source`.

    Raises
    ------
    StageError : the file is none, or nothing names its people.
    """

    fixed_reference = False
    format = "BGEN"

    def __init__(self, path: Path):
        self.path = path
        self.lengths: dict[str, int] = {}
        try:
            with self._open() as reader:
                header, named = reader.header, list(reader.samples)
        except ValueError as error:
            raise fail("dosages-format", path, str(error), "Give a BGEN file") from None
        beside = path.with_suffix(".sample")
        if beside.is_file():
            self.samples = read_sample(beside)
        elif header.has_sample_ids:
            self.samples = named
        else:
            raise fail(
                "dosages-without-names",
                path,
                f"it does not name its people, and there is no {beside.name} beside it",
                "Put the .sample file of the imputation beside the BGEN file",
            )
        if len(self.samples) != header.nsamples:
            raise fail(
                "dosages-size",
                beside,
                f"it names {len(self.samples)} people, and {path.name} has {header.nsamples}",
                "Give the .sample file that belongs to the BGEN file",
            )

    def sites(self) -> Iterator[Site]:
        for record in self._records():
            yield record.chrom, record.pos, tuple(record.alleles)

    def variants(self, wanted: np.ndarray, haploid: Haploid) -> Iterator[Variant]:
        for record in compress(self._records(), wanted):
            try:
                dosage = record.alt_dosage
                ploidy = record.ploidy  # known once the dosage was decoded
            except ValueError as error:
                raise truncated(self.path, f"{record.chrom}:{record.pos}: {error}") from None
            if ploidy.max() > 2:
                raise fail(
                    "dosages-ploidy",
                    self.path,
                    f"{record.chrom}:{record.pos} has people with {ploidy.max()} copies",
                    "Give one or two copies per person",
                )
            if haploid(record.chrom, record.pos):
                dosage = np.where(ploidy == 1, 2 * dosage, dosage)
            yield Variant(record.chrom, record.pos, *record.alleles, dosage)

    def _records(self) -> Iterator:
        read = 0
        with self._open() as reader:
            expected = reader.header.nvariants
            try:
                for record in reader:
                    read += 1
                    yield record
            except ValueError as error:
                raise truncated(self.path, f"variant {read + 1}: {error}") from None
        if read != expected:
            raise truncated(self.path, f"{read} of {expected} variants are there")

    def _open(self):
        from bgen import BgenReader

        return BgenReader(str(self.path), delay_parsing=True)


def read_sample(path: Path) -> list[str]:
    """Names (ID_2) of a ``.sample`` file: two lines of header, then a person a line.

    Raises
    ------
    StageError : the header is not that of a ``.sample`` file.
    """
    lines = [line.split() for line in path.read_text("utf-8").splitlines() if line.strip()]
    if len(lines) < 2 or lines[0][:2] != ["ID_1", "ID_2"] or lines[1][:2] != ["0", "0"]:
        raise fail(
            "dosages-format",
            path,
            "its first two lines do not begin with 'ID_1 ID_2' and '0 0'",
            "Give the .sample file as SNPTEST, QCTOOL and plink2 write it",
        )
    return [cells[1] for cells in lines[2:]]
