"""The annotated matrices that researchers download: one cohort, the same variants and people.

The annotated VCF, the sites, the genotypes, the samples and the phenotypes are cut to the
variants that pass and the samples that stayed in the cohort. One pass over the VCF writes
the VCF and the genotypes, so that they cannot disagree.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genopheno import fields
from genopheno.files import write_json, write_text, writing
from genopheno.problems import fail
from genopheno.tools import run
from genopheno.vcf import assert_records, assert_samples, publish, samples_of, variant_id

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Genotypes held at once: a row group of the genotype table is that large (int8, 32 MB).
CELLS = 32_000_000
MAX_ROWS = 20_000
END_OF_VECTOR = -(2**31) + 1  # of a BCF integer: a sample has fewer chromosomes than others
VARIANT = ("variant_id", "contig", "position", "reference", "alternate")
TABLES = ["cohort_samples", "matrix_sites", "matrix_genotypes"]


def matrices(
    annotated_vcf: Path,
    cohort_samples_parquet: Path,
    cohort_variants_parquet: Path,
    sites_parquet: Path,
    phenotypes_parquet: Path,
    out_dir: Path,
    min_genotype_quality: int = 0,
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
        dictionary.tsv, and matrices.json (what is returned).
    min_genotype_quality : genotypes of lower GQ become missing, as in the cohort; 0: none.

    Returns
    -------
    Counts: variants and variants_left_out (do not pass), samples and samples_left_out,
    genotypes_below_quality, participants_with_phenotypes, participants_without.

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
        seen, poor = _write_genotypes(
            annotated_vcf,
            vcf,
            out_dir / "genotypes.parquet",
            keep,
            passing,
            min_genotype_quality,
        )
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
    counts = {
        "variants": passing.n,
        "variants_left_out": seen - passing.n,
        "samples": len(keep),
        "samples_left_out": len(samples_of(annotated_vcf)) - len(keep),
        "genotypes_below_quality": poor,
        "participants_with_phenotypes": len(phenotypes),
        "participants_without": samples["participant"].nunique() - len(phenotypes),
    }
    write_json(out_dir / "matrices.json", counts)
    return counts


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
    min_quality: int,
) -> tuple[int, int]:
    """Write VCF and genotype table of the passing variants and kept samples in one pass.

    Returns
    -------
    Records read, and genotypes set missing for their quality.
    """
    import cyvcf2
    import pyarrow.parquet as pq

    schema = fields.schema("matrix_genotypes", metadata={"samples": json.dumps(keep)})
    block = np.empty((max(1, min(MAX_ROWS, CELLS // len(keep))), len(keep)), np.int8)
    keys: list[tuple[str, str, int, str, str]] = []
    contig, wanted, met = None, set(), set()
    seen = poor = 0
    reader = cyvcf2.VCF(str(vcf_in), samples=keep, threads=2)
    _declare_counts(reader)
    writer = cyvcf2.Writer(str(vcf_out), reader, mode="wz")
    with (
        writing(genotypes_out) as beside,
        pq.ParquetWriter(beside, schema, compression="zstd", use_dictionary=False) as table,
    ):
        for record in reader:
            seen += 1
            if contig != record.CHROM:
                contig, wanted, met = record.CHROM, passing.on(record.CHROM), set()
            key = (record.POS, record.REF, ",".join(record.ALT))
            if key not in wanted:
                continue
            if key in met:
                raise fail(
                    "variant-twice",
                    vcf_in,
                    f"{variant_id(contig, *key)} is in it twice",
                    "Normalise the calls with 'bcftools norm -d exact'",
                )
            met.add(key)
            genotypes, n_poor = _genotypes(record, min_quality)
            poor += n_poor
            _set_counts(record, genotypes)
            writer.write_record(record)
            block[len(keys)] = dosages(genotypes)
            keys.append((variant_id(contig, *key), contig, *key))
            if len(keys) == len(block):
                table.write_table(_group(keys, block, schema))
                keys.clear()
        if keys:
            table.write_table(_group(keys, block, schema))
        writer.close()
        reader.close()
    return seen, poor


def _declare_counts(reader: Any) -> None:
    for key, number, kind, meaning in (
        ("AC", "A", "Integer", "Alternate alleles among the called genotypes of these samples"),
        ("AN", "1", "Integer", "Alleles among the called genotypes of these samples"),
        ("AF", "A", "Float", "AC / AN"),
    ):
        reader.add_info_to_header(
            {"ID": key, "Number": number, "Type": kind, "Description": meaning}
        )


def _genotypes(record: Any, min_quality: int) -> tuple[np.ndarray, int]:
    """Alleles (samples, ploidy) as in `dosages`; those of poor quality set missing in both."""
    array = record.genotype.array()
    genotypes, phased = array[:, :-1], array[:, -1:]
    quality = record.format("GQ") if min_quality > 0 else None
    if quality is None:
        return genotypes, 0
    # A missing GQ is the smallest integer; like the cohort, do not judge by it.
    poor = (quality[:, 0] >= 0) & (quality[:, 0] < min_quality) & (genotypes >= 0).any(axis=1)
    if poor.any():
        genotypes = genotypes.copy()
        genotypes[poor] = np.where(genotypes[poor] == -2, -2, -1)
        coded = ((genotypes.astype(np.int32) + 1) << 1) | phased
        coded[:, 0] &= ~1  # the phase bit belongs to the alleles after the first
        coded[genotypes == -2] = END_OF_VECTOR
        record.set_format("GT", np.ascontiguousarray(coded, np.int32))
    return genotypes, int(poor.sum())


def _set_counts(record: Any, genotypes: np.ndarray) -> None:
    """AC, AN and AF of these samples."""
    count, number = int((genotypes > 0).sum()), int((genotypes >= 0).sum())
    record.INFO["AC"], record.INFO["AN"] = count, number
    if number:
        record.INFO["AF"] = count / number
    elif record.INFO.get("AF") is not None:
        del record.INFO["AF"]  # no calls, no frequency; that of more samples must not stay


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
