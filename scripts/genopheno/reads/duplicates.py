"""Units of a sample to its CRAM: duplicates marked across the lanes of a library."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genopheno.files import md5 as md5_of
from genopheno.files import write_json, writing
from genopheno.problems import fail
from genopheno.reads.counts import flagstat
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
    markdup_report : statistics of samtools markdup to write, summed and by library, as the
        JSON that its later versions give and MultiQC reads.
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
        counts = markdup_counts(
            {lib: p.read_text() for lib, p in zip(libraries, reports, strict=True)}
        )
        write_json(report, counts)
        _check_nothing_lost(cram, out, counts, [b for _, b in units], threads)
        checksum.write_text(f"{md5_of(out)}  {cram.name}\n")


def _merged(bams: list[Path]) -> tuple[list[Command], str | Path]:
    """Commands that merge the lanes of a library, and what markdup reads."""
    if len(bams) == 1:
        return [], bams[0]
    return [["samtools", "merge", "-u", "-c", "-p", "-o", "-", *bams]], "-"


def markdup_counts(reports: Mapping[str, str]) -> dict[str, Any]:
    """Statistics of samtools markdup, from its text per library: summed, and each by itself."""
    by_library = {
        library: dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
        for library, text in reports.items()
    }
    counts: dict[str, Any] = {"COMMAND": "samtools markdup, library by library"}
    libraries: dict[str, dict[str, int]] = {}
    for library, rows in by_library.items():
        libraries[library] = {k: int(n) for k, n in rows.items() if n.strip().isdecimal()}
        for key, number in libraries[library].items():
            counts[key] = counts.get(key, 0) + number
    return counts | {"LIBRARIES": libraries}


def _check_nothing_lost(
    name: Path,
    cram: Path,
    counts: Mapping[str, Any],
    bams: list[Path],
    threads: int,
) -> None:
    """Records of the BAMs = records markdup read and wrote = records of the CRAM."""
    # flagstat decodes nothing but the flags, which makes it the quickest count of a CRAM.
    given = sum(flagstat(bam, threads=threads).records for bam in bams)
    kept = flagstat(cram, threads=threads).records
    if not given == counts["READ"] == counts["WRITTEN"] == kept:
        raise fail(
            "reads-lost",
            name,
            f"the units hold {given} records; markdup read {counts['READ']} and wrote "
            f"{counts['WRITTEN']}; the CRAM holds {kept}",
            "Check free disk space and memory, then run again",
        )
    if not kept:
        raise fail("reads-none-left", name, "the units hold no record", "Check the units")
