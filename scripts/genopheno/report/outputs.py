"""Last sections: where the results are and how to open them, and what made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genopheno.report.blocks import Section, column, facts, table
from genopheno.report.read import Results, size

# Pattern below results/, what it is, and one line that opens it.
FILES = (
    ("annotated/cohort.vcf.gz", "Annotated variants and genotypes", "bcftools view {path} | less"),
    ("annotated/sites.parquet", "Annotated sites, a row per variant", 'pd.read_parquet("{path}")'),
    ("annotated/consequences.parquet", "Consequences, all", 'pd.read_parquet("{path}")'),
    ("cohort/cohort.mt", "Joined cohort", 'hl.read_matrix_table("{path}")'),
    ("cohort/genotypes.bed", "Genotypes for PLINK", "plink2 --bfile {stem}"),
    ("cohort/samples.parquet", "Samples of the cohort", 'pd.read_parquet("{path}")'),
    ("cohort/variants.parquet", "Variants with QC", 'pd.read_parquet("{path}")'),
    ("phenotypes/phenotypes.parquet", "Phenotypes, a row per person", 'pd.read_parquet("{path}")'),
    ("structure/components.parquet", "Principal components", 'pd.read_parquet("{path}")'),
    ("structure/samples.parquet", "Families, groups, outliers", 'pd.read_parquet("{path}")'),
    ("structure/loadings.parquet", "Loadings", 'pd.read_parquet("{path}")'),
    ("structure/kinship.parquet", "Related pairs", 'pd.read_parquet("{path}")'),
    ("association/*.tsv.gz", "Summary statistics (GWAS-SSF)", 'pd.read_table("{path}")'),
    ("association/calibration.parquet", "Type-I error of the tests", 'pd.read_parquet("{path}")'),
    ("association/*.parquet", "Summary statistics", 'pd.read_parquet("{path}")'),
    (
        "association/interactions/*.parquet",
        "Interactions with a covariate",
        'pd.read_parquet("{path}")',
    ),
    ("signals/*.parquet", "Clumps, signals, credible sets", 'pd.read_parquet("{path}")'),
    ("association/genes/*.tsv.gz", "Tests of genes", 'pd.read_table("{path}")'),
    ("association/genes/*.parquet", "Tests of genes", 'pd.read_parquet("{path}")'),
    (
        "association/genes/variants/*.parquet",
        "Variants of the genes that stand out",
        'pd.read_parquet("{path}")',
    ),
    ("scores/scores.parquet", "Polygenic scores", 'pd.read_parquet("{path}")'),
    ("summaries/*.parquet", "Cohort summaries", 'pd.read_parquet("{path}")'),
    ("truth/*.html", "Control against its truth set", "open {path}"),
    ("truth/*.errors.vcf.gz", "Its calls that are not right", "bcftools view {path} | less"),
    ("report/multiqc.html", "MultiQC: read quality", "open {path}"),
    ("crams", "Aligned reads, a CRAM per sample", "samtools view -T genome.fa {path}/SAMPLE.cram"),
)


def files(results: Results) -> Section:
    """The results that people take away: path, size, and a line that opens each."""
    part = Section(
        "files",
        "Files",
        "Beside the matrices. Paths are relative to the project folder. pd is pandas, hl is Hail.",
    )
    rows: dict[str, list[Any]] = {"path": [], "what": [], "bytes": [], "open": []}
    for pattern, what, opens in FILES:
        for path in sorted(results.root.glob(pattern)):
            if path.name.startswith(".") or path.name == "design.parquet":
                continue
            shown = f"{results.root.name}/{path.relative_to(results.root)}"
            if shown in rows["path"]:
                continue  # an earlier pattern told it apart
            rows["path"].append(shown)
            rows["what"].append(what)
            rows["bytes"].append(size(path))
            rows["open"].append(opens.format(path=shown, stem=str(Path(shown).with_suffix(""))))
    if not rows["path"]:
        part.missing = "Not available: there are no result files yet."
        return part
    columns = [
        column("what", "What"),
        column("path", "File", "code"),
        column("bytes", "Size", "bytes"),
        column("open", "Open with", "copy"),
    ]
    part.add(table("table-files", "", columns, rows, page=40))
    return part


def provenance(known: dict[str, Any], config: dict[str, Any]) -> Section:
    """Versions, parameters, inputs with their MD5, and the command that repeats it all."""
    import yaml

    part = Section("provenance", "Provenance", "What it takes to make exactly these results again.")
    system = known.get("system") or {}
    part.add(
        facts(
            "Run",
            [
                ("Made", known.get("created")),
                ("Python", system.get("python")),
                ("System", system.get("platform")),
                ("Cores", system.get("cores")),
            ],
        )
    )
    part.add(
        {
            "kind": "code",
            "title": "To repeat",
            "text": known.get("command") or "genopheno run",
            "caption": "In a copy of the project folder with the same inputs.",
        }
    )
    versions = [
        {
            "kind": "facts",
            "title": title,
            "caption": "",
            "pairs": sorted((known.get(key) or {}).items()),
        }
        for key, title in (("tools", "Tools"), ("packages", "Python packages"))
        if known.get(key)
    ]
    if versions:
        part.add({"kind": "grid", "blocks": versions})
    inputs = known.get("inputs") or []
    if inputs:
        part.add(
            table(
                "table-inputs",
                "Input files",
                [
                    column("file", "File", "code"),
                    column("bytes", "Size", "bytes"),
                    column("md5", "MD5", "code"),
                ],
                {key: [item.get(key) for item in inputs] for key in ("file", "bytes", "md5")},
                page=10,
                file="inputs.csv",
            )
        )
    else:
        part.add(facts("Input files", [("MD5", None)]))
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, default_flow_style=False)
    part.add({"kind": "code", "title": "Configuration", "text": text, "fold": True, "caption": ""})
    return part
