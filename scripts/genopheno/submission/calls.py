"""VCF, BCF and gVCF files as labs hand them in: read to their end, described, held to the sheet."""

from __future__ import annotations

import difflib
import gzip
import re
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from genopheno import flavours
from genopheno.contig_names import SHOWN, some
from genopheno.files import md5
from genopheno.submission.streams import COPY, GZIP, Fault, Stream

BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
# REF bases that are kept to be compared with the reference: with so many, one in a hundred
# that disagrees shows with a probability of 99 %, and another build disagrees in most.
KEPT = 512
SYMBOLS = (flavours.NON_REF, flavours.ANY)


@dataclass
class Calls:
    """What one VCF, BCF or gVCF holds.

    Attributes
    ----------
    samples : names, in the order of the file.
    contigs : length in bp (0: the header does not say) of the contigs that have records.
    records : number of records.
    caller : of a gVCF: who wrote it; symbol : its allele for all others ('' : none).
    ref_bases : (contig, 1-based position, first base of REF) of records spread evenly over the
        file, `KEPT` at most.
    size, md5 : of the file on disk (bytes; hexadecimal).
    """

    path: str
    samples: list[str] = field(default_factory=list)
    contigs: dict[str, int] = field(default_factory=dict)
    records: int = 0
    caller: str = ""
    symbol: str = ""
    ref_bases: list[tuple[str, int, str]] = field(default_factory=list)
    size: int = 0
    md5: str = ""


def read_vcf(path: str | Path) -> Calls:
    """Verify a VCF or BCF of one or many samples by reading every record.

    Raises
    ------
    Fault : not-vcf, vcf-duplicate-samples, vcf-without-samples, vcf-without-gt, vcf-unsorted,
        vcf-record, vcf-is-gvcf, no-records, not-bgzip, gzip-truncated or gzip-damaged.
    """
    found = Calls(str(path), samples=sample_names(path))
    if not found.samples:
        raise Fault(
            "vcf-without-samples",
            f"{path} has no samples, only sites",
            "Give the file with the genotypes",
        )
    return _read(found, gvcf=False)


def read_gvcf(path: str | Path) -> Calls:
    """Verify a gVCF of one sample by reading every record.

    Raises
    ------
    Fault : those of `read_vcf`, and what `flavours.recognise` says of a gVCF from which no
        cohort can be combined.
    """
    samples = sample_names(path)
    flavour = flavours.recognise(path)
    if flavour.fault:
        whole = _damage(path)
        if whole:
            raise whole
        code, what, mend = flavour.fault
        raise Fault(code, f"{path}: {what}", mend)
    found = Calls(str(path), samples, caller=flavour.caller, symbol=flavour.symbol or "")
    return _read(found, gvcf=True)


def sample_names(path: str | Path) -> list[str]:
    """Sample names of the header, which htslib refuses to open if one is there twice."""
    line = _head_line(path)
    samples = line.split("\t")[9:]
    twice = [name for name, number in Counter(samples).items() if number > 1]
    if twice:
        raise Fault(
            "vcf-duplicate-samples",
            f"{path}: {some(twice)} stand for more than one of its {len(samples)} samples",
            "Give every sample its own name (bcftools reheader -s)",
        )
    return samples


def _head_line(path: str | Path) -> str:
    """The line of a VCF or BCF that begins with #CHROM."""
    no_vcf = Fault(
        "not-vcf",
        f"{path} does not begin as VCF or BCF does",
        "Give a VCF (plain or bgzip) or a BCF",
    )
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == GZIP
        with (gzip.open if packed else open)(path, "rb") as handle:
            # Of BCF the header follows its magic (5 bytes) and its length (4).
            start = handle.read(9)
            if not start.startswith((b"BCF\2", b"##filefo")):
                raise no_vcf
            handle.readline()  # the rest of the first line
            for line in handle:
                if line.startswith(b"#CHROM\t"):
                    return line.decode("utf-8", "replace").rstrip("\r\n\0")
                if not line.startswith(b"##"):
                    break
    except (OSError, EOFError, zlib.error):
        raise _damage(path) or no_vcf from None
    raise no_vcf


