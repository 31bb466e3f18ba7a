"""Headers of BAM and CRAM files: contigs against a reference, and whose reads they say it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from genopheno.problems import fail
from genopheno.tools import run

SHOWN = 5  # contigs named in a message


def read_header(path: Path) -> list[str]:
    """Lines of the header of a BAM or CRAM file."""
    return run(["samtools", "view", "-H", "--no-PG", path]).splitlines()


def fields(header: Iterable[str], kind: str) -> list[dict[str, str]]:
    """Fields by tag of every header line of one kind (``@SQ``, ``@RG``, …)."""
    return [
        dict(cell.split(":", 1) for cell in line.split("\t")[1:] if ":" in cell)
        for line in header
        if line.split("\t", 1)[0] == kind
    ]


def contigs(header: Iterable[str]) -> dict[str, int]:
    """Lengths (bp) by contig, in the order of the header."""
    return {row["SN"]: int(row["LN"]) for row in fields(header, "@SQ")}


def is_coordinate_sorted(header: Iterable[str]) -> bool:
    return any(row.get("SO") == "coordinate" for row in fields(header, "@HD"))


def is_grouped_by_name(header: Iterable[str]) -> bool:
    """Tell whether the header promises mates next to each other."""
    return any(
        row.get("SO") == "queryname" or row.get("GO") == "query" for row in fields(header, "@HD")
    )


def reference_dictionary(reference: Path) -> list[str]:
    """Header lines of a FASTA as ``samtools dict`` writes them: names, lengths, MD5."""
    return run(["samtools", "dict", reference]).splitlines()


def misfits(header: Sequence[str], dictionary: Sequence[str]) -> list[str]:
    """How the contigs of an alignment disagree with a reference, in words; none: they fit.

    An alignment may lack contigs of the reference, and have them in another order. Sequences
    are compared where the header gives their MD5 (SAM specification 1.3.2), which CRAM always
    does.
    """
    known = {row["SN"]: row for row in fields(dictionary, "@SQ")}
    found = fields(header, "@SQ")
    if not found:
        return ["it names no contig, so it is not aligned"]
    absent = [row["SN"] for row in found if row["SN"] not in known]
    longer = [
        f"{row['SN']} ({row['LN']} bp, in the reference {known[row['SN']]['LN']})"
        for row in found
        if row["SN"] in known and row["LN"] != known[row["SN"]]["LN"]
    ]
    other = [
        row["SN"]
        for row in found
        if row["SN"] in known
        and row["LN"] == known[row["SN"]]["LN"]
        and row.get("M5", known[row["SN"]]["M5"]).lower() != known[row["SN"]]["M5"]
    ]
    return [
        f"it has {what}: {', '.join(names[:SHOWN])}" + (" and more" if len(names) > SHOWN else "")
        for what, names in (
            ("contigs that the reference does not have", absent),
            ("contigs of another length", longer),
            ("contigs of another sequence (MD5)", other),
        )
        if names
    ]


def samples_of(header: Iterable[str]) -> list[str]:
    """Different SM of the read groups, in order."""
    return list(dict.fromkeys(row["SM"] for row in fields(header, "@RG") if "SM" in row))


def with_sample(header: Sequence[str], sample: str, read_group: str, file: Path) -> list[str]:
    r"""The header with SM of every read group set to one sample.

    Parameters
    ----------
    read_group : @RG line with ``\t`` between fields, added where there is none.
    file : whose header it is, for the message.

    Raises
    ------
    StageError : its read groups are of several samples.
    """
    names = samples_of(header)
    if len(names) > 1:
        raise fail(
            "alignment-samples",
            file,
            f"its read groups are of {len(names)} samples: {', '.join(names[:SHOWN])}",
            "Give each sample a file of its own (samtools split)",
        )
    lines = [_renamed(line, sample) if line.startswith("@RG\t") else line for line in header]
    if not any(line.startswith("@RG\t") for line in lines):
        lines.append(read_group.replace(r"\t", "\t"))
    return lines


def _renamed(line: str, sample: str) -> str:
    kept = [cell for cell in line.split("\t") if not cell.startswith("SM:")]
    return "\t".join([*kept, f"SM:{sample}"])
