"""One row of a sample sheet."""

from __future__ import annotations

from dataclasses import dataclass, fields

# Entries that stand for a whole sample; the others may be one unit of several.
WHOLE = ("gvcf", "vcf")


@dataclass(frozen=True)
class Unit:
    """One row: the reads of one library on one lane, or a file that stands for a whole sample.

    Attributes are the columns of table ``units``; `row` is the line in the user's sheet
    (0 where the unit was read from our own table). `entry` says what was handed in: fastq
    (`fastq_1` and, for pairs, `fastq_2`), bam, cram, gvcf or vcf (`file`).
    """

    sample: str
    participant: str
    sex: str
    unit: str
    library: str
    lane: str
    platform: str
    fastq_1: str
    fastq_2: str
    entry: str = "fastq"
    file: str = ""
    control: str = ""
    row: int = 0

    @property
    def files(self) -> dict[str, str]:
        """Paths by the column of the sheet that names them."""
        named = {"fastq_1": self.fastq_1, "fastq_2": self.fastq_2}
        if self.entry != "fastq":
            named = {self.entry: self.file}
        return {column: path for column, path in named.items() if path}

    @property
    def column(self) -> str:
        """The column of the sheet that names what was handed in."""
        return "fastq_1" if self.entry == "fastq" else self.entry

    @property
    def read_group_id(self) -> str:
        """ID of the read group: sample.library.lane."""
        return f"{self.sample}.{self.library}.{self.lane}"


COLUMNS_OF_UNITS = tuple(field.name for field in fields(Unit) if field.name != "row")
