"""Consequences on genes, and fields of site databases, for every called allele.

Annotation needs no genotypes, so it runs on a stream of sites, and what it found is put
onto the calls in one last pass. Consequences are predicted allele by allele
(``bcftools csq --local-csq``): the calls are unphased, and joining two heterozygous
variants of a codon as if they were on one chromosome (``--phase a``) would invent
haplotypes, and would make the consequence of a site depend on who else is in the cohort.
For phased calls ask for `phased`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genopheno.annotation.consequences import Genes, read_genes
from genopheno.annotation.databases import Prepared, read_prepared
from genopheno.annotation.sites import Tally, write_sites
from genopheno.fasta import contig_lengths, faidx
from genopheno.files import write_json
from genopheno.problems import fail
from genopheno.tools import keep_stderr, run, version
from genopheno.vcf import assert_records, publish

# bcftools names at most this many consequences of a haplotype in FORMAT (15 by default).
MAX_CONSEQUENCES = 64


def annotate(
    calls_bcf: Path,
    *,
    reference: Path,
    genes_gff3: Path,
    databases: Mapping[str, Path],
    out_vcf: Path,
    sites_parquet: Path,
    report_json: Path,
    phased: bool = False,
    threads: int = 2,
) -> dict[str, Any]:
    """Annotate calls and write their table of sites.

    Parameters
    ----------
    calls_bcf : indexed calls, one alternate allele per record, left-aligned.
    reference : FASTA they are of.
    genes_gff3 : Ensembl-style GFF3, plain or gzip.
    databases : name → database made by `databases.prepare`.
    out_vcf : ``.vcf.gz`` with the records and genotypes of the calls, INFO/BCSQ, INFO
        ``{database}_{FIELD}``, a flag ``{database}_present``, and rsids; ``.tbi`` beside it.
    sites_parquet : table ``sites``, one row per record, same order.
    report_json : what went in and out, counts by consequence and by database.
    phased : use haplotypes; every heterozygous genotype has to be phased.
    threads : for compression.

    Returns
    -------
    The content of `report_json`.

    Raises
    ------
    StageError : calls without records, more than one alternate allele in a record, genes
        or a database that share no contig with the reference, gene models of which no
        transcript can be used, a database that was not prepared, records lost.
    """
    records = assert_records(calls_bcf)
    prepared = [read_prepared(name, path) for name, path in databases.items()]
    genes = read_genes(genes_gff3)
    _check_contigs(genes, genes_gff3, contig_lengths(faidx(reference)), reference)

    out_vcf = Path(out_vcf)
    out_vcf.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_vcf.parent, prefix=".annotate.") as folder:
        bare, log = Path(folder) / "sites.0.bcf", Path(folder) / "csq.log"
        run(*_sites_of(calls_bcf, reference, genes_gff3, phased, log), stdout=bare)
        run(["bcftools", "index", bare])
        columns = ",".join(["ID", *(f"INFO/{column}" for column in _columns(prepared))])
        sites = bare
        # A lookup needs an indexed file on both sides; of sites alone they are small.
        for number, database in enumerate(prepared, start=1):
            before, sites = sites, Path(folder) / f"sites.{number}.bcf"
            run([*_lookup(database, databases[database.name]), "-o", sites, before])
            run(["bcftools", "index", sites])
        if prepared:
            # Of several alleles at a position, a lookup puts those it finds first. Where all
            # are found, the order stays: that of the calls comes back.
            found, sites = sites, Path(folder) / "sites.bcf"
            run([*_transfer(found, columns), "-Ob1", "-o", sites, bare])
            run(["bcftools", "index", sites])
        assert_records(sites, name=calls_bcf, expected=records)
        transcripts = _transcripts(log.read_text(errors="replace"), genes_gff3)
        tally = write_sites(
            sites, sites_parquet, genes=genes, databases=prepared, haplotypes=phased
        )

        source = _without(_columns(prepared), calls_bcf, Path(folder) / "calls.bcf")
        vcf = Path(folder) / "annotated.vcf.gz"
        run([*_transfer(sites, columns), "--threads", str(threads), "-Oz", "-o", vcf, source])
        run(["bcftools", "index", "-t", vcf])
        assert_records(vcf, name=out_vcf, expected=records)
        publish(vcf, out_vcf)
    report = _report(records, tally, prepared, transcripts, phased)
    write_json(report_json, report)
    return report


def csq_command(reference: Path, genes_gff3: Path, *, phased: bool = False) -> list[str | Path]:
    """bcftools csq from standard input to standard output.

    A transcript that breaks the rules of GFF3 is left out and named on standard error
    (``--force``), instead of ending the run for all other transcripts.
    """
    mode = ["--phase", "r"] if phased else ["--local-csq"]
    return [
        *("bcftools", "csq", "--force", "--verbose", "2", *mode),
        *("--ncsq", str(MAX_CONSEQUENCES)),
        *("--fasta-ref", reference, "--gff-annot", genes_gff3, "-Ou"),
    ]


def _sites_of(
    calls: Path, reference: Path, genes: Path, phased: bool, log: Path
) -> list[list[str | Path]]:
    """Commands that turn calls into a stream of sites with consequences."""
    csq = keep_stderr(csq_command(reference, genes, phased=phased), log)
    bare = ["bcftools", "annotate", "--no-version", "-x", "INFO"]
    drop = ["bcftools", "view", "--no-version", "-G"]
    if phased:
        return [[*bare, "-Ou", calls], csq, [*drop, "-Ob1"]]
    return [[*drop, "-Ou", calls], [*bare, "-Ou"], csq, ["bcftools", "view", "-Ob1"]]


def _lookup(database: Prepared, path: Path) -> list[str | Path]:
    """Command that takes the fields of one database, by exact alleles."""
    columns = [f"INFO/{column}" for column in database.columns] + ["ID"] * database.rsid
    return [
        *("bcftools", "annotate", "--no-version", "-a", path, "--pair-logic", "exact"),
        *(["-c", ",".join(columns)] if columns else []),
        *("-m", f"+{database.name}_present", "-Ob1"),
    ]


def _transfer(sites: Path, columns: str) -> list[str | Path]:
    """Command that puts columns of sites onto the same sites of another file."""
    return ["bcftools", "annotate", "-a", sites, "-c", columns, "--pair-logic", "exact"]


def _columns(prepared: list[Prepared]) -> list[str]:
    """INFO columns that annotation writes."""
    return [
        "BCSQ",
        *(column for d in prepared for column in (*d.columns, f"{d.name}_present")),
    ]


def _without(columns: list[str], calls: Path, copy: Path) -> Path:
    """The calls; or a copy without these INFO columns, where an earlier run left some."""
    header = run(["bcftools", "view", "-h", calls])
    there = re.findall(r"^##INFO=<ID=([^,]+),", header, flags=re.MULTILINE)
    stale = [f"INFO/{column}" for column in columns if column in there]
    if not stale:
        return calls
    run(["bcftools", "annotate", "-x", ",".join(stale), "-Ob1", "-o", copy, calls])
    run(["bcftools", "index", copy])
    return copy


def _check_contigs(genes: Genes, gff3: Path, lengths: dict[str, int], reference: Path) -> None:
    if not set(genes.contigs) & set(lengths):
        raise fail(
            "contigs-differ",
            gff3,
            f"no contig of the genes ({', '.join(list(genes.contigs)[:5]) or 'none'}) is in the "
            f"reference {reference} ({', '.join(list(lengths)[:5])})",
            "Take the gene models of this build, with the contig names of the reference",
        )


def _transcripts(said: str, gff3: Path) -> dict[str, Any]:
    """What bcftools csq said of the gene models: used, left out, and why."""
    found = re.search(r"Indexed (\d+) transcripts, (\d+) exons, (\d+) CDSs, (\d+) UTRs", said)
    used = dict(
        zip(("transcripts", "exons", "cds", "utrs"), map(int, found.groups()), strict=True)
        if found
        else {}
    )
    if not used.get("transcripts"):
        raise fail(
            "genes-unused",
            gff3,
            "bcftools csq could use none of its transcripts",
            "It needs Ensembl-style GFF3 (ID=gene:..., ID=transcript:..., Parent=, biotype=)",
        )
    broken = [line.strip() for line in said.splitlines() if "skipping" in line]
    ignored = re.findall(r"^\s*(\d+)x\s+\.\. (\S+)", said, flags=re.MULTILINE)
    warnings = [
        line.strip()
        for line in said.splitlines()
        if re.search("warning", line, flags=re.IGNORECASE) and line.strip() not in broken
    ]
    return {
        "used": used,
        "left_out": {"n": len(broken), "reasons": broken[:20]},
        "ignored_lines_by_biotype": {biotype: int(n) for n, biotype in ignored},
        "other_warnings": {"n": len(warnings), "first": warnings[:20]},
    }


def _report(
    records: int,
    tally: Tally,
    prepared: list[Prepared],
    transcripts: dict[str, Any],
    phased: bool,
) -> dict[str, Any]:
    warnings = []
    per_database = {}
    for database in prepared:
        n = tally.present[database.name]
        if n == 0:
            warnings.append(
                f"{database.name} holds none of the {records} alleles "
                f"(it has {database.counts['records']} alleles on this reference)"
            )
        per_database[database.name] = {
            "alleles_annotated": n,
            "fraction_annotated": n / records,
            "fields": {field: tally.fields[column] for column, field in database.columns.items()},
            "preparation": database.counts,
        }
    if not tally.consequences:
        warnings.append("no allele lies in a transcript that could be used")
    if tally.unknown_terms:
        warnings.append(
            f"consequence names without a place in the ranking: {sorted(tally.unknown_terms)}"
        )
    return {
        "records_in": records,
        "records_out": tally.rows,
        "engine": {"name": "bcftools csq", "version": version("bcftools")},
        "mode": "haplotype" if phased else "allele by allele",
        "genes": transcripts,
        "consequences": dict(tally.consequences),
        "impacts": dict(tally.impacts),
        "without_consequence": tally.rows - sum(tally.consequences.values()),
        "with_rsid": tally.rsids,
        "databases": per_database,
        "warnings": warnings,
    }
