"""Bytes of a file, plain or gzip, verified and hashed while they pass by once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from isal import isal_zlib

RAW = 1 << 18  # bytes read at a time; bgzip members are 64 KiB, so what is left over stays small
BLOCK = 1 << 21  # bytes handed out at a time
GZIP = b"\x1f\x8b"
COPY = "Copy it again from where it was made, and compare the checksums"


class Fault(Exception):
    """What is wrong with the content of a file: code, found, mend."""

    def __init__(self, code: str, found: str, mend: str):
        self.code, self.found, self.mend = code, found, mend
        super().__init__(f"{code}: {found}")


@dataclass
class Stream:
    """A file that is read once from begin to end.

    Iterate for blocks of decompressed bytes; afterwards `size` (bytes on disk) and `md5`
    (of the bytes on disk) are known.
    """

    path: Path
    size: int = 0
    md5: str = ""

    def __iter__(self) -> Iterator[bytes]:
        """Yield decompressed blocks.

        Raises
        ------
        Fault : gzip-truncated, gzip-damaged, or unreadable-file.
        """
        digest = hashlib.md5(usedforsecurity=False)
        try:
            with open(self.path, "rb") as handle:
                yield from self._blocks(handle, digest)
        except OSError as error:
            raise Fault(
                "unreadable-file", f"{self.path} cannot be read: {error.strerror}", COPY
            ) from None
        self.md5 = digest.hexdigest()

    def _blocks(self, handle, digest) -> Iterator[bytes]:
        raw = handle.read(RAW)
        packed = raw.startswith(GZIP)
        member = None
        parts: list[bytes] = []
        waiting = 0
        while raw:
            digest.update(raw)
            self.size += len(raw)
            if not packed:
                parts.append(raw)
                waiting += len(raw)
            while packed and raw:
                if member is None:
                    raw = self._next_member(raw, handle, digest)
                    if not raw:
                        break
                    member = isal_zlib.decompressobj(31)
                try:
                    plain = member.decompress(raw)
                except isal_zlib.error as error:
                    raise Fault(
                        "gzip-damaged",
                        f"{self.path} is damaged: its gzip data do not unpack ({error})",
                        COPY,
                    ) from None
                if plain:
                    parts.append(plain)
                    waiting += len(plain)
                raw = b""
                if member.eof:
                    raw, member = member.unused_data, None
            if waiting >= BLOCK:
                yield b"".join(parts)
                parts, waiting = [], 0
            raw = handle.read(RAW)
        if parts:
            yield b"".join(parts)
        if member is not None:
            raise Fault(
                "gzip-truncated",
                f"{self.path} is cut off: the gzip data end in the middle, after {self.size} bytes",
                COPY,
            )

    def _next_member(self, raw: bytes, handle, digest) -> bytes:
        """The begin of the next gzip member; b'' where only padding with zeros is left."""
        raw = raw.lstrip(b"\0") if raw.startswith(b"\0") else raw
        while raw and len(raw) < 2:
            more = handle.read(RAW)
            if not more:
                break
            digest.update(more)
            self.size += len(more)
            raw += more
        if raw and not raw.startswith(GZIP):
            raise Fault(
                "gzip-damaged",
                f"{self.path} has bytes behind the end of its gzip data that are not gzip",
                COPY,
            )
        return raw


def lines_of(stream: Stream) -> Iterator[list[bytes]]:
    """Lists of whole lines, without their ends."""
    tail = b""
    for block in stream:
        lines = (tail + block).split(b"\n")
        tail = lines.pop()
        yield lines
    if tail.strip():
        yield [tail]
