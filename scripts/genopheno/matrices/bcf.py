"""A reader of BCF2 as bcftools hands it on: records whole, and their columns as arrays.

Records are read in blocks. What is asked of a block is decoded then, for the chosen records
alone; their bytes stay, so that they can be handed to the next tool as they came.

Source: "The Variant Call Format Specification", section 6 (BCF specification), version 2.2.
"""

from __future__ import annotations

import re
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np

from genopheno import tools
from genopheno.calls import END_OF_VECTOR
from genopheno.problems import fail

MAGIC = b"BCF\2\2"
FIXED = 24  # bytes of CHROM, POS, rlen, QUAL, n_allele|n_info, n_fmt|n_sample
TYPES = {1: np.dtype("<i1"), 2: np.dtype("<i2"), 3: np.dtype("<i4"), 5: np.dtype("<f4")}
INTEGERS = {1: "<b", 2: "<h", 3: "<i"}
WIDTH = {0: 0, 1: 1, 2: 2, 3: 4, 5: 4, 7: 1}
BLOCK_BYTES = 32 << 20


@dataclass(frozen=True)
class Header:
    """Header of a BCF file.

    Attributes
    ----------
    raw : its bytes, magic number and all. contigs : names by number in the records.
    keys : numbers in the records of FILTER, INFO and FORMAT names.
    formats : Type of each FORMAT field that is declared. samples : in the order of the genotypes.
    """

    raw: bytes
    contigs: dict[int, str]
    keys: dict[str, int]
    formats: dict[str, str]
    samples: tuple[str, ...]


def parse_header(raw: bytes) -> Header:
    """Read the text of a BCF header; numbers are its IDX, or the order where it has none."""
    lines = raw[9:].rstrip(b"\0").decode().splitlines()
    contigs: dict[int, str] = {}
    keys = {"PASS": 0}
    formats: dict[str, str] = {}
    for line in lines:
        found = re.match(r"##(contig|FILTER|INFO|FORMAT)=<(.*)>$", line)
        if not found:
            continue
        kind, inner = found.groups()
        # IDX is the last field, behind any quoted text.
        name = re.match(r"(?:.*?,)?ID=([^,]+)", inner)
        number = re.search(r",IDX=(\d+)$", inner)
        if not name:
            continue
        if kind == "contig":
            contigs[int(number[1]) if number else len(contigs)] = name[1]
            continue
        if kind == "FORMAT":
            formats[name[1]] = inner.partition(",Type=")[2].partition(",")[0]
        if number:
            keys[name[1]] = int(number[1])
        else:
            keys.setdefault(name[1], len(keys))
    samples = lines[-1].split("\t")[9:]
    return Header(raw, contigs, keys, formats, tuple(samples))


@contextmanager
def streaming(*command: str | Path) -> Iterator[tuple[Header, BinaryIO]]:
    """Header and following records of the uncompressed BCF that a command writes.

    Raises
    ------
    StageError : the tool is not there, or it failed (told when the block ends in peace: an
        error of ours comes first).
    """
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=1 << 20,
            )
        except FileNotFoundError:
            tools.run(words)  # says so
            raise
        with process:
            assert process.stdout is not None
            try:
                start = process.stdout.read(9)
                if start[:5] == MAGIC:
                    (length,) = struct.unpack_from("<I", start, 5)
                    yield parse_header(start + process.stdout.read(length)), process.stdout
                elif start:
                    raise fail("not-bcf", words[0], f"it wrote {start!r}", "Give a VCF or BCF file")
                process.stdout.read()
            except BaseException:
                process.kill()
                raise
        if process.returncode or not start:
            errors.seek(0)
            said = " | ".join(errors.read().decode(errors="replace").strip().splitlines()[-8:])
            raise fail(
                "tool-failed",
                words[0],
                f"{' '.join(words)} ended with {process.returncode}: {said}",
                "Mend the input it names, then run again; finished steps are kept",
            )


def blocks(
    source: BinaryIO, header: Header, rows: int, n_bytes: int = BLOCK_BYTES
) -> Iterator[Block]:
    """Blocks of at most `rows` records; fewer where they would take over `n_bytes`.

    Raises
    ------
    StageError : the stream ends within a record.
    """
    block = Block(header)
    size = 0
    while head := source.read(8):
        shared, individual = struct.unpack("<II", head) if len(head) == 8 else (1, 0)
        body = source.read(shared + individual)
        if len(body) < shared + individual:
            raise fail("bcf-truncated", "bcftools", "a record ends early", "Run the stage again")
        block.heads.append(head)
        block.bodies.append(body)
        size += len(body)
        if len(block.heads) >= rows or size >= n_bytes:
            yield block
            block, size = Block(header), 0
    if block.heads:
        yield block


