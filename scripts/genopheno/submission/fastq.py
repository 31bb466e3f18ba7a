"""Read pairs, verified in one pass over both files.

Lines are split and joined by the byte methods of Python and whole blocks are compared at
once: several hundred MB/s of plain FASTQ on one core, so that unpacking dominates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from genopheno.submission.streams import Fault, Stream

# IUPAC codes beside A, C, G, T, N occur in real reads, seldom; aligners take them as N.
BASES = b"ACGTNacgtnRYSWKMBDHVryswkmbdhv."
LOWEST, HIGHEST = 33, 126  # printable characters that Phred+33 can use
PHRED_33 = bytes(range(LOWEST, HIGHEST + 1))
# Phred+64 puts quality -5 (Solexa) at ';' (59). Phred+33 files without one base below
# quality 26 and yet with one above 41 ('J', 74) are not met from any sequencer.
PHRED_64_LOWEST, PHRED_33_HIGHEST = 59, 74
LONGEST = 64 << 20  # bytes in a line; the longest nanopore reads have some 4 MB
MATE = (b"/1", b"/2")
CONVERT = "Convert it to Phred+33 (for example: seqtk seq -Q64 -V)"


@dataclass
class Side:
    """What one FASTQ holds: number of reads, of bases, shortest and longest read (bp)."""

    path: str
    size: int = 0
    md5: str = ""
    reads: int = 0
    bases: int = 0
    min_length: int = 0
    max_length: int = 0


class _Reader:
    """Names of the reads of one file, block by block, everything else checked in passing."""

    def __init__(self, path: str | Path):
        self.side = Side(str(path))
        self._lowest, self._highest = 255, 0

    def __iter__(self) -> Iterator[list[bytes]]:
        stream = Stream(Path(self.side.path))
        left: list[bytes] = []
        tail = b""
        for block in stream:
            if not self.side.reads and not (left or tail) and not block.startswith(b"@"):
                raise self._no_fastq(block)
            lines = (tail + block).split(b"\n")
            tail = lines.pop()
            if len(tail) > LONGEST:
                raise self._fault(
                    "fastq-record",
                    self.side.reads,
                    f"a line is longer than {LONGEST >> 20} MiB",
                    "Hand in FASTQ: 4 lines a read",
                )
            lines = left + lines
            whole = len(lines) // 4 * 4
            left = lines[whole:]
            if whole:
                yield self._records(lines[:whole])
        if tail:
            left.append(tail)
        while left and not left[-1].strip():
            left.pop()
        if len(left) == 4:
            yield self._records(left)
        elif left:
            raise self._fault(
                "fastq-record",
                self.side.reads,
                f"the last record has {len(left)} of its 4 lines: the file is cut off",
                "Copy it again from where it was made, and compare the checksums",
            )
        self.side.size, self.side.md5 = stream.size, stream.md5
        if not self.side.reads:
            raise Fault("no-reads", f"{self.side.path} holds no reads", "Hand in the reads again")
        if self._lowest >= PHRED_64_LOWEST and self._highest > PHRED_33_HIGHEST:
            raise Fault(
                "quality-encoding",
                f"{self.side.path} has qualities from {chr(self._lowest)!r} to "
                f"{chr(self._highest)!r}: they are Phred+64 (old Illumina), not Phred+33",
                CONVERT,
            )

    def _records(self, lines: list[bytes]) -> list[bytes]:
        """Check whole records (4 lines each) and return their names."""
        if any(line.endswith(b"\r") for line in lines[:4]):
            lines = [line.removesuffix(b"\r") for line in lines]
        heads, sequences, pluses, qualities = (lines[i::4] for i in range(4))
        lengths = list(map(len, sequences))
        if (
            not _all_begin(heads, b"@")
            or (pluses.count(b"+") != len(pluses) and not _all_begin(pluses, b"+"))
            or lengths != list(map(len, qualities))
        ):
            raise self._structure(lines)
        joined = b"".join(sequences)
        if joined.translate(None, BASES):
            raise self._base(sequences)
        used = _extremes(b"".join(qualities))
        if used:
            low, high = used
            if low < LOWEST or high > HIGHEST:
                raise self._quality(qualities)
            self._lowest, self._highest = min(self._lowest, low), max(self._highest, high)
        side = self.side
        shortest = min(lengths)
        side.min_length = min(side.min_length, shortest) if side.reads else shortest
        side.max_length = max(side.max_length, max(lengths))
        side.reads += len(heads)
        side.bases += len(joined)
        return heads

    def _fault(self, code: str, record: int, found: str, mend: str) -> Fault:
        """A fault in the record of that index (0-based within the file)."""
        place = f"{self.side.path}, read {record + 1} (line {4 * record + 1})"
        return Fault(code, f"{place}: {found}", mend)

    def _no_fastq(self, block: bytes) -> Fault:
        if block.startswith(b"BAM\1"):
            found, mend = "it is a BAM file", "Turn it into FASTQ first (samtools fastq -1 -2 -n)"
        else:
            found = f"it begins with {_show(block)}, not with '@' as FASTQ does"
            mend = "Give the FASTQ file of these reads"
        return Fault("fastq-record", f"{self.side.path}: {found}", mend)

    def _structure(self, lines: list[bytes]) -> Fault:
        mend = "Hand in the FASTQ as the sequencer's software wrote it: 4 lines a read"
        for index in range(0, len(lines), 4):
            head, sequence, plus, quality = lines[index : index + 4]
            if not head.startswith(b"@"):
                found = f"its first line begins with {_show(head)}, not with '@'"
            elif not plus.startswith(b"+"):
                found = f"its third line begins with {_show(plus)}, not with '+'"
            elif len(sequence) != len(quality):
                found = f"it has {len(sequence)} bases but {len(quality)} qualities"
            else:
                continue
            break
        return self._fault("fastq-record", self.side.reads + index // 4, found, mend)

    def _base(self, sequences: list[bytes]) -> Fault:
        index, strange = next(
            (i, left) for i, s in enumerate(sequences) if (left := s.translate(None, BASES))
        )
        return self._fault(
            "illegal-base",
            self.side.reads + index,
            f"{_show(strange)} is not a base",
            "Hand in the FASTQ as the sequencer's software wrote it",
        )

    def _quality(self, qualities: list[bytes]) -> Fault:
        index, strange = next(
            (i, left) for i, q in enumerate(qualities) if (left := q.translate(None, PHRED_33))
        )
        return self._fault(
            "quality-encoding",
            self.side.reads + index,
            f"{_show(strange)} is not a quality of Phred+33 ('!' to '~')",
            "Hand in the FASTQ as the sequencer's software wrote it, Phred+33",
        )


def _all_begin(lines: list[bytes], mark: bytes) -> bool:
    try:
        return set(map(itemgetter(0), lines)) == {mark[0]}
    except IndexError:  # an empty line
        return False


def _extremes(text: bytes) -> tuple[int, int] | None:
    """Lowest and highest byte; None of nothing."""
    if not text:
        return None
    values = np.frombuffer(text, np.uint8)
    return int(values.min()), int(values.max())


def _show(text: bytes) -> str:
    return repr(text[:1].decode("latin-1")) if text else "nothing"


def _same_names(heads_1: list[bytes], heads_2: list[bytes]) -> bool:
    """Compare the names of mates; the usual spellings first, as they need least work."""
    return (
        heads_1 == heads_2
        or [head.partition(b" ")[0] for head in heads_1]
        == [head.partition(b" ")[0] for head in heads_2]
        or read_names(heads_1) == read_names(heads_2)
    )


def read_names(heads: list[bytes]) -> list[bytes]:
    """Names that mates share: up to the first blank, without '@' and a final /1 or /2."""
    names = [(head.split(None, 1) or [b""])[0] for head in heads]
    return [(name[:-2] if name.endswith(MATE) else name)[1:] for name in names]


def check_pair(fastq_1: str | Path | None, fastq_2: str | Path | None) -> dict[str, Any]:
    """Verify a pair of FASTQ files, plain or gzip (bgzip and several members too).

    Where one of them is None (its absence was told before) the other is verified alone.

    Each file is read once, both side by side. Checked are: the gzip data to their end and
    checksum; four lines a read, '@', '+', as many qualities as bases; bases; quality
    encoding; at least one read; the same number of reads in both, with the same names in the
    same order.

    Returns
    -------
    dict with ``sides``: two dicts as `Side` (path, size in bytes, md5 of the file, reads,
    bases, min_length and max_length in bp), and ``faults``: list of (column, code, found,
    mend), column being fastq_1 or fastq_2. A fault of one file is told once: pairing is judged
    only where both files are sound by themselves.
    """
    given = {"fastq_1": fastq_1, "fastq_2": fastq_2}
    readers = {column: _Reader(path) for column, path in given.items() if path}
    streams = {column: iter(reader) for column, reader in readers.items()}
    waiting: dict[str, list[bytes]] = {column: [] for column in given}
    faults: list[tuple[str, str, str, str]] = []
    compared = 0
    step: tuple[int, bytes, bytes] | None = None  # first pair out of step: index, names
    while streams:
        # Go on with the file that is behind, so that neither piles up its names.
        column = min(streams, key=lambda c: readers[c].side.reads)
        try:
            block = next(streams[column])
        except StopIteration:
            del streams[column]
            continue
        except Fault as fault:
            faults.append((column, fault.code, fault.found, fault.mend))
            del streams[column]
            continue
        if faults or step is not None or len(readers) < 2:
            waiting = {"fastq_1": [], "fastq_2": []}  # nothing left to compare
            continue
        waiting[column] += block
        heads_1, heads_2 = waiting["fastq_1"], waiting["fastq_2"]
        both = min(len(heads_1), len(heads_2))
        if both:
            if not _same_names(heads_1[:both], heads_2[:both]):
                names_1, names_2 = read_names(heads_1[:both]), read_names(heads_2[:both])
                off = next(i for i in range(both) if names_1[i] != names_2[i])
                step = (compared + off, names_1[off], names_2[off])
            compared += both
            waiting = {"fastq_1": heads_1[both:], "fastq_2": heads_2[both:]}
    sides = [reader.side for reader in readers.values()]
    if len(sides) == 2:
        faults += _pairing(*sides, step, faults)
    return {"sides": [asdict(side) for side in sides], "faults": faults}


def _pairing(
    side_1: Side, side_2: Side, step: tuple[int, bytes, bytes] | None, faults: list
) -> list[tuple[str, str, str, str]]:
    """The fault between two files that are sound by themselves: none, or one."""
    if faults:
        return []
    if step is not None:
        record, name_1, name_2 = (step[0], *(name.decode("latin-1") for name in step[1:]))
        return [
            (
                "fastq_2",
                "read-names",
                f"read {record + 1} (line {4 * record + 1}) is {name_1!r} in {side_1.path} but "
                f"{name_2!r} in {side_2.path}: the mates are out of step "
                f"({side_1.reads} and {side_2.reads} reads)",
                "Hand in both files as the sequencer's software wrote them; filter and sort "
                "only in pairs",
            )
        ]
    if side_1.reads != side_2.reads:
        return [
            (
                "fastq_2",
                "read-count",
                f"{side_1.path} has {side_1.reads} reads but {side_2.path} has {side_2.reads}",
                "Copy the shorter one again; if it is the same, the pair was filtered one by one",
            )
        ]
    return []
