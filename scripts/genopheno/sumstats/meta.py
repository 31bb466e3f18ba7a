"""The stage: studies read, matched window by window, combined, written."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genopheno import fields, pvalues
from genopheno.files import write_json
from genopheno.problems import Problems, fail
from genopheno.sumstats import combine, orient
from genopheno.sumstats.loci import Loci
from genopheno.sumstats.match import BY_FREQUENCY, Matched, Policy, match
from genopheno.sumstats.outputs import Tables
from genopheno.sumstats.reading import Read, read_studies
from genopheno.sumstats.reference import reference_store
from genopheno.sumstats.store import Store
from genopheno.sumstats.studies import Study, check_names

GENOME_WIDE = -np.log10(5e-8)
MIN_RANKED = 100  # variants that two studies have, from which on their overlap is judged


@dataclass(frozen=True)
class Limits:
    """Floors below which an analysis is refused.

    Attributes
    ----------
    max_dropped : share of a study's rows that may be faulty.
    min_overlap : share of a study's variants (or of the largest other study's, if that has fewer)
        that another study must have.
    min_agreement : share of the variants at a place that another study has, too, whose alleles must
        be the same; and of those whose alleles must have the base of the reference.
    """

    max_dropped: float = 0.05
    min_overlap: float = 0.05
    min_agreement: float = 0.8


LIMITS = Limits()


@dataclass
class Tally:
    """What matching did with the rows of one study."""

    matched: Counter = field(default_factory=Counter)
    rows: int = 0
    places: int = 0  # rows at a place where another study has a row
    shared: int = 0  # rows whose variant another study has
    used: int = 0
    unusable: int = 0


def meta(
    studies: list[Study],
    out: Path,
    *,
    options: combine.Options = combine.BY_VARIANCE,
    policy: Policy = BY_FREQUENCY,
    limits: Limits = LIMITS,
    genomic_control: bool = False,
    genomic_control_after: bool = False,
    fasta: Path | None = None,
    reference: Path | None = None,
    reference_frequency: str | None = None,
    lead_neg_log10_p: float = GENOME_WIDE,
) -> dict:
    """Combine studies; write ``{out}`` (Parquet), ``.tsv.gz``, ``.loci.parquet`` and ``.json``.

    Parameters
    ----------
    genomic_control : divide the statistics of each study by its lambda, where it is above 1;
        a study may say otherwise. genomic_control_after : likewise the result.
    fasta : reference sequence; alleles are put on its strand, indels moved left, the alternate
        allele becomes the effect allele.
    reference : table of variants, or summary statistics, whose alleles are gone by; variants that
        it lacks are dropped. reference_frequency : its column of the effect allele's frequency.
    lead_neg_log10_p : variants from there on are candidates for the table of loci.

    Returns
    -------
    What the JSON says.

    Raises
    ------
    StageError : a study cannot be used, or no variant is left.
    """
    check_names(studies)
    names = [study.name for study in studies]
    by_z = options.method == "sample-size"
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".meta.") as folder:
        scratch = Path(folder)
        read = read_studies(studies, scratch, max_dropped=limits.max_dropped, wald=not by_z)
        stores, oriented = [one.store for one in read], [{} for _ in read]
        if fasta:
            stores, oriented = orient.all_of(
                read, fasta, scratch, min_agreement=limits.min_agreement
            )
        known = None
        if reference:
            known = reference_store(reference, scratch, frequency=reference_frequency)
        lambdas = np.array([_control(one, genomic_control) for one in read])
        tallies = [Tally() for _ in read]
        schema = fields.schema("meta", extra=combine.extra(names, options))
        summary = _Summary(names, Loci(names, lead_neg_log10_p))
        tables = _combined(stores, known, tallies, lambdas, options, policy, schema, summary)
        if genomic_control_after:
            tables = _controlled_after(tables, scratch / "before.arrow", schema, summary)
        with Tables(out, schema) as files:
            for table in tables:
                files.write(table)
            _judge(read, tallies, limits).raise_if_any()
            if not summary.variants:
                raise fail(
                    "meta-empty",
                    out,
                    f"no variant is left; {summary.too_few} are of fewer than "
                    f"{options.min_studies} studies",
                    "Lower --min-studies, or look at the studies' alleles and builds",
                )
    loci = summary.loci.table(summary.factor if genomic_control_after else 1.0)
    fields.write(loci_path(out), loci, "meta_loci")
    told = {
        "method": options.method,
        "ambiguous": policy.ambiguous,
        "max_ambiguous_frequency": policy.max_frequency,
        "genomic_control_after": genomic_control_after,
        "fasta": str(fasta) if fasta else None,
        "reference": str(reference) if reference else None,
        **summary.told(),
        "n_loci": int(loci["variant_id"].nunique()),
        "studies": [
            one.summary()
            | {"genomic_control": float(factor), "oriented": dict(how)}
            | {
                "matched": dict(sorted(tally.matched.items())),
                "rows_shared_with_another_study": tally.shared,
                "rows_without_what_the_method_needs": tally.unusable,
                "rows_used": tally.used,
            }
            for one, tally, factor, how in zip(read, tallies, lambdas, oriented, strict=True)
        ],
    }
    write_json(json_path(out), told)
    return told


def json_path(out: Path) -> Path:
    return out.with_suffix(".json")


def loci_path(out: Path) -> Path:
    return out.with_suffix(".loci.parquet")


@dataclass
class _Summary:
    """What is told of the result, gathered while it passes by."""

    studies: list[str]
    loci: Loci
    variants: int = 0
    too_few: int = 0
    by_studies: Counter = field(default_factory=Counter)
    tails: list[np.ndarray] = field(default_factory=list)
    lambda_before: float | None = None

    def add(self, table: pa.Table, too_few: int) -> None:
        self.variants += table.num_rows
        self.too_few += too_few
        self.by_studies.update(table["n_studies"].to_pylist())
        self.tails.append(table["neg_log10_p_value"].to_numpy())

    def lambda_gc(self) -> float | None:
        return pvalues.lambda_gc(np.concatenate(self.tails)) if self.tails else None

    @property
    def factor(self) -> float:
        """√λ of the result before genomic control, at least 1."""
        return float(np.sqrt(max(self.lambda_before or 1.0, 1.0)))

    def told(self) -> dict:
        value = self.lambda_gc()
        return {
            "n_variants": self.variants,
            "n_variants_by_studies": {str(k): n for k, n in sorted(self.by_studies.items())},
            "n_variants_of_too_few_studies": self.too_few,
            "lambda_gc": value,
            "lambda_gc_before": value if self.lambda_before is None else self.lambda_before,
            "max_neg_log10_p_value": (
                float(max(np.nanmax(t) for t in self.tails if len(t))) if self.variants else None
            ),
        }


def _control(read: Read, genomic_control: bool) -> float:
    """The factor by which a study's chi-squared statistics are divided."""
    own = read.study.genomic_control
    wanted = genomic_control if own is None else own
    return max(read.lambda_gc or 1.0, 1.0) if wanted else 1.0


