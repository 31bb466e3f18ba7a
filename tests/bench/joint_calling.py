"""Joint calling of 38 real people: our commands against one command line of bcftools.

Run: ``python tests/bench/joint_calling.py [--rounds N] [--crams DIR]``. Both may use two
cores, to which they are pinned where the system can do that: ours calls two shards side by side
and gathers them; the other is mpileup | call | norm with ``--threads 2`` for each, and its index.
Prints both times and their ratio, at most 1.1 wanted; ends with 1 where it is more, or where the
alleles found differ. Ours besides sorts, drops repetitions, checks samples and reference, counts
AC and AN, sets FILTER, and starts Python four times. ``--crams`` keeps the CRAMs for another time.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from genopheno.settings import Reference, Settings, filter_limits

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GENOPHENO_DATA", ROOT.parent / "shared" / "data")) / "ceu_chr20"
GOAL = 1.1
MPILEUP = "-q 20 -Q 13 -d 1000 -L 1000 -p -a FORMAT/AD,FORMAT/DP,INFO/AD"


def prepare(folder: Path) -> list[str]:
    """Reference, CRAMs (bwa, sorted, indexed) and a sheet; the samples' names."""
    genome = folder / "g.fa"
    genome.write_bytes(gzip.decompress((DATA / "ref/chr20s.fa.gz").read_bytes()))
    subprocess.run(["samtools", "faidx", genome], check=True)
    subprocess.run(["bwa", "index", genome], check=True, capture_output=True)
    with open(DATA / "samples.tsv", newline="") as handle:
        people = list(csv.DictReader(handle, delimiter="\t"))
    (folder / "crams").mkdir(exist_ok=True)
    rows = ["sample,participant,fastq_1,fastq_2"]
    for person in people:
        sample = person["sample"]
        reads = [DATA / person["fastq_1"], DATA / person["fastq_2"]]
        rows.append(f"{sample},{sample},{reads[0]},{reads[1]}")
        cram = folder / f"crams/{sample}.cram"
        if cram.exists():
            continue
        group = rf"@RG\tID:{sample}\tSM:{sample}"
        words = " ".join(shlex.quote(str(word)) for word in (genome, *reads))
        line = (
            f"bwa mem -t 2 -v 1 -R {shlex.quote(group)} {words} 2> /dev/null"
            f" | samtools sort -O cram --reference {shlex.quote(str(genome))} --write-index"
            f" -o {shlex.quote(str(cram))} -"
        )
        subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], check=True, capture_output=True)
    (folder / "sheet.csv").write_text("\n".join(rows) + "\n")
    (folder / "crams.txt").write_text(
        "".join(f"{folder}/crams/{person['sample']}.cram\n" for person in people)
    )
    return [person["sample"] for person in people]


def lines(folder: Path) -> dict[str, str]:
    """Both as scripts that run in `folder`."""
    ours = f"2>> ours/log {shlex.quote(sys.executable)} -m genopheno"
    limits = json.dumps(filter_limits(Settings(reference=Reference(fasta="g.fa", genes="g.gff3"))))
    call = (
        f"{ours} call --samples sheet.csv --cram-dir crams --reference g.fa --ploidy-dir ours/p"
        " --regions ours/{n}.bed --output ours/{n}.bcf"
    )
    return {
        "bcftools": (
            "set -euo pipefail; rm -rf hand; mkdir hand;"
            f" bcftools mpileup --threads 2 -Ou -f g.fa -b crams.txt {MPILEUP} 2> hand/log"
            " | bcftools call --threads 2 -m -v -P 0.005 --ploidy 2 -a GQ -Ou"
            " | bcftools norm --threads 2 -f g.fa -m -any -Ob -o hand/calls.bcf 2> hand/log2;"
            " bcftools index hand/calls.bcf"
        ),
        "ours": (
            "set -euo pipefail; rm -rf ours; mkdir ours;"
            f" {ours} ploidy --fai g.fa.fai --out-dir ours/p;"
            f" {ours} shards --reference g.fa --number 2 --out-dir ours;"
            f" {call.format(n=1)} & first=$!; {call.format(n=2)}; wait $first;"
            f" {ours} gather ours/1.bcf ours/2.bcf --samples sheet.csv --reference g.fa"
            f" --output ours/calls.bcf --report ours/gather.json --limits {shlex.quote(limits)}"
        ),
    }


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def alleles(calls: Path) -> set[str]:
    said = subprocess.run(
        ["bcftools", "query", "-i", 'GT="alt"', "-f", "%POS %REF %ALT\n", calls],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(said.stdout.splitlines())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--crams", type=Path, help="folder in which the CRAMs are kept")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"shared data set ceu_chr20 is absent (looked in {DATA})")
        return 0
    cores = sorted(os.sched_getaffinity(0))[:2] if hasattr(os, "sched_getaffinity") else []
    if cores:
        os.sched_setaffinity(0, cores)
    with tempfile.TemporaryDirectory(prefix="genopheno-bench-") as temporary:
        folder = (options.crams or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        samples = prepare(folder)
        times: dict[str, list[float]] = {name: [] for name in lines(folder)}
        work: dict[str, list[float]] = {name: [] for name in times}
        for _ in range(options.rounds):  # in turn, so that a busy machine slows both
            for name, script in lines(folder).items():
                start, used = time.perf_counter(), cpu_seconds()
                subprocess.run(["bash", "-c", script], cwd=folder, check=True)
                times[name].append(time.perf_counter() - start)
                work[name].append(cpu_seconds() - used)
                print(f"{name}: {times[name][-1]:.1f} s, CPU {work[name][-1]:.1f} s", flush=True)
        same = alleles(folder / "ours/calls.bcf") == alleles(folder / "hand/calls.bcf")
        ratio, cpu = (
            statistics.median(taken["ours"]) / statistics.median(taken["bcftools"])
            for taken in (times, work)
        )
        print(
            f"joint calling, {len(samples)} people, 300 kb, 2 cores: ratio to one command of "
            f"bcftools {ratio:.3f} (at most {GOAL}), of CPU time {cpu:.3f}; "
            f"alleles are {'the same' if same else 'DIFFERENT'}"
        )
        return 0 if ratio <= GOAL and same else 1


if __name__ == "__main__":
    sys.exit(main())
