"""Gates: how many records and which samples a variant file holds, from its index and header."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genopheno.problems import fail
from genopheno.tools import run


def count_records(path: Path) -> int:
    """Records of an indexed VCF or BCF file, read from the index alone."""
    return int(run(["bcftools", "index", "-n", path]))


def samples_of(path: Path) -> list[str]:
    """Samples of a VCF or BCF file, in its order."""
    return run(["bcftools", "query", "-l", path]).splitlines()


def assert_records(
    path: Path, *, name: Path | None = None, at_least: int = 1, expected: int | None = None
) -> int:
    """Count the records and refuse too few, or another number than expected.

    Parameters
    ----------
    path : indexed VCF or BCF file.
    name : the name to use in the message, where `path` is still a temporary one.
    at_least : fewest records allowed.
    expected : exact number of records; None: any.

    Raises
    ------
    StageError : the number is refused.
    """
    found = count_records(path)
    if found < at_least:
        raise fail(
            "records-none" if not found else "records-too-few",
            name or path,
            f"it holds {found} variant records, at least {at_least} are needed",
            "Check the depth of coverage and that the reads belong to this reference",
        )
    if expected is not None and found != expected:
        raise fail(
            "records-lost",
            name or path,
            f"it holds {found} variant records, {expected} went in",
            "Check free disk space and memory, then run again",
        )
    return found


def assert_samples(path: Path, expected: Sequence[str], *, name: Path | None = None) -> None:
    """Refuse a file whose samples are not exactly the expected ones.

    Raises
    ------
    StageError : samples are missing or strange; both lists are named.
    """
    found = samples_of(path)
    if sorted(found) == sorted(expected):
        return
    missing = sorted(set(expected) - set(found))
    strange = sorted(set(found) - set(expected))
    raise fail(
        "samples-differ",
        name or path,
        f"of {len(expected)} samples expected, {len(found)} are in it; missing: "
        f"{', '.join(missing[:20]) or 'none'}; not expected: {', '.join(strange[:20]) or 'none'}",
        "Delete the CRAMs of these samples and run again; read-group SM must be the sample",
    )
