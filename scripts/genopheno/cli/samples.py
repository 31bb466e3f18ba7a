"""Stages: who each sample is, and the verdict on it."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from genopheno.cli.app import STAGES, InFile, Threads, app


class Outcome(StrEnum):
    fail = "fail"
    warn = "warn"


@app.command(rich_help_panel=STAGES)
def identity(
    units: Annotated[Path, InFile],
    calls: Annotated[Path, InFile],
    out_dir: Annotated[Path, typer.Option()],
    qc_dir: Annotated[
        Path | None, typer.Option(help="Folder with SAMPLE/contigs.json: depth by contig.")
    ] = None,
    chromosomes: Annotated[
        Path | None, typer.Option(help="Sex chromosomes, as 'genopheno ploidy' writes them.")
    ] = None,
    pedigree: Annotated[Path | None, typer.Option(help="PED file of declared relatives.")] = None,
    earlier: Annotated[
        list[Path] | None, typer.Option(help="fingerprints.bcf of an earlier batch; repeatable.")
    ] = None,
    max_sites: Annotated[int, typer.Option()] = 10_000,
    min_frequency: Annotated[float, typer.Option()] = 0.05,
    min_call_rate: Annotated[float, typer.Option()] = 0.5,
    min_sites: Annotated[int, typer.Option()] = 100,
    min_independent_sites: Annotated[int, typer.Option()] = 1000,
    threads: Threads = 1,
) -> None:
    """Contamination, sex, duplicates, swaps and declared relatives, from the calls."""
    from genopheno.chromosomes import SexChromosomes
    from genopheno.samples.identity import identity as stage
    from genopheno.samples.measures import Options, Person
    from genopheno.submission.sheet import read_units

    stage(
        calls,
        {unit.sample: Person(unit.participant, unit.sex) for unit in read_units(units)},
        out_dir=out_dir,
        qc_dir=qc_dir,
        ped=pedigree,
        earlier=earlier or [],
        sex=SexChromosomes.read(chromosomes) if chromosomes else SexChromosomes(),
        options=Options(max_sites, min_frequency, min_call_rate, min_sites, min_independent_sites),
        threads=threads,
    )


@app.command(rich_help_panel=STAGES)
def verdicts(
    units: Annotated[Path, InFile],
    qc_dir: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    calls: Annotated[Path, InFile],
    identity: Annotated[Path, typer.Option(exists=True, help="measures.parquet of 'identity'.")],
    limits: Annotated[str, typer.Option(help="Bounds per measure, as JSON.")],
    out_dir: Annotated[Path, typer.Option(help="Gets samples.parquet, .tsv, .json, _mqc.json.")],
    charr: Annotated[
        Path | None, typer.Option(exists=True, help="Contamination by CHARR, of combined gVCFs.")
    ] = None,
    on_sex: Annotated[Outcome, typer.Option()] = Outcome.fail,
    on_identity: Annotated[Outcome, typer.Option()] = Outcome.fail,
    on_pedigree: Annotated[Outcome, typer.Option()] = Outcome.fail,
    outlier_z: Annotated[float, typer.Option(help="Robust z that warns; 0: never.")] = 6,
    outlier_min_samples: Annotated[int, typer.Option()] = 20,
) -> None:
    """Give every sample its verdict (pass, warn or fail) with the reasons."""
    from genopheno.samples.table import Policy, write
    from genopheno.submission.sheet import read_units

    sheet = read_units(units)
    with_reads = dict.fromkeys(u.sample for u in sheet if u.entry not in ("gvcf", "vcf"))
    write(
        {unit.sample: unit.participant for unit in sheet},
        [qc_dir / sample / "metrics.json" for sample in with_reads],
        cohort_bcf=calls,
        identity=identity,
        policy=Policy(
            json.loads(limits),
            {"sex": on_sex, "identity": on_identity, "pedigree": on_pedigree},
            outlier_z,
            outlier_min_samples,
        ),
        out_dir=out_dir,
        charr=charr,
    )
