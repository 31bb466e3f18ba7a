"""VCF and BCF files: what index and header say of them, gates on it, names, publication."""

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


def records_per_contig(vcf: Path) -> dict[str, int]:
    """Records of each contig that has any: from the index, or by reading the file."""
    if any(Path(f"{vcf}{ending}").is_file() for ending in (".tbi", ".csi")):
        lines = run(["bcftools", "index", "--stats", vcf]).splitlines()
        return {c: int(n) for c, _, n in (line.split("\t") for line in lines)}
    counts = run(
        ["bcftools", "query", "-f", "%CHROM\n", vcf],
        ["awk", '{n[$1]++} END {for (c in n) print c "\\t" n[c]}'],
    )
    return {c: int(n) for c, n in (line.split("\t") for line in counts.splitlines())}


def publish(vcf: Path, out_vcf: Path) -> None:
    """Give a finished ``.vcf.gz`` and its ``.tbi``, on the same file system, their names."""
    # The index last: where it is, it is that of the file beside it, and not older than it.
    Path(f"{out_vcf}.tbi").unlink(missing_ok=True)
    vcf.replace(out_vcf)
    Path(f"{vcf}.tbi").replace(f"{out_vcf}.tbi")


def variant_id(contig: str, position: int, reference: str, alternate: str) -> str:
    return f"{contig}:{position}:{reference}:{alternate}"
