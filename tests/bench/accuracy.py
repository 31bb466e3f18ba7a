"""Accuracy of every aligner and caller on HG002, by the workflow and `genopheno benchmark`.

Run: ``python tests/bench/accuracy.py [--data real|simulated] [--pairs ALIGNER:CALLER,…]
[--depth X] [--keep FOLDER]``. CALLER is bcftools or freebayes (samples called together), or
gvcf-bcftools or gvcf-gatk (a gVCF per sample, combined in Hail). One project, in which HG002 is
a control, is run for each pair (alignments are made once per aligner), so what is measured is
what a user of that configuration gets. real: 31x over 50 kb of GRCh37 chr20; simulated: reads
over 10 Mb of GRCh38 chr20 from the benchmark's variants. Prints a table; ends with 1 where the
first pair misses its goal (F1 of the alleles, share of wrong genotypes among those found).
"""

from __future__ import annotations

import argparse
import gzip
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from genopheno.files import read_json

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GENOPHENO_DATA", ROOT.parent / "shared" / "data"))
CALLS, REGIONS = "HG002_giab_v4.2.1.vcf.gz", "HG002_giab_v4.2.1.confident.bed"
GOALS = {
    "real": {"snp": 0.99, "indel": 0.97},
    "simulated": {"snp": 0.995, "indel": 0.983, "genotype_error_rate": 0.007},
}
PAIRS = "bwa:bcftools"


def real(folder: Path) -> dict[str, Path]:
    """Files of the real reads."""
    source = DATA / "giab_chr20"
    return {
        "fasta": source / "ref/chr20g.fa.gz",
        "calls": source / "truth" / CALLS,
        "regions": source / "truth" / REGIONS,
        "fastq_1": source / "fastq/HG002_R1.fastq.gz",
        "fastq_2": source / "fastq/HG002_R2.fastq.gz",
    }


def simulated(folder: Path, depth: float, end: int = 10_000_000) -> dict[str, Path]:
    """Files of reads simulated over the first bases, up to `end`, of the set of 10 Mb."""
    from simulate import simulate

    source = DATA / "grch38_chr20_10mb"
    made = simulate(
        source / "grch38_chr20_10mb.fa.gz",
        source / CALLS,
        folder / "simulated",
        contig="chr20",
        end=end,
        depth=depth,
        name="HG002",
    )
    return {
        "fasta": made.reference,
        "calls": source / CALLS,
        "regions": source / REGIONS,
        "fastq_1": made.fastq_1,
        "fastq_2": made.fastq_2,
    }


def configure(project: Path, files: dict[str, Path], aligner: str, caller: str) -> None:
    """Write a project of one control; the workflow runs again what the pair changes."""
    (project / "config").mkdir(parents=True, exist_ok=True)
    opener = gzip.open if files["fasta"].suffix == ".gz" else open
    with opener(files["fasta"], "rt") as handle:
        contig = handle.readline()[1:].split()[0]
    transcript = "ID=transcript:T1;Parent=gene:G1;biotype=lincRNA"
    (project / "genes.gff3").write_text(
        "##gff-version 3\n"
        f"{contig}\t.\tgene\t100\t200\t.\t+\t.\tID=gene:G1;biotype=lincRNA\n"
        f"{contig}\t.\tlincRNA\t100\t200\t.\t+\t.\t{transcript}\n"
        f"{contig}\t.\texon\t100\t200\t.\t+\t.\tParent=transcript:T1\n"
    )
    config: dict = {
        "reference": {"fasta": str(files["fasta"]), "genes": "genes.gff3", "build": "slice"},
        "truth_sets": {"giab": {"calls": str(files["calls"]), "regions": str(files["regions"])}},
        "aligner": aligner,
    }
    config["calling"] = (
        {"strategy": "gvcf", "gvcf_caller": caller.removeprefix("gvcf-")}
        if caller.startswith("gvcf-")
        else {"caller": caller}
    )
    (project / "config/config.yaml").write_text(yaml.safe_dump(config))
    (project / "config/samples.csv").write_text(
        "sample,participant,sex,control,fastq_1,fastq_2\n"
        f"HG002,HG002,male,giab,{files['fastq_1']},{files['fastq_2']}\n"
    )
    (project / "config/phenotypes.yaml").write_text(
        "participant: participant\ntraits:\n  none: {column: none, type: quantitative}\n"
    )
    (project / "config/participants.csv").write_text("participant,none\n")


def compare(project: Path, threads: int) -> dict:
    """Run the workflow up to the comparison; return its numbers."""
    command = [sys.executable, "-m", "genopheno", "run", "--skip-check", "--cores", str(threads)]
    said = subprocess.run(
        [*command, "--", "results/truth/HG002.json"], cwd=project, capture_output=True, text=True
    )
    if said.returncode:
        sys.exit(said.stdout + said.stderr)
    return read_json(project / "results/truth/HG002.json")


def row(name: str, report: dict, seconds: float) -> str:
    cells = [name]
    for kind in ("snp", "indel"):
        found = report["types"][kind]
        numbers = ("precision", "recall", "f1", "allele_f1")
        cells += [f"{found[key] or 0:.4f}" for key in numbers]
    return "| " + " | ".join([*cells, f"{wrong_genotypes(report):.2%}", f"{seconds:.0f}"]) + " |"


def wrong_genotypes(report: dict) -> float:
    """Share of wrong genotypes among the truths whose allele was found, of both kinds."""
    types = report["types"].values()
    wrong = sum(found["genotype_errors"] for found in types)
    return wrong / (wrong + sum(found["tp"] for found in types))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=sorted(GOALS), default="real")
    parser.add_argument("--pairs", default=PAIRS, help="ALIGNER:CALLER, separated by commas")
    parser.add_argument("--depth", type=float, default=30, help="of the simulated reads")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for projects and reads, kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="genopheno-bench-") as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        files = real(folder) if options.data == "real" else simulated(folder, options.depth)
        if missing := [path for path in files.values() if not path.is_file()]:
            print(f"shared data set is absent: {missing[0]}")
            return 0
        head = [f"{k} {n}" for k in ("SNP", "indel") for n in ("P", "R", "F1", "F1 of alleles")]
        print("| " + " | ".join(["aligner, caller", *head, "wrong genotypes", "s"]) + " |")
        print("|" + "---|" * (len(head) + 3))
        missed = []
        for number, pair in enumerate(options.pairs.split(",")):
            aligner, _, caller = pair.partition(":")
            start = time.perf_counter()
            configure(folder / aligner, files, aligner, caller)
            report = compare(folder / aligner, options.threads)
            print(row(f"{aligner}, {caller}", report, time.perf_counter() - start), flush=True)
            if number == 0:
                missed = misses(report, GOALS[options.data])
        print(f"engine {report['engine']}, {files['regions'].name}, data {options.data}")
        print("goals of the first pair: " + ("; ".join(missed) if missed else "met"))
        return 1 if missed else 0


def misses(report: dict, goals: dict[str, float]) -> list[str]:
    """Goals that are not met, in words."""
    found = [
        f"{kind} F1 {value:.4f} < {goals[kind]}"
        for kind in ("snp", "indel")
        if (value := report["types"][kind]["allele_f1"] or 0) < goals[kind]
    ]
    wrong, most = wrong_genotypes(report), goals.get("genotype_error_rate", 1)
    return found + ([f"wrong genotypes {wrong:.2%} > {most:.2%}"] if wrong > most else [])


if __name__ == "__main__":
    sys.exit(main())
