"""Consequences on genes, and fields of site databases, for every called allele.

Annotation needs no genotypes, so it runs on the sites, and what it found is put onto the
calls in one last pass. bcftools csq predicts allele by allele (``--local-csq``): the calls
are unphased, and joining two heterozygous variants of a codon as if they were on one
chromosome (``--phase a``) would invent haplotypes, and would make the consequence of a site
depend on who else is in the cohort. For phased calls ask for `phased`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genopheno.annotation.checks import Checked, check_genes, check_sites
from genopheno.annotation.databases import Prepared, floor_problem, lookup, read_prepared
from genopheno.annotation.engines import Engine
from genopheno.annotation.engines.csq import Csq
from genopheno.annotation.engines.snpeff import SnpEff
from genopheno.annotation.engines.vep import Vep, VepOptions
from genopheno.annotation.genes import Genes
from genopheno.annotation.sites import REACH, Tally, header_lines, write_tables
from genopheno.annotation.transcripts import read_models
from genopheno.fasta import contig_lengths, faidx
from genopheno.files import write_json
from genopheno.problems import StageError, fail
from genopheno.tools import Command, run
from genopheno.vcf import assert_records, publish, records_per_contig

# Compression of the annotated VCF. Level 6, that of bcftools, saves 7 % and takes 1.6 times as
# long (50,000 variants of 2,500 people).
LEVEL = 5
# Of INFO, engines need how far a symbolic allele reaches, and nothing else.
KEPT = "^" + ",".join(f"INFO/{name}" for name in REACH)


@dataclass(frozen=True)
class EngineOptions:
    """Who predicts consequences, and what it needs.

    Attributes
    ----------
    name : csq, snpeff or vep.
    phased : csq: use haplotypes; every heterozygous genotype has to be phased.
    snpeff_database : folder made by 'genopheno snpeff-database'.
    vep : how VEP is started.
    memory_mb : heap of SnpEff.
    """

    name: str = "csq"
    phased: bool = False
    snpeff_database: Path | None = None
    vep: VepOptions | None = None
    memory_mb: int = 4000


def annotate(
    calls_bcf: Path,
    *,
    reference: Path,
    genes_gff3: Path,
    databases: Mapping[str, Path],
    out_vcf: Path,
    sites_parquet: Path,
    consequences_parquet: Path,
    report_json: Path,
    min_fractions: Mapping[str, float | None] | None = None,
    engine: EngineOptions = EngineOptions(),
    threads: int = 2,
) -> dict[str, Any]:
    """Annotate calls; write their tables of sites and of consequences.

    Parameters
    ----------
    calls_bcf : indexed calls, one alternate allele per record, left-aligned.
    reference : FASTA they are of.
    genes_gff3 : Ensembl-style GFF3, plain or gzip.
    databases : name → database made by `databases.prepare`.
    out_vcf : ``.vcf.gz`` with the records and genotypes of the calls and as INFO: CSQ (all
        transcripts), the most severe consequence, the columns of the databases; rsids in ID;
        ``.tbi`` beside it.
    sites_parquet : table ``sites``, one row per record, same order.
    consequences_parquet : table ``consequences``, one row per record and transcript.
    report_json : what went in and out, counts by consequence and by database.
    min_fractions : database → fraction of the alleles that it must hold. 0, or absent: at
        least one allele; None: nothing is asked of it.
    threads : for compression.

    Returns
    -------
    The content of `report_json`.

    Raises
    ------
    StageError : calls without records, or that are not of this reference or not normalised;
        genes or a database that share no contig with the reference; gene models of which no
        transcript can be used; a database that was not prepared, or holds too few of the
        alleles; an engine that is absent; records lost.
    """
    assert_records(calls_bcf)
    floors = min_fractions or {}
    prepared = [read_prepared(name, path) for name, path in databases.items()]
    genes = Genes(read_models(genes_gff3))
    check_genes(list(genes.models.contigs), genes_gff3, contig_lengths(faidx(reference)), reference)

    out_vcf = Path(out_vcf)
    out_vcf.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out_vcf.parent, prefix=".annotate.") as folder:
        work = Path(folder)
        bare = work / "sites.bcf"
        run(
            ["bcftools", "view", "--no-version", "-G", "-Ou", calls_bcf],
            ["bcftools", "annotate", "--no-version", "-x", KEPT, "-Ob1", "-o", bare],
        )
        run(["bcftools", "index", bare])
        lookups = [c for d in prepared for c in lookup(d, databases[d.name], work)]
        predictor = _engine(engine, reference, genes_gff3, genes, work)
        # The check reads the same sites in the same time; what it finds is told first.
        with ThreadPoolExecutor(1) as beside:
            predicted = beside.submit(_predict, predictor, calls_bcf, bare, lookups, work)
            checked = check_sites(bare, reference, calls_bcf)
        annotated = predicted.result()
        assert_records(annotated, name=calls_bcf, expected=checked.records)
        said = work / "said.bcf"
        tally = write_tables(
            annotated,
            read=predictor.reader(annotated),
            info=predictor.info,
            databases=prepared,
            header_of_calls=run(["bcftools", "view", "-h", bare]).splitlines(),
            sites_parquet=work / "sites.parquet",
            consequences_parquet=work / "consequences.parquet",
            out_bcf=said,
        )
        if (tally.rows, tally.order) != (checked.records, checked.order):
            raise fail(
                "records-lost",
                calls_bcf,
                f"{checked.records} records went into {predictor.name} and the databases, "
                f"{tally.rows} came out, or in another order",
                "Run again; if it stays so, take another engine and tell the developers",
            )
        _check_floors(tally, prepared, databases, floors, records_per_contig(bare))
        run(["bcftools", "index", said])
        names = list(header_lines(prepared))
        source = _without([predictor.info, *names], calls_bcf, work / "calls.bcf")
        vcf = work / "annotated.vcf.gz"
        columns = ",".join(["ID", *(f"INFO/{name}" for name in names)])
        move = [
            "bcftools",
            "annotate",
            "--no-version",
            "-a",
            said,
            "-c",
            columns,
            "--pair-logic",
            "exact",
        ]
        # The index is made of what passes by, without reading the file again.
        run(
            [*move, "--threads", str(threads), f"-Oz{LEVEL}", source],
            ["tee", vcf],
            ["bcftools", "index", "-f", "-t", "-o", f"{vcf}.tbi", "-"],
        )
        assert_records(vcf, name=out_vcf, expected=checked.records)
        report = _report(checked, tally, prepared, predictor, floors)
        for made, path in (("sites", sites_parquet), ("consequences", consequences_parquet)):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            (work / f"{made}.parquet").replace(path)
        publish(vcf, out_vcf)
    write_json(report_json, report)
    return report


def _engine(
    options: EngineOptions, reference: Path, gff3: Path, genes: Genes, work: Path
) -> Engine:
    if options.name == "snpeff":
        return SnpEff(options.snpeff_database or Path("snpeff"), genes, memory_mb=options.memory_mb)
    if options.name == "vep":
        return Vep(reference, options.vep or VepOptions(cache=Path("vep")))
    return Csq(reference, gff3, genes, work, phased=options.phased)


def _predict(engine: Engine, calls: Path, sites: Path, lookups: list[Command], work: Path) -> Path:
    """Indexed sites with the INFO fields of the engine and of the databases."""
    annotated = work / "annotated.bcf"
    source = sites
    if engine.needs_genotypes:
        source = work / "genotypes.bcf"
        run(["bcftools", "annotate", "--no-version", "-x", KEPT, "-Ob1", "-o", source, calls])
    write = ["bcftools", "view", "--no-version", "-Ob1"]
    run(*engine.commands(source), *lookups, write, stdout=annotated)
    run(["bcftools", "index", annotated])
    return annotated


def _without(columns: list[str], calls: Path, copy: Path) -> Path:
    """The calls; or a copy without these INFO fields, where an earlier run left some.

    Theirs may be of another Number or Type, and would not take what is written now.
    """
    header = run(["bcftools", "view", "-h", calls])
    there = re.findall(r"^##INFO=<ID=([^,]+),", header, flags=re.MULTILINE)
    stale = [f"INFO/{column}" for column in columns if column in there]
    if not stale:
        return calls
    run(["bcftools", "annotate", "-x", ",".join(stale), "-Ob1", "-o", copy, calls])
    run(["bcftools", "index", copy])
    return copy


def _check_floors(
    tally: Tally,
    prepared: list[Prepared],
    paths: Mapping[str, Path],
    floors: Mapping[str, float | None],
    contigs: Mapping[str, int],
) -> None:
    """Refuse databases that hold too few of the alleles; contigs of both sides are named.

    Raises
    ------
    StageError : one problem per database.
    """
    problems = (
        floor_problem(
            database.name,
            found=tally.found[database.name],
            alleles=tally.rows,
            floor=floors.get(database.name, 0),
            path=paths[database.name],
            contigs_here=contigs,
            contigs_there=database.contigs,
        )
        for database in prepared
    )
    found = [problem for problem in problems if problem]
    if found:
        raise StageError(*found)


def _report(
    checked: Checked,
    tally: Tally,
    prepared: list[Prepared],
    engine: Engine,
    floors: Mapping[str, float | None],
) -> dict[str, Any]:
    records, warnings = checked.records, []
    per_database = {}
    for database in prepared:
        n = tally.found[database.name]
        if n == 0:
            warnings.append(f"{database.name} holds none of the {records} alleles")
        per_database[database.name] = {
            "alleles_annotated": n,
            "fraction_annotated": n / records,
            "source": database.source,
            "version": database.version,
            "match": database.match,
            "floor": floors.get(database.name, 0),
            "fields": {field: tally.values[column] for column, field in database.columns.items()},
            "preparation": database.counts,
        }
    if not tally.consequences:
        warnings.append("no allele lies in a transcript that could be used")
    if tally.unknown_terms:
        warnings.append(
            f"consequence names without a place in the ranking: {sorted(tally.unknown_terms)}"
        )
    for column, n in tally.unreadable.items():
        warnings.append(f"{n} values of {column} are not of the type that its header says")
    return {
        "records_in": records,
        "records_out": tally.rows,
        "symbolic_alleles": checked.symbolic,
        "consequence_rows": tally.consequence_rows,
        "engine": {"name": engine.name, "version": engine.version()},
        "mode": "haplotype" if engine.needs_genotypes else "allele by allele",
        "genes": engine.report(),
        "consequences": dict(tally.consequences),
        "impacts": dict(tally.impacts),
        "without_consequence": tally.rows - sum(tally.consequences.values()),
        "with_rsid": tally.rsids,
        "databases": per_database,
        "warnings": warnings,
    }