class Block:
    """Consecutive records. `heads` (l_shared and l_indiv) and `bodies` are their bytes."""

    def __init__(self, header: Header):
        self.header = header
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []

    def __len__(self) -> int:
        return len(self.heads)

    def positions(self) -> np.ndarray:
        """1-based position of each record, (records,) int32."""
        starts = b"".join([body[4:8] for body in self.bodies])
        return np.frombuffer(starts, "<i4") + np.int32(1)

    def has_alleles(self, index: int, reference: bytes, alternate: bytes) -> bool:
        """Whether one record has these two alleles and no other."""
        body = self.bodies[index]
        if body[18:20] != b"\2\0":
            return False
        _, length, at = _descriptor(body, FIXED)  # ID, of one byte a letter
        return body.startswith(_typed(reference) + _typed(alternate), at + length)

    def fields(self, index: int) -> dict[int, tuple[int, int, int]]:
        """FORMAT fields of one record by key: type, values per sample, offset in the body."""
        body = self.bodies[index]
        (shared,) = struct.unpack_from("<I", self.heads[index])
        (counts,) = struct.unpack_from("<I", body, 20)
        found, at = {}, shared
        samples = counts & 0xFFFFFF
        for _ in range(counts >> 24):
            key, at = _integer(body, at)
            kind, length, at = _descriptor(body, at)
            found[key] = kind, length, at
            at += WIDTH[kind] * length * samples
        return found

    def columns(
        self, chosen: Sequence[int], wanted: Sequence[str] = ()
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Genotypes and other FORMAT fields of the chosen records.

        Parameters
        ----------
        chosen : indices of records. wanted : FORMAT fields of one number per sample.

        Returns
        -------
        (chosen, samples, 2) uint8, GT as pairs of BCF bytes (`genopheno.calls`); a record
        without GT is all ``./.``. By name of `wanted`, (chosen, samples) float32 if the header
        says Float, missing NaN; else int32, missing -1 (negative numbers, which no quality,
        depth or dosage can be, become that too).

        Raises
        ------
        StageError : more than two alleles per genotype, or a field with several numbers.
        """
        n = len(self.header.samples)
        keys = {self.header.keys[name]: name for name in wanted if name in self.header.formats}
        others: dict[str, np.ndarray] = {}
        for name in wanted:
            missing = (
                np.float32("nan") if self.header.formats.get(name) == "Float" else np.int32(-1)
            )
            others[name] = np.full((len(chosen), n), missing)
        gt, pairs = self.header.keys.get("GT", -1), []
        # How nearly every record begins its genotypes: GT, two int8 of each sample.
        usual = bytes((0x11, gt, 0x21)) if 0 < gt < 128 and not keys else b"no"
        for row, index in enumerate(chosen):
            body, found = self.bodies[index], b""
            shared = int.from_bytes(self.heads[index][:4], "little")
            if body.startswith(usual, shared):
                pairs.append(body[shared + 3 : shared + 3 + 2 * n])
                continue
            for key, (kind, length, at) in self.fields(index).items():
                if key == gt:
                    found = self._pairs(index, kind, length, at)
                elif key in keys and length:
                    if length != 1 or kind not in TYPES:
                        raise self._refuse(
                            index,
                            "format-number",
                            f"FORMAT/{keys[key]} has {length} values per sample",
                            "It must be one number; mend the calls, or matrices.entry_fields",
                        )
                    others[keys[key]][row] = np.frombuffer(body, TYPES[kind], n, at)
            pairs.append(found or bytes(2 * n))
        for values in others.values():
            if values.dtype == np.int32:
                np.maximum(values, -1, out=values)
        joined = bytearray().join(pairs)
        return np.frombuffer(joined, np.uint8).reshape(len(chosen), n, 2), others

    def _pairs(self, index: int, kind: int, length: int, at: int) -> bytes:
        """GT of one record as pairs of int8."""
        n, body = len(self.header.samples), self.bodies[index]
        if kind == 1 and length == 2:
            return body[at : at + 2 * n]
        if length > 2:
            raise self._refuse(
                index,
                "ploidy",
                f"a genotype has {length} alleles",
                "Genotypes are haploid or diploid; see 'bcftools +fixploidy'",
            )
        if not length:
            return b""
        values = np.frombuffer(body, TYPES[kind], n * length, at).reshape(n, length)
        # Wider integers come where a record had many alleles; a number that is negative but not
        # the smallest ends the vector.
        ends = (values < 0) & (values != np.iinfo(values.dtype).min)
        narrow = np.where(ends, END_OF_VECTOR, values & 0x7F).astype(np.uint8)
        pairs = np.full((n, 2), END_OF_VECTOR, np.uint8)
        pairs[:, :length] = narrow
        return pairs.tobytes()

    def set_genotypes(self, index: int, pairs: np.ndarray) -> None:
        """Put (samples, 2) uint8 pairs in the place of GT; the ploidy must not change."""
        kind, length, at = self.fields(index)[self.header.keys["GT"]]
        new = pairs[:, :length].astype(TYPES[kind])
        if kind != 1:
            new[pairs[:, :length] == END_OF_VECTOR] = np.iinfo(TYPES[kind]).min + 1
        body, raw = self.bodies[index], new.tobytes()
        self.bodies[index] = body[:at] + raw + body[at + len(raw) :]

    def raw(self, chosen: Sequence[int]) -> bytes:
        """Bytes of the chosen records, as they stand in a file."""
        return b"".join([part for i in chosen for part in (self.heads[i], self.bodies[i])])

    def _refuse(self, index: int, code: str, found: str, mend: str) -> Exception:
        contig, position = struct.unpack_from("<ii", self.bodies[index])
        place = f"{self.header.contigs[contig]}:{position + 1}"
        return fail(code, "VCF", f"{place}: {found}", mend)


def _descriptor(body: bytes, at: int) -> tuple[int, int, int]:
    """Type, length and where the values begin, of a typed value."""
    byte = body[at]
    kind, length = byte & 15, byte >> 4
    if length < 15:
        return kind, length, at + 1
    length, at = _integer(body, at + 1)
    return kind, length, at


def _integer(body: bytes, at: int) -> tuple[int, int]:
    """A typed integer and where it ends."""
    kind = body[at] & 15
    (value,) = struct.unpack_from(INTEGERS[kind], body, at + 1)
    return value, at + 1 + WIDTH[kind]


@lru_cache(1024)
def _typed(text: bytes) -> bytes:
    """Text as a typed value."""
    n = len(text)
    if n < 15:
        return bytes((n << 4 | 7,)) + text
    # The length is the shortest integer that holds it, as in htslib.
    kind = 1 if n < 128 else 2 if n < 32768 else 3
    return bytes((0xF7, 0x10 | kind)) + struct.pack(INTEGERS[kind], n) + text
