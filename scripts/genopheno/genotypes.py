"""Genotype blocks for NumPy, straight from a PLINK 1 binary fileset (``.bed``/``.bim``/``.fam``).

The ``.bed`` file is memory-mapped and holds two bits per genotype, variant after variant:
a stage walks over it in blocks of variants, so its memory does not grow with their number.

A dosage is the count of allele 1 (column 5 of the ``.bim``, here `effect_allele`):
0, 1 or 2. PLINK's codes, low bits first within a byte: ``00`` two copies of allele 1,
``01`` missing, ``10`` heterozygous, ``11`` none.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genopheno.chromosomes import contig_runs
from genopheno.problems import Problems, fail

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MAGIC = bytes([0x6C, 0x1B, 0x01])  # PLINK 1, variant-major

MISSING_CODE = 1
DOSAGE_OF_CODE = (2, -1, 1, 0)  # indexed by the two bits; -1 is missing
CODE_OF_DOSAGE = np.array([3, 2, 0, 1], dtype=np.uint8)  # indexed by dosage; last: missing

# The four two-bit codes of every byte, in sample order: (256, 4).
CODES_OF_BYTE = (np.arange(256, dtype=np.uint8)[:, None] >> np.array([0, 2, 4, 6])) & 3

VARIANT_COLUMNS = (
    "contig",
    "variant_id",
    "centimorgan",
    "position",
    "effect_allele",
    "other_allele",
)


def byte_table(values: Sequence[float], dtype: np.dtype | type) -> np.ndarray:
    """Decode table of a byte: (256, 4), `values` in the order of the codes 00, 01, 10, 11."""
    return np.ascontiguousarray(np.asarray(values, dtype=dtype)[CODES_OF_BYTE])


class Genotypes:
    """A memory-mapped PLINK 1 fileset. Make one with `Genotypes.open`.

    Attributes
    ----------
    prefix : path without ``.bed``.
    samples : IID of each sample, in the order of the genotype columns.
    sex : (samples,) int8, 1 male, 2 female, 0 unknown.
    table : variants as an Arrow table with the columns `VARIANT_COLUMNS` (position: int32).
    """

    def __init__(
        self,
        prefix: Path,
        samples: list[str],
        sex: np.ndarray,
        table: pa.Table,
        mapped: mmap.mmap,
    ):
        self.prefix = prefix
        self.samples = samples
        self.sex = sex
        self.table = table
        self._mapped = mapped
        flat = np.frombuffer(mapped, np.uint8, offset=len(MAGIC))
        self._bed = flat.reshape(table.num_rows, (len(samples) + 3) // 4)
        self._tables: dict[tuple, np.ndarray] = {}

    @classmethod
    def open(cls, prefix: str | Path) -> Genotypes:
        """Map ``prefix.bed`` and read ``prefix.bim`` and ``prefix.fam``.

        Raises
        ------
        StageError : a file is absent or malformed, the ``.bed`` is not variant-major
            PLINK 1 or its size does not fit the two others, an identifier occurs twice,
            or there are no samples or variants. All that is found is told at once.
        """
        prefix = Path(prefix)
        bed, bim, fam = (prefix.with_name(f"{prefix.name}.{e}") for e in ("bed", "bim", "fam"))
        problems = Problems()
        for path in (bed, bim, fam):
            if not path.is_file():
                problems.add("genotypes-missing", path, "there is no such file", "Run the join")
        problems.raise_if_any()

        samples, sex = _read_fam(fam, problems)
        table = _read_bim(bim, problems)
        problems.raise_if_any()

        row_bytes = (len(samples) + 3) // 4
        with open(bed, "rb") as handle:
            magic = handle.read(3)
        expected, found = 3 + row_bytes * table.num_rows, bed.stat().st_size
        if magic != MAGIC:
            kind = "sample-major, not variant-major" if magic[:2] == MAGIC[:2] else "not PLINK 1"
            raise fail(
                "genotypes-format",
                bed,
                f"the first bytes are {magic.hex(' ')}: {kind}",
                "Write it with 'plink2 --make-bed'",
            )
        if found != expected:
            raise fail(
                "genotypes-size",
                bed,
                f"{found} bytes, but {table.num_rows} variants of {len(samples)} samples "
                f"take {expected}",
                "The three files do not belong together, or the file is truncated; write them anew",
            )
        with open(bed, "rb") as handle:
            mapped = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(prefix, samples, sex, table, mapped)

    @property
    def n_samples(self) -> int:
        return len(self.samples)

    @property
    def n_variants(self) -> int:
        return self.table.num_rows

    @cached_property
    def variants(self) -> pd.DataFrame:
        """variant_id, contig, position, effect_allele (counted), other_allele; a row a variant."""
        order = ["variant_id", "contig", "position", "effect_allele", "other_allele"]
        return self.table.select(order).to_pandas()

    def blocks(self, size: int = 1024) -> Iterator[tuple[int, int]]:
        """Ranges (start, stop) of at most `size` variants that cover all of them in order."""
        for start in range(0, self.n_variants, size):
            yield start, min(start + size, self.n_variants)

    def contigs(self) -> list[tuple[str, int, int]]:
        """`contig_runs` of the variants."""
        return contig_runs(self.table)

    def packed(self, start: int, stop: int) -> np.ndarray:
        """Raw two-bit codes: (stop - start, ceil(n_samples / 4)) uint8, a view of the file.

        The unused bits of a row's last byte are 0, which reads as two copies of
        allele 1: whoever counts bits has to leave them out.
        """
        return self._bed[start:stop]

    def release(self, start: int, stop: int) -> None:
        """Say that these variants are done with, so that their pages of the map leave memory.

        They are read again if they are asked for again.
        """
        width, page = self._bed.shape[1], mmap.PAGESIZE
        first = (len(MAGIC) + start * width) // page * page
        self._mapped.madvise(mmap.MADV_DONTNEED, first, len(MAGIC) + stop * width - first)

    def decode(
        self,
        start: int,
        stop: int,
        values: Sequence[float],
        dtype: np.dtype | type,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """(stop - start, n_samples) of `values`, given in the order of the codes 00, 01, 10, 11.

        `out` is memory to put them in: (stop - start, n_samples to the next 4) of `dtype`.
        """
        return self.decode_rows(slice(start, stop), values, dtype, out)

    def decode_rows(
        self,
        rows: slice | np.ndarray,
        values: Sequence[float],
        dtype: np.dtype | type,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """As `decode`, for any rows: a slice or indices of variants."""
        key = (tuple(values), np.dtype(dtype))
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = _as_items(byte_table(values, dtype))
        if out is not None:
            out = out.view(table.dtype)
        decoded = np.take(table, self._bed[rows], out=out, mode="clip")
        return decoded.view(dtype)[:, : self.n_samples]

    def dosages(
        self,
        start: int,
        stop: int,
        keep: np.ndarray | None = None,
        dtype: np.dtype | type = np.float32,
    ) -> np.ndarray:
        """Counts of the effect allele.

        Parameters
        ----------
        start, stop : range of variants.
        keep : indices of the samples wanted, in the order wanted; None: all.
        dtype : float type (missing is NaN) or signed integer type (missing is -1).

        Returns
        -------
        (stop - start, samples), C-contiguous if `keep` is given or 4 divides n_samples.
        """
        missing = np.nan if np.issubdtype(dtype, np.floating) else -1
        out = self.decode(start, stop, (2, missing, 1, 0), dtype)
        return out if keep is None else np.take(out, keep, axis=1)


def _as_items(table: np.ndarray) -> np.ndarray:
    """View rows of 4 values as single items, so that `np.take` moves them whole."""
    # Numbers of 4, 8 and 16 bytes have fast loops in take; void types have not.
    kind = {4: np.uint32, 8: np.uint64, 16: np.complex128, 32: np.dtype("V32")}[table[0].nbytes]
    return table.reshape(-1).view(kind)


def _read_fam(path: Path, problems: Problems) -> tuple[list[str], np.ndarray]:
    """Samples and their sex: 1 male, 2 female, 0 whatever else there is."""
    samples: list[str] = []
    sex: list[int] = []
    first_line: dict[str, int] = {}
    with open(path, encoding="utf-8") as handle:
        for row, line in enumerate(handle, 1):
            cells = line.split()
            if not cells:
                continue
            if len(cells) < 5:
                problems.add(
                    "genotypes-malformed",
                    path,
                    f"{len(cells)} columns where a .fam file has 6",
                    "Write the fileset anew",
                    row=row,
                )
                continue
            name = cells[1]
            if name in first_line:
                problems.add(
                    "sample-duplicate",
                    path,
                    f"sample {name!r} was in line {first_line[name]} already",
                    "Give every sample a name of its own",
                    row=row,
                    column="IID",
                )
            first_line.setdefault(name, row)
            samples.append(name)
            sex.append(int(cells[4]) if cells[4] in ("1", "2") else 0)
    if not samples:
        problems.add("genotypes-empty", path, "there are no samples", "Look at the join's report")
    return samples, np.array(sex, np.int8)


def _read_bim(path: Path, problems: Problems) -> pa.Table | None:
    """Variants, or None with the reasons added to `problems`."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    text = pa.string()
    types = dict(zip(VARIANT_COLUMNS, [text, text, text, pa.int32(), text, text], strict=True))
    with open(path, "rb") as handle:
        head = handle.readline()
    if not head.strip():
        problems.add("genotypes-empty", path, "there are no variants", "Look at the join's report")
        return None
    try:
        source = path if b"\t" in head else pa.py_buffer(_tabs(path))
        table = csv.read_csv(
            source if isinstance(source, Path) else pa.BufferReader(source),
            read_options=csv.ReadOptions(column_names=VARIANT_COLUMNS),
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=csv.ConvertOptions(column_types=types, null_values=[]),
        ).combine_chunks()
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        problems.add("genotypes-malformed", path, reason, "A .bim file has 6 columns")
        return None
    ids = table["variant_id"]
    if pc.count_distinct(ids).as_py() != len(ids):
        counts = ids.value_counts()
        often = counts.filter(pc.greater(counts.field("counts"), 1))
        names = often.field("values").slice(0, 5).to_pylist()
        problems.add(
            "variant-duplicate",
            path,
            f"{len(often)} identifiers occur more than once, such as {', '.join(names)}",
            "Name variants contig:position:reference:alternate "
            "(plink2 --set-all-var-ids '@:#:$r:$a')",
            column="variant_id",
        )
    return table


