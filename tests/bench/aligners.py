"""The aligners side by side: time to a sorted, duplicate-marked CRAM, and the calls made from it.

Run: ``python tests/bench/aligners.py [--megabases N] [--depth X] [--threads N] [--rounds N]``.
Two parts, each with one table in Markdown: real reads of HG002 (31x over 50 kb), and reads
simulated from its benchmark variants over the first N Mb of GRCh38 chr20. The calls are those
of the default caller at its default settings, matched allele by allele in the confident regions.
Time is that of the stages ``align`` and ``mark-duplicates``, the index made before; ratios are of
CPU time, which other work on the machine changes least.

From 10 Mb on, ends with 1 where the chain of ``fast: true`` is not 3 times as fast as that of bwa
on the simulated reads, or its F1 is lower than that of bwa by more than 0.001 (SNP) or 0.003
(indel). Below, nothing is judged: a small index lies in the processor's cache, where bwa is as
fast as it never is on a genome, and an F1 hangs on few variants.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.simulate import simulate  # noqa: E402
from tests.realdata.truth import Score, f1, plain_reference  # noqa: E402

from genopheno.reads.align import align  # noqa: E402
from genopheno.reads.aligners import ALIGNERS, FAST, make_index  # noqa: E402
from genopheno.reads.duplicates import mark_duplicates  # noqa: E402
from genopheno.settings import Settings, filter_limits  # noqa: E402
from genopheno.variants.calling import call  # noqa: E402
from genopheno.variants.gather import gather  # noqa: E402
from genopheno.variants.shards import write_shards  # noqa: E402

DATA = Path(os.environ.get("GENOPHENO_DATA", ROOT.parent / "shared" / "data"))
REAL, SIMULATED = DATA / "giab_chr20", DATA / "grch38_chr20_10mb"
N_BEFORE = 60_000  # chr20 of GRCh38 begins with as many N
JUDGED_FROM = 10  # Mb
FASTER, SNP_WITHIN, INDEL_WITHIN = 3.0, 0.001, 0.003


@dataclass(frozen=True)
class Case:
    """Reads of HG002 with their truth."""

    name: str
    reference: Path
    fastqs: tuple[Path, Path]
    truth: Path
    confident: Path


def real(folder: Path) -> Case:
    return Case(
        "real reads of HG002, 31x, 50 kb of GRCh37 chr20",
        plain_reference(REAL / "ref/chr20g.fa.gz", folder),
        (REAL / "fastq/HG002_R1.fastq.gz", REAL / "fastq/HG002_R2.fastq.gz"),
        REAL / "truth/HG002_giab_v4.2.1.vcf.gz",
        REAL / "truth/HG002_giab_v4.2.1.confident.bed",
    )


def simulated(folder: Path, megabases: float, depth: float) -> Case:
    end = min(round(megabases * 1e6) + N_BEFORE, 10_000_000)
    made = simulate(
        SIMULATED / "grch38_chr20_10mb.fa.gz",
        SIMULATED / "HG002_giab_v4.2.1.vcf.gz",
        folder,
        contig="chr20",
        end=end,
        depth=depth,
    )
    print(f"simulated {made.pairs} pairs; variants left out as overlapping: {made.skipped}")
    return Case(
        f"reads simulated at {depth:g}x over {(end - N_BEFORE) / 1e6:.4g} Mb of GRCh38 chr20",
        made.reference,
        (made.fastq_1, made.fastq_2),
        made.truth,
        SIMULATED / "HG002_giab_v4.2.1.confident.bed",
    )


def cpu_seconds() -> float:
    """CPU time of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def to_cram(
    case: Case, aligner: str, folder: Path, threads: int
) -> tuple[Path, tuple[float, float]]:
    """The CRAM of one aligner, and the seconds it took by the clock and of the processors."""
    bam, cram = folder / "u.bam", folder / "HG002.cram"
    start, used = time.perf_counter(), cpu_seconds()
    align(
        *case.fastqs,
        reference=case.reference,
        aligner=aligner,
        bam=bam,
        fastp_json=folder / "u.json",
        fastp_html=folder / "u.html",
        sample="HG002",
        unit_id="HG002.lib1.1",
        library="lib1",
        platform="ILLUMINA",
        platform_unit="1.lib1",
        threads=threads,
    )
    mark_duplicates(
        [("lib1", bam)],
        reference=case.reference,
        cram=cram,
        md5=folder / "HG002.cram.md5",
        markdup_report=folder / "markdup.json",
        threads=threads,
    )
    return cram, (time.perf_counter() - start, cpu_seconds() - used)


