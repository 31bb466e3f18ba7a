"""The annotated matrices that researchers download: one cohort, the same variants and people.

The annotated VCF, the sites, the genotypes, the samples and the phenotypes are cut to the
variants that pass and the samples that stayed in the cohort. One pass over the VCF writes
the VCF and the genotypes, so that they cannot disagree.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genopheno import fields
from genopheno.files import write_text, writing
from genopheno.problems import fail
from genopheno.tools import run
from genopheno.variants.databases import publish
from genopheno.variants.gates import assert_records, assert_samples, samples_of
from genopheno.variants.sites import variant_id

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Genotypes held at once: a row group of the genotype table is that large (int8, 32 MB).
CELLS = 32_000_000
MAX_ROWS = 20_000
VARIANT = ("variant_id", "contig", "position", "reference", "alternate")
TABLES = ["cohort_samples", "matrix_sites", "matrix_genotypes"]


def matrices(
    annotated_vcf: Path,
    cohort_samples_parquet: Path,
    cohort_variants_parquet: Path,
    sites_parquet: Path,
    phenotypes_parquet: Path,
    out_dir: Path,
) -> dict[str, int]:
    """Write the matrices of a cohort.

    Parameters
    ----------
    annotated_vcf : indexed VCF, one alternate allele per record.
    cohort_samples_parquet : table ``cohort_samples``, the samples to keep.
    cohort_variants_parquet : table ``cohort_variants``; those with `passes` are kept.
    sites_parquet : table ``sites`` of the same VCF.
    phenotypes_parquet : one row per participant, column ``participant``.
    out_dir : gets annotated.vcf.gz (+ .tbi; INFO AC, AN and AF are those of the kept
        samples), sites.parquet (``matrix_sites``), genotypes.parquet
        (``matrix_genotypes``, samples in the schema metadata key 'samples', in the order of
        the VCF), samples.parquet, phenotypes.parquet (participants of kept samples) and
        dictionary.tsv.

    Returns
    -------
    Counts: variants, samples, participants_with_phenotypes, participants_without.

    Raises
    ------
    StageError : nothing passes; a sample or a passing variant that the VCF or the sites do
        not hold.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    samples = fields.read(cohort_samples_parquet)
    keep = _order_of_vcf(annotated_vcf, list(samples["sample"]), cohort_samples_parquet)
    passing = Passing(cohort_variants_parquet)

    with tempfile.TemporaryDirectory(dir=out_dir, prefix=".matrices.") as folder:
        vcf = Path(folder) / "annotated.vcf.gz"
        _write_genotypes(annotated_vcf, vcf, out_dir / "genotypes.parquet", keep, passing)
        run(["bcftools", "index", "-t", vcf])
        assert_records(vcf, name=out_dir / "annotated.vcf.gz", expected=passing.n)
        assert_samples(vcf, keep, name=out_dir / "annotated.vcf.gz")
        publish(vcf, out_dir / "annotated.vcf.gz")
    _write_sites(sites_parquet, cohort_variants_parquet, out_dir / "sites.parquet", passing.n)
    fields.write(out_dir / "samples.parquet", samples, "cohort_samples")
    phenotypes = _write_phenotypes(
        phenotypes_parquet, set(samples["participant"]), out_dir / "phenotypes.parquet"
    )
    _write_dictionary(phenotypes, out_dir / "dictionary.tsv")
    return {
        "variants": passing.n,
        "samples": len(keep),
        "participants_with_phenotypes": len(phenotypes),
        "participants_without": samples["participant"].nunique() - len(phenotypes),
    }


def dosages(genotypes: np.ndarray) -> np.ndarray:
    """Alternate alleles per sample.

    Parameters
    ----------
    genotypes : (samples, ploidy) int, allele indices; -1 missing; -2 where a sample has
        fewer chromosomes than others (VCF's end of vector).

    Returns
    -------
    (samples,) int8: 0, 1 or 2 for a diploid, 0 or 1 for a haploid call, -1 where any
    allele is missing ('./1' too).
    """
    dosage = (genotypes > 0).sum(axis=1).astype(np.int8)
    dosage[(genotypes == -1).any(axis=1)] = -1
    dosage[(genotypes == -2).all(axis=1)] = -1
    return dosage


