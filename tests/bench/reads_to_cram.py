"""Reads to CRAM of one unit: the stages against one hand-written pipe of the same tools.

Run: ``python tests/bench/reads_to_cram.py [--pairs N] [--threads N] [--rounds N]``. Prints
both times and their ratio, at most 1.15 wanted; ends with 1 where it is more. Both make
the same CRAM (compared by its reads); the stages besides count every read twice over, write
fastp's HTML and the MD5, and start Python.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GENOPHENO_DATA", ROOT.parent / "shared" / "data"))
BENCHMARK = DATA / "grch38_chr20_10mb" / "grch38_chr20_10mb.fa.gz"
GROUP = r"@RG\tID:s1.lib1.1\tSM:s1\tLB:lib1\tPL:ILLUMINA\tPU:1.lib1"

STAGES = """
import sys
from pathlib import Path
from genopheno.reads.align import align
from genopheno.reads.duplicates import mark_duplicates
folder, threads = Path(sys.argv[1]), int(sys.argv[2])
out = folder / "stages"
if sys.argv[3] == "align":
    align(folder / "r1.fq.gz", folder / "r2.fq.gz", reference=folder / "g.fa",
          bam=out / "u.bam", fastp_json=out / "u.json", fastp_html=out / "u.html", sample="s1",
          unit_id="s1.lib1.1", library="lib1", platform="ILLUMINA", platform_unit="1.lib1",
          threads=threads)
else:
    mark_duplicates([("lib1", out / "u.bam")], reference=folder / "g.fa", cram=out / "s.cram",
                    md5=out / "s.cram.md5", markdup_report=out / "s.json", threads=threads)
"""


def hand_written(folder: Path, threads: int) -> str:
    q = {name: shlex.quote(str(folder / name)) for name in ("r1.fq.gz", "r2.fq.gz", "g.fa")}
    out = shlex.quote(str(folder / "hand"))
    return (
        f"set -euo pipefail; mkdir -p {out}; cd {out}; "
        f"fastp -i {q['r1.fq.gz']} -I {q['r2.fq.gz']} --stdout --dont_eval_duplication"
        f" -w 1 -q 15 -l 30 --cut_tail --cut_tail_mean_quality 15"
        f" -j u.json -h u.html 2> fastp.log"
        f" | bwa mem -t {threads} -K 100000000 -v 1 -p -Y -R {shlex.quote(GROUP)} {q['g.fa']} -"
        " 2> bwa.log | samtools fixmate -m -u - -"
        f" | samtools sort -u -@ {threads - 1} -m 1G - "
        f" | samtools markdup -S -l 500 -@ {threads - 1} -O cram,version=3.0 --write-index"
        f" --reference {q['g.fa']} - s.cram"
    )


def prepare(folder: Path, pairs: int) -> None:
    source = folder / "g.fa"
    if BENCHMARK.is_file():
        source.write_bytes(gzip.decompress(BENCHMARK.read_bytes()))
        print("reference: 10 Mb of GRCh38 chr20")
    else:
        bases = random.Random(1).choices("ACGT", k=5_000_000)
        source.write_text(">random\n" + "".join(bases) + "\n")
        print("reference: 5 Mb of random bases (shared data set grch38_chr20_10mb is absent)")
    for command in (["samtools", "faidx", source], ["bwa", "index", source]):
        subprocess.run(command, check=True, capture_output=True)
    reads = [folder / f"r{i}.fq" for i in (1, 2)]
    simulate = ["wgsim", "-S", "7", "-N", str(pairs), "-1", "150", "-2", "150", "-e", "0.005"]
    subprocess.run([*simulate, source, *reads], check=True, stdout=subprocess.DEVNULL)
    for path in reads:
        # wgsim writes '2' (Q17) throughout; real qualities make fastp and sort work as usual.
        recode = ["awk", 'NR%4==0{gsub("2","F")}{print}', path]
        with open(f"{path}.gz", "wb") as out, subprocess.Popen(recode, stdout=-1) as awk:
            subprocess.run(["gzip", "-1"], stdin=awk.stdout, stdout=out, check=True)
        path.unlink()


def body_digest(cram: Path, reference: Path) -> str:
    view = ["samtools", "view", "-T", reference, cram]
    with subprocess.Popen(view, stdout=subprocess.PIPE) as records:
        said = subprocess.run(["md5sum"], stdin=records.stdout, capture_output=True, check=True)
    return said.stdout.decode().split()[0]


def cpu_seconds() -> float:
    """CPU time of all processes that have ended: steadier than the clock on a busy machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="genopheno-bench-") as temporary:
        folder = Path(temporary)
        prepare(folder, options.pairs)
        hand = ["bash", "-c", hand_written(folder, options.threads)]
        stage = [sys.executable, "-c", STAGES, str(folder), str(options.threads)]
        times: dict[str, list[float]] = {"hand": [], "stages": []}
        work: dict[str, list[float]] = {"hand": [], "stages": []}
        for _ in range(options.rounds):  # in turn, so that a busy machine slows both
            for name, commands in (
                ("hand", [hand]),
                ("stages", [[*stage, "align"], [*stage, "mark"]]),
            ):
                start, used = time.perf_counter(), cpu_seconds()
                for command in commands:
                    subprocess.run(command, check=True)
                times[name].append(time.perf_counter() - start)
                work[name].append(cpu_seconds() - used)
                print(f"{name}: {times[name][-1]:.1f} s, CPU {work[name][-1]:.1f} s", flush=True)
        same = body_digest(folder / "hand/s.cram", folder / "g.fa") == body_digest(
            folder / "stages/s.cram", folder / "g.fa"
        )
        ratio, cpu = (
            statistics.median(taken["stages"]) / statistics.median(taken["hand"])
            for taken in (times, work)
        )
        print(
            f"reads to CRAM, {options.pairs} pairs of 150 bp, {options.threads} threads: "
            f"ratio to the hand-written pipe {ratio:.3f} (at most 1.15), of CPU time {cpu:.3f}; "
            f"records {'are the same' if same else 'DIFFER'}"
        )
        return 0 if ratio <= 1.15 and same else 1


if __name__ == "__main__":
    sys.exit(main())
