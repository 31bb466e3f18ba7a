"""A prepared database: a table with a tabix index, whose first lines say what it is."""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from genopheno import fields
from genopheno.annotation.databases.columns import Column
from genopheno.fields import Field
from genopheno.problems import fail

HEADER_KEY = "##genopheno_database="
ALLELE = ("CHROM", "POS", "REF", "ALT")
REGION = ("CHROM", "FROM", "TO")


@dataclass(frozen=True)
class Prepared:
    """What the header of a prepared database says.

    Attributes
    ----------
    match : ``allele``, or ``region``. layout : columns of the file. taken : its fields.
    rsid : whether its ID column is to be taken.
    source, version : who publishes it, and its release.
    combine : of several regions over a variant, which number is taken: max, min or avg.
    encoded : text is percent-encoded, as INFO of VCF asks for (tables and BED).
    contigs : rows by contig.
    counts : counts of the preparation.
    """

    name: str
    match: str
    taken: tuple[Column, ...]
    rsid: bool
    source: str
    version: str
    combine: str
    encoded: bool
    contigs: dict[str, int]
    counts: dict[str, Any]

    @property
    def columns(self) -> dict[str, str]:
        """INFO column → field name in the database."""
        return {column.name: column.field for column in self.taken}

    @property
    def found(self) -> str:
        """INFO flag of the variants that it holds."""
        return f"{self.name}_found"

    @property
    def layout(self) -> list[str]:
        place = ALLELE if self.match == "allele" else REGION
        return [*place, *(["ID"] if self.rsid else []), *self.columns]

    @property
    def note(self) -> str:
        """Source and version, as they follow a description."""
        said = " ".join(word for word in (self.source, self.version) if word)
        return f" ({said})" if said else ""

    @property
    def fields(self) -> list[Field]:
        """Members of the families ``{database}_found`` and ``{database}_{field}``."""
        source = " ".join(word for word in (self.source, self.version) if word) or self.name
        found = fields.member("sites", "{database}_found", database=self.name)
        members = [replace(found, source=source)]
        for column in self.taken:
            said = column.description or f"Column {column.field}"
            members.append(
                Field(column.name, column.arrow_type, "", said + self.note, "open", source)
            )
        return members

    @property
    def header(self) -> list[str]:
        """Lines of a VCF header for what a lookup adds."""
        what = "allele" if self.match == "allele" else "place"
        flag = Column(
            "found",
            self.found,
            "0",
            "Flag",
            f"Database {self.name} holds the {what} of the variant",
        )
        return [column.header(self.note) for column in (flag, *self.taken)]

    def written(self) -> str:
        """Header of the file."""
        line = HEADER_KEY + json.dumps(asdict(self), ensure_ascii=False)
        return "\n".join([line, *self.header, "#" + "\t".join(self.layout)]) + "\n"


def read_prepared(name: str, path: Path) -> Prepared:
    """Read the header of a prepared database.

    Raises
    ------
    StageError : it was not prepared, or under another name.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as lines:
            first = next(lines, "")
    except gzip.BadGzipFile:
        first = ""
    if first.startswith(HEADER_KEY):
        values = json.loads(first.removeprefix(HEADER_KEY))
        if values["name"] == name:
            taken = tuple(Column(**column) for column in values.pop("taken"))
            return Prepared(taken=taken, **values)
    raise fail(
        "database-not-prepared",
        path,
        f"its header does not say that it was prepared as {name!r}",
        f"Run 'genopheno database {name}' on it",
    )
