"""Paired reads from haplotypes: inserts, duplicates, adapters, qualities, errors; FASTQ.

Everything is done on whole arrays, one row a read. Bases are codes 0-3 (4 is N).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genopheno.demo.genes import LETTERS
from genopheno.files import writing

LENGTH = 150
INSERT = (350.0, 50.0)  # mean and standard deviation (bp)
SHORT = 0.03  # fraction of the inserts that are shorter than a read
SHORTEST = 40
DUPLICATES = 0.03  # fraction of the pairs that are PCR copies of another pair
UNKNOWN = 2e-5  # fraction of the bases that are N
# TruSeq adapters as they are read past the end of an insert; then poly-G (two-colour dyes).
ADAPTERS = (
    "AGATCGGAAGAGCACACGTCTGAACTCCAGTCACATCACGATATCTCGTATGCCGTCTTCTGCTTG",
    "AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGTAGATCTCGGTGGTCGCCGTATCATT",
)
# Qualities in bins, as current instruments report them, and the errors that they stand for.
QUALITIES = np.array([37, 23, 12, 2])
ERRORS = np.round(10 ** (-QUALITIES / 10) * 65536).astype(np.uint16)
# Fraction of bases below the best bin, at the first and the last cycle of R1 and of R2.
POOR = ((0.02, 0.16), (0.03, 0.24))


@dataclass(frozen=True)
class Molecules:
    """Sequence that fragments are drawn from.

    Attributes
    ----------
    sequence : codes of all molecules, with at least a read's length between them.
    starts, lengths : (molecules,) where each is in it.
    weights : (molecules,) expected share of the fragments; sums to 1.
    """

    sequence: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    weights: np.ndarray


def molecules(parts: Sequence[np.ndarray], weights: Sequence[float]) -> Molecules:
    """Lay molecules side by side with room between them."""
    room = np.zeros(LENGTH, dtype=np.uint8)
    pieces, starts, at = [room], [], LENGTH
    for part in parts:
        starts.append(at)
        pieces += [part, room]
        at += len(part) + LENGTH
    share = np.asarray(weights, dtype=float)
    return Molecules(
        np.concatenate(pieces),
        np.array(starts),
        np.array([len(part) for part in parts]),
        share / share.sum(),
    )


@dataclass(frozen=True)
class Pairs:
    """Read pairs of one library.

    Attributes
    ----------
    bases : R1 and R2, each (pairs, LENGTH) codes.
    qualities : R1 and R2, each (pairs, LENGTH) indices into `QUALITIES`.
    """

    bases: tuple[np.ndarray, np.ndarray]
    qualities: tuple[np.ndarray, np.ndarray]

    def __len__(self) -> int:
        return len(self.bases[0])


def sequence_library(source: Molecules, pairs: int, rng: np.random.Generator) -> Pairs:
    """Draw fragments, copy some of them (PCR), and read both ends with errors."""
    copies = int(pairs * DUPLICATES)
    starts, inserts, reverse = _fragments(source, pairs - copies, rng)
    again = rng.integers(0, max(1, pairs - copies), copies)
    order = rng.permutation(pairs)
    starts, inserts, reverse = (
        np.concatenate([array, array[again]])[order] for array in (starts, inserts, reverse)
    )
    windows = np.lib.stride_tricks.sliding_window_view(source.sequence, LENGTH)
    left = windows[starts]
    right = 3 - windows[starts + inserts - LENGTH][:, ::-1]
    first = np.where(reverse[:, None], right, left)
    second = np.where(reverse[:, None], left, right)
    qualities = tuple(_qualities(pairs, *POOR[mate], rng) for mate in (0, 1))
    for mate, bases in enumerate((first, second)):
        _read_through(bases, inserts, ADAPTERS[mate])
        _add_errors(bases, qualities[mate], rng)
    return Pairs((first, second), qualities)


def _fragments(
    source: Molecules, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start in the laid-out sequence, insert length, and whether R1 is on the reverse strand."""
    which = rng.choice(len(source.weights), count, p=source.weights)
    inserts = np.rint(rng.normal(*INSERT, count)).astype(np.int64)
    short = rng.random(count) < SHORT
    inserts[short] = rng.integers(SHORTEST, LENGTH, int(short.sum()))
    inserts = np.clip(inserts, SHORTEST, source.lengths[which])
    offset = (rng.random(count) * (source.lengths[which] - inserts + 1)).astype(np.int64)
    return source.starts[which] + offset, inserts, rng.random(count) < 0.5


