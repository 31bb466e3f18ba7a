"""A folder of matrices for tests, straight from a VCF by way of bcftools query and the registry."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genopheno import calls, fields
from genopheno.matrices.store import file_name, header_contigs

CODES = {text: code for code, text in reversed(list(enumerate(calls.TEXT)))}
# What a made-up gene does to its variants, by their number in the gene.
EFFECTS = (
    ("missense_variant", "MODERATE"),
    ("synonymous_variant", "LOW"),
    ("stop_gained", "HIGH"),
    ("intron_variant", "MODIFIER"),
)
RARE = 0.01

Gene = tuple[str, str, str, int, int]  # id, symbol, contig, start, end


def query(vcf: Path, form: str) -> list[list[str]]:
    said = subprocess.run(
        ["bcftools", "query", "-f", form, vcf], check=True, capture_output=True, text=True
    )
    return [line.split("\t") for line in said.stdout.splitlines()]


def genotypes(vcf: Path) -> dict[str, list[str]]:
    """Calls of each variant as text, by another reader."""
    form = "%CHROM:%POS:%REF:%ALT[\t%GT]\n"
    return {name: cells for name, *cells in query(vcf, form)}


def write_folder(
    folder: Path,
    vcf: Path,
    genes: Sequence[Gene] = (),
    sexes: Sequence[str] = ("female", "male"),
    rows: int = 512,
) -> Path:
    """Write the matrices of a VCF of one alternate allele a record, with made-up genes."""
    samples = [name for (name,) in query_samples(vcf)]
    found = query(vcf, "%CHROM\t%POS\t%ID\t%REF\t%ALT\t%QUAL\t%FILTER[\t%GT]\n")
    table = {"sites": [], "genotypes": [], "carriers": [], "consequences": []}
    per_gene: dict[tuple[str, str], dict] = {}
    for contig in dict.fromkeys(row[0] for row in found):
        own = [row for row in found if row[0] == contig]
        codes = np.array([[CODES[text] for text in row[7:]] for row in own], np.int8)
        made = _contig(contig, own, codes, genes, samples, per_gene)
        for name in table:
            path = folder / f"{name}.parquet" / file_name(contig)
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(made[name], path, row_group_size=rows, compression="zstd")
    schema = fields.schema("matrix_genes")
    pq.write_table(
        pa.Table.from_pylist(list(per_gene.values()), schema=schema), folder / "genes.parquet"
    )
    _people(folder, samples, sexes)
    lengths = _lengths(vcf)
    contigs = [(name, lengths.get(name)) for name in dict.fromkeys(row[0] for row in found)]
    told = {"reference_contigs": contigs, "build": "GRCh37"}
    (folder / "matrices.json").write_text(json.dumps(told))
    return folder


def query_samples(vcf: Path) -> list[list[str]]:
    said = subprocess.run(["bcftools", "query", "-l", vcf], check=True, capture_output=True, text=1)
    return [[name] for name in said.stdout.splitlines()]


def _lengths(vcf: Path) -> dict[str, int]:
    return header_contigs(vcf)


def _contig(contig, own, codes, genes, samples, per_gene) -> dict[str, pa.Table]:
    dosages, plain = calls.dosages(codes), calls.plain(codes)
    called = (calls.FIRST < 2).astype(int) + (calls.SECOND < 2)
    count = np.array([[text.count("1") for text in calls.TEXT]])[0][codes].sum(axis=1)
    number = called[codes].sum(axis=1)
    sites, consequences, carriers = [], [], []
    for row, (_, position, rsid, ref, alt, quality, filters, *_) in enumerate(own):
        key = {
            "variant_id": f"{contig}:{position}:{ref}:{alt}",
            "contig": contig,
            "position": int(position),
            "reference": ref,
            "alternate": alt,
        }
        frequency = count[row] / number[row] if number[row] else None
        on = [g for g in genes if g[2] == contig and g[3] <= int(position) <= g[4]]
        effects = []
        for gene_id, symbol, *_ in on:
            told = per_gene.setdefault(
                (contig, gene_id),
                {
                    **{"gene_id": gene_id, "gene_symbol": symbol, "contig": contig},
                    **{"start": int(position), "n_variants": 0, "n_high": 0, "n_moderate": 0},
                },
            )
            term, impact = EFFECTS[told["n_variants"] % len(EFFECTS)]
            told |= {"end": int(position), "n_variants": told["n_variants"] + 1}
            told["n_high"] += impact == "HIGH"
            told["n_moderate"] += impact == "MODERATE"
            effects.append(
                {
                    **{"gene_id": gene_id, "gene_symbol": symbol, "biotype": "protein_coding"},
                    **{"transcript_id": f"{gene_id}.1", "consequence": term, "impact": impact},
                    **{"canonical": True, "mane_select": None},
                    **{"coding_change": f"c.{row}A>G", "protein_change": None},
                }
            )
        shown = min(effects, key=lambda e: [i for _, i in EFFECTS].index(e["impact"]), default={})
        for effect in effects:
            consequences.append(
                key
                | effect
                | {"terms": effect["consequence"], "most_severe": effect is shown}
                | {"most_severe_of_gene": True}
            )
        sites.append(
            key
            | shown
            | {
                "rsid": None if rsid == "." else rsid,
                "quality": None if quality == "." else float(quality),
                "filters": None if filters == "." else filters,
                "call_rate": float((dosages[row] >= 0).mean()),
                "allele_count": int(count[row]),
                "allele_number": int(number[row]),
                "allele_frequency": frequency,
            }
        )
        if frequency is not None and frequency <= RARE:
            carriers += [
                key | {"sample": samples[i], "dosage": int(dosages[row, i])}
                for i in np.flatnonzero(dosages[row] > 0)
            ]
    size = len(samples)
    schema = fields.schema(
        "matrix_genotypes", {"samples": json.dumps(samples)}, sizes={"samples": size}
    )
    exact = [
        None if told else list(map(int, line)) for told, line in zip(plain, codes, strict=True)
    ]
    keys = pa.Table.from_pylist(sites, schema=fields.schema("matrix_sites"))
    columns = {
        "dosages": pa.array(dosages.tolist(), schema.field("dosages").type),
        "calls": pa.array(exact, schema.field("calls").type),
    }
    return {
        "sites": keys,
        "genotypes": pa.table(
            [columns.get(n, keys[n] if n in keys.column_names else None) for n in schema.names],
            schema=schema,
        ),
        "consequences": pa.Table.from_pylist(consequences, schema=fields.schema("consequences")),
        "carriers": pa.Table.from_pylist(carriers, schema=fields.schema("carriers")),
    }


def _people(folder: Path, samples: list[str], sexes: Sequence[str]) -> None:
    rows = [
        {"sample": name, "participant": f"P{i}", "sex": sexes[i % len(sexes)], "verdict": "pass"}
        for i, name in enumerate(samples)
    ]
    table = pa.Table.from_pylist(rows, schema=fields.schema("matrix_samples"))
    pq.write_table(table, folder / "samples.parquet")
    extra = [
        fields.member("phenotypes", "{trait}", trait="ldl"),
        fields.member("phenotypes", "{trait}", trait="height"),
    ]
    schema = fields.schema("phenotypes", extra=extra)
    values = [
        {"participant": f"P{i}", "ldl": 2 + i / 7, "height": None if i % 3 else 1.5 + i / 100}
        for i in range(len(samples))
    ]
    pq.write_table(pa.Table.from_pylist(values, schema=schema), folder / "phenotypes.parquet")


def small_vcf(path: Path, samples: int = 200, seed: int = 7) -> Path:
    """60 variants of two contigs (SNPs, a long deletion, a 10 kb insertion), calls of all kinds."""
    rng = np.random.default_rng(seed)
    lines = [
        "##fileformat=VCFv4.2",
        '##FILTER=<ID=LowQual,Description="Low quality">',
        '##FILTER=<ID=LowDepth,Description="Few reads">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "##contig=<ID=13,length=115169878>",
        "##contig=<ID=2,length=243199373>",
        "##contig=<ID=HLA*01:01,length=100000>",
    ]
    names = [f"S{i}" for i in range(samples)]
    columns = ["CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    lines.append("#" + "\t".join([*columns, *names]))
    kinds = list(dict.fromkeys(calls.TEXT))
    for row in range(60):
        contig, position = ("13", 32_290_000 + 2_000 * row) if row < 50 else ("HLA*01:01", row)
        ref, alt = "ACGT"[row % 4], "CGTA"[row % 4]
        if row == 4:
            ref = ref + "A" * 2_500  # reaches into the region that begins behind it
        if row == 20:
            alt = ref + "ACGTA" * 2_000
        frequency = (0.002, 0.05, 0.4)[row % 3]
        alleles = (rng.random((samples, 2)) < frequency).astype(int)
        cells = [f"{a}{'/|'[row % 2]}{b}" for a, b in alleles]
        if row % 7 == 0:
            cells = [kinds[i] for i in rng.integers(0, len(kinds), samples)]
        filters = ("PASS", ".", "LowQual;LowDepth")[row % 11 % 3]
        rsid, quality = (f"rs{row}", f"{row}.5") if row % 2 else (".", ".")
        cells = [contig, str(position), rsid, ref, alt, quality, filters, ".", "GT", *cells]
        lines.append("\t".join(cells))
    text = path.with_suffix("").with_suffix(".vcf")
    text.write_text("\n".join(lines) + "\n")
    subprocess.run(["bcftools", "view", "-Oz", "-o", path, text], check=True)
    subprocess.run(["bcftools", "index", "-t", path], check=True)
    return path


SMALL_GENES: tuple[Gene, ...] = (
    ("ENSG00000139618", "BRCA2", "13", 32_310_000, 32_350_000),
    ("ENSG2", "OVERLAP", "13", 32_340_000, 32_370_000),
    ("ENSG3", "TWICE", "13", 32_372_000, 32_380_000),
    ("ENSG4", "TWICE", "HLA*01:01", 50, 55),
)


def small_folder(folder: Path) -> Path:
    """The matrices of `small_vcf`, in row groups of 7 rows."""
    folder.mkdir(parents=True)
    vcf = small_vcf(folder.parent / "small.vcf.gz")
    return write_folder(folder, vcf, SMALL_GENES, rows=7)
