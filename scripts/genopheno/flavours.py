"""Which caller wrote a gVCF, and whether a cohort can be combined from it.

A gVCF says of every position whether it is reference, in blocks with INFO END. Callers differ
in how: GATK's HaplotypeCaller, DRAGEN and Sentieon end each record's alleles with ``<NON_REF>``
and give its likelihoods; DeepVariant, bcftools and freebayes write ``<*>``
(VCF 4.3, section 5.5), the latter two not at every record; Strelka writes no symbolic allele.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

# Records that are looked at: reference blocks and variants come within the first few hundred.
SCANNED = 2000
NON_REF, ANY = "<NON_REF>", "<*>"

# Starts of header lines by which callers sign. In this order: tools that only rewrite a
# file leave their own lines below those of the caller.
SIGNATURES = (
    ("dragen", ("##DRAGENCommandLine", "##source=DRAGEN")),
    ("sentieon", ("##SentieonCommandLine",)),
    ("deepvariant", ("##DeepVariant_version", "##source=DeepVariant")),
    ("strelka", ("##source=strelka", "##source=Strelka")),
    ("freebayes", ("##source=freeBayes",)),
    ("gatk", ("##GATKCommandLine", "##source=HaplotypeCaller")),
    ("bcftools", ("##bcftools_callCommand",)),
)


@dataclass(frozen=True)
class Flavour:
    """What a gVCF is.

    Attributes
    ----------
    caller : gatk, dragen, sentieon, deepvariant, bcftools, freebayes, strelka or unknown.
    symbol : the allele that stands for all others, ``<NON_REF>`` or ``<*>``; None: there is none.
    samples : sample names of the header.
    contigs : contig to length (bases; None: not given), in header order.
    fault : None, or (code, what was found, how to mend it) saying why it cannot be combined.
    """

    caller: str = "unknown"
    symbol: str | None = None
    samples: tuple[str, ...] = ()
    contigs: dict[str, int | None] = field(default_factory=dict)
    fault: tuple[str, str, str] | None = None


def recognise(path: str | Path) -> Flavour:
    """Recognise a gVCF (plain, gzip or bgzip) by its header and first `SCANNED` records."""
    try:
        with _open(path) as lines:
            header = _header(lines)
            if header is None:
                return Flavour(fault=_not_a_vcf("it does not begin with ##fileformat=VCF"))
            records = [line.split("\t") for line in islice(lines, SCANNED)]
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        return Flavour(fault=_not_a_vcf(f"it cannot be read ({error})"))
    return judge(header, records)


def judge(header: list[str], records: list[list[str]]) -> Flavour:
    """The flavour of header lines (``##`` and ``#CHROM``) and records split at tabs."""
    caller = next((name for name, starts in SIGNATURES if _signed(header, starts)), "unknown")
    alternates = {allele for row in records if len(row) > 4 for allele in row[4].split(",")}
    symbol = next((s for s in (NON_REF, ANY) if s in alternates), None)
    columns = header[-1].split("\t") if header[-1].startswith("#CHROM") else []
    samples = tuple(columns[9:])
    fault = (
        _columns_fault(columns, samples, records)
        or _caller_fault(caller)
        or _records_fault(records)
        or _symbol_fault(caller, symbol)
    )
    return Flavour(caller, symbol, samples, _contigs(header), fault)


def _columns_fault(columns, samples, records) -> tuple[str, str, str] | None:
    if len(columns) < 9 or any(len(row) != len(columns) for row in records):
        return _not_a_vcf("it has no genotype columns, or a record with more or fewer columns")
    if len(samples) != 1:
        return (
            "gvcf-samples",
            f"it has {len(samples)} samples ({', '.join(samples[:5]) or 'none'})",
            "Give one gVCF per sample; calls of several belong in the vcf column",
        )
    if not records:
        return ("gvcf-empty", "it has no record", "Give the whole gVCF")
    return None


def _caller_fault(caller: str) -> tuple[str, str, str] | None:
    if caller == "freebayes":
        return (
            "gvcf-caller-unfit",
            "it is of freebayes, whose reference blocks have no genotype and whose variants no"
            " likelihood of other alleles",
            "Give the reads (fastq, bam, cram) instead",
        )
    if caller == "strelka":
        return (
            "gvcf-caller-unfit",
            "it is of Strelka, whose variants have no likelihood of other alleles and whose"
            " reference blocks no GQ (GQX is filtered otherwise)",
            "Give the reads (fastq, bam, cram) instead",
        )
    return None


def _records_fault(records: list[list[str]]) -> tuple[str, str, str] | None:
    without = sum("GT" not in row[8].split(":") for row in records)
    if without:
        return (
            "gvcf-without-gt",
            f"{without} of the first {len(records)} records have no GT in FORMAT",
            "Give a gVCF with genotypes",
        )
    if not any(_has_end(row[7]) for row in records):
        return (
            "gvcf-without-blocks",
            f"none of the first {len(records)} records is a reference block (INFO END)",
            "Give a gVCF with blocks (GATK: -ERC GVCF, bcftools: -g), or put a plain VCF into"
            " the vcf column",
        )
    return None


def _symbol_fault(caller: str, symbol: str | None) -> tuple[str, str, str] | None:
    if symbol is None and caller != "bcftools":
        return (
            "gvcf-caller-unfit",
            f"its caller is {caller} and no record has {NON_REF} or {ANY}, so that nothing says"
            " how likely other alleles are",
            "Give a gVCF of GATK, DRAGEN, Sentieon, DeepVariant or bcftools, or the reads",
        )
    return None


def _not_a_vcf(found: str) -> tuple[str, str, str]:
    return ("gvcf-not-a-vcf", found, "Give a gVCF, plain or bgzip")


def _has_end(info: str) -> bool:
    return info.startswith("END=") or ";END=" in info


def _signed(header: list[str], starts: tuple[str, ...]) -> bool:
    return any(line.startswith(starts) for line in header)


def _contigs(header: list[str]) -> dict[str, int | None]:
    contigs: dict[str, int | None] = {}
    for line in header:
        if line.startswith("##contig=<"):
            # The rest of such a line may hold a quoted comma; these two never are quoted.
            values = dict(part.split("=", 1) for part in line[10:-1].split(",") if "=" in part)
            if "ID" in values:
                length = values.get("length", "")
                contigs[values["ID"]] = int(length) if length.isdigit() else None
    return contigs


def _header(lines: Iterator[str]) -> list[str] | None:
    header = []
    for line in lines:
        header.append(line)
        if len(header) == 1 and not line.startswith("##fileformat=VCF"):
            return None
        if not line.startswith("##"):
            return header
    return header or None


class _open:
    """Lines of a text file, unpacked where it is gzip, without their ends."""

    def __init__(self, path: str | Path):
        with open(path, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        self.handle = (gzip.open if packed else open)(path, "rt", encoding="utf-8")

    def __enter__(self) -> Iterator[str]:
        return (line.rstrip("\r\n") for line in self.handle)

    def __exit__(self, *_) -> None:
        self.handle.close()
