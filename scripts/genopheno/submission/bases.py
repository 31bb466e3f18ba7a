"""REF bases of calls against the bases of the reference, in one walk over the FASTA."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genopheno.submission.reference import fasta_pieces
from genopheno.submission.streams import Stream

Base = tuple[str, int, str]  # contig, 1-based position, base in upper case


def disagreeing(fasta: str | Path, files: Sequence[Sequence[Base]]) -> list[int]:
    """Count, for each file, the bases that differ from the reference.

    Parameters
    ----------
    fasta : plain or gzip; it needs no index, since labs hand in what has none.
    files : the bases of each file; a position beyond the end of its contig, or on a contig
        that is not there, differs. Bases that are not A, C, G or T in the reference agree with
        everything.

    Raises
    ------
    Fault : the FASTA is damaged.
    """
    wanted: dict[str, list[tuple[int, str, int]]] = {}
    for index, bases in enumerate(files):
        for contig, position, base in bases:
            wanted.setdefault(contig, []).append((position - 1, base, index))
    counts = np.array([len(bases) for bases in files], np.int64)
    at = 0
    places = givens = owners = np.empty(0, np.int64)
    for head, piece in fasta_pieces(Stream(Path(fasta)), fasta):
        if head is not None:
            rows = sorted(wanted.get((head.split(None, 1) or [b""])[0].decode("latin-1"), []))
            places = np.array([row[0] for row in rows], np.int64)
            givens = np.array([ord(row[1]) for row in rows], np.uint8)
            owners = np.array([row[2] for row in rows], np.int64)
            at = 0
        low, high = np.searchsorted(places, [at, at + len(piece)])
        if high > low:
            ours = np.frombuffer(piece.upper(), np.uint8)[places[low:high] - at]
            same = (ours == givens[low:high]) | ~np.isin(ours, np.frombuffer(b"ACGT", np.uint8))
            np.subtract.at(counts, owners[low:high], same)
        at += len(piece)
    return counts.tolist()
