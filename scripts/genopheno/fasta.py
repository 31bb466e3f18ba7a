"""Reference sequences: their index, and the contigs that it names."""

from __future__ import annotations

from pathlib import Path

from genopheno.tools import run


def faidx(reference: Path) -> Path:
    """Index of a FASTA; made if absent."""
    index = Path(f"{reference}.fai")
    if not index.is_file():
        run(["samtools", "faidx", reference])
    return index


def contig_lengths(fai: Path) -> dict[str, int]:
    """Contigs of a FASTA index, in order, with their lengths (bp)."""
    rows = (line.split("\t") for line in fai.read_text().splitlines() if line)
    return {row[0]: int(row[1]) for row in rows}
