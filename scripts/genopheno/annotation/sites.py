"""The table of sites: one row per allele, read from a stream of annotated sites."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genopheno import fields
from genopheno.annotation.consequences import RANKS, Genes, is_compound, most_severe, parse
from genopheno.annotation.databases import Prepared
from genopheno.files import writing
from genopheno.problems import fail
from genopheno.vcf import variant_id

ROWS = 10_000  # of a row group


@dataclass
class Tally:
    """Counts over the sites.

    Attributes
    ----------
    consequences, impacts : rows by most severe term, and by impact; rows without any left out.
    present : rows by database that holds them. fields : rows by INFO column that has a value.
    unknown_terms : consequence names that the ranking does not know.
    """

    rows: int = 0
    rsids: int = 0
    consequences: Counter[str] = field(default_factory=Counter)
    impacts: Counter[str] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    unknown_terms: set[str] = field(default_factory=set)


def write_sites(
    sites: Path,
    out_parquet: Path,
    *,
    genes: Genes,
    databases: Sequence[Prepared],
    haplotypes: bool = False,
) -> Tally:
    """Write the table ``sites`` in row groups; memory does not grow with the file.

    Parameters
    ----------
    sites : VCF or BCF, one alternate allele per record, with INFO/BCSQ and the columns of
        the databases. Genotypes, if any, are not looked at.
    genes : of the GFF3 that was used, for gene identifiers.
    haplotypes : BCSQ may hold '@position' in place of a consequence written elsewhere.

    Raises
    ------
    StageError : a record has several alternate alleles.
    """
    import cyvcf2
    import pyarrow as pa
    import pyarrow.parquet as pq

    tally, schema = Tally(), fields.schema("sites")
    pointed = _compound_entries(sites) if haplotypes else {}
    rows: list[dict[str, Any]] = []
    with (
        writing(out_parquet) as beside,
        pq.ParquetWriter(beside, schema, compression="zstd") as writer,
    ):

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            rows.clear()

        for record in cyvcf2.VCF(str(sites), gts012=False):
            rows.append(_row(record, genes, databases, pointed, tally))
            if len(rows) == ROWS:
                flush()
        if rows:
            flush()
    return tally


def _row(
    record: Any,
    genes: Genes,
    databases: Sequence[Prepared],
    pointed: dict[str, dict[int, list[str]]],
    tally: Tally,
) -> dict[str, Any]:
    contig, position, reference = record.CHROM, record.POS, record.REF
    if len(record.ALT) > 1:
        raise fail(
            "allele-not-split",
            f"{contig}:{position}",
            f"the record has {len(record.ALT)} alternate alleles",
            "Split the calls with 'bcftools norm -m -any' before they are annotated",
        )
    alternate = record.ALT[0] if record.ALT else "."
    info = dict(record.INFO)
    bcsq = info.get("BCSQ")
    found = parse(bcsq, pointed.get(contig)) if bcsq else []
    worst = most_severe(found, genes.canonical)
    tally.rows += 1
    tally.rsids += record.ID is not None
    if worst:
        tally.consequences[worst.term] += 1
        tally.impacts[worst.impact] += 1
        tally.unknown_terms.update(t for c in found for t in c.terms if t not in RANKS)
    return {
        "variant_id": variant_id(contig, position, reference, alternate),
        "contig": contig,
        "position": position,
        "reference": reference,
        "alternate": alternate,
        "rsid": record.ID,
        "quality": record.QUAL,
        "filters": ";".join(record.FILTERS) or None,
        "gene_id": genes.gene_id(worst, contig, position) if worst else None,
        "gene_symbol": (worst.gene or None) if worst else None,
        "transcript_id": (worst.transcript or None) if worst else None,
        "consequence": worst.term if worst else None,
        "impact": worst.impact if worst else None,
        "protein_change": (worst.protein_change or None) if worst else None,
        "coding_change": (worst.coding_change or None) if worst else None,
        "all_consequences": bcsq,
        "database_fields": _database_fields(info, databases, tally),
    }


def _database_fields(
    info: dict[str, Any], databases: Sequence[Prepared], tally: Tally
) -> str | None:
    """JSON object database → field → value of the databases that hold the allele."""
    values: dict[str, dict[str, Any]] = {}
    for database in databases:
        if not info.get(f"{database.name}_present"):
            continue
        tally.present[database.name] += 1
        values[database.name] = {}
        for column, name in database.columns.items():
            value = _plain(info.get(column))
            if value is not None:
                tally.fields[column] += 1
                values[database.name][name] = value
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False) if values else None


def _plain(value: Any) -> Any:
    """A value of INFO for JSON: a float with the seven digits that it was stored with."""
    if isinstance(value, tuple):
        plain = [_plain(v) for v in value]
        return None if all(v is None for v in plain) else plain
    if isinstance(value, float):
        return None if value != value or abs(value) == float("inf") else float(f"{value:.7g}")
    return None if value == "." else value


def _compound_entries(sites: Path) -> dict[str, dict[int, list[str]]]:
    """Entries that span several records, by contig and position: what '@position' points to.

    A pointer may come before its target, so they are gathered in a pass of their own.
    """
    import cyvcf2

    found: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for record in cyvcf2.VCF(str(sites), gts012=False):
        for entry in (record.INFO.get("BCSQ") or "").split(","):
            if is_compound(entry):
                found[record.CHROM][record.POS].append(entry)
    return found
