"""Inputs of the join, made from a public VCF: site table, verdicts, units, phenotypes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genopheno import fields, tools
from genopheno.cohort import java
from genopheno.files import write_json
from genopheno.problems import StageError


def need_java() -> None:
    try:
        java.choose(java.candidates())
    except StageError:
        pytest.skip("no supported Java")


@dataclass
class Project:
    """Paths of what `join` reads, by the names of its parameters, and the tables themselves."""

    paths: dict[str, Path]
    units: pd.DataFrame
    verdicts: pd.DataFrame
    phenotypes: pd.DataFrame
    sites: pd.DataFrame


def make(folder: Path, vcf: Path, sex: dict[str, str], group: dict[str, str]) -> Project:
    """Write inputs for every sample of `vcf`: person ``P<i>``, two traits."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = tools.run(["bcftools", "query", "-l", vcf]).split()
    people = [f"P{i}" for i in range(len(samples))]
    random = np.random.default_rng(1)
    units = pd.DataFrame(
        {
            "sample": samples,
            "participant": people,
            "sex": [sex.get(s, "unknown") for s in samples],
            "unit": "lib.1",
            "library": "lib",
            "lane": "1",
            "platform": "ILLUMINA",
            "fastq_1": "a",
            "fastq_2": "b",
            "control": "",
        }
    )
    verdicts = pd.DataFrame(dict.fromkeys(fields.names("sample_qc")), index=range(len(samples)))
    verdicts["sample"], verdicts["participant"] = samples, people
    verdicts["verdict"], verdicts["reasons"] = "pass", ""
    verdicts["mean_coverage"] = 30.0
    phenotypes = pd.DataFrame(
        {
            "participant": people,
            "sex": units["sex"],
            "height": random.normal(170, 10, len(people)),
            "diabetes": random.integers(0, 2, len(people)).astype(float),
            "age": random.uniform(20, 80, len(people)),
            "region": [group.get(s) for s in samples],
        }
    )
    phenotypes["onset"], phenotypes["entry:onset"] = phenotypes["diabetes"], 1.0
    phenotypes["time:onset"] = phenotypes["age"] / 10
    columns = "%CHROM\t%POS\t%REF\t%ALT\t%ID\t%QUAL\t%FILTER\n"
    rows = [
        r.split("\t") for r in tools.run(["bcftools", "query", "-f", columns, vcf]).splitlines()
    ]
    named = ["contig", "position", "reference", "alternate", "rsid", "quality", "filters"]
    sites = pd.DataFrame(rows, columns=named).replace(".", None)
    sites["position"] = sites["position"].astype(int)
    sites["quality"] = sites["quality"].astype(float)
    sites["variant_id"] = [":".join(r[:4]) for r in rows]
    for name in fields.names("sites"):
        if name not in sites:
            sites[name] = None
    sites["gene_symbol"] = "GENE" + (sites["position"] // 100_000).astype(str)
    sites["consequence"], sites["impact"] = "intron_variant", "MODIFIER"
    sites["clinvar_found"], sites["clinvar_CLNSIG"] = True, 'Be\tn"ign'
    sites["gnomad_AC"] = sites["position"].where(sites["position"] % 2 == 0).astype("Int64")
    names = ["sites_parquet", "verdicts_parquet", "units_tsv", "phenotypes_parquet", "traits_json"]
    paths = {name: folder / name.replace("_", ".") for name in names} | {"vcf": vcf}
    project = Project(paths, units, verdicts, phenotypes, sites)
    write(project)
    return project


def write_sites(path: Path, sites: pd.DataFrame) -> None:
    """The table of sites, with the columns of two databases."""
    there = fields.member("sites", "{database}_found", database="clinvar")
    text = fields.member("sites", "{database}_{field}", database="clinvar", field="CLNSIG")
    count = fields.member("sites", "{database}_{field}", database="gnomad", field="AC")
    extra = [there, text, replace(count, type="int32")]
    fields.write(path, sites, "sites", extra=extra)


def write(project: Project) -> None:
    write_sites(project.paths["sites_parquet"], project.sites)
    fields.write(project.paths["verdicts_parquet"], project.verdicts, "sample_qc")
    project.units.to_csv(project.paths["units_tsv"], sep="\t", index=False)
    project.phenotypes.to_parquet(project.paths["phenotypes_parquet"])
    height = {"name": "height", "type": "quantitative", "unit": "cm", "covariates": ["age"]}
    diabetes = {"name": "diabetes", "type": "binary", "covariates": ["age"]}
    onset = {"name": "onset", "type": "time-to-event", "unit": "years", "entry": "e"}
    traits = [height, diabetes, onset]
    write_json(project.paths["traits_json"], {"traits": traits, "groups": ["region"]})
