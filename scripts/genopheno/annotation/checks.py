"""What has to hold of calls before they are annotated: contigs, reference, normal form."""

from __future__ import annotations

import subprocess
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from genopheno.problems import Problems, fail

WINDOW = 1_000_000  # bases of the reference that are held at a time
SHOWN = 3  # places that a message names


@dataclass(frozen=True)
class Checked:
    """Sites that passed.

    Attributes
    ----------
    records : their number. symbolic : alleles without a sequence (``<DEL>``, ``*``, breakends).
    order : checksum over position and alleles in their order.
    """

    records: int
    symbolic: int
    order: int


def read_sites(path: Path) -> Iterator[list[str]]:
    """The fixed columns of each record of a VCF or BCF, as text, with INFO as the last.

    Raises
    ------
    StageError : bcftools could not read it to the end.
    """
    command = ["bcftools", "view", "--no-version", "-G", "-H", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            yield line.rstrip("\n").split("\t", 7)
    if process.returncode:
        raise fail("tool-failed", path, "bcftools view could not read it", "Make it again")


def chain(order: int, contig: str, position: str, reference: str, alternate: str) -> int:
    """Checksum of the records so far and one more."""
    return zlib.crc32(f"{contig}:{position}:{reference}:{alternate};".encode(), order)


def check_sites(sites: Path, reference: Path, calls: Path) -> Checked:
    """Check sites against the reference.

    Parameters
    ----------
    sites : VCF or BCF. reference : indexed FASTA. calls : the name to use in messages.

    Raises
    ------
    StageError : contigs that the reference lacks, several alternate alleles in a record, REF
        that is not what the reference has, indels that are not left-aligned or alleles that
        are not as short as they can be; all of them at once, with counts.
    """
    import pysam

    counts: Counter[str] = Counter()
    places: dict[str, list[str]] = {}
    strange: Counter[str] = Counter()
    order = symbolic = 0
    here, first, held = "", 0, ""
    with pysam.FastaFile(str(reference)) as fasta:
        lengths = dict(zip(fasta.references, fasta.lengths, strict=True))
        for contig, position, _, ref, alt, *_ in read_sites(sites):
            counts["records"] += 1
            order = chain(order, contig, position, ref, alt)
            if contig not in lengths:
                strange[contig] += 1
                continue
            start = int(position) - 1
            if contig != here or start < first or start + len(ref) > first + len(held):
                here, first = contig, start
                held = fasta.fetch(contig, start, start + max(WINDOW, len(ref))).upper()
            fault = ""
            if "," in alt:
                fault = "split"
            elif held[start - first : start - first + len(ref)] != ref.upper():
                fault = "reference"
            elif not alt.isalpha():
                symbolic += 1
            elif not is_normal(start + 1, ref.upper(), alt.upper()):
                fault = "normal"
            if fault:
                counts[fault] += 1
                if counts[fault] <= SHOWN:
                    places.setdefault(fault, []).append(
                        f"{contig}:{position} {ref[:20]}>{alt[:20]}"
                    )
    problems = Problems()
    n = counts["records"]
    if strange:
        problems.add(
            "contigs-differ",
            calls,
            f"{sum(strange.values())} of {n} records lie on contigs that the reference {reference} "
            f"lacks: {', '.join(list(strange)[:5])} (it has {', '.join(list(lengths)[:5])})",
            "Take the reference that the calls were made with",
        )
    for fault, code, what, mend in (
        (
            "split",
            "allele-not-split",
            "have several alternate alleles",
            "Split the calls with 'bcftools norm -m -any' before they are annotated",
        ),
        (
            "reference",
            "reference-differs",
            f"have a REF that {reference} does not have there",
            "Take the reference that the calls were made with",
        ),
        (
            "normal",
            "allele-not-normal",
            "are not left-aligned, or longer than they have to be",
            "Normalise the calls with 'bcftools norm -f' before they are annotated",
        ),
    ):
        if counts[fault]:
            where = ", ".join(places[fault])
            problems.add(code, calls, f"{counts[fault]} of {n} records {what} ({where})", mend)
    problems.raise_if_any()
    return Checked(n, symbolic, order)


def is_normal(position: int, reference: str, alternate: str) -> bool:
    """Whether an allele is left-aligned and parsimonious (Tan et al., Bioinformatics 2015).

    It is if the alleles end with different bases, and begin with different bases unless one
    of them is a single base. At the first base of a contig nothing can move further left.

    >>> is_normal(10, "CA", "C"), is_normal(10, "AA", "A"), is_normal(1, "AA", "A")
    (True, False, True)
    """
    shortest = min(len(reference), len(alternate))
    if reference[-1] == alternate[-1] and position > 1:
        return False
    return shortest == 1 or reference[0] != alternate[0]


def check_genes(
    contigs: Sequence[str], gff3: Path, lengths: dict[str, int], reference: Path
) -> None:
    """Refuse gene models that share no contig with the reference.

    Raises
    ------
    StageError : both sides' contigs are named.
    """
    if not set(contigs) & set(lengths):
        raise fail(
            "contigs-differ",
            gff3,
            f"no contig of the genes ({', '.join(contigs[:5]) or 'none'}) is in the "
            f"reference {reference} ({', '.join(list(lengths)[:5])})",
            "Take the gene models of this build, with the contig names of the reference",
        )