def scores(case: Case, cram: Path, folder: Path) -> dict[str, Score]:
    """The default calls on a CRAM against the truth."""
    beds = write_shards(case.reference, 1, folder)
    defaults = Settings(reference={"fasta": case.reference, "genes": case.reference})
    shard = folder / "shard.bcf"
    call([cram], reference=case.reference, regions=beds[0], out_bcf=shard)
    calls = folder / "calls.bcf"
    gather(
        [shard],
        reference=case.reference,
        out_bcf=calls,
        limits=filter_limits(defaults),
        report=folder / "gather.json",
        samples=("HG002",),
    )
    return f1(calls, case.truth, case.confident, case.reference, sample="HG002")


def compare(
    case: Case, folder: Path, names: list[str], threads: int, rounds: int
) -> dict[str, tuple]:
    """Print the table of one case; (CPU seconds, scores) by aligner."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    found: dict[str, dict[str, Score]] = {}
    for name in names:
        make_index(name, case.reference, threads=threads)
    for turn in range(rounds):  # in turn, so that a busy machine slows all
        for name in names:
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                cram, seconds = to_cram(case, name, Path(scratch), threads)
                times[name].append(seconds)
                if not turn:
                    found[name] = scores(case, cram, Path(scratch))
    clock, cpu = (
        {name: statistics.median(pair[kind] for pair in taken) for name, taken in times.items()}
        for kind in (0, 1)
    )
    print(f"\n{case.name}, {threads} threads, {os.cpu_count()} processors, {rounds} rounds:\n")
    print(
        f"| aligner | time | CPU time | times as fast as {names[0]} | SNP F1 | indel F1 "
        "| wrong genotypes |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in names:
        score = found[name]
        right, there = (
            sum(score[kind + what].tp for kind in ("snp", "indel")) for what in ("_genotype", "")
        )
        print(
            f"| {name} | {clock[name]:.1f} s | {cpu[name]:.1f} s | {cpu[names[0]] / cpu[name]:.2f} "
            f"| {score['snp'].f1:.4f} | {score['indel'].f1:.4f} | {1 - right / there:.2%} |"
        )
    print(flush=True)
    return {name: (cpu[name], found[name]) for name in names}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabases", type=float, default=1)
    parser.add_argument("--depth", type=float, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    here = [name for name, aligner in ALIGNERS.items() if shutil.which(aligner.program)]
    parser.add_argument("--aligners", nargs="+", choices=here, default=here)
    options = parser.parse_args()
    if not (REAL.is_dir() and SIMULATED.is_dir()):
        print(f"shared data sets {REAL.name} and {SIMULATED.name} are absent: nothing to measure")
        return 0
    with tempfile.TemporaryDirectory(prefix="genopheno-bench-") as temporary:
        folder = Path(temporary)
        for name in ("real", "simulated"):
            (folder / name).mkdir()
        compare(real(folder / "real"), folder, options.aligners, options.threads, options.rounds)
        case = simulated(folder / "simulated", options.megabases, options.depth)
        found = compare(case, folder, options.aligners, options.threads, options.rounds)
    if options.megabases < JUDGED_FROM or not {"bwa", FAST} <= set(found):
        return 0
    (slow, base), (quick, fast) = found["bwa"], found[FAST]
    far = {kind: base[kind].f1 - fast[kind].f1 for kind in ("snp", "indel")}
    good = slow / quick >= FASTER and far["snp"] <= SNP_WITHIN and far["indel"] <= INDEL_WITHIN
    print(
        f"fast: true ({FAST}): {slow / quick:.2f} times as fast as bwa (at least {FASTER}); F1 "
        f"lower by {far['snp']:.4f} for SNPs (at most {SNP_WITHIN}) and {far['indel']:.4f} for "
        f"indels (at most {INDEL_WITHIN}): {'good' if good else 'MISSED'}"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