def _read_through(bases: np.ndarray, inserts: np.ndarray, adapter: str) -> None:
    """Put the adapter where a read goes past the end of its insert, in place."""
    tail = np.frombuffer(adapter.encode().ljust(LENGTH, b"G"), dtype=np.uint8)
    tail = np.searchsorted(LETTERS[:4], tail).astype(np.uint8)
    rows = np.flatnonzero(inserts < LENGTH)
    past = np.arange(LENGTH) - inserts[rows, None]
    bases[rows] = np.where(past >= 0, tail[np.maximum(past, 0)], bases[rows])


def _qualities(count: int, first: float, last: float, rng: np.random.Generator) -> np.ndarray:
    """(count, LENGTH) indices into `QUALITIES`: poorer towards the 3' end, by read and base."""
    cycle = np.linspace(0, 1, LENGTH, dtype=np.float32) ** 2
    poor = (first + (last - first) * cycle) * 65536
    by_read = rng.gamma(2.0, 0.5, count).astype(np.float32).clip(0.2, 3.5)
    limit = np.minimum(by_read[:, None] * poor, 60000).astype(np.uint16)
    draw = rng.integers(0, 65536, (count, LENGTH), dtype=np.uint16)
    return (draw < limit).view(np.uint8) + (draw < limit // 3).view(np.uint8)


def _add_errors(bases: np.ndarray, qualities: np.ndarray, rng: np.random.Generator) -> None:
    """Misread bases as often as their quality says, and leave a few unread, in place."""
    draw = rng.integers(0, 65536, bases.shape, dtype=np.uint16)
    wrong = np.flatnonzero(draw < ERRORS[qualities])
    shift = rng.integers(1, 4, len(wrong), dtype=np.uint8)
    bases.flat[wrong] = (bases.flat[wrong] + shift) & 3
    unread = rng.integers(0, bases.size, rng.poisson(bases.size * UNKNOWN))
    bases.flat[unread] = 4
    qualities.flat[unread] = len(QUALITIES) - 1


def write_unit(
    paths: tuple[Path, Path], pairs: Pairs, rows: np.ndarray, *, flowcell: str, lane: int
) -> None:
    """Write the FASTQ files of one unit; all records of a file have the same length.

    Parameters
    ----------
    rows : which pairs; their numbers become the positions in the read names.
    """
    from isal import igzip_lib

    quality = (QUALITIES + 33).astype(np.uint8)
    for mate, path in enumerate(paths):
        name = f"@DEMO:20:{flowcell}:{lane}:1101:".encode()
        comment = f" {mate + 1}:N:0:ATCACG\n".encode()
        parts = (
            _repeat(name, len(rows)),
            _digits(1000 + rows // 1000),
            _repeat(b":", len(rows)),
            _digits(10000 + 7 * (rows % 1000)),
            _repeat(comment, len(rows)),
            LETTERS[pairs.bases[mate][rows]],
            _repeat(b"\n+\n", len(rows)),
            quality[pairs.qualities[mate][rows]],
            _repeat(b"\n", len(rows)),
        )
        text = np.concatenate(parts, axis=1).tobytes()
        # igzip writes no time into the header: the same reads give the same bytes.
        with writing(path) as beside:
            beside.write_bytes(igzip_lib.compress(text, 1, igzip_lib.COMP_GZIP))


def _repeat(text: bytes, count: int) -> np.ndarray:
    row = np.frombuffer(text, dtype=np.uint8)
    return np.broadcast_to(row, (count, len(row)))


def _digits(numbers: np.ndarray) -> np.ndarray:
    """(count, 5) ASCII digits of numbers below 100,000."""
    return (numbers[:, None] // [10000, 1000, 100, 10, 1] % 10 + 48).astype(np.uint8)