def _read(found: Calls, *, gvcf: bool) -> Calls:
    """Walk over all records."""
    with open(found.path, "rb") as handle:
        head = handle.read(len(BGZF_END))
    if head.startswith(GZIP) and not _is_bgzf(head):
        raise Fault(
            "not-bgzip",
            f"{found.path} is gzip, but not of blocks as VCF tools need it",
            "Pack it with bgzip (gzip -dc FILE | bgzip)",
        )
    with ThreadPoolExecutor(1) as beside:  # so that the disk is read once
        digest = beside.submit(md5, found.path)
        _walk(found, gvcf)
        found.md5 = digest.result()
    damage = None if _ends_whole(found.path) else _damage(found.path, must_end=True)
    if damage:
        raise damage
    if not found.records:
        raise Fault("no-records", f"{found.path} has a header but no variants", COPY)
    found.size = Path(found.path).stat().st_size
    return found


def _walk(found: Calls, gvcf: bool) -> None:
    import pysam

    path, step, without_gt = found.path, 1, 0
    contig, position = "", 0
    before = pysam.set_verbosity(0)
    try:
        with pysam.VariantFile(path) as file:
            header = file.header
            for record in file:
                if record.contig != contig:
                    contig, position = record.contig, 0
                    if contig in found.contigs:
                        raise _unsorted(found, f"contig {contig} comes a second time")
                    found.contigs[contig] = header.contigs[contig].length or 0
                if record.pos < position:
                    raise _unsorted(found, f"{contig}:{record.pos} comes after {position}")
                position = record.pos
                without_gt += "GT" not in record.format
                if not gvcf and record.alts and record.alts[-1] in SYMBOLS:
                    raise _is_gvcf(path, record.alts[-1])
                if found.records % step == 0:
                    found.ref_bases.append((contig, position, record.ref[:1].upper()))
                    if len(found.ref_bases) > KEPT:
                        step *= 2
                        found.ref_bases = found.ref_bases[::2]
                found.records += 1
    except (OSError, ValueError) as error:
        raise _damage(path) or Fault(
            "vcf-record",
            f"{path}: what follows record {found.records} cannot be read as VCF ({error})",
            COPY,
        ) from None
    finally:
        pysam.set_verbosity(before)
    if without_gt:
        raise Fault(
            "gvcf-without-gt" if gvcf else "vcf-without-gt",
            f"{path}: {without_gt} of {found.records} records have no GT in FORMAT",
            "Give a file with genotypes",
        )


def _unsorted(found: Calls, what: str) -> Fault:
    return Fault(
        "vcf-unsorted",
        f"{found.path}, record {found.records + 1}: {what}",
        "Sort it (bcftools sort)",
    )


def _is_gvcf(path: str, symbol: str) -> Fault:
    return Fault(
        "vcf-is-gvcf",
        f"{path} has the allele {symbol}, which stands for all others: it is a gVCF",
        "Name it in the column gvcf, one row per sample",
    )


def _is_bgzf(head: bytes) -> bool:
    return head.startswith(GZIP) and head[12:14] == b"BC"


def _ends_whole(path: str) -> bool:
    """False where BGZF ends without its marker; plain text has none."""
    with open(path, "rb") as handle:
        if not _is_bgzf(handle.read(14)):
            return True
        handle.seek(-min(len(BGZF_END), handle.seek(0, 2)), 2)
        return handle.read() == BGZF_END


def _damage(path: str | Path, *, must_end: bool = False) -> Fault | None:
    """What is wrong with the compression of a file, told by unpacking it."""
    stream = Stream(Path(path))
    try:
        for _ in stream:
            pass
    except Fault as fault:
        return fault
    if must_end or not _ends_whole(str(path)):
        return Fault(
            "gzip-truncated",
            f"{path} is cut off: the marker at the end of a whole bgzip file is missing after "
            f"{stream.size} bytes",
            COPY,
        )
    return None


# --- against the sheet -----------------------------------------------------------------------


def absent_sample(found: Calls, sample: str) -> Fault | None:
    """A sample of the sheet has to be in the VCF that its row names."""
    if sample in found.samples:
        return None
    near = near_names(sample, found.samples)
    return Fault(
        "sample-not-in-vcf",
        f"{found.path} has no sample {sample!r}; it has {len(found.samples)}: "
        + (f"near are {some(near)}" if near else some(found.samples)),
        "Write the name as it is in the VCF, or rename it there (bcftools reheader -s)",
    )


def near_names(name: str, names: list[str]) -> list[str]:
    """Names that may be meant: the same but for case and signs, or nearly the same."""
    bare = {_bare(other): other for other in reversed(names)}
    close = difflib.get_close_matches(_bare(name), bare, n=SHOWN, cutoff=0.75)
    return [bare[match] for match in close]


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
