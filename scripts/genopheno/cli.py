"""The commands. Each imports its room when it is called, so that --help answers at once."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from genopheno.problems import Problem, Problems, StageError

app = typer.Typer(
    name="genopheno",
    help="From sequencing reads and clinical records to association results.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

PROJECT = "A project"
STAGES = "Stages, in street order (what the workflow's rules run)"

Directory = Annotated[
    Path, typer.Option("--directory", "-d", help="Project folder.", show_default="here")
]
ConfigFile = Annotated[Path, typer.Option("--config", help="Configuration, in the project folder.")]
Threads = Annotated[int, typer.Option(help="Threads.")]
Memory = Annotated[int, typer.Option(help="Memory for the Java side (MiB).")]
InFile = typer.Option(exists=True, dir_okay=False)


class Engine(StrEnum):
    numpy = "numpy"
    hail = "hail"


class Relatives(StrEnum):
    drop = "drop"
    keep = "keep"


def main() -> NoReturn:
    """Run a command; a `StageError` becomes a list of problems and exit code 1."""
    try:
        app()
    except StageError as error:
        from genopheno.console import show_problems

        show_problems(error.problems)
        sys.exit(1)
    sys.exit(0)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"genopheno {version('genopheno')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _pairs(values: list[str] | None, option: str) -> list[tuple[str, Path]]:
    """Read repeated NAME=PATH options."""
    pairs = []
    for value in values or []:
        name, equals, path = value.partition("=")
        if not (name and equals and path):
            raise typer.BadParameter(f"{value!r} is not NAME=PATH", param_hint=option)
        pairs.append((name, Path(path)))
    return pairs


# --- A project -------------------------------------------------------------------------


@app.command(rich_help_panel=PROJECT)
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to create or fill.")],
) -> None:
    """Start a project: a folder with commented configuration and sheets."""
    from genopheno.project import create

    create(directory)


@app.command(rich_help_panel=PROJECT)
def check(
    directory: Directory = Path(),
    config: ConfigFile = Path("config/config.yaml"),
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Files read side by side.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
) -> None:
    """Check the whole submission and print every problem at once.

    Reads everything that was handed in: sheets, phenotypes, every read of every FASTQ,
    reference, genes and databases. Creates nothing. Exit code 0: all is well; 2: problems.
    """
    from genopheno.console import show_problems
    from genopheno.project import check_project, in_project

    with in_project(directory):
        found = check_project(config, jobs=jobs, quiet=as_json)
    if as_json:
        print(Problems(found).to_json())
    else:
        show_problems(found)
    raise typer.Exit(2 if found else 0)


@app.command(
    rich_help_panel=PROJECT,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def run(
    context: typer.Context,
    directory: Directory = Path(),
    config: ConfigFile = Path("config/config.yaml"),
    cores: Annotated[
        int | None, typer.Option("--cores", "-c", help="Cores to use.", show_default="all")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="Snakemake profile: default, slurm, or a folder of your own.")
    ] = "default",
    until: Annotated[str | None, typer.Option(help="Stop after this rule.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show what would run, and why.")
    ] = False,
    skip_check: Annotated[
        bool, typer.Option(help="Leave out the check of the submission before the run.")
    ] = False,
) -> None:
    """Run the workflow, with live progress; it goes on where it stopped.

    Snakemake runs underneath; anything after -- is handed to it as it is.
    """
    from genopheno.console import show_problems
    from genopheno.project import check_project, in_project
    from genopheno.runner import Workflow

    with in_project(directory):
        if not skip_check and not dry_run:
            found = check_project(config, jobs=cores or 2)
            if found:
                show_problems(found)
                raise typer.Exit(2)
        code = Workflow(config, profile=profile, cores=cores).run(
            until=until, dry_run=dry_run, extra=context.args
        )
    raise typer.Exit(code)


@app.command(rich_help_panel=PROJECT)
def status(directory: Directory = Path(), config: ConfigFile = Path("config/config.yaml")) -> None:
    """Show where a project stands: stages done and left, and the verdict of each sample."""
    from genopheno.project import in_project
    from genopheno.runner import Workflow

    with in_project(directory):
        Workflow(config).status()


@app.command(rich_help_panel=PROJECT)
def demo(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder to make.")] = Path(
        "genopheno-demo"
    ),
    cores: Annotated[int | None, typer.Option("--cores", "-c", help="Cores to use.")] = None,
    people: Annotated[int, typer.Option(help="People to simulate.", min=60)] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 20,
) -> None:
    """Simulate a small cohort, run everything on it, and compare with what was planted."""
    from genopheno.console import console, show_demo
    from genopheno.demo.compare import all_found, compare
    from genopheno.demo.project import simulate
    from genopheno.project import in_project
    from genopheno.runner import Workflow

    if not (directory / "planted.json").exists():
        console.print(f"Simulating {people} people into [bold]{directory}[/bold] ...")
        simulate(directory, people=people, seed=seed)
    with in_project(directory):
        # Many small units: one thread each is faster than several.
        options = ["--set-threads", "align=1", "mark_duplicates=1", "read_qc=1"]
        code = Workflow(Path("config/config.yaml"), cores=cores).run(
            until=None, dry_run=False, extra=options
        )
    if code:
        raise typer.Exit(code)
    rows = compare(directory)
    show_demo(rows)
    console.print(f"\nReport: [bold]{(directory / 'results/report/report.html').resolve()}[/bold]")
    raise typer.Exit(0 if all_found(rows) else 1)


# --- Stages ----------------------------------------------------------------------------


@app.command(rich_help_panel=STAGES)
def receive(
    samples: Annotated[Path, InFile],
    fasta: Annotated[Path, InFile],
    genes: Annotated[Path, InFile],
    receipt: Annotated[Path, typer.Option(help="Receipt to write (JSON).")],
    units: Annotated[Path, typer.Option(help="Normalised sheet to write (TSV).")],
    database: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VCF", help="Site database; repeatable.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Files read side by side.")] = 2,
) -> None:
    """Check sheet, reads, reference and databases; write the receipt."""
    from genopheno.project import CACHE
    from genopheno.submission import receive as room

    received = room.check(
        samples, fasta, genes, dict(_pairs(database, "--database")), cache=CACHE, jobs=jobs
    )
    if received.problems:
        raise StageError(*received.problems)
    room.write_receipt(received, receipt, units)


@app.command(rich_help_panel=STAGES)
def reference(
    fasta: Annotated[Path, InFile],
    genes: Annotated[Path, InFile],
    out_fasta: Annotated[Path, typer.Option()],
    out_genes: Annotated[Path, typer.Option()],
) -> None:
    """Bring reference and gene models into the form that the tools need."""
    from genopheno.submission.reference import prepare

    prepare(fasta, genes, out_fasta, out_genes)


@app.command(rich_help_panel=STAGES)
def database(
    name: Annotated[str, typer.Argument(help="Name of the database in the configuration.")],
    vcf: Annotated[Path, InFile],
    reference: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="VCF to write (.vcf.gz; an index beside it).")],
    field: Annotated[list[str] | None, typer.Option(help="INFO field to keep.")] = None,
    rsid: Annotated[bool, typer.Option(help="Take the ID column as rsid.")] = False,
) -> None:
    """Normalise a site database: split, left-align, check against the reference, index."""
    from genopheno.variants.databases import prepare

    prepare(name, vcf, reference=reference, fields=field or [], rsid=rsid, out_vcf=output)


@app.command(rich_help_panel=STAGES)
def align(
    sample: Annotated[str, typer.Option(help="Read-group SM.")],
    library: Annotated[str, typer.Option(help="Read-group LB.")],
    lane: Annotated[str, typer.Option(help="Lane or run; part of read-group ID and PU.")],
    fastq_1: Annotated[Path, typer.Option("--fastq-1", exists=True)],
    fastq_2: Annotated[Path, typer.Option("--fastq-2", exists=True)],
    reference: Annotated[Path, typer.Option(exists=True, help="FASTA with a bwa index.")],
    bam: Annotated[Path, typer.Option(help="BAM to write.")],
    json_report: Annotated[Path, typer.Option("--json", help="fastp report to write.")],
    html_report: Annotated[Path, typer.Option("--html", help="fastp report to write.")],
    platform: Annotated[str, typer.Option(help="Read-group PL.")] = "ILLUMINA",
    trim: Annotated[bool, typer.Option(help="Trim adapters and poor ends.")] = True,
    min_base_quality: Annotated[int, typer.Option()] = 15,
    min_length: Annotated[int, typer.Option()] = 30,
    threads: Threads = 1,
) -> None:
    """Read QC, trimming and alignment of one sequencing unit (fastp, bwa mem)."""
    from genopheno.project import CACHE
    from genopheno.reads.align import align as stage
    from genopheno.submission.receive import verify_pair

    verify_pair(fastq_1, fastq_2, CACHE)
    stage(
        fastq_1,
        fastq_2,
        reference=reference,
        bam=bam,
        fastp_json=json_report,
        fastp_html=html_report,
        sample=sample,
        unit_id=f"{sample}.{library}.{lane}",
        library=library,
        platform=platform,
        platform_unit=f"{lane}.{library}",
        threads=threads,
        trim=trim,
        min_base_quality=min_base_quality,
        min_length=min_length,
    )


@app.command(rich_help_panel=STAGES)
def mark_duplicates(
    unit: Annotated[list[str], typer.Option(metavar="LIBRARY=BAM", help="Unit; repeatable.")],
    reference: Annotated[Path, InFile],
    cram: Annotated[Path, typer.Option(help="CRAM to write (.crai and .md5 beside it).")],
    report: Annotated[Path, typer.Option(help="samtools markdup report to write.")],
    threads: Threads = 1,
) -> None:
    """Merge the units of a sample, marking duplicates across the lanes of a library."""
    from genopheno.reads.duplicates import mark_duplicates as stage

    stage(
        _pairs(unit, "--unit"),
        reference=reference,
        cram=cram,
        md5=cram.with_name(cram.name + ".md5"),
        markdup_report=report,
        threads=threads,
    )


@app.command(rich_help_panel=STAGES)
def read_qc(
    cram: Annotated[Path, typer.Argument(exists=True)],
    sample: Annotated[str, typer.Option()],
    participant: Annotated[str, typer.Option()],
    reference: Annotated[Path, InFile],
    fastp: Annotated[list[Path], typer.Option(help="fastp report of a unit; repeatable.")],
    out_dir: Annotated[Path, typer.Option()],
    threads: Threads = 1,
) -> None:
    """Coverage (mosdepth), samtools stats and the metrics of one sample."""
    from genopheno.reads.qc import read_qc as stage

    stage(
        cram,
        reference=reference,
        fastp_jsons=fastp,
        sample=sample,
        participant=participant,
        out_dir=out_dir,
        threads=threads,
    )


@app.command(rich_help_panel=STAGES)
def shards(
    fai: Annotated[Path, InFile],
    number: Annotated[int, typer.Option(min=1)],
    out_dir: Annotated[Path, typer.Option()],
) -> None:
    """Cut the reference into regions of equal work."""
    from genopheno.variants.shards import write_shards

    write_shards(fai, number, out_dir)


def _samples(sheet: Path) -> list[str]:
    from genopheno.submission.sheet import read_sheet

    units, problems = read_sheet(sheet)
    if problems:
        raise StageError(*problems)
    return list(dict.fromkeys(unit.sample for unit in units))


@app.command(rich_help_panel=STAGES)
def call(
    samples: Annotated[Path, typer.Option(exists=True, help="Sample sheet.")],
    cram_dir: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    reference: Annotated[Path, InFile],
    regions: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="BCF to write (an index beside it).")],
    min_mapping_quality: Annotated[int, typer.Option()] = 20,
    min_base_quality: Annotated[int, typer.Option()] = 13,
    max_depth: Annotated[int, typer.Option()] = 1000,
) -> None:
    """Call the variants of all samples together, in the regions of one shard (bcftools)."""
    from genopheno.variants.calling import call as stage

    stage(
        [cram_dir / f"{sample}.cram" for sample in _samples(samples)],
        reference=reference,
        regions=regions,
        out_bcf=output,
        min_mapping_quality=min_mapping_quality,
        min_base_quality=min_base_quality,
        max_depth=max_depth,
    )


@app.command(rich_help_panel=STAGES)
def gather(
    shards: Annotated[list[Path], typer.Argument(exists=True, help="Shards, in order.")],
    samples: Annotated[Path, typer.Option(exists=True, help="Sample sheet.")],
    reference: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="BCF to write (an index beside it).")],
    report: Annotated[Path, typer.Option(help="Counts to write (JSON).")],
    min_quality: Annotated[float, typer.Option()] = 20,
) -> None:
    """Join the shards: sorted, normalised, filtered softly, counted."""
    from genopheno.variants.calling import gather as stage

    stage(
        shards,
        reference=reference,
        samples=_samples(samples),
        out_bcf=output,
        min_quality=min_quality,
        report=report,
    )


@app.command(rich_help_panel=STAGES)
def annotate(
    calls: Annotated[Path, InFile],
    reference: Annotated[Path, InFile],
    genes: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="VCF to write (.vcf.gz; an index beside it).")],
    sites: Annotated[Path, typer.Option(help="Table of sites to write (Parquet).")],
    report: Annotated[Path, typer.Option(help="Counts to write (JSON).")],
    database: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VCF", help="Prepared site database.")
    ] = None,
) -> None:
    """Consequences on genes (bcftools csq) and fields of site databases."""
    from genopheno.variants.annotate import annotate as stage

    stage(
        calls,
        reference=reference,
        genes_gff3=genes,
        databases=dict(_pairs(database, "--database")),
        out_vcf=output,
        sites_parquet=sites,
        report_json=report,
    )


@app.command(rich_help_panel=STAGES)
def verdicts(
    samples: Annotated[Path, typer.Option(exists=True, help="Sample sheet.")],
    qc_dir: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    calls: Annotated[Path, InFile],
    limits: Annotated[str, typer.Option(help="Bounds per measure, as JSON.")],
    output: Annotated[Path, typer.Option(help="Table to write (Parquet).")],
    tsv: Annotated[Path, typer.Option(help="The same as TSV.")],
    multiqc: Annotated[Path, typer.Option(help="MultiQC custom content to write.")],
) -> None:
    """Give every sample its verdict (pass, warn or fail) with the reasons."""
    from genopheno.samples.table import write

    write(
        [qc_dir / sample / "metrics.json" for sample in _samples(samples)],
        cohort_bcf=calls,
        limits=json.loads(limits),
        parquet=output,
        tsv=tsv,
        mqc_json=multiqc,
    )


@app.command(rich_help_panel=STAGES)
def phenotypes(
    participants: Annotated[Path, InFile],
    declaration: Annotated[Path, InFile],
    units: Annotated[Path, InFile],
    output: Annotated[Path, typer.Option(help="Table to write (Parquet).")],
    traits: Annotated[Path, typer.Option(help="Declared traits with counts, to write (JSON).")],
    group: Annotated[list[str] | None, typer.Option(help="Column to group by.")] = None,
) -> None:
    """Read participants and declared traits into one typed table."""
    from genopheno.clinical import check as checks
    from genopheno.clinical.phenotypes import write
    from genopheno.submission.sheet import people, read_units

    clinical, problems, notes = checks.check(
        participants,
        declaration,
        people=people(read_units(units)),
        people_rows=None,
        sheet_path=units,
        groups=group or [],
    )
    if problems or clinical is None:
        raise StageError(*problems)
    for note in notes:
        print(note)
    write(clinical, output, traits)


@app.command(rich_help_panel=STAGES)
def join(
    vcf: Annotated[Path, InFile],
    sites: Annotated[Path, InFile],
    verdicts: Annotated[Path, InFile],
    units: Annotated[Path, InFile],
    phenotypes: Annotated[Path, InFile],
    traits: Annotated[Path, InFile],
    out_dir: Annotated[Path, typer.Option()],
    build: Annotated[str, typer.Option(help="Name of the genome build.")] = "unnamed",
    min_call_rate: Annotated[float, typer.Option()] = 0.9,
    min_hwe_p_value: Annotated[float, typer.Option()] = 1e-10,
    min_genotype_quality: Annotated[int, typer.Option()] = 0,
    threads: Threads = 1,
    memory: Memory = 4000,
) -> None:
    """Join genotypes, annotation, verdicts and phenotypes in Hail; QC; export."""
    from genopheno.cohort.join import join as stage

    stage(
        vcf=vcf,
        sites_parquet=sites,
        verdicts_parquet=verdicts,
        units_tsv=units,
        phenotypes_parquet=phenotypes,
        traits_json=traits,
        out_dir=out_dir,
        build=build,
        min_call_rate=min_call_rate,
        min_hwe_p_value=min_hwe_p_value,
        min_genotype_quality=min_genotype_quality,
        threads=threads,
        memory_mb=memory,
    )


@app.command(rich_help_panel=STAGES)
def structure(
    genotypes: Annotated[Path, typer.Option(help="Prefix of .bed, .bim and .fam.")],
    out_dir: Annotated[Path, typer.Option()],
    components: Annotated[int, typer.Option()] = 10,
    min_allele_frequency: Annotated[float, typer.Option()] = 0.05,
    max_kinship: Annotated[float, typer.Option()] = 0.0884,
    min_independent_variants: Annotated[int, typer.Option()] = 1000,
    threads: Threads = 1,
) -> None:
    """Kinship (KING), the unrelated set, and principal components."""
    _limit_threads(threads)
    from genopheno.structure.run import run as stage

    stage(
        genotypes,
        out_dir,
        components=components,
        min_allele_frequency=min_allele_frequency,
        max_kinship=max_kinship,
        min_independent_variants=min_independent_variants,
    )


def _limit_threads(threads: int) -> None:
    """Tell the linear algebra libraries; they read it when they are first imported."""
    import os

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)


@app.command(rich_help_panel=STAGES)
def associate(
    genotypes: Annotated[Path, typer.Option(help="Prefix of .bed, .bim and .fam.")],
    samples: Annotated[Path, InFile],
    phenotypes: Annotated[Path, InFile],
    traits: Annotated[Path, InFile],
    out_dir: Annotated[Path, typer.Option()],
    cohort: Annotated[Path | None, typer.Option(help="Hail matrix, for --engine hail.")] = None,
    variants: Annotated[Path | None, typer.Option(help="Table of variants, for rsids.")] = None,
    components: Annotated[Path | None, typer.Option(help="Principal components.")] = None,
    n_components: Annotated[int, typer.Option(help="How many join the covariates.")] = 0,
    relatives: Annotated[Relatives, typer.Option()] = Relatives.drop,
    min_allele_count: Annotated[int, typer.Option()] = 10,
    firth_below: Annotated[float, typer.Option()] = 0.05,
    exact_firth_below: Annotated[float, typer.Option()] = 1e-4,
    engine: Annotated[Engine, typer.Option()] = Engine.numpy,
    threads: Threads = 1,
    memory: Memory = 4000,
) -> None:
    """Test every variant against every trait, in one scan."""
    _limit_threads(1)  # the scan has its own workers
    from genopheno.engines import associate as stage

    stage(
        engine=engine.value,
        genotypes=genotypes,
        samples=samples,
        phenotypes=phenotypes,
        traits=traits,
        out_dir=out_dir,
        cohort=cohort,
        variants=variants,
        components=components,
        n_components=n_components,
        relatives=relatives.value,
        min_allele_count=min_allele_count,
        firth_below=firth_below,
        exact_firth_below=exact_firth_below,
        threads=threads,
        memory_mb=memory,
    )


@app.command(rich_help_panel=STAGES)
def summarise(
    cohort: Annotated[Path, typer.Option(exists=True, help="Hail matrix of the cohort.")],
    out_dir: Annotated[Path, typer.Option()],
    group: Annotated[list[str] | None, typer.Option(help="Column to group by.")] = None,
    threads: Threads = 1,
    memory: Memory = 4000,
) -> None:
    """Cohort summaries in Hail: counts, frequencies and phenotypes per group."""
    from genopheno.cohort.summaries import summarise as stage

    stage(cohort, out_dir, groups=group or [], threads=threads, memory_mb=memory)


@app.command(rich_help_panel=STAGES)
def matrices(
    vcf: Annotated[Path, InFile],
    sites: Annotated[Path, InFile],
    samples: Annotated[Path, InFile],
    variants: Annotated[Path, InFile],
    phenotypes: Annotated[Path, InFile],
    out_dir: Annotated[Path, typer.Option()],
    min_genotype_quality: Annotated[int, typer.Option()] = 0,
) -> None:
    """Write the annotated matrices that researchers download."""
    from genopheno.variants.matrices import matrices as stage

    stage(
        annotated_vcf=vcf,
        sites_parquet=sites,
        cohort_samples_parquet=samples,
        cohort_variants_parquet=variants,
        phenotypes_parquet=phenotypes,
        out_dir=out_dir,
        min_genotype_quality=min_genotype_quality,
    )


@app.command(rich_help_panel=STAGES)
def report(
    results: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    settings: Annotated[str, typer.Option(help="The configuration, as JSON.")],
    output: Annotated[Path, typer.Option(help="HTML to write.")],
    provenance: Annotated[Path, typer.Option(help="Versions, parameters, inputs to write (JSON).")],
) -> None:
    """Write the report: one HTML file that opens offline."""
    from genopheno.files import read_json, write_json
    from genopheno.report import page
    from genopheno.report.provenance import TOOLS, collect

    config = json.loads(settings)
    known = collect(config, read_json(results / "submission/receipt.json"), tools=TOOLS)
    write_json(provenance, known)
    page.write(results, output, project=Path.cwd().name, config=config, provenance=known)


__all__ = ["Problem", "app", "main"]

if __name__ == "__main__":
    main()
