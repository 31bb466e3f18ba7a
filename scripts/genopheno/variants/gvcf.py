"""Any fit gVCF of one sample made ready for the combiner: `normalise`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pysam
from isal import igzip, isal_zlib

from genopheno.fasta import contig_lengths
from genopheno.files import write_json, writing
from genopheno.flavours import recognise
from genopheno.problems import StageError, fail
from genopheno.tools import run
from genopheno.variants.gvcf_records import Unfit, parse, settle

# The empty block that ends a bgzip file (SAM specification, section 4.1.2).
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
WINDOW = 1 << 20  # reference bases held at a time
DECLARED = {
    "ALT=<ID=NON_REF,": 'ALT=<ID=NON_REF,Description="Any allele other than those named">',
    "INFO=<ID=END,": 'INFO=<ID=END,Number=1,Type=Integer,Description="Last base of the block">',
    "FORMAT=<ID=GT,": 'FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    "FORMAT=<ID=AD,": 'FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads per allele">',
    "FORMAT=<ID=DP,": 'FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads">',
    "FORMAT=<ID=GQ,": 'FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">',
    "FORMAT=<ID=PL,": 'FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred likelihoods">',
    "FORMAT=<ID=MIN_DP,": "FORMAT=<ID=MIN_DP,Number=1,Type=Integer,"
    'Description="Fewest reads at a position of the block">',
}


def normalise(
    gvcf: Path, *, sample: str, reference: Path, out_gvcf: Path, report: Path | None = None
) -> dict[str, Any]:
    """Write a gVCF as the combiner needs it, or refuse it with the reason.

    Lines that are ready stay as they are (GATK, DRAGEN, Sentieon). ``<*>`` becomes
    ``<NON_REF>``. Where a caller gives likelihoods only of the alleles it called (bcftools),
    AD and PL are padded (see `gvcf_records.pad`), its alleles trimmed and left-aligned
    first, and blocks get END, one base of REF, and a GQ from their lowest depth: n reads that
    all fit the reference are 2^-n as likely from a heterozygous person, or 3.01 n Phred.

    Parameters
    ----------
    gvcf : plain, gzip or bgzip. sample : its name in the sheet, which it will carry.
    reference : FASTA (.fai beside it) that its contigs and REF bases must be of.
    out_gvcf : bgzip gVCF to write; ``.tbi`` goes beside it.
    report : JSON of counts to write.

    Returns
    -------
    Records in and out, blocks, variants, and what was changed or dropped, by kind.

    Raises
    ------
    StageError : unfit (`flavours`), truncated, not sorted, or of another reference.
    """
    flavour = recognise(gvcf)
    if flavour.fault:
        raise fail(flavour.fault[0], gvcf, *flavour.fault[1:])
    _refuse_truncated(gvcf)
    lengths = contig_lengths(reference.with_name(f"{reference.name}.fai"))
    _check_contigs(gvcf, flavour.contigs, lengths)
    out_gvcf.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out_gvcf.name}.", dir=out_gvcf.parent) as folder:
        source = gvcf
        if flavour.caller == "bcftools":
            source = Path(folder, "aligned.vcf.gz")
            # -c w: a base that differs is reported below, with its place.
            run(
                [
                    *("bcftools", "norm", "--no-version", "-f", reference.absolute(), "-c", "w"),
                    *("-Oz1", "-o", source, gvcf),
                ]
            )
        counts = _write(gvcf, source, sample, reference, lengths, out_gvcf)
    counts = {"sample": sample, "caller": flavour.caller, "symbol": flavour.symbol} | counts
    if report:
        write_json(report, counts)
    return counts


def _write(gvcf, source, sample, reference, lengths, out_gvcf) -> dict[str, int]:
    counts: Counter = Counter()
    index = out_gvcf.with_name(f"{out_gvcf.name}.tbi")
    with (
        pysam.FastaFile(str(reference)) as fasta,
        writing(index) as tbi,
        writing(out_gvcf, suffix=".gz") as out,
    ):
        bases = _Bases(fasta)
        with pysam.BGZFile(str(out), "w") as sink:
            lines = _lines(source, gvcf)
            sink.write(_header(lines, sample).encode())
            body = _Body(gvcf, lines, bases, lengths, counts)
            for record in body.faults_named(settle(body.records(), bases.base, counts)):
                counts["records_out"] += 1
                counts["variants" if record.end is None else "blocks"] += 1
                sink.write(f"{record.line()}\n".encode())
        _assert_counts(gvcf, counts)
        pysam.tabix_index(str(out), preset="vcf", index=str(tbi), keep_original=True, force=True)
    return {name: counts[name] for name in sorted(counts)}


def _assert_counts(gvcf: Path, counts: Counter) -> None:
    """Every record that went in came out, or is among the ones that are named."""
    if not counts["blocks"]:
        raise fail("gvcf-without-blocks", gvcf, "it has no reference block", "See docs/cohorts.md")
    gone = (
        counts["absent_indels_dropped"]
        + counts["blocks_covered"]
        + counts["variants_merged"]
        + counts["variants_of_one_position_dropped"]
    )
    if counts["records_in"] + counts["blocks_split"] != counts["records_out"] + gone:
        raise fail(
            "records-lost",
            gvcf,
            f"{counts['records_in']} records went in and {counts['records_out']} came out; "
            f"{gone} are accounted for",
            "Check free disk space, then run again",
        )


class _Body:
    """The records of a gVCF, each with its line number for messages."""

    def __init__(self, gvcf: Path, lines, bases: _Bases, lengths: dict[str, int], counts: Counter):
        self.gvcf, self.lines, self.bases = gvcf, lines, bases
        self.lengths, self.counts, self.place = lengths, counts, ""

    def records(self) -> Iterator:
        for line in self.lines:
            self.counts["records_in"] += 1
            contig, pos = line.split("\t", 2)[:2] if line.count("\t") > 1 else (line[:20], "?")
            self.place = f"record {contig}:{pos}"
            if contig not in self.lengths:
                _check_contigs(self.gvcf, {contig: None}, self.lengths)
            record = parse(line, self.counts)
            if record is None:
                continue
            last = record.end or record.pos + len(record.ref) - 1
            if last > self.lengths[contig] or not self.bases.fits(record):
                raise fail(
                    "reference-differs",
                    self.gvcf,
                    f"{self.place} has REF {record.ref[:20]} and ends at {last}; the reference"
                    f" has {self.bases.around(record)[:20] or 'no base'} there",
                    "Give a gVCF that was called on the reference of config.yaml",
                )
            yield record

    def faults_named(self, records: Iterator) -> Iterator:
        try:
            yield from records
        except Unfit as error:
            raise fail(
                error.code,
                self.gvcf,
                f"{self.place}: {error.found}",
                "Make it again, or give the reads instead; docs/cohorts.md says what is needed",
            ) from None


class _Bases:
    """Reference bases, a window at a time."""

    def __init__(self, fasta: pysam.FastaFile):
        self.fasta, self.contig, self.start, self.window = fasta, "", 0, ""

    def fetch(self, contig: str, pos: int, length: int) -> str:
        """`length` bases from the 1-based `pos`, upper case."""
        start = pos - 1
        inside = self.start <= start and start + length <= self.start + len(self.window)
        if contig != self.contig or not inside:
            self.contig, self.start = contig, start
            self.window = self.fasta.fetch(contig, start, start + max(length, WINDOW)).upper()
        return self.window[start - self.start : start - self.start + length]

    def base(self, contig: str, pos: int) -> str:
        return self.fetch(contig, pos, 1)

    def around(self, record) -> str:
        return self.fetch(record.contig, record.pos, len(record.ref))

    def fits(self, record) -> bool:
        """REF is the reference; what is not A, C, G or T in either is written in many ways."""
        here = self.around(record)
        ref = record.ref.upper()
        if here == ref:
            return True
        return len(here) == len(ref) and all(
            a == b or a not in "ACGT" or b not in "ACGT" for a, b in zip(here, ref, strict=True)
        )


def _lines(source: Path, gvcf: Path) -> Iterator[str]:
    """Lines of a plain or gzip text without their ends; a file that is cut short is refused."""
    with open(source, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    try:
        with (igzip.open if packed else open)(source, "rb") as handle:
            for line in handle:
                if not line.endswith(b"\n"):
                    raise _truncated(gvcf, "its last line has no end")
                yield line.rstrip(b"\r\n").decode()
    except (EOFError, OSError, isal_zlib.error) as error:
        raise _truncated(gvcf, str(error)) from None


def _header(lines: Iterator[str], sample: str) -> str:
    kept: list[str] = []
    for line in lines:
        if line.startswith("#CHROM"):
            there = "".join(kept)
            kept += [f"##{text}" for start, text in DECLARED.items() if f"##{start}" not in there]
            kept.append("\t".join([*line.split("\t")[:9], sample]))
            break
        if not line.startswith("##ALT=<ID=*"):
            kept.append(line)
    return "\n".join(kept) + "\n"


def _check_contigs(gvcf: Path, found: dict[str, int | None], lengths: dict[str, int]) -> None:
    """Refuse contigs that the reference has by another name or with another length.

    A contig of the header that the reference lacks does not matter until a record uses it.
    """
    other = [n for n, length in found.items() if length and lengths.get(n, length) != length]
    if other:
        raise fail(
            "reference-differs",
            gvcf,
            f"{len(other)} contigs have another length than in the reference, as {other[0]}: "
            f"{found[other[0]]} and {lengths[other[0]]}",
            "Give a gVCF that was called on the reference of config.yaml",
        )
    if found and not set(found) & set(lengths):
        name = next(iter(found))
        twin = name.removeprefix("chr") if name.startswith("chr") else f"chr{name}"
        how = f" (it has {twin})" if twin in lengths else ""
        raise fail(
            "contig-names",
            gvcf,
            f"contig {name} is not in the reference{how}",
            "Give a gVCF and a reference with the same contig names, with chr or without",
        )


def _refuse_truncated(gvcf: Path) -> None:
    """A bgzip file ends with an empty block; without it, the end is missing."""
    with open(gvcf, "rb") as handle:
        start = handle.read(18)
        if start[:4] == b"\x1f\x8b\x08\x04" and start[12:14] == b"BC":
            size = handle.seek(0, 2)
            handle.seek(max(0, size - len(BGZF_END)))
            if handle.read() != BGZF_END:
                raise _truncated(gvcf, "its last block is missing")


def _truncated(gvcf: Path, why: str) -> StageError:
    return fail("gvcf-truncated", gvcf, f"it is cut short: {why}", "Transfer it again")
