"""BAM and CRAM files as labs hand them in."""

from __future__ import annotations

from pathlib import Path

from genopheno.submission.streams import Fault


def is_aligned(path: str | Path) -> bool:
    """Tell an aligned BAM or CRAM from an unaligned one: its header names contigs.

    Raises
    ------
    Fault : the file is neither BAM nor CRAM.
    """
    import pysam

    try:
        with pysam.AlignmentFile(str(path), check_sq=False) as file:
            return file.nreferences > 0
    except (OSError, ValueError) as error:
        raise Fault(
            "alignment-unreadable",
            f"{path} cannot be read as BAM or CRAM: {error}",
            "Copy it again from where it was made",
        ) from None