def _combined(
    stores: list[Store],
    known: Store | None,
    tallies: list[Tally],
    lambdas: np.ndarray,
    options: combine.Options,
    policy: Policy,
    schema: pa.Schema,
    summary: _Summary,
) -> Iterator[pa.Table]:
    """Rows of the result, window by window in the order of the genome."""
    keys = {key: None for store in stores for key in store.windows()}
    for key in sorted(keys, key=Store.order):
        windows = [store.read(key) for store in stores]
        matched = match(
            windows, policy, [tally.matched for tally in tallies], known and known.read(key)
        )
        done = combine.combine(key[0], matched, summary.studies, lambdas, options, schema)
        _overlap(windows, matched, tallies)
        for tally, used, unusable in zip(
            tallies, done.studies["z_score"], done.unusable, strict=True
        ):
            tally.used += int((~np.isnan(used)).sum())
            tally.unusable += int(unusable)
        summary.add(done.table, done.too_few)
        summary.loci.add(done)
        yield done.table


def _overlap(windows: list[pa.Table], matched: Matched, tallies: list[Tally]) -> None:
    several = matched.present.sum(axis=0) > 1
    for window, present, places, tally in zip(
        windows, matched.present, matched.places, tallies, strict=True
    ):
        tally.rows += window.num_rows
        tally.places += int(places)
        tally.shared += int((present & several).sum())


def _judge(read: list[Read], tallies: list[Tally], limits: Limits) -> Problems:
    """Studies that hardly share a variant with the others, or not its alleles: another build."""
    found = Problems()
    for index, (one, tally) in enumerate(zip(read, tallies, strict=True)):
        largest = max(other.rows for i, other in enumerate(tallies) if i != index)
        fewest = min(tally.rows, largest)
        path = one.study.path
        if fewest >= MIN_RANKED and tally.shared < limits.min_overlap * fewest:
            found.add(
                "meta-overlap",
                path,
                f"of {tally.rows} variants of {one.study.name}, {tally.shared} are in another study"
                f" ({tally.places} at a place of another study)",
                "Put all studies on one build; --min-overlap allows less",
            )
        elif tally.places >= MIN_RANKED and tally.shared < limits.min_agreement * tally.places:
            found.add(
                "meta-alleles",
                path,
                f"of {tally.places} variants of {one.study.name} at a place where another study has"
                f" one, {tally.shared} have its alleles; matching says {dict(tally.matched)}",
                "Look at its columns of alleles and at its build; --min-agreement allows less",
            )
    return found


def _controlled_after(
    tables: Iterator[pa.Table],
    scratch: Path,
    schema: pa.Schema,
    summary: _Summary,
) -> Iterator[pa.Table]:
    """The rows again, with errors and z-scores by the lambda of the whole result."""
    with pa.ipc.new_file(str(scratch), schema) as writer:
        for table in tables:
            writer.write_table(table)
    summary.lambda_before = summary.lambda_gc()
    factor, summary.tails = summary.factor, []
    with pa.OSFile(str(scratch)) as file:
        reader = pa.ipc.open_file(file)
        for index in range(reader.num_record_batches):
            table = pa.Table.from_batches([reader.get_batch(index)])
            z = pc.divide(table["z_score"], factor)
            new = {
                "z_score": z,
                "standard_error": pc.multiply(table["standard_error"], factor),
                "neg_log10_p_value": pa.array(
                    pvalues.from_normal(z.to_numpy()), pa.float64(), from_pandas=True
                ),
            }
            for name, values in new.items():
                at = schema.get_field_index(name)
                table = table.set_column(at, schema.field(at), values)
            summary.tails.append(table["neg_log10_p_value"].to_numpy())
            yield table
