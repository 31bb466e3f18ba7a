"""An aligned BAM or CRAM, taken as it is, to the CRAM of its sample."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from genopheno.files import md5 as md5_of
from genopheno.files import write_json, writing
from genopheno.problems import StageError, fail
from genopheno.reads.counts import contents, flagstat
from genopheno.reads.duplicates import CRAM
from genopheno.reads.headers import (
    contigs,
    fields,
    is_coordinate_sorted,
    misfits,
    read_header,
    reference_dictionary,
    samples_of,
    with_sample,
)
from genopheno.tools import Command, run

SORT_MEMORY_MB = 2048  # over all threads of samtools sort


def import_alignment(
    alignment: Path,
    *,
    reference: Path,
    cram: Path,
    md5: Path,
    report: Path,
    sample: str,
    read_group: str,
    threads: int,
) -> dict[str, Any]:
    """Bring an alignment into the form of ours: CRAM 3.0, sorted, indexed, SM of the sheet.

    Records stay as they are: positions, duplicate flags, tags, read groups. Contigs get the
    order of the reference; records are sorted where they are not yet, or where the order of the
    contigs changes.

    Parameters
    ----------
    alignment : aligned BAM or CRAM of one sample, complete.
    reference : FASTA that it was aligned to; contigs that nothing was aligned to may be more.
    cram : CRAM to write; ``.crai`` goes beside it.
    md5 : checksum file to write, as ``md5sum -c`` reads it.
    report : JSON to write: file, counts, what was changed, notes.
    sample : SM that every read group gets.
    read_group : @RG line (``\\t`` between fields) that all records get where the header has none.
    threads : threads.

    Returns
    -------
    What was written as `report`.

    Raises
    ------
    StageError : the file is damaged or cut off, is not aligned to this reference, holds several
        samples or no record, or records were lost. No output is left behind.
    """
    given = contents(alignment, threads=threads)
    header, dictionary = read_header(alignment), reference_dictionary(reference)
    wrong = misfits(header, dictionary)
    if wrong:
        raise fail(
            "alignment-reference",
            alignment,
            f"it was not aligned to this reference: {'; '.join(wrong)}",
            "Name the reference it was aligned to, or set reads.realign: true",
        )
    if not given.mapped:
        raise fail(
            "alignment-empty",
            alignment,
            f"none of its {given.records} records has a position",
            "Copy it again from where it was made, or set reads.realign: true",
        )
    ordered = list(contigs(header)) == list(contigs(dictionary))
    to_sort = not (ordered and is_coordinate_sorted(header) and _can_be_indexed(alignment, threads))
    said = {
        "file": str(alignment),
        "sample": sample,
        "sample_in_file": samples_of(header),
        "read_groups": len(fields(header, "@RG")),
        "sorted_here": to_sort,
        **asdict(given),
    }
    crai = cram.with_name(cram.name + ".crai")
    with (
        writing(report) as summary,
        writing(md5) as checksum,
        writing(crai) as index,
        writing(cram) as out,
        tempfile.TemporaryDirectory(prefix=f".{cram.name}.", dir=cram.parent) as folder,
    ):
        scratch = Path(folder)
        renamed, wanted = scratch / "header.sam", scratch / "contigs.sam"
        lines = with_sample(header, sample, read_group, alignment)
        renamed.write_text("\n".join(lines) + "\n")
        wanted.write_text("\n".join(dictionary) + "\n")
        steps: list[Command] = [["samtools", "reheader", renamed, alignment]]
        form = ["--reference", reference.absolute()]
        if not ordered:  # merging with an empty file puts the contigs into its order
            steps.append(["samtools", "merge", "-u", "-c", "-p", *form, "-o", "-", wanted, "-"])
        if not said["read_groups"]:
            name = next(row["ID"] for row in fields(lines, "@RG"))
            steps.append(["samtools", "addreplacerg", "-R", name, "-u", "-o", "-", *form, "-"])
        finish = ["-O", CRAM, *form, "--write-index", "-@", threads - 1]
        finish += ["-o", f"{out}##idx##{index}", "-"]
        if to_sort:
            memory = f"{SORT_MEMORY_MB // threads}M"
            steps.append(["samtools", "sort", "-m", memory, "-T", scratch / "sort", *finish])
        else:
            steps.append(["samtools", "view", *finish])
        run(*steps)
        kept = flagstat(out, threads=threads)
        if kept != given:
            raise fail(
                "reads-lost",
                cram,
                f"{alignment} holds {given}, the CRAM {kept}",
                "Check free disk space and memory, then run again",
            )
        said["notes"] = _notes(said)
        write_json(summary, said)
        checksum.write_text(f"{md5_of(out)}  {cram.name}\n")
    return said


def _can_be_indexed(alignment: Path, threads: int) -> bool:
    """Tell whether the records are in the order that the header promises.

    An index can be made of a CRAM in any order, and loses reads then; one of a BAM cannot. So
    the records become a BAM that nobody keeps, places alone (nothing else of a CRAM is decoded).
    """
    fields = "required_fields=0x3e"  # flag, contig, position, mapping quality, CIGAR
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index.csi"
        try:
            run(
                [
                    *("samtools", "view", "-u", "-@", threads - 1, "--input-fmt-option", fields),
                    *("--write-index", "-o", f"/dev/null##idx##{index}", alignment),
                ]
            )
        except StageError:
            return False
    return True


def _notes(said: dict[str, Any]) -> list[str]:
    """What the user should know of an imported alignment, in words."""
    notes = []
    if not said["duplicates"]:
        notes.append(
            "no record is flagged as duplicate: duplicates were removed, or never marked; "
            "reads.realign: true marks them"
        )
    if said["sample_in_file"] not in ([], [said["sample"]]):
        notes.append(f"SM was {said['sample_in_file'][0]} and is {said['sample']} now")
    if not said["read_groups"]:
        notes.append("it had no read group: one was given to all records")
    if said["sorted_here"]:
        notes.append("it was sorted here")
    return notes
