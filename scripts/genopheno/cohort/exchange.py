"""What passes between Hail and files: genome, site table in, tables out."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from genopheno import fields
from genopheno.files import writing
from genopheno.problems import fail

if TYPE_CHECKING:
    import hail as hl

MISSING = "."  # of a number in the text that Hail hands to Arrow


def uri(path: str | Path) -> str:
    """A path as Hail on any Spark reads it: on storage that all workers see."""
    return f"file://{Path(path).resolve()}"


def vcf_header(vcf: str | Path) -> tuple[list[str], dict[str, int]]:
    """Samples and contigs (name to length, in order) of a bgzip or gzip VCF.

    Raises
    ------
    StageError : not a gzip VCF, or a contig without its length.
    """
    samples: list[str] | None = None
    contigs: dict[str, int] = {}
    try:
        with gzip.open(vcf, "rt", encoding="utf-8") as handle:
            for line in handle:
                if line.startswith("##contig="):
                    name = re.search(r"[<,]ID=([^,>]+)", line)
                    length = re.search(r"[<,]length=(\d+)", line)
                    if name:
                        contigs[name[1]] = int(length[1]) if length else 0
                elif line.startswith("#CHROM"):
                    samples = line.rstrip("\n").split("\t")[9:]
                    break
                elif not line.startswith("#"):
                    break
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise fail(
            "vcf-unreadable", vcf, f"it is not a gzip VCF: {error}", "Make it again with bgzip"
        ) from None
    if samples is None:
        raise fail("vcf-unreadable", vcf, "it has no #CHROM line", "Make it again")
    lacking = [name for name, length in contigs.items() if not length]
    if lacking or not contigs:
        raise fail(
            "vcf-contigs",
            vcf,
            f"contigs without a length in the header: {', '.join(lacking) or 'all'}",
            "Add them with 'bcftools reheader --fai genome.fa.fai'",
        )
    return samples, contigs


def genome(hl: ModuleType, build: str, contigs: dict[str, int]) -> hl.ReferenceGenome:
    """The genome that Hail checks and orders positions by.

    Hail's own GRCh37, GRCh38, GRCm38 or CanFam3 where `build` names it and its contigs are
    these, so that Hail's annotation and liftover fit; otherwise one made of `contigs`.
    """
    own = hl.get_reference(build) if build in ("GRCh37", "GRCh38", "GRCm38", "CanFam3") else None
    if own is not None and all(own.lengths.get(name) == length for name, length in contigs.items()):
        return own
    name = re.sub(r"\W", "_", build)
    if own is not None:
        name += "_part"
    return hl.ReferenceGenome(name, list(contigs), contigs)


def read_sites(
    hl: ModuleType, sites_parquet: str | Path, rg: hl.ReferenceGenome, tmp_dir: Path
) -> hl.Table:
    """The site table as a Hail table, keyed by locus and alleles; all its columns are fields.

    It goes through JSON lines, a batch at a time: Hail reads no Parquet by itself, and by way
    of Spark SQL a small table costs seconds.

    Raises
    ------
    StageError : the table lacks a column that every table of sites has.
    """
    import pyarrow.parquet as pq

    lines = tmp_dir / "sites.jsonl"
    file = pq.ParquetFile(sites_parquet)
    columns = {f.name: str(f.type) for f in file.schema_arrow if f.name != "variant_id"}
    lacking = set(fields.names("sites")) - set(columns) - {"variant_id"}
    if lacking:
        raise fail(
            "sites-lack-columns",
            sites_parquet,
            f"it has no column {', '.join(sorted(lacking))}",
            "Run 'genopheno annotate' again",
        )
    with open(lines, "w", encoding="utf-8") as handle:
        for batch in file.iter_batches(columns=list(columns)):
            if batch.num_rows:
                # Whole numbers beside missing ones would else become fractions.
                frame = batch.to_pandas(integer_object_nulls=True)
                frame.to_json(handle, orient="records", lines=True, double_precision=15)
    record = hl.tstruct(**{name: _hail_type(hl, kind) for name, kind in columns.items()})
    table = hl.import_lines(uri(lines))
    site = hl.parse_json(table.text, dtype=record)
    table = table.select(
        locus=hl.locus(site.contig, site.position, rg),
        alleles=[site.reference, site.alternate],
        **{name: site[name] for name in columns if name not in _NAMING},
    )
    return table.key_by("locus", "alleles")


def _hail_type(hl: ModuleType, kind: str) -> hl.HailType:
    """Hail type of an Arrow type of the table of sites, as text."""
    if kind.startswith("list<"):
        return hl.tarray(_hail_type(hl, kind.removesuffix(">").split(": ")[-1]))
    types = {"string": hl.tstr, "double": hl.tfloat64, "float": hl.tfloat64, "bool": hl.tbool}
    return hl.tint32 if kind in ("int8", "int16", "int32") else types.get(kind, hl.tint64)


_NAMING = {"contig", "position", "reference", "alternate"}


def variant_columns(row: hl.Expression) -> dict[str, Any]:
    """The columns that name a variant, of a row with locus and alleles."""
    import hail as hl

    contig, position = row.locus.contig, row.locus.position
    reference, alternate = row.alleles[0], hl.delimit(row.alleles[1:], ",")
    return {
        "variant_id": hl.delimit([contig, hl.str(position), reference, alternate], ":"),
        "contig": contig,
        "position": position,
        "reference": reference,
        "alternate": alternate,
    }


def as_text(value: hl.Expression) -> hl.Expression:
    """A value as text that loses nothing: `hl.str` and exports keep six digits of a number."""
    import hail as hl

    if value.dtype == hl.tstr:
        return hl.or_else(value, "")
    if value.dtype in (hl.tfloat64, hl.tfloat32):
        return hl.if_else(hl.is_defined(value), hl.format("%.16e", value), MISSING)
    return hl.or_else(hl.str(value), MISSING)


def write_table(table: hl.Table, path: str | Path, name: str, tmp_dir: Path) -> None:
    """Write a Hail table as the Parquet file of a declared table, a batch at a time.

    Parameters
    ----------
    table : its row fields are the columns of the registry (keys included or not).
    name : table of the registry.
    """
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    schema = fields.schema(name)
    fields.check_columns(list(table.row), name)
    table = table.key_by()
    table = table.select(**{column: as_text(table[column]) for column in fields.names(name)})
    text = tmp_dir / f"{Path(path).name}.tsv"
    table.export(uri(text))
    reader = pc.open_csv(
        text,
        parse_options=pc.ParseOptions(delimiter="\t", quote_char=False),
        convert_options=pc.ConvertOptions(
            column_types={f.name: f.type for f in schema},
            null_values=["", MISSING, "NaN"],
            strings_can_be_null=True,
        ),
    )
    with writing(path) as beside, pq.ParquetWriter(beside, schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_table(pa.Table.from_batches([batch]).cast(schema))
    text.unlink()