def _tabs(path: Path) -> bytes:
    """The file with runs of white space as tabs (old PLINK filesets have blanks)."""
    return b"\n".join(b"\t".join(line.split()) for line in path.read_bytes().splitlines()) + b"\n"


def write_bed(
    prefix: str | Path,
    dosages: np.ndarray,
    variants: pd.DataFrame,
    samples: Sequence[str],
    sex: Sequence[int] | None = None,
) -> None:
    """Write a PLINK 1 fileset.

    Parameters
    ----------
    prefix : path without ``.bed``; the three files are written beside and renamed.
    dosages : (variants, samples) int8, copies of the effect allele; -1 is missing.
    variants : variant_id, contig, position, effect_allele, other_allele.
    samples : IID of each sample; FID, parents and phenotype are written as unknown.
    sex : of each sample, 1 male, 2 female, 0 unknown; None: all unknown.

    Raises
    ------
    ValueError : the shapes do not fit, or a dosage is not -1, 0, 1 or 2.
    """
    from genopheno.files import write_text, writing

    dosages = np.asarray(dosages)
    n_variants, n_samples = dosages.shape
    if (n_variants, n_samples) != (len(variants), len(samples)):
        raise ValueError(
            f"dosages {dosages.shape}, but {len(variants)} variants and {len(samples)} samples"
        )
    if dosages.size and (dosages.min() < -1 or dosages.max() > 2):
        raise ValueError("a dosage is -1 (missing), 0, 1 or 2")

    prefix = Path(prefix)
    path = {e: prefix.with_name(f"{prefix.name}.{e}") for e in ("bed", "bim", "fam")}
    with writing(path["bed"]) as beside, open(beside, "wb") as handle:
        handle.write(MAGIC)
        for start in range(0, n_variants, 4096):
            # The index -1 picks the last code, which is that of missing.
            codes = CODE_OF_DOSAGE[dosages[start : start + 4096].astype(np.int8)]
            codes = np.pad(codes, ((0, 0), (0, -n_samples % 4)))
            quads = codes.reshape(len(codes), -1, 4)
            handle.write((quads << np.array([0, 2, 4, 6], np.uint8)).sum(2, np.uint8).tobytes())
    order = ["contig", "variant_id", "position", "effect_allele", "other_allele"]
    write_text(
        path["bim"],
        "".join(
            f"{contig}\t{name}\t0\t{position}\t{effect}\t{other}\n"
            for contig, name, position, effect, other in variants[order].itertuples(index=False)
        ),
    )
    known = [0] * n_samples if sex is None else sex
    lines = (f"0\t{s}\t0\t0\t{code}\t-9\n" for s, code in zip(samples, known, strict=True))
    write_text(path["fam"], "".join(lines))