def read_dosages(genotypes_parquet: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Read a genotype table: samples, variant ids, (variants, samples) int8 dosages."""
    import pyarrow.parquet as pq

    table = pq.read_table(genotypes_parquet, columns=["variant_id", "dosages"])
    samples = json.loads(table.schema.metadata[b"samples"])
    flat = table["dosages"].combine_chunks().flatten().to_numpy()
    return samples, table["variant_id"].to_pylist(), flat.reshape(table.num_rows, len(samples))


def _order_of_vcf(vcf: Path, wanted: list[str], source: Path) -> list[str]:
    there = samples_of(vcf)
    missing = sorted(set(wanted) - set(there))
    if missing or not wanted:
        raise fail(
            "samples-differ",
            source,
            f"samples that {vcf} does not hold: {', '.join(missing[:20])}"
            if wanted
            else "it holds no sample",
            "Run the stages from the calls on again",
        )
    return [sample for sample in there if sample in set(wanted)]


class Passing:
    """Passing variants of the cohort, read contig by contig (a genome's would not be small)."""

    def __init__(self, cohort_variants: Path):
        import pyarrow.dataset as ds

        self.table, self.passes = ds.dataset(cohort_variants), ds.field("passes")
        self.n = self.table.count_rows(filter=self.passes)
        if not self.n:
            raise fail(
                "variants-none",
                cohort_variants,
                "no variant passes the variant QC",
                "Look at its column 'reasons', and at variant_qc in the configuration",
            )

    def on(self, contig: str) -> set[tuple[int, str, str]]:
        """Position, reference and alternate allele of those on one contig."""
        import pyarrow.dataset as ds

        table = self.table.to_table(
            columns=["position", "reference", "alternate"],
            filter=self.passes & (ds.field("contig") == contig),
        )
        return set(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _write_genotypes(
    vcf_in: Path,
    vcf_out: Path,
    genotypes_out: Path,
    keep: list[str],
    passing: Passing,
) -> None:
    """Write VCF and genotype table of the wanted variants and samples in one pass."""
    import pyarrow.parquet as pq

    schema = fields.schema("matrix_genotypes", metadata={"samples": json.dumps(keep)})
    with (
        writing(genotypes_out) as beside,
        pq.ParquetWriter(beside, schema, compression="zstd", use_dictionary=False) as table,
    ):
        for group in _groups(vcf_in, vcf_out, keep, passing, schema):
            table.write_table(group)


def _groups(
    vcf_in: Path,
    vcf_out: Path,
    keep: list[str],
    passing: Passing,
    schema: pa.Schema,
) -> Iterator[pa.Table]:
    """Row groups of the genotype table; the VCF is written on the way."""
    import cyvcf2

    rows_at_once = max(1, min(MAX_ROWS, CELLS // len(keep)))
    reader = cyvcf2.VCF(str(vcf_in), samples=keep, threads=2)
    for key, number, kind, meaning in (
        ("AC", "A", "Integer", "Alternate alleles among the called genotypes of these samples"),
        ("AN", "1", "Integer", "Alleles among the called genotypes of these samples"),
        ("AF", "A", "Float", "AC / AN"),
    ):
        reader.add_info_to_header(
            {"ID": key, "Number": number, "Type": kind, "Description": meaning}
        )
    writer = cyvcf2.Writer(str(vcf_out), reader, mode="wz")
    block = np.empty((rows_at_once, len(keep)), np.int8)
    keys: list[tuple[str, str, int, str, str]] = []
    contig, wanted, seen = None, set(), set()
    try:
        for record in reader:
            if contig != record.CHROM:
                contig, seen = record.CHROM, set()
                wanted = passing.on(contig)
            alternate = record.ALT[0] if len(record.ALT) == 1 else ",".join(record.ALT)
            key = (record.POS, record.REF, alternate)
            if key not in wanted:
                continue
            if key in seen:
                raise fail(
                    "variant-twice",
                    vcf_in,
                    f"{variant_id(contig, *key)} is in it twice",
                    "Normalise the calls with 'bcftools norm -d exact'",
                )
            seen.add(key)
            genotypes = record.genotype.array()[:, :-1]  # the last column is the phase
            called = genotypes >= 0
            count, number = int((genotypes > 0).sum()), int(called.sum())
            block[len(keys)] = dosages(genotypes)
            record.INFO["AC"], record.INFO["AN"] = count, number
            # A site without calls has no frequency; a value of the larger cohort must not stay.
            if number:
                record.INFO["AF"] = count / number
            elif record.INFO.get("AF") is not None:
                del record.INFO["AF"]
            writer.write_record(record)
            keys.append((variant_id(contig, *key), contig, *key))
            if len(keys) == rows_at_once:
                yield _group(keys, block, schema)
                keys.clear()
        if keys:
            yield _group(keys, block, schema)
    finally:
        writer.close()
        reader.close()


def _group(keys: list[tuple[Any, ...]], block: np.ndarray, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    rows, samples = len(keys), block.shape[1]
    starts = np.arange(rows + 1, dtype=np.int32) * samples
    lists = pa.ListArray.from_arrays(pa.array(starts), pa.array(block[:rows].ravel()))
    columns = dict(zip(VARIANT, map(list, zip(*keys, strict=True)), strict=True))
    return pa.Table.from_pydict({**columns, "dosages": lists}, schema=schema)


def _write_sites(sites: Path, cohort_variants: Path, out: Path, n_variants: int) -> None:
    """Join the sites of the passing variants with their cohort columns, contig by contig."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    schema = fields.schema("matrix_sites")
    own = set(fields.names("sites"))
    added = ["variant_id", *(name for name in schema.names if name not in own)]
    cohort = ds.dataset(cohort_variants)
    left, written = ds.dataset(sites), 0
    contigs = pc.unique(left.to_table(columns=["contig"])["contig"]).to_pylist()
    with writing(out) as beside, pq.ParquetWriter(beside, schema, compression="zstd") as table:
        for contig in contigs:
            here = ds.field("contig") == contig
            passing = cohort.to_table(columns=added, filter=here & ds.field("passes"))
            site = left.to_table(filter=here)
            index = pc.index_in(site["variant_id"], passing["variant_id"])
            kept = pc.is_valid(index)
            site = site.filter(kept)
            both = passing.take(index.filter(kept))
            columns = {**_columns(site), **_columns(both)}
            table.write_table(
                pa.table([columns[n] for n in schema.names], names=schema.names).cast(schema)
            )
            written += site.num_rows
    if written != n_variants:
        raise fail(
            "records-lost",
            sites,
            f"it holds {written} of the {n_variants} variants that pass",
            "Run 'genopheno annotate' and what follows again",
        )


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))


def _write_phenotypes(source: Path, participants: set[str], out: Path) -> pa.Table:
    """Phenotypes of the people of the cohort, columns and types as they are."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(source)
    kept = pc.is_in(table["participant"], value_set=pa.array(sorted(participants), pa.string()))
    table = table.filter(kept)
    with writing(out) as beside:
        pq.write_table(table, beside, compression="zstd")
    return table


def _write_dictionary(phenotypes: pa.Table, out: Path) -> None:
    """Data dictionary of the tables beside it; phenotype columns by name and type."""
    import pandas as pd

    known: pd.DataFrame = fields.dictionary(TABLES)
    meaning = {"participant": "person", "sex": "declared sex: female, male or unknown"}
    own = pd.DataFrame(
        [
            (
                "phenotypes",
                column.name,
                str(column.type),
                "",
                "controlled",
                meaning.get(column.name, "as declared in the phenotypes of the project"),
            )
            for column in phenotypes.schema
        ],
        columns=known.columns,
    )
    # The file names that people see, not the names of the registry.
    files = {"cohort_samples": "samples", "matrix_sites": "sites", "matrix_genotypes": "genotypes"}
    known = known.assign(table=known["table"].replace(files))
    write_text(out, pd.concat([known, own]).to_csv(sep="\t", index=False))
