"""Dosages of a PLINK 2 fileset: ``.pgen``, with ``.pvar`` (or ``.pvar.zst``) and ``.psam``."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import compress
from pathlib import Path
from typing import TextIO

import numpy as np

from genopheno.dosages.source import Haploid, Site, Variant, truncated
from genopheno.dosages.vcf import QUALITIES
from genopheno.problems import fail


class PgenSource:
    """A PLINK 2 fileset; see `source.Source`. It holds a man's allele twice already.

    Raises
    ------
    StageError : a file is absent, or they do not fit each other.
    """

    fixed_reference = False
    format = "PGEN"

    def __init__(self, path: Path):
        import pgenlib

        self.path = path
        self.samples = _read_psam(path.with_suffix(".psam"))
        self._pvar, self.lengths, self._columns = _pvar(path)
        alleles = [len(alleles) for _, _, alleles in self.sites()]
        offsets = np.cumsum([0, *alleles]).astype(np.uintp)
        try:
            self._reader = pgenlib.PgenReader(
                bytes(path), allele_idx_offsets=offsets if max(alleles, default=0) > 2 else None
            )
        except (RuntimeError, OSError) as error:
            raise fail("dosages-format", path, str(error), "Give a PLINK 2 fileset") from None
        held = self._reader.get_raw_sample_ct(), self._reader.get_variant_ct()
        if held != (len(self.samples), len(alleles)):
            raise fail(
                "dosages-size",
                path,
                f"{held[0]} people and {held[1]} variants, but the files beside it have "
                f"{len(self.samples)} and {len(alleles)}",
                "Give the three files that belong together",
            )

    def sites(self) -> Iterator[Site]:
        for _, row in self._rows():
            yield row["#CHROM"], int(row["POS"]), (row["REF"], *row["ALT"].split(","))

    def variants(self, wanted: np.ndarray, haploid: Haploid) -> Iterator[Variant]:
        out = np.empty(len(self.samples), np.float32)
        for i, row in compress(self._rows(), wanted):
            try:
                self._reader.read_dosages(i, out)
            except RuntimeError as error:
                raise truncated(self.path, f"variant {i + 1}: {error}") from None
            yield Variant(
                row["#CHROM"],
                int(row["POS"]),
                row["REF"],
                row["ALT"],
                np.where(out < 0, np.float32(np.nan), out),
                _quality(row.get("INFO", "")),
            )

    def _rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Lines of the ``.pvar`` by column, numbered from 0."""
        with _lines(self._pvar) as lines:
            rows = (line.rstrip("\n").split("\t") for line in lines if not line.startswith("#"))
            for i, cells in enumerate(rows):
                yield i, dict(zip(self._columns, cells, strict=False))


@contextmanager
def _lines(path: Path) -> Iterator[TextIO]:
    """Lines of a text file, plain or zstd."""
    import pyarrow as pa

    kind = "zstd" if path.suffix == ".zst" else None
    with pa.input_stream(str(path), compression=kind) as stream:
        yield io.TextIOWrapper(stream, encoding="utf-8")


def _pvar(pgen: Path) -> tuple[Path, dict[str, int], list[str]]:
    """The ``.pvar`` beside, with its contigs (bp; 0: not told) and columns."""
    beside = [pgen.with_suffix(end) for end in (".pvar", ".pvar.zst")]
    path = next((path for path in beside if path.is_file()), None)
    if path is None:
        raise fail("dosages-missing", beside[0], "there is no such file", "Give all three files")
    lengths: dict[str, int] = {}
    with _lines(path) as lines:
        for line in lines:
            if line.startswith("##contig=<"):
                told = dict(part.split("=", 1) for part in line[10:-2].split(",") if "=" in part)
                lengths[told.get("ID", "")] = int(told.get("length") or 0)
            elif not line.startswith("##"):
                break
    columns = line.rstrip("\n").split("\t")
    if not {"#CHROM", "POS", "REF", "ALT"} <= set(columns):
        raise fail(
            "dosages-format",
            path,
            f"its header is {line.strip()[:60]!r}",
            "Write the fileset with 'plink2 --make-pgen', with #CHROM, POS, ID, REF and ALT",
        )
    return path, lengths, columns


def _read_psam(path: Path) -> list[str]:
    """Names (IID) of a ``.psam`` file."""
    if not path.is_file():
        raise fail("dosages-missing", path, "there is no such file", "Give all three files")
    lines = [line.split() for line in path.read_text("utf-8").splitlines()]
    lines = [cells for cells in lines if cells and not cells[0].startswith("##")]
    if not lines or "IID" not in "".join(lines[0][:2]) or lines[0][0][0] != "#":
        raise fail(
            "dosages-format",
            path,
            "its header does not begin with #IID, or #FID and IID",
            "Write the fileset with 'plink2 --make-pgen'",
        )
    at = 0 if lines[0][0] == "#IID" else 1
    return [cells[at] for cells in lines[1:]]


def _quality(info: str) -> float | None:
    told = dict(part.split("=", 1) for part in info.split(";") if "=" in part)
    text = next((told[name] for name in QUALITIES if name in told), "")
    try:
        return float(text)
    except ValueError:
        return None
