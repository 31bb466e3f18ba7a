"""The demo's VCF files: true genotypes, and site databases like ClinVar, dbSNP and gnomAD."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from genopheno.demo.cohort import Cohort
from genopheno.demo.people import POPULATIONS
from genopheno.files import writing

COMMON = 0.01  # frequency in the panel from which a site has an rs number
FIRST_RS = 9_000_000_001
CLINVAR = 25  # records
FIXED = ("POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
REVIEW = (
    "criteria_provided,_single_submitter",
    "criteria_provided,_multiple_submitters,_no_conflicts",
)
SIGNIFICANCE = {
    "synonymous": ("Benign", "Likely_benign"),
    "missense": ("Uncertain_significance", "Benign", "Likely_pathogenic"),
    "inframe": ("Uncertain_significance",),
}  # fmt: skip


def write_truth(path: Path, cohort: Cohort) -> None:
    """Phased true genotypes of all sequenced people (the bad sample's too) at varying sites."""
    rows = np.flatnonzero(cohort.haplotypes.any(axis=1))
    calls = np.array(["0|0", "0|1", "1|0", "1|1"])[
        cohort.haplotypes[:, 1::2] + 2 * cohort.haplotypes[:, ::2]
    ]
    header = ['##FORMAT=<ID=GT,Number=1,Type=String,Description="True genotype, phased">']
    columns = ["FORMAT", *(person.sample for person in cohort.people)]
    records = (_record(cohort, i, ".", ".", "GT", *calls[i].tolist()) for i in rows.tolist())
    _write(path, cohort, header, records, columns)


def write_databases(folder: Path, cohort: Cohort, rng: np.random.Generator) -> None:
    """Write clinvar.vcf.gz, dbsnp.vcf.gz and gnomad.vcf.gz, as far as each would know."""
    mean = cohort.panel.mean(axis=1)
    rs = FIRST_RS + np.cumsum(rng.integers(1, 400, len(mean)))
    known = np.flatnonzero((mean >= COMMON) & (mean <= 1 - COMMON)).tolist()
    header = ['##INFO=<ID=COMMON,Number=0,Type=Flag,Description="Common in the panel">']
    _write(
        folder / "dbsnp.vcf.gz",
        cohort,
        header,
        (_record(cohort, i, f"rs{rs[i]}", "COMMON") for i in known),
    )
    header = [
        '##INFO=<ID=AF,Number=A,Type=Float,Description="Alternate allele frequency">',
        *(
            f'##INFO=<ID=AF_{name},Number=A,Type=Float,Description="Alternate allele frequency, '
            f'{name}">'
            for name in POPULATIONS
        ),
    ]
    _write(
        folder / "gnomad.vcf.gz",
        cohort,
        header,
        (_record(cohort, i, ".", _af(cohort.panel[i])) for i in np.flatnonzero(mean).tolist()),
    )
    _write_clinvar(folder / "clinvar.vcf.gz", cohort, rng)


def _af(by_population: np.ndarray) -> str:
    each = (f"AF_{n}={f:.6g}" for n, f in zip(POPULATIONS, by_population, strict=True))
    return f"AF={by_population.mean():.6g};" + ";".join(each)


def _write_clinvar(path: Path, cohort: Cohort, rng: np.random.Generator) -> None:
    header = [
        '##INFO=<ID=CLNSIG,Number=.,Type=String,Description="Clinical significance">',
        '##INFO=<ID=CLNREVSTAT,Number=.,Type=String,Description="Review status">',
        '##INFO=<ID=GENEINFO,Number=1,Type=String,Description="Gene symbol and number">',
    ]
    frequency = cohort.panel.mean(axis=1)
    coding = [i for i, site in enumerate(cohort.sites) if site.consequence]
    chosen = sorted(rng.permutation(coding)[:CLINVAR].tolist())
    records = []
    for number, i in enumerate(chosen):
        site = cohort.sites[i]
        choices = SIGNIFICANCE.get(site.consequence, ("Pathogenic",))
        common = 0.01 < frequency[i] < 0.99
        significance = "Benign" if common else choices[int(rng.integers(len(choices)))]
        review = REVIEW[int(rng.integers(len(REVIEW)))]
        info = f"CLNSIG={significance};CLNREVSTAT={review};GENEINFO={site.gene}:{9000 + number}"
        records.append(_record(cohort, i, str(900_001 + number), info))
    _write(path, cohort, header, records)


def _record(cohort: Cohort, row: int, name: str, info: str, *samples: str) -> str:
    site = cohort.sites[row]
    cells = (site.contig, site.position, name, site.ref, site.alt, ".", ".", info, *samples)
    return "\t".join(map(str, cells))


def _write(
    path: Path, cohort: Cohort, header: list[str], records: Iterable[str], columns: list = ()
) -> None:
    """Write a bgzipped VCF; bgzip keeps no time, so the same records give the same bytes."""
    import pysam

    lines = ["##fileformat=VCFv4.2", '##FILTER=<ID=PASS,Description="All filters passed">']
    lines += [f"##contig=<ID={n},length={len(s)}>" for n, s in cohort.sequences.items()]
    lines += [*header, "\t".join(["#CHROM", *FIXED, *columns])]
    text = "\n".join([*lines, *records]) + "\n"
    with writing(path) as beside, pysam.BGZFile(str(beside), "wb") as out:
        out.write(text.encode())
