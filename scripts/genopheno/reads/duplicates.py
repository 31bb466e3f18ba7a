"""Units of a sample to its CRAM: duplicates marked across the lanes of a library."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from genopheno.files import md5 as md5_of
from genopheno.files import writing
from genopheno.problems import fail
from genopheno.tools import Command, run

# 3.0: every caller reads it; 3.1 does not open in older htsjdk.
CRAM = "cram,version=3.0"


def mark_duplicates(
    units: Sequence[tuple[str, Path]],
    *,
    reference: Path,
    cram: Path,
    md5: Path,
    markdup_report: Path,
    threads: int,
) -> None:
    """Merge the units of one sample into a CRAM with its index and MD5.

    Copies of one molecule can turn up in any lane its library was loaded on, never in
    another library: duplicates are marked library by library (samtools markdup, by the
    positions of both ends; the copy of best base quality stays unmarked; supplementary
    records follow their primary).

    Parameters
    ----------
    units : (library, coordinate-sorted BAM with mate scores) of each unit.
    reference : FASTA the CRAM is written against (.fai beside it).
    cram : CRAM 3.0 to write; ``.crai`` goes beside it.
    md5 : checksum file to write, as ``md5sum -c`` reads it.
    markdup_report : samtools markdup statistics to write, one block a library.
    threads : threads.

    Raises
    ------
    StageError : no unit, a tool failed, or records were lost. No output is left behind.
    """
    if not units:
        raise fail("units-none", cram, "no unit was given", "Give --unit LIBRARY=BAM")
    libraries: dict[str, list[Path]] = {}
    for library, bam in units:
        libraries.setdefault(library, []).append(bam)

    crai = cram.with_name(cram.name + ".crai")
    with (
        writing(markdup_report) as report,
        writing(md5) as checksum,
        writing(crai) as index,
        writing(cram) as out,
        tempfile.TemporaryDirectory(prefix=f".{cram.name}.", dir=cram.parent) as folder,
    ):
        scratch = Path(folder)
        target = f"{out}##idx##{index}"
        finish = ["-O", CRAM, "--reference", reference.absolute(), "--write-index"]
        reports: list[Path] = []
        marked: list[Path] = []
        for number, bams in enumerate(libraries.values()):
            reports.append(scratch / f"{number}.txt")
            head, source = _merged(bams)
            last = len(libraries) == 1
            marked.append(scratch / f"{number}.bam")
            run(
                *head,
                [
                    *("samtools", "markdup", "-S", "-l", 500, "-@", threads - 1),
                    *("-T", scratch / f"{number}.tmp", "-f", reports[-1]),
                    *(finish if last else ["-O", "bam,level=1"]),
                    *(source, target if last else marked[-1]),
                ],
            )
        if len(libraries) > 1:
            run(
                ["samtools", "merge", "-c", "-p", "-@", threads - 1, *finish, "-o", target, *marked]
            )
        report.write_text("".join(path.read_text() for path in reports))
        _check_nothing_lost(cram, out, reports, [b for _, b in units], reference, threads)
        checksum.write_text(f"{md5_of(out)}  {cram.name}\n")


def _merged(bams: list[Path]) -> tuple[list[Command], str | Path]:
    """Commands that merge the lanes of a library, and what markdup reads."""
    if len(bams) == 1:
        return [], bams[0]
    return [["samtools", "merge", "-u", "-c", "-p", "-o", "-", *bams]], "-"


def _check_nothing_lost(
    name: Path, cram: Path, reports: list[Path], bams: list[Path], reference: Path, threads: int
) -> None:
    """Records of the BAMs = records markdup read and wrote = records of the CRAM."""
    count = ["samtools", "view", "-c", "-@", threads - 1]
    given = sum(int(run([*count, bam])) for bam in bams)
    text = "".join(path.read_text() for path in reports)
    read, written = (
        sum(int(n) for n in re.findall(rf"^{word}: (\d+)$", text, re.MULTILINE))
        for word in ("READ", "WRITTEN")
    )
    kept = int(run([*count, "--reference", reference.absolute(), cram]))
    if not given == read == written == kept:
        raise fail(
            "reads-lost",
            name,
            f"the units hold {given} records; markdup read {read} and wrote {written}; "
            f"the CRAM holds {kept}",
            "Check free disk space and memory, then run again",
        )
    if not kept:
        raise fail("reads-none-left", name, "the units hold no record", "Check the units")
