"""Checksums of a CRAM's containers and blocks, for what is only unpacked with its reference.

Layout: CRAM format specification 3.0 and 3.1, sections 6 to 8.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import BinaryIO

DEFINITION = 26  # bytes: magic, version, file identifier
CRC = 4  # bytes


class _Numbers:
    """Numbers of variable length (ITF-8, LTF-8) read one after the other."""

    def __init__(self, data: bytes, at: int = 0):
        self.data, self.at = data, at

    def _following(self) -> int:
        """The leading ones of the first byte tell how many bytes follow it."""
        return 8 - (self.data[self.at] ^ 0xFF).bit_length()

    def ltf8(self) -> None:
        """Pass over one; none of them is needed."""
        self.at += 1 + self._following()

    def itf8(self) -> int:
        first = self.data[self.at]
        more = min(4, self._following())
        rest = self.data[self.at + 1 : self.at + 1 + more]
        self.at += 1 + more
        if more == 4:  # of the last byte only the lower half counts
            return (first & 0x0F) << 28 | int.from_bytes(rest[:3], "big") << 4 | rest[3] & 0x0F
        return (first & (0x7F >> more)) << 8 * more | int.from_bytes(rest, "big")


def first_damage(path: str | Path) -> int | None:
    """Where in the file (bytes) the first container begins that its checksums do not fit.

    None where there is none; also for CRAM 2, which has no checksums.
    """
    with open(path, "rb") as handle:
        if handle.read(DEFINITION)[4] < 3:
            return None
        while True:
            start = handle.tell()
            try:
                if not _container(handle):
                    return None
            except (ValueError, IndexError):
                return start


def _container(handle: BinaryIO) -> bool:
    """Verify one container; False at the end of the file, ValueError where it is damaged."""
    start = handle.tell()
    # Its length and seven numbers, then as many landmarks as slices: mostly one.
    head = handle.read(1 << 10)
    if not head:
        return False
    length = int.from_bytes(head[:4], "little")
    numbers = _Numbers(head, 4)
    for _ in range(4):  # reference, start, span, records
        numbers.itf8()
    for _ in range(2):  # record counter, bases
        numbers.ltf8()
    blocks, landmarks = numbers.itf8(), numbers.itf8()
    if numbers.at + 5 * landmarks + CRC > len(head):
        head += handle.read(5 * landmarks + CRC)
        numbers.data = head
    for _ in range(landmarks):
        numbers.itf8()
    _compare(head, 0, numbers.at)
    handle.seek(start + numbers.at + CRC)
    body = handle.read(length)
    if len(body) < length:
        raise ValueError
    _blocks(body, blocks)
    return True


def _blocks(body: bytes, number: int) -> None:
    numbers = _Numbers(body)
    for _ in range(number):
        begin = numbers.at
        numbers.at += 2  # compression method, content type
        numbers.itf8()  # content identifier
        size = numbers.itf8()
        numbers.itf8()  # size when unpacked
        numbers.at += size
        _compare(body, begin, numbers.at)
        numbers.at += CRC


def _compare(data: bytes, begin: int, end: int) -> None:
    told = data[end : end + CRC]
    if len(told) < CRC or zlib.crc32(data[begin:end]) != int.from_bytes(told, "little"):
        raise ValueError
