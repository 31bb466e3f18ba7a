"""Imputed genotypes that 'genopheno dosages' prepared: a PLINK 2 fileset, read in blocks.

``{prefix}.pgen``, ``.pvar``, ``.psam`` and ``{prefix}.json``: the people are those of the cohort's
hard calls in the same order, the dosage is that of the alternate allele, and INFO/R2 is the
quality of the imputation. PLINK 2 keeps dosages as whole multiples of 1/16384, and where a
dosage is a whole number two bits: most of an imputed genome.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING

import numpy as np

from genopheno import fields
from genopheno.chromosomes import contig_runs
from genopheno.files import read_json
from genopheno.problems import Problems, fail

if TYPE_CHECKING:
    import pyarrow as pa

QUALITY = "R2="


class Dosages:
    """A prepared fileset. Make one with `Dosages.open`.

    Attributes
    ----------
    samples : IID of each, in order.
    covered : (samples,) bool, False for people who were not among the imputed.
    table : variants: contig, variant_id, position, effect_allele, other_allele, and `info`,
        the quality of the imputation (float64; null where there is nothing to tell it from).
    """

    def __init__(self, path: Path, samples: list[str], covered: np.ndarray, table: pa.Table):
        self.path, self.samples, self.covered, self.table = path, samples, covered, table
        self._local = local()  # a reader has a state: each worker has its own

    @classmethod
    def open(cls, prefix: str | Path) -> Dosages:
        """Open ``{prefix}.pgen`` with the files beside it.

        Raises
        ------
        StageError : a file is absent, or they do not fit each other.
        """
        prefix = Path(prefix)
        ends = ("pgen", "pvar", "psam", "json")
        paths = {end: prefix.with_name(f"{prefix.name}.{end}") for end in ends}
        problems = Problems()
        for path in paths.values():
            if not path.is_file():
                problems.add(
                    "dosages-missing", path, "there is no such file", "Run 'genopheno dosages'"
                )
        problems.raise_if_any()
        lines = paths["psam"].read_text("utf-8").splitlines()
        samples = [line.split("\t")[0] for line in lines if not line.startswith("#")]
        without = set(read_json(paths["json"])["samples_without_dosages"])
        covered = np.array([sample not in without for sample in samples])
        found = cls(paths["pgen"], samples, covered, read_pvar(paths["pvar"]))
        try:
            reader = found._reader
            held = reader.get_raw_sample_ct(), reader.get_variant_ct()
        except (RuntimeError, OSError) as error:
            raise fail(
                "dosages-format", paths["pgen"], str(error), "Run 'genopheno dosages' again"
            ) from None
        if held != (len(samples), found.n_variants):
            raise fail(
                "dosages-size",
                paths["pgen"],
                f"{held[0]} people and {held[1]} variants, but the files beside it have "
                f"{len(samples)} and {found.n_variants}",
                "Run 'genopheno dosages' again",
            )
        return found

    @classmethod
    def of(cls, prefix: str | Path, samples: list[str]) -> Dosages:
        """Open dosages that were prepared for a cohort.

        Raises
        ------
        StageError : as `open`, or the people are others than `samples`, or in another order.
        """
        found = cls.open(prefix)
        if found.samples != samples:
            raise fail(
                "dosages-other-samples",
                found.path,
                f"its {found.n_samples} people are not the {len(samples)} of the cohort's "
                "genotypes, or not in their order",
                "Run 'genopheno dosages' on the same genotypes",
            )
        return found

    @property
    def n_samples(self) -> int:
        return len(self.samples)

    @property
    def n_variants(self) -> int:
        return self.table.num_rows

    @cached_property
    def info(self) -> np.ndarray:
        """(variants,) float64 quality of the imputation; NaN where it is not known."""
        return fields.numbers(self.table["info"])

    def contigs(self) -> list[tuple[str, int, int]]:
        """`contig_runs` of the variants."""
        return contig_runs(self.table)

    def read(self, start: int, stop: int) -> np.ndarray:
        """(stop - start, samples) float32 dosages of the alternate allele; missing is negative."""
        out = np.empty((stop - start, self.n_samples), np.float32)
        try:
            self._reader.read_dosages_range(start, stop, out)
        except RuntimeError as error:
            raise fail(
                "dosages-truncated",
                self.path,
                f"variants {start + 1} to {stop}: {error}",
                "Run 'genopheno dosages' again",
            ) from None
        return out

    def release(self, start: int, stop: int) -> None:
        """Nothing is held, so nothing is let go; `Genotypes` has the same."""

    @property
    def _reader(self):
        import pgenlib

        if not hasattr(self._local, "reader"):
            self._local.reader = pgenlib.PgenReader(bytes(self.path))
        return self._local.reader


def read_pvar(path: Path) -> pa.Table:
    """Variants of a ``.pvar`` file as `Dosages.table`."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    skip = 0
    with open(path, encoding="utf-8") as handle:
        while next(handle).startswith("##"):
            skip += 1
    columns = ["contig", "position", "variant_id", "other_allele", "effect_allele", "INFO"]
    table = csv.read_csv(
        path,
        read_options=csv.ReadOptions(column_names=columns, skip_rows=skip + 1),
        parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
        convert_options=csv.ConvertOptions(
            column_types={name: pa.string() for name in columns} | {"position": pa.int32()},
            null_values=[],
        ),
    ).combine_chunks()
    text = pc.if_else(pc.starts_with(table["INFO"], QUALITY), table["INFO"], None)
    info = pc.cast(pc.utf8_slice_codeunits(text, len(QUALITY)), pa.float64())
    return table.drop_columns("INFO").append_column("info", info)
