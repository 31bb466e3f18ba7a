"""Reads to filtered variants: the workflow against the same tools in hand-written commands.

Run: ``python tests/bench/reads_to_variants.py [--megabases 10] [--depth 30] [--threads 2]``.
Reads are simulated from the HG002 benchmark variants over GRCh38 chr20. Both sides start at the
FASTQ with the aligner's index made, use the same tools, options and threads, and end with a
normalised, filtered BCF; by hand, two halves of the reference are called side by side. Prints the
ratio of the times (goal: at most 1.15) and of the CPU times, and the accuracy of both.
"""

from __future__ import annotations

import argparse
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from accuracy import configure, row, simulated

from genopheno.files import read_json

GOAL = 1.15
GROUP = r"@RG\tID:HG002.HG002.L1\tSM:HG002\tLB:HG002\tPL:ILLUMINA\tPU:L1.HG002"


def by_hand(files: dict[str, Path], out: Path, length: int, threads: int) -> list[str]:
    """The commands that a person would write for these reads."""
    fasta, r1, r2, group = (
        shlex.quote(str(value))
        for value in (files["fasta"], files["fastq_1"], files["fastq_2"], GROUP)
    )
    half = length // 2
    regions = [f"chr20:1-{half}", f"chr20:{half + 1}-{length}"]
    calls = " & ".join(
        f"bcftools mpileup -Ou -f {fasta} -r {region} -q 20 -Q 13 -d 1000 -L 1000 -p"
        f" -a FORMAT/AD,FORMAT/DP,INFO/AD s.cram 2> mpileup{n}.log"
        f" | bcftools call -m -v -P 0.005 -a GQ -Ou"
        f" | bcftools norm -f {fasta} -m -any -Ob -o {n}.bcf 2> norm{n}.log"
        for n, region in enumerate(regions)
    )
    return [
        "bash",
        "-c",
        f"set -euo pipefail; mkdir -p {shlex.quote(str(out))}; cd {shlex.quote(str(out))}; "
        f"fastp -i {r1} -I {r2} --stdout --dont_eval_duplication -w 1 -q 15 -l 30 --cut_tail"
        f" --cut_tail_mean_quality 15 -j u.json -h u.html 2> fastp.log"
        f" | bwa mem -t {threads} -K 100000000 -v 1 -p -Y -R {group} {fasta} - 2> bwa.log"
        f" | samtools fixmate -m -u - - | samtools sort -u -@ {threads - 1} -m 1G -"
        f" | samtools markdup -S -l 500 -@ {threads - 1} -O cram,version=3.0 --write-index"
        f" --reference {fasta} - s.cram; "
        f"({calls} & wait); "
        f"bcftools concat -Ou 0.bcf 1.bcf | bcftools filter -s LowQual -e 'QUAL<20' -Ob -o c.bcf;"
        " bcftools index c.bcf",
    ]


def timed(command: list[str], cwd: Path | None = None) -> tuple[float, float]:
    """Seconds by the clock and of the processors."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    said = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if said.returncode:
        sys.exit(said.stdout + said.stderr)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabases", type=float, default=10)
    parser.add_argument("--depth", type=float, default=30)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="genopheno-bench-") as temporary:
        folder = Path(temporary)
        length = int(options.megabases * 1e6)
        try:
            files = simulated(folder, options.depth, length)
        except FileNotFoundError as error:
            print(f"shared data set is absent: {error}")
            return 0
        subprocess.run(["bwa", "index", files["fasta"]], check=True, capture_output=True)
        project = folder / "project"
        configure(project, files, "bwa", "bcftools")
        run = [sys.executable, "-m", "genopheno", "run", "--skip-check"]
        run += ["--cores", str(options.threads)]
        timed([*run, "--until", "aligner_index"], project)
        ours, ours_cpu = timed([*run, "--", "results/calls/cohort.bcf"], project)
        hand, hand_cpu = timed(by_hand(files, folder / "hand", length, options.threads))
        print(
            "| | SNP P | R | F1 | F1 of alleles | indel P | R | F1 | F1 of alleles"
            " | wrong genotypes | s |"
        )
        for name, calls, seconds in (
            ("workflow", project / "results/calls/cohort.bcf", ours),
            ("by hand", folder / "hand/c.bcf", hand),
        ):
            compare = [sys.executable, "-m", "genopheno", "benchmark", calls, files["calls"]]
            compare += ["--regions", files["regions"], "--reference", files["fasta"]]
            out = folder / f"truth {name}"
            timed([*map(str, compare), "--sample", "HG002", "--out-dir", str(out)])
            print(row(name, read_json(out / "HG002.json"), seconds))
        ratio = ours / hand
        print(
            f"reads to variants, {options.megabases:g} Mb at {options.depth:g}x, "
            f"{options.threads} threads: ratio to the hand-written commands {ratio:.3f} "
            f"(at most {GOAL}), of CPU time {ours_cpu / hand_cpu:.3f}"
        )
        return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
