"""The stage: one study on the alleles of a reference."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genopheno import fields, pvalues
from genopheno.files import write_json
from genopheno.problems import fail
from genopheno.sumstats import orient
from genopheno.sumstats.match import BY_FREQUENCY, Matched, Policy, match
from genopheno.sumstats.outputs import Tables
from genopheno.sumstats.reading import read_studies
from genopheno.sumstats.reference import reference_store
from genopheno.sumstats.store import Store
from genopheno.sumstats.studies import Study

MIN_JUDGED = 100


def harmonise(
    study: Study,
    out: Path,
    *,
    fasta: Path | None = None,
    reference: Path | None = None,
    reference_frequency: str | None = None,
    policy: Policy = BY_FREQUENCY,
    max_dropped: float = 0.05,
    min_agreement: float = 0.8,
    min_found: float = 0.05,
) -> dict:
    """Put a study on the alleles of a reference; write ``{out}`` (Parquet), ``.tsv.gz``, ``.json``.

    Parameters
    ----------
    fasta, reference : one of them or both; see `genopheno.sumstats.meta.meta`.
    min_found : share of the study's variants that `reference` must have.

    Returns
    -------
    What the JSON says.

    Raises
    ------
    StageError : the study cannot be used, or is on another build than the reference.
    """
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    counts: Counter = Counter()
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".harmonise.") as folder:
        scratch = Path(folder)
        (read,) = read_studies([study], scratch, max_dropped=max_dropped)
        store, oriented = read.store, Counter()
        if fasta:
            (store,), (oriented,) = orient.all_of(
                [read], fasta, scratch, min_agreement=min_agreement
            )
        known = None
        if reference:
            known = reference_store(reference, scratch, frequency=reference_frequency)
        rows = 0
        with Tables(out, fields.schema("harmonised")) as files:
            for key in store.windows():
                mine = store.read(key)
                table = _table(key[0], match([mine], policy, [counts], _of(known, key)))
                files.write(table)
                rows += table.num_rows
            if not rows or (read.kept >= MIN_JUDGED and rows < min_found * read.kept):
                raise fail(
                    "harmonise-found",
                    study.path,
                    f"of {read.kept} variants, {rows} are in {reference or fasta}: {dict(counts)}",
                    "Give the reference of its build; --min-found allows less",
                )
    told = read.summary() | {
        "fasta": str(fasta) if fasta else None,
        "reference": str(reference) if reference else None,
        "ambiguous": policy.ambiguous,
        "max_ambiguous_frequency": policy.max_frequency,
        "oriented": dict(sorted(oriented.items())),
        "matched": dict(sorted(counts.items())),
        "n_variants": rows,
    }
    write_json(out.with_suffix(".json"), told)
    return told


def _of(known: Store | None, key) -> pa.Table | None:
    return None if known is None else known.read(key)


def _table(contig: str, matched: Matched) -> pa.Table:
    """Rows of the table ``harmonised``."""
    value = {name: numbers[0] for name, numbers in matched.numbers.items()}
    position = pa.array(matched.position)
    columns = {
        "chromosome": pa.repeat(contig, len(position)),
        "base_pair_location": position,
        "effect_allele": matched.effect_allele,
        "other_allele": matched.other_allele,
        "beta": value["beta"],
        "standard_error": value["standard_error"],
        "effect_allele_frequency": value["frequency"],
        "neg_log10_p_value": pvalues.from_normal(value["z_score"]),
        "variant_id": pc.binary_join_element_wise(
            pa.scalar(contig),
            position.cast(pa.string()),
            matched.other_allele,
            matched.effect_allele,
            ":",
        ),
        "rsid": matched.rsid,
        "n": value["n"],
    }
    schema = fields.schema("harmonised")
    return pa.table(
        [
            pa.array(columns[f.name], f.type, from_pandas=True)
            if isinstance(columns[f.name], np.ndarray)
            else columns[f.name]
            for f in schema
        ],
        schema=schema,
    )
