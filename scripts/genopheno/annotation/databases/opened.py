"""A file of a database, as far as its header and its contigs tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genopheno.annotation.databases.columns import Column
from genopheno.site_files import Layout


@dataclass(frozen=True)
class Opened:
    """A file that is about to be prepared.

    Attributes
    ----------
    file : as it was given, for messages. path : what is read; the same, or made from it.
    form : vcf, bcf, bed or table, of `path`.
    columns : fields that are asked for.
    contigs : records by contig.
    match : allele or region.
    layout, skip : of a table: where it keeps what; lines of its header.
    encoded : text is percent-encoded in what is made of it.
    """

    file: Path
    path: Path
    form: str
    columns: Sequence[Column]
    contigs: Mapping[str, int]
    match: str
    layout: Layout | None = None
    skip: int = 0
    encoded: bool = False
