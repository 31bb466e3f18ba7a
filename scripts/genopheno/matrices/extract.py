"""Cutting the matrices by variants and samples, into any format, a block at a time.

First the sites alone are read, which says what each criterion leaves; then the genotypes of
what is left, as much at once as one row group holds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genopheno import calls, fields
from genopheno.files import remove, write_json
from genopheno.matrices.formats.plan import Block, Plan
from genopheno.matrices.resolve import resolve
from genopheno.matrices.select import EVERYWHERE, FILTER_COLUMNS, GENE_COLUMNS, Cut, Request
from genopheno.matrices.select import kept as kept_rows
from genopheno.matrices.store import (
    VARIANT_TABLES,
    Part,
    Store,
    exact_codes,
    matrix,
    open_store,
)
from genopheno.matrices.tables import ENTRY_COLUMNS
from genopheno.problems import fail

if TYPE_CHECKING:
    import pyarrow as pa

# What each format is written as: a module of `formats`, and how the name of its file ends.
FORMATS = {
    "parquet": ("parquet", ""),
    "vcf": ("vcf", ".vcf.gz"),
    "bcf": ("vcf", ".bcf"),
    "plink2": ("plink2", ".pgen"),
    "zarr": ("zarr", ".vcz"),
    "tsv": ("tsv", ""),
    "hail-parts": ("hail_parts", ""),
}
# What a directory holds that one of the formats wrote; any other is not replaced.
MARKS = ("matrices.json", "sites.tsv", ".zgroup", "zarr.json", "metadata.json.gz")
ALTERNATE = (calls.FIRST == 1) | (calls.SECOND == 1)  # of each code


@dataclass
class Survey:
    """What the sites say before any genotype is read.

    Attributes
    ----------
    left : variants after each criterion, beginning with all ('matrices').
    groups : by contig, (row group of the sites, packed bits of the rows to keep).
    filters : names of filters that the kept variants fail.
    """

    left: dict[str, int]
    groups: dict[str, list[tuple[int, np.ndarray]]] = field(default_factory=dict)
    filters: set[str] = field(default_factory=set)

    @property
    def n_variants(self) -> int:
        return list(self.left.values())[-1]


@dataclass
class Tally:
    """Who carries what, counted as the blocks pass."""

    variants: int
    carries: np.ndarray  # (samples,) bool
    alternate_genotypes: int = 0


def extract(
    matrices: Path,
    output: Path,
    to: str,
    request: Request,
    *,
    terms: list[str],
    build: str | None = None,
    threads: int = 1,
) -> dict:
    """Write a cut of the matrices.

    Parameters
    ----------
    matrices : folder that `genopheno matrices` or an extraction to Parquet wrote.
    output : file or directory to write; beside it ``{output}.json`` with what is returned.
        plink2: the .pgen, with .pvar and .psam beside it; vcf and bcf: an index beside it.
    to : of `FORMATS`. terms : consequence terms that may be asked for.
    build : name of the genome build; None: as the matrices tell.

    Returns
    -------
    variants, samples, carriers (samples with an alternate allele among these variants),
    alternate_genotypes, and left: variants after each criterion.

    Raises
    ------
    StageError : the matrices are incomplete or lack what was asked for (all at once); the
        output would replace what it is cut from, or a directory that is no extraction; nothing
        is left and the format cannot hold nothing.
    """
    module, ending = FORMATS[to]
    check_output(output, matrices, ending)
    store = open_store(matrices)
    cut = resolve(store, request, terms)
    survey = look(store, cut)
    if not survey.n_variants and to in ("plink2", "zarr", "hail-parts"):
        raise fail(
            "selection-empty",
            output,
            f"no variant is left, and {to} files hold at least one. Left after each criterion: "
            + ", ".join(f"{name} {n}" for name, n in survey.left.items()),
            "Ask for more, or for vcf, bcf, parquet or tsv, which can be empty",
        )
    plan = _plan(store, cut, survey, build, threads)
    tally = Tally(0, np.zeros(len(cut.keep), bool))
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".extract.") as name:
        write = import_module(f"genopheno.matrices.formats.{module}").write
        made = write(Path(name), output.name, plan, blocks(store, cut, survey, tally))
        if tally.variants != survey.n_variants:
            raise fail(
                "records-lost",
                output,
                f"{tally.variants} of {survey.n_variants} variants were written",
                "Check free disk space, then run again",
            )
        targets = [output.parent / path.name for path in made]
        # What stands beside the first, such as an index, must never be that of an older one.
        for target in targets[1:]:
            remove(target)
        for path, target in zip(made, targets, strict=True):
            if target.is_dir():
                remove(target)
            path.replace(target)
    report = {
        "variants": survey.n_variants,
        "samples": len(cut.keep),
        "carriers": int(tally.carries.sum()),
        "alternate_genotypes": tally.alternate_genotypes,
        "left": [{"after": name, "variants": n} for name, n in survey.left.items()],
        "variants_of_matrices": survey.left["matrices"],
        "samples_of_matrices": len(store.samples),
    }
    write_json(f"{output}.json", report)
    return report


def check_output(output: Path, matrices: Path, ending: str) -> None:
    """Refuse an output that would replace what it is cut from, or what no extraction wrote.

    Raises
    ------
    StageError : it would; or its name lacks the ending by which readers know the format.
    """
    whole, cut = output.resolve(), matrices.resolve()
    if whole == cut or whole in cut.parents:
        raise fail(
            "output-is-input",
            output,
            "it holds the matrices that are to be cut",
            "Give another --output",
        )
    if ending and not output.name.endswith(ending) and ending != ".vcz":
        raise fail(
            "output-name", output, f"it does not end with {ending}", f"Give a name with {ending}"
        )
    if output.is_dir() and any(output.iterdir()):
        if ending in ("", ".vcz") and any((output / mark).exists() for mark in MARKS):
            return
        raise fail(
            "output-exists",
            output,
            "it is a directory that no extraction wrote, and would be replaced",
            "Give another --output, or remove it",
        )


def look(store: Store, cut: Cut) -> Survey:
    """Apply the criteria to the sites."""
    names = ["matrices", *cut.criteria()]
    survey = Survey(dict.fromkeys(names, 0))
    survey.left["matrices"] = store.n_variants()
    for contig in store.contigs:
        sites = store.part("sites", contig, FILTER_COLUMNS)
        genes = store.part("consequences", contig, GENE_COLUMNS) if cut.genes is not None else None
        for number in _groups_in_reach(cut, contig, sites.first, sites.last):
            table = sites.group(number)
            masks = kept_rows(cut, contig, table, genes)
            for name, mask in zip(names[1:], masks, strict=True):
                survey.left[name] += int(mask.sum())
            last = masks[-1] if masks else np.ones(len(table), bool)
            if last.any():
                survey.groups.setdefault(contig, []).append((number, np.packbits(last)))
                for text in table["filters"].filter(last).unique().to_pylist():
                    survey.filters.update((text or "PASS").split(";"))
    survey.filters.discard("PASS")
    return survey


def _groups_in_reach(cut: Cut, contig: str, first: np.ndarray, last: np.ndarray) -> list[int]:
    """Row groups that may hold variants of the regions and genes, by their positions alone.

    A long reference allele reaches from any row group before a region into it.
    """
    reach = np.ones(len(first), bool)
    if cut.spans is not None:
        spans = cut.spans.get(contig, [(EVERYWHERE, 0)])
        reach &= first <= spans[-1][1]
    if cut.genes is not None:
        starts, ends = np.array(cut.gene_spans.get(contig, [(EVERYWHERE, 0)]), np.int64).T
        reach &= ((first[:, None] <= ends) & (last[:, None] >= starts)).any(axis=1)
    return np.flatnonzero(reach).tolist()


def blocks(store: Store, cut: Cut, survey: Survey, tally: Tally) -> Iterator[Block]:
    """The kept variants with the calls of the kept samples; counts them in `tally`."""
    everyone = len(cut.keep) == len(store.samples)
    for contig, groups in survey.groups.items():
        parts = {table: store.part(table, contig) for table in VARIANT_TABLES}
        sites, genotypes = parts["sites"], parts["genotypes"]
        if len(sites) != len(genotypes):
            raise _differ(store, contig)
        for number, bits in groups:
            table = sites.group(number)
            kept = np.flatnonzero(np.unpackbits(bits, count=len(table)))
            for held, within in genotypes.split(kept + sites.starts[number]):
                part = table.take(within + genotypes.starts[held] - sites.starts[number])
                calls_ = genotypes.group(held).take(within)
                if calls_["variant_id"] != part["variant_id"]:
                    raise _differ(store, contig)
                size = len(store.samples)
                codes = exact_codes(calls_, size)
                entries = {
                    name: matrix(calls_[column].combine_chunks(), size)
                    for name, (column, _) in ENTRY_COLUMNS.items()
                    if column in calls_.column_names
                }
                if not everyone:
                    codes = codes[:, cut.keep]
                    entries = {name: values[:, cut.keep] for name, values in entries.items()}
                tally.variants += len(part)
                alternate = ALTERNATE[codes]
                tally.carries |= alternate.any(axis=0)
                tally.alternate_genotypes += int(alternate.sum())
                yield _block(store, cut, contig, part, codes, entries, parts)


def _block(
    store: Store,
    cut: Cut,
    contig: str,
    sites: pa.Table,
    codes: np.ndarray,
    entries: dict[str, np.ndarray],
    parts: dict[str, Part | None],
) -> Block:
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = sites["variant_id"].combine_chunks()
    first, last = sites["position"][0].as_py(), sites["position"][-1].as_py()

    def rows(table: str) -> pa.Table:
        part = parts[table]
        if part is None:
            return (store.schema(table) or fields.schema(table)).empty_table()
        return part.of(ids, first, last)

    def carriers() -> pa.Table:
        found = rows("carriers")
        if len(cut.keep) == len(store.samples):
            return found
        names = pa.array([store.samples[i] for i in cut.keep], pa.string())
        return found.filter(pc.is_in(found["sample"], value_set=names))

    return Block(contig, sites, codes, entries, lambda: rows("consequences"), carriers)


def _differ(store: Store, contig: str) -> Exception:
    return fail(
        "tables-differ",
        store.path("genotypes", contig),
        "its variants are not those of the sites, row by row",
        "Run 'genopheno matrices' again",
    )


def _plan(store: Store, cut: Cut, survey: Survey, build: str | None, threads: int) -> Plan:
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pa.array([store.samples[i] for i in cut.keep], pa.string())
    table = store.read("samples")
    rows = pc.index_in(names, value_set=table["sample"].combine_chunks())
    if rows.null_count:
        raise fail(
            "samples-differ",
            store.folder / "samples.parquet",
            f"{rows.null_count} samples of the genotypes are not in it",
            "Run 'genopheno matrices' again",
        )
    samples = table.take(rows)
    phenotypes = store.read("phenotypes")
    theirs = pc.is_in(phenotypes["participant"], value_set=samples["participant"].combine_chunks())
    phenotypes = phenotypes.filter(theirs)
    if cut.traits is not None:
        own = [name for name in fields.names("phenotypes") if name in phenotypes.column_names]
        phenotypes = phenotypes.select([*own, *cut.traits])
    schemas = {name: schema for name in VARIANT_TABLES if (schema := store.schema(name))}
    schemas["genes"] = store.read("genes").schema
    told = {
        "reference_contigs": list(store.contigs.items()),
        "build": build or store.told.get("build", "unnamed"),
        # Frequencies and counts stay those of these samples, whoever is cut out.
        "samples_counted": store.told.get("samples_counted", len(store.samples)),
    }
    return Plan(
        survey.n_variants,
        store.contigs,
        sorted(survey.filters),
        samples,
        phenotypes,
        schemas,
        told,
        threads,
    )
