"""BAM and CRAM files as labs hand them in: read to their end, described, held to the reference."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from genopheno.contig_names import some
from genopheno.files import md5
from genopheno.problems import fail
from genopheno.submission import memory
from genopheno.submission.contigs import Sequence, misfit
from genopheno.submission.cram import first_damage
from genopheno.submission.names import missing
from genopheno.submission.streams import COPY, Fault

# Last bytes of a whole file: the empty BGZF block of BAM (SAM specification, 4.1.2), and the
# empty container of CRAM 2.1 and 3.x (CRAM specification, 9; its -1 is packed in two ways).
ENDS = {
    "BAM": ("1f8b08040000000000ff0600424302001b0003000000000000000000",),
    "CRAM": tuple(
        head + minus_one + tail
        for head, tail in (
            ("0b000000ffffffff", "e0454f460000000001000001000606010001000100"),
            ("0f000000ffffffff", "e0454f4600000000010005bdd94f0001000606010001000100ee63014b"),
        )
        for minus_one in ("0f", "ff")
    ),
}
ALIGN_AGAIN = (
    "Align it to this reference (reads.realign: true, or hand in its FASTQ), or make the "
    "reference that it was aligned to the project's"
)


@dataclass
class Alignment:
    """What one BAM or CRAM holds.

    Attributes
    ----------
    format : BAM or CRAM, whatever the file is called.
    aligned : its header names contigs.
    contigs, m5 : length (bp) and, where given, MD5 of the sequence, by contig of the header.
    samples : the SM of its read groups, each once; read_groups : number of read groups.
    sorted_by : coordinate, queryname, unsorted or unknown, as the header says.
    reads, mapped, duplicates : primary records; those of them that are mapped, and flagged as
        duplicates.
    size, md5 : of the file on disk (bytes; hexadecimal).
    """

    path: str
    format: str
    aligned: bool
    contigs: dict[str, int] = field(default_factory=dict)
    m5: dict[str, str] = field(default_factory=dict)
    samples: list[str] = field(default_factory=list)
    read_groups: int = 0
    sorted_by: str = "unknown"
    reads: int = 0
    mapped: int = 0
    duplicates: int = 0
    size: int = 0
    md5: str = ""


def is_aligned(path: str | Path, cache: Path | None = None) -> bool:
    """Tell an aligned BAM or CRAM from an unaligned one: its header names contigs.

    Parameters
    ----------
    cache : memory of earlier checks, which is asked where the file is gone.

    Raises
    ------
    StageError : the file is neither BAM nor CRAM, or is gone and was never checked.
    """
    try:
        if Path(path).exists():
            return _header(path).aligned
    except Fault as fault:
        raise fail(fault.code, path, fault.found, fault.mend) from None
    for kind in ("bam", "cram"):
        before = _recall(cache).get(memory.key(kind, [path]))
        if before:
            return before["result"]["sides"][0]["aligned"]
    code, *words = missing(path)
    raise fail(code, path, *words)


_recall = lru_cache(1)(memory.recall)  # asked once per archived file, read once


def read_alignment(path: str | Path) -> Alignment:
    """Verify a BAM or CRAM by reading all of it; no reference is needed.

    Checked are: the header; every record can be read; the checksums of every block, of a CRAM
    also of bases and qualities, which are not unpacked, since that needs its reference; the
    end-of-file marker; at least one read.

    Raises
    ------
    Fault : alignment-unreadable, alignment-truncated, alignment-damaged or no-reads.
    """
    import pysam

    found = _header(path)
    whole = _ends_whole(found)
    try:
        # Side by side, so that the disk is read once. One thread: with more, htslib may wait
        # for ever on a file that is cut off; several files are read at a time anyway.
        with _silent(), ThreadPoolExecutor(1) as beside:
            digest = beside.submit(md5, path)
            said = pysam.flagstat("-O", "json", str(path))
            found.md5 = digest.result()
    except pysam.SamtoolsError as error:
        if whole:
            raise Fault(
                "alignment-damaged",
                f"{path} is damaged: not every record can be read ({_reason(error)})",
                COPY,
            ) from None
        whole = False
    if not whole:
        raise Fault(
            "alignment-truncated",
            f"{path} is cut off: the marker at the end of a whole {found.format} file is missing "
            f"after {Path(path).stat().st_size} bytes",
            COPY,
        )
    damaged = first_damage(path) if found.format == "CRAM" else None
    if damaged is not None:
        raise Fault(
            "alignment-damaged",
            f"{path} is damaged: the checksums of the container at byte {damaged} do not fit it",
            COPY,
        )
    counts = json.loads(said)
    passed, failed = counts["QC-passed reads"], counts["QC-failed reads"]
    found.reads = passed["primary"] + failed["primary"]
    found.mapped = passed["primary mapped"] + failed["primary mapped"]
    found.duplicates = passed["primary duplicates"] + failed["primary duplicates"]
    if not found.reads:
        raise Fault("no-reads", f"{path} holds no reads", "Hand in the reads again")
    found.size = Path(path).stat().st_size
    return found


@contextmanager
def _silent() -> Iterator[None]:
    """Keep htslib from writing its own warnings between ours."""
    import pysam

    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)


def _reason(error: Exception) -> str:
    said = str(error).partition("stderr=")[2] or str(error)
    return said.replace("\\n", " ").strip("') ") or "no reason given"


def _header(path: str | Path) -> Alignment:
    import pysam

    try:
        with (
            _silent(),
            warnings.catch_warnings(action="ignore"),  # a missing end is told by `_ends_whole`
            pysam.AlignmentFile(str(path), check_sq=False, ignore_truncation=True) as file,
        ):
            if not (file.is_bam or file.is_cram):
                raise ValueError("it is text")
            header = file.header.to_dict()
            kind = "CRAM" if file.is_cram else "BAM"
    except (OSError, ValueError) as error:
        raise Fault(
            "alignment-unreadable",
            f"{path} cannot be read as BAM or CRAM: {error}",
            "Copy it again from where it was made",
        ) from None
    lines = header.get("SQ", [])
    groups = header.get("RG", [])
    return Alignment(
        path=str(path),
        format=kind,
        aligned=bool(lines),
        contigs={line["SN"]: int(line["LN"]) for line in lines},
        m5={line["SN"]: line["M5"].lower() for line in lines if line.get("M5")},
        samples=list(dict.fromkeys(group["SM"] for group in groups if group.get("SM"))),
        read_groups=len(groups),
        sorted_by=header.get("HD", {}).get("SO", "unknown"),
    )


def _ends_whole(found: Alignment) -> bool:
    ends = tuple(map(bytes.fromhex, ENDS[found.format]))
    with open(found.path, "rb") as handle:
        size = handle.seek(0, 2)
        handle.seek(max(0, size - max(map(len, ends))))
        return handle.read().endswith(ends)


def sample_fault(found: Alignment) -> Fault | None:
    """Reads of several samples in one file: they must not become one."""
    if len(found.samples) < 2:
        return None
    return Fault(
        "alignment-samples",
        f"{found.path} holds the reads of {len(found.samples)} samples (read-group SM "
        f"{some(found.samples)})",
        "Split it, one file per sample (samtools split); if they are one sample, give its read "
        "groups one SM (samtools reheader)",
    )


def reference_fault(found: Alignment, fasta: Sequence, *, realign: bool = False) -> Fault | None:
    """Say why an aligned BAM or CRAM does not go with the project's reference; None: it does.

    Parameters
    ----------
    realign : its reads will be aligned anew. Then a BAM may be of any reference; a CRAM still
        has to be decoded with the project's.

    Returns
    -------
    Fault of code ``cram-reference`` (the sequence that the CRAM was packed with, told by M5, is
    not in the project's FASTA), ``contig-names``, ``contig-lengths``, ``contig-absent`` or
    ``contig-sequence`` (name and length agree, M5 does not). The header may lack contigs of
    the reference and have them in another order: the import brings them into the reference's.
    """
    if not found.aligned:
        return None
    if found.format == "CRAM":
        ours = set(fasta.m5.values())
        strange = [name for name, value in found.m5.items() if value not in ours]
        if strange:
            name = strange[0]
            return Fault(
                "cram-reference",
                f"{found.path}: the sequence it was packed with is not in the reference "
                f"{fasta.path}: contigs {some(strange)} ({name} has M5 {found.m5[name]}, "
                f"{found.contigs[name]} bp)",
                "Make that reference the project's, or turn the CRAM into BAM with it "
                "(samtools view -b -T) and align it to this one (reads.realign: true)",
            )
    if realign:
        return None
    fault = misfit(
        fasta,
        found.contigs,
        found.path,
        rename="Rename its contigs (samtools reheader)",
        instead=ALIGN_AGAIN,
    )
    if fault:
        return fault
    other = [name for name, value in found.m5.items() if value != fasta.m5[name]]
    if other:
        return Fault(
            "contig-sequence",
            f"{found.path}: it was aligned to another sequence of contigs {some(other)} (same "
            f"length, other M5) than that of the reference {fasta.path}",
            ALIGN_AGAIN,
        )
    return None
