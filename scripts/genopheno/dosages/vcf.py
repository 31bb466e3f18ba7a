"""Dosages of a VCF or BCF: FORMAT/DS, or where there is none FORMAT/GP.

The quality is INFO/R2 (minimac), DR2 (Beagle) or INFO (IMPUTE, GLIMPSE), whichever is there
first. On X, Y and the mitochondrion programs write one or two alleles for a man, and his DS up
to 1 or up to 2: the genotype (GT) beside it tells which, and is asked for there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import compress
from pathlib import Path

import numpy as np

from genopheno.dosages.source import Haploid, Site, Variant, truncated
from genopheno.problems import fail

QUALITIES = ("R2", "DR2", "INFO")
CONTIG = re.compile(r"^##contig=<ID=([^,>]+)(?:.*?\blength=(\d+))?", re.MULTILINE)
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
SUM = 0.02  # that three probabilities, rounded to three digits or less, may be off 1


class VcfSource:
    """A VCF or BCF file; see `source.Source`.

    Raises
    ------
    StageError : the file cannot be read, is cut off, or has neither DS nor GP.
    """

    fixed_reference = True

    def __init__(self, path: Path):
        from cyvcf2 import VCF

        self.path, self.format = path, "BCF" if path.suffix == ".bcf" else "VCF"
        _check_end(path)
        try:
            self._vcf = VCF(str(path))
        except OSError as error:
            raise fail("dosages-format", path, str(error), "Give a VCF or BCF file") from None
        self.samples = list(self._vcf.samples)
        self.lengths = {c: int(n or 0) for c, n in CONTIG.findall(self._vcf.raw_header)}
        held = {(f["HeaderType"], f["ID"]) for f in map(_told, self._vcf.header_iter())}
        formats = sorted(name for kind, name in held if kind == "FORMAT")
        self._field = next((name for name in ("DS", "GP") if name in formats), None)
        self._with_genotype = "GT" in formats
        self._quality = next((name for name in QUALITIES if ("INFO", name) in held), None)
        if self._field is None:
            raise fail(
                "dosages-field-missing",
                path,
                f"its genotypes have {', '.join(formats) or 'no field'}, neither DS nor GP",
                "Impute with the dosages kept, or scan the hard calls",
            )

    def sites(self) -> Iterator[Site]:
        import pysam

        said = pysam.set_verbosity(0)  # htslib is loud on files without an index
        # Without samples it does not parse the genotypes of a line.
        records = pysam.VariantFile(str(self.path), drop_samples=True)
        pysam.set_verbosity(said)
        with records:
            try:
                for record in records:
                    yield record.chrom, record.pos, (record.ref, *(record.alts or ()))
            except OSError as error:
                raise truncated(self.path, error) from None

    def variants(self, wanted: np.ndarray, haploid: Haploid) -> Iterator[Variant]:
        for record in compress(self._records(), wanted):
            quality = self._quality and record.INFO.get(self._quality)
            yield Variant(
                record.CHROM,
                record.POS,
                record.REF,
                record.ALT[0],
                self._dosage(record, haploid(record.CHROM, record.POS)),
                float(quality) if isinstance(quality, (int, float)) else None,
            )

    def _records(self) -> Iterator:
        try:
            yield from self._vcf
        except Exception as error:  # cyvcf2 raises no narrower one
            raise truncated(self.path, error) from None

    def _dosage(self, record, haploid: bool) -> np.ndarray:
        """(people,) float32 from 0 to 2."""
        values = record.format(self._field)
        if values is None:
            return np.full(len(self.samples), np.nan, np.float32)
        if self._field == "GP":
            return self._of_probabilities(values, record)
        dosage = values[:, 0]
        if haploid:
            dosage = np.where(self._single(record), 2 * dosage, dosage)
        return dosage

    def _single(self, record) -> np.ndarray:
        """(people,) True where the genotype has one allele."""
        if not self._with_genotype:
            raise fail(
                "dosages-ploidy-unknown",
                self.path,
                f"{record.CHROM}:{record.POS}: there is no GT, so that a man's dosage of 1 may be "
                "one of one or one of two alleles",
                "Keep GT beside DS, or leave X, Y and the mitochondrion out of the file",
            )
        alleles = record.genotype.array()[:, :-1]
        if alleles.shape[1] == 1:
            return np.ones(len(alleles), dtype=bool)
        return alleles[:, 1] == -2  # the end of a shorter genotype

    def _of_probabilities(self, values: np.ndarray, record) -> np.ndarray:
        if values.shape[1] > 3:
            raise fail(
                "dosages-out-of-range",
                self.path,
                f"{record.CHROM}:{record.POS}: {values.shape[1]} probabilities where two alleles "
                "have three",
                "Give GP as Number=G",
            )
        values = np.column_stack([values, *[[np.nan] * len(values)] * (3 - values.shape[1])])
        single = np.isnan(values[:, 2])
        total = np.where(single, values[:, :2].sum(1), values.sum(1))
        off = np.flatnonzero((np.abs(total - 1) > SUM) | (values < 0).any(1))
        if off.size:
            raise fail(
                "dosages-out-of-range",
                self.path,
                f"{record.CHROM}:{record.POS}, sample {self.samples[off[0]]}: the genotype "
                f"probabilities add up to {total[off[0]]:g}",
                "Probabilities are from 0 to 1 and add up to 1",
            )
        alternate = np.where(single, 2 * values[:, 1], values[:, 1] + 2 * values[:, 2])
        return (alternate / total).astype(np.float32)


def _told(line) -> dict[str, str]:
    info = line.info()
    return {"HeaderType": info.get("HeaderType", ""), "ID": info.get("ID", "")}


def _check_end(path: Path) -> None:
    """Refuse a compressed file without the block that ends it."""
    with open(path, "rb") as handle:
        if handle.read(2) != BGZF_END[:2]:
            return
        handle.seek(0, 2)
        handle.seek(max(0, handle.tell() - len(BGZF_END)))
        if handle.read() != BGZF_END:
            raise truncated(path, "the block that ends a BGZF file is not there")
