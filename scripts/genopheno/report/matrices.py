"""Section on the matrices: what researchers download, how large it is, and what opens it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genopheno.report.blocks import Section, card, cards, column, table
from genopheno.report.read import Results, count, first, size

MOST_GENES = 100
# File, what a row (or the file) is, and one line that opens it.
PARQUET = 'pd.read_parquet("{path}")'
FILES = (
    ("sites.parquet", "Alleles with annotation, counts and frequencies", PARQUET),
    ("genotypes.parquet", "Genotypes, a list of dosages per allele", PARQUET),
    ("carriers.parquet", "Carriers of rare alleles", PARQUET),
    ("consequences.parquet", "Consequences, a row per allele and transcript", PARQUET),
    ("genes.parquet", "Genes, and where their variants are", PARQUET),
    ("samples.parquet", "Samples: QC, components, groups", PARQUET),
    ("phenotypes.parquet", "Phenotypes, a row per person", PARQUET),
    ("annotated.vcf.gz", "Annotated VCF", "bcftools view {path} | less"),
    ("cohort.pgen", "PLINK 2", "plink2 --pfile {stem} --freq"),
    ("cohort.vcz", "VCF Zarr", 'sgkit.load_dataset("{path}")'),
    ("cohort.mt", "Hail MatrixTable", 'hl.read_matrix_table("{path}")'),
    ("dictionary.tsv", "Data dictionary", 'pd.read_table("{path}")'),
    ("dictionary.md", "Data dictionary, to read", "less {path}"),
    ("datapackage.json", "Data dictionary, Frictionless", 'frictionless.Package("{path}")'),
)
COUNTS = {
    "variants": "Variants",
    "samples": "Samples",
    "genes": "Genes",
    "rare_variants": "Rare variants",
    "carriers": "Carriers of them",
    "variants_left_out": "Variants left out",
    "samples_left_out": "Samples left out",
    "genotypes_below_quality": "Genotypes below the quality",
}


def section(results: Results) -> Section:
    """Counts, the files with sizes and rows, and the genes that are hit hardest."""
    part = Section(
        "matrices",
        "Matrices",
        "Variants and people that pass, annotated. pd is pandas, hl is Hail; every column is in "
        "the data dictionary.",
    )
    told = results.json("matrices/matrices.json")
    files = _files(results)
    if not told and not files:
        part.missing = results.why("matrices/matrices.json")
        return part
    known = [(label, count(first(told, key))) for key, label in COUNTS.items()]
    shown = [card(label, n) for label, n in known if n is not None]
    part.add(cards(shown, small=True) if shown else None, files, _genes(results))
    return part


def _files(results: Results) -> dict[str, Any] | None:
    keys = ("what", "file", "bytes", "rows", "columns", "open")
    rows: dict[str, list[Any]] = {key: [] for key in keys}
    for name, what, opens in FILES:
        if not results.has(f"matrices/{name}"):
            continue
        path = f"{results.root.name}/matrices/{name}"
        parquet = name.endswith(".parquet")
        values = (
            what,
            name,
            size(results.path(f"matrices/{name}")),
            results.rows(f"matrices/{name}") if parquet else None,
            len(results.columns(f"matrices/{name}")) if parquet else None,
            opens.format(path=path, stem=str(Path(path).with_suffix(""))),
        )
        for key, value in zip(keys, values, strict=True):
            rows[key].append(value)
    if not rows["file"]:
        return None
    columns = [
        column("what", "What"),
        column("file", "File", "code"),
        column("bytes", "Size", "bytes"),
        column("rows", "Rows", "int"),
        column("columns", "Columns", "int"),
        column("open", "Open with", "copy"),
    ]
    title = f"Files below {results.root.name}/matrices"
    return table("table-matrices", title, columns, rows, page=len(FILES))


def _genes(results: Results) -> dict[str, Any] | None:
    names = ["gene_id", "gene_symbol", "contig", "n_variants", "n_high", "n_moderate"]
    genes = results.table("matrices/genes.parquet", names)
    if genes is None or not set(names) <= set(genes.columns):
        return None
    hit = genes[(genes["n_high"] + genes["n_moderate"]) > 0]
    if hit.empty:
        return None
    top = hit.sort_values(["n_high", "n_moderate", "gene_id"], ascending=[False, False, True])
    top = top.head(MOST_GENES)
    text = ("gene_id", "gene_symbol", "contig")
    rows = {key: [str(v) for v in top[key].fillna("")] for key in text}
    rows |= {key: top[key].tolist() for key in ("n_high", "n_moderate", "n_variants")}
    return table(
        "table-genes",
        "Genes by variants of high and moderate impact",
        [
            column("gene_symbol", "Gene"),
            column("gene_id", "Id", "code"),
            column("contig", "Contig", "code"),
            column("n_high", "High", "int"),
            column("n_moderate", "Moderate", "int"),
            column("n_variants", "Variants", "int"),
        ],
        rows,
        page=10,
        file="genes.csv",
        caption=f"The first {len(top):,} of {len(hit):,} genes; all: matrices/genes.parquet."
        if len(top) < len(hit)
        else "",
    )
