"""Contigs of a database against those of the reference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from genopheno.annotation.databases.columns import header_lines
from genopheno.contig_names import match, some
from genopheno.problems import fail


def match_contigs(
    name: str,
    file: Path,
    form: str,
    per_contig: Mapping[str, int],
    lengths: Mapping[str, int],
    reference: Path,
) -> dict[str, str]:
    """Contig of the database → contig of the reference, by name or by its other spelling.

    Raises
    ------
    StageError : the database holds no record, shares no contig with the reference, or names
        contigs in a way that could mean several.
    """
    if not per_contig:
        raise fail(
            "database-empty",
            file,
            f"database {name} holds no record",
            "Fetch it again; the download may be cut short",
        )
    known = _lengths(file, form) if form in ("vcf", "bcf") else {}
    names, ambiguous = match(per_contig, lengths, known)
    if ambiguous:
        first, could = next(iter(ambiguous.items()))
        raise fail(
            "contigs-ambiguous",
            file,
            f"contig {first!r} of database {name} could be {some(sorted(could))} of the reference "
            f"{reference}, which other contigs of the database could be, too",
            "Rename its contigs with 'bcftools annotate --rename-chrs'",
        )
    if not names:
        raise fail(
            "contigs-differ",
            file,
            f"no contig of database {name} ({some(per_contig)}) is in the reference {reference} "
            f"({some(lengths)}), nor one of that length with or without 'chr'",
            "Rename its contigs with 'bcftools annotate --rename-chrs', or take the database "
            "of this build",
        )
    return names


def _lengths(file: Path, form: str) -> dict[str, int]:
    """Lengths (bp) of contigs, where the header has them."""
    found = {}
    for line in header_lines(file, form):
        name = re.match(r"##contig=<(?:.*,)?ID=([^,>]+)", line)
        length = re.search(r"[<,]length=(\d+)", line)
        if name and length:
            found[name[1]] = int(length[1])
    return found
