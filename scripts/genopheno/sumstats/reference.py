"""Variants that say what the alleles are: a table of sites, or another study."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from genopheno.problems import fail
from genopheno.sumstats import chromosomes
from genopheno.sumstats.reading import read_study
from genopheno.sumstats.rows import SCHEMA
from genopheno.sumstats.store import Store
from genopheno.sumstats.studies import Study
from genopheno.sumstats.tables import ROWS, open_source

KNOWN = ("contig", "position", "effect_allele", "other_allele", "frequency", "rsid")
SITES = {
    "contig": "contig",
    "position": "position",
    "effect_allele": "alternate",
    "other_allele": "reference",
}


def reference_store(path: Path, scratch: Path, *, frequency: str | None = None) -> Store:
    """Variants of a reference in a scratch file, with the columns `KNOWN`.

    Parameters
    ----------
    path : a Parquet table of sites (`contig`, `position`, `reference`, `alternate`), whose
        alternate allele becomes the effect allele; or summary statistics of any layout.
    frequency : column of the frequency of the alternate allele; None: there is none (of summary
        statistics, the one that is understood).

    Raises
    ------
    StageError : it has no such column, or is neither.
    """
    source = open_source(path)
    schema = pa.schema([SCHEMA.field(name) for name in KNOWN])
    if frequency and frequency not in source.header:
        what = f"it has no column {frequency!r}"
        raise fail("reference-column", path, what, f"Its columns are {', '.join(source.header)}")
    if source.delimiter is not None or not set(SITES.values()) <= set(source.header):
        columns = {"effect_allele_frequency": frequency} if frequency else {}
        study = Study(name="reference", path=path, columns=columns)
        return read_study(study, scratch, max_dropped=1.0).store
    store = Store(scratch / "reference.arrow", schema)
    names = {**SITES, "rsid": "rsid", **({"frequency": frequency} if frequency else {})}
    names = {ours: theirs for ours, theirs in names.items() if theirs in source.header}
    with store:
        for batch in pq.ParquetFile(path).iter_batches(ROWS, columns=list(names.values())):
            table = pa.table({ours: batch[theirs] for ours, theirs in names.items()})
            codes, contigs = chromosomes.names(table["contig"], "MT")
            table = table.set_column(
                0, "contig", pa.array(contigs, pa.string()).take(pa.array(codes, mask=codes < 0))
            )
            for name in set(KNOWN) - set(names):
                nulls = pa.nulls(table.num_rows, schema.field(name).type)
                table = table.append_column(name, nulls)
            store.add(table.select(KNOWN).cast(schema))
    return store
