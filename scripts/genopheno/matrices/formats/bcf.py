"""BCF2 records of a block of variants, made column by column (VCF specification, section 6.3).

Calls reach the file as bytes that NumPy looks up, so that a genotype costs no Python.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genopheno import calls

if TYPE_CHECKING:
    import pyarrow as pa

INT8, INT16, INT32, FLOAT, CHAR = 1, 2, 3, 5, 7
MISSING_FLOAT = 0x7F800001
MISSING_INT16, MISSING_INT32 = -(2**15), -(2**31)
# FORMAT fields beside GT: type, dtype and missing value.
FORMATS = {
    "DP": (INT32, np.dtype("<i4"), MISSING_INT32),
    "GQ": (INT16, np.dtype("<i2"), MISSING_INT16),
    "DS": (FLOAT, np.dtype("<f4"), MISSING_FLOAT),
}
# What may not stand in the text of an INFO field, as the specification writes it (1.0.2).
ESCAPES = str.maketrans(
    {
        "%": "%25",
        ";": "%3B",
        "=": "%3D",
        ",": "%2C",
        "\r": "%0D",
        "\n": "%0A",
        "\t": "%09",
        " ": "%20",
    }
)


def called(kind: int, n: int) -> bytes:
    """Descriptor of `n` values of a type."""
    return bytes([n << 4 | kind]) if n < 15 else bytes([0xF0 | kind]) + integer(n)


def integer(value: int) -> bytes:
    """A typed integer, in as few bytes as the specification allows."""
    if -120 <= value <= 127:
        return struct.pack("<Bb", 0x10 | INT8, value)
    if -32760 <= value <= 32767:
        return struct.pack("<Bh", 0x10 | INT16, value)
    return struct.pack("<Bi", 0x10 | INT32, value)


def integers(values: Sequence[int]) -> bytes:
    return called(INT32, len(values)) + struct.pack(f"<{len(values)}i", *values)


def text(value: str) -> bytes:
    encoded = value.encode()
    return called(CHAR, len(encoded)) + encoded


def floats(values: Sequence[float]) -> bytes:
    return called(FLOAT, len(values)) + struct.pack(f"<{len(values)}f", *values)


def encoder(kind: str, *, escape: bool = True) -> Callable[[Any], bytes]:
    """How a value of VCF type `kind` is written, lists too; an empty value is none."""

    def strings(value: Any) -> bytes:
        parts = value if isinstance(value, list) else [value]
        if escape:
            parts = [str(part).translate(ESCAPES) for part in parts]
        return text(",".join(map(str, parts)))

    def listed(write: Callable[[Sequence], bytes]) -> Callable[[Any], bytes]:
        return lambda value: write(value if isinstance(value, list) else [value])

    return {
        "String": strings,
        "Integer": lambda v: listed(integers)(v) if isinstance(v, list) else integer(v),
        "Float": listed(floats),
        "Flag": lambda value: b"\0" if value else b"",
    }[kind]


def info_cells(key: int, values: Iterable[Any], encode: Callable[[Any], bytes]) -> list[bytes]:
    """The bytes of one INFO field for each variant; none where the value is missing."""
    name = integer(key)
    known: dict[Any, bytes] = {}  # the same consequence or gene comes again and again
    cells = []
    for value in values:
        if value is None or value == []:
            cells.append(b"")
            continue
        hashable = not isinstance(value, list)
        cell = known.get(value) if hashable else None
        if cell is None:
            written = encode(value)
            cell = name + written if written else b""
            if hashable and len(known) < 10_000:
                known[value] = cell
        cells.append(cell)
    return cells


def sample_bytes(
    codes: np.ndarray, entries: dict[str, np.ndarray], keys: dict[str, int]
) -> np.ndarray:
    """FORMAT fields of a block, (variants, bytes) uint8.

    Parameters
    ----------
    codes : (variants, samples) int8. entries : as in `FORMATS`, (variants, samples).
    keys : number of each FORMAT field in the header's dictionary.
    """
    n = len(codes)
    parts = [_head(n, keys["GT"], called(INT8, 2)), calls.decode(codes).reshape(n, -1)]
    for name, values in entries.items():
        kind, dtype, missing = FORMATS[name]
        own = np.ascontiguousarray(values, dtype)
        if kind == FLOAT:
            own = own.view("<u4").copy()
            own[np.isnan(values)] = missing
        else:
            own = np.where(values < 0, missing, own).astype(dtype)
        parts += [_head(n, keys[name], called(kind, 1)), own.view(np.uint8).reshape(n, -1)]
    return np.concatenate(parts, axis=1)


def _head(n: int, key: int, descriptor: bytes) -> np.ndarray:
    return np.broadcast_to(
        np.frombuffer(integer(key) + descriptor, np.uint8), (n, 2 + len(descriptor))
    )


def records(
    sites: pa.Table,
    contig: int,
    filters: dict[str, int],
    info: Sequence[Sequence[bytes]],
    samples: np.ndarray,
    n_samples: int,
    n_formats: int,
) -> Iterator[bytes]:
    """Records of a block, one after the other.

    Parameters
    ----------
    sites : position, reference, alternate, rsid, quality and filters are taken.
    contig : its number in the header. filters : number of each in the dictionary.
    info : for each field, its bytes for each variant (see `info_cells`).
    samples : as `sample_bytes` gives them.
    """
    columns = ("position", "reference", "alternate", "rsid", "quality", "filters")
    rows = zip(*(sites[name].to_pylist() for name in columns), strict=True)
    fields = zip(*info, strict=True) if info else [()] * len(sites)
    missing = struct.pack("<I", MISSING_FLOAT)
    failed = {
        value: integers([filters[name] for name in value.split(";")]) if value else b"\0"
        for value in sites["filters"].unique().to_pylist()
    }
    width = samples.shape[1]
    formats_and_samples = n_formats << 24 | n_samples
    for row, cells, own in zip(rows, fields, samples, strict=True):
        position, reference, alternate, rsid, quality, filter_ = row
        n_info = sum(map(bool, cells))
        shared = b"".join(
            (
                struct.pack("<iii", contig, position - 1, len(reference)),
                missing if quality is None else struct.pack("<f", quality),
                struct.pack("<II", 2 << 16 | n_info, formats_and_samples),
                text(rsid or "."),
                text(reference),
                text(alternate),
                failed[filter_],
                *cells,
            )
        )
        yield struct.pack("<II", len(shared), width) + shared + own.tobytes()
