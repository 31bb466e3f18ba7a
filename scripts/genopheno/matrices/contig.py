"""One contig of the matrices: a walk along its records, its sites and the cohort's verdicts."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genopheno import calls
from genopheno.matrices import bcf, tables
from genopheno.matrices.consequences import write_consequences
from genopheno.matrices.counts import Groups, counts
from genopheno.matrices.passing import COUNTS, Passing, Rows
from genopheno.problems import fail

SAY_EVERY = 10.0  # seconds between lines of progress
BLOCK_ROWS = 4096
BLOCK_CELLS = 1 << 22  # genotypes decoded at once


@dataclass(frozen=True)
class Inputs:
    """What all contigs share. Paths as in `build.matrices`; the rest is plain values."""

    annotated_vcf: Path
    sites: Path
    variants: Path
    consequences: Path | None
    samples: tuple[str, ...]  # kept ones, in the order of the VCF
    all_samples: bool  # the VCF holds no other
    groups: Groups
    told: dict[str, tuple[str, str]]  # group and level of each name of `groups`
    min_genotype_quality: int = 0
    entry_fields: tuple[str, ...] = ()
    carriers_max_frequency: float = 0.01


@dataclass
class Counts:
    """What was kept of a contig and what was left out."""

    records: int = 0
    variants: int = 0
    genotypes_below_quality: int = 0
    rare_variants: int = 0
    carriers: int = 0
    consequences: int = 0
    consequences_left_out: int = 0
    genes: pa.Table | None = field(default=None, repr=False)


def write_contig(
    inputs: Inputs, contig: str, expected: int, folder: Path, vcf_out: Path | None
) -> Counts:
    """Write the pieces of one contig.

    Parameters
    ----------
    expected : records of it, as the index says. folder : gets ``sites.parquet``,
        ``genotypes.parquet``, ``carriers.parquet`` and, where there are consequences,
        ``consequences.parquet``. A contig without a passing variant gets none.
    vcf_out : annotated VCF (bgzip) to write; None: none.

    Raises
    ------
    StageError : the VCF and the sites are not of the same records, a variant is there twice,
        or counts are not the cohort's.
    """
    passing, done = Passing(inputs.variants), Counts()
    if not passing.on(contig):
        done.records = expected
        return done
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch, ExitStack() as stack:
        view = ["bcftools", "view", "--no-version", "-Ou", "-r", contig]
        if not inputs.all_samples:
            names = Path(scratch) / "samples.txt"
            names.write_text("\n".join(inputs.samples) + "\n")
            view += ["-I", "-S", str(names)]  # -I: counts are made at the end, of what is kept
        header, records = stack.enter_context(bcf.streaming(*view, inputs.annotated_vcf))
        _check_header(header, inputs)
        walk = _Walk(inputs, contig, header, passing, done)
        writers = {
            name: stack.enter_context(_writer(folder, *w)) for name, w in walk.tables().items()
        }
        out = stack.enter_context(_vcf_writer(vcf_out, header)) if vcf_out else None
        rows = max(1, min(BLOCK_ROWS, BLOCK_CELLS // len(inputs.samples)))
        said = time.monotonic()
        # Reading, decoding and writing overlap: the two others hold no lock of Python for long.
        reader, writer = (stack.enter_context(ThreadPoolExecutor(1)) for _ in range(2))
        following = bcf.blocks(records, header, rows)
        read = reader.submit(next, following, None)
        written: Future[None] | None = None
        while (block := read.result()) is not None:
            read = reader.submit(next, following, None)
            made = walk.step(block, out)
            if written:
                written.result()
            written = writer.submit(_add, writers, made)
            if time.monotonic() - said > SAY_EVERY:
                print(
                    f"{contig}: {done.records} of {expected} records", file=sys.stderr, flush=True
                )
                said = time.monotonic()
        if written:
            written.result()
    if done.records != expected or walk.site_rows.take(1) is not None:
        raise fail(
            "sites-differ",
            inputs.sites,
            f"contig {contig}: the VCF has {expected} records, {done.records} were read; the "
            "sites have others",
            "Run 'genopheno annotate' again, which makes both",
        )
    if inputs.consequences:
        done.consequences, done.consequences_left_out, done.genes = write_consequences(
            inputs.consequences, contig, passing, folder / "consequences.parquet"
        )
    return done


def _add(writers: dict[str, tables.GroupedWriter], made: dict[str, pa.Table]) -> None:
    for name, table in made.items():
        writers[name].add(table)


def _check_header(header: bcf.Header, inputs: Inputs) -> None:
    if header.samples != inputs.samples:
        raise fail(
            "samples-differ",
            inputs.annotated_vcf,
            "its samples changed while it was read",
            "Run the stage again",
        )
    wanted = list(inputs.entry_fields)
    if inputs.min_genotype_quality > 0:
        wanted.append("GQ")
    if absent := [name for name in dict.fromkeys(wanted) if name not in header.formats]:
        raise fail(
            "format-missing",
            inputs.annotated_vcf,
            f"its genotypes have no {', '.join(absent)}",
            "Call with them, or take them out of matrices.entry_fields; GQ is also asked for by "
            "variant_qc.min_genotype_quality",
        )


class _Walk:
    """The state of a walk along one contig."""

    def __init__(
        self, inputs: Inputs, contig: str, header: bcf.Header, passing: Passing, done: Counts
    ):
        self.inputs, self.contig, self.passing, self.done = inputs, contig, passing, done
        self.site_rows = Rows(inputs.sites, contig)
        self.names = pa.array(inputs.samples, pa.string())
        # Depth and quality of carriers are told wherever the calls have them.
        self.fields = [
            name
            for name in ("DP", "GQ", "DS")
            if name in inputs.entry_fields or (name != "DS" and name in header.formats)
        ]
        self.last: tuple[int, set[str]] = 0, set()  # a position, and the variants met there

    def tables(self) -> dict[str, tuple[str, pa.Schema, int]]:
        """File, schema and rows per group of each table."""
        import pyarrow.parquet as pq

        from genopheno import fields

        by_group = tables.group_columns(self.inputs.groups, self.inputs.told)
        sites = tables.sites_schema(pq.read_schema(self.inputs.sites), by_group)
        samples = self.inputs.samples
        genotypes = tables.genotypes_schema(samples, self.inputs.entry_fields)
        rows = tables.genotype_rows(len(samples))
        self.schemas = {"sites": sites, "genotypes": genotypes}
        return {
            "sites": ("sites.parquet", sites, tables.SMALL_ROWS),
            "genotypes": ("genotypes.parquet", genotypes, rows),
            "carriers": ("carriers.parquet", fields.schema("carriers"), 4 * tables.SMALL_ROWS),
        }

    def step(self, block: bcf.Block, out: BinaryIO | None) -> dict[str, pa.Table]:
        """Rows of the tables that one block of records gives; its records go to `out`."""
        positions = block.positions()
        site = self.site_rows.take(len(block))
        same = site is not None and site.num_rows == len(block)
        if not same or not np.array_equal(site["position"].to_numpy(), positions):
            raise self._sites_differ(f"from {self.contig}:{positions[0]} on")
        self.done.records += len(block)
        named = self.passing.between(self.contig, int(positions.min()), int(positions.max()))
        index = pc.index_in(site["variant_id"], named["variant_id"].combine_chunks())
        kept = np.flatnonzero(index.is_valid().to_numpy())
        if not len(kept):
            return {}
        site = site.take(pa.array(kept))
        self._check_alleles(block, kept, site)
        self._check_twice(site)
        pairs, entries = block.columns(kept.tolist(), self.fields)
        if self.inputs.min_genotype_quality > 0:
            self._drop_poor(block, kept, pairs, entries["GQ"])
        codes = calls.encode(pairs)
        if codes.min() < 0:
            row = int(np.flatnonzero((codes == calls.REFUSED).any(axis=1))[0])
            raise fail(
                "genotype-allele",
                self.inputs.annotated_vcf,
                f"{site['variant_id'][row]}: a genotype names an allele that the record lacks",
                "Normalise the calls with 'bcftools norm -m -any'",
            )
        dosages = calls.dosages(codes)
        counted = counts(codes, dosages, self.inputs.groups)
        columns = {"variant_id": site["variant_id"]} | {
            n: pa.chunked_array([counted[n]]) for n in COUNTS
        }
        self.passing.check(pa.table(columns), named, index.drop_null().combine_chunks())
        if out:
            out.write(block.raw(kept.tolist()))
        self.done.variants += len(kept)
        there = counted["allele_count"] > 0
        rare = there & (counted["allele_frequency"] <= self.inputs.carriers_max_frequency)
        rows = tables.carriers(site, np.flatnonzero(rare), dosages, entries, self.names)
        self.done.rare_variants += int(rare.sum())
        self.done.carriers += rows.num_rows
        return {
            "sites": tables.sites(site, counted, self.schemas["sites"]),
            "genotypes": tables.genotypes(site, codes, dosages, entries, self.schemas["genotypes"]),
            "carriers": rows,
        }

    def _check_alleles(self, block: bcf.Block, kept: np.ndarray, site: pa.Table) -> None:
        alleles = (site[name].cast(pa.binary()).to_pylist() for name in ("reference", "alternate"))
        for row, (index, reference, alternate) in enumerate(
            zip(kept.tolist(), *alleles, strict=True)
        ):
            if not block.has_alleles(index, reference, alternate):
                raise self._sites_differ(f"at {site['variant_id'][row]}")

    def _sites_differ(self, where: str) -> Exception:
        return fail(
            "sites-differ",
            self.inputs.sites,
            f"it does not tell the records of {self.inputs.annotated_vcf} in their order, {where}",
            "Run 'genopheno annotate' again, which makes both",
        )

    def _check_twice(self, site: pa.Table) -> None:
        """Refuse a variant that is there twice; `last` is what stands at the last position."""
        positions, ids = site["position"].to_numpy(), site["variant_id"]
        place, met = self.last
        for row in np.flatnonzero(np.diff(positions, prepend=place) == 0).tolist():
            if positions[row] != place:
                place, met = int(positions[row]), {ids[row - 1].as_py()}
            if (name := ids[row].as_py()) in met:
                raise fail(
                    "variant-twice",
                    self.inputs.annotated_vcf,
                    f"{name} is in it twice",
                    "Normalise the calls with 'bcftools norm -d exact'",
                )
            met.add(name)
        end = int(positions[-1])
        self.last = end, met if place == end else {ids[len(ids) - 1].as_py()}

    def _drop_poor(
        self, block: bcf.Block, kept: np.ndarray, pairs: np.ndarray, quality: np.ndarray
    ) -> None:
        """Set genotypes of low GQ missing, in `pairs` and in the records; ploidy and phase stay.

        A genotype without GQ is not judged, as in the cohort.
        """
        called = (pairs[..., 0] > 1) | ((pairs[..., 1] > 1) & (pairs[..., 1] < 128))
        poor = (quality >= 0) & (quality < self.inputs.min_genotype_quality) & called
        for row in np.flatnonzero(poor.any(axis=1)):
            changed = pairs[row, poor[row]]
            ends = changed == calls.END_OF_VECTOR
            changed = np.where(ends, calls.END_OF_VECTOR, changed & 1).astype(np.uint8)
            changed[:, 0] = 0
            pairs[row, poor[row]] = changed
            block.set_genotypes(int(kept[row]), pairs[row])
        self.done.genotypes_below_quality += int(poor.sum())


@contextmanager
def _writer(
    folder: Path, name: str, schema: pa.Schema, rows: int
) -> Iterator[tables.GroupedWriter]:
    writer = tables.GroupedWriter(folder / name, schema, rows)
    try:
        yield writer
    finally:
        writer.close()


@contextmanager
def _vcf_writer(path: Path, header: bcf.Header) -> Iterator[BinaryIO]:
    """A pipe that takes records of BCF and makes a VCF with AC, AN and AF of its samples."""
    command: Sequence[str | Path] = [
        *("bcftools", "+fill-tags", "--no-version", "-Oz", "-o", path, "-"),
        *("--", "-t", "AN,AC,AF"),
    ]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        assert process.stdin is not None
        try:
            process.stdin.write(header.raw)
            yield process.stdin
        except BrokenPipeError:
            pass  # its own message says why
        except BaseException:
            process.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
        if process.wait():
            errors.seek(0)
            said = " | ".join(errors.read().decode(errors="replace").strip().splitlines()[-8:])
            raise fail(
                "tool-failed",
                "bcftools",
                f"{' '.join(map(str, command))} ended with {process.returncode}: {said}",
                "Check free disk space, then run again",
            )
